"""What the losses of two rows share: their option, and the domain of a distribution."""

from typing import Annotated

from annotated_types import Interval

from .._elementary import widened
from ..typing import Array, Domain, Namespace, Options

PROBABILITIES = Domain(
    "probabilities in [0, 1]",
    safe=0.5,
    interval=Interval(ge=0.0, le=1.0),
    hint="logits go through `special.softmax` first, log-probabilities through `exp`; counts are divided by their sum",
)
LOG_PROBABILITIES = Domain(
    "log-probabilities, 0 at most",
    safe=-1.0,
    interval=Interval(le=0.0),
    hint="probabilities and logits are none: `special.log_softmax` makes them of logits",
)

Distribution = Annotated[Array, PROBABILITIES]
LogDistribution = Annotated[Array, LOG_PROBABILITIES]


class RowOptions(Options, total=False):
    """The options of the losses that compare two rows."""

    class_axis: int


def enlarged(xp: Namespace, *probabilities: Array) -> tuple[Array, ...]:
    """Multiply probabilities by `unit_of` the namespace, so that neither shares of the smallest nor their squares underflow."""
    return tuple(widened(xp, x) * unit_of(xp) for x in probabilities)


def unit_of(xp: Namespace) -> float:
    """Return a large power of 4 on NumPy, and 1 elsewhere.

    JAX's derivative of a quotient divides by a square, which would underflow. So only on NumPy do
    probabilities near the smallest numbers keep all their digits.
    """
    return 2.0**500 if xp.__name__ == "numpy" else 1.0

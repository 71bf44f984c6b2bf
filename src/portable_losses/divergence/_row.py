"""The option of losses that compare two rows, and the domains of distributions."""

from typing import Annotated

from annotated_types import Interval

from ..typing import Array, Domain, Options

PROBABILITIES = Domain(
    "probabilities in [0, 1]",
    safe=0.5,
    interval=Interval(ge=0.0, le=1.0),
    sharp=True,
    hint="logits go through `special.softmax` first, log-probabilities through `exp`; "
    "counts are divided by their sum",
)
LOG_PROBABILITIES = Domain(
    "log-probabilities, 0 at most",
    safe=-1.0,
    interval=Interval(le=0.0),
    hint="apply `special.log_softmax` to logits, or the logarithm to probabilities",
)

Distribution = Annotated[Array, PROBABILITIES]
LogDistribution = Annotated[Array, LOG_PROBABILITIES]


class RowOptions(Options, total=False):
    """The options of the losses that compare two rows."""

    class_axis: int


class SumOptions(Options, total=False):
    """Those of the losses that are sums over classes, each of which may be a loss by itself."""

    class_axis: int | None

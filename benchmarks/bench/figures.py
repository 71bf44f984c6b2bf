"""The figures that the library wants to reach, read from what was measured: ratios of medians."""

from collections.abc import Callable, Iterator, Mapping
from statistics import geometric_mean
from typing import NamedTuple

import contestants as who
from contestants import BOTH, VALUE

LARGE, SMALL = 10**7, 4

Key = tuple[str, str, str, int, str]
"""Loss, dtype, quantity, size, contestant."""


class Figure(NamedTuple):
    """A ratio of the times of two contestants, which should not exceed a limit: for each loss, or their geometric mean."""

    what: str
    ours: str
    rival: str
    limit: float
    quantity: str = VALUE
    size: int = LARGE
    dtype: str = "float32"
    each: bool = True
    chosen: Callable[[str], bool] = lambda name: True


FIGURES = (
    Figure("NumPy / textbook", who.OURS, who.TEXTBOOK, 0.5),
    Figure("NumPy / torch", who.OURS, who.TORCH, 0.67),
    Figure("NumPy, 2 workers / torch", who.TWO_WORKERS, who.TORCH, 0.5, each=False),
    Figure("NumPy, 2 workers / JAX under jit", who.TWO_WORKERS, who.OPTAX, 1.0, each=False),
    Figure(
        "cross entropy of 10 classes, NumPy / torch",
        who.OURS,
        who.TORCH,
        0.5,
        chosen=lambda name: name == "cross_entropy, 10 classes",
    ),
    Figure("value_and_grad, NumPy / torch forward and backward", who.OURS, who.TORCH, 0.5, BOTH),
    Figure(
        "4 numbers, mse_loss, NumPy / textbook",
        who.OURS,
        who.TEXTBOOK,
        1.0,
        size=SMALL,
        chosen=lambda name: name == "mse_loss",
    ),
    Figure(
        "4 numbers, mse_loss on torch / torch",
        who.OURS_TORCH,
        who.TORCH,
        2.0,
        size=SMALL,
        chosen=lambda name: name == "mse_loss",
    ),
    Figure("under jax.jit / optax", who.OURS_JAX, who.OPTAX, 1.05),
    Figure("under jax.jit / optax, value and gradient", who.OURS_JAX, who.OPTAX, 1.05, BOTH),
    Figure("under torch.compile / torch", who.OURS_COMPILED, who.TORCH_COMPILED, 1.05),
    Figure(
        "under torch.compile / torch, backward", who.OURS_COMPILED, who.TORCH_COMPILED, 1.05, BOTH
    ),
    Figure(
        "GPU: under torch.compile / torch",
        f"{who.OURS_COMPILED}, cuda",
        f"{who.TORCH_COMPILED}, cuda",
        1.05,
    ),
    Figure("GPU: eager / torch", f"{who.OURS_TORCH}, cuda", f"{who.TORCH}, cuda", 1.05),
    Figure("GPU: CuPy / textbook, fused", who.OURS_CUPY, who.TEXTBOOK_FUSED, 1.05),
)


def ratios(figure: Figure, medians: Mapping[Key, float]) -> dict[str, float]:
    """Return the ratio for each loss that was measured."""
    found = {}
    for name, dtype, quantity, size, contestant in medians:
        rival = (name, dtype, quantity, size, figure.rival)
        here = (dtype, quantity, size, contestant) == (
            figure.dtype,
            figure.quantity,
            figure.size,
            figure.ours,
        )
        if here and figure.chosen(name) and rival in medians:
            found[name] = medians[name, dtype, quantity, size, contestant] / medians[rival]
    return found


def table(medians: Mapping[Key, float]) -> Iterator[str]:
    """Return the lines of a table: what was wanted, what was reached, and where it was missed."""
    lines = [(figure, ratios(figure, medians)) for figure in FIGURES]
    if not any(found for _, found in lines):
        return
    yield "\n## Ratios of medians\n"
    yield f"Of {LARGE:.0e} float32 numbers, where nothing else is said.\n"
    yield "| what | should be at most | geometric mean | largest | above the limit |"
    yield "|---|---|---|---|---|"
    for figure, found in lines:
        if not found:
            continue
        worst = max(found, key=lambda name: found[name])
        mean = geometric_mean(found.values())
        missed = [f"{name} {ratio:.2f}" for name, ratio in found.items() if ratio > figure.limit]
        verdict = (
            ", ".join(missed) if figure.each else f"{mean:.2f}" if mean > figure.limit else ""
        ) or "none"
        kind = "" if figure.each else " (geometric mean)"
        yield f"| {figure.what} | {figure.limit}{kind} | {mean:.2f} | {found[worst]:.2f} ({worst}) | {verdict} |"

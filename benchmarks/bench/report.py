"""What was measured, in Markdown: the figures with their limits, and the times side by side."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from contestants import BOTH, VALUE
from figures import Figure, figures
from measure import Record, shown

UNITS = ((1e-3, "ms"), (1e-6, "µs"))


def of_mode(mode: str, records: list[Record]) -> Iterator[str]:
    """Return the lines about one way to run the processor."""
    yield f"\n## Figures, {mode}\n"
    yield from table(figures(records, mode))
    timed = [record for record in records if record["quantity"] in (VALUE, BOTH)]
    timed.sort(key=place)
    for (dtype, quantity, size), group in groupby(timed, key=place):
        scale, unit = UNITS[size < 10**6]
        yield f"\n### {quantity.capitalize()} of {shown(size)} {dtype} numbers, {mode}, in {unit}\n"
        yield from times(group, scale)


def table(found: Iterable[Figure]) -> Iterator[str]:
    yield "| figure | at most | geometric mean | worst | met | above the limit, or largest three |"
    yield "|---|---|---|---|---|---|"
    for figure in found:
        members = figure.members
        worst = max(members, key=lambda name: members[name])
        mean = "" if figure.mean is None else f"{figure.mean:.2f}"
        missed = "; ".join(f"{name}: {members[name]:.2f}" for name in figure.largest)
        cells = (
            f"{figure.what}{figure.unit and f' ({figure.unit})'}",
            str(figure.limits),
            mean,
            f"{members[worst]:.2f} ({worst})",
            "met" if figure.met else "not met",
            missed,
        )
        yield f"| {' | '.join(cells)} |"


def place(record: Record) -> tuple[str, str, int]:
    return record["dtype"], record["quantity"], record["size"]


def times(records: Iterable[Record], scale: float) -> Iterator[str]:
    """Return a table of the shortest times: losses by contestants."""
    found = {(record["loss"], record["contestant"]): record["value"] for record in records}
    losses = dict.fromkeys(loss for loss, _ in found)
    columns = dict.fromkeys(contestant for _, contestant in found)
    yield f"| loss | {' | '.join(columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for loss in losses:
        cells = (found.get((loss, column)) for column in columns)
        shown = ("" if cell is None else f"{cell / scale:.3g}" for cell in cells)
        yield f"| {loss} | {' | '.join(shown)} |"

"""The lines that the self-check prints."""

import platform
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from .. import neural_network
from .._backends.installed import Library, libraries
from .._version import __version__
from .calls import Call, calls
from .comparison import Outcome, outcomes

Group: TypeAlias = tuple[str, list[Call]]
"""A row of the table: its title, and its calls."""

Cell: TypeAlias = Callable[[Sequence[Call], Sequence[Outcome]], str]
"""The text of the calls of a row, and their outcomes, on one library."""

_NEXT = """
What to look at next:
  README.md, docs/                 options, derivatives, a loss of your own
  python -m portable_losses --all  this table with a row for each loss
  pip install nox && nox           lint, types, examples and tests, in a checkout"""


def lines(
    differing: list[str], all_losses: bool, show_progress: Callable[[str], None]
) -> Iterator[str]:
    """Compute everything, and return the report line by line; `differing` collects problems."""
    python = platform.python_version()
    yield f"portable_losses {__version__}, Python {python}, {platform.platform()}"
    yield ""
    yield from _worked_examples()
    yield ""
    show_progress("importing array libraries")
    found = [*libraries()]
    yield from _listed(found)
    yield ""
    usable = [library for library in found if not library.problem]
    cell: Cell = _difference if all_losses else _count_and_difference
    counted = "" if all_losses else "How many losses of each family agree. "
    yield f"{counted}Differences are relative to the largest number."
    yield "NumPy is compared with plain Python, its gradient with finite differences,"
    yield "and every other library with NumPy."
    yield ""
    yield from _table(usable, _rows(all_losses), cell, differing, show_progress)
    yield ""
    yield from ["What differs:", *dict.fromkeys(differing)] if differing else ["All agree."]
    yield from _NEXT.splitlines()


def _worked_examples() -> Iterator[str]:
    """Compute the two examples of the lesson."""
    predicted = neural_network.matrix_multiply([[1.0], [2.0], [3.0], [4.0]], [[2.0]]) + 1.0
    loss = neural_network.mse_loss(predicted, [[3.0], [5.0], [7.0], [9.0]])
    yield "Mean squared error, y = 2x + 1:"
    yield f"  predicted      {predicted[:, 0]}"
    yield "  observed       [3. 5. 7. 9.]"
    yield f"  mse_loss       {loss}"
    probability = neural_network.sigmoid([[2.0], [-1.0], [3.0], [-2.0]])
    loss = neural_network.binary_cross_entropy(probability, [[1.0], [0.0], [1.0], [0.0]])
    yield "Binary cross-entropy:"
    yield "  logits         [ 2. -1.  3. -2.]"
    yield f"  probabilities  {probability[:, 0]}"
    yield "  labels         [1. 0. 1. 0.]"
    yield f"  loss           {loss}"


def _listed(found: Sequence[Library]) -> Iterator[str]:
    """List the libraries, with device and dtype, or the reason why one cannot be used."""
    yield "Array libraries found here:"
    name_width = max(len(library.name) for library in found)
    version_width = max(len(library.version) for library in found)
    for library in found:
        use = library.problem or f"{library.device}, {library.dtype}"
        yield f"  {library.name:{name_width}}  {library.version:{version_width}}  {use}"


def _rows(all_losses: bool) -> list[Group]:
    """Group the calls: by family, or each alone."""
    every = [*calls()]
    if all_losses:
        return [(call.label, [call]) for call in every]
    families: dict[str, list[Call]] = {}
    for call in every:
        families.setdefault(call.family, []).append(call)
    return sorted(families.items())


def _table(
    usable: Sequence[Library],
    rows: Sequence[Group],
    cell: Cell,
    differing: list[str],
    show_progress: Callable[[str], None],
) -> Iterator[str]:
    """Compute each row, and return it."""
    reference, *others = usable
    titles = [f"{reference.name} value", "gradient", *(library.title for library in others)]
    names = [reference.name, reference.name, *(library.name for library in others)]
    columns = [f"{title:14}" for title in titles]
    first = max(len(title) for title, _ in rows)
    yield "  ".join([" " * first, *columns]).rstrip()
    number, done = sum(len(group) for _, group in rows), 0
    for title, group in rows:
        found = []
        for call in group:
            show_progress(f"{done} of {number}: {call.label}")
            found.append(outcomes(call, usable))
            done += 1
        cells = []
        for name, column, of_library in zip(names, columns, zip(*found, strict=True), strict=True):
            cells.append(f"{cell(group, of_library):{len(column)}}")
            differing += [
                f"  {call.label} on {name}: {outcome.problem}"
                for call, outcome in zip(group, of_library, strict=True)
                if outcome.problem
            ]
        yield "  ".join([f"{title:{first}}", *cells]).rstrip()


def _difference(_group: Sequence[Call], found: Sequence[Outcome]) -> str:
    """Return the largest difference."""
    if any(outcome.problem for outcome in found):
        return "DIFFERS"
    worst = max(outcome.difference for outcome in found)
    return f"{worst:.0e}" if worst else "exact"


def _count_and_difference(group: Sequence[Call], found: Sequence[Outcome]) -> str:
    """Return the number of losses that agree, and the largest difference."""
    every = {call.loss.__name__ for call in group}
    pairs = zip(group, found, strict=True)
    wrong = {call.loss.__name__ for call, outcome in pairs if outcome.problem}
    return f"{len(every) - len(wrong)}/{len(every)} {_difference(group, found)}"

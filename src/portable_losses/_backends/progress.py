"""Bars that show how far a long evaluation is."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from .settings import Change, Setting

Item = TypeVar("Item")

_progress = Setting("progress", False)

_DELAY = 2.0
"""Seconds before a bar appears: there is none for a short evaluation."""


def progress(name: str) -> Change[bool]:
    """Return a change after which evaluations show bars; raise an error if they cannot."""
    try:
        import tqdm  # noqa: F401
    except ImportError:
        raise ModuleNotFoundError(
            f"{name}: progress=True needs tqdm: pip install 'portable-losses[progress]'"
        ) from None
    before = _progress.of_process
    change = Change(_progress, True)
    _progress.of_process = before  # it is only for a block of code
    return change


def shown(results: Iterable[Item], name: str, places: Iterable[object]) -> Iterator[Item]:
    """Return results, with a bar while they come; there is one for each of the places."""
    if not _progress.get():
        return iter(results)
    from tqdm.auto import tqdm

    total = sum(1 for _ in places)
    return iter(tqdm(results, name, total, delay=_DELAY, leave=False, unit=" blocks"))

"""How far the results of an exact function move when its inputs do."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from mpmath import mp, mpf

from .arithmetic import Difference, Exact, flat

DIGITS = 60
STEP = mpf(10) ** -25
"""An input is multiplied by 1 minus this, which leaves most of the digits to the difference."""


def as_tuple(parts: Any) -> tuple[Any, ...]:
    """Return one part for each prediction; a `Difference` is one number."""
    return parts if isinstance(parts, tuple) and not isinstance(parts, Difference) else (parts,)


def numbers(results: Sequence[Any]) -> list[list[Exact | Difference]]:
    """Return the numbers of each order, one after the other."""
    return [[number for part in as_tuple(parts) for number in flat(part)] for parts in results]


def condition(
    function: Callable[..., Any], point: Sequence[Any], predicted: Sequence[int]
) -> list[list[Exact]]:
    """Return for each result f the sum of |x df/dx| over arrays and parameters.

    The parameters are those bound to the function. Labels, counts and other whole numbers among
    the targets are not rounded, and so not moved. Where f jumps, as a derivative does at a kink,
    its derivative is that on the smooth side; where it jumps on both sides, 0.
    """
    results = _values(function(*point))
    total = [[mpf(0)] * len(order) for order in results]
    for outwards, moved in _inputs(function, point, predicted):
        sides = [_slopes(moved, STEP, results)]
        if outwards and any(slope is None for order in sides[0] for slope in order):
            sides.append(_slopes(moved, -STEP, results))
        for i, order in enumerate(total):
            for j in range(len(order)):
                order[j] += next((side[i][j] for side in sides if side[i][j] is not None), mpf(0))
    return total


def _slopes(
    moved: Callable[[Exact], Any], step: Exact, results: list[list[Exact]]
) -> list[list[Exact | None]]:
    """Return |x df/dx|, or None where f is not smooth on this side."""
    near = _values(moved(1 - step))
    changes = [
        [_change(a, b) for a, b in zip(*orders, strict=True)]
        for orders in zip(results, near, strict=True)
    ]
    suspicious = [
        change is None or change > abs(step) ** mpf("0.6") * abs(f)
        for orders in zip(changes, results, strict=True)
        for change, f in zip(*orders, strict=True)
    ]
    if not any(suspicious):
        return [[change / abs(step) for change in order] for order in changes]
    # A jump stays as large as it is with a smaller step; any other change becomes smaller
    nearer = _values(moved(1 - step / 16))
    return [
        [
            None
            if change is None or later is None or change < 4 * later != 0
            else change / abs(step)
            for change, later in (
                (change, _change(f, other)) for change, f, other in zip(*orders, strict=True)
            )
        ]
        for orders in zip(changes, results, nearer, strict=True)
    ]


def _change(f: Exact, other: Exact) -> Exact | None:
    if f == other or not mp.isfinite(f):
        return mpf(0)
    return abs(other - f) if mp.isfinite(other) else None


def _values(results: Sequence[Any]) -> list[list[Exact]]:
    return [
        [x.exact if isinstance(x, Difference) else x for x in order] for order in numbers(results)
    ]


def _inputs(
    function: Callable[..., Any], point: Sequence[Any], predicted: Sequence[int]
) -> Iterator[tuple[bool, Callable[[Exact], Any]]]:
    """Return for each input whether it may grow, and a function of what it is multiplied with.

    Whole numbers may be the ends of a domain.
    """
    for i, argument in enumerate(point):
        for path, x in _leaves(argument):
            if x == 0 or not mp.isfinite(x) or (i not in predicted and mp.isint(x)):
                continue
            yield not mp.isint(x), partial(_moved, function, point, i, path, x)
    for key, x in getattr(function, "keywords", {}).items():
        if isinstance(x, mpf) and x != 0 and mp.isfinite(x):
            yield not mp.isint(x), partial(_with_keyword, function, point, key, x)


def _moved(
    function: Callable[..., Any],
    point: Sequence[Any],
    i: int,
    path: tuple[int, ...],
    x: Exact,
    factor: Exact,
) -> Any:
    return function(*point[:i], _replaced(point[i], path, x * factor), *point[i + 1 :])


def _with_keyword(
    function: Callable[..., Any], point: Sequence[Any], key: str, x: Exact, factor: Exact
) -> Any:
    return function(*point, **{key: x * factor})


def _leaves(nested: Any, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Exact]]:
    if not isinstance(nested, tuple):
        yield path, nested
        return
    for i, part in enumerate(nested):
        yield from _leaves(part, (*path, i))


def _replaced(nested: Any, path: tuple[int, ...], x: Exact) -> Any:
    if not path:
        return x
    return (
        *nested[: path[0]],
        _replaced(nested[path[0]], path[1:], x),
        *nested[path[0] + 1 :],
    )

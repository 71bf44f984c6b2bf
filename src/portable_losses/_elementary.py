"""Pieces of formulas: what loses no digits, and what keeps infinities and autodiff from NaN.

They stand between the standard and the formulas. Where one differs on NumPy it says why: NumPy has
no autodiff to protect, and a selection costs there as much as a logarithm.
"""

from collections.abc import Callable
from math import inf
from typing import Any

from .typing import Array, Namespace


def magnitude(xp: Namespace, x: Array) -> Array:
    """Return abs(x), with the derivative 1 at 0 that the sigmoid and its kin need to be right there.

    Autodiff of `abs` says 0 in torch and 1 in JAX. NumPy has no autodiff, and its `abs` is five
    times as fast as a selection.
    """
    if xp.__name__ == "numpy":
        return xp.abs(x)
    return xp.where(x >= 0, x, -x)


def _xla() -> Any:
    from . import _xla

    return _xla


def floored(
    xp: Namespace, function: Callable[[Array], Array], x: Array, end: float, floor: float
) -> Array:
    """Return max(function(x), floor) for a logarithm, which is -inf at the end of its domain.

    Autodiff must not see that end: the gradient there is inf, which times 0 is NaN. NumPy, which
    has no autodiff, is spared the two selections, which cost as much as the logarithm.
    """
    if xp.__name__ == "numpy":
        return xp.maximum(function(x), floor)
    if xp.__name__ == "jax.numpy":
        return _xla().floored(function, x, end, floor)
    at_end = x == end
    return xp.where(at_end, floor, xp.maximum(function(xp.where(at_end, 1.0, x)), floor))


def weighted(xp: Namespace, weight: Array, value: Array, source: Array | None = None) -> Array:
    """Return weight * value, where 0 * inf is 0; both derivatives are right as well.

    Where the value is infinite the source is too, which is by default the value itself. Where that
    is computed with a logarithm or exponential a source is faster: torch's compiler for CPUs keeps
    in memory what is used twice and computed with those.
    """
    if xp.__name__ == "jax.numpy":
        return _xla().weighted(*xp.broadcast_arrays(weight, value))
    if xp.__name__ == "numpy":
        product = weight * value
        return (
            xp.where((weight == 0) & xp.isinf(value), 0.0, product)
            if _has_nan(xp, product)
            else product
        )
    infinite = xp.isinf(value if source is None else source)
    return weight * xp.where((weight == 0) & infinite, 0.0, value)


def _has_nan(xp: Namespace, x: Array) -> bool:
    """Return whether NaN, which the largest number then is, is in a NumPy block: in less time than its cause."""
    largest = xp.max(x) if x.size else 0.0
    return bool(largest != largest)


def excess(xp: Namespace, x: Array, y: Array) -> Array:
    """Return x - y for x that are not negative: inf where x is, whatever y is, which autodiff does not see there."""
    if xp.__name__ == "jax.numpy":
        return _xla().excess(*xp.broadcast_arrays(x, y))
    if xp.__name__ == "numpy":
        result = x - y
        return xp.where(x == inf, inf, result) if _has_nan(xp, result) else result
    return x - xp.where(x == inf, 0.0, y)


def precise_exp(xp: Namespace, x: Array) -> Array:
    """Return exp(x) to the last digit, where its error would be multiplied or added up.

    NumPy's float32 exponential errs by up to 2.5 ulp; in float64 and back it takes twice the time
    and errs by 0.5.
    """
    if xp.__name__ == "numpy" and x.dtype == xp.float32:
        return xp.exp(x, out=xp.empty_like(x), dtype=xp.float64, casting="same_kind")
    return xp.exp(x)


def widened(xp: Namespace, x: Array) -> Array:
    """Return float32 in float64 where many roundings would add up to more than 4 ulp; the engine rounds the result once.

    On NumPy only: not every device of the others has float64, and their compilers would move twice
    the memory.
    """
    return xp.astype(x, xp.float64) if xp.__name__ == "numpy" and x.dtype == xp.float32 else x


def row_sum(xp: Namespace, axis: int, x: Array) -> Array:
    """Add up along an axis, which stays with size 1, without the errors that NumPy piles up.

    Along the axis that is last in memory it adds in pairs, but along another one after the other.
    Along the first axis float32 is added in float64, and of float64 halves are added to each other,
    which rounds as often as the number of classes can be halved.
    """
    if xp.__name__ == "jax.numpy":
        return _xla().row_sum(axis, x)
    if xp.__name__ != "numpy":
        return xp.sum(x, axis=axis, keepdims=True)
    if x.dtype == xp.float32:
        return xp.astype(xp.sum(x, axis=axis, keepdims=True, dtype=xp.float64), x.dtype)
    if axis != 0:
        return xp.sum(xp.ascontiguousarray(x), axis=axis, keepdims=True)
    while len(x) > 4:
        half = len(x) // 2
        total, odd = x[:half] + x[half : 2 * half], x[2 * half :]
        x = xp.concat((total, odd)) if len(odd) else total
    return xp.sum(x, axis=0, keepdims=True)


def all_but_one(xp: Namespace, axis: int, x: Array, top: Array, exponential: Array) -> Array:
    """Add up the exponentials of rows but for one of the largest entries, whose exponential is 1; not of NumPy arrays."""
    if xp.__name__ == "jax.numpy":
        return _xla().all_but_one(axis, x, top, exponential)
    other = xp.astype(x != top, x.dtype)
    return row_sum(xp, axis, exponential * other) + (
        xp.sum(1 - other, axis=axis, keepdims=True) - 1
    )


def sum_of_others(xp: Namespace, axis: int, x: Array) -> Array:
    """Return for each entry of rows that are not negative the sum of the others: the largest is kept out, and never subtracted."""
    top = xp.max(x, axis=axis, keepdims=True)
    is_top = x == top
    ties = xp.sum(xp.astype(is_top, x.dtype), axis=axis, keepdims=True) - 1
    rest = row_sum(xp, axis, xp.where(is_top, 0.0, x)) + ties * top
    return xp.where(is_top, rest, (rest - x) + top)


def tilted(xp: Namespace, x: Array, right: Array, left: Array) -> Array:
    """Return right * x for positive, left * abs(x) for negative x; autodiff says 0 at 0. The slopes are not negative.

    NumPy, which has no autodiff, is spared the selection: the larger of the two lines is the right
    one.
    """
    if xp.__name__ == "numpy":
        return xp.maximum(-left * x, right * x)
    return xp.where(x > 0, right * x, left * xp.abs(x))


def excess_near_zero(xp: Namespace, x: Array) -> Array:
    """Return x - log1p(x) for x from -1/2 to 1, by a series in which nothing cancels.

    With t = x / (2 + x), at most 1/3 in size, the logarithm is 2 * atanh(t), and x - 2 * t is x *
    t.
    """
    ratio = x / (2 + x)
    square = ratio * ratio
    return ratio * (x - 2 * square * atanh_series(xp, square))


def cosh_less_one(xp: Namespace, x: Array) -> Array:
    """Return cosh(x) - 1, in which nothing cancels, for x that are not negative.

    It is 2 * sinh(x / 2)**2, and NumPy has a hyperbolic sine in the time of an exponential. XLA
    takes several times as long on a CPU, and torch's compiler half as long again: for them it is
    expm1(x)**2 / (2 * exp(x)), which is rounded once more.
    """
    if xp.__name__ == "numpy":
        sine = xp.sinh(0.5 * x)
        return 2 * sine * sine
    grown = xp.expm1(x)
    return 0.5 * grown * (grown / (1 + grown))


def atanh_series(xp: Namespace, square: Array) -> Array:
    """Return 1/3 + t**2 / 5 + t**4 / 7 + ..., which is (atanh(t) - t) / t**3, for t**2 up to 1/9."""
    series = xp.full_like(square, 1 / 33)
    for denominator in range(31, 1, -2):
        series = series * square + 1 / denominator
    return series


def quotient(xp: Namespace, x: Array, y: Array) -> Array:
    """Return x / y with a derivative that is right for small y.

    JAX divides by the square of y, which in float32 underflows for y below 1e-19. NumPy, which has
    no autodiff, is spared the root, whose rounding counts twice.
    """
    if xp.__name__ == "numpy":
        return x / y
    root = xp.sqrt(y)
    return x / root / root

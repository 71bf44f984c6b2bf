"""Pieces of formulas for JAX, without selections.

XLA adds up 10^7 numbers on a CPU in a few milliseconds where what makes them is arithmetic, and in
ten times as many where one of them is selected by a comparison (jax 0.10). So what a selection
would say at the edges is said by arithmetic. Derivatives, which are written and not added up, are
those of the selection.
"""

from functools import partial
from math import inf
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jax.lax import Precision, optimization_barrier, reduce, stop_gradient

from .typing import Array

_MIDDLING = range(48, 321)
"""How many entries rows have that XLA adds up slowly (jax 0.10)."""

_FEW = 16
"""Up to so many entries of a row XLA adds up two sums the faster in a loop of their own (jax 0.10)."""


def _huge(x: Array) -> float:
    """Return the largest power of 2 of a dtype, by which nearly all that is not 0 becomes more than 1."""
    return 2.0 ** int(jnp.finfo(x.dtype).maxexp - 1)


def unlike_zero(x: Array) -> Array:
    """Return 1 for what is not 0 and 0 for what is; a constant to autodiff."""
    return stop_gradient(jnp.minimum(jnp.abs(x) / float(jnp.finfo(x.dtype).smallest_normal), 1.0))


def row_sum(axis: int, x: Array) -> Array:
    """Add up along an axis, which stays with size 1.

    Rows of middling length XLA adds up number by number, with what they are computed from: a
    product with ones takes a quarter.
    """
    if axis in (-1, x.ndim - 1) and x.shape[-1] in _MIDDLING:
        return jnp.matmul(x, jnp.ones((x.shape[-1], 1), x.dtype), precision=Precision.HIGHEST)
    return jnp.sum(x, axis=axis, keepdims=True)


def all_but_one(axis: int, x: Array, top: Array, exponential: Array) -> Array:
    """Add up the exponentials of rows but for one of the largest entries, whose exponential is 1.

    That is what rounding down leaves of it, and it leaves nothing of the others. Of long rows, how
    many are the largest is what another sum has more, rounded. They are not counted: XLA would hold
    in memory what two sums have in common, and from 3000 entries on that takes twice as long as to
    compute it twice, behind a barrier.
    """
    if exponential.shape[axis] <= _FEW:
        return _short_row(axis % exponential.ndim, exponential)
    others = row_sum(axis, exponential - jnp.floor(exponential))
    total = jnp.sum(
        jnp.exp(stop_gradient(x) - optimization_barrier(stop_gradient(top))),
        axis=axis,
        keepdims=True,
    )
    return others + (jnp.round(total - stop_gradient(others)) - 1)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _short_row(axis: int, exponential: Array) -> Array:
    """Add up and count in one loop over each row: in a quarter of the time of two sums (jax 0.10).

    So both see the same exponentials. Two kernels may round them differently, and an entry be the
    largest in one of them only.
    """
    largest = jnp.floor(exponential)
    start = jnp.zeros((), exponential.dtype)
    others, count = reduce((exponential - largest, largest), (start, start), _both_added, (axis,))
    return jnp.expand_dims(others + (count - 1), axis)


def _both_added(left: tuple[Array, Array], right: tuple[Array, Array]) -> tuple[Array, Array]:
    return left[0] + right[0], left[1] + right[1]


@_short_row.defjvp  # type: ignore[untyped-decorator]
def _(axis: int, primals: Any, tangents: Any) -> Any:
    return _short_row(axis, *primals), jnp.sum(tangents[0], axis=axis, keepdims=True)


@jax.custom_jvp  # type: ignore[untyped-decorator]
def weighted(weight: Array, value: Array) -> Array:
    """Return weight * value, where 0 * inf is 0."""
    some = unlike_zero(weight)
    bound = some / (1 - some)  # inf, or 0 where the weight is 0
    return weight * jnp.maximum(jnp.minimum(value, bound), -bound)


def _derivative_of_weighted(primals: Any, tangents: Any) -> Any:
    """Have no derivative along what is constant: 0 times an infinite value would be NaN."""
    (weight, value), (of_weight, of_value) = primals, tangents
    nothing = (weight == 0) & jnp.isinf(value)
    slope = jnp.zeros_like(value)
    if not isinstance(of_weight, SymbolicZero):
        slope += of_weight * jnp.where(nothing, 0.0, value)
    if not isinstance(of_value, SymbolicZero):
        slope += weight * jnp.where(nothing, 0.0, of_value)
    return weighted(weight, value), slope


weighted.defjvp(_derivative_of_weighted, symbolic_zeros=True)


@jax.custom_jvp  # type: ignore[untyped-decorator]
def excess(x: Array, y: Array) -> Array:
    """Return x - y for x that are not negative: inf where x is, whatever y is.

    Of exp(inf), from which something is subtracted, XLA makes one operation, which gives 3.7e38 in
    float32: what is beyond the largest number is therefore infinite here as well.
    """
    limits = jnp.finfo(x.dtype)
    largest, shrink = float(limits.max), 2.0 ** -(int(limits.maxexp) // 2)
    finite = unlike_zero(1 / x)
    beyond = jnp.maximum(x * shrink - largest * shrink, 0.0) * _huge(x)
    return x - jnp.minimum(y, largest + finite / (1 - finite)) + beyond


@excess.defjvp  # type: ignore[untyped-decorator]
def _(primals: Any, tangents: Any) -> Any:
    (x, y), (of_x, of_y) = primals, tangents
    return excess(x, y), of_x - jnp.where(x == inf, 0.0, of_y)


@partial(jax.custom_jvp, nondiff_argnums=(0, 2, 3))
def floored(function: Any, x: Array, end: float, floor: float) -> Array:  # noqa: ARG001 (the derivative asks for the end)
    """Return max(function(x), floor) for a logarithm, which is -inf at the end of its domain."""
    return jnp.maximum(function(x), floor)


@floored.defjvp  # type: ignore[untyped-decorator]
def _(function: Any, end: float, floor: float, primals: Any, tangents: Any) -> Any:
    def selected(x: Array) -> Array:
        at_end = x == end
        return jnp.where(at_end, floor, jnp.maximum(function(jnp.where(at_end, 1.0, x)), floor))

    _, slope = jax.jvp(selected, primals, tangents)
    return floored(function, *primals, end, floor), slope

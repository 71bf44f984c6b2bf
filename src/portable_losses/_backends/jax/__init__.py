"""JAX.

On a CPU, XLA adds up in two ways (jax 0.10). Library kernels support arithmetic, maxima, exp, log
and similar functions, but no comparison and no selection. They are fast for long rows and whole
arrays, and slow for rows of a few entries. Everything else becomes loops. So the forms here depend
on the length of rows, and each is the faster one.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from math import isfinite
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.lax import optimization_barrier, stop_gradient
from jax.sharding import NamedSharding, PartitionSpec

from ..._numerics import elementwise, rows
from ..._numerics.loops import Arrays, Step, Stepped
from ...typing import Array, Axis
from ..base import Backend, Pull
from .registered import registered

_MANY = 48
"""For rows of these lengths XLA adds up each sum separately (jax 0.10)."""

_FEW = 24
"""Up to this number of entries a loop of their own is faster for two sums (jax 0.10)."""

_MOST_COMPILED = 16
"""The number of plans of a loss that are compiled."""


@jax.custom_jvp  # type: ignore[untyped-decorator]
def absolute(x: Array, /) -> Array:
    """Return the absolute value, with derivative 0 at 0, as in torch (jax-ml/jax#37820).

    The value is JAX's own: XLA's fast CPU kernels do not support a selection instead.
    """
    return jnp.abs(x)


@absolute.defjvp  # type: ignore[untyped-decorator]
def _(primals: Any, tangents: Any) -> tuple[Array, Array]:
    return absolute(*primals), jnp.sign(primals[0]) * tangents[0]


def _bounded(
    function: Callable[..., Array], beyond: Callable[..., Array]
) -> Callable[[Array, Any], Array]:
    """Return `minimum` or `maximum` with derivative 0 where the number is chosen, as in torch.

    JAX multiplies by 0, which makes inf NaN. The value is JAX's own.
    """

    @partial(jax.custom_jvp, nondiff_argnums=(1,))
    def bounded(x1: Array, x2: float) -> Array:
        return function(x1, x2)

    @bounded.defjvp  # type: ignore[untyped-decorator]
    def _(x2: float, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        return bounded(*primals, x2), jnp.where(beyond(*primals, x2), 0.0, *tangents)

    def mended(x1: Array, x2: Any, /) -> Array:
        return function(x1, x2) if hasattr(x2, "dtype") else bounded(x1, x2)

    return mended


@jax.custom_jvp  # type: ignore[untyped-decorator]
def log1p(x: Array, /) -> Array:
    """Return log(1 + x). In float64 XLA's own is off by up to 128 ulp, from -0.41 to -0.34.

    That is so in jax 0.10. Below -0.3 the logarithm of 1 + x is accurate.
    """
    if x.dtype != jnp.float64:
        return jnp.log1p(x)
    return jnp.where(x < -0.3, jnp.log(1 + x), jnp.log1p(x))


@log1p.defjvp  # type: ignore[untyped-decorator]
def _(primals: Any, tangents: Any) -> tuple[Array, Array]:
    return log1p(*primals), tangents[0] / (1 + primals[0])


@jax.custom_jvp  # type: ignore[untyped-decorator]
def _weighted(weight: Array, value: Array) -> Array:
    return jnp.where((weight == 0) & jnp.isinf(value), 0.0, weight * value)


def _derivative_of_weighted(primals: Any, tangents: Any) -> Any:
    """Leave out derivatives with respect to constants: 0 times inf would be NaN."""
    (weight, value), (of_weight, of_value) = primals, tangents
    nothing = (weight == 0) & jnp.isinf(value)
    slope = jnp.zeros_like(value)
    if not isinstance(of_weight, SymbolicZero):
        slope += of_weight * jnp.where(nothing, 0.0, value)
    if not isinstance(of_value, SymbolicZero):
        slope += weight * jnp.where(nothing, 0.0, of_value)
    return _weighted(weight, value), slope


_weighted.defjvp(_derivative_of_weighted, symbolic_zeros=True)


def weighted(weight: Array, value: Array) -> Array:
    """Return weight * value, where 0 * inf is 0."""
    return _weighted(*jnp.broadcast_arrays(weight, value))


def take_along_axis(x: Array, indices: Array, /, *, axis: int = -1) -> Array:
    """Take entries at valid indices: otherwise JAX checks each index for NaN (jax 0.10)."""
    return jnp.take_along_axis(x, indices, axis=axis, mode="clip")


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _floored_log(x: Array, floor: float) -> Array:
    return jnp.maximum(jnp.log(jnp.maximum(x, 0.0) if isfinite(floor) else x), floor)


@_floored_log.defjvp  # type: ignore[untyped-decorator]
def _(floor: float, primals: Any, tangents: Any) -> tuple[Array, Array]:
    (x,), (along,) = primals, tangents
    value = _floored_log(x, floor)
    low = isfinite(floor) & (value <= floor)
    return value, jnp.where(low, 0.0, along) / jnp.where(low, 1.0, x)


def floored_log(x: Array, floor: Any) -> Array:
    """Return max(log(x), floor), for a number without a selection."""
    number = isinstance(floor, float)
    return _floored_log(x, floor) if number else elementwise.floored_log(backend.xp, x, floor)


def softmax_parts(x: Array, axis: Axis) -> rows.SoftmaxParts:
    """Return the parts of the softmax, in a form that XLA evaluates in few passes."""
    top = jnp.max(x, axis=axis, keepdims=True)
    exponential = jnp.exp(x - top)
    size = x.shape[axis]
    if isinstance(size, int) and size <= _FEW:  # `jax.export` may have a symbol instead
        rest = _short_row(axis % x.ndim, exponential)
        return rows.SoftmaxParts(x, top, exponential, rest)
    total = partial(jnp.sum, axis=axis, keepdims=True)
    others = total(exponential - jnp.floor(exponential))
    # The count of the largest: two kernels may round an exponential next to 1 differently.
    count = jnp.round(stop_gradient(total(exponential) - others))
    return rows.SoftmaxParts(x, top, exponential, others + (count - 1))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _short_row(axis: int, exponential: Array) -> Array:
    """Return two sums of a row from one loop, in which both have the same exponentials."""
    largest = jnp.floor(exponential)
    start = jnp.zeros((), exponential.dtype)
    both = (exponential - largest, largest)
    others, count = jax.lax.reduce(both, (start, start), _both_added, (axis,))
    return jnp.expand_dims(others + (count - 1), axis)


def _both_added(left: tuple[Array, Array], right: tuple[Array, Array]) -> tuple[Array, Array]:
    return left[0] + right[0], left[1] + right[1]


@_short_row.defjvp  # type: ignore[untyped-decorator]
def _(axis: int, primals: Any, tangents: Any) -> Any:
    return _short_row(axis, *primals), jnp.sum(tangents[0], axis=axis, keepdims=True)


def label_parts(x: Array, labels: Array, axis: Axis) -> rows.LabelParts:
    """Return the parts of the softmax at the labels: short rows in one loop."""
    top = jnp.max(x, axis=axis, keepdims=True)
    exponential, hot = jnp.exp(x - top), backend.xp.one_hot(labels, x, axis)
    others = jnp.where(hot, 0.0, exponential)
    if x.shape[axis] < _MANY:
        label, others = _two_sums(axis % x.ndim, jnp.where(hot, x, 0.0), others)
    else:
        label = backend.xp.pick_kept(x, labels, axis)
        others = jnp.sum(others, axis=axis, keepdims=True)
    # two differences: XLA takes three times as long if one is used twice (jax 0.10)
    return rows.LabelParts(x, top, exponential, label, jnp.exp(label - top), others)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _two_sums(axis: int, x: Array, y: Array) -> tuple[Array, Array]:
    """Return the sums of two arrays from one loop, in half of the time of two (jax 0.10)."""
    start = jnp.zeros((), x.dtype)
    sums = jax.lax.reduce((x, y), (start, start), _both_added, (axis,))
    return jnp.expand_dims(sums[0], axis), jnp.expand_dims(sums[1], axis)


@_two_sums.defjvp  # type: ignore[untyped-decorator]
def _(axis: int, primals: Any, tangents: Any) -> Any:
    return _two_sums(axis, *primals), tuple(jnp.sum(x, axis=axis, keepdims=True) for x in tangents)


@jax.custom_jvp  # type: ignore[untyped-decorator]
def safe_divide(x: Array, y: Array) -> Array:
    """Return x / y, where 0 / 0 is 0 and has no derivative.

    JAX's derivative of a quotient divides by the square of y, which underflows in float32 for y
    below 1e-22 (jax 0.10). This one divides twice.
    """
    empty = (x == 0) & (y == 0)
    return jnp.where(empty, 0.0, x) / jnp.where(empty, 1.0, y)


def _derivative_of_quotient(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (x, y), (of_x, of_y) = primals, tangents
    ratio, empty = safe_divide(x, y), (x == 0) & (y == 0)
    slope = jnp.zeros_like(ratio)
    if not isinstance(of_x, SymbolicZero):
        slope += of_x
    if not isinstance(of_y, SymbolicZero):
        slope -= ratio * of_y
    return ratio, jnp.where(empty, 0.0, slope) / jnp.where(empty, 1.0, y)


safe_divide.defjvp(_derivative_of_quotient, symbolic_zeros=True)


def over_square(x: Array, y: Array) -> Array:
    """Return x / y**2, where 0 / 0 is 0, behind a barrier.

    XLA turns ``x / y / y`` into ``x / (y * y)``, whose square may over- or underflow (jax 0.10).
    """
    empty = (x == 0) & (y == 0)
    divisor = jnp.where(empty, 1.0, y)
    return optimization_barrier(jnp.where(empty, 0.0, x) / divisor) / divisor


def scan(
    step: Step, carried: Arrays, sequences: Arrays, *, reverse: bool = False, remember: bool = True
) -> Stepped:
    """Let XLA take the steps: a Python loop would be compiled step by step."""
    taken = step if remember else jax.checkpoint(step, prevent_cse=False)
    scanned: Stepped = jax.lax.scan(taken, carried, sequences, reverse=reverse)
    return scanned


def _beside(device: Any) -> Any:
    """Return where numbers go beside an array: on each device of one that lies on several."""
    if isinstance(device, NamedSharding):
        return NamedSharding(device.mesh, PartitionSpec())
    return device


def asarray(x: Any, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Make an array; see `_beside`."""
    return jnp.asarray(x, dtype=dtype, device=_beside(device))


def arange(stop: int, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Return the numbers from 0; see `_beside`."""
    return jnp.arange(stop, dtype=dtype, device=_beside(device))


def group_sum(values: Array, labels: Array, number: int) -> Array:
    """Add up values by their labels, in one pass; JAX drops those that are out of range."""
    labels = jnp.where(labels < 0, number, labels)  # a negative index would count from the end
    start = jnp.zeros(number, values.dtype)
    return start.at[labels.ravel()].add(values.ravel(), mode="drop")


class Jax(Backend):
    """JAX."""

    overrides: ClassVar = {
        "abs": absolute,
        "minimum": _bounded(jnp.minimum, jnp.greater),
        "maximum": _bounded(jnp.maximum, jnp.less),
        "log1p": log1p,
        "erf": jax.lax.erf,
        "weighted": weighted,
        "take_along_axis": take_along_axis,
        "floored_log": floored_log,
        "softmax_parts": softmax_parts,
        "label_parts": label_parts,
        "safe_divide": safe_divide,
        "over_square": over_square,
        "group_sum": group_sum,
        "asarray": asarray,
        "arange": arange,
        "scan": scan,
    }

    def check(self, name: str, key: str, array: Array) -> None:
        """Refuse sparse arrays, whose functions are others."""
        if not isinstance(array, jax.Array):
            kind = type(array).__name__
            raise TypeError(f"{name}: {key} must be an array, got {kind}; pass `{key}.todense()`")

    def device(self, array: Array) -> Any:
        """Return the device, or several: arrays may be cut over the same ones in different ways."""
        device = super().device(array)
        if isinstance(device, NamedSharding):
            return sorted(device.device_set, key=str)
        return device

    def view(self, array: Array) -> Any:
        """View a concrete array on a CPU; NumPy's DLPack lacks bfloat16."""
        traced = isinstance(array, jax.core.Tracer)
        if traced or not array.is_fully_addressable:
            return None
        here = all(device.platform == "cpu" for device in array.devices())
        return np.asarray(array) if here else None

    def evaluate(self, request: Any) -> list[Any]:
        """Evaluate with a compiled function, which the plan keeps; transforms of JAX see one call.

        A loss with many plans is evaluated without a compiler: a parameter that changes with every
        call would compile every call.
        """
        return _compiled(request, request.orders, super().evaluate)

    def sums(self, request: Any) -> list[Array]:
        """Return the sums of pieces of rows with a compiled function; see `evaluate`."""
        return _compiled(request, "sums", super().sums)

    def compute(
        self,
        call: Any,
        orders: tuple[int, ...],
        head: tuple[Any, ...],
        arrays: Sequence[Array],
        sequences: Mapping[str, Array],
    ) -> list[Any]:
        """Return losses whose autodiff uses the registered derivative.

        Autodiff with respect to targets and parameters differentiates the formula.
        """
        if orders != (0,) or call.plan.pulls or not call.replaces_autodiff:
            return super().compute(call, orders, head, arrays, sequences)
        return [registered(call, head)(list(arrays), dict(sequences))]

    def register_tree(self, kind: type) -> None:
        """Register the type as a pytree, once."""
        _registered_tree(kind)

    def vjp(self, function: Callable[..., Array], *primals: Array) -> tuple[Array, Pull]:
        """Return the value of a function and its pullback."""
        value, pull = jax.vjp(function, *primals)
        return value, pull


@cache
def _registered_tree(kind: type) -> None:
    jax.tree_util.register_pytree_node_class(kind)


def _compiled(request: Any, key: Any, evaluate: Callable[[Any], list[Any]]) -> list[Any]:
    """Evaluate a request with a compiled function, if its plan may keep one."""
    plan = request.plan
    if key not in plan.compiled:
        kept = request.without_arrays()

        def evaluation(*given: Any) -> list[Any]:
            return evaluate(kept.with_arrays(*given))

        few = len(plan.formulas.plans) <= _MOST_COMPILED
        plan.compiled[key] = jax.jit(evaluation) if few else None
    compiled = plan.compiled[key]
    if compiled is None:
        return evaluate(request)
    results: list[Any] = compiled(list(request.arrays), dict(request.extras), request.sums)
    return results


backend = Jax(jnp)

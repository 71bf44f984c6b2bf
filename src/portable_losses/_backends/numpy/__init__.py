"""NumPy: its arrays are evaluated in blocks that stay in the cache.

It also reads objects of no array library: lists, numbers, data frames.
"""

from collections.abc import Callable, Sequence
from math import isfinite, prod
from numbers import Real
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ...typing import Array
from ..base import Backend
from ..validation import validating
from . import blockwise
from .blocks import (
    MAPPED,
    block_bytes,
    flattened,
    keep_freed_memory,
    laid_out,
    per_block,
    per_piece,
)
from .blocks import blocks as cut
from .files import share_a_file
from .namespace import OVERRIDES
from .reading import read
from .values import (
    Look,
    all_inside,
    all_to_ends,
    check_labels,
    check_parameters,
    check_weights,
    fault,
    looks,
    refuse_argument,
)
from .workers import set_workers

__all__ = ["NUMBER", "backend", "set_workers"]

NUMBER = (Real, np.bool_)
"""Python numbers and NumPy scalars, which fit every shape."""

_FEW = 32
"""Up to this number of numbers, a sum in Python is faster than a reduction of NumPy."""

_FOLD_DOWN_TO = 8192
_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


class _OutOfRange(Exception):
    """The sum of some weights has left the range of their dtype, or may be inaccurate."""


class _Kept(NamedTuple):
    """What is kept for calls with the same shapes."""

    together: int
    """The number of losses that are evaluated together."""
    piece: int
    """The number of entries of a row that are evaluated together, 0 if all of them are."""
    looks: list[Look]


class Numpy(Backend):
    """NumPy."""

    overrides = OVERRIDES
    own_types = frozenset([np.ndarray])

    def takes(self, array: Array) -> bool:
        """Return whether it is an array but not of a subclass, whose operators may differ."""
        return type(array) is np.ndarray

    def read(self, name: str, key: str, value: Any) -> Array:
        """Read a value that belongs to no array library."""
        return read(name, key, value)

    def expression(self, name: str, value: Any) -> str:
        """Return the expression for an array of a value that is read, nothing for a number."""
        if hasattr(value, "to_numpy"):
            return f"{name}.to_numpy()"
        readable = isinstance(value, (list, tuple)) or hasattr(value, "__array__")
        return f"np.asarray({name})" if readable else ""

    def plain(self, array: Array) -> Array:
        """Return a view of the array without its subclass, such as that of a file."""
        return np.asarray(array)

    def overlap(self, array: Any, other: Any) -> bool:
        """Return whether two arrays may have memory, or a part of a file, in common."""
        return isinstance(other, np.ndarray) and (
            np.may_share_memory(array, other) or share_a_file(array, other)
        )

    def device(self, array: Array) -> Any:
        """Return None: there is only one."""
        return None

    def native(self, dtype: Any) -> Any:
        """Return the dtype in the byte order of the processor."""
        return dtype.newbyteorder("=")

    def is_bool(self, value: Any) -> bool:
        """Return whether a value is True or False."""
        return isinstance(value, (bool, np.bool_))

    def is_all(self, mask: Array) -> bool:
        """Return whether a mask is True everywhere: a check is cheaper than a selection."""
        return bool(np.logical_and.reduce(mask, axis=None))

    def evaluate(self, request: Any) -> list[Any]:
        """Evaluate small arrays at once, others block by block."""
        checked = validating() is not False
        try:
            return self._evaluated(request, request.bind(checked))
        except _OutOfRange:
            return self._evaluated(request, request.bind(checked, rescaled=True))

    @np.errstate(all="ignore")
    def sums(self, request: Any) -> list[Array]:
        """Return the sums of pieces of rows, block by block."""
        call = request.bind(validating() is not False)
        _kept(call)
        return blockwise.sums(request, call)

    @np.errstate(all="ignore")
    def look(self, request: Any) -> None:
        """Check the values of the arrays of a request, without evaluating it."""
        call = request.bind(checked=True)
        _kept(call)
        request.read_part(call, call.arrays, call.weights, call.where, call.sequences)

    def check_count(self, call: Any, count: Any) -> None:
        """Ask for a second try with other weights if their sum shows that they need it."""
        if call.rescaled or (isinstance(count, float) and 1e-25 < count < 1e25):
            return
        if not np.all((count > 1e-25) & (count < 1e25)):
            raise _OutOfRange

    def rescales(self, weights: Array) -> bool:
        """Return False: to look at the sum of the weights is cheaper than to look at each."""
        return False

    @np.errstate(all="ignore")
    def _evaluated(self, request: Any, call: Any) -> list[Any]:
        layout = call.layout
        kept = _kept(call)
        whole = layout.losses <= kept.together and not kept.piece and request.sums is None
        if whole or layout.void:
            results: list[Any] = request.whole(call)
            given = call.arrays
        else:
            results = blockwise.evaluate(request, call)
            given = []
        if request.orders == (0,) and (request.out or not isinstance(results[0], np.ndarray)):
            return results  # an array of the caller's, a number, or two sums
        likes = [call.arrays[i] for i in call.plan.signature.predicted]
        return [
            [_own(x, given, like) for x, like in zip(result, likes, strict=True)]
            if type(result) is list and request.out is None
            else result
            if type(result) is list
            else _own(result, given, likes[0])
            for result in results
        ]

    def laid_out(self, call: Any, arrays: Sequence[Array]) -> tuple[tuple[Any, ...], Any]:
        """Move the core axis of rows to the front if that makes the inner loops long."""
        plan = call.plan
        if plan.core == 1 and not plan.signature.common:
            return laid_out(arrays, call.layout.places)
        return plan.head, arrays

    def guarded(self, arrays: Sequence[Array]) -> Sequence[Array]:
        """Return views that cannot be written to."""
        return [_read_only(x) for x in arrays]

    check_labels = staticmethod(check_labels)
    check_weights = staticmethod(check_weights)

    def masks(
        self, labels: Array, like: Array, axis: int, first: int = 0, classes: int | None = None
    ) -> Array:
        """Return them as booleans if the labels are checked."""
        if validating() is False:
            return super().masks(labels, like, axis, first, classes)
        return np.expand_dims(labels, axis) == self.xp.places(like, axis) + first

    def fault(self, *given: Any) -> str:
        """Return the name of an argument with a value outside its domain, or nothing."""
        return fault(*given)

    def to_ends(self, call: Any, arrays: Sequence[Array]) -> Sequence[Array]:
        """Return arrays with the bound in place of what rounding led beyond it, if any is."""
        return all_to_ends(call, arrays)

    def labels_inside(self, call: Any, arrays: Sequence[Array]) -> bool:
        """Check them: that is cheaper than to replace labels."""
        domains, limit = call.plan.domains, call.layout.limit
        return all(all_inside(domains[i], arrays[i], limit(domains[i])) for i in call.plan.integers)

    def refuse(self, *given: Any) -> NoReturn:
        """Raise the error of the argument that `fault` named."""
        refuse_argument(*given)

    def total(self, x: Array, axis: Any = None, keepdims: bool = False) -> Any:
        """Add up losses, float32 in float64.

        A sum in float32 is inaccurate, and the conversion of a whole block takes as long as a loss.
        So a block is first folded in half a few times; only the rest is converted. A fold is exact
        for equal values, and rounds others once.
        """
        if keepdims and (axis is None or len(axis) == x.ndim):
            return np.reshape(self.total(x), (1,) * x.ndim)
        if axis is not None:
            wide: Any = np.result_type(x.dtype, np.float64)
            return np.add.reduce(x, axis=axis, dtype=wide, keepdims=keepdims)  # type: ignore[call-overload]
        if x.size <= _FEW:
            return np.float64(sum(x.ravel().tolist()))
        if x.dtype != _SINGLE:
            return np.add.reduce(x, axis=None)
        folded, out = x, None  # the first fold makes a new array, which the next ones reuse
        if x.size > _FOLD_DOWN_TO:
            folded = x.reshape(-1)
        while folded.size > _FOLD_DOWN_TO and folded.size % 2 == 0:
            half = folded.size // 2
            out = np.add(folded[:half], folded[half:], out=None if out is None else out[:half])
            folded = out
        total = np.add.reduce(folded, axis=None, dtype=_DOUBLE)
        if isfinite(total):
            return total
        # A fold may overflow although the sum does not.
        return np.add.reduce(x, axis=None, dtype=np.float64)

    def elementwise(
        self,
        formula: Callable[..., Sequence[Array]],
        arrays: Sequence[Array],
        result: Any,
        *,
        whole: bool = False,
    ) -> list[Array]:
        """Evaluate many elements in blocks that stay in the cache."""
        with np.errstate(all="ignore"):
            shape = () if whole else np.broadcast_shapes(*(x.shape for x in arrays))
            size = block_bytes(32) // np.dtype(result).itemsize
            if max((x.nbytes for x in arrays), default=0) > MAPPED:
                keep_freed_memory()
            if prod(shape) <= size:
                values = formula(self.xp, *arrays)
                own = [any(x is given for given in arrays) for x in values]
                return [
                    self.xp.astype(x, result, copy=copy)
                    for x, copy in zip(values, own, strict=True)
                ]
            return _in_blocks(self, formula, arrays, result, shape, size)


def _kept(call: Any) -> _Kept:
    """Check the parameters of a call, and return what is kept for calls with its shapes."""
    if call.checked and call.sequences:
        check_parameters(call)
    layout = call.layout
    if layout.kept is None:
        itemsize = np.dtype(call.plan.dtype).itemsize
        if layout.losses * layout.entries * itemsize > MAPPED:
            keep_freed_memory()
        layout.kept = _Kept(per_block(call), per_piece(call), looks(call))
    kept: _Kept = layout.kept
    return kept


def _in_blocks(
    backend: Numpy,
    formula: Callable[..., Sequence[Array]],
    arrays: Sequence[Array],
    result: Any,
    shape: tuple[int, ...],
    size: int,
) -> list[Array]:
    """Evaluate a function of single elements block by block."""
    order: Any = "F" if any(x.flags.fnc for x in arrays) else "C"
    inputs = [np.broadcast_to(x, shape) for x in arrays]
    count = len(formula(backend.xp, *(x[(slice(0, 1),) * len(shape)] for x in inputs)))
    outputs = [np.empty(shape, result, order=order) for _ in range(count)]
    flat = flattened([*inputs, *outputs], shape)
    views: list[Any] = flat[0] if flat else [*inputs, *outputs]
    for index in cut(flat[1] if flat else shape, size):
        values = formula(backend.xp, *(x[index] for x in views[: len(arrays)]))
        for output, value in zip(views[len(arrays) :], values, strict=True):
            output[index] = value
    return outputs


def _own(x: Any, given: Sequence[Array], like: Array) -> Any:
    """Return a result as a scalar if it has no axes, else as an array with its own memory.

    The array has the memory order of the predictions.
    """
    if not isinstance(x, np.ndarray):
        return x
    if x.ndim == 0:
        return x[()]
    flags = x.flags
    order: Any = "F" if like.flags.fnc else "C"
    ordered = flags.f_contiguous if order == "F" else flags.c_contiguous
    if x.base is None:
        shared = any(x is a for a in given)
    else:
        shared = any(np.may_share_memory(x, a) for a in given)
    return x if ordered and flags.writeable and not shared else x.copy(order)


def _read_only(x: Array) -> Array:
    """Return a view that cannot be written to."""
    if not x.flags.writeable:
        return x
    view = x.view()
    view.flags.writeable = False
    return view


backend = Numpy(np)

"""PyTorch."""

from collections.abc import Callable, Mapping, Sequence
from math import inf, prod
from typing import Any, ClassVar

import array_api_compat.torch
import torch
from torch import Tensor
from torch.masked import MaskedTensor
from torch.utils._python_dispatch import _get_current_dispatch_mode
from torch.utils.checkpoint import checkpoint

from ..._numerics import loops, rows
from ...typing import Array, Axis
from ..base import Backend, Pull
from . import distributed, lending, registered, stepwise, transformed


def minimum(x1: Array, x2: Array, /) -> Array:
    """Accept Python numbers (data-apis/array-api-compat#271).

    array-api-compat accepts them by a conversion that breaks ``torch.compile(fullgraph=True)``.
    """
    return x1.minimum(x2) if isinstance(x2, Tensor) else x1.clamp(max=x2)


def maximum(x1: Array, x2: Array, /) -> Array:
    """Accept Python numbers; see `minimum`."""
    return x1.maximum(x2) if isinstance(x2, Tensor) else x1.clamp(min=x2)


def clip(x: Array, low: Any, high: Any, /) -> Array:
    """Call `clamp`: array-api-compat first checks whether a bound is NaN.

    That breaks ``torch.compile(dynamic=True)`` (array-api-compat 1.16).
    """
    return x.clamp(low, high)


def isinf(x: Array, /) -> Array:
    """Compare: the compiler for CPUs vectorises comparisons, but not `torch.isinf` (2.13)."""
    return x.abs() == inf


def isnan(x: Array, /) -> Array:
    """Compare; see `isinf`."""
    return x != x


def moveaxis(x: Array, source: Axis, destination: Axis, /) -> Array:
    """Call `movedim`, which is equivalent: `torch.func.vmap` does not support `moveaxis`."""
    return x.movedim(source, destination)


def cumulative_sum(x: Array, /, *, axis: int) -> Array:
    """Call torch's own: array-api-compat looks up the namespace in a cache.

    ``torch.compile`` warns about that cache. Of a DTensor that is cut along the axis torch returns
    the sums of each part alone (2.13).
    """
    return (distributed.together(x, axis) if hasattr(x, "device_mesh") else x).cumsum(axis)


def result_type(dtype: Any, *others: Any) -> Any:
    """Promote dtypes only: array-api-compat's breaks ``torch.compile(fullgraph=True)``."""
    for other in others:
        dtype = torch.promote_types(dtype, other)
    return dtype


def take_along_axis(x: Array, indices: Array, /, *, axis: int = -1) -> Array:
    """Call `gather`: `torch.take_along_dim` divides each index, to allow negative ones.

    The `gather` of a DTensor whose rows are cut is a partial sum that few operations take (2.13).
    """
    if hasattr(x, "device_mesh") and indices.shape[axis] == 1 and distributed.is_cut(x, axis):
        found: Array = rows.take_along_axis(backend.xp, x, indices, axis=axis)
        return found
    return x.gather(axis, indices)


def sign(x: Array, /) -> Array:
    """Return the sign, NaN for NaN, for which torch returns 0.

    array-api-compat assigns NaN in place, which breaks `torch.func.vmap`.
    """
    return x.sign().where(~isnan(x), x)


def known_size(x: Array, /) -> int:
    """Leave out symbols, which the tracer of ``torch.compile`` shows as plain numbers."""
    if not torch.compiler.is_dynamo_compiling():
        return prod(size for size in x.shape if isinstance(size, int))
    from torch.fx.experimental.symbolic_shapes import has_static_value  # it imports SymPy

    return prod([size for size in x.shape if has_static_value(size)])


def numbers(size: Any, like: Array, dtype: Any = None) -> Array:
    """Replicate the numbers beside a DTensor: its operations do not take plain tensors."""
    plain = torch.arange(size, dtype=dtype, device=like.device)
    return distributed.beside(plain, like) if hasattr(like, "device_mesh") else plain


class Torch(Backend):
    """PyTorch."""

    overrides: ClassVar = {
        function.__name__: function
        for function in (
            minimum,
            maximum,
            clip,
            isinf,
            isnan,
            moveaxis,
            cumulative_sum,
            result_type,
            take_along_axis,
            sign,
            known_size,
            numbers,
        )
    } | {"erf": torch.erf}

    def __init__(self) -> None:
        super().__init__(array_api_compat.torch)
        vars(self.xp)["scan"] = self._scan

    def _scan(
        self, step: loops.Step, *args: Any, remember: bool = True, **options: Any
    ) -> loops.Stepped:
        return loops.scan(self.xp, step if remember else forgetful(step), *args, **options)

    def check(self, name: str, key: str, array: Array) -> None:
        """Refuse tensors that are more than numbers in rows: their operations are few."""
        if isinstance(array, MaskedTensor):
            found = f"a masked tensor; pass `{key}.get_data()`, and `where={key}.get_mask()`"
        elif array.is_nested:
            found = "a nested tensor; pass `torch.nested.to_padded_tensor`, and leave out the rest"
        elif array.layout is not torch.strided:
            found = f"a sparse tensor; pass `{key}.to_dense()`"
        elif array.is_quantized:
            found = f"a quantized tensor; pass `{key}.dequantize()`"
        else:
            return
        raise TypeError(f"{name}: {key} is {found}")

    def device(self, array: Array) -> Any:
        """Return the device, or the mesh of devices of a DTensor: it goes with no plain tensor."""
        return getattr(array, "device_mesh", array.device)

    def view(self, array: Array) -> Any:
        """View a CPU tensor as the lending does; bfloat16, which NumPy lacks, as float32."""
        wide = array.float() if array.dtype == torch.bfloat16 else array
        return None if _observed() else lending.lent_or_none(wide)

    def keeps_plans(self) -> bool:
        """Return whether no compiler traces the call."""
        return not torch.compiler.is_compiling()

    def evaluate(self, request: Any) -> list[Any]:
        """Lend CPU tensors to NumPy, without a copy: its blocks take a fraction of the time.

        This is possible for eager code and autograd. A compiler, a tracer or a transform of
        `torch.func` needs the operations of torch.
        """
        if request.plan.result != request.plan.dtype and _autocasts(request.arrays[0]):
            return list(request.again([_single(x) for x in request.arrays]))
        if transformed.is_meant(request):
            return transformed.evaluate(request)
        lent = None if _observed() else lending.evaluate(request)
        if lent is None and hasattr(request.arrays[0], "device_mesh"):
            with distributed.errors(request):
                results = super().evaluate(request)
        else:
            results = super().evaluate(request) if lent is None else lent
        return _without_graph(results) if _of_leaves(request) else results

    def sums(self, request: Any) -> list[Array]:
        """Return the sums of pieces of rows, by NumPy if autograd does not need the operations."""
        lent = None if _observed() else lending.sums(request)
        return super().sums(request) if lent is None else lent

    def compute(
        self,
        call: Any,
        orders: tuple[int, ...],
        head: tuple[Any, ...],
        arrays: Sequence[Array],
        sequences: Mapping[str, Array],
    ) -> list[Any]:
        """Return losses whose autograd uses the registered derivative."""
        if stepwise.is_meant(call, sequences):
            return stepwise.compute(call, orders, arrays)
        if orders != (0,) or call.plan.pulls or not call.replaces_autodiff:
            return super().compute(call, orders, head, arrays, sequences)
        return [registered.losses(call, head, arrays, sequences)]

    def pulled(
        self, call: Any, share: Array, arrays: Sequence[Array], sequences: Mapping[str, Array]
    ) -> tuple[Array, tuple[Array, ...]]:
        """Return the losses, and the gradients of their sum, each times its share in the result."""
        if stepwise.is_meant(call, sequences):
            return stepwise.pulled(call, share, arrays)
        return super().pulled(call, share, arrays, sequences)

    def vjp(self, function: Callable[..., Array], *primals: Array) -> tuple[Array, Pull]:
        """Return the value of a function and its pullback."""
        value, pull = torch.func.vjp(function, *primals)
        return value, pull


def _autocasts(x: Array) -> bool:
    """Return whether torch evaluates in mixed precision here: losses are float32 then."""
    return bool(torch.is_autocast_enabled(x.device.type))


def _single(x: Any) -> Any:
    """Convert tensors of 16 bits to float32."""
    narrow = isinstance(x, Tensor) and x.dtype in (torch.float16, torch.bfloat16)
    return x.float() if narrow else x


def _observed() -> bool:
    """Return whether a compiler or a tracer sees the operations."""
    compiled = torch.compiler.is_compiling() or torch.jit.is_tracing()
    return compiled or _get_current_dispatch_mode() is not None


def _of_leaves(request: Any) -> bool:
    """Return whether gradients are asked for, and only predictions that are leaves have any.

    Then nothing leads on from the gradients: ``leaf.grad = gradient`` needs one without a graph.
    """
    if request.orders == (0,) or torch.compiler.is_compiling() or not torch.is_grad_enabled():
        return False
    if torch._C._are_functorch_transforms_active():
        return False
    predicted = request.plan.formulas.signature.predicted
    differentiated = [
        (i in predicted and x.is_leaf)
        for i, x in enumerate((*request.arrays, *request.extras.values()))
        if lending.is_differentiated(x)
    ]
    return bool(differentiated) and all(differentiated)


def _without_graph(results: list[Any]) -> list[Any]:
    """Detach the gradients; the value keeps its graph."""
    return [[x.detach() for x in each] if isinstance(each, list) else each for each in results]


def forgetful(step: loops.Step) -> loops.Step:
    """Return a step that torch repeats for its gradient, to need less memory.

    `torch.func.grad` and similar transforms, and strict export, do not support that (torch 2.13).
    """
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return step

    def again(*given: Any) -> loops.Stepped:
        taken: loops.Stepped = checkpoint(step, *given, use_reentrant=False)
        return taken

    return again


backend = Torch()

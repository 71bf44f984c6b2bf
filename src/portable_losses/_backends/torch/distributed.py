"""DTensors: tensors that are cut over processes. PyTorch's operations on them have gaps."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...typing import Array


def is_cut(x: Array, axis: int) -> bool:
    """Return whether an axis of a DTensor is cut."""
    return any(placement.is_shard(axis % x.ndim) for placement in x.placements)


def together(x: Array, axis: int) -> Array:
    """Return a DTensor that is not cut along an axis."""
    if not is_cut(x, axis):
        return x
    from torch.distributed.tensor import Replicate

    whole = [Replicate() if each.is_shard(axis % x.ndim) else each for each in x.placements]
    found: Array = x.redistribute(placements=whole)
    return found


def beside(x: Array, like: Array) -> Array:
    """Return a tensor that every process has as a DTensor on the mesh of another."""
    from torch.distributed.tensor import DTensor, Replicate

    mesh = like.device_mesh
    found: Array = DTensor.from_local(x, mesh, [Replicate()] * mesh.ndim, run_check=False)
    return found


@contextmanager
def errors(request: Any) -> Iterator[None]:
    """Add what to do to an error of PyTorch about DTensors, which names no cause."""
    try:
        yield
    except (AssertionError, IndexError, NotImplementedError, RuntimeError) as error:
        name, key = request.plan.formulas.name, request.plan.signature.arguments[0]
        cut = ", ".join(
            f"{key} {tuple(map(str, x.placements))}"
            for key, x in request.named().items()
            if hasattr(x, "placements")
        )
        raise RuntimeError(
            f"{name}: PyTorch lacks an operation for tensors that are distributed like these: "
            f"{cut}; cut them along the axes of the losses, not along their rows, with "
            f"`{key}.redistribute(placements=...)`"
        ) from error

"""DTensors of torch: the numbers that formulas make are beside them on every process."""

from collections.abc import Iterator
from typing import Any

import pytest
from arguments import LOSSES, arguments, parts, ways

pytestmark = pytest.mark.backends("torch")


@pytest.fixture(scope="module")
def mesh() -> Iterator[Any]:
    """Yield a mesh of one process."""
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh

    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


@pytest.mark.parametrize(
    ("loss", "way"),
    [pytest.param(*each, id=f"{each[0].__name__}-{each[1]}") for each in ways(LOSSES)],
)
def test_every_loss_of_a_distributed_batch(backend: Any, mesh: Any, loss: Any, way: int) -> None:
    import torch
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor

    plain = [backend.asarray(x) for x in arguments(loss, way, (6,))]
    common = loss.signature.common
    places = [Replicate() if i in common else Shard(0) for i in range(len(plain))]
    given = [distribute_tensor(x, mesh, [each]) for x, each in zip(plain, places, strict=True)]
    found, expected = (parts(loss.value_and_grad(*arrays)) for arrays in (given, plain))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.full_tensor(), other)
    first = given[0].detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(first, *given[1:]), first)
    torch.testing.assert_close(gradient.full_tensor(), expected[1], rtol=1e-6, atol=1e-9)

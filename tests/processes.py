"""One of two processes that evaluate losses of DTensors together: see test_sharded.py."""

import json
import sys
import warnings
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from arguments import KINDS, arguments, parts
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
from torch.distributed.tensor.debug import CommDebugMode

import portable_losses as pl

WHOLE = Replicate()


def evaluated(mesh: Any, loss: Any, arrays: list[Any], places: list[Any]) -> dict[str, Any]:
    """Return what a loss of DTensors exchanges, and whether it is that of the whole tensors."""
    plain = [torch.asarray(x) for x in arrays]
    given = [distribute_tensor(x, mesh, [each]) for x, each in zip(plain, places, strict=True)]
    with CommDebugMode() as seen:
        found = parts(loss.value_and_grad(*given))
    first = given[0].detach().requires_grad_()
    with CommDebugMode() as seen_by_autograd:
        (gradient,) = torch.autograd.grad(loss(first, *given[1:]), first)
    expected = parts(loss.value_and_grad(*plain))
    pairs = zip([*found, gradient], [*expected, expected[1]], strict=True)
    counts = {**seen.get_comm_counts(), **seen_by_autograd.get_comm_counts()}
    return {
        "right": all(torch.allclose(x.full_tensor(), y, rtol=1e-6, atol=1e-9) for x, y in pairs),
        "exchanges": [str(key).rpartition(".")[2] for key in counts],
        "gradient": str(gradient.placements[0]),
    }


def refused(loss: Any, *arrays: Any) -> str:
    """Return the error of a call."""
    try:
        loss(*arrays)
    except (RuntimeError, ValueError) as error:
        return f"{type(error).__name__} {error}"
    return ""


def main(store: str, rank: str) -> None:
    """Evaluate, and print what was seen, from the first process."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=int(rank), world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    rows = {}
    for loss in KINDS:
        common = loss.signature.common
        plain = arguments(loss, 0, (8,))
        places = [WHOLE if i in common else Shard(0) for i in range(len(plain))]
        rows[loss.__name__] = evaluated(mesh, loss, plain, places)
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(4, 32)), rng.integers(0, 32, 4)
    probabilities = rng.dirichlet(np.ones(32), 4)
    cut = [Shard(1), WHOLE]
    classes = {
        "cross_entropy": evaluated(mesh, pl.cross_entropy, [logits, labels], cut),
        "ranked_probability_loss": evaluated(
            mesh, pl.ranked_probability_loss, [probabilities, labels], cut
        ),
    }
    plain = torch.asarray(logits)
    tensor = distribute_tensor(plain, mesh, [Shard(1)])
    targets = distribute_tensor(torch.asarray(labels), mesh, [WHOLE])
    errors = [
        refused(pl.huber_loss, tensor, plain),
        refused(pl.linear_cross_entropy, tensor, tensor, targets),
    ]
    if rank == "0":
        sys.stdout.write(json.dumps({"rows": rows, "classes": classes, "errors": errors}))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])

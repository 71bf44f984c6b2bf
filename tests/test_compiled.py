"""Compiled and exported losses: one graph, or one program, for all sizes of a batch."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from arguments import LOSSES, arguments, parts, ways

import portable_losses as pl

EVERY = pytest.mark.parametrize(
    ("loss", "way"),
    [pytest.param(*each, id=f"{each[0].__name__}-{each[1]}") for each in ways(LOSSES)],
)
SIZES = (5, 7)


def given(backend: Any, loss: Any, way: int, rows: int) -> list[Any]:
    """Draw arrays with a number of rows."""
    return [
        backend.asarray(x, backend.dtypes[0] if x.dtype.kind == "f" else None)
        for x in arguments(loss, way, (rows,), rows)
    ]


def batched(loss: Any, arrays: Sequence[Any]) -> list[bool]:
    """Return which arrays have an axis of the batch: not those that all rows share."""
    return [i not in loss.signature.common for i in range(len(arrays))]


def same(found: Any, expected: Any) -> None:
    for one, other in zip(parts(found), parts(expected), strict=True):
        one, other = (np.asarray(x.detach() if hasattr(x, "detach") else x) for x in (one, other))
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)
        assert one.dtype == other.dtype


def meet_new_arrays() -> None:
    """Evaluate a loss on arrays of types that the process has not seen."""
    import torch

    for base, array in ((np.ndarray, np.ones(3).view), (torch.Tensor, torch.ones(3).as_subclass)):
        new = array(type("New", (base,), {}))
        pl.mse_loss(new, new)


def counted(function: Callable[..., Any], **options: Any) -> tuple[Callable[..., Any], Any]:
    """Return a function to compile, and the counter of its graphs."""
    import torch
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    counter = CompileCounter()
    return torch.compile(function, fullgraph=True, backend=counter, **options), counter


@pytest.mark.backends("torch")
@EVERY
def test_one_graph_for_all_sizes(backend: Any, loss: Any, way: int) -> None:
    """Also after the process has met arrays of new types: nothing that a compiler reads changes."""
    import torch

    compiled, counter = counted(loss.value_and_grad)
    for rows in SIZES:
        arrays = given(backend, loss, way, rows)
        for x, mine in zip(arrays, batched(loss, arrays), strict=True):
            if mine:
                torch._dynamo.mark_dynamic(x, 0)
        same(compiled(*arrays), loss.value_and_grad(*arrays))
        meet_new_arrays()
        compiled(*arrays)
    assert counter.frame_count == 1


STEPS: dict[str, Callable[[Any, int], tuple[list[Any], dict[str, Any]]]] = {
    "ctc_loss": lambda rng, n: (
        [np.log(rng.dirichlet(np.ones(4), (3, n))), rng.integers(1, 4, (3, 2))],
        {},
    ),
    "soft_dtw_loss": lambda rng, n: ([rng.normal(size=(3, n, 2)), rng.normal(size=(3, 5, 2))], {}),
    "sinkhorn_loss": lambda rng, n: (list(rng.dirichlet(np.ones(4), (2, 3))), {"iterations": n}),
    "linear_cross_entropy": lambda rng, n: (
        [rng.normal(size=(2048, 8)), rng.normal(size=(128 * n, 8)), rng.integers(0, n, 2048)],
        {},
    ),
}
"""Arguments with a number of steps, for each loss that takes steps."""


def test_losses_that_take_steps() -> None:
    assert {loss.__name__ for loss in LOSSES if loss.signature.steps} == set(STEPS)


@pytest.mark.backends("torch")
@pytest.mark.parametrize("name", STEPS)
def test_steps_are_one_operation(backend: Any, name: str) -> None:
    """The graph is the same for any number of them, and compiled in the same time."""
    import torch

    loss, counts = getattr(pl, name), []
    for steps in (2, 9):
        arrays, options = STEPS[name](np.random.default_rng(0), steps)
        tensors = [backend.asarray(x).requires_grad_(x.dtype.kind == "f") for x in arrays]
        compiled, counter = counted(loss)
        wanted = [x for x in tensors if x.requires_grad]
        found = torch.autograd.grad(-compiled(*tensors, **options), wanted)
        expected = torch.autograd.grad(-loss(*tensors, **options), wanted)
        same(tuple(found), tuple(expected))
        value, gradient = counted(loss.value_and_grad)[0](*tensors, **options)
        same((value, gradient), loss.value_and_grad(*tensors, **options))
        (again,) = torch.autograd.grad(value, wanted[:1])
        same(again, parts(gradient)[0])
        counts.append(counter.op_count)
        assert counter.frame_count == 1
    assert counts[0] == counts[1] < 40


@pytest.mark.backends("torch")
def test_the_operation_keeps_the_rules_of_torch(backend: Any) -> None:
    """Its shapes, strides and derivatives without values agree with those that it computes."""
    import torch

    from portable_losses._backends.torch.stepwise import evaluate

    arrays = STEPS["soft_dtw_loss"](np.random.default_rng(0), 4)[0]
    tensors = [backend.asarray(x).requires_grad_() for x in arrays]
    gamma = torch.full((), 0.5, dtype=torch.float64)
    call = ("portable_losses:soft_dtw_loss", "pred target gamma", [*tensors, gamma], "{}")
    torch.library.opcheck(evaluate, (*call, [-1], 1))
    torch.library.opcheck(evaluate, (*call, [-1, 0], 1))


@pytest.mark.backends("torch")
def test_a_loss_of_a_function_is_traced_step_by_step(backend: Any) -> None:
    """A compiled graph finds a loss by its name, and this one has none."""
    import torch

    @pl.loss("(time)->()", steps="time")
    def total(xp, axis, pred, /):
        step = lambda carried, entries: ((carried[0] + entries[0],), ())  # noqa: E731
        times = xp.moveaxis(pred, -1, 0)
        return xp.scan(step, (xp.zeros_like(times[0, ...]),), (times,))[0][0]

    pred = torch.arange(6.0).reshape(2, 3).requires_grad_()
    value = counted(total)[0](pred)
    assert value.item() == 7.5
    assert torch.autograd.grad(value, pred)[0].tolist() == [[0.5] * 3] * 2


@pytest.mark.backends("torch")
@EVERY
@pytest.mark.parametrize("way_out", ["export", "make_fx"])
def test_a_program_for_all_sizes(backend: Any, loss: Any, way: int, way_out: str) -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    results = lambda *arrays: parts(loss.value_and_grad(*arrays))  # noqa: E731
    first = tuple(given(backend, loss, way, SIZES[0]))
    if way_out == "make_fx":
        program = make_fx(results, tracing_mode="symbolic")(*first)
    else:
        program = exported(results, loss, first, strict=False)
    for rows in SIZES:
        arrays = given(backend, loss, way, rows)
        same(tuple(program(*arrays)), loss.value_and_grad(*arrays))


def exported(
    function: Callable[..., Any], loss: Any, arrays: Sequence[Any], *, strict: bool
) -> Callable[..., Any]:
    """Export a function with a symbol for the number of rows."""
    import torch

    class Module(torch.nn.Module):
        def forward(self, *arrays):
            return function(*arrays)

    rows = torch.export.Dim("rows")
    shapes = tuple({0: rows} if mine else {} for mine in batched(loss, arrays))
    return torch.export.export(
        Module(), tuple(arrays), dynamic_shapes=(shapes,), strict=strict
    ).module()


@pytest.mark.backends("torch")
@pytest.mark.parametrize("name", ["mse_loss", "cross_entropy", "dice_loss", "linear_cross_entropy"])
def test_strict_export(backend: Any, name: str) -> None:
    loss = getattr(pl, name)
    first, other = (given(backend, loss, 0, rows) for rows in SIZES[:2])
    program = exported(
        lambda *arrays: parts(loss.value_and_grad(*arrays)), loss, first, strict=True
    )
    same(tuple(program(*other)), loss.value_and_grad(*other))


@pytest.mark.backends("jax-jit")
@pytest.mark.compiled_too
@EVERY
def test_an_exported_function_of_jax_for_all_sizes(backend: Any, loss: Any, way: int) -> None:
    import jax
    from jax import export

    (rows,) = export.symbolic_shape("rows")
    first = given(backend, loss, way, SIZES[0])
    described = [
        jax.ShapeDtypeStruct((rows, *x.shape[1:]) if mine else x.shape, x.dtype)
        for x, mine in zip(first, batched(loss, first), strict=True)
    ]
    function = jax.jit(loss.value_and_grad)
    program = export.export(function)(*described)
    arrays = given(backend, loss, way, SIZES[1])
    same(program.call(*arrays), function(*arrays))


@pytest.mark.backends("jax-jit")
@pytest.mark.compiled_too
@pytest.mark.parametrize(
    "loss", [pl.ntxent_loss, pl.supcon_loss, pl.info_nce_loss, pl.circle_loss, pl.vicreg_loss]
)
def test_an_exported_function_of_jax_for_all_numbers_of_samples(backend: Any, loss: Any) -> None:
    """The samples of a set are a batch to users; losses compare all of them."""
    import jax
    from jax import export

    (samples,) = export.symbolic_shape("samples")
    rng = np.random.default_rng(0)
    second = np.arange(12) % 3 if "labels" in loss.signature.arguments else rng.normal(size=(12, 4))
    arrays = [backend.asarray(x) for x in (rng.normal(size=(12, 4)), second)]
    described = [jax.ShapeDtypeStruct((samples, *x.shape[1:]), x.dtype) for x in arrays]
    function = jax.jit(loss.value_and_grad)
    program = export.export(function)(*described)
    same(program.call(*arrays), function(*arrays))


@pytest.mark.backends("torch")
@EVERY
def test_transforms_inside_a_compiler(backend: Any, loss: Any, way: int) -> None:
    """They use the registered derivative, as outside of it."""
    import torch

    arrays = given(backend, loss, way, 5)
    wanted = tuple(range(len(parts(loss.grad(*arrays)))))
    function = torch.func.grad(loss, wanted)
    same(counted(function)[0](*arrays), function(*arrays))


@pytest.mark.backends("torch")
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # forward mode loads rules
def test_derivatives_of_transforms_inside_a_compiler(backend: Any) -> None:
    """At a tie, where autodiff of the operations gives others."""
    import torch

    logits, labels = backend.asarray([[1.0, 0.0]]), backend.asarray([1])
    weights = backend.asarray([2.0])

    def loss(x: Any) -> Any:
        return pl.sparsemax_loss(x, labels, weights=weights, reduction="sum")

    slope = [[2.0, -2.0]]
    along = backend.asarray([[3.0, 1.0]])
    batch = torch.stack([logits, logits])
    for function, given_array, expected in (
        (torch.func.grad(loss), logits, slope),
        (torch.func.jacrev(loss), logits, slope),
        (lambda x: torch.func.jvp(loss, (x,), (along,))[1], logits, 4.0),
        (torch.func.vmap(torch.func.grad(loss)), batch, [slope, slope]),
        (torch.func.vmap(loss), batch, [2.0, 2.0]),
    ):
        compiled, counter = counted(function)
        same(compiled(given_array), backend.asarray(np.asarray(expected, np.float64)))
        assert counter.frame_count == 1

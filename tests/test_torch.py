"""Tests of torch: precision of sums, autograd, compilation."""

import subprocess
import sys

import numpy as np
import pytest
from marks import compiled_too

import portable_losses as pl
from portable_losses.typing import Real

pytestmark = pytest.mark.backends("torch")

FIRST_CALL = """
import torch, portable_losses as pl
pred, target = torch.tensor([[0.5, 1.0]]), torch.tensor([1])
print(float(torch.compile(pl.cross_entropy, fullgraph=True, backend="eager")(pred, target)))
"""


def test_the_first_call_may_be_a_compiled_one(backend):
    """In a new process, where nothing is known of torch's arrays yet."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST_CALL], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(float(done.stdout), np.log1p(np.exp(-0.5)), rtol=1e-6)


def test_bfloat16_is_evaluated_in_float32(backend):
    """The result is rounded once: 4096 squares of 20 average to 400; a bfloat16 sum would stop."""
    pred = backend.xp.full((4096,), 20.0, dtype=backend.xp.bfloat16)
    value, gradient = pl.mse_loss.value_and_grad(pred, 0.0)
    assert value.dtype == gradient.dtype == pred.dtype
    assert float(value) == 400.0


def test_large_means_keep_their_digits(backend):
    """The mean of 10^8 equal float32 values is that value; torch's is off in the seventh digit."""
    pred = backend.xp.full((10**8,), 0.1, dtype=backend.xp.float32)
    assert pl.l1_loss(pred, 0.0).item() == np.float32(0.1)


@compiled_too
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # of torch about itself
@pytest.mark.parametrize("name", ["mse_loss", "binary_cross_entropy_with_logits", "cross_entropy"])
def test_inductor(backend, name):
    """The whole compiler, not only the trace, if requested."""
    if not backend.compiled:
        return
    import torch

    loss = getattr(pl, name)
    pred = torch.linspace(-3, 3, 12).reshape(4, 3)
    target = torch.tensor([0, 2, 1, 1]) if name == "cross_entropy" else torch.full((4, 3), 0.25)
    torch._dynamo.reset()
    compiled = torch.compile(loss.value_and_grad, fullgraph=True)
    for actual, expected in zip(
        compiled(pred, target), loss.value_and_grad(pred, target), strict=True
    ):
        np.testing.assert_allclose(actual.numpy(), expected.numpy(), rtol=1e-6, atol=1e-7)
    pred.requires_grad_()
    value, gradient = (
        torch.compile(loss, fullgraph=True)(pred, target),
        loss.grad(pred.detach(), target),
    )
    np.testing.assert_allclose(
        torch.autograd.grad(value, pred)[0].numpy(), gradient.numpy(), rtol=1e-6, atol=1e-8
    )


@pl.loss
def steeper(xp, pred: Real, target: Real, /):
    """The registered derivative differs from the formula's, which shows which of them was used."""
    return xp.square(pred - target)


@steeper.derivative
def _(xp, pred, target, /):
    return 3 * (pred - target)


@compiled_too
def test_a_compiler_takes_the_registered_derivative(backend):
    """It is that of predictions, also by `torch.func`; autograd differentiates by targets."""
    import torch

    if not backend.compiled:
        return
    pred, target = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.5, 0.5, 2.0])
    weights = torch.tensor([1.0, 2.0, 0.0])

    def mean(pred, target):
        return steeper(pred, target, weights=weights)

    slope = (weights / 3 * (pred - target)).numpy()
    value = backend.wrap(mean)(pred.requires_grad_(), target)
    np.testing.assert_allclose(torch.autograd.grad(value, pred)[0].numpy(), 3 * slope, rtol=1e-6)
    value = backend.wrap(mean)(pred, target.requires_grad_())
    of_pred, of_target = (x.numpy() for x in torch.autograd.grad(value, (pred, target)))
    np.testing.assert_allclose(of_pred, 3 * slope, rtol=1e-6)
    np.testing.assert_allclose(of_target, -2 * slope, rtol=1e-6)
    by_func = backend.wrap(torch.func.grad(mean))(pred.detach(), target.detach())
    np.testing.assert_allclose(by_func.numpy(), 3 * slope, rtol=1e-6)
    with torch.no_grad():
        np.testing.assert_allclose(
            float(backend.wrap(mean)(pred, target)), float(value.detach()), rtol=1e-6
        )


@compiled_too
def test_a_compiler_may_not_know_the_shapes(backend):
    import torch

    if not backend.compiled:
        return
    torch._dynamo.reset()
    compiled = torch.compile(pl.cross_entropy, fullgraph=True, dynamic=True, backend="eager")
    for rows in (2, 3, 5):
        logits, labels = (
            torch.linspace(-3, 3, 4 * rows).reshape(rows, 4).sin().requires_grad_(),
            torch.arange(rows) % 4,
        )
        (gradient,) = torch.autograd.grad(compiled(logits, labels, label_smoothing=0.1), logits)
        expected = pl.cross_entropy.grad(logits.detach(), labels, label_smoothing=0.1)
        np.testing.assert_allclose(gradient.numpy(), expected.numpy(), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("strict", [False, True])
def test_what_is_exported_can_be_differentiated(backend, strict):
    import torch

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(2.0))

        def forward(self, x, target):
            return pl.huber_loss(self.scale * x, target)

    given = torch.tensor([1.0, -0.5]), torch.tensor([0.5, 3.0])
    model = Model()
    exported = torch.export.export(model, given, strict=strict).module()
    (gradient,) = torch.autograd.grad(exported(*given), exported.scale)
    (expected,) = torch.autograd.grad(model(*given), model.scale)
    np.testing.assert_allclose(float(gradient), float(expected), rtol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["mse_loss", "cross_entropy", "dice_loss"])
def test_the_gradient_of_a_leaf_requires_none(backend, name, reduction):
    """So that it can be that of the leaf; the value still leads to the leaf."""
    import torch

    loss = getattr(pl, name)
    leaf = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0, 2, 1, 1]) if name == "cross_entropy" else torch.full((4, 3), 0.25)
    value, gradient = loss.value_and_grad(leaf, target, reduction=reduction)
    first, second = loss.grad_and_hess(leaf, target, reduction=reduction)
    assert not any(x.requires_grad for x in (gradient, first, second))
    assert not loss.grad(leaf, target, reduction=reduction).requires_grad
    assert value.requires_grad
    value.sum().backward()
    torch.testing.assert_close(leaf.grad, gradient)
    leaf.grad = gradient
    made = loss.grad(2 * leaf, target, reduction=reduction)
    assert made.requires_grad or name == "dice_loss"


def test_the_gradient_by_a_leaf_is_differentiated_by_a_target_that_is_learnt(backend):
    import torch

    leaf, target = (torch.rand(4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    gradient = pl.mse_loss.grad(leaf, target)
    (found,) = torch.autograd.grad(gradient.sum(), target)
    torch.testing.assert_close(found, torch.full_like(target, -0.5))


def test_autocast(backend):
    """Losses are evaluated in float32, and are of float32, as those of torch are."""
    import torch

    logits = torch.randn(6, 4, dtype=torch.bfloat16, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = pl.cross_entropy(logits, labels)
        right = torch.nn.functional.cross_entropy(logits, labels)
        alone = pl.cross_entropy(logits.detach(), labels)
    assert value.dtype == right.dtype == alone.dtype == torch.float32
    torch.testing.assert_close(value, right)
    (gradient,) = torch.autograd.grad(value, logits)
    (wanted,) = torch.autograd.grad(right, logits)
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close(gradient, wanted)
    assert pl.cross_entropy(logits.detach(), labels).dtype == torch.bfloat16

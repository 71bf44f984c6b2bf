"""CPU tensors lent to NumPy have the same derivatives as torch's own operations."""

import numpy as np
import pytest

import portable_losses as pl

pytestmark = pytest.mark.backends("torch")

LOSSES = (
    "mse_loss",
    "huber_loss",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "cross_entropy",
)


def arguments(name):
    """Draw predictions, and the other arrays of the loss."""
    import torch

    random = torch.Generator().manual_seed(0)
    pred = torch.randn((6, 3), generator=random, dtype=torch.float64)
    if name == "cross_entropy":
        return (pred,), (torch.tensor([0, 2, 1, 1, 0, 2]),)
    target = torch.rand((6, 3), generator=random, dtype=torch.float64)
    return (
        ((pred, 0.5 + pred * pred), (target,))
        if name == "gaussian_nll_loss"
        else ((pred,), (target,))
    )


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_every_order(backend, name, reduction):
    """Autograd agrees with finite differences, to second order, and with `value_and_grad`."""
    import torch

    loss, (predictions, rest) = getattr(pl, name), arguments(name)
    for x in predictions:
        x.requires_grad_()
    weights = torch.linspace(0.0, 2.0, 6 if name == "cross_entropy" else 3, dtype=torch.float64)

    def reduced(*given):
        return loss(*given, *rest, weights=weights, reduction=reduction)

    assert torch.autograd.gradcheck(reduced, predictions)
    assert torch.autograd.gradgradcheck(reduced, predictions)
    registered = loss.grad(
        *(x.detach() for x in predictions), *rest, weights=weights, reduction=reduction
    )
    recorded = torch.autograd.grad(3 * reduced(*predictions), predictions)
    for x, y in zip(recorded, registered if len(predictions) > 1 else (registered,), strict=True):
        np.testing.assert_allclose(x.numpy(), 3 * y.numpy(), rtol=1e-12)


def test_a_graph_may_be_gone_through_again(backend):
    import torch

    (pred,), (target,) = arguments("mse_loss")
    pred.requires_grad_()
    value = pl.mse_loss(pred, target)
    first, again = (torch.autograd.grad(value, pred, retain_graph=True)[0] for _ in range(2))
    np.testing.assert_array_equal(first.numpy(), again.numpy())
    (many,) = torch.autograd.grad(
        value, pred, torch.tensor([1.0, 2.0], dtype=torch.float64), is_grads_batched=True
    )
    np.testing.assert_array_equal(many.numpy(), np.stack([first.numpy(), 2 * first.numpy()]))


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # of torch about itself
def test_nothing_is_hidden_from_those_who_look_on(backend):
    """Transforms, dual numbers, dispatch modes, gradients of targets and weights see only torch."""
    import torch
    from torch.autograd import forward_ad
    from torch.utils._python_dispatch import TorchDispatchMode

    (pred,), (target,) = arguments("mse_loss")
    expected = 2 * (pred - target) / pred.numel()
    np.testing.assert_allclose(
        torch.func.grad(pl.mse_loss)(pred, target).numpy(), expected.numpy(), rtol=1e-14
    )
    rows = torch.func.vmap(pl.mse_loss)(pred, target)
    np.testing.assert_allclose(rows.numpy(), ((pred - target) ** 2).mean(1).numpy(), rtol=1e-14)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(
            pl.mse_loss(forward_ad.make_dual(pred, target), target)
        ).tangent
    np.testing.assert_allclose(tangent.item(), (expected * target).sum().item(), rtol=1e-14)
    target.requires_grad_()
    (gradient,) = torch.autograd.grad(pl.mse_loss(pred, target), target)
    np.testing.assert_allclose(gradient.numpy(), -expected.numpy(), rtol=1e-14)
    seen = []

    class Watching(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            seen.append(function)
            return function(*args, **(kwargs or {}))

    with Watching():
        pl.mse_loss(pred.detach(), 0.0)
    assert seen


def test_no_tensor_is_copied_or_made_by_torch(backend):
    import torch
    from torch.profiler import profile

    pred, target = torch.ones(1000), torch.zeros(1000)
    pl.mse_loss(pred, target)
    with profile() as operations:
        value, gradient = pl.mse_loss.value_and_grad(pred, target)
    assert not any(event.key.startswith("aten::sub") for event in operations.key_averages())
    assert (value.item(), gradient.dtype, gradient.device) == (1.0, torch.float32, pred.device)
    assert isinstance(value, torch.Tensor)


def test_values_of_tensors_are_not_looked_at(backend):
    """As on every library but NumPy: a stray label makes NaN, any other value is evaluated."""
    import torch

    assert torch.isnan(pl.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 3])))
    beyond = pl.binary_cross_entropy(torch.tensor([2.0]), torch.tensor([0.0]))
    assert beyond.item() == pytest.approx(-np.log(1e-15))  # the floor of the logarithm

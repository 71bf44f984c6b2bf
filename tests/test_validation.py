"""`validation(True)` checks the values of every eager CPU array, and of no other."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import portable_losses as pl

EAGER = pytest.mark.backends("numpy", "strict", "torch", "jax")
LOGITS = np.random.default_rng(0).normal(0, 3, (2, 3, 4, 4))

BAD = {
    "dice of images, from logits": (
        pl.dice_loss,
        (LOGITS, (LOGITS > 0).astype(float)),
        {},
        "dice_loss: pred must hold probabilities in [0, 1], but pred[0, 0, 0, 1] is -0.39",
    ),
    "a label": (
        pl.cross_entropy,
        (np.zeros((3, 4)), np.asarray([0, 3, 4])),
        {},
        "cross_entropy: target must hold class labels",
    ),
    "a weight": (
        pl.mse_loss,
        (np.ones(3), np.ones(3)),
        {"weights": np.asarray([1.0, 0.0, -2.0])},
        "mse_loss: weights must hold numbers that are not negative, but weights[2] is -2.0",
    ),
    "a class weight": (
        pl.cross_entropy,
        (np.zeros((2, 2)), np.asarray([0, 1])),
        {"class_weights": np.asarray([-1.0, 1.0])},
        "class_weights[0] is -1.0",
    ),
    "a parameter": (
        pl.huber_loss,
        (np.ones(2), np.zeros(2)),
        {"delta": np.asarray([1.0, -1.0])},
        "huber_loss: delta must hold numbers in (0, inf), but delta[1] is -1.0",
    ),
    "a scale that the rows share": (
        pl.gaussian_nll_loss,
        (np.ones((2, 2)), np.asarray([1.0, -1.0]), np.zeros((2, 2))),
        {},
        "variance[1] is -1.0",
    ),
    "an integer prediction": (
        pl.binary_cross_entropy,
        (np.asarray([0, 2]), np.asarray([0.0, 1.0])),
        {},
        "binary_cross_entropy: pred must hold probabilities in [0, 1], but pred[1] is 2",
    ),
}


@contextmanager
def refused(message: str) -> Iterator[None]:
    with pytest.raises(ValueError, match="must hold") as caught, pl.validation(True):
        yield
    assert message in str(caught.value)


@EAGER
@pytest.mark.parametrize("method", ["__call__", "value_and_grad"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("name", BAD)
def test_values_of_eager_arrays(backend, name, reduction, method):
    loss, arrays, options, message = BAD[name]
    given = [backend.asarray(x) for x in arrays]
    options = {key: backend.asarray(x) for key, x in options.items()}
    with refused(message):
        getattr(loss, method)(*given, reduction=reduction, **options)


@EAGER
def test_what_is_left_out_is_not_checked(backend):
    pred, where = backend.asarray([0.5, 2.0]), backend.asarray([True, False])
    with pl.validation(True):
        found = pl.binary_cross_entropy(pred, 1.0, where=where)
        assert abs(float(backend.to_numpy(found)) - np.log(2)) < 1e-6
        found = pl.cross_entropy(
            backend.asarray(np.zeros((2, 3))), backend.asarray([0, -100]), ignore_index=-100
        )
        assert abs(float(backend.to_numpy(found)) - np.log(3)) < 1e-6


@EAGER
def test_rounding_is_no_offence(backend):
    pred = backend.asarray(np.asarray([1.0 + 1e-7, 0.5]), "float32")
    with pl.validation(True):
        assert backend.to_numpy(pl.binary_cross_entropy(pred, 1.0)) > 0


@pytest.mark.backends("strict", "torch", "jax", "dask")
def test_other_libraries_are_not_checked_by_default(backend):
    pred = backend.asarray([2.0, 0.5])
    for enabled in (None, False):
        with pl.validation(enabled):
            pl.binary_cross_entropy(pred, 0.0)


def test_a_process_can_go_back():
    with pl.validation(False):
        pl.binary_cross_entropy([2.0], [0.0])
        with pl.validation(None), pytest.raises(ValueError, match="pred"):
            pl.binary_cross_entropy([2.0], [0.0])


@pytest.mark.parametrize("enabled", ["off", 1, 0.0, [True]])
def test_no_truth_value(enabled):
    with pytest.raises(TypeError, match="validation: enabled must be True, False or None"):
        pl.validation(enabled)


@pytest.mark.backends("torch")
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # of torch about itself
def test_tensors_that_nobody_may_look_at(backend):
    """Those that are compiled, traced, transformed, or on a device without values."""
    import torch
    from torch.autograd import forward_ad
    from torch.fx.experimental.proxy_tensor import make_fx

    pred, target = torch.tensor([2.0, 0.5]), torch.tensor([0.0, 1.0])

    def loss(x, y):
        return pl.binary_cross_entropy(x, y)

    with pl.validation(True):
        torch.compile(loss, fullgraph=True, backend="eager")(pred, target)
        torch.func.vmap(loss)(pred, target)
        torch.func.grad(loss)(pred, target)
        make_fx(loss)(pred, target)
        assert loss(pred.to("meta"), target.to("meta")).device.type == "meta"
        with forward_ad.dual_level():
            loss(forward_ad.make_dual(pred, target), target)


@pytest.mark.backends("torch")
def test_tensors_with_a_gradient(backend):
    """Parameters too, and bfloat16, which NumPy lacks."""
    import torch

    pred = torch.tensor([0.5, 2.0])
    for x in (pred.clone().requires_grad_(), torch.nn.Parameter(pred), pred.bfloat16()):
        for reduction in ("mean", "none"):
            with refused("pred[1] is 2.0"):
                pl.binary_cross_entropy(x, 0.0, reduction=reduction)


@pytest.mark.backends("jax")
def test_traced_arrays(backend):
    import jax
    import jax.numpy as jnp

    pred, target = jnp.asarray([2.0, 0.5]), jnp.asarray([0.0, 1.0])
    with pl.validation(True):
        jax.jit(pl.binary_cross_entropy)(pred, target)
        jax.vmap(pl.binary_cross_entropy)(pred, target)
        jax.jit(lambda x: pl.binary_cross_entropy(x, target))(pred)
        jax.grad(pl.binary_cross_entropy)(pred, target)
    with refused("pred[0] is 2.0"):
        pl.binary_cross_entropy(pred.astype(jnp.bfloat16), target)


@pytest.mark.backends("dask")
def test_lazy_arrays(backend):
    """Nothing is computed."""
    from dask.callbacks import Callback

    tasks = []
    pred = backend.asarray([2.0, 0.5])
    with Callback(pretask=lambda key, *_: tasks.append(key)), pl.validation(True):
        pl.binary_cross_entropy(pred, 0.0)
    assert not tasks

"""An empty batch: a mean of NaN, a sum of 0, and gradients of the shape of the predictions."""

import numpy as np
import pytest
from arguments import LOSSES, arguments, methods, parts, required, ways
from marks import compiled_too

import portable_losses as pl

SETS = [
    (loss, way, core)
    for loss, way in ways(LOSSES)
    for core in ("item", "region", "sample")
    if core in loss.signature.ways[way][0]
]
"""Each loss whose rows may be empty: a set of no samples, a region of a batch of no images."""


def of_nothing(loss, way, core, loop):
    """Make arrays whose rows are empty: those that a call must have."""
    signature = required(loss)
    return [
        np.ones(
            (*loop, *(0 if each == core else 3 for each in cores)),
            int if domain.integer else float,
        )
        for cores, domain in zip(signature.ways[way], signature.domains[way], strict=True)
    ]


def check(backend, loss, arrays, loop, **options):
    """Check value and gradient for each reduction; no warning is issued."""
    given = [backend.asarray(x) for x in arrays]
    for reduction, expected in (("mean", np.nan), ("sum", 0.0), ("none", np.zeros(loop))):
        value = backend.call(loss, *given, reduction=reduction, **options)
        np.testing.assert_array_equal(backend.to_numpy(value), expected)
        value, gradients = backend.call(loss.value_and_grad, *given, reduction=reduction, **options)
        np.testing.assert_array_equal(backend.to_numpy(value), expected)
        predicted = required(loss).predicted
        for gradient, i in zip(parts(gradients), predicted, strict=True):
            found = backend.to_numpy(gradient)
            assert found.shape == arrays[i].shape
            assert not np.any(found)


@pytest.mark.parametrize("loop", [(0,), (0, 3), (2, 0)])
@pytest.mark.parametrize(("loss", "way"), ways(LOSSES))
def test_no_loop_elements(backend, loss, way, loop):
    if not backend.thorough and loop != (0,):
        return  # what differs between libraries shows in one shape
    check(backend, loss, arguments(loss, way, loop), loop)


@pytest.mark.parametrize("loop", [(), (2,), (0,)])
@pytest.mark.parametrize(("loss", "way", "core"), SETS)
def test_rows_without_entries(backend, loss, way, core, loop):
    check(backend, loss, of_nothing(loss, way, core, loop), loop)


@compiled_too
@pytest.mark.parametrize("loss", [pl.supcon_loss, pl.vicreg_loss])
def test_sets_without_samples(backend, loss):
    arrays = of_nothing(loss, 0, "sample", (2,))
    check(backend, loss, arrays, (2,), weights=backend.asarray(np.asarray([0.0, 2.0])))


def test_an_empty_batch_inside_of_the_region(backend):
    images = np.zeros((0, 3, 4, 5))
    check(backend, pl.dice_loss, [images, images], (3,), region_axis=(0, 2, 3))


def test_a_mean_along_one_axis(backend):
    arrays = [backend.asarray(x) for x in of_nothing(pl.supcon_loss, 0, "sample", (2, 3))]
    found = backend.to_numpy(pl.supcon_loss(*arrays, axis=1))
    np.testing.assert_array_equal(found, [np.nan, np.nan])


@pytest.mark.parametrize("method", ["__call__", "grad"])
def test_empty_lists(method):
    assert np.isnan(pl.mse_loss([], []))
    assert np.isnan(pl.cross_entropy(np.zeros((0, 10)), []))
    assert pl.cross_entropy.grad(np.zeros((0, 10)), []).shape == (0, 10)
    for loss in LOSSES:
        if not loss.signature.core and len(loss.signature.arguments) == 2:
            assert np.size(getattr(loss, method)([], [])) == (method == "__call__")


def test_second_derivatives():
    for loss in LOSSES:
        if "grad_and_hess" in methods(loss):
            arrays = arguments(loss, 0, (0,))
            for each in loss.grad_and_hess(*arrays):
                for x, i in zip(parts(each), required(loss).predicted, strict=True):
                    assert x.shape == arrays[i].shape


@pytest.mark.parametrize(
    ("loss", "shapes", "core"),
    [
        (pl.cross_entropy, [(2, 0), (2, 0)], "class"),
        (pl.cosine_distance_loss, [(2, 0), (2, 0)], "feature"),
        (pl.crps_ensemble_loss, [(2, 0), (2,)], "member"),
        (pl.generalized_dice_loss, [(0, 4), (0, 4)], "class"),
        (pl.vicreg_loss, [(4, 0), (4, 0)], "feature"),
    ],
)
def test_other_rows_need_an_entry(loss, shapes, core):
    with pytest.raises(ValueError, match=f"^{loss.__name__}: .* has no {core}, and a loss needs"):
        loss(*map(np.zeros, shapes))


@pytest.mark.backends("torch")
def test_autograd_of_nothing(backend):
    import torch

    for reduction in ("mean", "sum", "none"):
        embedding = torch.zeros((0, 4), requires_grad=True)
        pl.supcon_loss(embedding, torch.zeros(0, dtype=torch.int64), reduction=reduction).backward()
        assert embedding.grad.shape == (0, 4)


@pytest.mark.backends("jax")
def test_transforms_of_nothing(backend):
    import jax
    import jax.numpy as jnp

    embedding, labels = jnp.zeros((0, 4)), jnp.zeros(0, int)
    assert jax.grad(pl.supcon_loss)(embedding, labels).shape == (0, 4)
    assert jax.jit(jax.grad(pl.mse_loss))(jnp.zeros(0), jnp.zeros(0)).shape == (0,)

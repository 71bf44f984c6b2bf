"""Losses of regions: class labels in place of masks, and logits in place of probabilities."""

from typing import Any

import numpy as np
import pytest
from marks import compiled_too, once_a_library

import portable_losses as pl

N, CLASSES, HEIGHT, WIDTH = 2, 3, 4, 5
RANDOM = np.random.default_rng(31)
LOGITS = RANDOM.normal(0, 2, (N, CLASSES, HEIGHT, WIDTH))
LABELS = RANDOM.integers(0, CLASSES, (N, HEIGHT, WIDTH))
MASKS = (LABELS[:, None] == np.arange(CLASSES)[:, None, None]).astype(float)
PROB = pl.special.sigmoid(LOGITS)
SHARES = pl.special.softmax(LOGITS, axis=1)
AXES = {"class_axis": 1, "region_axis": (2, 3)}

OF_ONE = (pl.dice_loss, pl.jaccard_loss, pl.tversky_loss, pl.matthews_loss)
OF_CLASSES = (pl.generalized_dice_loss, pl.lovasz_softmax_loss)
of_one = pytest.mark.parametrize("loss", OF_ONE, ids=lambda loss: loss.__name__)
of_any = pytest.mark.parametrize("loss", [*OF_ONE, *OF_CLASSES], ids=lambda loss: loss.__name__)


def same(backend: Any, found: Any, wanted: Any, dtype: str, times: int = 64) -> None:
    wanted = np.asarray(wanted)
    np.testing.assert_allclose(
        backend.to_numpy(found),
        wanted,
        rtol=times * np.finfo(dtype).eps,
        atol=times * np.finfo(dtype).eps * np.abs(wanted).max(),
    )


@compiled_too
@of_any
@pytest.mark.parametrize("kind", ["int64", "uint8"])
def test_labels_are_masks(backend: Any, loss: Any, kind: str) -> None:
    """Value and gradient are those of the masks; each class of one region has a loss."""
    if backend.name == "strict-no_x64":
        kind = {"int64": "int32"}.get(kind, kind)
    dtype = backend.dtypes[0]
    pred = SHARES.astype(dtype)
    value, gradient = backend.call(
        loss.value_and_grad,
        backend.asarray(pred),
        backend.asarray(LABELS, kind),
        reduction="none",
        **AXES,
    )
    wanted = loss.value_and_grad(pred, MASKS, reduction="none", **AXES)
    assert value.shape == ((N, CLASSES) if loss in OF_ONE else (N,))
    same(backend, value, wanted[0], dtype)
    same(backend, gradient, wanted[1], dtype)


@of_one
@pytest.mark.parametrize("class_axis", [0, 1, -3])
def test_the_classes_are_along_any_axis(backend: Any, loss: Any, class_axis: int) -> None:
    pred = np.moveaxis(SHARES, 1, class_axis).astype(backend.dtypes[0])
    value = loss(
        backend.asarray(pred),
        backend.asarray(LABELS),
        class_axis=class_axis,
        region_axis=(2, 3),
        reduction="none",
    )
    each = loss(SHARES, MASKS, region_axis=(2, 3), reduction="none")
    wanted = np.moveaxis(each, 1, class_axis % 4)
    same(backend, value, wanted, backend.dtypes[0])


@of_one
def test_weights_leave_out_the_background(loss: Any) -> None:
    each = loss(SHARES, MASKS, region_axis=(2, 3), reduction="none")
    without = loss(SHARES, LABELS, weights=[0.0, 1.0, 1.0], **AXES)
    np.testing.assert_allclose(without, each[:, 1:].mean())
    of_batch = loss(SHARES, LABELS, class_axis=1, region_axis=(0, 2, 3), reduction="none")
    np.testing.assert_array_equal(
        of_batch, loss(SHARES, MASKS, region_axis=(0, 2, 3), reduction="none")
    )


@of_one
def test_masks_need_no_class_axis_and_may_have_it(loss: Any) -> None:
    assert loss(SHARES, MASKS, **AXES) == loss(SHARES, MASKS, region_axis=(2, 3))
    assert loss(SHARES, MASKS, region_axis=(2, 3), class_axis=None) == loss(SHARES, MASKS, **AXES)


@of_one
def test_labels_that_lead_to_an_error(loss: Any) -> None:
    stray = LABELS.copy()
    stray[1, 2, 3] = 7
    name = loss.__name__
    for labels, options, error, said in (
        (stray, AXES, ValueError, r"target\[1, 2, 3\] is 7 \(labels count from 0\)"),
        (-1 - LABELS, AXES, ValueError, r"target\[0, 0, 0\] is -"),
        (LABELS.astype(float), AXES, TypeError, r"pass `target.astype\(int\)`"),
        (LABELS, {"region_axis": (2, 3)}, ValueError, "for class labels pass `class_axis=1`"),
        (LABELS, {"region_axis": (2, 3), "class_axis": 2}, ValueError, "pass `class_axis=1`"),
        (LABELS, {"region_axis": (2, 3), "class_axis": 9}, ValueError, "class_axis=9 is no axis"),
        (LABELS[:1], AXES, ValueError, r"without the class axis, \(2, 4, 5\)"),
    ):
        for method in (loss, loss.value_and_grad):
            with pytest.raises(error, match=rf"{name}: .*{said}"):
                method(SHARES, labels, **options)


@pytest.mark.backends("strict", "torch", "jax", "dask")
@of_one
def test_elsewhere_a_stray_label_makes_the_losses_of_its_image_nan(backend: Any, loss: Any) -> None:
    stray = LABELS.copy()
    stray[1, 2, 3] = 7
    pred, dtype = SHARES.astype(backend.dtypes[0]), backend.dtypes[0]
    found = loss(backend.asarray(pred), backend.asarray(stray), reduction="none", **AXES)
    wanted = loss(pred, MASKS, reduction="none", **AXES)
    found = backend.to_numpy(found)
    assert np.all(np.isnan(found[1]))
    np.testing.assert_allclose(found[0], wanted[0], rtol=64 * np.finfo(dtype).eps)


@of_one
def test_without_validation_a_stray_label_is_nan(loss: Any) -> None:
    with pl.validation(False):
        assert np.isnan(loss(SHARES, LABELS + 5, **AXES))


@once_a_library
@of_any
def test_logits_are_their_sigmoid_or_softmax(backend: Any, loss: Any) -> None:
    dtype = backend.dtypes[-1]
    logits = LOGITS.astype(dtype)
    prob = PROB if loss in OF_ONE else SHARES
    value, gradient = backend.call(
        loss.value_and_grad,
        backend.asarray(logits),
        backend.asarray(LABELS),
        from_logits=True,
        reduction="none",
        **AXES,
    )
    wanted, slope = loss.value_and_grad(prob, MASKS, reduction="none", **AXES)
    same(backend, value, wanted, dtype)
    if loss in OF_ONE:
        slope = slope * prob * (1 - prob)
    else:
        slope = prob * (slope - np.sum(prob * slope, axis=1, keepdims=True))
    same(backend, gradient, slope, dtype, 256)


@pytest.mark.backends("numpy", "strict", "torch", "dask")
@pytest.mark.parametrize("loss", [*OF_ONE, pl.generalized_dice_loss], ids=lambda x: x.__name__)
def test_the_second_derivative_of_logits(backend: Any, loss: Any) -> None:
    """Against differences of the gradient."""
    options = {"from_logits": True, "reduction": "sum", **AXES}
    _, second = backend.call(
        loss.grad_and_hess, backend.asarray(LOGITS), backend.asarray(LABELS), **options
    )
    second, step = backend.to_numpy(second), 1e-5
    for place in ((0, 0, 0, 0), (1, 2, 3, 4), (0, 1, 2, 2)):
        moved = np.zeros_like(LOGITS)
        moved[place] = step
        up, down = (loss.grad(LOGITS + s * moved, LABELS, **options) for s in (1, -1))
        np.testing.assert_allclose(second[place], ((up - down) / (2 * step))[place], rtol=1e-5)


@of_any
def test_a_certain_prediction_keeps_its_digits(backend: Any, dtype: str, loss: Any) -> None:
    """In float32 the sigmoid of 20 rounds to 1; 1 - p does not."""
    logits = np.where(MASKS[:1] == 1, 20.0, -20.0)
    arrays = backend.asarray(logits, dtype), backend.asarray(MASKS[:1], dtype)
    value = backend.to_numpy(loss(*arrays, from_logits=True, **AXES))
    assert 0 < value < 1e-8


def test_probabilities_taken_for_logits_are_an_error_where_values_are_looked_at() -> None:
    with pytest.raises(ValueError, match=r"dice_loss: pred must hold.*`from_logits=True`"):
        pl.dice_loss(LOGITS, LABELS, **AXES)
    assert 0 < pl.dice_loss(LOGITS, LABELS, from_logits=True, **AXES) < 1


@pytest.mark.backends("torch")
def test_labels_and_logits_of_monai(backend: Any) -> None:
    """Which has the product as its intersection, the same for labels."""
    import torch
    from monai.losses import DiceLoss, GeneralizedDiceLoss

    logits, labels = torch.tensor(LOGITS), torch.tensor(LABELS)
    exact = {"reduction": "none", "smooth_nr": 0.0, "smooth_dr": 0.0, "to_onehot_y": True}
    theirs = DiceLoss(sigmoid=True, **exact)(logits, labels[:, None])[..., 0, 0]
    ours = pl.dice_loss(logits, labels, from_logits=True, reduction="none", **AXES)
    torch.testing.assert_close(ours, theirs)
    theirs = DiceLoss(softmax=True, **exact)(logits, labels[:, None])[..., 0, 0]
    ours = pl.dice_loss(torch.softmax(logits, 1), labels, reduction="none", **AXES)
    torch.testing.assert_close(ours, theirs)
    theirs = GeneralizedDiceLoss(softmax=True, **exact)(logits, labels[:, None]).ravel()
    ours = pl.generalized_dice_loss(logits, labels, from_logits=True, reduction="none", **AXES)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)  # its weights are float32
    with_smoothing = GeneralizedDiceLoss(
        softmax=True, **{**exact, "smooth_nr": 0.5, "smooth_dr": 0.5}
    )(logits, labels[:, None]).ravel()
    ours = pl.generalized_dice_loss(
        logits, labels, from_logits=True, smooth=0.5, reduction="none", **AXES
    )
    torch.testing.assert_close(ours, with_smoothing, rtol=1e-6, atol=0)


@pytest.mark.backends("torch", "jax")
@of_any
def test_autodiff_through_labels_and_logits(backend: Any, loss: Any) -> None:
    options = {"from_logits": True, **AXES}
    dtype = backend.dtypes[-1]
    wanted = loss.grad(LOGITS.astype(dtype), LABELS, **options)
    logits, labels = backend.asarray(LOGITS, dtype), backend.asarray(LABELS)
    if backend.base == "torch":
        import torch

        (found,) = torch.autograd.grad(loss(logits.requires_grad_(), labels, **options), logits)
    else:
        import jax

        found = jax.grad(lambda z: loss(z, labels, **options))(logits)
    same(backend, found, wanted, dtype, 256)

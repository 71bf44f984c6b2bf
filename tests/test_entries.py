"""A mask of the shape of the predictions leaves out entries of rows, such as padding."""

from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from arguments import CORE_SIZE, LOSSES, arguments, methods, parts, refused, required
from marks import compiled_too
from test_every_loss import close

import portable_losses as pl

Loss = pl.Loss[...]
MASKED = [
    (loss, way)
    for loss in LOSSES
    if loss.signature.masks_entries
    for way in range(len(loss.signature.ways))
]
ORDERED = {"listmle_loss"}
"""Those whose rows have an order that ties keep."""
PADDED = 3
"""The number of entries that are left out of each row."""


def spread(loss: Loss, way: int, array: Any, i: int, filler: float, places: Any) -> Any:
    """Put fillers between the entries of an argument; an axis that only rows have stays."""
    cores, whole = required(loss).ways[way][i], required(loss).ways[way][0]
    if whole[-1] not in cores:
        return array
    axis = -1 - cores[::-1].index(whole[-1])
    size = array.shape[axis] + PADDED
    shape = list(array.shape)
    shape[axis] = size
    longer = np.full(shape, filler if array.dtype.kind == "f" else 99, array.dtype)
    np.moveaxis(longer, axis, -1)[..., places] = np.moveaxis(array, axis, -1)
    return longer


def padded(loss: Loss, way: int, dtype: str, filler: float) -> tuple[list[Any], list[Any], Any]:
    """Return arguments, the same with entries that are left out, and the mask."""
    given = [x.astype(dtype) if x.dtype.kind == "f" else x for x in arguments(loss, way)]
    size = CORE_SIZE + PADDED
    places = np.arange(CORE_SIZE)
    if loss.__name__ not in ORDERED:
        places = np.sort(np.random.default_rng(5).permutation(size)[:CORE_SIZE])
    longer = [spread(loss, way, x, i, filler, places) for i, x in enumerate(given)]
    mask = np.zeros(longer[0].shape, bool)
    mask[..., places] = True
    return given, longer, mask


@compiled_too
@pytest.mark.parametrize(("loss", "way"), MASKED)
def test_rows_are_as_without_the_entries(backend: Any, dtype: str, loss: Loss, way: int) -> None:
    """Values and derivatives are those of the shorter rows, and 0 where nothing is."""
    given, longer, mask = padded(loss, way, dtype, np.nan)
    places = np.flatnonzero(mask.reshape(-1, mask.shape[-1])[0])
    options = {"region_axis": -1} if "region_axis" in loss.signature.options else {}
    if loss.signature.core == ("class", "region"):
        options["class_axis"] = -2
    for method in methods(loss) if backend.thorough else ("value_and_grad",):
        function = getattr(loss, method)
        right = function(*(backend.asarray(x) for x in given), reduction="none", **options)
        found = backend.call(
            function,
            *(backend.asarray(x) for x in longer),
            where=backend.asarray(mask),
            reduction="none",
            **options,
        )
        for x, expected in zip(parts(found), parts(right), strict=True):
            x, expected = backend.to_numpy(x), backend.to_numpy(expected)
            if x.shape != expected.shape:
                assert not np.delete(x, places, axis=-1).any()
                x = x[..., places]
            close(x, expected, dtype, slack=4)


@pytest.mark.parametrize(("loss", "way"), MASKED)
def test_a_row_without_entries_is_left_out(backend: Any, loss: Loss, way: int) -> None:
    """The mean is that of the other rows, with their weights."""
    dtype = backend.dtypes[-1]
    given, longer, mask = padded(loss, way, dtype, np.nan)
    mask[0, 1] = False
    weights = np.asarray([[1.0, 5.0, 0.5], [2.0, 1.0, 0.0]], dtype)
    kept = np.ones((2, 3), bool)
    kept[0, 1] = False
    options = {"region_axis": -1} if "region_axis" in loss.signature.options else {}
    if loss.signature.core == ("class", "region"):
        options["class_axis"] = -2
    right = loss(
        *(backend.asarray(x) for x in given),
        weights=backend.asarray(weights),
        where=backend.asarray(kept),
        **options,
    )
    value, gradient = loss.value_and_grad(
        *(backend.asarray(x) for x in longer),
        weights=backend.asarray(weights),
        where=backend.asarray(mask),
        **options,
    )
    close(backend.to_numpy(value), backend.to_numpy(right), dtype, slack=4)
    assert not backend.to_numpy(gradient)[0, 1].any()


@pytest.mark.parametrize("shape", [(300_000, 4), (3, 4, 100_000), (4, 300_000)])
def test_many_blocks_and_other_axes(shape: tuple[int, ...]) -> None:
    """Rows may lie along any axis; the mask is cut like the predictions."""
    rng = np.random.default_rng(1)
    axis = shape.index(4)
    pred, target = rng.uniform(size=shape), rng.integers(0, 2, shape).astype(float)
    mask = rng.uniform(size=shape) < 0.7
    value, gradient = pl.dice_loss.value_and_grad(
        np.where(mask, pred, np.nan), np.where(mask, target, 7), where=mask, region_axis=axis
    )
    kept = mask.any(axis=axis)
    p, t = pred * mask, target * mask
    common = np.minimum(p, t).sum(axis)
    with np.errstate(invalid="ignore"):
        losses = np.nan_to_num(1 - 2 * common / (p.sum(axis) + t.sum(axis)))
    np.testing.assert_allclose(value, losses[kept].mean(), rtol=1e-12)
    assert not gradient[~mask].any()


@pytest.mark.backends("torch", "jax")
def test_autodiff_leaves_them_out(backend: Any) -> None:
    """The gradient by autodiff is the registered one, 0 and not NaN where nothing is."""
    from test_autodiff import gradient

    members = backend.asarray([[1.0, 4.0, float("nan"), 2.0], [0.5, 0.1, 3.0, 2.0]])
    target = backend.asarray([2.0, 1.0])
    mask = backend.asarray([[True, True, False, True], [True, True, True, True]])
    (found,) = gradient(backend, lambda x: pl.crps_ensemble_loss(x, target, where=mask), members)
    right = pl.crps_ensemble_loss.grad(members, target, where=mask)
    close(backend.to_numpy(found), backend.to_numpy(right), backend.dtypes[-1])
    assert float(found[0, 2]) == 0.0


def test_examples() -> None:
    """A missing member, an unlabelled pixel, a list that is shorter than others."""
    nan = float("nan")
    mask = [[True, True, True, False]]
    assert pl.crps_ensemble_loss([[1.0, 4.0, 2.0, nan]], [2.0], where=mask) == pytest.approx(1 / 3)
    fair = pl.crps_ensemble_loss([[1.0, 4.0, 2.0, nan]], [2.0], where=mask, fair=True)
    assert fair == pytest.approx(0.0)
    pixels, truth = [0.5, 1.0, 0.0, 0.5, nan], [1, 1, 0, 0, 255]
    assert pl.matthews_loss(pixels, truth, where=[True] * 4 + [False]) == pytest.approx(0.5)
    assert pl.listnet_loss([[2.0, 1.0, nan]], [[1.0, 0.0, nan]], where=[[True, True, False]]) == (
        pytest.approx(float(pl.listnet_loss([[2.0, 1.0]], [[1.0, 0.0]])))
    )
    # One mask for all images, and the mask of losses as before
    images, seen = np.full((2, 1, 4), 0.5), np.asarray([[[True, True, False, True]]])
    assert pl.dice_loss(images, images > 0, where=seen) == pytest.approx(1 / 3)
    assert pl.dice_loss(images, images > 0, where=[[True], [False]]) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("loss", "mask", "error", "parts"),
    [
        (pl.dice_loss, np.ones((2, 3, 5), bool), ValueError, ("where", "(2, 3, 5)", "(2, 3, 4)")),
        (pl.dice_loss, np.ones((2, 3, 4)), TypeError, ("where", "boolean")),
        (pl.wasserstein_loss, np.ones((2, 3, 4), bool), ValueError, ("where", "losses")),
    ],
)
def test_masks_that_do_not_fit(loss: Loss, mask: Any, error: Any, parts: Any) -> None:
    """The message has both shapes; a loss that cannot leave out entries says so by its shape."""
    refused(loss, arguments(loss, 0), error, *parts, where=mask)
    refused(
        loss,
        [strict.asarray(x) for x in arguments(loss, 0)],
        error,
        *parts,
        where=strict.asarray(mask),
    )

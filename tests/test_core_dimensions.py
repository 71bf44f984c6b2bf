"""User losses with one value per row, tuple, set or sequence."""

from typing import Any, Unpack

import array_api_strict as strict
import numpy as np
import pytest

from portable_losses import loss, validation
from portable_losses.typing import (
    Array,
    Axis,
    ClassOptions,
    Labels,
    Namespace,
    Options,
    Positive,
    Probability,
    Real,
)


def on_strict(*arrays: Any) -> list[Any]:
    return [strict.asarray(x) for x in arrays]


class TupleOptions(Options, total=False):
    """The options of a loss over the dimension d."""

    d_axis: int


@loss("(d),(d),(d)->()", predicted=3)
def triplet_loss(
    xp: Namespace,
    axis: Axis,
    anchor: Real,
    near: Real,
    far: Real,
    /,
    **options: Unpack[TupleOptions],
) -> Array:
    """Compare squared distances."""
    return xp.sum((anchor - near) ** 2 - (anchor - far) ** 2, axis=axis)


@triplet_loss.derivative
def _(
    xp: Namespace, axis: Axis, anchor: Real, near: Real, far: Real, /
) -> tuple[Array, Array, Array]:
    return 2 * (far - near), 2 * (near - anchor), 2 * (anchor - far)


@pytest.mark.parametrize("library", [np, strict])
@pytest.mark.parametrize("d_axis", [-1, 0, 1, -2])
def test_a_triplet(library: Any, d_axis: int) -> None:
    """One loss for each tuple, three gradients, wherever the core dimension is."""
    anchor, near, far = np.random.default_rng(0).normal(size=(3, 5, 2, 7))
    arrays = [library.asarray(np.moveaxis(x, -1, d_axis).copy()) for x in (anchor, near, far)]
    weights = np.asarray([[1.0], [2.0], [0.0], [1.0], [3.0]])
    value, gradients = triplet_loss.value_and_grad(
        *arrays, d_axis=d_axis, weights=library.asarray(weights)
    )
    losses = ((anchor - near) ** 2 - (anchor - far) ** 2).sum(axis=-1)
    np.testing.assert_allclose(
        float(value), np.average(losses, weights=np.broadcast_to(weights, (5, 2))), rtol=1e-12
    )
    share = weights[..., None] / 14
    for found, wanted in zip(
        gradients, (2 * (far - near), 2 * (near - anchor), 2 * (anchor - far)), strict=True
    ):
        np.testing.assert_allclose(
            np.moveaxis(np.asarray(found), d_axis, -1), share * wanted, rtol=1e-12, atol=1e-15
        )
    none = triplet_loss(*arrays, d_axis=d_axis, reduction="none")
    np.testing.assert_allclose(np.asarray(none), losses, rtol=1e-12)


def test_the_options_of_a_triplet() -> None:
    """It has the common options and the axis of its dimension, but not those of class losses."""
    one = np.ones((4, 2))
    with pytest.raises(TypeError, match="triplet_loss has no option 'class_axis'"):
        triplet_loss(one, one, one, class_axis=0)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="triplet_loss: d_axis=2"):
        triplet_loss(one, one, one, d_axis=2)
    with pytest.raises(ValueError, match=r"triplet_loss: .*near .*\(2, 4\)"):
        triplet_loss(one, one.T, one)
    with pytest.raises(TypeError, match="triplet_loss takes 3 arrays"):
        triplet_loss(one, one)  # type: ignore[call-arg]


class SetOptions(TupleOptions, total=False):
    """The options of a loss over sets."""

    n_axis: int


@loss("(n,d),(n)->()")
def spread_loss(
    xp: Namespace,
    axis: Axis,
    embedding: Real,
    label: Labels,
    /,
    *,
    scale: Positive = 1.0,
    **options: Unpack[SetOptions],
) -> Array:
    """Return one value for each set of rows: the squared norms of those with label 1."""
    _, d_axis = axis
    return (
        xp.sum(
            xp.sum(embedding * embedding, axis=d_axis) * xp.astype(label == 1, embedding.dtype),
            axis=-1,
        )
        * scale
    )


@spread_loss.derivative
def _(xp: Namespace, axis: Axis, embedding: Real, label: Labels, /, *, scale: Positive) -> Array:
    return 2 * scale * embedding * xp.expand_dims(xp.astype(label == 1, embedding.dtype), axis=-1)


@pytest.mark.parametrize("library", [np, strict])
def test_one_value_for_a_set(library: Any) -> None:
    """Two core dimensions, of which the second argument has one; loop dimensions may be absent."""
    rng = np.random.default_rng(1)
    embedding, label = rng.normal(size=(3, 5, 2)), rng.integers(0, 2, (3, 5))
    wanted = ((embedding**2).sum(axis=-1) * (label == 1)).sum(axis=-1)
    arrays = [library.asarray(x) for x in (embedding, label)]
    np.testing.assert_allclose(
        np.asarray(spread_loss(*arrays, reduction="none")), wanted, rtol=1e-12
    )
    value, gradient = spread_loss.value_and_grad(
        *arrays, weights=library.asarray([1.0, 0.0, 3.0]), scale=2.0
    )
    np.testing.assert_allclose(float(value), 2 * (wanted[0] + 3 * wanted[2]) / 4, rtol=1e-12)
    share = np.asarray([1.0, 0.0, 3.0])[:, None, None] / 4
    np.testing.assert_allclose(
        np.asarray(gradient), 4 * share * embedding * (label == 1)[..., None], rtol=1e-12
    )
    one = spread_loss(library.asarray(embedding[0]), library.asarray(label[0]))
    np.testing.assert_allclose(float(one), wanted[0], rtol=1e-12)


def test_one_value_for_a_set_on_other_axes() -> None:
    rng = np.random.default_rng(1)
    embedding, label = rng.normal(size=(3, 5, 2)), rng.integers(0, 2, (3, 5))
    wanted, gradient = spread_loss.value_and_grad(embedding, label)
    found, moved = spread_loss.value_and_grad(
        np.transpose(embedding, (1, 2, 0)), label.T, n_axis=0, d_axis=1
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    np.testing.assert_allclose(np.transpose(moved, (2, 0, 1)), gradient, rtol=1e-12)


def test_the_documentation_of_two_core_dimensions() -> None:
    """The default of neither is the last axis."""

    @loss("(n,d),(n)->()")
    def documented_loss(
        xp: Namespace, axis: Axis, embedding: Real, label: Labels, /, **options: Unpack[SetOptions]
    ) -> Array:
        """Have no loss.

        Parameters
        ----------
        embedding : array
            Vectors.

        Returns
        -------
        array
            Nothing.
        """
        raise AssertionError

    assert "d_axis : int, default -1\n    The axis of the d dimension. With the default" in str(
        documented_loss.__doc__
    )
    assert "With the default" not in str(triplet_loss.__doc__)


@pytest.mark.parametrize("shape", [(3, 4), (5,), (3, 5, 1), (2, 5)])
def test_a_set_whose_sizes_differ(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"spread_loss.*\(3, 5, 2\)"):
        spread_loss(np.ones((3, 5, 2)), np.zeros(shape, int))


def test_the_labels_of_a_set_are_no_classes() -> None:
    """Labels mark which vectors belong together: any integers are valid, on every library."""
    embedding, label = np.ones((3, 5, 2)), np.full((3, 5), -7)
    label[:, 0] = 1
    label[:, 1] = 10**6
    for arrays in ((embedding, label), on_strict(embedding, label)):
        np.testing.assert_array_equal(
            np.asarray(spread_loss(*arrays, reduction="none")), np.full(3, 2.0)
        )


def test_the_last_axis_is_the_last_where_another_is_said() -> None:
    """-1 is the last axis but one only if no option names another."""
    rng = np.random.default_rng(1)
    embedding, label = rng.normal(size=(3, 5, 2)), rng.integers(0, 2, (3, 5))
    wanted = spread_loss(embedding, label, reduction="none")
    for d_axis in (0, 1):
        found = spread_loss(
            np.moveaxis(embedding, -1, d_axis), label, d_axis=d_axis, reduction="none"
        )
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


class ImageOptions(Options, total=False):
    """The options of a loss over images of several classes."""

    class_axis: int
    region_axis: int | tuple[int, ...]


@loss("(class,region),(class,region)->()")
def image_loss(
    xp: Namespace, axis: Axis, pred: Probability, target: Real, /, **options: Unpack[ImageOptions]
) -> Array:
    """Return the classes weights by their number."""
    return xp.sum(_number(xp, pred) * pred * target, axis=axis)


@image_loss.derivative
def _(xp: Namespace, axis: Axis, pred: Probability, target: Real, /) -> Array:
    return _number(xp, pred) * target


def _number(xp: Namespace, pred: Array) -> Array:
    return xp.reshape(xp.arange(pred.shape[-2], dtype=pred.dtype), (-1, 1))


IMAGES = np.random.default_rng(2).uniform(0, 1, (2, 5, 3, 4, 2))
"""Predictions and targets of 5 images, 3 classes, 4 rows and 2 columns."""


@pytest.mark.parametrize("library", [np, strict])
@pytest.mark.parametrize(
    ("order", "options"),
    [
        ("nchw", {"class_axis": 1, "region_axis": (2, 3)}),
        ("nchw", {"class_axis": -3, "region_axis": (-2, -1)}),
        ("nhwc", {"region_axis": (1, 2)}),
        ("nhwc", {"class_axis": -1, "region_axis": (-3, -2)}),
        ("hwcn", {"class_axis": 2, "region_axis": (0, 1)}),
        ("cnhw", {"class_axis": 0, "region_axis": (2, 3)}),
        ("hcnw", {"class_axis": 1, "region_axis": (0, 3)}),
    ],
)
def test_a_dimension_of_several_axes(library: Any, order: str, options: Any) -> None:
    """They are read as one axis, at any position; the gradient has the axes of the predictions."""
    pred, target = IMAGES
    weights = np.asarray([1.0, 2.0, 0.0, 0.5, 1.0])
    slopes = np.arange(3)[:, None, None] * target * (weights / weights.sum())[:, None, None, None]
    losses = (np.arange(3)[:, None, None] * pred * target).sum(axis=(1, 2, 3))
    arrays = [library.asarray(np.einsum(f"nchw->{order}", x).copy()) for x in IMAGES]
    value, gradient = image_loss.value_and_grad(
        *arrays, weights=library.asarray(weights), **options
    )
    np.testing.assert_allclose(float(value), np.average(losses, weights=weights), rtol=1e-12)
    np.testing.assert_allclose(
        np.asarray(gradient), np.einsum(f"nchw->{order}", slopes), rtol=1e-12, atol=1e-15
    )
    np.testing.assert_allclose(
        np.asarray(image_loss(*arrays, reduction="none", **options)), losses, rtol=1e-12
    )


def test_several_axes_that_are_the_loops_as_well() -> None:
    """Pixels of all images, in one region; and of each row, of which there are many."""
    pred, target = IMAGES
    wanted = (np.arange(3)[:, None, None] * pred * target).sum()
    np.testing.assert_allclose(
        image_loss(pred, target, class_axis=1, region_axis=(0, 2, 3)), wanted, rtol=1e-12
    )
    found = image_loss(pred, target, class_axis=1, region_axis=(3,), axis=0)
    one = image_loss(pred, target, class_axis=1, region_axis=3, axis=0)
    np.testing.assert_array_equal(found, one)
    assert found.shape == (4,)


def test_several_axes_that_do_not_fit() -> None:
    pred, target = IMAGES
    for axes, fault in (
        ((2, 4), "are not all axes"),
        ((), "is no axis"),
        ((2, 0.5), "are not all axes"),
        ([2, 3], "is no axis"),
    ):
        with pytest.raises(
            ValueError, match=rf"image_loss: (region_axis=.*{fault}|the shapes do not fit)"
        ):
            image_loss(pred, target, class_axis=1, region_axis=axes)  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"image_loss: class_axis=.* and region_axis=.* name one axis twice"
    ):
        image_loss(pred, target, class_axis=1, region_axis=(1, 2))
    with pytest.raises(
        ValueError, match=r"image_loss: class_axis=.* and region_axis=.* name one axis twice"
    ):
        image_loss(pred, target, class_axis=1, region_axis=(2, -2))
    # as many pixels all the same
    with pytest.raises(ValueError, match=r"image_loss: .*\(5, 3, 4, 2\).*\(5, 3, 2, 4\)"):
        image_loss(pred, np.swapaxes(target, 2, 3), class_axis=1, region_axis=(2, 3))
    with pytest.raises(ValueError, match="image_loss: class_axis="):
        image_loss(pred, target, class_axis=(1, 2), region_axis=3)  # type: ignore[arg-type]


def test_a_bad_value_of_several_axes_is_named_by_its_place() -> None:
    pred, target = IMAGES.copy()
    pred[3, 1, 2, 0] = 1.5
    with pytest.raises(ValueError, match=r"pred\[3, 1, 2, 0\] is 1.5"):
        image_loss(pred, target, class_axis=1, region_axis=(2, 3))


def test_the_docstring_says_which_dimension_may_have_several_axes() -> None:
    @loss("(class,region),(class,region)->()")
    def documented(
        xp: Namespace, axis: Axis, pred: Real, target: Real, /, **options: Unpack[ImageOptions]
    ) -> Array:
        """Do nothing.

        Parameters
        ----------
        pred : array
            Predictions.
        target : array
            Targets.

        Returns
        -------
        array
            Zeros.
        """
        return xp.zeros_like(pred)

    assert "region_axis : int or tuple of int, default -1" in str(documented.__doc__)
    assert "class_axis : int, default -1" in str(documented.__doc__)


class SequenceOptions(Options, total=False):
    """The options of a loss over sequences."""

    time_axis: int
    class_axis: int
    label_axis: int


@loss("(time,class),(label)->()")
def alphabet_loss(
    xp: Namespace, axis: Axis, pred: Real, target: Labels, /, **options: Unpack[SequenceOptions]
) -> Array:
    """Sum the predictions and, to show that they came as integers, the labels."""
    return xp.sum(pred, axis=axis) + xp.astype(xp.sum(target, axis=-1), pred.dtype)


def test_the_labels_of_a_sequence_are_bounded_by_the_classes() -> None:
    """Labels are checked against their own dimension; elsewhere a stray one makes its loss NaN."""
    pred, target = np.ones((3, 6, 4)), np.zeros((3, 2), int)
    target[1] = 3
    for arrays in ((pred, target), on_strict(pred, target)):
        np.testing.assert_array_equal(
            np.asarray(alphabet_loss(*arrays, reduction="none")), [24.0, 30.0, 24.0]
        )
    target[1, 1] = 4
    with pytest.raises(ValueError, match=r"alphabet_loss: target .*target\[1, 1\] is 4"):
        alphabet_loss(pred, target)
    np.testing.assert_array_equal(
        np.asarray(alphabet_loss(*on_strict(pred, target), reduction="none")), [24.0, np.nan, 24.0]
    )
    with validation(False):
        np.testing.assert_array_equal(
            alphabet_loss(pred, target, reduction="none"), [24.0, np.nan, 24.0]
        )


def test_a_loss_of_a_class() -> None:
    """They have the options of the class losses, on all libraries."""

    @loss("(class),()->()")
    def gini_loss(
        xp: Namespace,
        axis: Axis,
        pred: Probability,
        target: Labels,
        /,
        **options: Unpack[ClassOptions],
    ) -> Array:
        return 1 - xp.sum(pred * pred, axis=axis)

    pred, target = np.asarray([[0.5, 0.5], [1.0, 0.0], [0.25, 0.75]]), np.asarray([0, 1, -1])
    for arrays in ((pred, target), on_strict(pred, target)):
        assert float(gini_loss(*arrays, ignore_index=-1)) == 0.25
    assert (
        gini_loss(pred.T, target, ignore_index=-1, class_axis=0, class_weights=[3.0, 1.0]) == 0.375
    )

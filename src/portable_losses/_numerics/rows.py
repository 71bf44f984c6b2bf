"""Functions of rows along an axis: the softmax and its parts, entries, orders.

Some functions need the axis to be 0 or -1, the first or the last; formulas receive no other.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..typing import Array, Axis, Namespace
from .namespace import building_block, substitute


@building_block
def row_sum(xp: Namespace, x: Array, axis: Axis) -> Array:
    """Add up along an axis, which is kept with size 1."""
    return xp.sum(x, axis=axis, keepdims=True)


@building_block
def row_dot(xp: Namespace, x: Array, y: Array, axis: Axis) -> Array:
    """Return the dot products of vectors along an axis, which is kept with size 1."""
    return xp.row_sum(x * y, axis)


@building_block
def norm(xp: Namespace, x: Array, axis: Axis) -> Array:
    """Return the Euclidean norm of vectors along an axis, which is kept with size 1.

    Its derivative at the zero vector is 0.
    """
    square = xp.row_dot(x, x, axis)
    zero = square == 0
    return xp.where(zero, 0.0, xp.sqrt(xp.where(zero, 1.0, square)))


@building_block
def whole(xp: Namespace, take: Callable[..., Array], x: Array, *more: Any) -> Array:
    """Return ``take(x, *more)``, a sum over the entries at hand, for whole rows.

    These may be all entries, or a piece of the rows.
    """
    return take(x, *more)


@building_block
def region_sum(xp: Namespace, x: Array, axis: Axis) -> Array:
    """Add up a long axis, kept with size 1, of whole rows: see `long_sum` and `whole`."""
    return xp.whole(xp.long_sum, x, axis)


@building_block
def first_sums(xp: Namespace, axis: Axis, *arrays: Array) -> list[Array]:
    """Return the sums of `region_sum` on which other sums depend.

    Of rows in pieces, a formula goes on from here when they are known.
    """
    return [xp.region_sum(x, axis) for x in arrays]


@building_block
def long_sum(xp: Namespace, x: Array, axis: Axis) -> Array:
    """Add up a long axis, kept with size 1: float32 in float64 where the device has it.

    A region may have more elements than float32 can count.
    """
    total = xp.sum(x, axis=axis, keepdims=True, dtype=xp.wide_dtype(x))
    return xp.astype(total, x.dtype)


class SoftmaxParts(NamedTuple):
    """The parts of a softmax, each without cancellation; rows keep their axis with size 1."""

    entries: Array
    top: Array
    """The largest entry of each row."""
    exponential: Array
    """exp(entries - top): 1 for the largest entry."""
    rest: Array
    """The sum of the exponentials without that of one largest entry, which is 1."""

    @property
    def shifted(self) -> Array:
        """The entries minus the largest."""
        return self.entries - self.top

    @property
    def gap(self) -> Array:
        """The largest entry minus the entries."""
        return self.top - self.entries

    @property
    def total(self) -> Array:
        """The sum of the exponentials."""
        return 1 + self.rest

    @property
    def others(self) -> Array:
        """For each entry the sum of the other exponentials, without cancellation."""
        return self.rest + (1 - self.exponential)

    @property
    def prob(self) -> Array:
        """The softmax."""
        return self.exponential / self.total

    @property
    def complement(self) -> Array:
        """1 minus the softmax."""
        return self.others / self.total


@building_block
def softmax_parts(xp: Namespace, x: Array, axis: Axis) -> SoftmaxParts:
    """Return the parts of the softmax of rows.

    Where one entry dominates, its exponential, 1, is kept out of the sum of the others. Rounding
    down selects it: all other exponentials become 0. Autodiff sees a sum of all exponentials, which
    is right for ties as well.
    """
    top = xp.max(x, axis=axis, keepdims=True)
    exponential = xp.exp(x - top)
    largest = xp.floor(exponential)
    rest = xp.row_sum(exponential - largest, axis) + (xp.row_sum(largest, axis) - 1)
    return SoftmaxParts(x, top, exponential, rest)


@building_block
def centred(xp: Namespace, x: Array, parts: SoftmaxParts, axis: Axis) -> Array:
    """Return numbers minus their mean under the softmax.

    The numbers of the largest entries are subtracted first, so that nothing cancels where one
    entry dominates. Times the softmax it is the derivative of the softmax along `x`.
    """
    largest = xp.floor(parts.exponential)
    shifted = x - xp.row_dot(largest, x, axis) / xp.row_sum(largest, axis)
    return shifted - xp.row_dot(parts.prob, shifted, axis)


@building_block
def softmax(xp: Namespace, x: Array, axis: Axis) -> Array:
    """Return the exponentials of rows, divided by their sum."""
    return xp.softmax_parts(x, axis).prob


@building_block
def log_softmax(xp: Namespace, x: Array, axis: Axis) -> Array:
    """Return the logarithm of the softmax, accurate also for a dominating entry."""
    parts = xp.softmax_parts(x, axis)
    return parts.shifted - xp.log1p(parts.rest)


@building_block
def logsumexp(xp: Namespace, x: Array, axis: Axis) -> Array:
    """Return the logarithm of the sum of exponentials of rows; their axis is kept with size 1."""
    top = xp.max(x, axis=axis, keepdims=True)
    infinite = xp.isinf(top)
    parts = xp.softmax_parts(xp.where(infinite, 0.0, x), axis)
    return xp.where(infinite, top, parts.top + xp.log1p(parts.rest))


def with_axis(numbers: Array, axis: Axis) -> Array:
    """Return one number per row with the axis of the rows, of size 1.

    It uses an index, because expand_dims fails on lazy arrays of unknown shape.
    """
    return numbers[..., None] if axis == -1 else numbers[None, ...]


@substitute
def arange(xp: Namespace, stop: int, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Return the numbers from 0."""
    return xp.asarray(list(range(stop)), dtype=dtype, device=device)


@substitute
def take_along_axis(xp: Namespace, x: Array, indices: Array, /, *, axis: int = -1) -> Array:
    """Take entries by a comparison of each index with each place, and a sum."""
    x, indices = (xp.moveaxis(each, axis, -1) for each in (x, indices))
    chosen = indices[..., None] == xp.places(x, -1, indices.dtype)[..., None, :]
    taken = xp.sum(xp.where(chosen, x[..., None, :], xp.zeros_like(x[..., None, :])), axis=-1)
    return xp.moveaxis(xp.astype(taken, x.dtype, copy=False), -1, axis)


@building_block
def pick(xp: Namespace, values: Array, labels: Array, axis: Axis) -> Array:
    """Return the entry of each row, along the first or the last axis, that its label names."""
    picked = xp.take_along_axis(values, with_axis(labels, axis), axis=axis)
    return picked[..., 0] if axis == -1 else picked[0, ...]


@building_block
def pick_kept(xp: Namespace, values: Array, labels: Array, axis: Axis) -> Array:
    """Return the result of `pick`, with the axis of the rows kept with size 1."""
    return with_axis(xp.pick(values, labels, axis), axis)


class LabelParts(NamedTuple):
    """The parts of the softmax at the label of each row; rows keep their axis with size 1."""

    entries: Array
    top: Array
    """The largest entry of each row."""
    exponential: Array
    """exp(entries - top), of all entries."""
    label: Array
    """The entry of the label."""
    own: Array
    """exp(label - top)"""
    others: Array
    """The sum of the exponentials of the other entries."""

    @property
    def gap(self) -> Array:
        """The largest entry minus that of the label."""
        return self.top - self.label

    @property
    def rest(self) -> Array:
        """The sum of all exponentials minus 1, accurate where the label has the largest entry."""
        return self.others + (self.own - 1)

    @property
    def total(self) -> Array:
        """The sum of all exponentials."""
        return self.others + self.own

    @property
    def prob(self) -> Array:
        """The softmax of the label."""
        return self.own / self.total

    @property
    def complement(self) -> Array:
        """1 minus the softmax of the label."""
        return self.others / self.total


@building_block
def label_parts(xp: Namespace, x: Array, labels: Array, axis: Axis) -> LabelParts:
    """Return the parts of the softmax at the label of each row.

    The sum of the others leaves out the label, so it is accurate where the label dominates.
    """
    top = xp.max(x, axis=axis, keepdims=True)
    exponential, label = xp.exp(x - top), xp.pick_kept(x, labels, axis)
    others = xp.row_sum(xp.where(xp.one_hot(labels, x, axis), 0.0, exponential), axis)
    return LabelParts(x, top, exponential, label, xp.exp(label - top), others)


@building_block
def places(xp: Namespace, like: Array, axis: Axis, dtype: Any = None) -> Array:
    """Return the numbers from 0 along an axis of an array, in a shape that broadcasts with it."""
    shape = [1] * like.ndim
    shape[axis] = -1
    numbers = xp.numbers(like.shape[axis], like, dtype)
    return xp.reshape(numbers, tuple(shape))


@building_block
def one_hot(xp: Namespace, labels: Array, like: Array, axis: Axis) -> Array:
    """Return for each entry of the rows of `like` whether the row's label names it."""
    return with_axis(labels, axis) == xp.places(like, axis, labels.dtype)


@building_block
def class_shares(
    xp: Namespace, target: Array, like: Array, axis: Axis, label_smoothing: float = 0.0
) -> Array:
    """Return the target of each class, also for labels, with a share spread over all classes."""
    if target.ndim < like.ndim:
        target = xp.astype(xp.one_hot(target, like, axis), like.dtype)
    return xp.smoothed(target, label_smoothing, like.shape[axis])


@building_block
def with_entry(xp: Namespace, x: Array, place: Array, number: Any, axis: Axis = -1) -> Array:
    """Put a number, or one per row, at a place of each row, if the row has that place.

    An override may write into `x`: pass an array that is not used afterwards.
    """
    number = with_axis(number, axis) if hasattr(number, "shape") else number
    return xp.where(xp.one_hot(place, x, axis), number, x)


@building_block
def entry(xp: Namespace, x: Array, place: Array) -> Array:
    """Return the entry at a place of each row, along the last axis, 0 outside the row."""
    inside = (place >= 0) & (place < x.shape[-1])
    return xp.where(inside, xp.pick(x, xp.where(inside, place, 0), -1), 0.0)


@building_block
def neighbours(xp: Namespace, x: Array, axis: Axis, by: int, fill: float | None) -> Array:
    """Return for each entry the one `by` places after it, or before it if `by` is negative.

    Outside the row it is `fill`, or the entry itself if `fill` is None. Entries are taken by index,
    not joined, because a lazy library can do that with an unknown number of rows.
    """
    size = x.shape[axis]
    place = xp.numbers(size, x)
    source = place + by
    taken = xp.take(x, xp.where((source < 0) | (source >= size), place, source), axis=axis)
    if fill is None:
        return taken
    source = xp.places(x, axis) + by
    return xp.where((source < 0) | (source >= size), fill, taken)


@building_block
def stable_order(xp: Namespace, x: Array, axis: Axis) -> Array:
    """Return the position of each entry in ascending order; ties keep their order."""
    return xp.argsort(
        x, axis=axis, stable=True
    )  # stable by default in the standard, but not in all libraries


@building_block
def put_back(xp: Namespace, x: Array, order: Array, axis: Axis) -> Array:
    """Undo an order, a permutation of the places of a row: move each entry back to its place."""
    return xp.take_along_axis(x, xp.stable_order(order, axis), axis=axis)


@building_block
def sum_of_others(xp: Namespace, x: Array, axis: Axis) -> Array:
    """Return for each entry of non-negative rows the sum of the others.

    The largest entry is kept out of the sum, and never subtracted.
    """
    top = xp.max(x, axis=axis, keepdims=True)
    is_top = x == top
    ties = xp.row_sum(xp.astype(is_top, x.dtype), axis) - 1
    rest = xp.row_sum(xp.where(is_top, 0.0, x), axis) + ties * top
    return rest + (top - x)

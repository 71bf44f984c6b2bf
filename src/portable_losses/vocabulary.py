"""Cross-entropy over a large vocabulary, without all logits in memory."""

from math import inf
from typing import Annotated, NamedTuple, Unpack

from ._loss import loss
from ._numerics.logits import LogitScale
from ._numerics.loops import Arrays, Stepped
from ._numerics.standard import is_exactly
from .typing import (
    Array,
    Axis,
    Labels,
    Namespace,
    NonNegative,
    Number,
    OneOfSeveral,
    Options,
    Positive,
    Real,
    SharedReal,
    UnitInterval,
)

__all__ = ["linear_cross_entropy"]

_LOGITS = 2**18
"""The number of logits in memory at a time,"""

_LEAST = 128
"""but at least those of this number of classes, for fast matrix products,"""

_WEIGHTS = 2**21
"""and at most those of the classes with this number of weights, which are copied."""


class VocabularyOptions(Options, total=False):
    """The options of a loss of features with weights for each class."""

    feature_axis: int
    class_weights: Array
    ignore_index: int | None


@loss(
    "(feature),(class,feature),(),(class)->()",
    predicted=("hidden", "weight", "bias"),
    steps="class",
)
def linear_cross_entropy(
    xp: Namespace,
    axis: Axis,
    hidden: Real,
    weight: Annotated[SharedReal, OneOfSeveral("binary_cross_entropy_with_logits")],
    labels: Labels,
    /,
    bias: SharedReal | None = None,
    *,
    label_smoothing: UnitInterval = 0.0,
    softcap: Positive | None = None,
    temperature: Positive = 1.0,
    z_loss: NonNegative = 0.0,
    **options: Unpack[VocabularyOptions],
) -> Array:
    r"""Cross-entropy of the logits ``hidden @ weight.T + bias``, a few of them at a time.

    Parameters
    ----------
    hidden : array
        Features of each token, H of them along `feature_axis`: real numbers.
    weight : array of shape (K, H)
        Weights of the K classes, which all tokens share: real numbers.
    labels : array or int
        Class labels, of the shape of `hidden` without the feature axis: integers of any dtype from
        0 to K - 1.
    bias : array of shape (K,), optional
        Added to the logits: real numbers, and -inf for a masked class.
    label_smoothing : float or array, default 0.0
        The share s of each target that is spread evenly over all classes, in [0, 1].
    softcap : float or array, optional
        A bound c of the logits: z becomes c * tanh(z / c), and a masked class stays masked. There
        is none by default.
    temperature : float or array, default 1.0
        The divisor of the logits, after `softcap`: positive.
    z_loss : float or array, default 0.0
        The factor of a penalty that keeps logits from drifting: the square of the logarithm of the
        sum of the exponentials.

    Returns
    -------
    array
        The reduced loss, in the dtype of `hidden` and `weight`, in nats.

    See Also
    --------
    cross_entropy : For given logits, with the same options.

    Notes
    -----
    With :math:`z = W h + b` the loss of a token with label k is

    .. math::

        \ell = \log \sum_j \exp z_j - z_k
        = \mathrm{softplus}\Bigl(\log \sum_{j \ne k} \exp z_j - z_k\Bigr).

    The exponentials of the other classes have a sum of their own, so nothing cancels where the
    right class dominates. The logits are computed for a few hundred classes at a time, and their
    exponentials are added up relative to the largest logit so far [1]_. For the gradients the
    logits are computed again: :math:`p_j - y_j` of some classes yields their rows of the gradient
    of `weight`, and their part of the gradient of `hidden`. At most a quarter of a million logits
    are in memory at a time, or 128 of each token if that is more. While the number of tokens is a
    symbol, as in an exported program, the logits of at most two million weights are.

    On JAX `jax.grad` computes the logits again too, and on torch ``backward()`` does, but
    `torch.func.grad` does not.

    The gradients are those of `hidden`, `weight` and, if given, `bias`. There is no second
    derivative. Logits are as precise as the matrix product of the library.

    ``torch.nn.functional.linear_cross_entropy`` has the labels as its last argument but one, and
    has none of `softcap`, `temperature` and `z_loss`. It applies class weights to the smoothing as
    well; here they weight tokens, as in `cross_entropy`.

    References
    ----------
    .. [1] M. Milakov and N. Gimelshein, "Online normalizer calculation for softmax", 2018.
       :doi:`10.48550/arXiv.1805.02867`
    .. [2] E. Wijmans et al., "Cut Your Losses in Large-Vocabulary Language Models", ICLR, 2025.
       :doi:`10.48550/arXiv.2411.09009`

    Examples
    --------
    >>> import portable_losses as pl
    >>> hidden = [[1.0, 2.0], [0.0, -1.0]]
    >>> weight = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> pl.linear_cross_entropy(hidden, weight, [2, 0], reduction="none")
    array([0.40760..., 0.55144...])
    >>> to_hidden, to_weight = pl.linear_cross_entropy.grad(hidden, weight, [2, 0])
    >>> to_weight.shape
    (3, 2)
    """
    rows = _Rows(xp, hidden, weight, bias, labels, LogitScale(softcap, temperature))
    return _value(
        xp, rows.seen(not is_exactly(label_smoothing, 0)), weight.shape[0], label_smoothing, z_loss
    )


@linear_cross_entropy.value_and_pullback
def _(
    xp: Namespace,
    axis: Axis,
    share: Array,
    hidden: Real,
    weight: SharedReal,
    labels: Labels,
    /,
    bias: SharedReal | None,
    *,
    label_smoothing: UnitInterval,
    softcap: Positive | None,
    temperature: Positive,
    z_loss: NonNegative,
) -> tuple[Array, tuple[Array, Array, Array | None]]:
    rows = _Rows(xp, hidden, weight, bias, labels, LogitScale(softcap, temperature))
    seen, classes = rows.seen(not is_exactly(label_smoothing, 0)), weight.shape[0]
    slopes = _Slopes(rows, seen, label_smoothing, z_loss)
    loops, counted = tuple(range(share.ndim)), xp.cast(share / seen.mass, hidden.dtype)[..., None]
    factors = (hidden * counted,) if bias is None else (hidden * counted, counted)

    def step(carried: Arrays, entries: Arrays) -> Stepped:
        slope, chosen = slopes.some(*entries)
        sums = tuple(xp.tensordot(slope, by, axes=(loops, loops)) for by in factors)
        return (carried[0] + xp.tensordot(slope, chosen, axes=1),), sums

    (to_hidden,), sums = xp.scan(step, (xp.zeros_like(hidden),), (rows.starts,))
    to_weight, *to_bias = (xp.reshape(each, (-1, each.shape[-1]))[:classes, :] for each in sums)
    value = _value(xp, seen, classes, label_smoothing, z_loss)
    return value, (to_hidden * counted, to_weight, to_bias[0][:, 0] if to_bias else None)


class _Seen(NamedTuple):
    """Sums over the logits of a row, in float64 where the device has it."""

    label: Array
    """The logit of the label."""
    top: Array
    """The largest logit."""
    of_label: Array
    """The exponential of the label's logit, relative to the largest."""
    of_others: Array
    """The sum of the other exponentials."""
    total: Array
    """The sum of all logits, if requested."""

    @property
    def mass(self) -> Array:
        """The sum of all exponentials."""
        return self.of_label + self.of_others

    def surprise(self, xp: Namespace) -> Array:
        """Return -log(p) of the label, as a sum of non-negative terms.

        Where the label has the largest logit, its exponential is 1 and drops out.
        """
        return xp.log1p((self.of_label - 1) + self.of_others) + (self.top - self.label)

    def log_total(self, xp: Namespace) -> Array:
        """Return the logarithm of the sum of all exponentials."""
        return self.top + xp.log(self.mass)


def _value(
    xp: Namespace, seen: _Seen, classes: int, label_smoothing: Number, z_loss: Number
) -> Array:
    value = seen.surprise(xp)
    if not is_exactly(label_smoothing, 0):
        value = value + label_smoothing * (seen.label - seen.total / classes)
    if not is_exactly(z_loss, 0):
        value = value + z_loss * seen.log_total(xp) ** 2
    return value


class _Rows:
    """The logits of the rows, some classes at a time."""

    def __init__(
        self,
        xp: Namespace,
        hidden: Array,
        weight: Array,
        bias: Array | None,
        labels: Array,
        scale: LogitScale,
    ) -> None:
        self.xp, self.hidden, self.weight, self.bias, self.labels, self.scale = (
            xp,
            hidden,
            weight,
            bias,
            labels,
            scale,
        )
        classes, features = weight.shape
        rows = max(xp.known_size(labels), 1)
        most = max(_LEAST, min(_LOGITS // rows, _WEIGHTS // features))
        fewest = -(-classes // most)
        # Steps of equal size, unless that takes twice as many.
        steps = next((n for n in range(fewest, 2 * fewest) if classes % n == 0), fewest)
        self.width = -(-classes // steps)
        self.even = steps * self.width == classes
        self.starts = xp.numbers(steps, labels, labels.dtype) * self.width

    def some(self, start: Array) -> tuple[Array, Array, Array, Array]:
        """Return some logits of the layer, their weights, the place of the label, and which exist.

        The last step may go beyond the classes; there its logits are -inf. If the label belongs to
        another step, its place is outside.
        """
        xp, classes = self.xp, self.weight.shape[0]
        places = start + xp.numbers(self.width, self.labels, self.labels.dtype)
        inside = places < classes
        within = places if self.even else xp.where(inside, places, 0)
        chosen = xp.take(self.weight, within, axis=0)
        logits = xp.tensordot(self.hidden, chosen, axes=((-1,), (-1,)))
        if self.bias is not None:
            logits = logits + xp.take(self.bias, within, axis=0)
        if not self.even:
            logits = xp.where(inside, logits, -inf)
        return logits, chosen, self.labels - start, inside

    def seen(self, totals: bool) -> _Seen:
        """Return the sums over all logits."""
        xp, wide = self.xp, self.xp.wide_dtype(self.hidden)

        def step(carried: Arrays, entries: Arrays) -> Stepped:
            label, top, rest, total = carried
            logits, _, place, inside = self.some(*entries)
            logits = self.scale.scaled(xp, logits)
            if totals:
                total = total + xp.cast(xp.sum(xp.where(inside, logits, 0.0), axis=-1), wide)
            label = label + xp.cast(xp.entry(logits, place), wide)
            others = xp.with_entry(logits, place, -inf)
            largest = xp.maximum(xp.cast(top, logits.dtype), xp.max(others, axis=-1))
            base = xp.where(largest == -inf, 0.0, largest)
            sums = xp.cast(xp.sum(xp.exp(others - base[..., None]), axis=-1), wide)
            rest = rest * xp.exp(top - xp.cast(base, wide)) + sums
            return (label, xp.cast(largest, wide), rest, total), ()

        none = xp.zeros_like(self.hidden[..., 0], dtype=wide)
        started = (none, xp.full_like(none, -inf), none, none)
        (label, others, rest, total), _ = xp.scan(step, started, (self.starts,), remember=False)
        top = xp.maximum(label, others)
        of_label = xp.exp(label - top)
        of_top = xp.exp(others - top)
        return _Seen(label, top, of_label, rest * of_top, total)


class _Slopes:
    """The derivatives with respect to the logits times the mass of the row, some at a time.

    That of the label is p - 1, computed from the others, so that it is not 0 where the label
    dominates. The smoothing adds its share.
    """

    def __init__(self, rows: _Rows, seen: _Seen, label_smoothing: Number, z_loss: Number) -> None:
        mass, drift = seen.mass, 2 * z_loss * seen.log_total(rows.xp)
        spread = label_smoothing / rows.weight.shape[0]
        of_label = drift * seen.of_label - seen.of_others + (label_smoothing - spread) * mass
        self.rows, self.smoothed = rows, not is_exactly(label_smoothing, 0)
        self.drifts = not is_exactly(z_loss, 0)
        self.of_label, self.top, self.of_all, self.of_each = (
            rows.xp.cast(x, rows.hidden.dtype)
            for x in (of_label, seen.top, 1 + drift, spread * mass)
        )

    def some(self, start: Array) -> tuple[Array, Array]:
        """Return the slopes of some logits, and their weights."""
        xp, rows = self.rows.xp, self.rows
        logits, chosen, place, inside = rows.some(start)
        slope = xp.exp(rows.scale.scaled(xp, logits) - self.top[..., None])
        if self.drifts:
            slope = slope * self.of_all[..., None]
        if self.smoothed:
            slope = slope - self.of_each[..., None]
        slope = xp.with_entry(slope, place, self.of_label)
        slope = rows.scale.slope(xp, logits, slope)
        return slope if rows.even else xp.where(inside, slope, 0.0), chosen

"""The circle loss, which weights each pair by its distance from the optimum."""

from typing import Annotated, NamedTuple, Unpack

from annotated_types import Ge, Le

from .._loss import loss
from .._numerics.rows import SoftmaxParts
from ..typing import Array, Axis, Labels, Namespace, Number, Positive, Real
from ._labels import Pairs, count, labelled_pairs, softmax_of
from ._pairs import SetOptions

__all__ = ["circle_loss"]

Margin = Annotated[Number, Ge(-1), Le(1)]


@loss("(sample,feature),(sample)->()")
def circle_loss(
    xp: Namespace,
    axis: Axis,
    embedding: Real,
    labels: Labels,
    /,
    *,
    margin: Margin = 0.4,
    gamma: Positive = 80.0,
    **options: Unpack[SetOptions],
) -> Array:
    r"""Circle loss: weights each pair of a labelled set by its distance from the optimum.

    Parameters
    ----------
    embedding : array
        A set of n vectors along `sample_axis`, with entries along `feature_axis`: real numbers.
    labels : array
        Integers of the shape of `embedding` without the feature axis: vectors with one label belong
        together. Any integers are valid.
    margin : float or array, default 0.4
        The allowed distance from the optimum, in [-1, 1]. The decision boundary is a circle with
        this radius times the root of 2.
    gamma : float or array, default 80
        The factor of the exponents: positive. The higher it is, the more the hardest pairs count.

    Returns
    -------
    array
        The reduced loss, one value for each set, in the dtype of `embedding`, in nats.

    See Also
    --------
    ntxent_loss : Compares a positive only with negatives.
    supcon_loss : Compares a positive with all other vectors.

    Notes
    -----
    With the cosine :math:`c_{ij}` of vectors i and j, the margin m, and the others with
    and without the label of vector i, :math:`P_i` and :math:`N_i`, the loss of a set is the mean,
    over the vectors that have both, of

    .. math:: \ell_i = \mathrm{softplus} \Bigl( \log \sum_{j \in N_i} e^{\gamma h(c_{ij})}
       + \log \sum_{p \in P_i} e^{\gamma h(1 - c_{ip})} \Bigr),
       \quad h(x) = \max(0, x + m) (x - m).

    A set without such a vector has a loss of 0 and a gradient of 0. The zero vector has a cosine of
    0 with every other, and its gradient is 0. A vector with an infinite entry makes the loss NaN.
    The largest temporaries hold n x n numbers.

    The gradient is the derivative of this value. The derivative of h is :math:`2 x`, and 0 up to
    :math:`-m`. In the paper, pytorch-metric-learning and Keras the weight :math:`\max(0, x + m)` is
    a constant for the gradient, which has :math:`x + m` in place of :math:`2 x` and is not the
    derivative of any function. There a negative with a cosine between :math:`-m` and 0 is pushed
    further away; here it is drawn to a right angle. At the optimum, a cosine of 0 for negatives and
    1 for positives, the derivative is 0.

    pytorch-metric-learning has the same value, but leaves vectors whose loss has rounded to 0 out
    of the mean. The defaults are those of the two packages and of the paper for image retrieval;
    for faces the paper has 0.25 and 256.

    References
    ----------
    .. [1] Y. Sun et al., "Circle Loss: A Unified Perspective of Pair Similarity Optimization", CVPR
       2020. :doi:`10.1109/CVPR42600.2020.00643`

    Examples
    --------
    >>> import portable_losses as pl
    >>> embedding = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [0.6, 0.8]]
    >>> float(pl.circle_loss(embedding, [0, 0, 1, 1], margin=0.25, gamma=4.0))
    2.51462199...
    >>> float(pl.circle_loss(embedding, [0, 1, 2, 3]))
    0.0
    """
    return _circle(xp, _circles(xp, embedding, labels, margin, gamma))


class Exponent(NamedTuple):
    """The exponents of the positives, or of the negatives, and the parts of their softmax."""

    softmax: SoftmaxParts
    slope: Array
    """The derivatives of the exponents with respect to the cosines."""
    bend: Array
    """The second derivatives."""

    def log_sum(self, xp: Namespace) -> Array:
        """Return the logarithm of the sum of the exponentials."""
        return self.softmax.top + xp.log1p(self.softmax.rest)

    def weight(self) -> Array:
        """Return its derivative with respect to the cosines."""
        return self.softmax.prob * self.slope

    def curvature(self) -> Array:
        """Return the second derivative of the sum, divided by the sum."""
        return self.softmax.prob * (self.slope * self.slope + self.bend)


class Circles(NamedTuple):
    """The parts of the loss."""

    pairs: Pairs
    positive: Exponent
    negative: Exponent
    ahead: Array
    """The argument of the softplus of each vector."""
    importance: Array
    """The weight of a vector: 0 if it has no positives or no negatives."""

    def weight(self, xp: Namespace) -> Array:
        """Return the derivative with respect to the cosines."""
        slopes = self.positive.weight() + self.negative.weight()
        return self.importance * xp.sigmoid(self.ahead) * slopes


def _exponent(
    xp: Namespace, cosine: Array, some: Array, margin: Number, gamma: Number, sign: float
) -> Exponent:
    """Return gamma * h(x), where x is the cosine or, with the sign -1, 1 - cosine."""
    x = cosine if sign > 0 else 1 - cosine
    flat = x <= -margin
    height = xp.where(flat, 0.0, gamma * (x + margin) * (x - margin))
    slope = xp.where(flat, 0.0, 2 * sign * gamma * x)
    bend = xp.where(flat, 0.0, 2 * gamma * xp.ones_like(x))
    return Exponent(softmax_of(xp, height, some, 8 * gamma), slope, bend)


def _circles(
    xp: Namespace, embedding: Array, labels: Array, margin: Number, gamma: Number
) -> Circles:
    pairs = labelled_pairs(xp, embedding, labels)
    positive = _exponent(xp, pairs.rows.cosine, pairs.same, margin, gamma, -1.0)
    negative = _exponent(xp, pairs.rows.cosine, pairs.other, margin, gamma, 1.0)
    both = xp.astype(
        (xp.row_sum(pairs.same, -1) > 0) & (xp.row_sum(pairs.other, -1) > 0), pairs.same.dtype
    )
    return Circles(
        pairs,
        positive,
        negative,
        positive.log_sum(xp) + negative.log_sum(xp),
        both / count(xp, both),
    )


def _circle(xp: Namespace, found: Circles) -> Array:
    return xp.sum(found.importance * xp.softplus(found.ahead), axis=(-2, -1))


@circle_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    embedding: Real,
    labels: Labels,
    /,
    *,
    margin: Margin,
    gamma: Positive,
) -> tuple[Array, Array]:
    found = _circles(xp, embedding, labels, margin, gamma)
    return _circle(xp, found), found.pairs.slope(xp, found.weight(xp))


@circle_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    embedding: Real,
    labels: Labels,
    /,
    *,
    margin: Margin,
    gamma: Positive,
) -> Array:
    found = _circles(xp, embedding, labels, margin, gamma)
    share, other = xp.sigmoids(found.ahead)
    rows, weights = found.pairs.rows, (found.positive.weight(), found.negative.weight())
    both = weights[0] + weights[1]
    # The second derivative of log(sum) is that of the sum, minus the square of the slope.
    bent = found.positive.curvature() + found.negative.curvature()
    along = (
        other * rows.shift(xp, both) ** 2
        + rows.spread(xp, bent)
        - sum(rows.shift(xp, weight) ** 2 for weight in weights)
    )
    alone = other * both**2 + bent - sum(weight**2 for weight in weights)
    scale = found.importance * share
    return found.pairs.bend(xp, found.weight(xp), scale * along, scale * alone)

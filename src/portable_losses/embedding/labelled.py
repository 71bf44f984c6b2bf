"""Contrastive losses of one set of vectors, with labels that mark which belong together."""

from typing import NamedTuple, Unpack

from .._loss import loss
from .._numerics.rows import SoftmaxParts
from ..typing import Array, Axis, Labels, Namespace, Number, Positive, Real
from ._labels import Pairs, count, labelled_pairs, softmax_of
from ._pairs import SetOptions

__all__ = ["ntxent_loss", "supcon_loss"]


@loss("(sample,feature),(sample)->()")
def ntxent_loss(
    xp: Namespace,
    axis: Axis,
    embedding: Real,
    labels: Labels,
    /,
    *,
    temperature: Positive = 0.07,
    **options: Unpack[SetOptions],
) -> Array:
    r"""Normalised temperature-scaled cross-entropy: each positive pair against the negatives.

    Parameters
    ----------
    embedding : array
        A set of n vectors along `sample_axis`, with entries along `feature_axis`: real numbers.
    labels : array
        Integers of the shape of `embedding` without the feature axis: vectors with one label belong
        together. Any integers are valid.
    temperature : float or array, default 0.07
        The divisor of the cosines: positive. The lower it is, the more the hardest negatives
        count.

    Returns
    -------
    array
        The reduced loss, one value for each set, in the dtype of `embedding`, in nats.

    See Also
    --------
    supcon_loss : Has the other positives in the denominator as well.
    info_nce_loss : For two sets of paired vectors.

    Notes
    -----
    With the cosine :math:`c_{ij}` of vectors i and j, the temperature :math:`\tau` and the positive
    pairs :math:`P`, two different vectors with one label each, the loss of a set is

    .. math:: \ell = \frac{1}{|P|} \sum_{(i, p) \in P}
       -\log \frac{e^{c_{ip} / \tau}}{e^{c_{ip} / \tau} + \sum_{j: y_j \ne y_i} e^{c_{ij} / \tau}},

    where each term is computed as a softplus: of the logarithm of the sum of the negatives, minus
    the exponent of the positive. A set without a positive pair, or without a negative, has loss 0
    and gradient 0. The zero vector has a cosine of 0 with every other, and its gradient is 0. A
    vector with an infinite entry makes the loss NaN.

    With the share :math:`s_{ip}` of the negatives in a denominator, the derivative with respect to
    :math:`c_{ip}` is :math:`-s_{ip} / (\tau |P|)`, and that with respect to a negative
    :math:`c_{ij}` its share among the negatives times :math:`\sum_p s_{ip} / (\tau |P|)`. The
    largest temporaries hold n x n numbers.

    optax and pytorch-metric-learning have the same loss; without a positive pair it is NaN in
    optax. In SimCLR each vector has one positive; then this loss equals `supcon_loss`.

    References
    ----------
    .. [1] T. Chen, S. Kornblith, M. Norouzi and G. Hinton, "A Simple Framework for Contrastive
       Learning of Visual Representations", ICML 2020. :doi:`10.48550/arXiv.2002.05709`

    Examples
    --------
    >>> import portable_losses as pl
    >>> embedding = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [0.6, 0.8]]
    >>> float(pl.ntxent_loss(embedding, [0, 0, 1, 1], temperature=0.5))
    0.87071375705...
    >>> float(pl.ntxent_loss(embedding, [0, 1, 2, 3]))
    0.0
    """
    return _ntxent(xp, _against_negatives(xp, embedding, labels, temperature))


class Negatives(NamedTuple):
    """The parts of `ntxent_loss`."""

    pairs: Pairs
    softmax: SoftmaxParts
    """Of the negatives."""
    ahead: Array
    """The logarithm of the sum over the negatives, minus the exponent of each positive."""

    def shares(self, xp: Namespace) -> tuple[Array, Array]:
        """Return for each positive pair the share of the negatives, and that of the positive."""
        lost, kept = xp.sigmoids(self.ahead)
        return self.pairs.same * lost, self.pairs.same * kept

    def weight(self, xp: Namespace, temperature: Number) -> Array:
        """Return the derivative with respect to the cosines."""
        lost, _ = self.shares(xp)
        return (xp.row_sum(lost, -1) * self.softmax.prob - lost) / (
            temperature * count(xp, self.pairs.same)
        )


def _against_negatives(
    xp: Namespace, embedding: Array, labels: Array, temperature: Number
) -> Negatives:
    pairs = labelled_pairs(xp, embedding, labels)
    exponent = pairs.rows.cosine / temperature
    softmax = softmax_of(xp, exponent, pairs.other, 2 / temperature)
    return Negatives(pairs, softmax, softmax.top + xp.log1p(softmax.rest) - exponent)


def _ntxent(xp: Namespace, found: Negatives) -> Array:
    same = found.pairs.same
    return xp.sum(same * xp.softplus(found.ahead) / count(xp, same), axis=(-2, -1))


@ntxent_loss.value_and_derivative
def _(
    xp: Namespace, axis: Axis, embedding: Real, labels: Labels, /, *, temperature: Positive
) -> tuple[Array, Array]:
    found = _against_negatives(xp, embedding, labels, temperature)
    return _ntxent(xp, found), found.pairs.slope(xp, found.weight(xp, temperature))


@ntxent_loss.second_derivative
def _(
    xp: Namespace, axis: Axis, embedding: Real, labels: Labels, /, *, temperature: Positive
) -> Array:
    found = _against_negatives(xp, embedding, labels, temperature)
    lost, kept = found.shares(xp)
    among, rows = found.softmax.prob, found.pairs.rows
    lost_of_all, squares, both = xp.row_sum(lost, -1), xp.row_sum(lost * lost, -1), lost * kept
    shift = rows.shift(xp, among)
    curvature = rows.spread(xp, both) + lost_of_all * rows.spread(xp, among)
    curvature = curvature - shift * (squares * shift + 2 * rows.shift(xp, both))
    alone = both + among * (lost_of_all - among * squares)
    scale = temperature**2 * count(xp, found.pairs.same)
    return found.pairs.bend(xp, found.weight(xp, temperature), curvature / scale, alone / scale)


@loss("(sample,feature),(sample)->()")
def supcon_loss(
    xp: Namespace,
    axis: Axis,
    embedding: Real,
    labels: Labels,
    /,
    *,
    temperature: Positive = 0.1,
    **options: Unpack[SetOptions],
) -> Array:
    r"""Supervised contrastive loss: mean cross-entropy of a vector's positives among the others.

    Parameters
    ----------
    embedding : array
        A set of n vectors along `sample_axis`, with entries along `feature_axis`: real numbers.
    labels : array
        Integers of the shape of `embedding` without the feature axis: vectors with one label belong
        together. Any integers are valid.
    temperature : float or array, default 0.1
        The divisor of the cosines: positive. The lower it is, the more the hardest negatives
        count.

    Returns
    -------
    array
        The reduced loss, one value for each set, in the dtype of `embedding`, in nats.

    See Also
    --------
    ntxent_loss : Compares a positive only with negatives.
    info_nce_loss : For two sets of paired vectors.

    Notes
    -----
    With the cosine :math:`c_{ij}` of vectors i and j, the temperature :math:`\tau` and the
    positives :math:`P_i` of vector i, the others with its label, the loss of a set is the mean over
    the vectors that have positives of

    .. math::

        \ell_i = \log \Bigl( \sum_{j \ne i} e^{c_{ij} / \tau} \Bigr)
                 - \frac{1}{|P_i|} \sum_{p \in P_i} c_{ip} / \tau,

    in which the largest exponential is kept out of the sum of the others. A set without a positive
    pair has loss 0 and gradient 0. The zero vector has a cosine of 0 with every other,
    and its gradient is 0. A vector with an infinite entry makes the loss NaN.

    With the softmax :math:`p_{ij}` over the other vectors the derivative with respect to
    :math:`c_{ij}` is :math:`p_{ij} - [j \in P_i] / |P_i|`, divided by the temperature and the
    number of vectors that have positives. The largest temporaries hold n x n numbers.

    The paper calls this loss "out". pytorch-metric-learning has the same, but returns 0 for a set
    in which all labels are equal. The authors' program multiplies it by the temperature divided by
    0.07.

    References
    ----------
    .. [1] P. Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020.
       :doi:`10.48550/arXiv.2004.11362`

    Examples
    --------
    >>> import portable_losses as pl
    >>> embedding = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [0.6, 0.8]]
    >>> float(pl.supcon_loss(embedding, [0, 0, 1, 1], temperature=0.5))
    0.87071375705...
    >>> float(pl.supcon_loss(embedding, [0, 1, 2, 3]))
    0.0
    """
    return _supcon(xp, _against_others(xp, embedding, labels, temperature))


class Others(NamedTuple):
    """The parts of `supcon_loss`."""

    pairs: Pairs
    softmax: SoftmaxParts
    """Of all but the vector itself."""
    positives: Array
    """The number of positives of a vector, 1 if it has none."""
    importance: Array
    """The weight of a vector: 0 if it has no positives."""

    def weight(self, xp: Namespace, temperature: Number) -> Array:
        """Return the derivative with respect to the cosines."""
        softmax, positives = self.softmax, self.positives
        lacking = ((positives - 1) * softmax.exponential - softmax.others) / (
            positives * (1 + softmax.rest)
        )
        return (
            self.importance
            * xp.where(self.pairs.same == 1, lacking, self.softmax.prob)
            / temperature
        )


def _against_others(xp: Namespace, embedding: Array, labels: Array, temperature: Number) -> Others:
    pairs = labelled_pairs(xp, embedding, labels)
    positives = xp.row_sum(pairs.same, -1)
    some = xp.astype(positives > 0, positives.dtype)
    softmax = softmax_of(xp, pairs.rows.cosine / temperature, 1 - pairs.themselves, 2 / temperature)
    return Others(pairs, softmax, xp.where(positives == 0, 1.0, positives), some / count(xp, some))


def _supcon(xp: Namespace, found: Others) -> Array:
    right = xp.row_sum(found.pairs.same * found.softmax.shifted, -1) / found.positives
    return xp.sum(found.importance * (xp.log1p(found.softmax.rest) - right), axis=(-2, -1))


@supcon_loss.value_and_derivative
def _(
    xp: Namespace, axis: Axis, embedding: Real, labels: Labels, /, *, temperature: Positive
) -> tuple[Array, Array]:
    found = _against_others(xp, embedding, labels, temperature)
    return _supcon(xp, found), found.pairs.slope(xp, found.weight(xp, temperature))


@supcon_loss.second_derivative
def _(
    xp: Namespace, axis: Axis, embedding: Real, labels: Labels, /, *, temperature: Positive
) -> Array:
    found = _against_others(xp, embedding, labels, temperature)
    share, rows = found.softmax.prob, found.pairs.rows
    scale = found.importance / temperature**2
    curvature = scale * (rows.spread(xp, share) - rows.shift(xp, share) ** 2)
    return found.pairs.bend(
        xp, found.weight(xp, temperature), curvature, scale * share * found.softmax.complement
    )

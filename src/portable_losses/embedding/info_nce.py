"""The contrastive loss of two sets of paired vectors."""

from typing import NamedTuple, Unpack

from .._loss import loss
from .._numerics.rows import SoftmaxParts
from ..typing import Array, Axis, Namespace, Number, Positive, Real
from ._pairs import Rows, SetOptions, diagonal, rows

__all__ = ["info_nce_loss"]


@loss("(sample,feature),(sample,feature)->()", predicted=2)
def info_nce_loss(
    xp: Namespace,
    axis: Axis,
    query: Real,
    key: Real,
    /,
    *,
    temperature: Positive = 0.1,
    **options: Unpack[SetOptions],
) -> Array:
    r"""Cross-entropy of the right key among all keys, by their similarity to a query.

    Parameters
    ----------
    query : array
        A set of n vectors along `sample_axis`, with entries along `feature_axis`: real numbers.
    key : array
        Vectors of the shape of `query`. Each is the positive of the query at the same position, and
        a negative of all other queries.
    temperature : float or array, default 0.1
        The divisor of the cosines: positive. The lower it is, the more the hardest negatives
        count.

    Returns
    -------
    array
        The reduced loss, one value for each set, in the dtype of `query`, in nats.

    See Also
    --------
    ntxent_loss : For one set, with labels that mark which vectors belong together.
    supcon_loss : With several positives.
    cross_entropy : For given logits.

    Notes
    -----
    With the cosine :math:`c_{ij}` of query i and key j, and the temperature
    :math:`\tau`, the loss of a set is

    .. math:: \ell = \frac{1}{n} \sum_i \log \Bigl( \sum_j e^{c_{ij} / \tau} \Bigr) - c_{ii} / \tau,

    in which the largest exponential is kept out of the sum of the others, so that small losses are
    accurate. A set of one has loss 0. The zero vector has a cosine of 0 with every other, and its
    gradient is 0. A vector with an infinite entry makes the loss NaN.

    With the softmax :math:`p_{ij}` of a query's cosines, let :math:`g_i = \sum_j (p_{ij} - [i = j])
    \hat k_j / (n \tau)`. Then the derivative with respect to query i is :math:`(g_i - \hat q_i
    (\hat q_i \cdot g_i)) / |q_i|`; that of the keys is the same with the two exchanged. The second
    derivative adds the variance of the rates of the cosines. The largest temporary holds the n x n
    cosines.

    Only queries choose among keys. The symmetric loss is the mean of this loss and of the loss with
    the two arrays exchanged. Some packages use the scalar product instead of the cosine.

    References
    ----------
    .. [1] A. van den Oord, Y. Li and O. Vinyals, "Representation Learning with Contrastive
       Predictive Coding", 2018. :doi:`10.48550/arXiv.1807.03748`

    Examples
    --------
    >>> import portable_losses as pl
    >>> query, key = [[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [3.0, 4.0]]
    >>> float(pl.info_nce_loss(query, key, temperature=1.0))
    0.44205795917...
    >>> pl.info_nce_loss.grad(query, key, temperature=1.0)[0]
    array([[0.        , 0.16052494],
           [0.0620051 , 0.        ]])
    """
    return _value(xp, _parts(xp, query, key, temperature))


class Parts(NamedTuple):
    """The common parts of value and derivatives."""

    rows: Rows
    softmax: SoftmaxParts
    own: Array
    """Which pairs belong together."""

    def pull(self, xp: Namespace) -> Array:
        """Return the derivative with respect to the exponents, times the number of queries."""
        share, complement = self.softmax.prob, self.softmax.complement
        return xp.where(self.own, -complement, share)


def _parts(xp: Namespace, query: Array, key: Array, temperature: Number) -> Parts:
    found = rows(xp, query, key)
    # Cosines are subtracted before the division: the difference of similar ones is exact.
    below = found.cosine - xp.max(found.cosine, axis=-1, keepdims=True)
    softmax = xp.softmax_parts(below / temperature, -1)
    return Parts(found, softmax, diagonal(xp, found.cosine))


def _value(xp: Namespace, parts: Parts) -> Array:
    right = xp.sum(xp.where(parts.own, parts.softmax.shifted, 0.0), axis=-1, keepdims=True)
    return xp.mean(xp.log1p(parts.softmax.rest) - right, axis=(-2, -1))


@info_nce_loss.value_and_derivative
def _(
    xp: Namespace, axis: Axis, query: Real, key: Real, /, *, temperature: Positive
) -> tuple[Array, tuple[Array, Array]]:
    parts = _parts(xp, query, key, temperature)
    weight = parts.pull(xp) / (temperature * query.shape[-2])
    return _value(xp, parts), (
        parts.rows.slope(xp, weight),
        parts.rows.transposed(xp).slope(xp, xp.matrix_transpose(weight)),
    )


@info_nce_loss.second_derivative
def _(
    xp: Namespace, axis: Axis, query: Real, key: Real, /, *, temperature: Positive
) -> tuple[Array, Array]:
    parts = _parts(xp, query, key, temperature)
    count, share = query.shape[-2], parts.softmax.prob
    weight = parts.pull(xp) / (temperature * count)
    both = share * parts.softmax.complement
    by_key = parts.rows.transposed(xp)
    variance = parts.rows.spread(xp, share) - parts.rows.shift(xp, share) ** 2
    bend = by_key.spread(xp, xp.matrix_transpose(both))
    return (
        parts.rows.bend(xp, weight, variance / (temperature**2 * count)),
        by_key.bend(xp, xp.matrix_transpose(weight), bend / (temperature**2 * count)),
    )

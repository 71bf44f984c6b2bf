"""Losses of the angle between two vectors."""

from typing import Annotated, Unpack

from annotated_types import Ge, Le

from .._loss import loss
from ..typing import Array, Axis, Namespace, Number, Real, Sign
from ._vectors import Angle, FeatureOptions, along, angle, by_sign

__all__ = ["cosine_distance_loss", "cosine_embedding_loss"]


@loss("(feature),(feature)->()")
def cosine_distance_loss(
    xp: Namespace, axis: Axis, pred: Real, target: Real, /, **options: Unpack[FeatureOptions]
) -> Array:
    r"""Cosine distance: 1 minus the cosine of the angle between two vectors.

    Parameters
    ----------
    pred : array
        Predicted vectors along `feature_axis`: real numbers.
    target : array
        Vectors of the shape of `pred`: real numbers.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit: 0 for one direction, 1 for a right
        angle, 2 for opposite ones.

    See Also
    --------
    cosine_embedding_loss : Pulls some pairs together and pushes others apart.
    mse_loss : Depends on lengths as well.

    Notes
    -----
    With the directions :math:`\hat p = p / |p|` and :math:`\hat y = y / |y|` the loss of a pair is

    .. math:: \ell = 1 - \hat p \cdot \hat y = \tfrac{1}{2} |\hat p - \hat y|^2,

    computed in the second form: the loss of equal vectors is 0, and small losses are accurate,
    while the first form cancels. Lengths do not matter, but the squares of the entries must neither
    overflow nor underflow. The zero vector has a similarity of 0 with every vector: a loss of 1,
    and a gradient of 0. A vector with an infinite entry has no direction, and its loss is NaN.

    The derivative with respect to `p` is :math:`(\cos \hat p - \hat y) / |p|`, orthogonal to `p`.
    The second derivative is :math:`(2 \hat p_k (\hat y_k - \cos \hat p_k) + \cos (1 - \hat
    p_k^2)) / |p|^2`. Both grow as `p` becomes short.

    optax has the same loss, but NaN for zero vectors; with an `epsilon` its loss of a short vector
    and itself is not 0. The cosine similarity of Keras is minus the cosine, that of MLX plus the
    cosine. torch has only the similarity, along axis 1.

    References
    ----------
    .. [1] G. Salton, A. Wong and C. S. Yang, "A Vector Space Model for Automatic Indexing",
       Communications of the ACM 18, 1975. :doi:`10.1145/361219.361220`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pred = [[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]]
    >>> target = [[6.0, 8.0], [0.0, 2.0], [1.0, 1.0]]
    >>> pl.cosine_distance_loss(pred, target, reduction="none")
    array([0., 1., 1.])
    >>> pl.cosine_distance_loss.grad([3.0, 4.0], [4.0, 3.0])
    array([-0.0448,  0.0336])
    """
    return xp.squeeze(angle(xp, axis, pred, target).gap, axis=axis)


@cosine_distance_loss.value_and_derivative
def _(xp: Namespace, axis: Axis, pred: Real, target: Real, /) -> tuple[Array, Array]:
    found = angle(xp, axis, pred, target)
    return xp.squeeze(found.gap, axis=axis), -found.slopes(xp)[0]


@cosine_distance_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Real, target: Real, /) -> Array:
    return -angle(xp, axis, pred, target).bends(xp)[0]


@loss("(feature),(feature),()->()", predicted=2)
def cosine_embedding_loss(
    xp: Namespace,
    axis: Axis,
    left: Real,
    right: Real,
    target: Sign,
    /,
    *,
    margin: Annotated[Number, Ge(-1.0), Le(1.0)] = 0.0,
    **options: Unpack[FeatureOptions],
) -> Array:
    r"""Cosine distance of pairs that belong together, cosine similarity of the others.

    Parameters
    ----------
    left : array
        The first vector of each pair, along `feature_axis`: real numbers.
    right : array
        The second vectors, in the shape of `left`: real numbers.
    target : array or number
        Of the shape of `left` without the feature axis: +1 for a pair that belongs together, -1 for
        one that does not.
    margin : float or array, default 0
        The cosine up to which a negative pair costs nothing: from -1 to 1.

    Returns
    -------
    array
        The reduced loss, in the dtype of `left`, without a unit: at most 2.

    See Also
    --------
    cosine_distance_loss : For positive pairs only.
    contrastive_loss : From distances instead of angles.

    Notes
    -----
    With the cosine :math:`c` of the angle between the two the loss of a pair is

    .. math:: \ell = \begin{cases} 1 - c & y = +1 \\ \max(0, c - m) & y = -1, \end{cases}

    where the first is computed as in `cosine_distance_loss`, without cancellation. The zero vector
    has a cosine of 0 with every vector, and its gradient is 0. At the margin and below it the
    gradient is 0. The derivatives are those of the cosine. With respect to `left` the first is
    :math:`(\hat b - c\, \hat a) / |a|` and the second :math:`-(2 \hat a_k (\hat b_k - c\, \hat a_k)
    + c (1 - \hat a_k^2)) / |a|^2`.

    torch has the same loss, except for an epsilon: two equal vectors of length 1e-5 cost 0.0099
    there. A target other than -1 and +1 has loss NaN where values are not checked, and 0 in torch.

    References
    ----------
    .. [1] torch.nn.functional, ``cosine_embedding_loss``, after which the loss is named.

    Examples
    --------
    >>> import portable_losses as pl
    >>> left, right = [[3.0, 4.0], [3.0, 4.0]], [[4.0, 3.0], [4.0, 3.0]]
    >>> pl.cosine_embedding_loss(left, right, [1.0, -1.0], margin=0.5, reduction="none")
    array([0.04, 0.46])
    >>> pl.cosine_embedding_loss.grad([3.0, 4.0], [4.0, 3.0], -1.0)
    (array([ 0.0448, -0.0336]), array([-0.0336,  0.0448]))
    """
    return _value(xp, axis, angle(xp, axis, left, right), target, margin)


def _value(xp: Namespace, axis: Axis, found: Angle, target: Array, margin: Number) -> Array:
    above = xp.where(found.cosine <= margin, 0.0, found.cosine - margin)
    return xp.squeeze(by_sign(xp, along(axis, target), found.gap, above), axis=axis)


def _signed(
    xp: Namespace, axis: Axis, found: Angle, target: Array, margin: Number, x: Array
) -> Array:
    """Return the factor from the derivatives of the cosine to those of the loss."""
    return by_sign(xp, along(axis, target), -x, xp.where(found.cosine <= margin, 0.0, x))


@cosine_embedding_loss.value_and_derivative
def _(
    xp: Namespace, axis: Axis, left: Real, right: Real, target: Sign, /, *, margin: Number
) -> tuple[Array, tuple[Array, ...]]:
    found = angle(xp, axis, left, right)
    slopes = tuple(_signed(xp, axis, found, target, margin, x) for x in found.slopes(xp))
    return _value(xp, axis, found, target, margin), slopes


@cosine_embedding_loss.second_derivative
def _(
    xp: Namespace, axis: Axis, left: Real, right: Real, target: Sign, /, *, margin: Number
) -> tuple[Array, ...]:
    found = angle(xp, axis, left, right)
    return tuple(_signed(xp, axis, found, target, margin, x) for x in found.bends(xp))

"""Losses of given distances and scores, with a margin."""

from typing import Unpack

from .._loss import loss
from ..typing import Array, Namespace, NonNegative, Number, Options, Positive, Real, Sign
from ._vectors import by_sign

__all__ = ["hinge_embedding_loss", "margin_ranking_loss"]


@loss(temporaries=8)
def hinge_embedding_loss(
    xp: Namespace,
    pred: Real,
    target: Sign,
    /,
    *,
    margin: Positive = 1.0,
    **options: Unpack[Options],
) -> Array:
    r"""Distance of positive pairs, and the shortfall of negative ones from a margin.

    Parameters
    ----------
    pred : array
        Distances of pairs, of any shape: real numbers.
    target : array or number
        Of the shape of `pred`: +1 for a pair that belongs together, -1 for one that does not.
    margin : float or array, default 1
        The distance from which a negative pair costs nothing: positive.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and in its unit.

    See Also
    --------
    contrastive_loss : From vectors, with squares.
    hinge_loss : The hinge loss of a classifier.

    Notes
    -----
    The loss of a distance `x` is

    .. math:: \ell = \begin{cases} x & y = +1 \\ \max(0, m - x) & y = -1. \end{cases}

    The derivative is 1, or -1 below the margin; at the margin, where any number from -1 to 0 is a
    subgradient, it is 0. The second derivative is 0. An infinite distance has loss inf in a
    positive pair and 0 in a negative one.

    torch has the same loss. A target other than -1 and +1 adds both terms there; here its loss is
    NaN where values are not checked.

    References
    ----------
    .. [1] torch.nn.functional, ``hinge_embedding_loss``, after which the loss is named.

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.hinge_embedding_loss([0.25, 0.25, 2.0], [1.0, -1.0, -1.0], reduction="none")
    array([0.25, 0.75, 0.  ])
    >>> pl.hinge_embedding_loss.grad([0.25, 0.25, 2.0], [1.0, -1.0, -1.0], reduction="sum")
    array([ 1., -1.,  0.])
    """
    return by_sign(xp, target, pred, xp.where(pred >= margin, 0.0, margin - pred))


@hinge_embedding_loss.derivative
def _(xp: Namespace, pred: Real, target: Sign, /, *, margin: Positive) -> Array:
    one = xp.ones_like(pred)
    slope = by_sign(xp, target, one, xp.where(pred >= margin, 0.0, -one))
    return xp.where(pred == pred, slope, pred)


@hinge_embedding_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Sign, /, *, margin: Positive) -> Array:
    return xp.zeros_like(pred)


@loss(predicted=2, temporaries=8, diagonal=True)
def margin_ranking_loss(
    xp: Namespace,
    left: Real,
    right: Real,
    target: Sign,
    /,
    *,
    margin: NonNegative = 0.0,
    **options: Unpack[Options],
) -> Array:
    r"""Hinge loss of the difference of two scores, one of which should be higher by a margin.

    Parameters
    ----------
    left : array
        One score of each pair, of any shape: real numbers.
    right : array
        The other score, in the shape of `left`: real numbers.
    target : array or number
        Of the shape of `left`: +1 where `left` should be the higher one, -1 where `right` should.
    margin : float or array, default 0
        The amount by which the score should be higher: not negative.

    Returns
    -------
    array
        The reduced loss, in the dtype of `left` and in its unit.

    See Also
    --------
    hinge_embedding_loss : For the distance of a pair.
    triplet_margin_loss : Compares two distances from one vector.

    Notes
    -----
    The loss of a pair is

    .. math:: \ell = \max(0, m - y (a - b)).

    The derivatives are :math:`-y` with respect to `left` and :math:`y` with respect to `right`
    where the loss is positive, and 0 where it is 0, also at the margin. The second derivatives are
    0. The loss of two infinite scores of equal sign is NaN.

    torch has the same loss, but its gradient at the margin is that of a positive loss: with a
    margin of 0 ties have a gradient. A target of 0 is outside the domain, so its loss is NaN where
    values are not checked. In torch it costs the margin and has no gradient: leave out such pairs
    with `where`.

    References
    ----------
    .. [1] R. Herbrich, T. Graepel and K. Obermayer, "Large Margin Rank Boundaries for Ordinal
       Regression", in Advances in Large Margin Classifiers, MIT Press, 2000.
       :doi:`10.7551/mitpress/1113.003.0010`

    Examples
    --------
    >>> import portable_losses as pl
    >>> left, right, target = [2.0, 2.0, 1.0], [1.0, 1.0, 1.0], [1.0, -1.0, 1.0]
    >>> pl.margin_ranking_loss(left, right, target, margin=0.5, reduction="none")
    array([0. , 1.5, 0.5])
    >>> pl.margin_ranking_loss.grad([1.0], [2.0], [1.0])
    (array([-1.]), array([1.]))
    """
    lacking = _lacking(xp, left, right, target, margin)
    return xp.where(lacking <= 0, 0.0, lacking)


def _lacking(xp: Namespace, left: Array, right: Array, target: Array, margin: Number) -> Array:
    gap = left - right
    return by_sign(xp, target, margin - gap, margin + gap)


@margin_ranking_loss.derivative
def _(
    xp: Namespace, left: Real, right: Real, target: Sign, /, *, margin: NonNegative
) -> tuple[Array, Array]:
    lacking = _lacking(xp, left, right, target, margin)
    slope = xp.where(lacking > 0, target, xp.where(lacking <= 0, 0.0, lacking))
    return -slope, slope


@margin_ranking_loss.second_derivative
def _(
    xp: Namespace, left: Real, right: Real, target: Sign, /, *, margin: NonNegative
) -> tuple[Array, Array]:
    return xp.zeros_like(left), xp.zeros_like(right)

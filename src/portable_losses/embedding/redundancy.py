"""Losses of two views of a set that make features differ, without negatives."""

from typing import NamedTuple, Unpack

from .._loss import loss
from ..typing import Array, Axis, Namespace, NonNegative, Number, Real
from ._pairs import SetOptions, diagonal
from ._vectors import Direction, direction_of, gap_between

__all__ = ["barlow_twins_loss", "vicreg_loss"]


def _near(xp: Namespace, left: Array, right: Array) -> tuple[Array, list[Array]]:
    """Return the number of samples, and both views minus the mean of each feature, once rounded."""
    count, *totals = xp.first_sums(-2, xp.ones_like(left[..., :1]), left, right)
    return count, [x - total / count for x, total in zip((left, right), totals, strict=True)]


def _spread(xp: Namespace, square: Array, rest: Array, count: Array) -> Array:
    """Return the sum of the squares of centred values, from the sums of `_near` and its squares.

    It is 0 for a constant feature, of which only the rounding of the mean is left.
    """
    spread = square - rest * rest / count
    return xp.where(spread <= 16 * xp.finfo(square.dtype).eps * square, 0.0, spread)


def _root(xp: Namespace, square: Array) -> Array:
    """Return the root, whose derivative at 0 is 0."""
    none = square == 0
    return xp.where(none, 0.0, xp.sqrt(xp.where(none, 1.0, square)))


@loss("(sample,feature),(sample,feature)->()", predicted=2, sums="sample", temporaries=8)
def barlow_twins_loss(
    xp: Namespace,
    axis: Axis,
    left: Real,
    right: Real,
    /,
    *,
    redundancy: NonNegative = 0.005,
    **options: Unpack[SetOptions],
) -> Array:
    r"""Distance of the correlations between the features of two views from the identity.

    Parameters
    ----------
    left : array
        One view of a set: n vectors along `sample_axis`, with d features along `feature_axis`: real
        numbers.
    right : array
        The other view, in the shape of `left`, with the same samples in the same order.
    redundancy : float or array, default 0.005
        The weight of the correlations of different features: not negative. That of a feature with
        itself has weight 1.

    Returns
    -------
    array
        The reduced loss, one value for each set, in the dtype of `left`, without a unit.

    See Also
    --------
    vicreg_loss : Keeps variances away from 0, and decorrelates each view separately.
    info_nce_loss : Separates samples instead of features.

    Notes
    -----
    With Pearson's correlation :math:`c_{ij}` of feature i of one view with feature j of the other,
    over the samples, the loss of a set is

    .. math:: \ell = \sum_i (1 - c_{ii})^2 + \lambda \sum_i \sum_{j \ne i} c_{ij}^2,

    where :math:`1 - c_{ii}` is computed as half the square of the difference of two directions, in
    which no terms cancel. A constant feature has a correlation of 0 with every other, and a
    gradient of 0. In a set of one vector all features are constant.

    The direction of a feature is the unit vector of its n centred values. The derivative with
    respect to the directions is a weighted sum of those of the other view. Its part orthogonal to
    the direction, divided by the length of the centred values, is the derivative with respect to
    the feature. All are functions of sums over the samples: the number of samples, the means, the
    squares of the deviations, and the correlations with the gaps. A large set is read in pieces,
    once for each round of sums of which later ones depend on earlier ones, so the largest
    temporaries hold d x d numbers.

    The authors' program normalises by a layer of batch normalisation, which adds 1e-5 to the
    variances. In MONAI correlations are (n - 1) / n times these, because deviations have the
    divisor n - 1 there and the product of the views n: equal views have a loss.

    References
    ----------
    .. [1] J. Zbontar, L. Jing, I. Misra, Y. LeCun and S. Deny, "Barlow Twins: Self-Supervised
       Learning via Redundancy Reduction", ICML 2021. :doi:`10.48550/arXiv.2103.03230`

    Examples
    --------
    >>> import portable_losses as pl
    >>> left = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]
    >>> float(pl.barlow_twins_loss(left, left))
    0.0
    >>> float(pl.barlow_twins_loss(left, [[y, x] for x, y in left]))
    2.0099...
    """
    return _barlow(xp, _correlations(xp, left, right), redundancy)


class Correlations(NamedTuple):
    """The directions of the features of two views, and how they correlate."""

    left: Direction
    right: Direction
    matrix: Array
    gap: Array
    """1 - the correlation of each feature with itself."""
    count: Array
    """The number of samples."""

    def transposed(self, xp: Namespace) -> "Correlations":
        """Exchange the two views."""
        matrix = xp.matrix_transpose(self.matrix)
        return Correlations(self.right, self.left, matrix, self.gap, self.count)

    def pull(self, xp: Namespace, redundancy: Number) -> tuple[Array, Array]:
        """Return the derivative with respect to the directions of the first view.

        Its dot product with each direction follows from the correlations.
        """
        weight = xp.where(diagonal(xp, self.matrix), -2 * self.gap, 2 * redundancy * self.matrix)
        weight = xp.matrix_transpose(weight)
        along = xp.row_sum(weight * xp.matrix_transpose(self.matrix), -2)
        return xp.matmul(self.right.unit, weight), along

    def slope(self, xp: Namespace, redundancy: Number) -> Array:
        """Return the derivative with respect to the first view."""
        pull, along = self.pull(xp, redundancy)
        return self.left.per_length * (pull - self.left.unit * along)

    def bend(self, xp: Namespace, redundancy: Number) -> Array:
        """Return the diagonal of the second derivative."""
        (pull, along), unit, right = self.pull(xp, redundancy), self.left.unit, self.right.unit
        own = diagonal(xp, self.matrix)
        weight = xp.matrix_transpose(xp.where(own, xp.ones_like(self.matrix), redundancy))
        weighted = weight * xp.matrix_transpose(self.matrix)
        squares = xp.matmul(right * right, weight) - 2 * unit * xp.matmul(right, weighted)
        squares = squares + unit * unit * xp.row_sum(
            weighted * xp.matrix_transpose(self.matrix), -2
        )
        turned = 2 * unit * (pull - along * unit) + along * (1 - 1 / self.count - unit * unit)
        return (2 * squares - turned) * self.left.per_length * self.left.per_length


def _correlations(xp: Namespace, left: Array, right: Array) -> Correlations:
    count, near = _near(xp, left, right)
    sums = xp.first_sums(-2, *near, *(x * x for x in near))
    one, other = (
        direction_of(xp, x - rest / count, _root(xp, _spread(xp, square, rest, count)))
        for x, rest, square in zip(near, sums[:2], sums[2:], strict=True)
    )
    apart = one.unit - other.unit
    gap = gap_between(xp, one, other, xp.region_sum(apart * apart, -2))
    matrix = xp.whole(xp.matmul, xp.matrix_transpose(one.unit), other.unit)
    return Correlations(one, other, matrix, gap, count)


def _barlow(xp: Namespace, found: Correlations, redundancy: Number) -> Array:
    others = xp.where(diagonal(xp, found.matrix), 0.0, found.matrix)
    return xp.sum(found.gap * found.gap, axis=(-2, -1)) + redundancy * xp.sum(
        others * others, axis=(-2, -1)
    )


@barlow_twins_loss.value_and_derivative
def _(
    xp: Namespace, axis: Axis, left: Real, right: Real, /, *, redundancy: NonNegative
) -> tuple[Array, tuple[Array, Array]]:
    found = _correlations(xp, left, right)
    slopes = found.slope(xp, redundancy), found.transposed(xp).slope(xp, redundancy)
    return _barlow(xp, found, redundancy), slopes


@barlow_twins_loss.second_derivative
def _(
    xp: Namespace, axis: Axis, left: Real, right: Real, /, *, redundancy: NonNegative
) -> tuple[Array, Array]:
    found = _correlations(xp, left, right)
    return found.bend(xp, redundancy), found.transposed(xp).bend(xp, redundancy)


@loss("(sample,feature),(sample,feature)->()", predicted=2, sums="sample", temporaries=10)
def vicreg_loss(
    xp: Namespace,
    axis: Axis,
    left: Real,
    right: Real,
    /,
    *,
    invariance: NonNegative = 25.0,
    variance: NonNegative = 25.0,
    covariance: NonNegative = 1.0,
    eps: NonNegative = 1e-4,
    **options: Unpack[SetOptions],
) -> Array:
    r"""Squared distance of two views, with a hinge on deviations and a penalty on covariances.

    Parameters
    ----------
    left : array
        One view of a set: n vectors along `sample_axis`, with d features along `feature_axis`: real
        numbers.
    right : array
        The other view, in the shape of `left`, with the same samples in the same order.
    invariance : float or array, default 25
        The weight of the squared distance: not negative.
    variance : float or array, default 25
        The weight of deviations below 1: not negative.
    covariance : float or array, default 1
        The weight of covariances: not negative.
    eps : float or array, default 1e-4
        A number added to each variance, so that its root has a derivative: not negative.

    Returns
    -------
    array
        The reduced loss, one value for each set, in the dtype of `left`, without a unit.

    See Also
    --------
    barlow_twins_loss : From the correlations of one view with the other.
    mse_loss : The first term.

    Notes
    -----
    With the views :math:`z` and :math:`z'` the loss of a set is :math:`\lambda s + \mu (v + v') +
    \nu (c + c')`, where :math:`\lambda` is `invariance`, :math:`\mu` is `variance`, :math:`\nu` is
    `covariance`, and

    .. math:: s = \frac{1}{n d} \sum_{k, j} (z_{kj} - z'_{kj})^2, \quad
       v = \frac{1}{d} \sum_j \max \bigl( 0, 1 - \sqrt{\mathrm{var}_j + \epsilon} \bigr), \quad
       c = \frac{1}{d} \sum_j \sum_{i \ne j} \mathrm{cov}_{ij}^2,

    the last two for each view. Variances and covariances have the divisor n - 1, or 1 in a set of
    one vector. The derivative of a hinge is 0 where the deviation is 1, and where it is 0 without
    `eps`. The sums over the samples are taken in two rounds, first those of the means, so a large
    set is read in pieces and the largest temporaries hold d x d numbers.

    This is algorithm 1 of the paper. The authors' program and pytorch-metric-learning halve
    :math:`v + v'`. The paper's formula for :math:`s` does not divide by d.

    References
    ----------
    .. [1] A. Bardes, J. Ponce and Y. LeCun, "VICReg: Variance-Invariance-Covariance Regularization
       for Self-Supervised Learning", ICLR 2022. :doi:`10.48550/arXiv.2105.04906`

    Examples
    --------
    >>> import portable_losses as pl
    >>> left = [[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0]]
    >>> float(pl.vicreg_loss(left, left))
    0.0
    >>> float(pl.vicreg_loss(left, [[x + 1.0, y] for x, y in left]))
    12.5
    """
    return _views(xp, left, right, eps).value(xp, invariance, variance, covariance)


class View(NamedTuple):
    """The variances and covariances of the features of one view."""

    centred: Array
    deviation: Array
    covariance: Array
    """The covariances of different features."""
    divisor: Array
    """The divisor of variances and covariances."""

    def cost(self, xp: Namespace, variance: Number, covariance: Number) -> Array:
        """Return the view's part of the loss, times the number of features."""
        lacking = xp.where(self.deviation >= 1, 0.0, 1 - self.deviation)
        return variance * xp.sum(lacking, axis=(-2, -1)) + covariance * xp.sum(
            self.covariance**2, axis=(-2, -1)
        )

    def slope(self, xp: Namespace, variance: Number, covariance: Number) -> Array:
        """Return the derivative of the cost."""
        apart = xp.matmul(self.centred, self.covariance) * (4 * covariance / self.divisor)
        return apart - self.centred * (self._pressure(xp) * (variance / self.divisor))

    def bend(self, xp: Namespace, count: Array, variance: Number, covariance: Number) -> Array:
        """Return the diagonal of the second derivative."""
        share = self.centred / self.divisor
        squares = share * share
        others = xp.sum(squares, axis=-1, keepdims=True) - squares
        pressure = self._pressure(xp)
        turn = (1 - 1 / count) / self.divisor - squares * pressure * pressure
        return 4 * covariance * others - variance * pressure * turn

    def _pressure(self, xp: Namespace) -> Array:
        """Return 1 / deviation where the hinge is active."""
        some = (self.deviation > 0) & (self.deviation < 1)
        return xp.where(
            some | (self.deviation != self.deviation),
            1 / xp.where(self.deviation == 0, 1.0, self.deviation),
            0.0,
        )


class Views(NamedTuple):
    """Both views."""

    count: Array
    """The number of samples."""
    square: Array
    """The sums of the squared differences of the two."""
    left: View
    right: View

    def value(
        self, xp: Namespace, invariance: Number, variance: Number, covariance: Number
    ) -> Array:
        """Return the loss."""
        spread = sum(view.cost(xp, variance, covariance) for view in (self.left, self.right))
        near = xp.mean(self.square / self.count, axis=(-2, -1))
        return invariance * near + spread / self.square.shape[-1]


def _views(xp: Namespace, left: Array, right: Array, eps: Number) -> Views:
    square = xp.region_sum((left - right) ** 2, -2)
    count, near = _near(xp, left, right)
    return Views(count, square, *(_view(xp, x, count, eps) for x in near))


def _view(xp: Namespace, near: Array, count: Array, eps: Number) -> View:
    rest, square = (xp.region_sum(x, -2) for x in (near, near * near))
    matrix = xp.whole(xp.matmul, xp.matrix_transpose(near), near)
    matrix = matrix - xp.matrix_transpose(rest) * (rest / count)
    divisor = xp.where(count == 1, 1.0, count - 1)
    others = xp.where(diagonal(xp, matrix), 0.0, matrix / divisor)
    deviation = _root(xp, _spread(xp, square, rest, count) / divisor + eps)
    return View(near - rest / count, deviation, others, divisor)


@vicreg_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    left: Real,
    right: Real,
    /,
    *,
    invariance: NonNegative,
    variance: NonNegative,
    covariance: NonNegative,
    eps: NonNegative,
) -> tuple[Array, tuple[Array, Array]]:
    views, features = _views(xp, left, right, eps), left.shape[-1]
    apart = (left - right) * (2 * invariance / views.count)
    one, other = (view.slope(xp, variance, covariance) for view in (views.left, views.right))
    value = views.value(xp, invariance, variance, covariance)
    return value, ((one + apart) / features, (other - apart) / features)


@vicreg_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    left: Real,
    right: Real,
    /,
    *,
    invariance: NonNegative,
    variance: NonNegative,
    covariance: NonNegative,
    eps: NonNegative,
) -> tuple[Array, Array]:
    views, features = _views(xp, left, right, eps), left.shape[-1]
    near = 2 * invariance / views.count
    one, other = (
        view.bend(xp, views.count, variance, covariance) for view in (views.left, views.right)
    )
    return (one + near) / features, (other + near) / features

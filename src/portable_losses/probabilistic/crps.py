"""Continuous ranked probability scores: of a normal distribution, and of an ensemble."""

from math import inf, pi, sqrt
from typing import Any, Unpack

from .._loss import loss
from .._numerics.standard import is_array
from ..typing import Array, Axis, Kept, Namespace, Options, Real
from ._scale import Scale

__all__ = ["crps_ensemble_loss", "crps_gaussian_loss"]

_SQRT_HALF = sqrt(0.5)
_TWICE_DENSITY = sqrt(2 / pi)
_AT_MEAN = 0.23369497725510907
"""(sqrt(2) - 1) / sqrt(pi), the loss of a perfect mean with scale 1."""
_FEW = 32
"""Up to this number, all pairs of members are compared, which is faster than sorting."""


@loss(predicted=2)
def crps_gaussian_loss(
    xp: Namespace, mean: Real, scale: Scale, target: Real, /, **options: Unpack[Options]
) -> Array:
    r"""CRPS (continuous ranked probability score) of a normal distribution.

    Mean and scale are predicted.

    Parameters
    ----------
    mean : array
        Predicted means, of any shape: real numbers.
    scale : array or number
        Predicted standard deviations: positive, of a shape that broadcasts to that of `mean`.
    target : array or number
        Observations, of the shape of `mean`: real numbers.

    Returns
    -------
    array
        The reduced loss, in the dtype of `mean` and `scale` and the unit of the target.

    See Also
    --------
    crps_ensemble_loss : Of a sample of the distribution.
    gaussian_nll_loss : Grows with the square of the distance.
    l1_loss : The limit of a small scale.

    Notes
    -----
    With :math:`w = (\mu - y) / \sigma` and the distribution function :math:`\Phi` and density
    :math:`\varphi` of the standard normal distribution the loss of an element is

    .. math:: \ell = \sigma \left( w (2 \Phi(w) - 1) + 2 \varphi(w) - \frac{1}{\sqrt \pi} \right)
        = (\mu - y)\, \mathrm{erf} \frac{w}{\sqrt 2} + \sigma \left( \sqrt{\tfrac{2}{\pi}}
        \left( e^{-w^2 / 2} - 1 \right) + \frac{\sqrt 2 - 1}{\sqrt \pi} \right).

    The second form is computed, with expm1. It is accurate around :math:`w = 0`, where two terms of
    the first form nearly cancel, and it is right where :math:`w` overflows. It is the residual
    times the derivative with respect to the mean, :math:`\mathrm{erf}(w / \sqrt 2)`, plus the scale
    times the derivative with respect to the scale.

    The second derivatives are :math:`2 \varphi(w) / \sigma` and :math:`2 w^2 \varphi(w) / \sigma`.
    The density is computed as a product of two roots, because it may underflow where its quotient
    by a small scale does not.

    In scoringrules the observation is the first argument. A scale that is not positive raises an
    error on NumPy. On other libraries the result has no meaning.

    References
    ----------
    .. [1] T. Gneiting, A. E. Raftery, A. H. Westveld and T. Goldman, "Calibrated Probabilistic
       Forecasting Using Ensemble Model Output Statistics and Minimum CRPS Estimation", Monthly
       Weather Review 133, 2005. :doi:`10.1175/MWR2904.1`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.crps_gaussian_loss([0.0, 0.0], [1.0, 0.001], [0.0, 1.0], reduction="none")
    array([0.23369498, 0.99943581])
    >>> pl.crps_gaussian_loss.grad([0.0, 0.0], [1.0, 1.0], [0.0, 10.0], reduction="sum")
    (array([ 0., -1.]), array([ 0.23369498, -0.56418958]))
    """
    residual = mean - target
    by_mean, by_scale = _gradient(xp, residual / scale)
    return residual * by_mean + scale * by_scale


def _gradient(xp: Namespace, ratio: Array) -> tuple[Array, Array]:
    """Return the derivatives with respect to mean and scale."""
    by_scale = _TWICE_DENSITY * xp.expm1(-0.5 * ratio * ratio) + _AT_MEAN
    return xp.erf(_SQRT_HALF * ratio), by_scale


@crps_gaussian_loss.value_and_derivative
def _(
    xp: Namespace, mean: Real, scale: Scale, target: Real, /
) -> tuple[Array, tuple[Array, Array]]:
    residual = mean - target
    by_mean, by_scale = _gradient(xp, residual / scale)
    return residual * by_mean + scale * by_scale, (by_mean, by_scale)


@crps_gaussian_loss.second_derivative
def _(xp: Namespace, mean: Real, scale: Scale, target: Real, /) -> tuple[Array, Array]:
    ratio = (mean - target) / scale
    root = xp.exp(-0.25 * ratio * ratio)  # of the density, up to a factor
    moment = xp.weighted(root, ratio)
    return _TWICE_DENSITY * root * (root / scale), _TWICE_DENSITY * moment * (moment / scale)


@crps_gaussian_loss.second_derivative_along
def _(
    xp: Namespace, mean: Real, scale: Scale, target: Real, of_mean: Array, of_scale: Array, /
) -> tuple[Array, Array]:
    ratio = (mean - target) / scale
    root = xp.exp(-0.25 * ratio * ratio)  # of the density, up to a factor
    moment = xp.weighted(root, ratio)
    along = _TWICE_DENSITY * (root * of_mean - moment * of_scale) / scale
    return root * along, -moment * along


class MemberOptions(Options, total=False):
    """The options of the losses that compare the members of an ensemble with an observation."""

    member_axis: int


@loss("(member),(),(member)->()", absent=(inf, 0.0, 1.0), diagonal=True)
def crps_ensemble_loss(
    xp: Namespace,
    axis: Axis,
    members: Real,
    target: Real,
    /,
    keep: Kept | None = None,
    *,
    fair: bool = False,
    **options: Unpack[MemberOptions],
) -> Array:
    r"""CRPS (continuous ranked probability score) of an ensemble.

    Parameters
    ----------
    members : array
        Predicted samples, the m members of each ensemble along `member_axis`: real numbers, in any
        order.
    target : array or number
        Observations, of the shape of `members` without the member axis: real numbers.
    fair : bool, default False
        Whether the members are a sample that represents its distribution: then the expected loss
        does not depend on the number of members.

    Returns
    -------
    array
        The reduced loss, in the dtype of `members` and the unit of the target.

    See Also
    --------
    crps_gaussian_loss : Of a normal distribution.
    pinball_loss : This loss is a sum of pinball losses.
    l1_loss : This loss for one member.

    Notes
    -----
    The loss of a row is

    .. math:: \ell = \frac{1}{m} \sum_i |x_i - y| - \frac{1}{2 m^2} \sum_{i, j} |x_i - x_j|,

    and with `fair` the second denominator is :math:`2 m (m - 1)`. In sorted order member j is a
    quantile, and the loss is the sum of their pinball losses [1]_:

    .. math::

        \ell = \frac{1}{m^2} \sum_j (2 (m - j) + 1) \max(x_{(j)} - y, 0)
        + (2 j - 1) \max(y - x_{(j)}, 0),

    with `fair` :math:`\frac{2}{m (m - 1)} \sum_j (m - j) \max(x_{(j)} - y, 0) + (j - 1) \max(y -
    x_{(j)}, 0)`. This form is computed: all terms have the same sign, so nothing cancels. Its time
    is that of sorting. The spread of a single member cannot be estimated, so its loss is the
    absolute error also with `fair`.

    The derivative is the slope of each member's pinball loss, 0 where the member equals the
    observation. Members that are equal have the same derivative, the mean of their slopes. The
    second derivative is 0: it leaves out the kinks.

    scoringrules has these estimators as ``"qd"`` and ``"fair"``; torchmetrics has the former.

    References
    ----------
    .. [1] J. Bröcker, "Evaluating Raw Ensembles With the Continuous Ranked Probability Score",
       Quarterly Journal of the Royal Meteorological Society 138, 2012. :doi:`10.1002/qj.1891`
    .. [2] C. A. T. Ferro, "Fair Scores for Ensemble Forecasts", Quarterly Journal of the Royal
       Meteorological Society 140, 2014. :doi:`10.1002/qj.2270`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.crps_ensemble_loss([1.0, 4.0, 2.0], 2.0))
    0.3333333333333333
    >>> float(pl.crps_ensemble_loss([1.0, 4.0, 2.0], 2.0, fair=True))
    0.0
    >>> pl.crps_ensemble_loss.grad([1.0, 4.0, 2.0], 2.0)
    array([-0.11111111,  0.11111111,  0.        ])
    """
    ordered, target = xp.sort(members, axis=axis), _along(axis, target)
    rank = xp.places(ordered, axis, ordered.dtype)
    size = _size(xp, axis, members, keep)
    if keep is not None:  # missing members are inf, and last
        ordered = xp.where(rank < size, ordered, target)
    right, left, total = _slopes(xp, size, rank, fair)
    residual = ordered - target
    pinball = xp.maximum(right * residual, -left * residual)
    return xp.squeeze(xp.row_sum(pinball, axis) / total, axis=axis)


def _size(xp: Namespace, axis: Axis, members: Array, keep: Array | None) -> Any:
    """Return the number of members, one for each row if some are missing."""
    return members.shape[axis] if keep is None else xp.row_sum(keep, axis)


def _along(axis: Axis, target: Array) -> Array:
    return target[None, ...] if axis == 0 else target[..., None]


def _slopes(xp: Namespace, size: Any, rank: Array, fair: bool) -> tuple[Array, Array, Any]:
    """Return the slopes of the pinball losses of members of these ranks, and their divisor.

    The first is that above the observation, the second that below.
    """
    every = (2 * size - 1) - 2 * rank, 2 * rank + 1, size * size
    sample = (size - 1) - rank, rank, size * (size - 1) / 2
    if not fair:
        return every
    if not is_array(size):
        return sample if size > 1 else every
    right, left, total = (xp.where(size > 1, a, b) for a, b in zip(sample, every, strict=True))
    return right, left, total


def _ranks(xp: Namespace, x: Array, axis: Axis) -> Array:
    """Return for each member the number of smaller ones; equal members share their mean rank."""
    size = x.shape[axis]
    if size <= _FEW:
        members = [x[i : i + 1, ...] if axis == 0 else x[..., i : i + 1] for i in range(size)]
        before = sum(
            xp.astype(member < x, xp.int8) + xp.astype(member <= x, xp.int8) for member in members
        )
        return 0.5 * xp.astype(before, x.dtype) - 0.5
    first = xp.stable_order(xp.stable_order(x, axis), axis)
    backward = xp.flip(x, axis=axis)
    last = xp.flip(xp.stable_order(xp.stable_order(backward, axis), axis), axis=axis)
    return 0.5 * xp.astype(first + last, x.dtype)


@crps_ensemble_loss.derivative
def _(
    xp: Namespace,
    axis: Axis,
    members: Real,
    target: Real,
    /,
    keep: Kept | None = None,
    *,
    fair: bool,
) -> Array:
    size = _size(xp, axis, members, keep)
    right, left, total = _slopes(xp, size, _ranks(xp, members, axis), fair)
    side = xp.sign(members - _along(axis, target))
    return xp.where(side > 0, right, left) * side / total


@crps_ensemble_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    members: Real,
    target: Real,
    /,
    keep: Kept | None = None,
    *,
    fair: bool,
) -> Array:
    return xp.zeros_like(members)

"""Continuous ranked probability scores: of a normal distribution, and of an ensemble."""

from math import ceil, exp, log2, pi, sqrt
from typing import Unpack

from .._compensated import difference, halves, lost
from .._elementary import row_sum, tilted, widened
from .._error_function import erf
from .._loss import loss
from .._namespace import places, stable_order
from ..typing import Array, Axis, Namespace, Options, Real
from ._scale import Scale, quotient, unit_of

__all__ = ["crps_ensemble_loss", "crps_gaussian_loss"]

_SQRT_HALF = sqrt(0.5)
_TWICE_DENSITY = sqrt(2 / pi)
_AT_MEAN = 0.23369497725510907
"""(sqrt(2) - 1) / sqrt(pi), the loss of a perfect mean with scale 1."""
_HALF_LOG_TWO = 0.34657359027997264, 1.1595234069231498e-17
"""log(2) / 2 as the sum of two numbers."""
_FAR = 64.0
"""So many scales away the distribution has ended, in every dtype."""
_FEW = 32
"""Up to so many members are compared, each with each, which takes less time than to sort them."""


@loss(predicted=2, temporaries=64)
def crps_gaussian_loss(
    xp: Namespace, mean: Real, scale: Scale, target: Real, /, **options: Unpack[Options]
) -> Array:
    r"""CRPS (continuous ranked probability score) of a normal distribution, of which mean and scale are predicted.

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

    Notes ----- With :math:`w = (\mu - y) / \sigma` and the distribution function :math:`\Phi` and
    density :math:`\varphi` of the standard normal distribution the loss of an element is

    .. math:: \ell = \sigma \left( w (2 \Phi(w) - 1) + 2 \varphi(w) - \frac{1}{\sqrt \pi} \right)
        = (\mu - y)\, \mathrm{erf} \frac{w}{\sqrt 2}
        + \sigma \left( \sqrt{\tfrac{2}{\pi}} \left( e^{-w^2 / 2} - 1 \right) + \frac{\sqrt 2 - 1}{\sqrt \pi} \right).

    The second form is computed, with expm1: it keeps its digits around :math:`w = 0`, where two of
    the terms of the first nearly cancel, and does not overflow where :math:`w` does. The
    derivatives are :math:`2 \Phi(w) - 1` with respect to the mean and :math:`2 \varphi(w) - 1 /
    \sqrt \pi` with respect to the scale, that is :math:`\mathrm{expm1}(\frac{1}{2} (\log 2 - w^2))
    / \sqrt \pi`, in which the rounding error of :math:`w^2` is put back. The second derivatives are
    :math:`2 \varphi(w) / \sigma` and :math:`2 w^2 \varphi(w) / \sigma`.

    In scoringrules the observation is the first argument. A scale that is not positive is an error
    on NumPy; on other libraries the result has no meaning.

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
    mean, scale, target = widened(xp, mean), widened(xp, scale), widened(xp, target)
    half = 0.5 * mean - 0.5 * target
    far = xp.abs(half) >= 0.5 * _FAR * scale
    ratio = quotient(xp, xp.where(far, 0.0, mean), xp.where(far, 0.0, target), scale)
    ratio = xp.where(far, _FAR * xp.sign(half), ratio)
    return _value(xp, half, scale, erf(xp, _SQRT_HALF * ratio), 0.5 * ratio * ratio)


def _value(xp: Namespace, half: Array, scale: Array, skill: Array, exponent: Array) -> Array:
    """Return the loss from half the residual, which may overflow where the loss does not."""
    return 2 * (
        half * skill + scale * (0.5 * _TWICE_DENSITY * xp.expm1(-exponent) + 0.5 * _AT_MEAN)
    )


def _standardized(
    xp: Namespace, mean: Array, scale: Array, target: Array
) -> tuple[Array, Array, Array]:
    """Return w, and half its square as the sum of two numbers: an exponential multiplies what rounding takes from it."""
    unit = unit_of(xp, scale)
    residual, error = difference(xp, mean, target)
    residual, error, scale = residual * unit, error * unit, scale * unit
    far = xp.abs(residual) >= _FAR * scale
    residual = xp.where(far, xp.sign(residual) * _FAR * scale, residual)
    ratio = residual / scale
    parts = halves(xp, ratio)
    back, square = ratio * scale, ratio * ratio
    rest = ((residual - back) - lost(back, parts, halves(xp, scale))) + xp.where(far, 0.0, error)
    return ratio, 0.5 * square, 0.5 * lost(square, parts, parts) + ratio * rest / scale


def _slope_of_scale(xp: Namespace, exponent: Array, rest: Array) -> Array:
    half_log, tail = _HALF_LOG_TWO
    return xp.expm1(((half_log - exponent) - rest) + tail) / sqrt(pi)


@crps_gaussian_loss.value_and_derivative
def _(
    xp: Namespace, mean: Real, scale: Scale, target: Real, /
) -> tuple[Array, tuple[Array, Array]]:
    mean, scale, target = widened(xp, mean), widened(xp, scale), widened(xp, target)
    ratio, exponent, rest = _standardized(xp, mean, scale, target)
    skill = erf(xp, _SQRT_HALF * ratio)
    value = _value(xp, 0.5 * mean - 0.5 * target, scale, skill, exponent)
    return value, (skill, _slope_of_scale(xp, exponent, rest))


@crps_gaussian_loss.derivative
def _(xp: Namespace, mean: Real, scale: Scale, target: Real, /) -> tuple[Array, Array]:
    ratio, exponent, rest = _standardized(
        xp, widened(xp, mean), widened(xp, scale), widened(xp, target)
    )
    return erf(xp, _SQRT_HALF * ratio), _slope_of_scale(xp, exponent, rest)


@crps_gaussian_loss.second_derivative
def _(xp: Namespace, mean: Real, scale: Scale, target: Real, /) -> tuple[Array, Array]:
    scale = widened(xp, scale)
    ratio, exponent, rest = _standardized(xp, widened(xp, mean), scale, widened(xp, target))
    # The density may underflow, and 1 / scale overflow, where their product does neither: both get
    # a factor exp(power).
    turn, power = (2.0**-40, 80.0) if scale.dtype == xp.float32 else (2.0**-400, 700.0)
    small = scale < turn
    reduced, error = difference(xp, exponent, xp.where(small, power, xp.zeros_like(scale)))
    density = _TWICE_DENSITY * (xp.exp(-reduced) * (1 - (rest + error)))
    scale = xp.where(small, exp(power) * scale, scale)
    underflows = exponent < 2.0**60 * xp.finfo(scale.dtype).smallest_normal
    second = xp.where(
        underflows, ratio * density / scale * ratio, 2 * (exponent + rest) * density / scale
    )
    return density / scale, second


class MemberOptions(Options, total=False):
    """The options of the losses that compare the members of an ensemble with an observation."""

    member_axis: int


@loss("(member),()->()")
def crps_ensemble_loss(
    xp: Namespace,
    axis: Axis,
    members: Real,
    target: Real,
    /,
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
        Whether the members stand for the distribution from which they are drawn: then the expected
        loss does not depend on how many there are.

    Returns
    -------
    array
        The reduced loss, in the dtype of `members` and the unit of the target.

    See Also
    --------
    crps_gaussian_loss : Of a normal distribution.
    pinball_loss : Of which this is a sum.
    l1_loss : This loss, for one member.

    Notes
    -----
    The loss of a row is

    .. math:: \ell = \frac{1}{m} \sum_i |x_i - y| - \frac{1}{2 m^2} \sum_{i, j} |x_i - x_j|,

    and with `fair` the second denominator is :math:`2 m (m - 1)`. Sorted, member j is a quantile,
    and this is the sum of its pinball losses [1]_:

    .. math::

        \ell = \frac{1}{m^2} \sum_j (2 (m - j) + 1) \max(x_{(j)} - y, 0) + (2 j - 1) \max(y - x_{(j)}, 0),

    with `fair` :math:`\frac{2}{m (m - 1)} \sum_j (m - j) \max(x_{(j)} - y, 0) + (j - 1) \max(y -
    x_{(j)}, 0)`. That is computed: no two terms have different signs, so that nothing cancels,
    wherever the members lie. The time is that of sorting. One member is a distribution that has no
    spread to be estimated: with `fair` too its loss is the absolute error.

    The derivative is the slope of each member's pinball loss, 0 where the member equals the
    observation. Members that are equal have the same derivative, the mean of their slopes. The
    second derivative is 0: the kinks are not in it.

    The estimators are ``"qd"`` and ``"fair"`` of scoringrules; torchmetrics has the former.

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
    members, target = _sorted(xp, axis, members), _along(axis, target)
    right, left, total = _slopes(xp, axis, members, places(xp, axis, members, members.dtype), fair)
    # The sum is one of whole numbers of residuals, as a mean of small ones would lose digits. Large
    # ones would overflow in it.
    lowest, highest = (
        (members[:1, ...], members[-1:, ...])
        if axis == 0
        else (members[..., :1], members[..., -1:])
    )
    large = xp.maximum(xp.maximum(-lowest, highest), xp.abs(target)) > float(
        xp.finfo(members.dtype).max
    ) / (4 * total)
    unit = xp.where(large, 0.5 ** ceil(log2(4 * total)), xp.ones_like(lowest))
    value = row_sum(xp, axis, tilted(xp, unit * members - unit * target, right, left))
    return xp.squeeze(value / total / unit, axis=axis)


def _along(axis: Axis, target: Array) -> Array:
    return target[None, ...] if axis == 0 else target[..., None]


def _sorted(xp: Namespace, axis: Axis, x: Array) -> Array:
    """Sort; autodiff gives to equal members the mean of their slopes, by sorting them in both orders.

    NumPy, which has no autodiff, sorts once.
    """
    ascending = xp.sort(x, axis=axis)
    if xp.__name__ == "numpy":
        return ascending
    return 0.5 * ascending + 0.5 * xp.sort(xp.flip(x, axis=axis), axis=axis)


def _ranks(xp: Namespace, axis: Axis, x: Array) -> Array:
    """Return for each member how many are before it in order, for equal members the mean of that."""
    size = x.shape[axis]
    if size <= _FEW:
        members = [x[i : i + 1, ...] if axis == 0 else x[..., i : i + 1] for i in range(size)]
        before = sum(
            xp.astype(member < x, xp.int8) + xp.astype(member <= x, xp.int8) for member in members
        )
        return 0.5 * xp.astype(before, x.dtype) - 0.5
    first = stable_order(xp, axis, stable_order(xp, axis, x))
    last = xp.flip(stable_order(xp, axis, stable_order(xp, axis, xp.flip(x, axis=axis))), axis=axis)
    return 0.5 * xp.astype(first + last, x.dtype)


def _slopes(
    xp: Namespace, axis: Axis, x: Array, rank: Array, fair: bool
) -> tuple[Array, Array, float]:
    """Return the slopes of the pinball losses of members of these ranks, above and below the observation, and their divisor."""
    size = x.shape[axis]
    if fair and size > 1:
        return (size - 1) - rank, rank, size * (size - 1) / 2
    return (2 * size - 1) - 2 * rank, 2 * rank + 1, float(size**2)


@crps_ensemble_loss.derivative
def _(xp: Namespace, axis: Axis, members: Real, target: Real, /, *, fair: bool) -> Array:
    right, left, total = _slopes(xp, axis, members, _ranks(xp, axis, members), fair)
    side = xp.sign(members - _along(axis, target))
    return xp.where(side > 0, right * side, left * side) / total


@crps_ensemble_loss.second_derivative
def _(xp: Namespace, axis: Axis, members: Real, target: Real, /, *, fair: bool) -> Array:
    return xp.zeros_like(members)

"""Element-wise functions that losses need and the array API standard lacks.

Each is accurate over its whole domain, and so is its autodiff: at 0, where branches meet, and at
infinities. A branch that is not taken computes a finite number.
"""

from math import factorial, inf, nan
from typing import Any

from ..typing import Array, Namespace, Number
from .namespace import building_block
from .standard import device_of, is_array, is_exactly


@building_block
def decay(xp: Namespace, x: Array) -> Array:
    """Return exp(-abs(x)), which does not overflow, with the derivative -1 at 0.

    The sigmoid and similar functions use it. At 0 they need its derivative from the right, while
    the derivative of `abs` is 0 there.
    """
    return xp.exp(xp.where(x < 0, x, -x))


@building_block
def sigmoid(xp: Namespace, x: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    e = xp.decay(x)
    return xp.where(x < 0, e, 1.0) / (1 + e)


@building_block
def sigmoids(xp: Namespace, x: Array) -> tuple[Array, Array]:
    """Return sigmoid(x) and sigmoid(-x) from one exponential, without cancellation."""
    e = xp.decay(x)
    negative, total = x < 0, 1 + e
    return xp.where(negative, e, 1.0) / total, xp.where(negative, 1.0, e) / total


@building_block
def logistic_density(xp: Namespace, x: Array) -> Array:
    """Return sigmoid(x) * sigmoid(-x), the derivative of the sigmoid."""
    e = xp.decay(x)
    return e / (1 + e * (2 + e))


@building_block
def logistic_tail(xp: Namespace, x: Array) -> tuple[Array, Array]:
    """Return log(1 + exp(-abs(x))), which softplus(x) and softplus(-x) share, and its derivative.

    The derivative at 0 is that from the right.
    """
    e = xp.decay(x)
    share = e / (1 + e)
    return xp.log1p(e), xp.where(x < 0, share, -share)


@building_block
def logistic_slope(xp: Namespace, x: Array, target: Array, label_smoothing: Any = 0.0) -> Array:
    """Return the derivative of the logistic loss far from 0: 1 - target above, -target below."""
    above = xp.cast(x >= 0, x.dtype)
    slope = above - target
    if is_exactly(label_smoothing, 0):
        return slope
    return (1 - label_smoothing) * slope + label_smoothing * (above - 0.5)


@building_block
def softplus(xp: Namespace, x: Array) -> Array:
    """Return log(1 + exp(x))."""
    return xp.relu(x) + xp.log1p(xp.decay(x))


@building_block
def log_sigmoid(xp: Namespace, x: Array) -> Array:
    """Return log(sigmoid(x))."""
    return -xp.softplus(-x)


@building_block
def relu(xp: Namespace, x: Array) -> Array:
    """Return max(x, 0), with the derivative 1 at 0; NaN stays NaN."""
    return xp.where(x < 0, 0.0, x)


@building_block
def unit_step(xp: Namespace, x: Array) -> Array:
    """Return the derivative of `relu`: 1 from 0 on, 0 below; NaN stays NaN."""
    return xp.where(xp.isnan(x), x, xp.astype(x >= 0, x.dtype))


@building_block
def weighted(xp: Namespace, weight: Array, value: Array) -> Array:
    """Return weight * value, where 0 * inf is 0; so are both derivatives."""
    return weight * xp.where((weight == 0) & xp.isinf(value), 0.0, value)


@building_block
def smoothed(xp: Namespace, target: Array, share: Any, classes: int = 2) -> Array:
    """Return the probability of a class, with a share of all spread evenly over the classes."""
    if is_exactly(share, 0):
        return target
    return (1 - share) * target + share / classes


def chained(xp: Namespace, gradient: Array, slope: Array) -> Array:
    """Return a gradient times the derivative of a function; 0 stays 0, even if that is NaN."""
    still = gradient == 0
    return xp.where(still, gradient, gradient * xp.where(still, 1.0, slope))


@building_block
def mean_of(xp: Namespace, total: Array, count: Array) -> Array:
    """Return total / count, NaN where the count is 0.

    The gradient of 0 / 0 is NaN, and NaN * 0 would reach the elements that are left out.
    """
    nothing = count == 0
    mean = total / xp.where(nothing, xp.ones_like(count), count)
    return xp.where(nothing, xp.full_like(mean, nan), mean)


@building_block
def rescaled(xp: Namespace, weights: Array, axes: tuple[int, ...]) -> Array:
    """Return weights divided by the largest along axes, unless that is of a usual size."""
    if 0 in weights.shape:
        return weights
    largest = xp.max(weights, axis=axes, keepdims=True) if axes else weights
    usual = (largest > 1e-15) & (largest < 1e15) | ~(largest > 0) | xp.isinf(largest)
    return xp.over_square(weights, xp.sqrt(xp.where(usual, 1.0, largest)))


@building_block
def group_sum(xp: Namespace, values: Array, labels: Array, number: int) -> Array:
    """Add up values by their labels, integers from 0 up to a number; others are left out."""
    values, labels = xp.reshape(values, (-1,)), xp.reshape(labels, (-1,))
    groups = xp.arange(number, dtype=labels.dtype, device=device_of(labels))
    return xp.sum(xp.where(labels[:, None] == groups, values[:, None], 0.0), axis=0)


@building_block
def nan_where(xp: Namespace, stray: Array, dtype: Any) -> Array:
    """Return NaN where a mask is True, and 0 elsewhere."""
    nothing = xp.zeros_like(stray, dtype=dtype)
    return xp.where(stray, xp.full_like(nothing, nan), nothing)


_ROUNDING = 64
"""How many eps a number may be beyond a bound by rounding, as averages of probabilities are."""


@building_block
def slack(xp: Namespace, dtype: Any) -> float:
    """Return how far beyond a bound rounding may lead numbers of a dtype: one step of 16 bits."""
    info = xp.finfo(dtype)
    return (_ROUNDING if info.bits >= 32 else 1) * float(info.eps)


@building_block
def to_ends(xp: Namespace, x: Array, low: float | None, high: float | None, slack: float) -> Array:
    """Return numbers of an interval: the end itself for one outside by at most `slack`.

    Others stay, and their derivative is 1, at the ends as well.
    """
    if low is not None:
        x = xp.where((x < low) & (x >= low - slack), low, x)
    return x if high is None else xp.where((x > high) & (x <= high + slack), high, x)


@building_block
def xlogy(xp: Namespace, x: Array, y: Array) -> Array:
    """Return x * log(y), which is 0 where x is 0; its autodiff is finite there."""
    zero = (x == 0) & ((y <= 0) | (y == inf))
    return x * xp.log(xp.where(zero, 1.0, y))


@building_block
def safe_divide(xp: Namespace, x: Array, y: Array) -> Array:
    """Return x / y, where 0 / 0 is 0 and has no derivative."""
    empty = (x == 0) & (y == 0)
    return xp.where(empty, 0.0, x) / xp.where(empty, 1.0, y)


@building_block
def over_square(xp: Namespace, x: Array, y: Array) -> Array:
    """Return x / y**2, where 0 / 0 is 0. The square is not formed: it may over- or underflow."""
    return xp.safe_divide(xp.safe_divide(x, y), y)


@building_block
def smaller(xp: Namespace, pred: Array, target: Array) -> Array:
    """Return the smaller of two numbers in [0, 1], with the derivative of the side inside [0, 1].

    The whole domain is below a target of 1 and above a target of 0: see `by_side`.
    """
    above_zero = xp.where((target == 0) & (pred >= 0), target, xp.minimum(pred, target))
    return xp.where((target == 1) & (pred <= 1), pred, above_zero)


@building_block
def by_side(
    xp: Namespace, pred: Array, target: Array, above: Array, at: Array, below: Array
) -> Array:
    """Return one number for predictions above their target, at it, or below.

    Predictions and targets are in [0, 1]. No prediction is below a target of 0 or above a target of
    1, so a prediction at such a target counts as on the other side.
    """
    beyond_zero = target > 0
    is_below = ((pred < target) & beyond_zero) | (target == 1)
    is_at = (pred == target) & beyond_zero & (target < 1)
    return xp.where(is_at, at, xp.where(is_below, below, above))


@building_block
def log1pmx(xp: Namespace, x: Array) -> Array:
    """Return log1p(x) - x without cancellation."""
    near = (x > -0.5) & (x < 1)
    large = xp.where(near, 1.0, x)
    far = xp.log1p(xp.minimum(large, _LARGE)) - large  # inf - inf would be NaN
    return xp.where(near, log1pmx_near_zero(xp, xp.where(near, x, 0.0)), far)


_LARGE = 1e30
"""Beyond this number its logarithm is negligible beside it."""


def log1pmx_near_zero(xp: Namespace, x: Array) -> Array:
    """Return log1p(x) - x for x from -1/2 to 1.

    With t = x / (2 + x) the logarithm is 2 atanh(t), and x - 2 t is x t. The series of atanh
    converges fast, because abs(t) is at most 1/3.
    """
    t = x / (2 + x)
    square = t * t
    return -t * (x - 2 * square * _atanh_series(xp, square))


def _atanh_series(xp: Namespace, square: Array) -> Array:
    """Return 1/3 + t**2 / 5 + t**4 / 7 + ..., which is (atanh(t) - t) / t**3, for t**2 <= 1/9."""
    last = 17 if xp.finfo(square.dtype).bits == 32 else 33
    series = xp.full_like(square, 1 / last)
    for denominator in range(last - 2, 1, -2):
        series = series * square + 1 / denominator
    return series


@building_block
def expm1_over(xp: Namespace, rate: Number, x: Array) -> Array:
    """Return expm1(rate * x) / rate, which is x where the rate is 0.

    Near a rate of 0 it is a series, which autodiff with respect to the rate needs: the derivative
    of the quotient cancels there.
    """
    if not is_array(rate):
        return x if abs(rate) < _TINY else 1 / rate * xp.expm1(rate * x)
    exponent = rate * xp.clip(x, -_LARGE, _LARGE)  # 0 times inf would be NaN
    near = xp.abs(exponent) < 0.1
    series = xp.where(near, x, 0.0) * polynomial(xp.where(near, exponent, 0.0), _EXPREL)
    return xp.where(near, series, xp.expm1(exponent) / xp.where(near, 1.0, rate))


_TINY = 1e-37
"""Numbers below it may be 0 in float32, and their inverse infinite."""

_EXPREL = tuple(1 / factorial(k + 1) for k in range(9, -1, -1))
"""The Taylor series of expm1(x) / x: for abs(x) up to 0.1 the rest is 3e-18."""


@building_block
def exprel(xp: Namespace, x: Array) -> Array:
    """Return expm1(x) / x, which is 1 at 0."""
    return xp.expm1_over(x, xp.ones_like(x))


@building_block
def log1p_over(xp: Namespace, x: Array) -> Array:
    """Return log1p(x) / x, which is 1 at 0."""
    tiny = xp.abs(x) < xp.finfo(x.dtype).eps / 4
    nonzero = xp.where(tiny, 1.0, x)
    return xp.where(tiny, 1 - 0.5 * x, xp.log1p(nonzero) / nonzero)


@building_block
def power(xp: Namespace, x: Array, exponent: Number) -> Array:
    """Return x**exponent for x >= 0, whose autodiff at 0 is 0 where it would be inf or NaN."""
    zero = x == 0
    if is_array(exponent):
        at_zero = xp.where(exponent == 0, 1.0, xp.where(exponent < 0, inf, 0.0 * exponent))
    elif exponent in (0.0, 1.0, 2.0):
        return (xp.ones_like(x), x, x * x)[int(exponent)]
    else:
        at_zero = 0.0 if exponent > 0 else inf
    return xp.where(zero, at_zero, xp.where(zero, 1.0, x) ** exponent)


@building_block
def exp_of_minus(xp: Namespace, rate: Number, x: Array) -> Array:
    """Return exp(-rate * x) for numbers >= 0: 1 where the rate is 0, also if x is inf."""
    if is_exactly(rate, 0):
        return xp.ones_like(x)
    return xp.exp(-(xp.weighted(rate, x) if is_array(rate) else rate * x))


@building_block
def floored_log(xp: Namespace, x: Array, floor: Number) -> Array:
    """Return max(log(x), floor), for a finite floor also below 0; autodiff is finite there."""
    if is_exactly(floor, -inf):
        return xp.log(x)
    zero = x <= 0
    return xp.where(zero, floor, xp.maximum(xp.log(xp.where(zero, 1.0, x)), floor))


@building_block
def floored_log1m(xp: Namespace, x: Array, floor: Number) -> Array:
    """Return max(log(1 - x), floor), for a finite floor also above 1; autodiff is finite there."""
    if is_exactly(floor, -inf):
        return xp.log1p(-x)
    one = x >= 1
    return xp.where(one, floor, xp.maximum(xp.log1p(xp.where(one, 0.0, -x)), floor))


# Both are minimax polynomials, fitted with the algorithm of Remez at 60 digits; the highest power
# comes first.
_ERF_NEAR = (
    5.960685338520971e-11,
    -1.137495573607015e-09,
    1.466032872274226e-08,
    -1.6350396222864617e-07,
    1.64610084778027e-06,
    -1.4925595772180906e-05,
    0.0001205533113295582,
    -0.0008548326981425542,
    0.005223977624828431,
    -0.026866170645077875,
    0.11283791670954885,
    -0.3761263890318375,
    0.1283791670955126,
)
"""erf(x) / x - 1 in powers of x**2, for x up to 1: off by 1.3e-19 at most."""
_ERF_FAR = (
    -212.13337033729474,
    748.0170622481425,
    -1153.031819077463,
    994.7906855316714,
    -510.82559521760777,
    161.22667069888377,
    -41.11809409879506,
    9.887943343385823,
    1.8974614469701085,
    2.058496526782479,
    1.1232650804258182,
    0.5643774178900391,
    -3.1307156841307472e-06,
)
"""(1 - erf(x)) * exp(x**2) in powers of 1 / (x + 2), for x from 1 to 6: off by 5.5e-19 at most,
times exp(x**2)."""


@building_block
def erf(xp: Namespace, x: Array) -> Array:
    """Return the error function."""
    size = xp.abs(x)
    near = size <= 1
    small = xp.where(near, x, 0.0)
    large = xp.where(near, 1.0, xp.minimum(size, 6.0))  # from 6 on it is 1
    rest = xp.exp(-large * large) * polynomial(1 / (large + 2), _ERF_FAR)
    inner = small + small * polynomial(small * small, _ERF_NEAR)
    return xp.where(near, inner, xp.sign(x) * (1 - rest))


def polynomial(x: Array, coefficients: tuple[Any, ...]) -> Array:
    """Return the value of a polynomial, whose highest power comes first."""
    total: Array = coefficients[0]
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total

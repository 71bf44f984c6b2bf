"""Half the deviance of a Tweedie distribution, for one power or an array of powers.

With `y` the target, `m` the mean, a = 2 - power and b = 1 - power it is

    (m**a - y**a) / a - y * (m**b - y**b) / b.
"""

from collections.abc import Callable
from math import factorial
from typing import Any

from .._numerics.elementwise import polynomial
from .._numerics.standard import select
from ..typing import Array, Namespace, Number

_GENTLE = 0.25
"""Exponents below this size divide a small difference of powers."""


def half_deviance(xp: Namespace, mean: Array, target: Array, power: Number) -> Array:
    """Return half the deviance, for other powers than 0."""
    some_absent, absent = power < 2, target <= 0
    present = select(xp, some_absent, lambda: xp.where(absent, 1.0, target), target)
    of_mean, of_target = _raised(xp, mean, 1, power), _raised(xp, present, 2, power)
    a, b = _divisors(xp, power)
    share = mean / a
    found = _of_positive(
        xp,
        power,
        xp.log_ratio(mean, present),
        of_target,
        mean_term=lambda: mean * of_mean,
        target_term=lambda: present * of_mean,
        both=lambda: of_mean * (share - present / b),
    )
    return select(
        xp, some_absent, lambda: xp.where(absent, of_mean * (share - target / b), found), found
    )


def half_deviance_of_logarithm(
    xp: Namespace, log_mean: Array, target: Array, power: Number
) -> Array:
    """Return half the deviance from the logarithm of the mean, for other powers than 0."""
    some_absent, absent = power < 2, target <= 0
    present = select(xp, some_absent, lambda: xp.where(absent, 1.0, target), target)
    a, b = _divisors(xp, power)
    of_both = combined(xp, log_mean, target, power, 1 / a, 1 / b)
    found = _of_positive(
        xp,
        power,
        log_mean - xp.log(present),
        _raised(xp, present, 2, power),
        mean_term=lambda: xp.exp((2 - power) * log_mean),
        target_term=lambda: present * xp.exp((1 - power) * log_mean),
        both=lambda: of_both,
    )
    return select(xp, some_absent, lambda: xp.where(absent, of_both, found), found)


def _of_positive(
    xp: Namespace,
    power: Number,
    log_ratio: Array,
    of_target: Array,
    *,
    mean_term: Callable[[], Array],
    target_term: Callable[[], Array],
    both: Callable[[], Array],
) -> Array:
    """Return half the deviance of a positive target from its terms, in a form without cancellation.

    They are m**a, y * m**b, and m**a / a - y * m**b / b; `of_target` is y**a. Where mean and target
    are similar it is a series in the logarithm of their ratio.
    """
    a, b = 2 - power, 1 - power
    width = abs(power - 1.5) + 0.5  # the larger one of abs(a) and abs(b)
    scaled = log_ratio * width
    near = xp.abs(scaled) < 1
    x = xp.where(near, scaled, 0.0)
    series = of_target * x * x * polynomial(x, _divided_difference(a, b, width))

    def growth(exponent: Number, log_ratio: Array, term: Callable[[], Array]) -> Array:
        """Return (term - y**a) / exponent, where the term is y**a * ratio**exponent."""
        gentle = abs(exponent) < _GENTLE
        rate = select(xp, gentle, exponent, 0.0)
        divisor = select(xp, gentle, 1.0, exponent)
        found: Array = select(
            xp,
            gentle,
            lambda: of_target * xp.expm1_over(rate, log_ratio),
            lambda: (term() - of_target) / divisor,
        )
        return found

    def between() -> Array:
        # of two infinite terms one exceeds the other
        of_mean = growth(a, xp.maximum(log_ratio, -300.0), mean_term)
        return of_mean - growth(b, xp.minimum(log_ratio, 1e4), target_term)

    def apart() -> Array:
        one, other = _divisors(xp, power)
        return both() + of_target / (one * other)

    gentle = (abs(a) < _GENTLE) | (abs(b) < _GENTLE)
    return xp.where(near, series, select(xp, gentle, between, apart))


def combined(
    xp: Namespace, log_mean: Array, target: Array, power: Number, a: Number, b: Number
) -> Array:
    """Return a * mean**(2 - power) - b * target * mean**(1 - power).

    The larger power is a factor of both, so that they are not two infinities. It is the square of
    its root, which does not overflow where the product does not.
    """
    growing, decay = log_mean > 0, xp.decay(log_mean)
    of_mean, of_target = xp.where(growing, 1.0, decay), target * xp.where(growing, decay, 1.0)
    larger = xp.scalar(2 - power, log_mean.dtype, log_mean)
    exponent = xp.weighted(xp.where(growing, larger, 1 - power), log_mean)
    root = xp.exp(0.5 * exponent)
    return xp.weighted(xp.weighted(a * of_mean - b * of_target, root), root)


def _divisors(xp: Namespace, power: Number) -> tuple[Number, Number]:
    """Return 2 - power and 1 - power, but 1 in place of 0."""
    a, b = 2 - power, 1 - power
    return select(xp, a == 0, 1.0, a), select(xp, b == 0, 1.0, b)


def _raised(xp: Namespace, x: Array, whole: int, power: Number) -> Array:
    """Return x**(whole - power). The difference is exact only for positive powers."""
    falling = power < 0
    raised = x ** select(xp, falling, -power, whole - power)
    found: Array = select(xp, falling, lambda: x**whole * raised, raised)
    return found


def _divided_difference(a: Number, b: Number, width: Number) -> tuple[Any, ...]:
    """Return the Taylor coefficients of the second divided difference of exp at 0, a * x, b * x.

    The argument is width * x, and the result is divided by width**2: no power overflows. The
    coefficient of x**k is the sum of all products of k factors a or b, divided by (k + 2)!.
    """
    a, b = a / width, b / width
    products, of_b, found = 1 / width / width, 1 / width / width, []
    for k in range(18):
        found.append(products * (1 / factorial(k + 2)))
        of_b = of_b * b
        products = a * products + of_b
    return tuple(found[::-1])

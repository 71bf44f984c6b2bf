"""Losses of a residual."""

from mpmath import mp, mpf

from .arithmetic import Exact, difference, ratio
from .robust import digits_beside_one


def mse_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    return (pred - target) ** 2, 2 * (pred - target), mpf(2)


def l1_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    return abs(pred - target), mp.sign(pred - target), mpf(0)


def rmse_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    return abs(pred - target), mp.sign(pred - target)  # of one element


def log_cosh_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    residual = pred - target
    if abs(residual) > 1000:  # where cosh has hundreds of digits, or more than there are atoms
        return abs(residual) - mp.log(2), mp.sign(residual), 4 * mp.exp(-2 * abs(residual))
    with digits_beside_one(residual):
        value = mp.log(mp.cosh(residual))
    return value, mp.tanh(residual), mp.sech(residual) ** 2


def mape_loss(pred: Exact, target: Exact, eps: Exact) -> tuple[Exact, ...]:
    size = max(abs(target), eps)
    return ratio(abs(pred - target), size), ratio(mp.sign(pred - target), size), mpf(0)


def smape_loss(pred: Exact, target: Exact, eps: Exact) -> tuple[Exact, ...]:
    side, sign = mp.sign(pred - target), mp.sign(pred)
    # what the quotient rule subtracts may differ in the last digits of the smaller number only
    with mp.workdps(750):
        size, error = abs(pred) + abs(target), abs(pred - target)
        if size <= eps:
            return ratio(2 * error, eps), ratio(2 * side, eps), mpf(0)
        first = 2 * side / size - 2 * error * sign / size**2
        second = -4 * side * sign / size**2 + 4 * error * sign**2 / size**3
        return 2 * error / size, first, second


def msle_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    with mp.workdps(700):
        logarithm = (
            mp.log((1 + pred) / (1 + target))
            if min(abs(pred), abs(target)) < mpf("1e-20")
            else None
        )
    if logarithm is None:
        with mp.extradps(60):
            logarithm = mp.log1p(pred) - mp.log1p(target)
    whole = 1 + pred
    first, second = 2 * logarithm / whole, 2 * (1 - logarithm) / whole**2
    return logarithm**2, first, difference(2 / whole**2, first / whole) if logarithm > 0 else second

"""Losses of a yes or no."""

from mpmath import mp, mpf

from .arithmetic import Exact, difference, product, ratio


def binary_cross_entropy(pred: Exact, target: Exact, eps: Exact) -> tuple[Exact, ...]:
    yes, no = max(pred, eps), max(1 - pred, eps)
    log_no = mp.log1p(-pred) if 1 - pred >= eps and pred < 1 else mp.log(no)
    value = -product(target, mp.log(yes)) - product(1 - target, log_no)
    if pred == target and yes * no == 0:
        first = 1 - 2 * target  # the limit, as pred goes to 0 or 1
    else:
        first = ratio(pred - target, yes * no)
    return value, first, ratio(target, yes**2) + ratio(1 - target, no**2)


def binary_cross_entropy_with_logits(pred: Exact, target: Exact, pos_weight: Exact) -> tuple[Exact, ...]:
    yes, no = 1 / (1 + mp.exp(-pred)), 1 / (1 + mp.exp(pred))
    value = product(pos_weight * target, mp.log1p(mp.exp(-pred))) + product(1 - target, mp.log1p(mp.exp(pred)))
    first = difference((1 - target) * yes, pos_weight * target * no)
    return value, first, (pos_weight * target + 1 - target) * yes * no

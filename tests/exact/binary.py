"""Losses of binary classification."""

from typing import Any

from mpmath import mp, mpf

from .arithmetic import Exact, difference, product, ratio, surplus


def smoothed(target: Exact, label_smoothing: Exact) -> Exact:
    """Return the share of yes, if some of what was observed is spread over yes and no."""
    return target + label_smoothing * (mpf(1) / 2 - target)


def binary_cross_entropy(
    pred: Exact, target: Exact, eps: Exact, label_smoothing: Exact
) -> tuple[Exact, ...]:
    target = smoothed(target, label_smoothing)
    yes, no = max(pred, eps), max(1 - pred, eps)
    log_no = mp.log1p(-pred) if 1 - pred >= eps and pred < 1 else mp.log(no)
    value = -product(target, mp.log(yes)) - product(1 - target, log_no)
    if pred == target and yes * no == 0:
        first = 1 - 2 * target  # the limit, as pred goes to 0 or 1
    else:
        first = ratio(pred - target, yes * no)
    return value, first, ratio(target, yes**2) + ratio(1 - target, no**2)


def binary_cross_entropy_with_logits(
    pred: Exact, target: Exact, pos_weight: Exact, label_smoothing: Exact
) -> tuple[Exact, ...]:
    target = smoothed(target, label_smoothing)
    yes, no = 1 / (1 + mp.exp(-pred)), 1 / (1 + mp.exp(pred))
    value = product(pos_weight * target, mp.log1p(mp.exp(-pred))) + product(
        1 - target, mp.log1p(mp.exp(pred))
    )
    first = difference((1 - target) * yes, pos_weight * target * no)
    return value, first, (pos_weight * target + 1 - target) * yes * no


# Of a margin


def soft_margin_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    margin = target * pred
    return (
        mp.log1p(mp.exp(-margin)),
        -target / (1 + mp.exp(margin)),
        1 / ((1 + mp.exp(-margin)) * (1 + mp.exp(margin))),
    )


def hinge_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    slack = 1 - target * pred
    return (slack, -target, mpf(0)) if slack >= 0 else (mpf(0), mpf(0), mpf(0))


def squared_hinge_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    slack = 1 - target * pred
    return (slack**2, -2 * target * slack, mpf(2)) if slack > 0 else (mpf(0), mpf(0), mpf(0))


def perceptron_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    return (-target * pred, -target, mpf(0)) if target * pred <= 0 else (mpf(0), mpf(0), mpf(0))


def exponential_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    value = mp.exp(-target * pred)
    return value, -target * value, value


# Of a logit. A part is the cost of a positive: the value, minus the derivative, and the two terms
# of the second derivative, the second of which is negative. A negative at a logit has the cost of
# a positive at minus that logit.

Part = tuple[Exact, Exact, Exact, Exact]


def _mixed(target: Exact, of_yes: Part, of_no: Part, alpha: Exact | None = None) -> tuple[Any, ...]:
    yes, no = (
        (target, 1 - target) if alpha is None else (alpha * target, (1 - alpha) * (1 - target))
    )
    terms = [(product(yes, a), product(no, b)) for a, b in zip(of_yes, of_no, strict=True)]
    value, slopes, positive, negative = terms
    return sum(value), difference(slopes[1], slopes[0]), difference(sum(positive), sum(negative))


def _focal(pred: Exact, gamma: Exact) -> Part:
    yes, no, entropy = 1 / (1 + mp.exp(-pred)), 1 / (1 + mp.exp(pred)), mp.log1p(mp.exp(-pred))
    weight = no**gamma
    return (
        product(weight, entropy),
        weight * (gamma * product(yes, entropy) + no),
        weight * yes * (gamma**2 * product(yes, entropy) + (2 * gamma + 1) * no),
        weight * gamma * no * product(yes, entropy),
    )


def sigmoid_focal_loss(
    pred: Exact, target: Exact, gamma: Exact, alpha: Exact | None, label_smoothing: Exact
) -> tuple[Any, ...]:
    target = smoothed(target, label_smoothing)
    return _mixed(target, _focal(pred, gamma), _focal(-pred, gamma), alpha)


def _poly(pred: Exact, epsilon: Exact) -> Part:
    yes, no = 1 / (1 + mp.exp(-pred)), 1 / (1 + mp.exp(pred))
    value = (1 + epsilon) * no + surplus(no) if pred > 0 else mp.log1p(mp.exp(-pred)) + epsilon * no
    if epsilon <= 0:
        # at -1 there are no first terms: what is left is written without their difference
        rest = 1 + epsilon
        return value, no * (rest - epsilon * no), yes * no * (rest - 2 * epsilon * no), mpf(0)
    return value, no * (1 + epsilon * yes), yes * no * (1 + epsilon * yes), yes * no * epsilon * no


def poly_binary_cross_entropy(
    pred: Exact, target: Exact, epsilon: Exact, label_smoothing: Exact
) -> tuple[Any, ...]:
    target = smoothed(target, label_smoothing)
    return _mixed(target, _poly(pred, epsilon), _poly(-pred, epsilon))


def asymmetric_loss(
    pred: Exact,
    target: Exact,
    gamma_negative: Exact,
    gamma_positive: Exact,
    clip: Exact,
    label_smoothing: Exact,
) -> tuple[Any, ...]:
    return _mixed(
        smoothed(target, label_smoothing),
        _focal(pred, gamma_positive),
        _focal(-pred, gamma_negative) if clip == 0 else _shifted(pred, gamma_negative, clip),
    )


def _shifted(pred: Exact, gamma: Exact, clip: Exact) -> Part:
    """Return the cost of a negative, a function of its clipped probability, by the chain rule."""
    with mp.extradps(30):
        yes, no = 1 / (1 + mp.exp(-pred)), 1 / (1 + mp.exp(pred))
        rest, slope = yes - clip, yes * no
        if rest <= 0:
            return mpf(0), mpf(0), mpf(0), mpf(0)
        surprise = -mp.log1p(-rest) if rest < 0.5 else -mp.log(no + clip)
        left = no + clip
        by_rest = gamma * rest ** (gamma - 1) * surprise + rest**gamma / left
        twice = (
            gamma * (gamma - 1) * rest ** (gamma - 2) * surprise
            + 2 * gamma * rest ** (gamma - 1) / left
            + rest**gamma / left**2
        )
        curvature = slope * (no - yes) * by_rest + slope**2 * twice
        terms = [slope * no * by_rest, slope * yes * by_rest, slope**2 * twice]
        positive = terms[0] + max(terms[2], 0)
        return rest**gamma * surprise, slope * by_rest, positive, positive - curvature

"""Losses that grow more slowly than the square."""

from typing import Any

from mpmath import mp, mpf

from .arithmetic import Exact, difference


def huber_loss(pred: Exact, target: Exact, delta: Exact) -> tuple[Exact, ...]:
    residual = pred - target
    if abs(residual) <= delta:
        return residual**2 / 2, residual, mpf(1)
    return delta * (abs(residual) - delta / 2), delta * mp.sign(residual), mpf(0)


def smooth_l1_loss(pred: Exact, target: Exact, beta: Exact) -> tuple[Exact, ...]:
    residual = pred - target
    if abs(residual) <= beta and beta:
        return residual**2 / 2 / beta, residual / beta, 1 / beta
    return abs(residual) - beta / 2, mp.sign(residual), mpf(0)


def pseudo_huber_loss(pred: Exact, target: Exact, delta: Exact) -> tuple[Exact, ...]:
    x = (pred - target) / delta
    with digits_beside_one(x):
        value = delta**2 * (mp.sqrt(1 + x**2) - 1)
    return value, (pred - target) / mp.sqrt(1 + x**2), mp.sqrt(1 + x**2) ** -3


def fair_loss(pred: Exact, target: Exact, scale: Exact) -> tuple[Exact, ...]:
    x = abs(pred - target) / scale
    with digits_beside_one(x):
        value = scale**2 * (x - mp.log(1 + x))
    return value, (pred - target) / (1 + x), (1 + x) ** -2


def cauchy_loss(pred: Exact, target: Exact, scale: Exact) -> tuple[Exact, ...]:
    square = ((pred - target) / scale) ** 2
    second = difference((1 + square) ** -2, square * (1 + square) ** -2)
    return scale**2 / 2 * mp.log1p(square), (pred - target) / (1 + square), second


def geman_mcclure_loss(pred: Exact, target: Exact, scale: Exact) -> tuple[Exact, ...]:
    residual = pred - target
    square = (residual / scale) ** 2
    second = difference((1 + square) ** -3, 3 * square * (1 + square) ** -3)
    return residual**2 / 2 / (1 + square), residual / (1 + square) ** 2, second


def welsch_loss(pred: Exact, target: Exact, scale: Exact) -> tuple[Exact, ...]:
    square = ((pred - target) / scale) ** 2
    curve = mp.exp(-square)
    return (
        -(scale**2) / 2 * mp.expm1(-square),
        (pred - target) * curve,
        difference(curve, 2 * square * curve),
    )


def arctan_loss(pred: Exact, target: Exact, scale: Exact) -> tuple[Exact, ...]:
    square = ((pred - target) / scale) ** 2
    whole = 1 + square**2
    return (
        scale**2 / 2 * mp.atan(square),
        (pred - target) / whole,
        difference(whole**-2, 3 * square**2 * whole**-2),
    )


def tukey_biweight_loss(pred: Exact, target: Exact, scale: Exact) -> tuple[Exact, ...]:
    x = (pred - target) / scale
    if abs(x) > 1:
        return scale**2 / 6, mpf(0), mpf(0)
    with digits_beside_one(x):
        value = scale**2 / 6 * (1 - (1 - x**2) ** 3)
    return value, (pred - target) * (1 - x**2) ** 2, difference(1 - x**2, 5 * x**2 * (1 - x**2))


def barron_loss(pred: Exact, target: Exact, alpha: Exact, scale: Exact) -> tuple[Exact, ...]:
    x = (pred - target) / scale
    if alpha == 2:
        return x**2 / 2, x / scale, scale**-2
    if alpha == -mp.inf:
        curve = mp.exp(-(x**2) / 2)
        return (
            -mp.expm1(-(x**2) / 2),
            x * curve / scale,
            difference(curve / scale**2, x**2 * curve / scale**2),
        )
    width = abs(alpha - 2)
    with digits_beside_one(x), mp.extradps(int(abs(mp.log10(width))) + 30):
        base = x**2 / width + 1
        if alpha == 0:
            value = mp.log(base)
        else:
            with mp.extradps(int(abs(mp.log10(abs(alpha))))):
                value = width / alpha * (base ** (alpha / 2) - 1)
        first = x / scale * base ** (alpha / 2 - 1)
        power = base ** (alpha / 2 - 2) / scale**2
    if alpha < 1:
        return value, first, difference(power, (1 - alpha) * x**2 / width * power)
    return value, first, power + (alpha - 1) * x**2 / width * power


def digits_beside_one(x: Exact) -> Any:
    """Return a context in which 1 + x**2 has as many digits beyond 1 as there are otherwise."""
    return mp.extradps(30 + 2 * max(0, -int(mp.log10(abs(x)))) if x else 0)

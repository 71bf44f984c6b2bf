"""Losses of a residual."""

from mpmath import mp, mpf

from .arithmetic import Exact


def mse_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    return (pred - target) ** 2, 2 * (pred - target), mpf(2)


def l1_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    return abs(pred - target), mp.sign(pred - target), mpf(0)


def rmse_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    return abs(pred - target), mp.sign(pred - target)  # of one element

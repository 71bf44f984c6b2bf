"""Losses that grow more slowly than the square."""

from mpmath import mp, mpf

from .arithmetic import Exact


def huber_loss(pred: Exact, target: Exact, delta: Exact) -> tuple[Exact, ...]:
    residual = pred - target
    if abs(residual) <= delta:
        return residual**2 / 2, residual, mpf(1)
    return delta * (abs(residual) - delta / 2), delta * mp.sign(residual), mpf(0)

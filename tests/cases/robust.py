"""Cases and sweeps of the losses that grow more slowly than the square."""

import portable_losses as pl

from .case import Case, pointwise
from .draws import pair
from .points import residuals

CASES = (Case("huber_loss", pair, ({}, {"delta": 0.3}), kinks=([0.0, 1.0, -1.0, 2.0, 0.5], [0.0, 0.0, 0.0, 1.0, 0.5])),)

SWEEPS = tuple(pointwise(pl.huber_loss, residuals, delta=delta) for delta in (1.0, 1.345, 1e-3, 1e4))

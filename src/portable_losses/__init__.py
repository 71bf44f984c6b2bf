"""Loss functions written once, for every array library: values, gradients and second derivatives without autodiff."""

from ._check import check
from ._domains import validation
from ._loss import Loss, loss
from .binary import binary_cross_entropy, binary_cross_entropy_with_logits
from .multiclass import cross_entropy
from .probabilistic import expectile_loss, interval_loss, pinball_loss
from .regression import l1_loss, mse_loss, rmse_loss
from .robust import huber_loss

__all__ = [
    "Loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "check",
    "cross_entropy",
    "expectile_loss",
    "huber_loss",
    "interval_loss",
    "l1_loss",
    "loss",
    "mse_loss",
    "pinball_loss",
    "rmse_loss",
    "validation",
]

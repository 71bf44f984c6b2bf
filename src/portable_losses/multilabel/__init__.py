"""Losses of multilabel classification: any number of classes may be positive at once."""

from .margin import multilabel_margin_loss
from .soft_margin import multilabel_soft_margin_loss
from .zlpr import zlpr_loss

__all__ = ["multilabel_margin_loss", "multilabel_soft_margin_loss", "zlpr_loss"]

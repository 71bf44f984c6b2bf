"""Losses of segmentation: regions, such as the predicted and observed pixels of an object."""

from .generalized import generalized_dice_loss
from .lovasz import lovasz_hinge_loss, lovasz_softmax_loss
from .matthews import matthews_loss
from .overlap import dice_loss, jaccard_loss
from .tversky import tversky_loss

__all__ = [
    "dice_loss",
    "generalized_dice_loss",
    "jaccard_loss",
    "lovasz_hinge_loss",
    "lovasz_softmax_loss",
    "matthews_loss",
    "tversky_loss",
]

"""Losses of binary classification, from probabilities, logits, or scores whose sign decides."""

from .asymmetric import asymmetric_loss
from .cross_entropy import binary_cross_entropy, binary_cross_entropy_with_logits
from .focal import poly_binary_cross_entropy, sigmoid_focal_loss
from .margin import (
    exponential_loss,
    hinge_loss,
    perceptron_loss,
    soft_margin_loss,
    squared_hinge_loss,
)

__all__ = [
    "asymmetric_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "exponential_loss",
    "hinge_loss",
    "perceptron_loss",
    "poly_binary_cross_entropy",
    "sigmoid_focal_loss",
    "soft_margin_loss",
    "squared_hinge_loss",
]

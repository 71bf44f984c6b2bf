"""Losses of multiclass classification, from logits, probabilities or scores."""

from .cross_entropy import cross_entropy
from .margin import crammer_singer_loss, multi_margin_loss, multiclass_perceptron_loss
from .poly import poly_cross_entropy
from .probability import categorical_cross_entropy, nll_loss
from .softmax import generalized_cross_entropy, softmax_focal_loss
from .sparsemax import sparsemax_loss

__all__ = [
    "categorical_cross_entropy",
    "crammer_singer_loss",
    "cross_entropy",
    "generalized_cross_entropy",
    "multi_margin_loss",
    "multiclass_perceptron_loss",
    "nll_loss",
    "poly_cross_entropy",
    "softmax_focal_loss",
    "sparsemax_loss",
]

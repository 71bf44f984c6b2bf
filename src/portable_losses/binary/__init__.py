"""Losses of a yes or no: from its probability, from its logit, or from a score whose sign decides."""

from .cross_entropy import binary_cross_entropy, binary_cross_entropy_with_logits

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits"]

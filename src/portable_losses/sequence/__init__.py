"""Losses that compare sequences: of classes whose times nobody has noted, and of vectors that go at different paces."""

from .soft_dtw import soft_dtw_loss
from .temporal import ctc_loss

__all__ = ["ctc_loss", "soft_dtw_loss"]

"""Losses of unaligned sequences: classes without times (CTC), series of different pace (DTW)."""

from .soft_dtw import soft_dtw_loss
from .temporal import ctc_loss

__all__ = ["ctc_loss", "soft_dtw_loss"]

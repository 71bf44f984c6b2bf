"""Losses that compare sequences: of classes whose times nobody has noted, and of vectors that go at different paces."""

from .temporal import ctc_loss

__all__ = ["ctc_loss"]

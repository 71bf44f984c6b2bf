"""`Loss` and `@loss`: from a formula to a public function with derivatives and options."""

from .callable import Loss
from .decorator import loss

__all__ = ["Loss", "loss"]

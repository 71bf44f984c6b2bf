"""Cases and sweeps of the losses of counts and rates."""

from .case import Case, Sweep

CASES: tuple[Case, ...] = ()

SWEEPS: tuple[Sweep, ...] = ()

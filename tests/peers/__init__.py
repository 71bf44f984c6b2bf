"""The same losses in other packages, for the comparison test and the table of errors.

Every module of this folder is found automatically; a family has `PEERS`.
"""

from importlib import import_module
from pkgutil import iter_modules

from .peer import OF_TORCH, Peer

__all__ = ["OF_TORCH", "PEERS", "Peer"]

FAMILIES = tuple(import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))

PEERS: dict[str, tuple[Peer, ...]] = {
    name: peers for family in FAMILIES for name, peers in getattr(family, "PEERS", {}).items()
}

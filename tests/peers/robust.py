"""Peers of the losses of this family."""

from .peer import Peer

PEERS: dict[str, tuple[Peer, ...]] = {}

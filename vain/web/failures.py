"""How many wrong keys are borne: a budget for each peer and one for all of them."""

from __future__ import annotations

import math
from collections import deque
from ipaddress import IPv6Address, ip_address

from vain.clock import Clock
from vain.errors import TooManyRequests

WINDOW_SECONDS = 60
MOST_PER_PEER = 10
MOST_IN_ALL = 300


class Failures:
    """The failures of the last minute. ``clock`` is monotonic, in seconds.

    No more than ``MOST_IN_ALL`` are ever remembered, so that many peers cost no memory.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all: deque[tuple[float, str]] = deque()
        self._by_peer: dict[str, deque[float]] = {}

    def check(self, peer: str, of_all: bool = True) -> None:
        """Raises TooManyRequests, with the time to wait, when the budget of this peer, or ``of_all``, is spent."""
        now = self._clock()
        self._forget(now - WINDOW_SECONDS)
        own = self._by_peer.get(network(peer))
        if own and len(own) >= MOST_PER_PEER:
            raise _too_many(own[0] - now)
        if of_all and len(self._all) >= MOST_IN_ALL:
            raise _too_many(self._all[0][0] - now)

    def add(self, peer: str) -> None:
        """Count one failure; the oldest is forgotten for one too many."""
        name, now = network(peer), self._clock()
        if len(self._all) >= MOST_IN_ALL:
            self._forget_oldest()
        self._all.append((now, name))
        self._by_peer.setdefault(name, deque()).append(now)

    def _forget(self, before: float) -> None:
        while self._all and self._all[0][0] <= before:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, name = self._all.popleft()
        own = self._by_peer[name]
        own.popleft()
        if not own:
            del self._by_peer[name]


def network(peer: str) -> str:
    """Whom a peer address stands for: itself, or for IPv6 its /64, which one customer has to itself."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer[:64]
    if not isinstance(address, IPv6Address):
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> 64 << 64))


def _too_many(age_seconds: float) -> TooManyRequests:
    wait_seconds = max(1, math.ceil(WINDOW_SECONDS + age_seconds))
    return TooManyRequests(f"Too many wrong keys; try again in {wait_seconds} seconds.", wait_seconds)

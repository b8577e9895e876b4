"""How fast one client may ask: a token bucket for each, kept as the one moment at which it would be full again."""

from __future__ import annotations

import math

from vain.clock import Clock
from vain.errors import TooManyRequests
from vain.web.gate import LOCAL, NOBODY, Identity
from vain.web.places import address_of

BURST_SECONDS = 4.0
"""Who was quiet for as long may ask as much at once."""
MOST_CLIENTS = 10_000


class Rates:
    """``per_second`` requests of each client, sustained; 0: as many as come. ``clock`` is monotonic, in seconds.

    No more than ``MOST_CLIENTS`` are remembered; beyond that, who came first is forgotten, and so forgiven.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._clock = clock
        self._step = 1 / per_second if per_second else 0.0
        self._most = max(BURST_SECONDS, self._step)
        self._full_at: dict[str, float] = {}

    def take_admitted(self, identity: Identity, peer: str) -> None:
        """Count a request of somebody who came through the gate: by their key, else by their address.

        Whoever needs no key on this machine is not counted: they could use up its processor in simpler ways.
        """
        if identity is not LOCAL and self._step:
            name, is_own = address_of(peer)
            if identity is not NOBODY or not is_own:
                self.take(identity.key_id or name)

    def take_refused(self, peer: str) -> None:
        """Count a request that the gate refused."""
        name, is_own = address_of(peer)
        if not is_own:
            self.take(name)

    def take(self, client: str) -> None:
        """Count one request. Raises TooManyRequests, with the time to wait, if that is one too many."""
        if not self._step:
            return
        now = self._clock()
        full_at = max(now, self._full_at.get(client, now)) + self._step
        if full_at - now > self._most:
            wait_seconds = max(1, math.ceil(full_at - now - self._most))
            raise TooManyRequests(f"Too many requests; go on in {wait_seconds} s, and ask less often.", wait_seconds)
        self._full_at[client] = full_at
        if len(self._full_at) > MOST_CLIENTS:
            del self._full_at[next(iter(self._full_at))]

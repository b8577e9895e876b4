"""What one client may take of the server, and all of them together. The figures are settings."""

from __future__ import annotations

import time

from msgspec import Struct

from vain.clock import Clock
from vain.setting_types import Settings
from vain.web.places import Places, room_for
from vain.web.rates import Rates

CROWD_SHARE = 8
"""For each so many connections there may be one more, to tell a client that there are too many."""
MOST_SOCKETS = 10_000
"""Connections are fewer, so they are what is short."""


class Limits(Struct, frozen=True):
    """One of each, for the whole server. ``crowd`` are the connections beyond those that are served."""

    rates: Rates
    connections: Places
    crowd: Places
    sockets: Places

    def forget_closed(self) -> None:
        """Give the places of those back that have gone."""
        for places in (self.connections, self.crowd, self.sockets):
            places.forget_closed()


def limits_of(settings: Settings, clock: Clock = time.monotonic) -> Limits:
    """The limits that the settings name. Asks the system for as many open files as that needs."""
    in_all = room_for(settings.most_connections)
    for_each = settings.most_connections_each
    return Limits(
        Rates(settings.requests_per_second, clock),
        Places(in_all, for_each, clock),
        Places(max(1, in_all // CROWD_SHARE), max(1, for_each // CROWD_SHARE), clock),
        Places(MOST_SOCKETS, settings.most_sockets_each, clock),
    )

"""How many connections there may be: of each address, and in all."""

from __future__ import annotations

import time
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Protocol

from vain.clock import Clock
from vain.web.failures import network

resource: Any
try:
    import resource
except ImportError:  # Windows
    resource = None

SHARE_OF_FILES = 0.6
"""Of the files that the process may have open; the others are the databases', and the dashboard's."""
LOOK_SECONDS = 0.1
"""Closed connections are looked for no more often than this, or a flood would have it done for each that comes."""


class Connection(Protocol):
    """What may close by itself: Tornado's ``IOStream`` is one."""

    def closed(self) -> bool:
        """Whether it is over."""


class Places:
    """The connections that are open, by address. Those of this machine count only in all.

    Who leaves says nothing; the closed ones are looked for when there seems to be no place left. ``clock`` is
    monotonic, in seconds.
    """

    def __init__(self, in_all: int, for_each: int, clock: Clock = time.monotonic) -> None:
        self._in_all, self._for_each, self._clock = in_all, for_each, clock
        self._looked_at = -LOOK_SECONDS
        self._taken: dict[str, set[Connection]] = {}
        self._count = 0

    def take(self, connection: Connection, peer: str) -> bool:
        """Whether there is a place for one more connection from this address, which then is taken."""
        name, is_own = address_of(peer)
        if connection in self._taken.get(name, ()):
            return True
        if self._is_full(name, is_own) and self._clock() - self._looked_at >= LOOK_SECONDS:
            self.forget_closed()
        if self._is_full(name, is_own):
            return False
        self._taken.setdefault(name, set()).add(connection)
        self._count += 1
        return True

    def _is_full(self, name: str, is_own: bool) -> bool:
        return self._count >= self._in_all or (not is_own and len(self._taken.get(name, ())) >= self._for_each)

    def forget_closed(self) -> None:
        """Give the places of those back that have gone."""
        self._looked_at = self._clock()
        self._taken = {
            name: left
            for name, taken in self._taken.items()
            if (left := {connection for connection in taken if not connection.closed()})
        }
        self._count = sum(map(len, self._taken.values()))

    @property
    def count(self) -> int:
        """How many are taken; some of them may have closed since the last look."""
        return self._count


def raise_files(needed: int) -> None:
    """Ask the system for so many open files, if it lets us."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def room_for(wanted: int) -> int:
    """So many connections of those wanted, as the system lets this process have files open; asks it for more first."""
    if resource is None:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = int(wanted / SHARE_OF_FILES) + 1
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, int(soft * SHARE_OF_FILES)))


@lru_cache(1_024)
def address_of(peer: str) -> tuple[str, bool]:
    """Whom the address of a peer stands for, and whether that is this machine."""
    name = network(peer)
    try:
        return name, ip_address(name).is_loopback or peer == "::1"
    except ValueError:
        return name, True  # a socket in the file system

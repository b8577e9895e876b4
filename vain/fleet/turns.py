"""Of which hosts others are told next, where there are too many to be told of all of them at once."""

from __future__ import annotations

from collections.abc import Collection
from heapq import nsmallest


class Turns:
    """At most ``most`` at once: those first of which nothing was told for longest, and news before all."""

    def __init__(self, most: int) -> None:
        self._most, self._turn = most, 0
        self._told_in: dict[str, int] = {}

    def next(self, hosts: Collection[str]) -> list[str]:
        """Those of these hosts whose turn it is."""
        self._turn += 1
        self._told_in = {host: turn for host, turn in self._told_in.items() if host in hosts}
        if len(hosts) <= self._most:
            chosen = list(hosts)
        else:
            chosen = nsmallest(self._most, hosts, key=lambda host: self._told_in.get(host, 0))
        self._told_in |= dict.fromkeys(chosen, self._turn)
        return chosen

    def hurry(self, host: str) -> None:
        """There is news of it."""
        self._told_in.pop(host, None)

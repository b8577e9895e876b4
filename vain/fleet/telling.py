"""What servers tell each other of hosts, every second: figures of now, and to whom each reports."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Raw
from msgspec.structs import replace

from vain.clock import Clock, unix
from vain.codec import encode, trusted
from vain.fleet.member import Member
from vain.fleet.turns import Turns
from vain.hosts import HostTold, KnownHost
from vain.samples import Sample

MOST_TOLD = 100
"""Of so many hosts other servers are told at once: so it stays little beside what their reports cost."""


class Telling:
    """Belongs to the event loop. ``own_host`` is the machine of the server, ``server`` the server itself."""

    def __init__(self, own_host: str, server: str, wall: Clock) -> None:
        self._own_host, self._server, self._wall = own_host, server, wall
        self._own: KnownHost | None = None
        self._turns = Turns(MOST_TOLD)
        self._heard: Mapping[str, bytes] = {}

    def told(
        self, members: Mapping[str, Member], own: Sample | None, version: str | None, period_seconds: float
    ) -> bytes:
        """Of the own machine, and of those whose agents report here: a list of ``HostTold``."""
        here = {name: member for name, member in members.items() if member.reports_here}
        hosts = [here[name].told() for name in self._turns.next(here)]
        if own is not None:
            first_seen_at = own.timestamp if self._own is None else self._own.first_seen_at
            self._own = KnownHost(
                self._own_host, first_seen_at, own.timestamp, version or "", period_seconds,
                server=self._server, kind="server",
            )  # fmt: skip
            silent_seconds = max(0.0, self._wall() - unix(own.timestamp))
            hosts.append(HostTold(self._own, silent_seconds, None, None, Raw(encode(own))))
        return encode(hosts)

    def own_since(self, before: KnownHost | None) -> KnownHost | None:
        """The own machine, seen first when the store says so; None before it was told of."""
        if self._own is not None and before is not None:
            self._own = replace(self._own, first_seen_at=before.first_seen_at)
        return self._own

    def hurry(self, host: str) -> None:
        """Others are to be told of it next."""
        self._turns.hurry(host)

    def news(self, told: Mapping[str, bytes]) -> dict[str, HostTold]:
        """What others tell that they did not tell before: of each host by the server that heard it last."""
        newest: dict[str, HostTold] = {}
        for server, body in told.items():
            if body == self._heard.get(server):
                continue  # a server that ended is heard for a while
            for each in trusted(list[HostTold], body):
                before = newest.get(each.known.name)
                if before is None or unix(each.known.last_seen_at) > unix(before.known.last_seen_at):
                    newest[each.known.name] = each
        self._heard = dict(told)
        return newest

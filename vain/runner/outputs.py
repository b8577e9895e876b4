"""Where the command's three streams go: which it inherits, which lead through us, and through what."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from vain.runner.terminal import Pair

STDIN, STDOUT, STDERR = 0, 1, 2


class Channel(NamedTuple):
    """One way out for the command: it writes to ``inside``, we read from ``source`` and write to ``target``."""

    inside: int
    source: int
    target: int
    pair: Pair | None
    """If it is a terminal."""


class Streams(NamedTuple):
    """All of them."""

    descriptors: dict[int, int]
    channels: list[Channel]
    session: Pair | None
    """The terminal of the command's own session, if it has one."""

    @property
    def pairs(self) -> list[Pair]:
        return [channel.pair for channel in self.channels if channel.pair is not None]

    @property
    def ours(self) -> list[int]:
        """The ends that only we may hold, or nobody would see that we are gone."""
        return [channel.source for channel in self.channels]

    def close_inside(self) -> None:
        """After the fork: the command's ends are the command's. A terminal's we need, to ask and to resize it."""
        for channel in self.channels:
            if channel.pair is None:
                os.close(channel.inside)


def plan(is_watched: bool) -> Streams:
    """Streams for what ours are. Where nobody looks at the output, the command gets our own descriptors."""
    _occupy_closed()
    if not is_watched:
        return Streams({}, [], None)
    descriptors: dict[int, int] = {}
    channels: dict[tuple[int, ...], Channel] = {}
    session = _session()
    for number in (STDOUT, STDERR):
        if os.get_inheritable(number):
            place = _place(number)
            # Two streams into one place stay one, or lines of the one would overtake lines of the other.
            channel = channels.get(place) or _channel(number, session if number == STDOUT else None)
            channels[place] = channel
            descriptors[number] = channel.inside
    if session is not None:
        descriptors[STDIN] = session.slave
    return Streams(descriptors, list(channels.values()), session)


def _session() -> Pair | None:
    """A terminal for a session, if one terminal is at both ends."""
    both = os.isatty(STDIN) and os.isatty(STDOUT) and _place(STDIN) == _place(STDOUT)
    return Pair(STDIN) if both else None


def _channel(number: int, session: Pair | None) -> Channel:
    if session is not None:
        return Channel(session.slave, session.master, number, session)
    if os.isatty(number):
        pair = Pair(number)
        pair.write_through()
        return Channel(pair.slave, pair.master, number, pair)
    source, inside = os.pipe()
    return Channel(inside, source, number, None)


def _place(number: int) -> tuple[int, ...]:
    status = os.fstat(number)
    return status.st_dev, status.st_ino, status.st_rdev


def _occupy_closed(numbers: Iterable[int] = (STDIN, STDOUT, STDERR)) -> None:
    """A stream that is closed stays closed for the command; no pipe of ours may get its number meanwhile."""
    for number in numbers:
        try:
            os.fstat(number)
        except OSError:
            # Closed again when the command starts, as Python opens everything. The lowest free number is this one.
            os.open(os.devnull, os.O_RDWR)

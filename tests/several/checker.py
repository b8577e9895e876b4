"""What was answered and what was told, held against each other: what is lost, missing, or told twice. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from benchmarks.rounds import percentile

Change = tuple[int, int]
"""A task and its version: what one event made of it."""


class Answered(Struct, array_like=True):
    """A write that was answered, ``at`` on the machine's monotonic clock. ``seq`` is what the answer named."""

    at: float
    changes: list[Change]
    seq: int | None = None


class Numbers:
    """The numbers that one follower was told, each held against the one before."""

    def __init__(self, last: int = 0) -> None:
        self.last = last
        self.count = self.gaps = self.doubles = 0

    def take(self, seq: int) -> bool:
        """Whether it is news."""
        if seq <= self.last:
            self.doubles += 1
            return False
        self.gaps += seq - self.last - 1
        self.last, self.count = seq, self.count + 1
        return True

    def reached(self, seq: int) -> None:
        """The other side says that everything up to there was told."""
        if seq > self.last:
            self.gaps += seq - self.last
            self.last = seq


class Followed(Struct):
    """What became of one follower. ``arrived``: when which event came, where that is noted."""

    kind: str
    last: int = 0
    count: int = 0
    gaps: int = 0
    doubles: int = 0
    resets: list[str] = []
    connections: int = 0
    checksum: int = 0
    """Of all that it was told, in this order."""
    arrived: dict[int, float] = {}
    outages: list[tuple[float, float]] = []
    """From a lost connection until the answer to the next subscription; they are noted with ``arrived``."""
    flaws: list[str] = []
    """What else was not as it has to be."""

    @property
    def text(self) -> str:
        """One line."""
        counted = f"{self.count} events, {self.gaps} gaps, {self.doubles} doubles, {self.connections} connections"
        return f"{self.kind}: {counted}, resets {self.resets}, {self.flaws}"


class _Told(Struct):
    type: str
    seq: int
    task_id: int | None = None
    version: int = 0
    action: str = ""
    title: str = ""


class Log:
    """The log as it is stored: the number of each change and deletion, and the checksum up to each number."""

    def __init__(self, stored: Iterable[tuple[int, bytes]]) -> None:
        self.numbers: dict[Change, int] = {}
        self.deletions: dict[int, int] = {}
        self.twice: list[Change] = []
        self.flaws: list[str] = []
        self.notices: list[str] = []
        self._checksums = [0]
        checksum = 0
        for seq, body in stored:
            told = msgspec.json.decode(body, type=_Told)
            if seq != self.last + 1 or told.seq != seq:
                self.flaws.append(f"after {self.last} stands {seq}, which calls itself {told.seq}")
            checksum = zlib.crc32(body, checksum)
            self._checksums.append(checksum)
            if told.task_id is None or told.type == "notification":
                self.notices.append(told.title)
            elif told.action == "deleted":
                self.deletions[told.task_id] = seq
            else:
                self._note((told.task_id, told.version), seq)

    @property
    def last(self) -> int:
        """The number of the newest event, if there is no hole."""
        return len(self._checksums) - 1

    def agrees(self, followed: Followed) -> bool:
        """Whether a follower was told exactly this, from the first event on."""
        return followed.last <= self.last and followed.checksum == self._checksums[followed.last]

    def _note(self, change: Change, seq: int) -> None:
        if change in self.numbers:
            self.twice.append(change)
        self.numbers[change] = seq


def lost(answered: Iterable[Answered], known: Mapping[Change, object]) -> list[Change]:
    """The answered changes that are not known."""
    return [change for each in answered for change in each.changes if change not in known]


def misnumbered(answered: Iterable[Answered], numbers: Mapping[Change, int]) -> list[Answered]:
    """Answers that name a number before that of a change which is in them."""
    return [
        each
        for each in answered
        if each.seq is not None and any(numbers.get(change, 0) > each.seq for change in each.changes)
    ]


def waits_ms(answered: Iterable[Answered], numbers: Mapping[Change, int], followed: Followed) -> Sequence[float]:
    """From each answer until its last change arrived; below 0 where the event came first.

    What never came is left out, and what came after an outage: how long that lasts is how long a server takes to start.
    """
    found = []
    for each in answered:
        times = [followed.arrived.get(numbers.get(change, 0), each.at) for change in each.changes]
        arrived = max(times, default=each.at)
        if times and not any(begin <= arrived and each.at <= end for begin, end in followed.outages):
            found.append((arrived - each.at) * 1000)
    return found


def p50_p99(values: Sequence[float]) -> tuple[float, float]:
    """Zeros if there is nothing."""
    return (percentile(values, 50), percentile(values, 99)) if values else (0.0, 0.0)

"""What an agent's tests share: samples as they lie in a spool, and how to read them back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

from tests.fleet.reports import T0, seen
from vain.agent.spool import AgentSpool, Batch
from vain.clock import unix
from vain.codec import decode, encode
from vain.hosts import HostSample

PLENTY = 64 << 20


def line(second: float) -> bytes:
    """A sample of ``T0`` and so many seconds."""
    return encode(seen(second))


def second_of(sample: bytes) -> float:
    return round(unix(decode(HostSample, sample).sample.timestamp) - T0, 3)


def seconds(samples: Iterable[bytes]) -> list[float]:
    """When samples were taken."""
    return [second_of(sample) for sample in samples]


def fill(spool: AgentSpool, begin: int, end: int) -> None:
    """One sample for each second."""
    for second in range(begin, end):
        spool.add(line(second), T0 + second)


def batches(spool: AgentSpool, after: int = 0, most: int = 100) -> Iterator[Batch]:
    """All that is behind this number."""
    while (batch := spool.after(after, most)).samples:
        assert batch.first > after
        after = batch.first + len(batch.samples) - 1
        yield batch


def numbered(spool: AgentSpool, after: int = 0, most: int = 100) -> list[tuple[int, float]]:
    """The number and the second of each sample."""
    return [
        (batch.first + place, second)
        for batch in batches(spool, after, most)
        for place, second in enumerate(seconds(batch.samples))
    ]


def kept(spool: AgentSpool) -> list[float]:
    """The second of each sample, in order."""
    return [second for _, second in numbered(spool)]


@contextmanager
def opened(folder: Path, most_bytes: int = PLENTY) -> Iterator[AgentSpool]:
    spool = AgentSpool(folder, most_bytes)
    try:
        yield spool
    finally:
        spool.close()


def as_killed(folder: Path) -> Path:
    """The folder as a process would leave it that is killed now: nothing is closed, nothing gets its last name."""
    copied = folder.with_name(f"{folder.name}+")
    copytree(folder, copied)
    return copied

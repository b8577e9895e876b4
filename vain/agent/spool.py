"""What an agent has seen and the server does not have yet, on disk, in order, up to a size.

A segment is a file of lines of JSON, deflated and flushed after each line, so that a second is some hundred bytes and
what was written outlives the process. It is named by its place and, once it is whole, by how many samples it has and
from when to when: ``0000012-300-1764150000.000-1764150299.000.z``. Numbers of samples count from 1 in each run.

Nothing is synced to the disk: that would wake it every second, for the one crash of the machine that a server survives.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from threading import Lock
from typing import BinaryIO, NamedTuple

import msgspec

from vain.clock import unix
from vain.codec import decode
from vain.errors import Misconfigured, VainError
from vain.hosts import HostSample
from vain.quality import Span

SEGMENT_SAMPLES = 300
SUFFIX = ".z"
LEVEL = 6
NEAR_SECONDS = 60.0
"""What is lost no further apart is told as one."""
MOST_RECENT = 600
"""Samples that are held in memory as well, so that nobody reads files while the server answers."""

_decoder = msgspec.json.Decoder(HostSample)
"""Of what this agent has written itself: without the checks for what others send."""


class Batch(NamedTuple):
    """Samples that follow each other; ``first`` is the number of the first."""

    first: int
    samples: list[bytes]


class _Segment:
    def __init__(self, path: Path, first: int, count: int, begin: float, end: float) -> None:
        self.path, self.first, self.count, self.begin, self.end = path, first, count, begin, end
        self.size = path.stat().st_size if path.exists() else 0

    @property
    def last(self) -> int:
        return self.first + self.count - 1


class AgentSpool:
    """One thread adds, another one reads and gives up; ``folder`` is this agent's alone.

    ``most_bytes`` is how large all of it may grow: the oldest makes room, and ``lost`` says of when it was.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        self._lock = Lock()
        self._segments: list[_Segment] = []
        self._file: BinaryIO | None = None
        self._deflate = zlib.compressobj(LEVEL)
        self._recent: dict[int, bytes] = {}
        self._read: tuple[_Segment | None, list[bytes]] = None, []
        self._lost: list[Span] = []
        self._next, self._place = 1, 1
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in sorted(folder.glob(f"*{SUFFIX}")):
                self._take_up(path)
        except OSError as error:
            raise Misconfigured(
                f"The folder {folder} cannot be used ({error.strerror}); --data names another."
            ) from error

    @property
    def newest(self) -> int:
        """The number of the newest sample; 0 without any."""
        return self._next - 1

    @property
    def oldest(self) -> int:
        """The number of the oldest sample that is kept; the next one's if none is."""
        with self._lock:
            return self._segments[0].first if self._segments else self._next

    def add(self, sample: bytes, t: float) -> None:
        """Keep one sample, a line of JSON, taken at ``t`` (Unix seconds).

        When this returns the process may be killed. Raises OSError; the sample is then not kept, and told as lost.
        """
        with self._lock:
            try:
                segment = self._open_segment(t)
                self._write(segment, sample)
            except OSError:
                self._lose(t, t)
                self._close_segment()
                raise
            segment.count, segment.end = segment.count + 1, t
            self._recent[self._next] = sample
            self._next += 1
            while len(self._recent) > MOST_RECENT:
                del self._recent[next(iter(self._recent))]
            if segment.count >= SEGMENT_SAMPLES:
                self._close_segment()
            self._make_room()

    def after(self, number: int, most: int) -> Batch:
        """The samples behind this one, ``most`` of them at most. A file that cannot be read is given up."""
        with self._lock:
            for segment in self._segments:
                if segment.last <= number:
                    continue
                first = max(number + 1, segment.first)
                if first in self._recent:
                    numbers = range(first, min(first + most, self._next))
                    return Batch(first, [self._recent[each] for each in numbers])
                place = first - segment.first
                if samples := self._lines(segment)[place : place + most]:
                    return Batch(first, samples)
            return Batch(self._next, [])

    def trim(self, number: int) -> None:
        """All up to this number are on the server's disk."""
        with self._lock:
            while self._segments and self._segments[0].last <= number and self._segments[0] is not self._current():
                self._drop(self._segments.pop(0))

    def take_lost(self) -> list[Span]:
        """Of when samples were given up, since this was last asked."""
        with self._lock:
            lost, self._lost = self._lost, []
            return lost

    def give_back_lost(self, lost: list[Span]) -> None:
        """They could not be told."""
        with self._lock:
            self._lost = [*lost, *self._lost][-100:]

    def close(self) -> None:
        """Name the segment that is open; it stays."""
        with self._lock:
            self._close_segment()

    def _take_up(self, path: Path) -> None:
        """A segment of an earlier run. One that has no count in its name was open when its agent was killed."""
        parts = path.name.removesuffix(SUFFIX).split("-")
        with contextlib.suppress(ValueError, IndexError):
            self._place = max(self._place, int(parts[0]) + 1)
        try:
            count, begin, end = int(parts[1]), float(parts[2]), float(parts[3])
        except (ValueError, IndexError):
            path.read_bytes()  # what cannot be read now may be readable later: it is not given up
            lines = _lines_of(path)
            count, begin, end = len(lines), *_times_of(lines)
        if count == 0:
            path.unlink()
            return
        self._segments.append(_Segment(path, self._next, count, begin, end))
        self._next += count

    def _open_segment(self, t: float) -> _Segment:
        if self._file is None:
            path = self._folder / f"{self._place:07}{SUFFIX}"
            self._file = open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)  # noqa: SIM115
            self._deflate = zlib.compressobj(LEVEL)
            self._place += 1
            self._segments.append(_Segment(path, self._next, 0, t, t))
        return self._segments[-1]

    def _write(self, segment: _Segment, sample: bytes) -> None:
        assert self._file is not None  # noqa: S101
        packed = self._deflate.compress(sample + b"\n") + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        if self._file.write(packed) < len(packed):
            raise OSError("the disk took only a part of a sample")
        segment.size += len(packed)

    def _current(self) -> _Segment | None:
        return None if self._file is None else self._segments[-1]

    def _close_segment(self) -> None:
        segment = self._current()
        if segment is None or self._file is None:
            return
        file, self._file = self._file, None
        with contextlib.suppress(OSError):  # over a network the disk may complain as late as here
            file.close()
        if segment.count == 0:
            self._drop(self._segments.pop())
            return
        name = f"{segment.path.name.removesuffix(SUFFIX)}-{segment.count}-{segment.begin:.3f}-{segment.end:.3f}{SUFFIX}"
        with contextlib.suppress(OSError):  # it is found all the same
            segment.path = segment.path.rename(self._folder / name)

    def _make_room(self) -> None:
        while sum(segment.size for segment in self._segments) > self._most_bytes and len(self._segments) > 1:
            oldest = self._segments.pop(0)
            self._lose(oldest.begin, oldest.end)
            self._drop(oldest)

    def _lose(self, begin: float, end: float) -> None:
        if self._lost and begin <= self._lost[-1].end + NEAR_SECONDS and end >= self._lost[-1].begin - NEAR_SECONDS:
            begin, end = min(begin, self._lost[-1].begin), max(end, self._lost.pop().end)
        self._lost = [*self._lost, Span("not-stored", begin, end)][-100:]

    def _drop(self, segment: _Segment) -> None:
        for number in range(segment.first, segment.last + 1):
            self._recent.pop(number, None)
        with contextlib.suppress(OSError):
            segment.path.unlink()

    def _lines(self, segment: _Segment) -> list[bytes]:
        if self._read[0] is not segment or len(self._read[1]) != segment.count:
            lines = _lines_of(segment.path)
            if len(lines) < segment.count:  # the disk lost a part of it; the numbers behind it stay as they are
                self._lose(_times_of(lines)[1] if lines else segment.begin, segment.end)
                segment.count = len(lines)
            self._read = segment, lines[: segment.count]
        return self._read[1]


def _lines_of(path: Path) -> list[bytes]:
    """The whole lines of a segment, as far as it can be read.

    What is deflated has no checksum before its end: behind a damage it may still come out as text, which is no sample.
    """
    try:
        return list(takewhile(_is_sample, _inflated(path.read_bytes())))
    except OSError:
        return []


def _is_sample(line: bytes) -> bool:
    try:
        _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _times_of(lines: list[bytes]) -> tuple[float, float]:
    """When the first and the last of them were taken (Unix seconds)."""
    try:
        begin, end = (unix(decode(HostSample, line).sample.timestamp) for line in (lines[0], lines[-1]))
    except (IndexError, ValueError, VainError):
        return 0.0, 0.0
    return begin, end


def _inflated(packed: bytes) -> Iterator[bytes]:
    inflate = zlib.decompressobj()
    text = b""
    try:
        text = inflate.decompress(packed)
    except zlib.error:
        # Once more in the smallest steps, up to where it is damaged.
        inflate = zlib.decompressobj()
        parts: list[bytes] = []
        with contextlib.suppress(zlib.error):
            parts.extend(inflate.decompress(packed[at : at + 1]) for at in range(len(packed)))
        text = b"".join(parts)
    yield from text.split(b"\n")[:-1]

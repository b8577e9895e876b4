"""``kill -9`` while samples are written and hours sealed: what was committed is there, whole, and once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import apsw
import numpy as np
import pytest

from tests.store.engines import sqlite_only
from tests.store.metrics.dying_writer import COMMIT_SECONDS, NAMES, ROWS_A_BURST, expected, flaws
from tests.store.metrics.filled import T0, opened, sealed
from vain.bands import MetricQuery, MetricWindow
from vain.store.metrics.book import SeriesBook
from vain.store.metrics.check import damaged_chunks
from vain.store.metrics.reading import window
from vain.store.metrics.snapshot import snapshot_of
from vain.store.sqlite import open_for_reading

pytestmark = [sqlite_only, pytest.mark.slow, pytest.mark.timeout(90)]

FOLDERS, ROUNDS = 10, 10
LOST_SECONDS = COMMIT_SECONDS + 0.5
"""So much real time a kill may take: what waits for the next commit, and while that or a seal before it lasts. A server
commits every two seconds, so that of the five that are promised three are left for what is half a second here."""
PAUSE = 7
"""Seconds between the last sample of one round and the first one of the next, mostly in the same hour."""
SLICE = 5_000


class Round:
    """What one writer said before it was killed."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.fed: list[tuple[int, float]] = []
        self.wrong: list[str] = []
        self.looks = 0
        self.killed_at = 0.0
        self.status = 0
        self.stored = 0

    @property
    def last(self) -> int:
        """The last second that was given, as far as it could say so; some after it may be stored."""
        return self.fed[-1][0] if self.fed else self.first

    def promised(self) -> int:
        """The last second that has to be stored; one before the first if none."""
        return max((second for second, at in self.fed if at <= self.killed_at - LOST_SECONDS), default=self.first - 1)

    def heard(self, line: str) -> None:
        kind, _, rest = line.strip().partition(" ")
        if kind == "fed":
            second, at = rest.split()
            self.fed.append((int(second), float(at)))
        elif kind == "wrong":
            self.wrong.append(rest)
        elif kind == "over":
            self.status = int(rest)
        elif kind == "read":
            self.looks += 1


class Writers:
    """Starts writers, one after the other, and kills them."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.store.metrics.dying_writer"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def one_round(self, folder: Path, first: int, seconds: float) -> Round:
        assert self.process.stdin and self.process.stdout
        made = Round(first)
        self.process.stdin.write(f"{first} {folder}\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline().split()[1])
        killer = threading.Timer(seconds, self._kill, (pid, made))
        killer.start()
        while not made.status:
            made.heard(self.process.stdout.readline())
        killer.join()
        return made

    @staticmethod
    def _kill(pid: int, made: Round) -> None:
        made.killed_at = time.monotonic()
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def writers() -> Iterator[Writers]:
    writers = Writers()
    yield writers
    with writers.process:  # closes its input, which ends it
        pass
    assert writers.process.returncode == 0


class Reader(threading.Thread):
    """A second process for SQLite: its connections are its own, opened anew now and then, also on a dead one's log."""

    def __init__(self, folder: Path, starts: list[int]) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.looks = 0
        self._path, self._starts = folder / "metrics.db", starts
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                with closing(open_for_reading(self._path)) as connection:
                    for _ in range(random.Random(self.looks).randint(1, 20)):
                        self._look(connection)
            except apsw.CantOpenError:
                self._ended.wait(0.01)  # the first writer has not come so far

    def end(self) -> None:
        self._ended.set()
        self.join(20)

    def _look(self, connection: apsw.Connection) -> None:
        newest = connection.execute("SELECT max(t) FROM hot").get if _has_tables(connection) else None
        if newest is None:
            return
        with connection:
            second = newest // 1_000 - T0
            seen = windowed(connection, second - SLICE, second + 1)
            minutes = windowed(connection, second - SLICE, second + 1, 60.0)
        self.wrong += flaws(seen) + flaws(minutes) + self._holes(seconds_of(seen))
        self.looks += 1
        self._ended.wait(0.02)

    def _holes(self, seconds: list[int]) -> list[str]:
        """A hole can only be where a writer was killed."""
        return [f"a hole before {b}" for a, b in pairwise(seconds) if b - a > 1 and b not in self._starts]


def _has_tables(connection: apsw.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'hot'").get)


def windowed(connection: apsw.Connection, begin: int, end: int, step_seconds: float | None = None) -> MetricWindow:
    query = MetricQuery(T0 + begin, T0 + end, step_seconds=step_seconds)
    return window(snapshot_of(connection, SeriesBook(connection), (), ()), query)


def seconds_of(seen: MetricWindow) -> list[int]:
    """The seconds that have a value of every series."""
    known = np.all([bands.count > 0 for bands in seen.series.values()], axis=0) if seen.series else np.empty(0, bool)
    return (np.rint(seen.t[: len(known)][known]) - T0).astype(int).tolist()


def stored(connection: apsw.Connection, begin: int, end: int) -> list[int]:
    """The seconds from ``begin`` to ``end`` (not included) that are there, each with the right values."""
    found: list[int] = []
    for at in range(begin, end, SLICE):
        seen = windowed(connection, at, min(at + SLICE, end))
        assert flaws(seen) == []
        found += seconds_of(seen)
    return found


def check(folder: Path, rounds: Iterable[Round]) -> None:
    """What the rounds left behind: of each a beginning of what it was given, as long as was promised.

    It may grow by one commit: when a writer dies at the very end of one, its log is whole, but those who had it open
    do not look for that. The next one who finds nobody there does.
    """
    with closing(open_for_reading(folder / "metrics.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        assert damaged_chunks(connection) == []
        for made in rounds:
            seconds = stored(connection, made.first, made.last + SLICE)
            assert seconds == list(range(made.first, made.first + len(seconds)))
            assert made.first + len(seconds) - 1 >= made.promised()
            assert made.stored <= len(seconds) <= made.last + ROWS_A_BURST + 1 - made.first
            made.stored = len(seconds)


@pytest.mark.parametrize("number", range(FOLDERS))
def test_a_kill_takes_only_the_newest_samples(tmp_path: Path, writers: Writers, number: int) -> None:
    choice, rounds, starts = random.Random(number), list[Round](), [0]
    reader = Reader(tmp_path, starts)
    reader.start()
    try:
        for _ in range(ROUNDS):
            made = writers.one_round(tmp_path, starts[-1], choice.uniform(0.3, 0.8))
            assert made.status == -signal.SIGKILL and made.wrong == []
            check(tmp_path, [made])
            rounds.append(made)
            starts.append(made.last + SLICE + PAUSE)
    finally:
        reader.end()
    # On a busy machine a round may end before anybody has looked; most do not.
    assert reader.wrong == [] and reader.looks > ROUNDS < sum(made.looks for made in rounds)
    with opened(tmp_path) as store:
        store.flush()
        assert sealed(store) > ROUNDS * len(NAMES), "hours were sealed all the time"
    check(tmp_path, rounds)


def test_the_values_that_are_written_differ_from_second_to_second() -> None:
    values = np.array([expected(place, np.arange(10_000)) for place in range(len(NAMES))])
    assert (np.diff(values) != 0).all()

"""A full disk: reading goes on, what is dropped is counted and told, and writing resumes by itself."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.store.engines import sqlite_only
from tests.store.metrics.filled import HOUR, T0, opened, sealed
from tests.store.small_disk import filled_up, mounted
from vain.bands import MetricQuery
from vain.errors import StoreFull
from vain.quality import Span
from vain.store.metrics import writer
from vain.store.metrics.check import damaged_chunks
from vain.store.metrics.store import MetricStore

pytestmark = [sqlite_only, pytest.mark.slow]

NAMES = [f"metric.{number}" for number in range(60)]
COMMIT_SECONDS = 0.05
MOST_PENDING = 20
LIMIT_BYTES = 300_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk") as folder:
        yield folder


def feed(store: MetricStore, seconds: range) -> None:
    for second in seconds:
        store.append(T0 + second, [(name, second % 1_000 / 8 + at) for at, name in enumerate(NAMES)])


def feed_until(store: MetricStore, second: int, done: Callable[[], bool]) -> int:
    """A sample every few milliseconds until something has happened; the second after the last one."""
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        feed(store, range(second, second + 1))
        second += 1
        time.sleep(0.005)
    return second


def seconds_in(store: MetricStore, begin: int, end: int) -> list[int]:
    """The seconds that are there, each with the right values."""
    window = store.window(MetricQuery(T0 + begin, T0 + end, ("metric.7",)))
    bands = window.series["metric.7"]
    seconds = (window.t[bands.count > 0] - T0).astype(int).tolist()
    assert bands.mean[bands.count > 0].tolist() == [second % 1_000 / 8 + 7 for second in seconds]
    return seconds


def assert_whole(folder: Path) -> None:
    with closing(apsw.Connection(str(folder / "metrics.db"))) as connection:
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        assert damaged_chunks(connection) == []


def test_ticks_are_dropped_and_told_until_there_is_space(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(small_disk / "data", commit_seconds=COMMIT_SECONDS, most_pending=MOST_PENDING) as store:
        feed(store, range(10))
        store.flush()
        filler = filled_up(small_disk)
        full = feed_until(store, 10, lambda: store.dropped >= 50)
        kept = seconds_in(store, 0, full)
        with pytest.raises(StoreFull, match="full"):
            store.flush()
        assert kept == list(range(full - store.dropped)), "what was committed and what waits can be read"
        filler.unlink()
        last = feed_until(store, full, lambda: len(seconds_in(store, full, full + 1_000)) > 30)
        resumed = len(kept) + store.dropped
        assert seconds_in(store, 0, last) == [*kept, *range(resumed, last)]
        spans = store.window(MetricQuery(T0, T0 + last)).spans
        assert spans == (Span("not-stored", float(T0 + len(kept)), float(T0 + resumed - 1)),)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert 1 <= len(errors) <= 3 and "could not be written" in errors[0] and "The disk is full" in errors[0]
    assert_whole(small_disk / "data")


def test_an_hour_that_ends_while_the_disk_is_full_is_sealed_later(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SEAL_RETRY_SECONDS", 0.5)
    with opened(small_disk / "data", commit_seconds=COMMIT_SECONDS) as store:
        feed(store, range(HOUR - 300, HOUR))
        store.flush()
        filler = filled_up(small_disk)
        feed(store, range(HOUR, HOUR + 300))
        with pytest.raises(StoreFull):
            store.flush()
        assert seconds_in(store, HOUR - 300, HOUR + 300) == list(range(HOUR - 300, HOUR + 300))
        assert sealed(store) == 0
        filler.unlink()
        last = feed_until(store, HOUR + 300, lambda: sealed(store) == len(NAMES))
        assert seconds_in(store, HOUR - 300, HOUR + 300) == list(range(HOUR - 300, HOUR + 300))
        assert store.dropped == 0 and seconds_in(store, HOUR + 300, last) == list(range(HOUR + 300, last))
    assert_whole(small_disk / "data")


SCRIPT = """
import resource, signal, sys
from pathlib import Path
from tests.store.metrics.test_full_disk import COMMIT_SECONDS, MOST_PENDING, feed_until, seconds_in
from tests.store.metrics.filled import opened

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
with opened(Path(sys.argv[1]), commit_seconds=COMMIT_SECONDS, most_pending=MOST_PENDING) as store:
    full = feed_until(store, 0, lambda: store.dropped >= 20)
    kept = seconds_in(store, 0, full)
    assert kept == list(range(full - store.dropped)), (kept[-1], full, store.dropped)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    last = feed_until(store, full, lambda: len(seconds_in(store, full, full + 1_000)) > 30)
    resumed = len(kept) + store.dropped
    assert seconds_in(store, 0, last) == [*kept, *range(resumed, last)]
print(len(kept))
"""


def test_a_file_that_may_not_grow_is_written_again_once_it_may(tmp_path: Path) -> None:
    """A limit on the size of files fails where a full disk does; to SQLite it is an error of the disk."""
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "data"), str(LIMIT_BYTES)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == 0, ended.stderr[-2_000:]
    assert int(ended.stdout) > MOST_PENDING
    assert "Samples could not be written" in ended.stderr
    assert_whole(tmp_path / "data")

"""The busiest processes, look by look: read before and after they were sealed, for a fortnight, and gone first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.store.metrics.filled import DAY, HOUR, T0, counted, damage, opened
from vain.busiest import Process
from vain.looks import NO_TASK, Looks
from vain.store.metrics.check import problems_of
from vain.store.metrics.retention import Keep
from vain.store.metrics.store import MetricStore


def look(second: int) -> list[Process]:
    return [
        Process(10, "python3", 7, 12.34 + second % 10, 4096 * second, 1.6),
        Process(20, "näh (x)", None, None, None, None),
    ]


def fed(store: MetricStore, seconds: range) -> None:
    for second in seconds:
        store.append(T0 + second, [("cpu.percent", 1.0)], processes=look(second) if second % 5 == 0 else None)
    store.flush()


def entries(looks: Looks) -> list[tuple[object, ...]]:
    """Moment, process, name, task and CPU of each, in order of time."""
    rows = zip(looks.at, looks.pid, looks.name, looks.task, looks.cpu, looks.rss, looks.io, strict=True)
    return sorted(
        (int(looks.t[at]) - T0 * 1000, int(pid), looks.names[name], int(task), *map(str, figures))
        for at, pid, name, task, *figures in rows
    )


def test_a_look_is_read_before_it_is_committed(tmp_path: Path) -> None:
    with opened(tmp_path, commit_seconds=60.0) as store:
        store.append(T0, [("cpu.percent", 5.0)], processes=look(3))
        store.append(T0 + 1, [("cpu.percent", 5.0)])
        looks, _ = store.looks(T0, T0 + 2)
    assert looks.t.tolist() == [T0 * 1000], "a sample without a look is none"
    first, second = entries(looks)
    assert first == (0, 10, "python3", 7, "15.3", "12288.0", "2.0")
    assert second == (0, 20, "näh (x)", NO_TASK, "nan", "nan", "nan")


def test_an_hour_that_is_sealed_reads_the_same_and_is_small(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(500))
        before, _ = store.looks(T0 + 100, T0 + 200)
        fed(store, range(HOUR, HOUR + 6))
        after, _ = store.looks(T0 + 100, T0 + 200)
        counts = [counted(store, table) for table in ("process_looks", "process_hours")]
        assert len(store.looks(T0, T0 + 2 * HOUR)[0].t) == 102
    assert counts == [2, 1]
    assert entries(after) == entries(before) and len(before.t) == 20


def test_what_comes_late_is_merged_into_its_hour(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(100))
        fed(store, range(HOUR, HOUR + 6))
        fed(store, range(200, 300))
        fed(store, range(HOUR + 10, HOUR + 16))
        looks, _ = store.looks(T0, T0 + HOUR)
    assert len(looks.t) == 40 and np.all(np.diff(looks.t) > 0)


@pytest.mark.parametrize(("raw_seconds", "days"), [(None, 14), (30 * DAY, 14), (3 * DAY, 3)])
def test_looks_are_kept_as_long_as_samples_and_a_fortnight_at_most(
    tmp_path: Path, raw_seconds: float | None, days: int
) -> None:
    now = [float(T0)]
    with opened(tmp_path, keep=Keep(raw_seconds, None, None), now=lambda: now[0]) as store:
        fed(store, range(10))
        fed(store, range(16 * DAY, 16 * DAY + 10))
        now[0] = T0 + days * DAY + HOUR - 1.0
        store.forget()
        assert len(store.looks(T0, T0 + 100)[0].t) == 2
        now[0] += 2
        store.forget()
        assert len(store.looks(T0, T0 + 100)[0].t) == 0
        assert len(store.looks(T0, T0 + 17 * DAY)[0].t) == 2


def test_a_history_that_is_too_large_loses_looks_before_samples(tmp_path: Path) -> None:
    noise = np.random.default_rng(2)
    with opened(tmp_path, keep=Keep(None, None, None, 400 << 10)) as store:
        for day in range(6):
            for second in range(200):
                crowd = [
                    Process(pid, f"p{pid}", None, float(noise.random() * 100), int(noise.integers(1 << 40)), 1.0)
                    for pid in noise.integers(1, 1 << 22, 20).tolist()
                ]
                store.append(T0 + day * DAY + second, [("cpu.percent", 1.0)], processes=crowd)
            store.flush()
        store.forget()
        kept = [len(store.looks(T0 + day * DAY, T0 + (day + 1) * DAY)[0].t) for day in range(6)]
        samples = counted(store, "raw")
    assert kept[0] == 0 and kept[-1] == 200
    assert samples == 5, "the sixth hour is not sealed"


def test_of_a_long_window_some_hours_are_read_and_that_is_told(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for hour in range(49):
            fed(store, range(hour * HOUR, hour * HOUR + 5))
        looks, left_out = store.looks(T0, T0 + 50 * HOUR)
    assert left_out == 36 and len(looks.t) == 13


def test_a_damaged_hour_is_found_and_left_out(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(10))
        fed(store, range(HOUR, HOUR + 6))
        damage(store, "UPDATE process_hours SET v = CAST(substr(v, 1, length(v) - 3) AS BLOB)")
        assert len(store.looks(T0, T0 + HOUR)[0].t) == 0
        found = store._read(lambda seen: problems_of(seen.connection))
    assert found == [f"The busiest processes of hour {T0 // HOUR} since 1970 cannot be read."]

"""What many tasks used, read at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.store.metrics.filled import HOUR, T0, damage, opened
from vain.explaining.use import sums_of
from vain.store.metrics import task_use
from vain.store.metrics.store import MetricStore


def fed(store: MetricStore, seconds: range, tasks: tuple[int, ...] = (7, 8)) -> None:
    for second in seconds:
        used = {task: {"task.cpu_percent": float(task), "task.memory_bytes": 4096.0 * second} for task in tasks}
        store.append(T0 + second, [("cpu.percent", 1.0)], tasks=used)
        if second % 500 == 499:
            store.flush()
    store.flush()


def test_sealed_hours_and_newest_rows_are_one(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(HOUR - 10, HOUR))
        fed(store, range(HOUR, HOUR + 10))
        store.append(T0 + HOUR + 10, [], tasks={7: {"task.cpu_percent": 7.0}})
        uses, thinned = store.use_of([7, 8, 9], T0 + HOUR - 5, T0 + HOUR + 11)
    assert sorted(uses) == [7, 8] and thinned.hours == 1.0
    assert (uses[7].t - T0).tolist() == list(range(HOUR - 5, HOUR + 11))
    assert uses[7].cpu.tolist() == [7.0] * 16 and np.isnan(uses[7].memory[-1])
    assert uses[8].memory[0] == 4096.0 * (HOUR - 5) and np.isnan(uses[8].gpu).all()


def test_of_too_many_chunks_some_hours_stand_for_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_use, "MOST_CHUNKS", 4)
    with opened(tmp_path) as store:
        for hour in range(5):
            fed(store, range(hour * HOUR, hour * HOUR + 3))
        uses, thinned = store.use_of([7, 8], T0, T0 + 4 * HOUR)
    assert thinned.hours == 2.0 and len(uses[7].t) == 6


def test_the_newest_hour_stands_for_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_use, "MOST_CHUNKS", 4)
    with opened(tmp_path) as store:
        for hour in range(4):
            for second in range(10):
                store.append(T0 + hour * HOUR + second, [], tasks={7 if hour < 3 else 8: {"task.cpu_percent": 100.0}})
            store.flush()
        uses, thinned = store.use_of([7, 8], T0, T0 + 4 * HOUR)
    assert thinned.hours == 2.0
    assert sums_of(uses[8], thinned).cpu_seconds == pytest.approx(10.0)
    assert sums_of(uses[7], thinned).cpu_seconds in (pytest.approx(20.0), pytest.approx(40.0))


def test_of_too_many_rows_some_seconds_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_use, "MOST_ROWS", 50)
    with opened(tmp_path) as store:
        fed(store, range(100))
        uses, _ = store.use_of([7, 8], T0, T0 + 100)
    assert len(uses[7].t) == 25 and uses[7].t[1] - uses[7].t[0] == 4


def test_of_too_many_rows_some_are_read_whatever_the_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_use, "MOST_ROWS", 50)
    with opened(tmp_path, period_seconds=2.0) as store:
        fed(store, range(1, 101, 2))
        uses, _ = store.use_of([7, 8], T0, T0 + 101)
    assert len(uses[7].t) == 25 and uses[7].t[1] - uses[7].t[0] == 4


def test_a_damaged_hour_of_a_task_is_left_out(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(5))
        fed(store, range(HOUR, HOUR + 5))
        damage(store, "UPDATE task_chunks SET v = x'92c400'")
        assert (store.use_of([7], T0, T0 + 2 * HOUR)[0][7].t - T0).tolist() == list(range(HOUR, HOUR + 5))

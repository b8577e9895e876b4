"""The thread that writes the history: what others read does not hold it up, what comes late takes nothing away."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.store.engines import sqlite_only
from tests.store.metrics.filled import HOUR, T0, fed, imported, opened, sealed
from vain.bands import MetricQuery
from vain.store.metrics.retention import Keep
from vain.store.sqlite import open_for_reading


@sqlite_only
def test_a_reader_from_outside_holds_up_neither_a_commit_nor_sealing(tmp_path: Path) -> None:
    """A backup, a check, somebody's SQL: they pass no gate, and may read for long."""
    with opened(tmp_path) as store:
        fed(store, range(100), float)
        with closing(open_for_reading(tmp_path / "metrics.db")) as outside:
            outside.execute("BEGIN")
            before = outside.execute("SELECT count(*) FROM hot").get
            store.append(T0 + HOUR, [("cpu.percent", 1.0)])
            began = time.monotonic()
            store.flush()
            assert time.monotonic() - began < 1
            assert sealed(store) == 1
            assert outside.execute("SELECT count(*) FROM hot").get == before == 100


@pytest.mark.parametrize("first", ["cpu.percent", "load.1m"])
def test_what_comes_late_again_leaves_the_roll_ups_of_deleted_samples_whole(tmp_path: Path, first: str) -> None:
    with opened(tmp_path) as store:
        imported(store, np.arange(2 * HOUR), np.full(2 * HOUR, 10.0))
    with opened(tmp_path, keep=Keep(HOUR, None, None), now=lambda: float(T0 + 10 * HOUR)) as store:
        store.forget()
        assert sealed(store) == 0
        imported(store, np.arange(10) * 60 + 0.5, np.full(10, 20.0), first)
        imported(store, np.arange(10) * 60 + 30.5, np.full(10, 90.0))
        hours = store.window(MetricQuery(T0, T0 + 2 * HOUR, ("cpu.percent",), 2)).series["cpu.percent"]
        minutes = store.window(MetricQuery(T0, T0 + 2 * HOUR, ("cpu.percent",), 120)).series["cpu.percent"]
    added = 20 if first == "cpu.percent" else 10
    assert hours.count.tolist() == [HOUR + added, HOUR] and hours.max.tolist() == [90.0, 10.0]
    assert minutes.count.sum() == 2 * HOUR + added and minutes.count.min() == 60

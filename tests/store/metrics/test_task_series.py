"""What tasks used, sample by sample: read before and after it was sealed, and kept while the task runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.store.metrics.filled import DAY, HOUR, T0, counted, damage, opened
from vain.bands import MetricQuery, MetricWindow
from vain.catalog import TASK_METRICS
from vain.store.metrics.retention import Keep
from vain.store.metrics.store import MetricStore


def fed(store: MetricStore, seconds: range, tasks: tuple[int, ...] = (7,)) -> None:
    """The task uses as many percent as its number and the second say."""
    for second in seconds:
        used = {task: {"task.cpu_percent": task + second % 100, "task.memory_bytes": 4096.0} for task in tasks}
        store.append(T0 + second, [("cpu.percent", 1.0)], tasks=used)
        if second % 500 == 499:
            store.flush()
    store.flush()


def asked(store: MetricStore, after: float, before: float, *metrics: str, **more: object) -> MetricWindow:
    return store.window(MetricQuery(T0 + after, T0 + before, metrics or None, **more))  # type: ignore[arg-type]


def test_a_sample_of_a_task_is_read_before_it_is_committed(tmp_path: Path) -> None:
    with opened(tmp_path, commit_seconds=60.0) as store:
        store.append(T0, [("cpu.percent", 5.0)], tasks={7: {"task.cpu_percent": 12.34}})
        window = asked(store, -1, 1, tasks=(7,))
    assert window.series["task.cpu_percent:7"].mean.tolist() == [12.3]
    assert window.series["cpu.percent"].mean.tolist() == [5.0]


def test_an_hour_that_is_sealed_reads_the_same(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(HOUR - 5))
        before = asked(store, 0, HOUR, "task.*", tasks=(7,), points=5_000)
        fed(store, range(HOUR, HOUR + 3))
        after = asked(store, 0, HOUR, "task.*", tasks=(7,), points=5_000)
        rows = counted(store, "task_rows")
    assert rows == 3
    assert after.t.tolist() == before.t.tolist() and len(after.t) == HOUR - 5
    for name in ("task.cpu_percent:7", "task.memory_bytes:7"):
        assert after.series[name].mean.tolist() == before.series[name].mean.tolist()
    assert after.series["task.cpu_percent:7"].mean[123] == 7 + 123 % 100
    assert list(after.series) == ["task.cpu_percent:7", "task.memory_bytes:7"], "what is unknown throughout is left out"


def test_tasks_stand_at_the_times_of_the_machine_in_every_resolution(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(100), tasks=())
        fed(store, range(100, 200))
        fed(store, range(200, 2 * HOUR), tasks=())
        raw = asked(store, 0, 300, "cpu.percent", "task.cpu_percent", tasks=(7,), points=1_000)
        coarse = asked(store, 0, 2 * HOUR, "cpu.percent", "task.cpu_percent", tasks=(7,), points=200)
    known = ~np.isnan(raw.series["task.cpu_percent:7"].mean)
    assert (raw.t[known] - T0).tolist() == list(range(100, 200)) and len(raw.t) == 300
    bands = coarse.series["task.cpu_percent:7"]
    assert coarse.is_reduced and len(bands.mean) == len(coarse.t) == len(coarse.series["cpu.percent"].mean)
    assert int(bands.count.sum()) == 100 and np.nanmax(bands.max) == 106


def test_without_a_number_the_tasks_of_the_window_come(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(10), tasks=(3,))
        fed(store, range(10, 20), tasks=(4, 5))
        assert list(asked(store, 0, 5, "task.cpu_percent").series) == ["task.cpu_percent:3"]
        assert list(asked(store, 10, 20, "task.cpu*").series) == ["task.cpu_percent:4", "task.cpu_percent:5"]
        assert list(asked(store, 0, 20, "task.cpu_percent:4").series) == ["task.cpu_percent:4"]
        assert list(asked(store, 0, 20).series) == ["cpu.percent"], "tasks come only when they are asked for"
        assert asked(store, 0, 20, "task.cpu_percent:9").series["task.cpu_percent:9"].count.sum() == 0


def test_the_samples_of_a_task_that_runs_are_kept_and_others_go_by_age(tmp_path: Path) -> None:
    now = [float(T0)]
    with opened(tmp_path, keep=Keep(DAY, None, None), now=lambda: now[0]) as store:
        fed(store, range(60), tasks=(7, 8))
        fed(store, range(3 * DAY, 3 * DAY + 60), tasks=(8,))
        now[0] = float(T0 + 3 * DAY + 60)
        store.forget()
        assert asked(store, 0, 60, "task.cpu_percent", tasks=(8,)).series["task.cpu_percent:8"].count.sum() == 60
        assert asked(store, 0, 60, "task.cpu_percent", tasks=(7,)).series == {}


def test_a_history_that_is_too_large_loses_samples_of_tasks_before_the_machines_minutes(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).random((200, 200)) * 100
    with opened(tmp_path, keep=Keep(None, None, None, 400 << 10)) as store:
        for day in range(6):
            for second in range(200):
                used = {task: {"task.cpu_percent": float(noise[second, task])} for task in range(200)}
                store.append(T0 + day * DAY + second, [("cpu.percent", 1.0)], tasks=used)
                if second in (0, 199):
                    store.flush()
        first, last = (asked(store, day * DAY, (day + 1) * DAY, "task.cpu_percent", tasks=(7,)) for day in (0, 4))
        assert (list(first.series), list(last.series)) == ([], ["task.cpu_percent:7"]), "though the task runs"
        assert counted(store, "minutes") == 5


def test_a_long_task_is_reduced_to_the_points_that_are_asked_for(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(HOUR + 60))
        window = asked(store, 0, HOUR + 60, "task.cpu_percent", tasks=(7,), points=100)
    bands = window.series["task.cpu_percent:7"]
    assert window.is_reduced and len(window.t) <= 100 and int(bands.count.sum()) == HOUR + 60
    assert (np.nanmin(bands.min), np.nanmax(bands.max)) == (7, 106)


def test_a_damaged_chunk_of_a_task_is_found_and_left_out(tmp_path: Path) -> None:
    from vain.store.metrics.check import problems_of

    with opened(tmp_path) as store:
        fed(store, range(HOUR + 5))
        damage(store, "UPDATE task_chunks SET v = x'92c400'")
        assert asked(store, 0, HOUR, "task.cpu_percent", tasks=(7,)).series == {}
        found = store._read(lambda seen: problems_of(seen.connection))
    assert found == [f"The samples of task 7 in hour {T0 // HOUR} since 1970 cannot be read."]


def test_every_metric_of_a_task_has_a_column() -> None:
    assert "task.cpu_percent" in TASK_METRICS and len(TASK_METRICS) == len(set(TASK_METRICS)) == 8

"""DataFrames: types, order, units, and no copy of the values."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from math import nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.live_server import live_server
from tests.store.opened import Opened, with_store
from vain import frames, tables
from vain.bands import Bands, MetricQuery, MetricWindow, of_values
from vain.catalog import BY_NAME
from vain.client import Client
from vain.history import Columns
from vain.quality import Span
from vain.remote import RemoteSource
from vain.store import reading
from vain.store.metrics.store import MetricStore
from vain.tracker import Tracker
from vain.types import Event, Resources, Task, TaskDraft, TaskError, TaskPatch

CREATED = "2026-11-23T03:06:00.123Z"
TASKS = [
    Task(1, "build", "pending", "high", CREATED, progress=40.0, tags=["ci"]),
    Task(2, "test", "completed", "low", CREATED, outcome="failed", exit_code=1, completed_at="2026-11-23T03:07:00.000Z",
         error=TaskError("E", "boom"), resources=Resources(cpu_seconds=2.5)),
    Task(3, "ship", "in-progress", "medium", CREATED),
]  # fmt: skip
COLUMNS = Columns(
    3, array("d", [1e9, 1e9 + 1, 1e9 + 2.5]), {"cpu.percent": array("d", [1, nan, 3]), "x": array("d", [7, 8, 9])}
)


def test_tasks_stand_by_number_with_times_in_utc() -> None:
    frame = frames.tasks(TASKS)
    assert frame.index.name == "task_id" and list(frame.index) == [1, 2, 3]
    assert frame.loc[1, "created_at"] == pd.Timestamp(CREATED)
    assert str(frame["completed_at"].dtype) == "datetime64[ms, UTC]" and frame["completed_at"].isna().tolist() == [
        True,
        False,
        True,
    ]


def test_status_and_priority_sort_and_compare_by_rank() -> None:
    frame = frames.tasks(TASKS)
    assert frame.sort_values("priority").index.tolist() == [2, 3, 1]
    assert frame.index[frame["priority"] >= "medium"].tolist() == [1, 3]
    assert frame.groupby("status", observed=False).size().tolist() == [1, 1, 1]


def test_unknown_is_missing_and_never_zero() -> None:
    frame = frames.tasks(TASKS)
    assert frame["exit_code"].tolist()[1] == 1 and frame["exit_code"].isna().tolist() == [True, False, True]
    assert frame["progress"].isna().tolist() == [False, True, True]
    assert frame.loc[2, "error"] == "boom" and frame.loc[2, "cpu_seconds"] == 2.5


def test_no_tasks_give_the_same_columns() -> None:
    nothing, something = frames.tasks([]), frames.tasks(TASKS)
    assert nothing.empty and nothing.dtypes.to_dict() == something.dtypes.to_dict()


def test_every_unit_names_a_column() -> None:
    frame = frames.tasks(TASKS)
    assert set(frame.attrs["units"]) <= set(frame.columns) and frame.attrs["units"]["progress"] == "percent"


def test_metrics_stand_by_utc_time_to_the_millisecond() -> None:
    frame = frames.metrics(COLUMNS)
    assert frame.index.name == "time" and str(frame.index.dtype) == "datetime64[ms, UTC]"
    assert frame.index[2] == pd.Timestamp("2001-09-09T01:46:42.500Z")
    assert frame["cpu.percent"].isna().tolist() == [False, True, False]
    assert frame["cpu.percent"].resample("1min").mean().iloc[0] == 2.0


def test_metrics_know_their_units() -> None:
    assert frames.metrics(COLUMNS).attrs["units"] == {"cpu.percent": BY_NAME["cpu.percent"].unit}


def test_metric_values_are_not_copied() -> None:
    frame = frames.metrics(COLUMNS)
    for name, values in COLUMNS.values.items():
        assert np.shares_memory(frame[name].to_numpy(), np.frombuffer(values))


def test_no_rows_give_an_empty_frame() -> None:
    frame = frames.metrics(Columns(0, array("d"), {"cpu.percent": array("d")}))
    assert frame.empty and list(frame.columns) == ["cpu.percent"] and str(frame.index.dtype) == "datetime64[ms, UTC]"


def window_of(values: list[float], begin: float = 1e9, step_seconds: float = 1.0, **more: list[float]) -> MetricWindow:
    """A window of one series, from its means; ``low`` and ``high`` are their bounds."""
    mean = np.array(values)
    low, high = (np.array(more.get(name, values)) for name in ("low", "high"))
    bands = Bands(mean, low, high, np.where(np.isnan(mean), 0, 1))
    t = begin + np.arange(len(values)) * step_seconds
    return MetricWindow(t, {"cpu.percent": bands}, "raw", step_seconds, (Span("stopped", begin, begin + 1),))


def test_a_window_of_the_history_is_a_frame_over_its_arrays() -> None:
    window = window_of([1.0, nan, 3.0])
    frame = frames.metrics_window(window)
    assert str(frame.index.dtype) == "datetime64[ms, UTC]" and frame.index[2] == pd.Timestamp("2001-09-09T01:46:42Z")
    assert np.shares_memory(frame["cpu.percent"].to_numpy(), window.series["cpu.percent"].mean)
    assert frame["cpu.percent"].isna().tolist() == [False, True, False]
    assert frame.attrs == {
        "units": {"cpu.percent": "percent"}, "tier": "raw", "step_seconds": 1.0, "spans": window.spans
    }  # fmt: skip


def test_least_and_largest_come_alone_or_all_together() -> None:
    window = window_of([5.0, nan], low=[1.0, nan], high=[9.0, nan])
    assert frames.metrics_window(window, "max")["cpu.percent"].iloc[0] == 9.0
    frame = frames.metrics_window(window, "all")
    assert frame.columns.names == ["metric", "statistic"] and frame["cpu.percent"].iloc[0].tolist() == [5.0, 1.0, 9.0]
    assert np.shares_memory(frame["cpu.percent", "min"].to_numpy(), window.series["cpu.percent"].min)


def test_a_window_without_series_is_a_frame_without_columns() -> None:
    nothing = MetricWindow(np.empty(0), {}, "raw", 1.0)
    assert frames.metrics_window(nothing).empty and frames.metrics_window(nothing, "all").columns.nlevels == 2
    assert frames.resampled(frames.metrics_window(nothing, "all"), "5min").empty


def test_resampling_keeps_gaps_and_bounds() -> None:
    # 120 s of 10 with a spike of 90, nothing for 120 s, then 60 s of 20
    values = [10.0] * 120 + [nan] * 120 + [20.0] * 60
    values[7] = 90.0
    frame = frames.metrics_window(window_of(values, begin=1_200_000_000))
    minutes = frames.resampled(frame, "1min", "all")["cpu.percent"]
    assert minutes["mean"].round(3).tolist()[:2] == [11.333, 10.0] and minutes["max"].tolist()[:2] == [90.0, 10.0]
    assert minutes["mean"].isna().tolist() == [False, False, True, True, False] and minutes["mean"].iloc[4] == 20.0
    again = frames.resampled(frames.resampled(frame, "1min", "all"), "5min")
    assert again["cpu.percent"].iloc[0].tolist() == [pytest.approx((11 + 1 / 3 + 10 + 20) / 3), 10.0, 90.0]
    assert again.attrs["step_seconds"] == 300.0 and again.attrs["units"] == {"cpu.percent": "percent"}


def test_steps_begin_at_whole_multiples_and_days_where_the_people_live() -> None:
    # Berlin, 25 October 2026: summer time ends, the day has 25 hours.
    begin = pd.Timestamp("2026-10-24T22:00Z").timestamp()
    frame = frames.metrics_window(window_of([1.0] * 26, begin, 3600.0))
    assert frames.resampled(frame, "2h").index[0].hour == 22 and len(frames.resampled(frame, "1D")) == 2
    local = frame.tz_convert("Europe/Berlin")
    assert local.resample("1D").count()["cpu.percent"].tolist() == [25, 1]
    assert frames.resampled(local, "1D").index.strftime("%d %H").tolist() == ["25 00", "26 00"]


def ran(task_id: int, name: str, started_at: str | None, completed_at: str | None) -> Task:
    status = "pending" if started_at is None else "in-progress" if completed_at is None else "completed"
    return Task(task_id, name, status, "low", CREATED, started_at=started_at, completed_at=completed_at)


def test_the_metrics_while_a_task_ran_are_the_rows_that_it_touched() -> None:
    frame = frames.metrics_window(window_of([float(n) for n in range(10)]))  # from 01:46:40
    task = ran(7, "a", "2001-09-09T01:46:43.400Z", "2001-09-09T01:46:46.000Z")
    assert frames.during(frame, task)["cpu.percent"].tolist() == [3.0, 4.0, 5.0]
    assert frames.during(frame, frames.tasks([task]).loc[7])["cpu.percent"].tolist() == [3.0, 4.0, 5.0]
    assert len(frames.during(frame, ran(8, "a", "2001-09-09T01:46:47.000Z", None))) == 3
    assert frames.during(frame, ran(9, "a", None, None)).empty


def test_mean_by_task_name_is_weighted_by_time() -> None:
    # 0 1 2 … 9 for a second each from 01:46:40, the 5 unknown
    frame = frames.metrics_window(window_of([nan if n == 5 else float(n) for n in range(10)]))
    at = "2001-09-09T01:46:{}Z".format
    tasks = frames.tasks([
        ran(1, "build", at("40.000"), at("42.000")),  # 0, 1
        ran(2, "build", at("43.500"), at("44.000")),  # half a second of 3
        ran(3, "train", at("44.000"), at("47.000")),  # 4, nothing, 6
        ran(4, "serve", at("48.000"), None),          # 8, 9, and on
        ran(5, "early", "2001-01-01T00:00:00.000Z", "2001-01-02T00:00:00.000Z"),
        ran(6, "later", None, None),
    ])  # fmt: skip
    means = frames.mean_by_task_name(frame, tasks, "cpu.percent")
    assert means.name == "cpu.percent" and means["build"] == pytest.approx((0 + 1 + 1.5) / 2.5)
    assert means["train"] == 5.0 and means["serve"] == 8.5
    assert means[["early", "later"]].isna().all() and means.index.name == "name"
    everything = frames.metrics_window(window_of([8.0] * 10), "all")
    assert frames.mean_by_task_name(everything, tasks, "cpu.percent")["build"] == 8.0


def test_a_gap_between_samples_counts_for_no_task() -> None:
    t = np.array([1e9, 1e9 + 1, 1e9 + 100, 1e9 + 101])
    window = MetricWindow(t, {"a": of_values(np.array([10.0, 10.0, 40.0, 40.0]))}, "raw", 1.0)
    tasks = frames.tasks([ran(1, "long", "2001-09-09T01:46:40.000Z", None)])
    assert frames.mean_by_task_name(frames.metrics_window(window), tasks, "a")["long"] == 25.0


def logged(folder: Path) -> list[Event]:
    """The log of a task that was begun, interrupted, begun again, and completed, and of one that was deleted."""

    clock = iter(f"2026-11-23T03:0{minute}:00.000Z" for minute in range(9))

    async def work(opened: Opened) -> list[Event]:
        tracker = Tracker(opened.store, lambda: next(clock))
        await tracker.create(TaskDraft(name="build", status="in-progress"))
        for status in ("pending", "in-progress", "completed"):
            await tracker.update(1, TaskPatch(status=status))
        await tracker.create(TaskDraft(name="gone", status="in-progress"))
        await tracker.delete(2)
        return await opened.store.read(lambda connection: reading.events_after(connection, 0, 100))

    events: list[Event] = with_store(folder, work)
    return events


def test_changes_of_the_log_stand_by_their_number(tmp_path: Path) -> None:
    frame = frames.changes(logged(tmp_path))
    first = frame[frame["task_id"] == 1]
    assert first["action"].tolist() == ["created", "updated", "updated", "updated"]
    assert first["status"].tolist() == ["in-progress", "pending", "in-progress", "completed"]
    assert first["previous_status"].isna().tolist()[0] and "status" in first["changed"].iloc[1]
    assert first["timestamp"].iloc[1] == pd.Timestamp("2026-11-23T03:01:00Z") and first.index.is_monotonic_increasing


def test_runs_are_what_was_in_progress_from_when_to_when(tmp_path: Path) -> None:
    runs = frames.runs(frames.changes(event.body for event in logged(tmp_path)))
    minutes = [(run.name, run.started_at.minute, run.completed_at.minute) for run in runs.itertuples()]
    assert minutes == [("build", 0, 1), ("build", 2, 3), ("gone", 4, 5)]
    assert frames.runs(frames.changes([])).empty


def test_the_changes_of_a_task_come_over_http(tmp_path: Path) -> None:
    with live_server(tmp_path) as url, Client(url) as client:
        task = client.create("x", status="in-progress")
        client.update(task.task_id, status="completed")
        frame = frames.changes_of(client, task.task_id)
    assert frame["status"].tolist() == ["in-progress", "completed"] and len(frames.runs(frame)) == 1


def until_sampled(client: Client) -> None:
    """Waits for the server's first look at the machine."""
    deadline = time.monotonic() + 10
    while not client.history(after=-60).t and time.monotonic() < deadline:
        time.sleep(0.02)


@contextmanager
def follower(url: str) -> Iterator[RemoteSource]:
    with Client(url) as client, closing(RemoteSource(client)) as source:
        yield source


@pytest.mark.parametrize("reader_of", [Client, follower])
def test_a_client_and_a_source_give_the_tasks(
    tmp_path: Path, reader_of: Callable[[str], AbstractContextManager[frames.HasTasks]]
) -> None:
    with live_server(tmp_path) as url, Client(url) as client, ExitStack() as rest:
        client.create("build", priority="high")
        assert list(frames.tasks_of(rest.enter_context(reader_of(url)))["name"]) == ["build"]


@pytest.mark.slow
def test_the_history_of_a_server_is_the_same_frame_as_in_its_process(tmp_path: Path) -> None:
    with live_server(tmp_path) as url, Client(url) as client, follower(url) as source:
        t = 1_795_426_200 + np.arange(100)
        client.import_history(tables.encoded(tables.samples_of(t * 1000, {"room.celsius": np.sqrt(t % 7)}), "parquet"))
        remote = frames.history_of(client, float(t[0]), float(t[-1] + 1), ["room.celsius"])
        until_sampled(client)
        assert frames.history_of(source, after=-900)["memory.percent"].between(0, 100).all()
    with closing(MetricStore(tmp_path)) as store:
        local = frames.metrics_window(store.window(MetricQuery(t[0], t[-1] + 1, ("room.celsius",))))
    pd.testing.assert_frame_equal(remote, local)
    assert remote.attrs == local.attrs and remote["room.celsius"].tolist() == np.sqrt(t % 7).tolist()

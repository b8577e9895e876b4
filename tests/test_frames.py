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
from vain import frames
from vain.catalog import BY_NAME
from vain.client import Client
from vain.history import Columns
from vain.remote import RemoteSource
from vain.types import Resources, Task, TaskError

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
def test_a_client_and_a_source_give_both_frames(
    tmp_path: Path, reader_of: Callable[[str], AbstractContextManager[frames.Reader]]
) -> None:
    with live_server(tmp_path) as url, Client(url) as client, ExitStack() as rest:
        client.create("build", priority="high")
        until_sampled(client)
        reader = rest.enter_context(reader_of(url))
        assert list(frames.tasks_of(reader)["name"]) == ["build"]
        history = frames.history_of(reader, after=-900)
        assert len(history) >= 1 and history["memory.percent"].between(0, 100).all()
        assert history.attrs["units"]["memory.used_bytes"] == "bytes"

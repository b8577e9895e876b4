"""Tasks as rows: every field has its columns, of the right kind, and no cell is a formula."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import arro3.io
import pytest
from arro3.core import Table

from vain import tables
from vain.cells import harmless, lines
from vain.messages import TaskUpdate
from vain.tables.tasks import batch_of_tasks
from vain.task_columns import cells, event_columns, header, task_columns
from vain.types import Eta, Resources, Task, TaskError, TaskSource

T0 = "2026-01-01T00:00:00.001Z"
FULL = Task(
    1, "=1+1", "completed", "high", T0, "Größe", "-5", ["a", "b,c"], 99.5, 2, 3, "files", "failed", 3,
    TaskError("ValueError", "@x"), "nightly", 9, T0, 30.0, {"k": True}, TaskSource("here", 7, T0), T0, T0, T0, T0, 4, 2,
    True, True, Eta(T0, T0, T0, "runs"), Resources(1.5, rss_peak_bytes=2**40, basis={"cpu": "tree"}, since=T0),
)  # fmt: skip
EMPTY = Task(2, "x", "pending", "low", T0)


def by_name(task: Task, *fields: str) -> dict[str, object]:
    columns = task_columns(fields or None)
    return dict(zip(map(str, header(columns)), cells(columns, task), strict=True))


def test_every_field_has_its_columns() -> None:
    assert list(dict.fromkeys(column.field for column in task_columns())) == list(Task.__struct_fields__)
    parts = {column.name for column in task_columns() if column.field == "resources"}
    assert parts == {f"resources.{name}" for name in Resources.__struct_fields__}


def test_kinds_follow_from_the_types() -> None:
    kinds = {column.name: column.kind for column in task_columns()}
    assert {name for name, kind in kinds.items() if kind == "time"} == {
        "created_at", "due_at", "started_at", "completed_at", "updated_at", "heartbeat_at", "source.pid_started_at",
        "eta.at", "eta.low", "eta.high", "resources.since",
    }  # fmt: skip
    assert (kinds["task_id"], kinds["progress"], kinds["stale"], kinds["tags"], kinds["metadata"], kinds["status"]) == (
        "whole", "number", "flag", "texts", "json", "text",
    )  # fmt: skip


def test_cells_are_what_the_task_says_and_empty_where_it_says_nothing() -> None:
    full, empty = by_name(FULL), by_name(EMPTY)
    assert (full["tags"], full["metadata"], full["stale"]) == ('["a","b,c"]', '{"k":true}', "true")
    assert (full["error.message"], full["source.pid"], full["resources.rss_peak_bytes"]) == ("@x", 7, 2**40)
    assert (empty["progress"], empty["error.type"], empty["eta.at"], empty["resources.cpu_seconds"]) == (None,) * 4
    assert (empty["stale"], empty["tags"]) == ("false", "[]")


def test_only_the_fields_that_were_asked_for_in_their_order() -> None:
    assert list(by_name(FULL, "status", "error", "name")) == [
        "status", "error.type", "error.message", "error.traceback", "name",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\r=1"])
def test_no_text_is_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert next(csv.reader(io.StringIO(lines([[text]]).decode(), newline=""))) == [f"'{text}"]


def test_numbers_and_harmless_text_stay_as_they_are() -> None:
    assert [harmless(cell) for cell in (-1, -0.5, None, "a=b", "'", "")] == [-1, -0.5, None, "a=b", "'", ""]


def test_a_csv_is_read_as_it_was_written() -> None:
    columns = task_columns()
    text = lines([header(columns), cells(columns, FULL), cells(columns, EMPTY)]).decode()
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert (first["name"], first["message"], first["description"]) == ("'=1+1", "'-5", "Größe")
    assert (first["progress"], second["progress"], second["eta.at"]) == ("99.5", "", "")


def read_parquet(path: Path, *batches: tables.Rows) -> Table:
    with path.open("wb") as file:
        tables.write_parquet(batches, file)
    return Table.from_arrow(arro3.io.read_parquet(path))


def test_parquet_has_real_types_and_unknown_is_null(tmp_path: Path) -> None:
    columns = task_columns()
    batches = [batch_of_tasks(columns, tasks) for tasks in ([], [FULL], [EMPTY])]
    table = read_parquet(tmp_path / "tasks.parquet", *batches)
    kinds = {field.name: str(field.type) for field in map(table.schema.field, table.column_names)}
    assert "Timestamp" in kinds["created_at"] and "UTC" in kinds["created_at"] and "List" in kinds["tags"]
    rows = {name: table.column(name).to_pylist() for name in table.column_names}
    assert rows["created_at"][0] == datetime(2026, 1, 1, 0, 0, 0, 1_000, UTC)
    assert (rows["name"], rows["tags"], rows["stale"]) == (["=1+1", "x"], [["a", "b,c"], []], [True, False])
    assert (rows["due_at"][1], rows["resources.cpu_seconds"], rows["exit_code"]) == (None, [1.5, None], [3, None])
    assert rows["metadata"] == ['{"k":true}', "{}"]


def test_changes_say_when_and_what_first() -> None:
    fields = {name: getattr(FULL, name) for name in Task.__struct_fields__}
    change = TaskUpdate(**fields, seq=5, timestamp=T0, action="updated", changed=["status"], previous_status="pending")
    names = [column.name for column in event_columns()]
    assert names[:6] == ["seq", "timestamp", "action", "changed", "previous_status", "task_id"]
    assert cells(event_columns(), change)[:6] == [5, T0, "updated", '["status"]', "pending", 1]
    assert {column.name: column.kind for column in event_columns()}["timestamp"] == "time"

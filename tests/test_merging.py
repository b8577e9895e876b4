"""What a merge patch makes of a task."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from vain.codec import encode, received
from vain.errors import Invalid
from vain.lifecycle import patched
from vain.merging import merged
from vain.types import CLIENT_FIELDS, Task, TaskError, TaskMerge, TaskPatch, TaskSource

NOW = "2026-11-23T09:00:00.000Z"
TASK = Task(
    task_id=7, name="x", status="pending", priority="high", created_at=NOW, description="d", message="m",
    tags=["a", "b"],
    key="k", due_at=NOW, metadata={"a": 1, "b": True, "c": "1"}, source=TaskSource(host="h", pid=3), updated_at=NOW,
)  # fmt: skip


def merge(task: Task, document: dict[str, Any]) -> TaskPatch:
    return merged(task, received(TaskMerge, encode(document)))


@pytest.mark.parametrize(("field", "reset"), [
    ("status", "pending"), ("priority", "medium"), ("description", ""), ("message", ""), ("tags", []),
    ("metadata", {}), ("key", None), ("due_at", None), ("source", None), ("progress", None), ("parent_id", None),
])  # fmt: skip
def test_null_resets_a_field_to_what_a_new_task_has(field: str, reset: object) -> None:
    patch = merge(TASK, {field: None})
    assert getattr(patch, field) == reset
    assert all(getattr(patch, other) is UNSET for other in CLIENT_FIELDS if other != field)


def test_a_name_cannot_be_taken_away() -> None:
    with pytest.raises(Invalid) as caught:
        merge(TASK, {"name": None})
    assert caught.value.flaws[0].pointer == "/name"


def test_metadata_is_put_together_value_by_value() -> None:
    assert merge(TASK, {"metadata": {"a": None, "b": False, "d": 1.5}}).metadata == {"b": False, "c": "1", "d": 1.5}


def test_an_empty_object_changes_nothing() -> None:
    patch = merge(TASK, {"metadata": {}, "source": {}})
    assert (patch.metadata, patch.source) == (TASK.metadata, TASK.source)


def test_an_object_that_is_not_there_yet_is_made() -> None:
    assert merge(replace(TASK, source=None), {"source": {"host": "h"}}).source == TaskSource(host="h")


def test_what_is_left_out_of_an_error_stays() -> None:
    task = replace(TASK, status="completed", error=TaskError("T", "m", "trace"))
    assert merge(task, {"error": {"traceback": None}}).error == TaskError("T", "m")


def test_an_error_still_needs_its_type() -> None:
    with pytest.raises(Invalid) as caught:
        merge(TASK, {"error": {"message": "m"}})
    assert caught.value.flaws[0].pointer == "/error/type"


def test_metadata_may_not_grow_too_large_bit_by_bit() -> None:
    task = replace(TASK, metadata={f"k{number}": number for number in range(50)})
    with pytest.raises(Invalid) as caught:
        merge(task, {"metadata": {"one": 1}})
    assert caught.value.flaws[0].pointer == "/metadata"
    assert len(merge(task, {"metadata": {"one": 1, "k0": None}}).metadata) == 50  # type: ignore[arg-type]


def test_a_list_is_replaced_as_a_whole() -> None:
    assert merge(TASK, {"tags": ["c"]}).tags == ["c"]


VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=3)


def rfc_7396(target: object, patch: object) -> object:
    """The algorithm as the standard has it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = rfc_7396(result.get(name), value)
    return result


@given(st.dictionaries(st.text("xyz", min_size=1, max_size=2), VALUES, max_size=5))
def test_metadata_follows_the_standard(given_values: dict[str, object]) -> None:
    task = replace(TASK, metadata={"x": 1, "y": "a", "zz": False})
    patch = merge(task, {"metadata": given_values})
    assert encode(patch.metadata) == encode(rfc_7396(task.metadata, given_values))


def test_the_same_merge_twice_changes_nothing_the_second_time() -> None:
    document = {"metadata": {"a": None, "n": 2}, "tags": None, "due_at": None}
    once = patched(TASK, merge(TASK, document), NOW)
    assert once.version == TASK.version + 1
    assert patched(once, merge(once, document), NOW) is once

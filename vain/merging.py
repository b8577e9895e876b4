"""A merge patch (RFC 7396) as the change of a task that it stands for: pure, from the task as it is."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET

from vain.codec import decode, encode
from vain.types import CLIENT_FIELDS, Task, TaskMerge, TaskPatch

_NEW: dict[str, Any] = {
    field.name: field.default_factory() if field.default is NODEFAULT else field.default
    for field in msgspec.structs.fields(Task)
    if not field.required
} | {"status": "pending", "priority": "medium", "usage": None}
"""What a field is when nobody has set it."""
_OBJECTS = ("metadata", "error", "source")


def merged(task: Task, merge: TaskMerge) -> TaskPatch:
    """What the merge sets on this task, with null as what a new task has.

    Raises Invalid for what then breaks a rule.
    """
    given = {name: value for name in (*CLIENT_FIELDS, "usage") if (value := getattr(merge, name)) is not UNSET}
    fields = {name: _NEW[name] if value is None else value for name, value in given.items()}
    objects = {name: _joined(getattr(task, name), given[name]) for name in _OBJECTS if given.get(name) is not None}
    checked = decode(TaskPatch, encode(objects)) if objects else TaskPatch()
    return msgspec.structs.replace(checked, **{name: fields[name] for name in fields.keys() - objects.keys()})


def _joined(before: Any, given: Any) -> dict[str, Any]:
    """An object with what is given put over it, and without what is null."""
    values = (msgspec.to_builtins(before) or {}) | msgspec.to_builtins(given)
    return {name: value for name, value in values.items() if value is not None}

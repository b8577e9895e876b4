"""What the commands on tasks do: one call to the server each, and its answer on the screen."""

from __future__ import annotations

import time
from argparse import Namespace

import msgspec

from vain.client import Client
from vain.errors import Misconfigured, NotFound
from vain.fields import assigned, checked, due_time
from vain.recap import hosts_table
from vain.setting_types import Settings
from vain.terminal import Screen, safe, safe_json

SUCCESS, FAILURE = 0, 1


def add(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain add``: the number of the new task on stdout."""
    fields = checked({"name": args.name, **_options(args)})
    with _client(settings) as client:
        task = client.create(**fields)  # type: ignore[arg-type]  # checked() keeps the name a string
    screen.print(str(task.task_id))
    if not args.quiet:
        screen.note(f"Added task {task.task_id}: {safe(task.name)} ({task.status}, {task.priority})")
    return SUCCESS


def show(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain show``: what is known of a task, without what is empty."""
    with _client(settings) as client:
        task = client.task(args.id)
    if args.json:
        screen.print(safe_json(task, indented=True))
        return SUCCESS
    known = {name: value for name, value in msgspec.to_builtins(task).items() if not _is_empty(value)}
    if task.resources is not None:
        del known["resources"]["hosts"]  # they have a table of their own
    widest = max(len(name) for name in known)
    for name, value in known.items():
        screen.print(f"{screen.styled(name.ljust(widest), '1')}  {_text(value)}")
    if hosts := hosts_table(task):
        screen.print()
        screen.table(hosts[0], hosts[1:])
    return SUCCESS


def set_(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain set``: the number of the task on stdout, what it is now on stderr."""
    fields = {**assigned(args.assignments, time.time()), **checked(_options(args))}
    if not fields:
        raise Misconfigured("Nothing was given to set: `vain set 7 status=completed` would be right.")
    with _client(settings) as client:
        task = client.update(args.id, **fields)
    screen.print(str(task.task_id))
    if not args.quiet:
        values = msgspec.to_builtins(task)
        now = ", ".join(f"{name} {_text(values.get(name))}" for name in fields)
        screen.note(f"Task {task.task_id}, {safe(task.name)}: {now}")
    return SUCCESS


def rm(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain rm``: the number of each task on stdout once it is gone; one that is not there is told and passed over."""
    result = SUCCESS
    with _client(settings) as client:
        for task_id in args.ids:
            try:
                client.delete(task_id)
            except NotFound as exc:
                screen.note(f"vain: {exc.detail}")
                result = FAILURE
            else:
                screen.print(str(task_id))
    return result


def _client(settings: Settings) -> Client:
    return Client(settings.url, settings.api_key, settings.timeout_seconds)


def _options(args: Namespace) -> dict[str, object]:
    """The fields that were given as options."""
    names = ("name", "status", "priority", "description", "message", "progress", "outcome")
    given: dict[str, object] = {name: getattr(args, name, None) for name in names}
    given["tags"] = args.tag
    given["due_at"] = None if args.due is None else due_time(args.due, time.time())
    return {name: value for name, value in given.items() if value is not None}


def _is_empty(value: object) -> bool:
    """Nothing to tell; 0 is something."""
    return value is None or value is False or value in ("", [], {})


def _text(value: object) -> str:
    if isinstance(value, str):
        return safe(value)
    return "-" if value is None else safe_json(value)

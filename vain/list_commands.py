"""What ``vain ls`` and ``vain export`` do: the server picks and sorts, and what comes is shown or written."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, get_args

from vain.client import Client
from vain.clock import unix
from vain.errors import Misconfigured
from vain.setting_types import Settings
from vain.task_reading import TaskFormat
from vain.terminal import Screen, safe_json
from vain.types import SORTS, Task
from vain.wanted import TaskFilters

SUCCESS = 0
FEW_TASKS = 50
"""How many ``vain ls`` shows unless told."""
NEWEST_FIRST = "-created_at"
FORMATS: tuple[TaskFormat, ...] = get_args(TaskFormat)
SCREEN = "-"


def ls(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain ls``: a table for people, an array with ``--json``."""
    if args.limit < 0:
        raise Misconfigured("--limit is below 0: a number of tasks, or 0 for all, would be right.")
    wanted = _wanted(args, args.sort or NEWEST_FIRST)
    with _client(settings) as client:
        tasks = client.tasks(limit=args.limit or None, **wanted)
        total = client.count_tasks(**wanted) if args.limit and len(tasks) >= args.limit else len(tasks)
        is_empty = not tasks and not client.count_tasks()
    if args.json:
        screen.print(safe_json(tasks))
    elif tasks:
        screen.table(("ID", "STATUS", "PRIORITY", "DONE", "AGE", "NAME"), [_row(task, time.time()) for task in tasks])
    else:
        screen.note("There is no task yet." if is_empty else "No task matches.")
    if len(tasks) < total:
        screen.note(f"These are {len(tasks)} of {total} tasks: --limit 0 shows all.")
    return SUCCESS


def export(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain export``: the tasks on stdout, or in a file; how many there were on stderr."""
    form = args.format or _form_of(args.file)
    fields = args.fields.split(",") if args.fields else None
    wanted = _wanted(args, args.sort)
    with _client(settings) as client:
        total = client.count_tasks(**wanted)
        if form == "parquet":
            parts = iter([client.task_table(form, fields, **wanted)])
        else:
            parts = _joined(client.task_pages(form, fields=fields, **wanted), form)
        if args.file == SCREEN:
            screen.out.flush()
            screen.out.buffer.writelines(parts)
        else:
            write_file(Path(args.file), lambda target: target.writelines(parts))
    screen.note(f"Exported {total:,} tasks.")
    return SUCCESS


def write_file(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """All of the file, or none of it. Raises Misconfigured where it cannot be written."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as target:
            write(target)
        os.replace(part, path)
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be written ({exc.strerror}).") from exc
    finally:
        part.unlink(missing_ok=True)


def _form_of(file: str) -> TaskFormat:
    """What the end of a file's name says."""
    end = Path(file).suffix.removeprefix(".").lower()
    return next((form for form in FORMATS if form == end), "csv")


def _joined(pages: Iterator[bytes], form: TaskFormat) -> Iterator[bytes]:
    """Pages of a text as one text: a CSV has one first line, a JSON one array."""
    if form == "ndjson":
        yield from pages
    elif form == "csv":
        yield next(pages)
        for page in pages:
            yield page.partition(b"\r\n")[2]
    else:
        before = b"["
        for page in pages:
            if tasks := page[1:-1]:
                yield before + tasks
                before = b","
        yield b"[]\n" if before == b"[" else b"]\n"


def _wanted(args: Namespace, sort: str | None) -> TaskFilters:
    wanted = TaskFilters(
        status=args.status, priority=args.priority, outcome=args.outcome, tag=args.tag, key=args.key, text=args.search
    )
    if args.task_host:
        wanted["host"] = args.task_host
    for name in ("stale", "overdue"):
        if getattr(args, name):
            wanted[name] = True
    if sort is not None:
        wanted["sort"] = _checked(sort)
    return wanted


def _checked(sort: str) -> str:
    """Raises Misconfigured before anything is asked."""
    unknown = [part for part in sort.split(",") if part.removeprefix("-") not in SORTS]
    if unknown:
        raise Misconfigured(f"--sort {unknown[0]!r}: out of {', '.join(SORTS)}, '-' in front turns one around.")
    return sort


def _client(settings: Settings) -> Client:
    return Client(settings.url, settings.api_key, settings.timeout_seconds)


def _row(task: Task, now: float) -> tuple[str, ...]:
    failed = task.outcome if task.outcome != "succeeded" else None
    remarks = (task.status, failed, task.overdue and "overdue", task.stale and "stale")
    return (
        str(task.task_id),
        " ".join(remark for remark in remarks if remark),
        task.priority,
        "" if task.progress is None else f"{task.progress:.0f}%",
        _age(max(0.0, now - unix(task.created_at))),
        task.name,
    )


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f}{unit}"
    return f"{seconds:.0f}s"

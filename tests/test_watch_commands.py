"""``vain watch``: what it prints, what it asks for, how it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.stream_board import SAMPLE, BoardInThread, board_in_thread
from vain import settings, watch_commands
from vain.cli import main
from vain.happened import ChartsChange, Event, Snapshot, TaskChange
from vain.notification import Notification
from vain.samples import Sample
from vain.terminal import Screen
from vain.types import Task, TaskError

AT = "2026-11-25T12:00:00.000Z"


def change(**fields: Any) -> TaskChange:
    known = {name: fields.pop(name) for name in ("action", "changed", "previous_status", "matches") if name in fields}
    task = {"task_id": 7, "name": "train", "status": "in-progress", "priority": "low", "created_at": AT, **fields}
    return TaskChange(known.pop("action", "updated"), Task(**task), timestamp=AT, **known)


@pytest.fixture
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


EVENTS: list[tuple[Event, str]] = [
    (change(action="created"), "task 7    created      train"),
    (change(action="deleted"), "task 7    deleted      train"),
    (change(previous_status="pending", changed=["status"]), "task 7    in-progress  train"),
    (
        change(status="completed", outcome="failed", previous_status="in-progress", changed=["status", "error"],
               error=TaskError("ValueError", "no")),
        "task 7    failed       train: ValueError: no",
    ),
    (change(progress=40.0, message="2 of 5", changed=["progress", "message"]), "task 7    40 %         train: 2 of 5"),
    (change(changed=["tags", "priority"]), "task 7    changed      train (tags, priority)"),
    (change(matches=False, changed=["tags"]), "task 7    left         train"),
    (change(name="a\x1b[31m\u202e", action="created"), "task 7    created      a\\x1b[31m\\u202e"),
    (Notification(1, AT, "k", "warning", "CPU", "is hot"), "notice    warning      CPU: is hot"),
    (ChartsChange([], AT), "charts"),
    (Snapshot([], 3, True, "expired", AT),
     "stream    reset        what happened meanwhile is not to be had (expired); there are now 0 tasks"),
]  # fmt: skip


@pytest.mark.usefixtures("_in_berlin")
@pytest.mark.parametrize(("event", "line"), EVENTS)
def test_a_line_says_when_what_and_what_happened(event: Event, line: str) -> None:
    assert watch_commands.Lines(Screen(out=io.StringIO())).line(event, None) == f"2026-11-25 13:00:00  {line}"


def test_an_unknown_figure_is_no_number() -> None:
    sample = Sample(None, 43.06, 1.0, 9.0, AT, "box")
    assert watch_commands.told(sample)[3] == "CPU ?  memory 43.1 %  disk 1.0 %"


def test_a_line_is_cut_to_the_terminal() -> None:
    screen = Screen(out=io.StringIO())
    screen.width = 50
    line = watch_commands.Lines(screen).line(change(name="x" * 99, action="created"), None)
    assert len(line) == 50 and line.endswith("x…")


@contextmanager
def watching(server: BoardInThread, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "VAIN_URL": server.board.url}
    command = [sys.executable, "-m", "vain", "watch", *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        try:
            deadline = time.monotonic() + 20
            while not server.board.followers:
                assert process.poll() is None and time.monotonic() < deadline, process.communicate()
                time.sleep(0.01)
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.fixture
def server() -> Iterator[BoardInThread]:
    with board_in_thread() as server:
        yield server


def line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    read: dict[str, Any] = json.loads(process.stdout.readline())
    return read


@pytest.mark.slow
def test_lines_of_json_go_on_where_an_earlier_one_stood(server: BoardInThread) -> None:
    board = server.board
    with watching(server, "--json", "--type", "taskUpdate", "--type", "performanceUpdate") as process:
        server.do(board.create(1, name="a\x1bb"), board.send(type="performanceUpdate", **SAMPLE), board.cut())
        first, sample = line(process), line(process)
        assert (first["type"], first["position"], first["action"]) == ("taskUpdate", "e1:1", "created")
        assert (first["name"], first["status"], first["seq"]) == ("a\x1bb", "pending", 1) and "timestamp" in first
        assert (sample["type"], sample["cpu_usage"], sample["position"]) == ("performanceUpdate", 5.0, "e1:1")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=15)
        assert process.returncode == 130 and out == "" and "Traceback" not in err
    server.do(board.create(2))
    filters = "--tag", "a", "--task", "2", "--host", "h"
    with watching(server, "--json", "--since", first["position"], *filters) as process:
        assert line(process)["task_id"] == 2
    assert board.asked[-1]["streams"] == ["tasks"]
    assert board.asked[-1]["filter"] == {"task_id": [2], "tag": ["a"], "host": ["h"]}


@pytest.mark.slow
def test_it_ends_when_nobody_reads_any_more(server: BoardInThread) -> None:
    with watching(server) as process:
        server.do(server.board.create(1))
        assert process.stdout is not None and process.stderr is not None
        assert "task 1    created" in process.stdout.readline()
        process.stdout.close()
        assert process.wait(10) == 1 and process.stderr.read() == ""


def test_what_cannot_be_is_refused_before_anything_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong, named in (("--since", "yesterday"), ("--type", "tasks"), ("--task", "0")):
        with pytest.raises(SystemExit) as end:
            main(["watch", wrong, named])
        assert end.value.code == 2 and repr(named) in capsys.readouterr().err


def test_an_interrupted_watch_is_closed(server: BoardInThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_commands, "_json_line", _interrupted)
    known = settings.load({"url": server.board.url}, {})
    args = Namespace(json=True, type=None, task=None, tag=None, task_host=None, since=None)
    changing = threading.Thread(target=_change_once_followed, args=(server,))
    changing.start()
    with pytest.raises(KeyboardInterrupt):
        watch_commands.watch(args, known, Screen(out=io.StringIO()))
    changing.join()
    server.do(server.board.gone())


def _change_once_followed(server: BoardInThread) -> None:
    while not server.board.followers:
        time.sleep(0.005)
    server.do(server.board.create(1))


def _interrupted(event: Event, position: str | None) -> str:
    raise KeyboardInterrupt

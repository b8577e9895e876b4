"""What dead processes left in the spool, taken by the server: once, in order, at the time when it happened."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.server_process import server_process
from tests.store.opened import Opened, with_store
from vain.clock import utc
from vain.codec import decode
from vain.errors import Unavailable
from vain.inbox import MOST_AT_ONCE, Inbox
from vain.spool import began, said
from vain.tracker import Report, Tracker
from vain.types import Task, TaskDraft, TaskQuery

URL = "http://127.0.0.1:5006"
T0 = 1_800_000_000.0


def left(folder: Path, *lines: dict[str, Any], url: str = URL) -> None:
    """A spool whose process is gone, as the process itself wrote it."""
    program = "from math import nan\nfrom pathlib import Path\nfrom vain.spool import Spool\n"
    program += f"s = Spool(Path({str(folder)!r}), {url!r})\n"
    program += "".join(f"s.add({line!r})\n" for line in lines)
    subprocess.run([sys.executable, "-c", program], check=True)


def begin(run: str, at: float, name: str = "x", **draft: Any) -> dict[str, Any]:
    return began(run * 32, at, None, {"name": name, "status": "in-progress", **draft}, None)


def taken(folder: Path, work: Callable[[Inbox, Tracker], Awaitable[None]]) -> None:
    async def main(made: Opened) -> None:
        tracker = Tracker(made.store, lambda: utc(T0 + 100))
        await work(Inbox(folder / "spool", tracker, lambda url: url == URL, lambda: T0 + 100), tracker)

    with_store(folder / "data", main)


async def tasks_of(tracker: Tracker) -> list[Task]:
    _, _, _, parts = await tracker.listed()
    return [decode(Task, body) async for bodies in parts for body in bodies]


def test_runs_of_several_processes_come_in_the_order_of_their_beginning(tmp_path: Path) -> None:
    left(tmp_path / "spool", begin("a", T0 + 2, "second"), begin("b", T0 + 3, "third"))
    left(tmp_path / "spool", begin("c", T0 + 1, "first"))

    async def work(inbox: Inbox, tracker: Tracker) -> None:
        assert await inbox.sweep() == 3 and await inbox.sweep() == 0
        tasks = await tasks_of(tracker)
        assert [task.name for task in tasks] == ["first", "second", "third"]
        assert [task.started_at for task in tasks] == [utc(T0 + 1), utc(T0 + 2), utc(T0 + 3)]
        assert list((tmp_path / "spool").iterdir()) == []

    taken(tmp_path, work)


def test_what_is_left_for_another_server_stays(tmp_path: Path) -> None:
    left(tmp_path / "spool", begin("a", T0), url="http://elsewhere:5006")

    async def work(inbox: Inbox, tracker: Tracker) -> None:
        assert await inbox.sweep() == 0 and await tasks_of(tracker) == []
        assert len(list((tmp_path / "spool").glob("*.jsonl"))) == 1

    taken(tmp_path, work)


def test_a_run_that_the_server_knows_already_makes_no_second_task(tmp_path: Path) -> None:
    left(tmp_path / "spool", begin("a", T0), said("a" * 32, T0 + 5, {"status": "completed"}))

    async def work(inbox: Inbox, tracker: Tracker) -> None:
        await tracker.create(TaskDraft(name="x", status="in-progress"), report=Report(run_id="a" * 32))
        await inbox.sweep()
        (task,) = await tasks_of(tracker)
        assert (task.status, task.outcome) == ("completed", "succeeded")

    taken(tmp_path, work)


def test_a_key_that_another_run_holds_does_not_cost_the_report(tmp_path: Path) -> None:
    left(tmp_path / "spool", begin("a", T0, "late", key="nightly", tags=["t"]))

    async def work(inbox: Inbox, tracker: Tracker) -> None:
        await tracker.create(TaskDraft(name="now", key="nightly"))
        await inbox.sweep()
        late = (await tasks_of(tracker))[1]
        assert (late.name, late.key, late.tags) == ("late", None, ["t"])

    taken(tmp_path, work)


@pytest.mark.slow
def test_a_job_that_ended_without_the_server_is_on_the_board_when_it_is_back(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {"VAIN_URL": f"http://127.0.0.1:{port}", "VAIN_SPOOL": str(tmp_path / "spool"), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run([sys.executable, "-m", "vain", "run", "-n", "gone", "--", "sh", "-c", "echo out; exit 3"],
                         env=variables, capture_output=True, check=False)  # fmt: skip
    assert (ran.returncode, ran.stdout) == (3, b"out\n")
    with server_process(tmp_path / "data", port) as server:
        deadline, tasks = time.monotonic() + 15, []
        while not tasks or tasks[0]["status"] != "completed":
            assert time.monotonic() < deadline, server.log.read_text()
            time.sleep(0.1)
            tasks = json.load(urlopen(f"{server.url}/tasks"))
        (task,) = tasks
        assert (task["name"], task["outcome"], task["exit_code"]) == ("gone", "failed", 3)
        assert urlopen(f"{server.url}/tasks/1/log").read() == b"out\n"


def test_one_file_that_cannot_be_read_does_not_hold_up_the_others(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool/1-x.jsonl").write_bytes(b"\xff{]\n\x00")
    left(tmp_path / "spool", begin("a", T0))

    async def work(inbox: Inbox, tracker: Tracker) -> None:
        await asyncio.wait_for(inbox.sweep(), 10)
        assert len(await tasks_of(tracker)) == 1

    taken(tmp_path, work)


NAN = float("nan")


@pytest.mark.parametrize(
    "draft", [{"metadata": {"loss": NAN}}, {"message": "a\0b"}, {"message": "\udcff"}, {"progress": NAN}]
)
def test_what_the_api_would_refuse_is_not_stored_from_the_spool_either(tmp_path: Path, draft: dict[str, Any]) -> None:
    left(tmp_path / "spool", begin("a", T0, **draft), begin("b", T0 + 1))

    async def work(inbox: Inbox, tracker: Tracker) -> None:
        await inbox.sweep()
        assert len((await tracker.page(TaskQuery())).tasks) in (1, 2)
        assert list((tmp_path / "spool").iterdir()) == []
        for task in await tasks_of(tracker):
            assert "\0" not in task.message and task.metadata == {}

    taken(tmp_path, work)


@pytest.mark.parametrize("odd", [{"at": -1e300}, {"parent": {}}, {"task_id": 2**70}, {"at": NAN}])
def test_an_odd_report_does_not_hold_up_the_others_for_ever(tmp_path: Path, odd: dict[str, Any]) -> None:
    left(tmp_path / "spool", begin("a", T0) | odd, said("a" * 32, T0 + 1, {"progress": 5}), begin("b", T0 + 1, "other"))

    async def work(inbox: Inbox, tracker: Tracker) -> None:
        await inbox.sweep()
        assert "other" in [task.name for task in await tasks_of(tracker)]
        assert list((tmp_path / "spool").iterdir()) == []

    taken(tmp_path, work)


def test_an_address_that_is_none_does_not_hold_up_the_others(tmp_path: Path) -> None:
    left(tmp_path / "spool", begin("a", T0), url="http://[::1:port")
    left(tmp_path / "spool", begin("b", T0))

    async def main(made: Opened) -> None:
        tracker = Tracker(made.store, lambda: utc(T0 + 100))
        inbox = Inbox(tmp_path / "spool", tracker, lambda url: urlsplit(url).port == 5006, lambda: T0 + 100)
        assert await inbox.sweep() == 1

    with_store(tmp_path / "data", main)


def test_the_number_of_another_data_folder_changes_nobody_elses_task(tmp_path: Path) -> None:
    record = {**begin("a", T0, "mine"), "task_id": 1}
    left(tmp_path / "spool", record, said("a" * 32, T0 + 5, {"status": "completed", "outcome": "failed"}))

    async def work(inbox: Inbox, tracker: Tracker) -> None:
        await tracker.create(TaskDraft(name="theirs", status="in-progress"), report=Report(run_id="b" * 32))
        await inbox.sweep()
        theirs, *mine = await tasks_of(tracker)
        assert theirs.status == "in-progress"
        assert [(task.name, task.outcome) for task in mine] == [("mine", "failed")]

    taken(tmp_path, work)


def test_all_that_was_left_is_taken_at_once_or_the_dead_would_count_as_crashed(tmp_path: Path) -> None:
    many = MOST_AT_ONCE + 20
    program = "from pathlib import Path\nfrom vain.spool import Spool\n"
    program += f"spools = [Spool(Path({str(tmp_path / 'spool')!r}), {URL!r}) for _ in range({many})]\n"
    program += f"for n, s in enumerate(spools):\n    s.add({begin('a', T0)!r} | {{'begin': f'{{n:032x}}'}})\n"
    subprocess.run([sys.executable, "-c", program], check=True)

    async def work(inbox: Inbox, tracker: Tracker) -> None:
        assert await inbox.sweep() == many and tracker.counts().in_progress == many

    taken(tmp_path, work)


def test_a_store_that_refuses_is_asked_once_in_a_sweep_and_nothing_is_lost(tmp_path: Path) -> None:
    for run in "abc":
        left(tmp_path / "spool", begin(run, T0))

    async def work(inbox: Inbox, tracker: Tracker) -> None:
        create, asked = tracker.create, []

        async def refuse(*_: Any, **__: Any) -> Any:
            asked.append(1)
            raise Unavailable("The disk fails.")

        tracker.create = refuse  # type: ignore[method-assign]
        await inbox.sweep()
        assert len(asked) == 1 and len(list((tmp_path / "spool").iterdir())) == 3
        tracker.create = create  # type: ignore[method-assign]
        await inbox.sweep()
        assert len(await tasks_of(tracker)) == 3

    taken(tmp_path, work)

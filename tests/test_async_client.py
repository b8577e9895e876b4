"""AsyncClient: its calls, and its watch over a real server."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

import pytest

import vain
from tests.live_server import live_server
from tests.server_process import ServerProcess, server_process
from tests.web.sockets import until
from vain import resuming
from vain.alerting.rule import Rule
from vain.async_client import AsyncClient, Event, Snapshot, TaskChange
from vain.client import Client
from vain.errors import NotFound, TimedOut, Unreachable
from vain.notification import Notification
from vain.samples import Sample

TASKS = ["taskUpdate"]


def told(event: Event) -> tuple[str, int, int]:
    assert isinstance(event, TaskChange)
    return event.action, event.task.task_id, event.task.version


def test_close_cuts_off_a_call_that_is_under_way() -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            client = AsyncClient(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=30)
            calling = asyncio.create_task(client.tasks())
            await asyncio.sleep(0.05)
            await client.close()
            with pytest.raises(Unreachable):
                async with asyncio.timeout(1):
                    await calling

    asyncio.run(work())


def test_calls_are_those_of_the_client(tmp_path: Path) -> None:
    async def work(url: str) -> None:
        async with vain.AsyncClient(url) as c:
            task = await c.create("backup", priority="high", tags=["nightly"], source={"host": "nas"})
            await c.append_log(task.task_id, "one\n")
            assert await c.log(task.task_id) == (b"one\n", 4)
            with pytest.raises(TimedOut):
                await c.wait(task.task_id, timeout_seconds=0)
            assert (await c.update(task.task_id, status="completed")).outcome == "succeeded"
            assert (await c.wait(task.task_id))[0] == await c.task(task.task_id)
            assert [each.name for each in await c.tasks(tag="nightly", host=["nas", "nas-2"])] == ["backup"]
            assert await c.count_tasks(host="nas-2") == 0
            assert await c.tasks(status="pending") == []
            made = await c.create_many([{"name": "a"}, {"name": "b"}])
            assert [each.name async for each in c.iter_tasks(1, status="pending", sort="-name")] == ["b", "a"]
            changed = await c.update_many([each.task_id for each in made], outcome="skipped")
            assert {each.status for each in changed} == {"completed"} and await c.count_tasks(outcome="skipped") == 2
            assert await c.task_rows(["name"], outcome="skipped", sort="name") == [{"name": "a"}, {"name": "b"}]
            assert (await c.task_table("csv", ["name"], tag="nightly")).split() == [b"name", b"backup"]
            assert (await c.ping("rsync", 3)).outcome == "failed"
            assert [change["action"] for change in await c.changes(task.task_id)] == ["created", "updated"]
            assert len(await c.notifications(1)) == 1 and (await c.performance()).uptime is not None
            assert (await c.put_rule(Rule(name="failed", tasks=["failed"]))).name in [r.name for r in await c.rules()]
            await c.create("etl", status="completed", exit_code=3)
            (fired,) = await c.notifications(1, kind="rule.fired")
            assert (await c.acknowledge(fired.notification_id)).rule == "failed"
            assert len((await c.test_rule("failed", after=-60)).firings) == 2  # the ping failed as well
            silence = await c.silence(seconds=60)
            assert await c.silences() == [silence]
            await c.end_silence(silence.silence_id)
            await c.delete_rule("failed")
            await c.delete(task.task_id)
            with pytest.raises(NotFound):
                await c.task(task.task_id)

    with live_server(tmp_path) as url:
        asyncio.run(work(url))


def test_a_real_server_tells_all_four_kinds(tmp_path: Path) -> None:
    async def work(url: str) -> None:
        async with AsyncClient(url) as c:
            watch = c.watch()
            await watch.open()
            task = await c.create("backup")
            await c.update(task.task_id, status="completed")
            await c.delete(task.task_id)
            seen: list[Event] = []
            async with asyncio.timeout(10):
                while {type(event) for event in seen} < {TaskChange, Notification, Sample}:
                    seen.append(await anext(watch))
                changes = [event.action for event in seen if isinstance(event, TaskChange)]
                while len(changes) < 3:
                    event = await anext(watch)
                    changes += [event.action] if isinstance(event, TaskChange) else []
            assert changes == ["created", "updated", "deleted"]

    with live_server(tmp_path) as url:
        asyncio.run(work(url))


def test_a_filter_shows_a_task_come_and_go_and_a_position_goes_on(tmp_path: Path) -> None:
    async def work(url: str) -> None:
        async with AsyncClient(url) as c, asyncio.timeout(10):
            other, task = await c.create("other"), await c.create("job", tags=["gpu"])
            watch = c.watch(TASKS, snapshot=True, tag="gpu")
            first = await anext(watch)
            assert isinstance(first, Snapshot) and [each.name for each in first.tasks] == ["job"] and not first.reset
            position = watch.position
            await c.update(other.task_id, message="not told")
            await c.update(task.task_id, message="told")
            await c.update(task.task_id, tags=[])
            events = [await anext(watch), await anext(watch)]
            assert [(event.task.message, event.matches) for event in events if isinstance(event, TaskChange)] == [
                ("told", True), ("told", False),
            ]  # fmt: skip
            again = c.watch(TASKS, since=position, tag="gpu")
            assert [await anext(again), await anext(again)] == events
            assert again.position == watch.position

    with live_server(tmp_path) as url:
        asyncio.run(work(url))


def test_a_position_of_other_data_is_answered_with_what_there_is(tmp_path: Path) -> None:
    async def work(url: str) -> None:
        async with AsyncClient(url) as c, asyncio.timeout(10):
            await c.create("job")
            event = await anext(c.watch(TASKS, since="another:1"))
            assert isinstance(event, Snapshot) and event.reset and event.reason == "epoch" and len(event.tasks) == 1

    with live_server(tmp_path) as url:
        asyncio.run(work(url))


@pytest.mark.slow
def test_a_real_server_that_is_killed_and_restarted_loses_and_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "LONGEST_PAUSE_SECONDS", 0.5)
    seen: list[tuple[str, int, int]] = []

    async def follow(client: AsyncClient, opened: asyncio.Event) -> None:
        watch = client.watch(TASKS)
        await watch.open()
        opened.set()
        async for event in watch:
            seen.append(told(event))  # noqa: PERF401  # others look at it while it grows

    async def until_told(*expected: tuple[str, int, int]) -> None:
        await until(lambda: set(expected) <= set(seen), 25)

    def killed(server: ServerProcess) -> None:
        server.process.send_signal(signal.SIGKILL)
        server.end()

    async def work() -> None:
        with server_process(tmp_path / "data") as first:
            server, port = first, first.port
            async with AsyncClient(f"http://127.0.0.1:{port}", timeout_seconds=5) as client:
                opened = asyncio.Event()
                following = asyncio.create_task(follow(client, opened))
                await opened.wait()
                kept, doomed = await client.create("kept"), await client.create("doomed")
                await until_told(("created", kept.task_id, 1), ("created", doomed.task_id, 1))
                for version in (2, 3):
                    await asyncio.to_thread(killed, server)
                    await asyncio.sleep(0.3)  # it is refused
                    server = await asyncio.to_thread(ServerProcess, tmp_path / "data", port)
                    if version == 3:
                        # A client of its own, at once: mostly before the watcher is back.
                        with Client(client.url) as other:
                            await asyncio.to_thread(other.delete, doomed.task_id)
                    await client.update(kept.task_id, message=f"version {version}")
                    await until_told(("updated", kept.task_id, version))
                await until_told(("deleted", doomed.task_id, 1))
                await asyncio.to_thread(server.process.terminate)
                await asyncio.to_thread(server.end)
                following.cancel()
                assert len(seen) == len(set(seen)) == 5

    asyncio.run(work())

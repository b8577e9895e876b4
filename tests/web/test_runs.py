"""``/tasks/{task_id}/runs``: the earlier runs that one task is compared with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.web.harness import Running, running
from vain.async_client import AsyncClient
from vain.client import Client
from vain.remote import RemoteSource


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        yield run


def ran(server: Running, name: str, outcome: str | None = "succeeded", **fields: object) -> int:
    """A task that was started, and ended with ``outcome``."""
    made = server.make(name=name, status="in-progress", **fields)
    if outcome is not None:
        server.call("PUT", f"/tasks/{made['task_id']}", {"outcome": outcome})
    return int(made["task_id"])


def numbers(server: Running, task_id: int) -> list[int]:
    return [task["task_id"] for task in server.call("GET", f"/tasks/{task_id}/runs").json]


def test_runs_of_the_name_that_succeeded_before_come_newest_first(server: Running) -> None:
    first, second = ran(server, "by name"), ran(server, "by name")
    ran(server, "by name", "failed")
    ran(server, "another")
    now = ran(server, "by name", None)
    assert numbers(server, now) == [second, first]
    assert numbers(server, first) == []


def test_a_key_counts_more_than_the_name(server: Running) -> None:
    keyed = ran(server, "monday", key="backup")
    ran(server, "tuesday")
    assert numbers(server, ran(server, "tuesday", None, key="backup")) == [keyed]


def test_one_that_waits_is_compared_with_all_that_are_over(server: Running) -> None:
    first = ran(server, "waits too")
    assert numbers(server, server.make(name="waits too")["task_id"]) == [first]


def test_an_unknown_task_has_no_runs(server: Running) -> None:
    assert server.call("GET", "/tasks/999999/runs").status == 404
    assert server.call("GET", "/tasks/1/runs?limit=3").status == 400


def test_clients_and_the_remote_source_read_them(server: Running) -> None:
    first, now = ran(server, "for clients"), ran(server, "for clients", None)
    server.call("POST", f"/tasks/{now}/log", b"hello", {"Content-Type": "text/plain"})

    async def read() -> list[int]:
        async with AsyncClient(f"http://{server.host}") as vain:
            return [task.task_id for task in await vain.runs(now)]

    assert asyncio.run(read()) == [first]
    with Client(f"http://{server.host}") as client:
        source = RemoteSource(client)
        try:
            assert [task.task_id for task in asyncio.run(source.runs(now))] == [first]
            assert asyncio.run(source.log(now, 2)).body == b"llo"
            assert [change.action for change in asyncio.run(source.changes(first))] == ["created", "updated"]
            assert asyncio.run(source.task(now)).name == "for clients"
        finally:
            source.close()

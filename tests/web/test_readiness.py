"""``/readyz``: ready when it can store and look; why not, when it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.browser import eventually
from tests.store.small_disk import filled_up, mounted
from tests.web.harness import Running, running
from vain.errors import StoreFull, VainError
from vain.monitor import Monitor
from vain.store.database import Store
from vain.web.readiness import KEPT_SECONDS, Readiness


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class World:
    """A store that fails when told to, and a monitor that looked when told so."""

    def __init__(self) -> None:
        self.failure: VainError | None = None
        self.writes = 0
        self.looked_at: float | None = 100.0
        self.clock = Clock()
        self.readiness = Readiness(cast(Store, self), cast(Monitor, self), 1.0, self.clock)

    async def write(self, change: Callable[[Any], None]) -> None:
        self.writes += 1
        if self.failure is not None:
            raise self.failure

    async def ask_later(self, seconds: float = KEPT_SECONDS + 0.1) -> tuple[str, ...]:
        self.clock.now += seconds
        return await self.readiness.reasons()


def test_it_is_ready_while_it_can_store_and_look() -> None:
    world = World()
    assert asyncio.run(world.readiness.reasons()) == () and world.writes == 1


def test_a_full_disk_is_told_and_forgotten_once_there_is_space() -> None:
    world = World()
    world.failure = StoreFull("The disk is full.")
    assert asyncio.run(world.ask_later()) == ("The disk is full.",)
    world.failure = None
    assert asyncio.run(world.ask_later()) == ()


@pytest.mark.parametrize(("looked_at", "reason"), [(None, "not been looked at yet"), (80.0, "for too long")])
def test_a_sampler_that_stands_still_is_told(looked_at: float | None, reason: str) -> None:
    world = World()
    world.looked_at = looked_at
    assert reason in asyncio.run(world.readiness.reasons())[0]


def test_those_who_ask_together_share_one_write() -> None:
    world = World()

    async def ask() -> None:
        await asyncio.gather(*(world.readiness.reasons() for _ in range(50)))
        await world.ask_later(KEPT_SECONDS - 0.1)

    asyncio.run(ask())
    assert world.writes == 1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        run.server._services.keys.create("me", "admin")
        yield run


def test_a_real_server_is_ready_and_says_so_without_a_key(server: Running) -> None:
    reply = server.call("GET", "/readyz")
    assert (reply.status, reply.json) == (200, {"status": "ready", "reasons": []})
    assert server.call("HEAD", "/readyz").status == 200


def test_asking_makes_no_event_and_no_task(server: Running) -> None:
    before = server.server._services.hub.seq
    server.server._services.readiness._answer = None
    assert server.call("GET", "/readyz").status == 200
    assert server.server._services.hub.seq == before


def test_a_server_that_cannot_is_503_with_reasons_and_no_secrets(server: Running) -> None:
    server.server._services.readiness._answer = (float("inf"), ("The disk is full.",))
    reply = server.call("GET", "/readyz")
    assert (reply.status, reply.json) == (503, {"status": "not-ready", "reasons": ["The disk is full."]})
    assert reply.headers["Retry-After"] and str(server.folder) not in reply.body.decode()
    server.server._services.readiness._answer = None


def test_a_server_that_stops_is_not_ready(server: Running) -> None:
    server.server._desk.draining = True
    try:
        assert server.call("GET", "/readyz").status == 503
        assert "stopping" in server.call("GET", "/readyz").json["detail"]
    finally:
        server.server._desk.draining = False


@pytest.mark.slow
def test_on_a_full_disk_it_is_not_ready_until_there_is_space(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "16m") as folder, running(folder / "data") as run:
        filler = filled_up(folder)
        # What the log of the database has room for can still be written.
        assert eventually(lambda: _not_ready(run)), run.call("GET", "/readyz").body
        assert "disk is full" in run.call("GET", "/readyz").json["reasons"][0]
        filler.unlink()
        assert eventually(lambda: run.call("GET", "/readyz").status == 200)


def _not_ready(run: Running) -> bool:
    run.call("POST", "/tasks", {"name": "x", "description": "d" * 9_000})
    return run.call("GET", "/readyz").status == 503

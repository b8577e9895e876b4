"""A fleet of clients through many kills of the server: what each of them missed, and what it was told twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from functools import partial, reduce
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.fleet_clients import HOST, BareClient, Client, EventsClient, Mirror
from benchmarks.processes import ROOT, free_port
from benchmarks.report import Section, Table, Target

EVENTS, KILLS, WRITERS = 300_000, 10, 4
START_SECONDS, SETTLE_SECONDS = 30.0, 120.0
METHOD = f"""{WRITERS} writers create, change, complete and delete tasks until there are {EVENTS:,} events, while the
server is killed with SIGKILL {KILLS} times and started again on the same data. Its ring holds 64 events and its send
buffers 4 KiB, so that whoever reads slowly is brought forward from the log. Each client holds every number against the
one before; at the end what it received is held byte for byte against the log, and what a mirror (a snapshot, then the
events of a filter) has against the tasks."""


class Result(NamedTuple):
    """What became of one client."""

    kind: str
    received: int
    connections: int
    gaps: int
    duplicates: int
    is_right: bool
    """It has all, in order, as it is stored."""


class Fleet(NamedTuple):
    """What became of all."""

    events: int
    kills: int
    seconds: float
    results: list[Result]


def measure() -> Section:
    """Some ten minutes."""
    with tempfile.TemporaryDirectory(prefix="vain-fleet-") as folder:
        fleet = run(Path(folder), EVENTS, KILLS)
    rows = [
        [each.kind, f"{each.received:,}", f"{each.connections}", f"{each.gaps}", f"{each.duplicates}",
         "yes" if each.is_right else "no"]
        for each in fleet.results
    ]  # fmt: skip
    table = Table(["client", "events", "connections", "gaps", "duplicates", "all as stored"], rows)
    targets = [
        Target("events missed", sum(each.gaps for each in fleet.results), 0),
        Target("events told twice", sum(each.duplicates for each in fleet.results), 0),
        Target("clients that differ from the log", sum(not each.is_right for each in fleet.results), 0),
    ]
    notes = f"{fleet.events:,} events, {fleet.kills} kills, {fleet.seconds:.0f} s."
    return Section("fleet", "Nothing missed, nothing twice", METHOD, [table], targets, notes)


def run(folder: Path, events: int, kills: int, copies: int = 2) -> Fleet:
    """A fleet with ``copies`` of each kind of client. Raises TimeoutError if a client never gets to the end."""
    begun = time.monotonic()
    results = asyncio.run(_Run(folder, events, kills, copies).results())
    return Fleet(_head(folder), kills, time.monotonic() - begun, results)


class _Run:
    def __init__(self, folder: Path, events: int, kills: int, copies: int) -> None:
        self._folder, self._events, self._kills = folder, events, kills
        self._port = port = free_port()
        self._clients: list[Client] = []
        for _ in range(copies):
            self._clients += [
                Client(port), Client(port, flaps=True), Client(port, rests=True), Client(port, flaps=True, rests=True),
                BareClient(port), EventsClient(port), EventsClient(port, flaps=True),
                Mirror(port, priority="high"), Mirror(port, flaps=True, status=["pending", "in-progress"]),
            ]  # fmt: skip
        self._enough = threading.Event()

    async def results(self) -> list[Result]:
        server = self._started()
        following = [asyncio.ensure_future(client.follow()) for client in self._clients]
        writing = [asyncio.ensure_future(asyncio.to_thread(self._write, number)) for number in range(WRITERS)]
        try:
            for kill in range(self._kills):
                goal = self._events * (kill + 1) // (self._kills + 1)
                await self._until(partial(self._is_at, goal))
                server.kill()
                await asyncio.to_thread(server.wait)
                server = await asyncio.to_thread(self._started)
            await self._until(partial(self._is_at, self._events))
            self._enough.set()
            await asyncio.gather(*writing)
            head = _head(self._folder)
            async with asyncio.timeout(SETTLE_SECONDS):
                # One that begins anew with each connection may have come after the last event.
                await self._until(lambda: all(c.seq >= head for c in self._clients if not isinstance(c, BareClient)))
        finally:
            self._enough.set()
            for task in following:
                task.cancel()
            ended = await asyncio.gather(*following, *writing, return_exceptions=True)
            server.send_signal(signal.SIGTERM)
            await asyncio.to_thread(server.wait)
        failed = [each for each in ended if isinstance(each, Exception)]
        if failed:
            raise ExceptionGroup("a part of the fleet failed", failed)
        return self._judged()

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "benchmarks.fleet_server", "serve", "--no-browser", "--port", str(self._port)]
        command += ["--data", str(self._folder / "data"), "--spool", str(self._folder / "spool")]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VAIN_")}
        with (self._folder / "log").open("ab") as log:
            server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self._port):
            if server.poll() is not None or time.monotonic() > deadline:
                server.kill()
                raise RuntimeError((self._folder / "log").read_text()[-2_000:])
            time.sleep(0.02)
        return server

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():  # noqa: ASYNC110  (what is waited for happens in another process)
            await asyncio.sleep(0.02)

    def _is_at(self, seq: int) -> bool:
        return max(client.seq for client in self._clients) >= seq

    def _write(self, number: int) -> None:
        """One writer: the life of one task after the other. What a killed server did not answer is let go."""
        chance = random.Random(number)
        while not self._enough.is_set():
            connection = HTTPConnection(HOST, self._port, timeout=10)
            try:
                while not self._enough.is_set():
                    _one_life(connection, chance)
            except (OSError, HTTPException):
                time.sleep(0.05)
            finally:
                connection.close()

    def _judged(self) -> list[Result]:
        with closing(sqlite3.connect(self._folder / "data" / "vain.db")) as database:
            log: list[bytes] = [body for (body,) in database.execute("SELECT body FROM events ORDER BY seq")]
        return [
            Result(client.kind, client.received, client.connections, client.gaps, client.duplicates,
                   not client.resets and _is_right(client, log[: client.seq]))
            for client in self._clients
        ]  # fmt: skip


def _is_right(client: Client, log: list[bytes]) -> bool:
    """Whether a client has what the events up to its number say."""
    if isinstance(client, Mirror):
        return client.tasks == _held(client.filter, log)
    return isinstance(client, BareClient) or client.checksum == reduce(lambda c, b: zlib.crc32(b, c), log, 0)


def _held(filter_: dict[str, Any], log: list[bytes]) -> set[int]:
    """The tasks that a filter holds for, after these events."""
    wanted = {name: value if isinstance(value, list) else [value] for name, value in filter_.items()}
    held = set[int]()
    for event in map(msgspec.json.decode, log):
        if event["type"] == "taskUpdate":
            stays = event["action"] != "deleted" and all(event[name] in values for name, values in wanted.items())
            (held.add if stays else held.discard)(event["task_id"])
    return held


def _one_life(connection: HTTPConnection, chance: random.Random) -> None:
    made = _call(connection, "POST", "/tasks", {"name": "fleet", "priority": chance.choice(["low", "high"])})
    path = f"/tasks/{made['task_id']}"
    _call(connection, "PUT", path, {"status": "in-progress"})
    _call(connection, "PUT", path, {"priority": chance.choice(["low", "medium", "high"]), "message": "half of it"})
    if chance.random() < 0.5:
        _call(connection, "PUT", path, {"outcome": chance.choice(["succeeded", "failed"])})
    if chance.random() < 0.6:
        _call(connection, "DELETE", path, None)


def _call(connection: HTTPConnection, method: str, path: str, body: object) -> dict[str, object]:
    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, None if body is None else msgspec.json.encode(body), headers)
    answer = connection.getresponse()
    read = answer.read()
    if answer.status >= 500:
        raise HTTPException(f"{method} {path} was answered with {answer.status}")
    if answer.status >= 400:
        raise RuntimeError(f"{method} {path} was answered with {answer.status}: {read[:200]!r}")
    decoded: dict[str, object] = msgspec.json.decode(read) if read else {}
    return decoded


def _answers(port: int) -> bool:
    with closing(HTTPConnection(HOST, port, timeout=1)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().read() != b""
        except (OSError, HTTPException):
            return False


def _head(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "data" / "vain.db")) as database:
        return int(database.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])

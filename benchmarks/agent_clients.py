"""Agents that are made up: each a kept connection and a report a second, as ``vain agent`` sends it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.rounds import percentile
from vain.clock import utc
from vain.codec import encode
from vain.samples import Cpu, Disk, DiskDevice, DiskIo, Memory, Network, NetworkInterface, Pressure, Sample, series

CORES = 26
"""So that a sample has sixty series, as a machine of some size has."""
MOST_AT_ONCE = 300
RAMP_SECONDS = 10.0


class Minute(NamedTuple):
    """What they met in a minute (or what the last one was cut to)."""

    p50_ms: float
    p99_ms: float
    latest_seconds: float


class Swarm(NamedTuple):
    """What so many agents met."""

    reports_per_second: float
    p50_ms: float
    p99_ms: float
    latest_seconds: float
    """How late the last report of an agent was at worst, in the last third of the time."""
    not_stored: int
    """Samples of the agent that is furthest behind which are not on the server's disk."""
    errors: int
    minutes: tuple[Minute, ...]


def sample(t: float, host: str, rng: random.Random) -> Sample:
    """A busy machine: what changes from second to second changes, the rest stays."""
    cores = [round(min(100.0, max(0.0, rng.gauss(60, 15))), 1) for _ in range(CORES)]
    cpu = round(sum(cores) / CORES, 1)
    free = rng.randrange(9_000_000_000, 9_100_000_000, 4_096)
    return Sample(
        cpu_usage=cpu, memory_usage=47.0, disk_usage=50.0, uptime=round(t % 1e6, 1), timestamp=utc(t), host=host,
        period_seconds=1.0,
        cpu=Cpu(
            percent=cpu, user_percent=round(cpu * 0.8, 1), system_percent=round(cpu * 0.2, 1), iowait_percent=0.0,
            steal_percent=0.0, core_percent=list(cores), cores_logical=CORES, load_1m=20.1, load_5m=18.3, load_15m=17.0,
        ),
        memory=Memory(
            percent=47.0, used_bytes=17_000_000_000 - free, available_bytes=free, total_bytes=17_000_000_000,
            swap_percent=0.0, swap_used_bytes=0,
        ),
        disks=[Disk(mount, "/dev/sda1", "ext4", 1 << 40, 1 << 39, 1 << 39, 50.0) for mount in ("/", "/home")],
        disk_io=DiskIo(
            read_bytes_per_second=0.0, written_bytes_per_second=float(rng.randrange(0, 1 << 20, 4_096)),
            reads_per_second=0.0, writes_per_second=round(rng.random() * 30, 1),
            devices=[DiskDevice("sda", 0.0, 4096.0)],
        ),
        network=Network(
            received_bytes_per_second=float(rng.randrange(100_000)), sent_bytes_per_second=float(rng.randrange(9_000)),
            errors_per_second=0.0, interfaces=[NetworkInterface("eth0", 1_000.0, 1_000.0)],
        ),
        pressure=Pressure(0.0, 0.0, 0.0, 0.0, 0.0),
    )  # fmt: skip


def series_count() -> int:
    """Of one such sample."""
    return len([name for name, _ in series(sample(0.0, "x", random.Random(1))) if not name.startswith("tasks.")])


class Agent:
    """One of them: keeps what the server has not taken, and goes on where it is asked to."""

    def __init__(self, number: int, port: int) -> None:
        self.name, self._port = f"node-{number:04}", port
        self._id, self._rng = f"{number + 1:032x}", random.Random(number)
        self._session: str | None = None
        self._waiting: list[bytes] = []
        self._first, self._watching = 1, 0
        self.stored = self.errors = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def newest(self) -> int:
        """The number of its newest sample."""
        return self._first + len(self._waiting) - 1

    def look(self, t: float) -> None:
        """Take a sample."""
        self._waiting.append(encode({"sample": sample(t, self.name, self._rng)}))

    async def report(self) -> bool:
        """One report; whether the server has all."""
        samples = [] if self._session is None else self._waiting[:MOST_AT_ONCE]
        head = {
            "agent": self._id, "version": "0.1.0", "period_seconds": 1.0, "sent_at": time.time(),
            "session": self._session, "first": self._first, "watching": self._watching,
        }  # fmt: skip
        body = encode(head)[:-1] + b',"samples":[' + b",".join(samples) + b"]}"
        status, answer = await self._post(body)
        if status != 200:
            self.errors += 1
            return True
        taken = json.loads(answer)
        self._watching, self.stored = taken["watching"], taken["stored"]
        if taken["session"] != self._session:
            self._session = taken["session"]
            return False
        self._waiting = self._waiting[taken["accepted"] - self._first + 1 :]
        self._first = taken["accepted"] + 1
        return not self._waiting

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = (
            f"POST /hosts/{self.name}/samples HTTP/1.1\r\nHost: localhost:{self._port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length"))
        return int(lines[0].split()[1]), await self._reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()


def swarm(count: int, port: int | Sequence[int], seconds: float, ramp_seconds: float = RAMP_SECONDS) -> Swarm:
    """So many agents for so long; they begin one after the other within ``ramp_seconds``, which are not measured.

    With several ports they report to the servers there in turn."""
    ports = [port] if isinstance(port, int) else port
    agents = [Agent(number, ports[number % len(ports)]) for number in range(count)]
    return asyncio.run(_swarm(agents, seconds, ramp_seconds))


async def _swarm(agents: list[Agent], seconds: float, ramp_seconds: float) -> Swarm:
    met: list[tuple[float, float, float]] = []  # when a report began, how long it took, how late it was
    begin = time.monotonic() + ramp_seconds
    end = begin + seconds

    async def run(number: int, agent: Agent) -> None:
        due = time.monotonic() + ramp_seconds * number / len(agents)
        while due < end:
            await asyncio.sleep(due - time.monotonic())
            began = time.monotonic()
            agent.look(time.time())
            while not await agent.report():
                pass
            if began >= begin:
                met.append((began - begin, 1_000 * (time.monotonic() - began), began - due))
            due += 1.0

    await asyncio.gather(*(run(number, agent) for number, agent in enumerate(agents)))
    for agent in agents:
        agent.close()
    worst = max(agent.newest - agent.stored for agent in agents)
    latencies = [took for _, took, _ in met]
    return Swarm(
        len(met) / seconds,
        percentile(latencies, 50),
        percentile(latencies, 99),
        max((late for at, _, late in met if at >= seconds * 2 / 3), default=0.0),
        worst,
        sum(agent.errors for agent in agents),
        tuple(_minute(met, at, at + 60) for at in range(0, int(seconds), 60)),
    )


def _minute(met: list[tuple[float, float, float]], begin: float, end: float) -> Minute:
    took = [each for at, each, _ in met if begin <= at < end]
    late = max((each for at, _, each in met if begin <= at < end), default=0.0)
    return Minute(percentile(took, 50), percentile(took, 99), late)


def backlog(port: int, hosts: int, seconds: int, end: float) -> float:
    """So many hosts bring so many seconds that they kept, up to ``end`` (Unix seconds), one after the other; samples a
    second."""
    return asyncio.run(_backlog([Agent(number, port) for number in range(hosts)], seconds, end))


async def _backlog(agents: list[Agent], seconds: int, end: float) -> float:
    for agent in agents:
        for t in _times(seconds, end):
            agent.look(t)
    began = time.monotonic()
    for agent in agents:
        while not await agent.report():
            pass
        agent.close()
    return len(agents) * seconds / (time.monotonic() - began)


def _times(seconds: int, end: float) -> Iterator[float]:
    jitter = random.Random(1)
    return (end - seconds + number + jitter.choice((0.0, 0.0, 0.001, 0.002)) for number in range(seconds))

"""Serves our pages over a machine that moves: what the browser tests look at. Not a test.

``python tests/views/serve_pages.py PORT [--role read] [--rows 300] [--cores 4] [--host NAME] [--days 60] [--delay 0]``
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from msgspec import structs
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.routing import Router

from tests.views.made_machines import agent
from tests.views.moving import MovingSource
from vain import clock, source
from vain.alerting.alert import Alert, PastFiring, SilenceDraft
from vain.alerting.rule import Rule
from vain.busiest import Process
from vain.hosts import Host
from vain.notification import Notification
from vain.quality import Span
from vain.rulebook import Owned
from vain.store.keys import KeyInfo
from vain.types import Priority, TaskDraft, TaskPatch
from vain.views import application

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"/" if file.stem == "timeline" else f"/{file.stem}": file.name for file in (ROOT / "app").glob("*.py")}
HEADER = "X-Vain-Role"
NASTY = '<img src=x onerror="window.hacked=1">'


class RoleGate(Router):
    """As the real gate does: writes the role into the header, over what the client sent."""

    def __init__(self, pages: Router, role: str) -> None:
        self.pages, self.role = pages, role

    def find_handler(self, request: HTTPServerRequest, **kwargs: object) -> HTTPMessageDelegate | None:
        request.headers[HEADER] = self.role
        return self.pages.find_handler(request, **kwargs)


async def fill(moving: MovingSource) -> None:
    """Some tasks and notifications, one of each with a name that wants to be HTML."""
    names = ["Nightly backup", "Train model v7", NASTY, "Import orders", "Rotate logs", "Build docs"]
    priorities: tuple[Priority, ...] = ("high", "medium", "low")
    for number, name in enumerate(names):
        task = await moving.create(TaskDraft(name=name, priority=priorities[number % 3]))
        if number % 2:
            await moving.update(task.task_id, TaskPatch(status="in-progress", progress=12.5 * number))
        if number == 5:
            await moving.update(task.task_id, TaskPatch(status="completed"))
    moving.processes = [
        Process(4321, "python3", 2, 103.0, 3 * 2**30, 2.0**20),
        Process(77, NASTY, None, 4.5, 2**20, 0.0),
        Process(1, "systemd", None, 0.0, 12 * 2**20, None),
    ]
    moving.known = structs.replace(moving.known, keys=[KeyInfo("k1a2b3c4", NASTY, "write", "2026-11-23T03:06:00.000Z")])
    now = time.time()
    await watch(moving, now)
    moving.notices = [
        Notification(
            3, clock.utc(now - 40), "rule.fired", "error", "Disk is nearly full", "/home is at 97.4 %", value=97.4
        ),
        Notification(2, clock.utc(now - 700), "rule.fired", "warning", "CPU is busy", "above 95 % for 5 min"),
        Notification(1, clock.utc(now - 9000), "task.failed", "info", NASTY, "It ended with " + NASTY, read=True),
    ]


async def watch(moving: MovingSource, now: float) -> None:
    """Two rules fire, one of them of a file and with a title that wants to be HTML; somebody is silenced."""
    rule = Rule(name="of-the-file", title=NASTY, metric="cpu.percent", above=60, level="error", channels=["ops"])
    moving.owned[rule.name] = Owned(rule, "file")
    moving.alerts = [
        Alert(
            rule="disk-filling", subject="disk.percent:/home", level="warning", since=clock.utc(now - 4_000),
            fired_at=clock.utc(now - 3_900), notification_id=2, value=91.0, threshold=90.0, peak=94.0, told=2,
        ),
        Alert(
            rule=rule.name, subject="cpu.percent", level="error", since=clock.utc(now - 90),
            fired_at=clock.utc(now - 40), notification_id=3, value=97.4, threshold=60.0, peak=98.2,
        ),
    ]  # fmt: skip
    moving.fired = [
        PastFiring(
            "of-the-file", NASTY, "error", "cpu.percent", None, clock.utc(now - 90), clock.utc(now - 40), None, 3
        ),
        PastFiring(
            "backup-failed", "backup failed", "warning", None, 1,
            clock.utc(now - 150), clock.utc(now - 150), clock.utc(now - 120), 2,
        ),
        PastFiring(
            "disk-full", "Disk is nearly full", "warning", "disk.percent:/home", None,
            clock.utc(now - 230), clock.utc(now - 220), clock.utc(now - 100), 1,
        ),
    ]  # fmt: skip
    await moving.silence(SilenceDraft(rules=["cpu-busy"], seconds=3_600, comment="load test"))


def others(many: int, t: float) -> dict[str, Host]:
    """Other machines; the second is silent, the third has a clock that is wrong and a version that wants to be HTML."""
    names = [f"gpu-{number}" for number in range(1, many + 1)]
    special: dict[str, dict[str, Any]] = {
        "gpu-2": {"silent": True},
        "gpu-3": {"clock_skew_seconds": 2.4, "samples_waiting": 17, "version": NASTY, "tasks_in_progress": 2},
    }
    return {name: agent(name, t, **special.get(name, {})) for name in names}


async def report(moving: MovingSource) -> None:
    """What the agents of the other machines do."""
    while moving.others:
        await asyncio.sleep(1.0)
        fresh = others(len(moving.others), time.time())
        moving.others = {name: moving.others[name] if host.silent else host for name, host in fresh.items()}


def remember(moving: MovingSource, days: float) -> None:
    """A history of some days: the machine slept for a while three hours ago, and vAIn was stopped on the day before."""
    now = time.time()
    moving.memory.begins = now - days * 86_400
    moving.memory.spans = [
        Span("stopped", now - 100_000, now - 86_000),
        Span("asleep", now - 10_800, now - 9_000),
        Span("unread", now - 5_000, now - 10, "swap.used_bytes"),
    ]


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--role", default="admin")
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--cores", type=int, default=4)
    parser.add_argument("--disks", default="/,/home")
    parser.add_argument("--host", default="kestrel")
    parser.add_argument("--days", type=float, default=60.0, help="how far back the history reaches")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that a read of the history takes longer")
    parser.add_argument("--pages", default=",".join(PAGES))
    parser.add_argument("--agents", type=int, default=0, help="how many other machines report")
    options = parser.parse_args()
    moving = MovingSource(0, options.cores, host=options.host)
    moving.delay_seconds = options.delay
    moving.disks = tuple(options.disks.split(","))
    for back in range(options.rows, 0, -1):
        moving.append(time.time() - back)
    remember(moving, options.days)
    await fill(moving)
    moving.others = others(options.agents, time.time())
    source.use(moving)
    pages = application.build(
        {path: ROOT / "app" / PAGES[path] for path in options.pages.split(",")}, b"0" * 32, HEADER, "X-Vain-Name"
    )
    server = HTTPServer(RoleGate(pages, options.role))
    server.listen(options.port, "127.0.0.1")
    application.start(pages, IOLoop.current())
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.gather(moving.run(time.time), report(moving))


if __name__ == "__main__":
    asyncio.run(main())

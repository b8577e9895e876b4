"""``/hosts``: the machines that report, and what their agents send."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from msgspec import Meta

from vain.about import version
from vain.catalog import BY_NAME
from vain.clock import Clock
from vain.codec import decode, encode
from vain.errors import Flaw, Forbidden, Invalid, Malformed
from vain.hosts import (
    Host,
    HostReport,
    HostsHistory,
    HostsQuery,
    LeftReport,
    LeftReports,
    LeftTaken,
    Taken,
    check_host,
    silence_of,
)
from vain.samples import Sample
from vain.spool import RunReport
from vain.types import KEY_ROLES
from vain.web import parameters
from vain.web.declared import Answer, Parameter, operation
from vain.web.http import Request, Response, whole_number
from vain.web.services import Services
from vain.windows import seconds_of

LARGEST_REPORT_BYTES = 5 << 20
"""An agent sends no more than 4 MiB at once."""
DEFAULT_SECONDS = 3_600.0
MOST_POINTS, MOST_TOP = 1_000, 1_000
LARGE_BYTES = 64 << 10
"""A body of more is not decoded on the event loop."""


@operation("listHosts", Answer(200, "The hosts, the server's own machine first.", list[Host]), tag="hosts")
async def list_hosts(services: Services, request: Request) -> Response:
    """The machines that report, and what each does now."""
    request.parameters()
    return Response(encode(_hosts(services)))


@operation("showHost", Answer(200, "The host.", Host), tag="hosts", refuses=(404,))
async def show_host(services: Services, request: Request, host: str) -> Response:
    """One machine."""
    request.parameters()
    if host == services.fleet.own_host:
        return Response(encode(_hosts(services)[0]))
    return Response(encode(services.fleet.shown(host)))


@operation("forgetHost", Answer(204, "It is forgotten."), tag="hosts", refuses=(404,))
async def forget_host(services: Services, request: Request, host: str) -> Response:
    """Delete a machine that is gone, and its history. With the next report of its agent it is there again."""
    request.parameters()
    services.alarms.forget_host(host)
    await services.fleet.forget(host)
    services.alarms.forget_host(host)
    services.alarms.forget_series(silence_of(host))
    return Response(b"", status=204)


@operation(
    "reportHost", Answer(200, "What of it was taken.", Taken), tag="hosts", body=HostReport, refuses=(409,)
)  # fmt: skip
async def take_samples(services: Services, request: Request, host: str) -> Response:
    """What an agent saw of its machine: samples in order, and what the processes of tasks used."""
    request.parameters()
    _check_writer(request, host)
    body = request.body
    large = len(body) >= LARGE_BYTES
    report = await asyncio.to_thread(_report, body) if large else _report(body)

    running: set[str] | None = None

    def judge(name: str, sample: Sample) -> None:
        nonlocal running
        if running is None:
            asks = services.alarms.asks_for_tasks
            has = services.fleet.whereabouts.has
            is_there = lambda task: task.host == name or has(task.task_id, name)  # noqa: E731
            running = services.vigil.running_names(is_there) if asks else set()
        services.alarms.take_of(name, sample, report.period_seconds, running)

    return Response(encode(await services.fleet.take(host, report, services.vigil, judge)))


@operation(
    "reportLeft", Answer(200, "How many are done with.", LeftTaken), tag="hosts", body=LeftReports, refuses=(409,)
)
async def take_left(services: Services, request: Request, host: str) -> Response:
    """What processes left that ended while the server was away; an agent finds it on its machine."""
    request.parameters()
    _check_writer(request, host)
    sent = await _left(request.body)
    for number, report in enumerate(sent.reports):
        _check_place(report, number, host)
    done = 0
    for report in sent.reports:
        if not await services.inbox.take(_run_report(report, host, services.inbox.wall), host):
            break
        done += 1
    return Response(encode(LeftTaken(done)))


@operation(
    "showHosts",
    Answer(200, "The window.", HostsHistory),
    tag="hosts",
    parameters=(
        Parameter("metric", parameters.Found, "Of several instances (`disk.percent`) the largest.", "cpu.percent"),
        *parameters.WINDOW,
        Parameter("points", Annotated[int, Meta(ge=1, le=MOST_POINTS)], "How many points at most.", 120),
        Parameter("top", Annotated[int, Meta(ge=0, le=MOST_TOP)], "How many hosts come by name.", 20),
    ),
    refuses=(422,),
)
async def show_history(services: Services, request: Request) -> Response:
    """One metric of all machines over time: the worst by name, the others together, and percentiles."""
    given = request.parameters()
    now = time.time()
    before = seconds_of(given["before"], now, "before") if "before" in given else now
    after = seconds_of(given["after"], now, "after") if "after" in given else before - DEFAULT_SECONDS
    if not after < before:
        raise _malformed("after", "It must be earlier than 'before'.")
    metric = given.get("metric", "cpu.percent")
    if metric not in BY_NAME or BY_NAME[metric].instance == "task_id":
        raise _malformed("metric", "A metric of the machine such as cpu.percent is expected.")
    points, top = whole_number(given, "points", 120, 1, MOST_POINTS), whole_number(given, "top", 20, 0, MOST_TOP)
    asked = HostsQuery(round(after, 3), round(before, 3), metric, points, top)
    return Response(encode(await services.machines.history(asked)))


def _malformed(parameter: str, detail: str) -> Malformed:
    return Malformed(f"{parameter}: {detail}", [Flaw(detail, parameter=parameter)])


def _hosts(services: Services) -> list[Host]:
    monitor = services.monitor
    return services.fleet.hosts(monitor.latest, version(), monitor.period_seconds)


def _check_writer(request: Request, host: str) -> None:
    """An agent writes its own host; who may write tasks may write any."""
    check_host(host)
    who = request.identity
    if who.role == "agent":
        if who.host != host:
            raise Forbidden(f"The key {who.name!r} may write the host {who.host} only.")
    elif KEY_ROLES.index(who.role) < KEY_ROLES.index("write"):
        raise Forbidden(f"This needs the role agent or write; the key {who.name!r} has the role {who.role}.")


def _check_place(report: LeftReport, number: int, host: str) -> None:
    for field in ("draft", "patch"):
        source = getattr(report, field).get("source")
        named = source.get("host") if isinstance(source, dict) else None
        if named not in (None, host):
            detail = f"A process of the host {host} is expected."
            raise Invalid(detail, [Flaw(detail, pointer=f"/reports/{number}/{field}/source/host")])


def _run_report(report: LeftReport, host: str, wall: Clock) -> RunReport:
    now, draft = wall(), dict(report.draft)
    source = draft.get("source")
    draft["source"] = {**(source if isinstance(source, dict) else {}), "host": host}
    return RunReport(
        run_id=report.run_id,
        parent_run_id=report.parent_run_id,
        began_at=now - report.began_seconds_ago,
        draft=draft,
        changed_at=now - report.changed_seconds_ago,
        patch=dict(report.patch),
        log=report.log,
        log_offset=report.log_offset,
        sent_task_id=report.sent_task_id,
    )


def _report(body: bytes) -> HostReport:
    # No field of it is read by anybody who had checked another twin of it.
    return decode(HostReport, body, is_flat=True)


async def _left(body: bytes) -> LeftReports:
    return decode(LeftReports, body) if len(body) < LARGE_BYTES else await asyncio.to_thread(decode, LeftReports, body)

"""All hosts that report: found by name, watched for silence, told which of their tasks they are to look at."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from vain.clock import Clock, unix, utc
from vain.codec import decode, encode
from vain.costs import Cost
from vain.errors import Conflict, NotFound, Unavailable, VainError
from vain.fleet.member import Member, judged_by_nobody
from vain.fleet.parts import Parts
from vain.fleet.telling import Telling
from vain.fleet.together import Together
from vain.fleet.whereabouts import Whereabouts
from vain.hosts import (
    Host,
    HostReport,
    HostsHistory,
    HostsQuery,
    KnownHost,
    Taken,
    check_host,
    check_new_host,
    figures,
    is_of,
    silence_of,
)
from vain.past import Past
from vain.samples import Sample
from vain.store import reading
from vain.store.database import Store
from vain.store.metrics.archive import Archives
from vain.store.metrics.crew import Crew
from vain.store.metrics.retention import Keep
from vain.store.transaction import Transaction
from vain.types import Task

READERS = 2
COMMITTERS, WORKERS = 4, 1
"""Threads that write the histories of all hosts: those commit what waits, beside this one that seals hours."""
REST = 3.0
"""So many times as long as an hour took to be sealed, reports are taken alone: all hours are over at the same time."""
HURRY_SECONDS, POLL_SECONDS = 5.0, 0.02
MOST_HOSTS = 5_000
SAVE_SECONDS = 60.0
"""How often it is written down when a host was last seen."""
REST_SECONDS = 60.0
LATE_SECONDS = 3_600.0
"""Samples that are older are of a time that is told from memory."""
NEAR_SECONDS = 0.5
"""A host has to be heard so much later elsewhere to count as one that reports there."""

logger = logging.getLogger(__name__)


Judging = Callable[[str, Sample], None]
"""Gets each sample of a host that was just taken."""


class EndsRuns(Protocol):
    """What is told that the process of a task is gone: ``vain.vigil.Vigil``."""

    def gone(self, task_id: int, attempt: int, kind: str, exit_code: int | None = None) -> None: ...


class Fleet:
    """Belongs to the event loop. ``own_host`` is the machine of the server, which needs no agent."""

    def __init__(
        self,
        store: Store,
        archives: Archives,
        own_host: str,
        keep: Keep = Keep(),  # noqa: B008  (frozen)
        monotonic: Clock = time.monotonic,
        wall: Clock = time.time,
        server: str = "",
    ) -> None:
        """``server`` tells this one from others over the same database, as long as its folder is there."""
        self.own_host, self._server = own_host, server
        self.parts = Parts()
        """What tasks have used on other hosts, as their agents say."""
        self.whereabouts = Whereabouts(
            self.parts.of, lambda host: host == own_host or self.knows(host), int(wall() * 1000)
        )
        self._store, self._archives, self._keep = store, archives, keep
        self._monotonic, self._wall = monotonic, wall
        self._members: dict[str, Member] = {}
        self._saved: dict[str, KnownHost] = {}
        self._saved_at: dict[str, float] = {}
        self._rested_at = monotonic()
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="vain-hosts")
        # A file has to be synced for each host, and they can wait for the disk side by side.
        self._crew = Crew(1 if archives.is_shared else COMMITTERS, WORKERS, REST)
        self._telling = Telling(own_host, server, wall)
        self._together = Together(own_host, self._members, archives, self._threads, monotonic, wall)

    async def start(self) -> None:
        """Read which hosts there are."""
        for name, known in (await self._kept()).items():
            if known.server in ("", self._server) and known.kind == "agent":
                self._saved[name] = known
                self._members[name] = self._member(replace(known, server=self._server))
            elif self._archives.is_shared and name != self.own_host:
                self._members[name] = self._elsewhere(known)

    async def close(self) -> None:
        """Write down when each was last seen, and commit what waits."""
        members = list(self._members.values())
        await self._together.close()
        try:
            await self._save([member for member in members if member.reports_here])
        except VainError as error:
            logger.warning("When hosts were last seen could not be stored: %s", error.detail)
        await self._hurry(members)
        for result in await asyncio.gather(*(member.close() for member in members), return_exceptions=True):
            if isinstance(result, BaseException):
                logger.error("The history of a host did not end well: %r", result)
        await asyncio.to_thread(self._crew.close)
        await asyncio.to_thread(self._threads.shutdown)

    async def _hurry(self, members: list[Member]) -> None:
        """Have what waits committed together, which is far less than one after the other, and no hour sealed now."""
        self._crew.hasten()
        for member in members:
            member.hurry()
        for _ in range(round(HURRY_SECONDS / POLL_SECONDS)):
            if not any(member.waits_for_disk for member in members):
                return
            await asyncio.sleep(POLL_SECONDS)

    async def take(self, name: str, report: HostReport, vigil: EndsRuns, judge: Judging | None = None) -> Taken:
        """What the agent of a host sent. Raises Invalid, Conflict, or Unavailable beyond ``MOST_HOSTS``."""
        member = self._members.get(name)
        if member is None or not member.reports_here:
            member = await self._introduced(name, report)
        taken = await member.take(report, partial(judge, name) if judge is not None else judged_by_nobody)
        if report.samples and (first := unix(report.samples[0].sample.timestamp)) < self._wall() - LATE_SECONDS:
            self._together.came_late(first)
        where = self.whereabouts
        for task_id, cost in report.costs.items():
            if where.has(task_id, name):
                self.parts.take(task_id, name, Cost(cost.attempt, cost.resources))
        for gone in report.gone:
            if is_of(gone, where.at_home(name)):
                vigil.gone(gone.task_id, gone.attempt, gone.kind, gone.exit_code)
        if report.runs:
            where.ask(name, report.runs, report.boot_id)
        watching = where.list_of(name)
        return replace(taken, watching=watching, tasks=None if report.watching == watching else where.told(name))

    def member(self, name: str) -> Member:
        """One host. Raises NotFound."""
        member = self._members.get(name)
        if member is None:
            raise NotFound(f"No agent has reported of a host {name!r}.")
        return member

    def knows(self, name: str | None) -> bool:
        """Whether an agent has ever reported of it."""
        return name in self._members

    def hosts(self, own: Sample | None, version: str | None, period_seconds: float) -> list[Host]:
        """All of them by name, the server's own machine first."""
        return [
            Host(
                name=self.own_host,
                kind="server",
                silent=False,
                last_seen_at=None if own is None else own.timestamp,
                version=version,
                period_seconds=period_seconds,
                tasks_in_progress=self.whereabouts.count(self.own_host),
                now=None if own is None else figures(own),
            ),
            *(self.shown(name) for name in sorted(self._members)),
        ]

    def shown(self, name: str) -> Host:
        """One host of an agent. Raises NotFound."""
        return self.member(name).shown(self.whereabouts.count(name))

    def count(self) -> dict[str, int]:
        """How many are live, and how many silent; nothing while there are none."""
        agents = self._with_agents()
        silent = sum(member.is_silent for member in agents)
        return {"live": len(agents) - silent, "silent": silent} if agents else {}

    def silence(self) -> list[tuple[str, float | None]]:
        """For how long nothing was heard of each host, as series that rules can watch; called in the monitor's thread.

        Of one that looks rarely what is longer than its ordinary pause, so that a minute means the same for all.
        """
        return [
            (silence_of(name), float(int(max(0.0, member.silent_seconds - member.known.ordinary_seconds()))))
            for name, member in ((member.name, member) for member in self._with_agents())
        ]

    def told(self, own: Sample | None, version: str | None, period_seconds: float) -> bytes:
        """What other servers are told each second."""
        return self._telling.told(self._members, own, version, period_seconds)

    def heard(self, told: Mapping[str, bytes]) -> None:
        """What other servers tell. A host reports where it was heard last, by the clocks of the servers."""
        for name, each in self._telling.news(told).items():
            if name == self.own_host:
                continue
            member = self._members.get(name)
            if member is None:
                member = self._members[name] = self._elsewhere(each.known)
            later = unix(each.known.last_seen_at) - unix(member.known.last_seen_at)
            if not member.reports_here or later > NEAR_SECONDS:
                self.parts.leave(name)
                self._saved.pop(name, None)
                member.heard(each)

    async def history(self, query: HostsQuery, own: Past) -> HostsHistory:
        """One metric of all hosts over time, the server's machine (``own``) among them; shared by equal questions."""
        return await self._together.history(query, own)

    async def forget(self, name: str) -> None:
        """Delete a host and its history. It comes again with the next report of its agent. Raises NotFound."""
        member = self.member(name)
        # The name stays taken until nothing is left: what its agent sends meanwhile is refused, and sent again.
        await member.end()
        await asyncio.to_thread(self._archives.forget, name)
        try:
            await self._store.write(lambda transaction: transaction.keep("host", name, None))
        finally:
            self._members.pop(name, None)
            self._saved.pop(name, None)
            self._saved_at.pop(name, None)

    def follow(self, task: Task, run_id: str | None) -> None:
        """A task is in progress, or changed while it is."""
        if task.status != "in-progress":
            self.forget_task(task.task_id)
        elif (left := self.whereabouts.follow(task, run_id)) is not None:
            self.parts.drop(task.task_id, left)  # it is stored, and counts on at the new home

    def forget_task(self, task_id: int) -> None:
        """It is over."""
        self.whereabouts.forget(task_id)
        self.parts.forget(task_id)

    def resumed(self) -> None:
        """The server's machine slept: nobody could be heard."""
        for member in self._members.values():
            member.resumed()

    async def sweep(self) -> None:
        """Note who is silent and when each was last seen, and close what nobody needs. To be called once a second."""
        now = self._monotonic()
        due = []
        for name, member in self._members.items():
            if not member.reports_here:
                continue
            is_silent = member.silent_seconds > member.known.patience_seconds()
            if is_silent != (member.known.silent_since is not None):
                since = utc(self._wall() - member.silent_seconds) if is_silent else None
                member.known = replace(member.known, silent_since=since)
                self._telling.hurry(name)
                due.append(member)
                if is_silent:
                    self.parts.fall_silent(name)
            elif now - self._saved_at.get(name, 0.0) >= SAVE_SECONDS and member.known != self._saved.get(name):
                due.append(member)
        try:
            await self._save(due)
        except VainError as error:  # the disk is full, say: the rest of the clock's work goes on
            logger.info("When hosts were last seen could not be stored: %s", error.detail)
        if now - self._rested_at >= REST_SECONDS:
            self._rested_at = now
            if self._archives.is_shared:
                await self._look_around()
            for member in list(self._members.values()):
                try:
                    await member.rest()
                except Exception:
                    logger.exception("The history of %s could not be closed", member.name)

    def _member(self, known: KnownHost) -> Member:
        return Member(
            known, self._archives, self._keep, self._store, self._threads, self._crew, self._monotonic, self._wall
        )

    async def _introduced(self, name: str, report: HostReport) -> Member:
        check_host(name)
        before = self._members.get(name)
        if before is not None and before.known.kind == "server" and not before.is_silent:
            raise Conflict(f"{name} is the machine of a server, without an agent; VAIN_HOSTNAME gives another name.")
        if before is not None:
            return await self._taken_over(before)
        check_new_host(name, self._members, self.own_host)
        if len(self._members) >= MOST_HOSTS:
            raise Unavailable(f"There are {MOST_HOSTS:,} hosts; DELETE /hosts/NAME forgets one that is gone.")
        now = utc(self._wall())
        known = KnownHost(name, now, now, report.version, report.period_seconds, server=self._server)
        member = self._members[name] = self._member(known)
        await self._save([member])
        return member

    async def _taken_over(self, member: Member) -> Member:
        """It reported to another server until now."""
        member.reports_here = True
        self._telling.hurry(member.name)
        member.known = replace(member.known, server=self._server, kind="agent")
        self._saved.pop(member.name, None)
        await self._save([member])
        return member

    def _elsewhere(self, known: KnownHost) -> Member:
        member = self._member(known)
        member.reports_here = False
        return member

    def _with_agents(self) -> list[Member]:
        return [member for member in list(self._members.values()) if member.known.kind == "agent"]

    async def _kept(self) -> dict[str, KnownHost]:
        kept = await self._store.read(lambda connection: reading.kept(connection, "host"))
        return {name: decode(KnownHost, body) for name, body in kept.items()}

    async def _look_around(self) -> None:
        """Which hosts there are by now, as other servers have written it down; and that this machine is one."""
        try:
            kept = await self._kept()
            own = self._telling.own_since(kept.get(self.own_host))
            if own is not None:
                await self._store.write(lambda transaction: transaction.keep("host", own.name, encode(own)))
        except VainError as error:
            logger.info("Which hosts there are could not be read: %s", error.detail)
            return
        for name, known in kept.items():
            if name not in self._members and name != self.own_host:
                self._members[name] = self._elsewhere(known)
        for name, member in list(self._members.items()):
            is_kept = name in kept or (member.reports_here and name not in self._saved)
            if not is_kept and member.known.kind == "agent":
                self._saved.pop(name, None)
                await self._members.pop(name).close()  # somebody has forgotten it at another server

    async def _save(self, members: list[Member]) -> None:
        changed = [member.known for member in members if member.known != self._saved.get(member.name)]
        if not changed:
            return

        def change(transaction: Transaction) -> dict[str, KnownHost | None]:
            left: dict[str, KnownHost | None] = {}
            for known in changed:
                body = transaction.kept("host", known.name)
                before = None if body is None else decode(KnownHost, body)
                if known.name in self._saved and (before is None or before.server not in ("", self._server)):
                    left[known.name] = before  # it reports to another server by now, or was forgotten there
                else:
                    transaction.keep("host", known.name, encode(known))
            return left

        left = await self._store.write(change)
        now = self._monotonic()
        for name, elsewhere in left.items():
            self._saved.pop(name, None)
            self._saved_at.pop(name, None)
            member = self._members.get(name)
            if member is None:
                continue
            if elsewhere is None or not self._archives.is_shared:
                del self._members[name]
                await member.close()
            else:
                member.known, member.reports_here = elsewhere, False
                self.parts.leave(name)
        for known in changed:
            if known.name in left:
                continue
            self._saved[known.name], self._saved_at[known.name] = known, now

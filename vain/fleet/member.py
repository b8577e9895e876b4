"""One host: what its agent sends goes into a history of its own, and comes out of it as that of the server's machine.

The agent keeps each sample until it is on this server's disk, so nothing has to be synced at once: samples are
committed together every ``COMMIT_SECONDS``, and a crash loses none.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import inf

from msgspec import Raw
from msgspec.structs import replace

from vain.busiest import Process
from vain.clock import Clock, unix, utc
from vain.codec import encode, parse_time, trusted
from vain.errors import Conflict, Misconfigured, StoreDamaged, Unavailable, VainError
from vain.fleet.last_hour import LastHour
from vain.history import History
from vain.hosts import Host, HostReport, HostSample, HostTold, KnownHost, Taken, figures, is_silent, skew_of
from vain.past import Past
from vain.quality import FAR_SECONDS, Span, since_last_run
from vain.recorder import remember
from vain.samples import Sample, labels, series
from vain.spikes import Spikes
from vain.store.database import Store
from vain.store.metrics.archive import Archives
from vain.store.metrics.crew import Crew
from vain.store.metrics.retention import Keep
from vain.store.metrics.store import MetricStore

COMMIT_SECONDS = 10.0
MOST_PENDING = 900
HURRY = 300
"""When so many samples wait, as after an outage, they are committed at once."""
MANY = 3
"""So many samples are not unpacked on the event loop."""
IDLE_SECONDS = 600.0
"""A history that nobody wrote to or asked for so long is closed."""
ANOTHER_SECONDS, ANOTHER_PERIODS = 10.0, 3
"""If another installation reported under this name so shortly ago, two machines have one name."""
FRESH_SECONDS = 15.0
"""What is older when it comes is history: nobody has to be told of it now."""
NULL = b"null"

logger = logging.getLogger(__name__)

Judging = Callable[[Sample], None]


def judged_by_nobody(sample: Sample) -> None:
    """No rules are judged."""


class Member:
    """Belongs to the event loop; what blocks runs on threads, one report at a time."""

    def __init__(
        self,
        known: KnownHost,
        archives: Archives,
        keep: Keep,
        store: Store,
        threads: ThreadPoolExecutor,
        crew: Crew,
        monotonic: Clock = time.monotonic,
        wall: Clock = time.time,
    ) -> None:
        self.known = known
        self.reports_here = True
        """Or to another server, which tells of it."""
        self._latest: Sample | None = None
        self._told: Raw | None = None
        """The newest sample as another server told it; it is decoded when somebody asks."""
        self.busiest: Sequence[Process] | None = None
        self._archives, self._keep, self._store, self._threads, self._crew = archives, keep, store, threads, crew
        self._monotonic, self._wall = monotonic, wall
        # One that was silent when the server ended has been so all the time; of others nothing is known yet.
        since_seen = max(0.0, wall() - unix(known.last_seen_at))
        self._heard_at = monotonic() - (since_seen if known.silent_since is not None else 0.0)
        self._used_at = -IDLE_SECONDS
        self._agent, self._session, self._accepted, self._stored = known.agent, "", 0, 0
        self._numbers: deque[int] = deque()
        """Of the samples that may not be on disk yet, in order."""
        self._newest: float | None = None
        """When the newest sample was taken that came in order (Unix seconds)."""
        self._skew: float | None = None
        self._waiting: int | None = None
        self._lock = asyncio.Lock()
        self._past: Past | None = None
        self._spikes: Spikes | None = None
        self._is_ended = self._is_broken = False
        self.last_hour = LastHour(self._read_last_hour, monotonic)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.known.name

    @property
    def latest(self) -> Sample | None:
        """The newest sample since the server started."""
        if self._told is not None:
            told, self._told = self._told, None
            self._latest = None if bytes(told) == NULL else trusted(Sample, bytes(told))
        return self._latest

    @property
    def is_silent(self) -> bool:
        """Whether nothing was heard of it for too long."""
        return self.known.silent_since is not None or is_silent(self.known, self._wall())

    @property
    def silent_seconds(self) -> float:
        """For how long nothing was heard of it; while the server did not run, nobody could be heard."""
        return max(0.0, self._monotonic() - self._heard_at)

    def shown(self, tasks_in_progress: int) -> Host:
        """As ``GET /hosts`` answers it."""
        silent = self.is_silent
        return Host(
            name=self.name,
            kind=self.known.kind,
            silent=silent,
            last_seen_at=self.known.last_seen_at,
            first_seen_at=self.known.first_seen_at,
            version=self.known.version or None,
            period_seconds=self.known.period_seconds,
            clock_skew_seconds=self._skew,
            samples_waiting=self._waiting,
            tasks_in_progress=tasks_in_progress,
            now=None if silent or self.latest is None else figures(self.latest),
        )

    async def take(self, report: HostReport, judge: Judging = judged_by_nobody) -> Taken:
        """What an agent sent; ``judge`` gets each sample that was just taken.

        Raises Conflict if another machine has this name, Invalid that names a field.
        """
        past = self._past
        if past is not None and not self._is_ended and not self._lock.locked() and len(report.samples) <= MANY:
            # As nearly always: nothing is waited for, so nothing can come in between.
            return self._answered(report) or self._taken(report, past, judge)
        # A client that hangs up cancels its request; what was begun must not go on without the lock.
        return await asyncio.shield(asyncio.ensure_future(self._take(report, judge)))

    async def _take(self, report: HostReport, judge: Judging) -> Taken:
        async with self._lock:
            answer = self._answered(report)
            if answer is not None:
                return answer
            past = await self._opened()
            if len(report.samples) <= MANY:
                return self._taken(report, past, judge)
            # As many as that block the loop for too long, but while this waits nobody else has the lock.
            fresh, times = self._fresh(report, past.store)
            await asyncio.to_thread(self._append, past.store, fresh, times, report.lost)
            return self._accept(report, past.store, fresh, times, judge)

    def _answered(self, report: HostReport) -> Taken | None:
        """The answer to one that is of another session: nothing of it is taken."""
        self._check_agent(report)
        self._hear(report)
        if report.session == self._session and self._session:
            return None
        self._session, self._accepted, self._stored = secrets.token_hex(8), 0, 0
        self._numbers.clear()
        return self._answer()

    def _taken(self, report: HostReport, past: Past, judge: Judging) -> Taken:
        fresh, times = self._fresh(report, past.store)
        self._append(past.store, fresh, times, report.lost)
        return self._accept(report, past.store, fresh, times, judge)

    def _fresh(self, report: HostReport, store: MetricStore) -> tuple[list[HostSample], list[float]]:
        """What of it is new and has room, and when each was taken."""
        known = max(0, self._accepted + 1 - report.first)
        fresh = report.samples[known:][: store.room]
        return fresh, [self._time_of(each, number) for number, each in enumerate(fresh, start=known)]

    def _accept(
        self,
        report: HostReport,
        store: MetricStore,
        fresh: Sequence[HostSample],
        times: Sequence[float],
        judge: Judging,
    ) -> Taken:
        if fresh:
            first = max(report.first, self._accepted + 1)
            self._numbers.extend(range(first, first + len(fresh)))
            self._accepted = first + len(fresh) - 1
        if store.pending >= HURRY:
            store.hurry()
        self._settle(store)
        self._show(report, fresh)
        for each, t in zip(fresh, times, strict=True):
            if self._wall() + (self._skew or 0.0) - t < FRESH_SECONDS:
                judge(each.sample)
        return self._answer()

    async def past(self) -> Past:
        """Its history, for those who read."""
        return await asyncio.shield(asyncio.ensure_future(self._past_opened()))

    async def spikes(self) -> Spikes:
        """Who used what, on this host."""
        past = await self.past()
        if self._spikes is None or self._spikes.past is not past:
            is_here, period_seconds = self.name.__eq__, self.known.period_seconds
            self._spikes = Spikes(self._store, past, self._cores, period_seconds, is_here=is_here, host=self.name)
        return self._spikes

    def told(self) -> HostTold:
        """What other servers are told of it."""
        sample = None if self.is_silent else self.latest
        return HostTold(self.known, self.silent_seconds, self._skew, self._waiting, Raw(encode(sample)))

    def heard(self, told: HostTold) -> None:
        """What the server tells to which it reports."""
        if self.reports_here:
            self._session = ""
        self.known, self.reports_here, self._agent = told.known, False, told.known.agent
        self._heard_at = self._monotonic() - told.silent_seconds
        self._skew, self._waiting = told.clock_skew_seconds, told.samples_waiting
        self._told = told.sample.copy()
        if self.last_hour.is_followed and (sample := self.latest) is not None:
            t = unix(sample.timestamp)
            if self._newest is None or t > self._newest:
                self._newest = t
                self.last_hour.append(t, _row(sample))
        self.last_hour.tell()

    def resumed(self) -> None:
        """The server's machine slept: nobody could be heard."""
        if self.known.silent_since is None:
            self._heard_at = self._monotonic()

    async def rest(self) -> None:
        """Close the history if nobody needs it."""
        self.last_hour.rest()
        heard_at = self._heard_at if self.reports_here else -inf
        is_idle = self._monotonic() - max(heard_at, self._used_at) > IDLE_SECONDS
        if self._past is not None and is_idle and not self.last_hour.is_followed:
            await self.close()

    @property
    def waits_for_disk(self) -> bool:
        """Whether samples are not committed yet."""
        return self._past is not None and self._past.store.pending > 0

    def hurry(self) -> None:
        """Have them committed now."""
        if self._past is not None and self.waits_for_disk:
            self._past.store.hurry()

    async def close(self) -> None:
        """Commit what waits, and close the history."""
        async with self._lock:
            past, self._past, self._spikes = self._past, None, None
            self.last_hour.forget()
            # What could not be committed is gone: the agent still has it, and begins with it in another session.
            self._session, self._accepted, self._stored = "", 0, 0
            self._numbers.clear()
            if past is not None:
                await asyncio.to_thread(_close, past)

    async def end(self) -> None:
        """It is being forgotten: nothing opens its history any more."""
        self._is_ended = True
        await self.close()

    def _check_agent(self, report: HostReport) -> None:
        is_another = self._agent not in ("", report.agent)
        if is_another and self.silent_seconds < max(ANOTHER_SECONDS, ANOTHER_PERIODS * self.known.period_seconds):
            raise Conflict(
                f"Another machine reports as {self.name}: VAIN_HOSTNAME gives one of them another name, "
                "also for the jobs that run there."
            )
        if is_another:
            self._session = ""
        self._agent = report.agent

    def _hear(self, report: HostReport) -> None:
        now = self._wall()
        self._heard_at = self._monotonic()
        self._skew, self._waiting = skew_of(report, now), report.waiting
        self.known = replace(
            self.known, last_seen_at=utc(now), version=report.version, period_seconds=report.period_seconds,
            agent=report.agent,
        )  # fmt: skip

    async def _opened(self) -> Past:
        if self._is_ended:
            raise Unavailable(f"The host {self.name} is being forgotten.")
        self._used_at = self._monotonic()
        if self._past is None:
            try:
                metrics, self._newest = await asyncio.to_thread(self._open)
            except (StoreDamaged, Misconfigured) as error:
                if not self._is_broken:
                    logger.error("The history of the host %s cannot be used: %s", self.name, error.detail)
                self._is_broken = True
                raise Unavailable(f"The history of the host {self.name} cannot be used.") from error
            self._past, self._is_broken = Past(metrics, self._threads), False
        return self._past

    async def _past_opened(self) -> Past:
        async with self._lock:
            return await self._opened()

    def _open(self) -> tuple[MetricStore, float | None]:
        metrics = MetricStore(
            self._archives.other(self.name),
            self.known.period_seconds,
            self._keep,
            self.name,
            MOST_PENDING,
            COMMIT_SECONDS,
            crew=self._crew,
        )
        try:
            return metrics, metrics.last_run_ended_at(self._wall())
        except BaseException:
            metrics.close()
            raise

    def _time_of(self, each: HostSample, place: int) -> float:
        return unix(parse_time(each.sample.timestamp, pointer=f"/samples/{place}/sample/timestamp"))

    def _append(
        self, store: MetricStore, samples: Sequence[HostSample], times: Sequence[float], lost: Sequence[Span]
    ) -> None:
        if lost:
            store.note(lost)
        for each, t in zip(samples, times, strict=True):
            sample = each.sample
            row = _row(sample)
            # What comes a second time, after a restart of either side, says nothing of the time before it.
            is_known = self._newest is not None and self._newest - FAR_SECONDS < t <= self._newest
            spans = [*([] if is_known else self._stopped(each, t)), *each.spans]
            store.append(t, row, partial(labels, sample), spans, each.used, each.processes)
            if not is_known:
                self._newest = t
                self.last_hour.append(t, row)

    def _stopped(self, each: HostSample, t: float) -> list[Span]:
        if not each.is_first or self._newest is None:
            return []
        return since_last_run(self._newest, t, self.known.period_seconds)

    def _settle(self, store: MetricStore) -> None:
        """Rows are committed in the order in which they came: those that do not wait are on disk."""
        waiting = store.pending
        while len(self._numbers) > waiting:
            self._stored = self._numbers.popleft()

    def _show(self, report: HostReport, fresh: Sequence[HostSample]) -> None:
        newest = report.latest or (report.samples[-1].sample if report.samples else None)
        if newest is not None:
            self._latest, self._told = replace(newest, host=self.name), None
        looked = next((each.processes for each in reversed(fresh) if each.processes is not None), None)
        if looked is not None:
            self.busiest = looked
        self.last_hour.tell()

    def _answer(self) -> Taken:
        return Taken(self._session, self._accepted, self._stored, 0)

    async def _read_last_hour(self) -> History | None:
        async with self._lock:
            try:
                past = await self._opened()
            except VainError as error:
                logger.info("The last hour of %s cannot be shown: %s", self.name, error.detail)
                return None
            hour = History()
            if self._newest is not None:
                await asyncio.to_thread(remember, past.store, hour, self._newest, self.known.period_seconds)
            return hour

    def _cores(self) -> int | None:
        return None if self.latest is None else self.latest.cpu.cores_logical


def _row(sample: Sample) -> list[tuple[str, float | None]]:
    return [pair for pair in series(sample) if not pair[0].startswith("tasks.")]


def _close(past: Past) -> None:
    past.close()
    past.store.close()

"""What fires: the rules are judged against each sample, and what that changes is stored, in order and exactly once.

The judge (``vain.alerting``) says what begins and what ends. That waits in a list until the store has taken it, so a
store that refuses for a while delays it and loses nothing. After a restart what had fired still fires, and what
happened since is judged once more from the stored history (``vain.resumption``).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine
from functools import partial
from math import inf

from msgspec.structs import replace

from vain import firing
from vain.alerting import telling
from vain.alerting.alert import Alert, AlertEvent, Fired, Judging, PastFiring
from vain.alerting.judging import GAP_SECONDS, GRACE_SECONDS, Judge
from vain.alerting.rule import Rule
from vain.catalog import of_host, split_host
from vain.clock import Clock, unix, utc
from vain.codec import decode
from vain.errors import Conflict, NotFound, VainError
from vain.posts import Alone, OtherMachine, Post
from vain.rulebook import RuleBook
from vain.sampler.clocks import seconds_since_boot
from vain.samples import Sample, series
from vain.silences import Silences
from vain.store import reading
from vain.store.database import Store
from vain.store.firings import firings
from vain.store.transaction import Transaction
from vain.told import NotificationQuery

logger = logging.getLogger(__name__)

GAP_PERIODS = 5
MOST_WAITING = 1_000
MOST_SEEN = 20
"""If more wait, nobody looks who did it: that may take seconds for each of them."""
LONGEST_PAUSE_SECONDS = 30.0
MOST_FIRINGS = 500
"""Of a window, the newest, where nobody says how many."""
LOOK_SECONDS = 5.0
"""How often it is looked at which alerts are to be told again."""
FORGET_SECONDS = 600.0
AWAY_SECONDS = 30.0
"""A machine of which another server may have had the samples of the last while."""

See = Callable[[Fired], Awaitable[firing.Seen]]
"""Who used most when a rule fired; its times are Unix seconds."""


Resume = Callable[[Judge, list[Rule], list[Alert]], Awaitable[list[AlertEvent]]]
"""Brings the judge up to now; returned: what fires or is over, and is not stored as such, in Unix seconds."""
RULES = NotificationQuery(limit=1_000, kind="rule")
SAME_SECONDS = 5.0
"""The times of the history and those at which something was told are not quite the same."""


async def _nothing(event: Fired) -> firing.Seen:
    return firing.NOTHING_SEEN


class Alarms:
    """Owns the judge and what waits to be stored. Event loop only; ``close`` stores what waits, and ends it."""

    def __init__(
        self,
        store: Store,
        rulebook: RuleBook,
        silences: Silences,
        period_seconds: float,
        running: Callable[[], Collection[str]] = tuple,
        see: See = _nothing,
        since_boot: Clock = seconds_since_boot,
        wall: Clock = time.time,
        more: Callable[[], list[tuple[str, float | None]]] = list,
        post: Post = Alone(),  # noqa: B008  (it has no state)
    ) -> None:
        """``more`` are series of the server itself; ``post``: what it judges, if there are other servers."""
        self._post = post
        self._store, self._rulebook, self._silences = store, rulebook, silences
        self._running, self._see, self._more = running, see, more
        # Not time.monotonic, which stands still while the machine sleeps: a rule must see that gap.
        self._since_boot, self._wall = since_boot, wall
        self.judge = Judge((), GAP_PERIODS * period_seconds)
        self.asks_for_tasks = False
        """Whether a rule about a metric depends on which tasks run."""
        self._others: dict[str, OtherMachine] = {}
        """The judges of other machines, by name."""
        self._waiting: deque[AlertEvent] = deque()
        """In Unix seconds. The first is under way, and leaves when it is stored."""
        self._woken = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._pending: set[asyncio.Task[None]] = set()
        self._held_until, self._looked_at, self._forgot_at = -inf, -inf, 0.0
        self._has_sample = self._is_full = self._is_taking_over = False

    async def start(self, resume: Resume | None = None) -> None:
        """Take up what fired before, and begin. ``resume`` brings the judge up to now, and says what happened since."""
        self._use_rules()
        self._rulebook.on_change.append(self._use_rules)
        self._silences.on_change.append(self._use_rules)
        known = await self._stored()
        here = self._post.of_here(known)
        if resume is not None and self._post.may_resume():
            found = await self._untold(await resume(self.judge, self._rules(), here))
            self._add([replace(event, subject=self._post.told_as(event.subject)) for event in found])
        else:
            self._restore(here)
        if self._post.is_alone:
            self._restore_others([alert for alert in known if alert.event is None and alert not in here])
        self._writer = asyncio.create_task(self._store_all())

    async def take_over(self) -> None:
        """What this server judges has changed: what fires there goes on firing, and what is no longer its is let go."""
        self._is_taking_over = True  # so that nothing is dropped that is only not restored yet
        for rule, subject in self.judge.firing():
            self.judge.settle(rule, subject)
        self._restore(self._post.of_here(await self._stored()))
        self._looked_at, self._is_taking_over = -inf, False

    async def close(self) -> None:
        """Store what waits, if the store takes it, and end."""
        self._closing.set()
        self._woken.set()
        await asyncio.gather(*self._pending, return_exceptions=True)
        if self._writer is not None:
            await self._writer

    def take(self, sample: Sample) -> None:
        """Judge a sample. While too many alerts wait nothing is judged, so that none is lost: it fires afterwards."""
        if self._is_overfull():
            return
        now = self._since_boot()
        if sample.period_seconds is None and self._has_sample:
            self._held_until = now + GRACE_SECONDS
        self._has_sample = True
        found = self.judge.take(
            self._post.values(sample, self._more), now, self._running(), hold=now < self._held_until
        )
        if found:
            at, told_as = self._wall(), self._post.told_as
            self._add([
                replace(event, subject=told_as(event.subject), since=at - (now - event.since)) for event in found
            ])  # fmt: skip
        if now - self._forgot_at > FORGET_SECONDS:
            self._forgot_at = now
            self.judge.forget(now)
            for other in self._others.values():
                other.judge.forget(now)

    def take_of(self, host: str, sample: Sample, period_seconds: float, running: Collection[str]) -> None:
        """Judge a sample of another machine, that was just taken, by the same rules; ``running`` are tasks there."""
        if self._is_overfull():
            return
        now = self._since_boot()
        other = self._others.get(host)
        if other is None or (not self._post.is_alone and now - other.taken_at > AWAY_SECONDS):
            other = self._others[host] = OtherMachine(Judge((), GAP_SECONDS))
            other.judge.use(self._rules())
            if not self._post.is_alone:  # another server may have judged it until now
                other.is_restored = False
                self._begin(self._restore_other(host, other))
        other.taken_at = now
        if not other.is_restored:
            other.early.append((sample, period_seconds, running))
            return
        other.judge.gap_seconds = max(GAP_SECONDS, GAP_PERIODS * period_seconds)
        if sample.period_seconds is None and other.has_sample:
            other.held_until = now + GRACE_SECONDS
        other.has_sample = True
        found = other.judge.take(series(sample), now, running, hold=now < other.held_until)
        at = self._wall()
        self._add([
            replace(event, subject=of_host(host, event.subject), since=at - (now - event.since)) for event in found
        ])  # fmt: skip

    def forget_host(self, host: str) -> None:
        """A machine that somebody deleted: what fires for it is dropped with the next sweep."""
        self._others.pop(host, None)
        self._looked_at = -inf

    async def alerts(self) -> list[Alert]:
        """Everything that fires, by subject and rule, each with the worst value until now."""
        peaks = self._peaks()
        return [replace(alert, peak=firing.peak_of(alert, peaks)) for alert in await self._stored()]

    async def firings(self, after: float, before: float, limit: int = MOST_FIRINGS) -> list[PastFiring]:
        """When rules fired in a window in Unix seconds, newest first."""
        return await self._store.read(partial(firings, after=utc(after), before=utc(before), limit=limit))

    async def _stored(self) -> list[Alert]:
        kept = await self._store.read(partial(reading.kept, kind="alert"))
        return [decode(Alert, body) for body in kept.values()]

    async def acknowledge(self, notification_id: int) -> Alert:
        """Somebody takes care of it: it is not told again. Raises NotFound, or Conflict if it fires no more.

        Any notification that says that it fires stands for it: the first, or a reminder.
        """
        found = await self._store.read(partial(reading.notification, notification_id=notification_id))
        if found is None:
            raise NotFound(f"There is no notification {notification_id}.")

        def change(transaction: Transaction) -> Alert:
            for alert in firing.alerts(transaction):
                if alert.notification_id in (notification_id, found.fired_by):
                    known = replace(alert, acknowledged_at=alert.acknowledged_at or utc(self._wall()))
                    firing.keep(transaction, known)
                    return known
            raise Conflict(f"Notification {notification_id} is not of a rule that fires now.")

        return await self._store.write(change)

    def forget_series(self, subject: str) -> None:
        """A series that somebody deleted: what fires for it is dropped with the next sweep."""
        for rule, known in self.judge.firing():
            if known == subject:
                self.judge.settle(rule, subject)
        self._looked_at = -inf

    async def sweep(self) -> None:
        """Tell again what still fires, and drop what no rule watches any more. To be called once a second."""
        now = self._since_boot()
        if now - self._looked_at < LOOK_SECONDS:
            return
        held = self._post.duties()
        known = await self._stored()
        if self._waiting or self._is_taking_over or held != self._post.duties():
            return  # what is stored and what the judge says are not the same at this moment
        self._looked_at = now
        rules = {rule.name: rule for rule in self._rules()}
        watched = set(self._peaks())
        for alert in known:
            rule = rules.get(alert.rule)
            if not self._post.keeps(alert, self._judges_now, is_known=rule is not None):
                continue
            is_watched = rule is not None and (
                bool(rule.tasks) if alert.event else (alert.rule, alert.subject) in watched
            )
            if rule is None or not is_watched:
                title = alert.rule if rule is None else telling.title_of(rule)
                await self._store.write(partial(self._drop, alert=alert, title=title))
            elif self._is_to_be_told(alert, rule):
                await self._store.write(partial(self._remind, alert=alert, rule=rule))
        peaks = self._peaks()
        worse = {alert.notification_id: peak for alert in known if (peak := firing.peak_of(alert, peaks)) != alert.peak}
        if worse:
            await self._store.write(partial(firing.keep_peaks, worse=worse))

    def _is_to_be_told(self, alert: Alert, rule: Rule) -> bool:
        if alert.acknowledged_at is not None or self._silences.covers(alert.rule, alert.subject):
            return False
        return telling.is_to_be_told_again(alert, rule, self._wall())

    def _remind(self, transaction: Transaction, alert: Alert, rule: Rule) -> None:
        known = firing.alert_of(transaction, alert.rule, alert.subject)
        if known == alert:
            firing.remind(transaction, alert, rule, utc(self._wall()))

    def _drop(self, transaction: Transaction, alert: Alert, title: str) -> None:
        if firing.alert_of(transaction, alert.rule, alert.subject) == alert:
            firing.drop(transaction, alert, title, utc(self._wall()))

    def _use_rules(self) -> None:
        rules = self._rules()
        self.judge.use(rules)
        for other in self._others.values():
            other.judge.use(rules)
        self.asks_for_tasks = any(rule.while_task or rule.unless_task for rule in rules)
        about_tasks = tuple(rule for rule in rules if rule.tasks)
        self._store.judge_by(Judging(about_tasks, tuple(self._silences.all())))
        self._looked_at = -inf

    def _rules(self) -> list[Rule]:
        return [owned.rule for owned in self._rulebook.rules() if owned.rule.enabled]

    def _judges_now(self, host: str) -> bool:
        other = self._others.get(host)
        return other is not None and other.is_restored and self._since_boot() - other.taken_at < AWAY_SECONDS

    async def _restore_other(self, host: str, other: OtherMachine) -> None:
        """What fired on a machine whose samples another server has judged so far goes on firing."""
        try:
            self._restore_others([alert for alert in await self._stored() if split_host(alert.subject)[0] == host])
        except VainError as error:
            logger.info("What fires on %s could not be read yet: %s", host, error.detail)
            other.taken_at = -inf  # so that the next sample has it read again
            return
        other.is_restored = True
        while other.early:
            self.take_of(host, *other.early.popleft())

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    def _restore(self, known: list[Alert]) -> None:
        now, at = self._since_boot(), self._wall()
        for alert in known:
            if alert.event is None:
                self.judge.restore(alert.rule, alert.subject, now - (at - unix(alert.since)), alert.peak)

    def _restore_others(self, known: list[Alert]) -> None:
        """What fired on other machines fires until their next samples say otherwise."""
        now, at = self._since_boot(), self._wall()
        for alert in known:
            host, subject = split_host(alert.subject)
            other = self._others.setdefault(host or "", OtherMachine(Judge((), GAP_SECONDS)))
            other.judge.use(self._rules())
            other.judge.restore(alert.rule, subject, now - (at - unix(alert.since)), alert.peak)

    def _peaks(self) -> dict[tuple[str, str], float | None]:
        """Of all that fires, here and on other machines, the worst value so far."""
        found = {(rule, self._post.told_as(subject)): peak for (rule, subject), peak in self.judge.peaks().items()}
        for host, other in self._others.items():
            found |= {(rule, of_host(host, subject)): peak for (rule, subject), peak in other.judge.peaks().items()}
        return found

    async def _untold(self, found: list[AlertEvent]) -> list[AlertEvent]:
        """Without what was told and over before the end, of which the history has lost the last second."""
        if not found:
            return found
        told = await self._store.read(partial(reading.notifications, query=RULES))
        told_at = {
            (each.rule, each.metric): unix(each.timestamp) for each in reversed(told) if self._post.names(each.host)
        }
        untold = []
        for event in found:
            last_told_at = told_at.get((event.rule.name, event.subject), -inf)
            if isinstance(event, Fired) and last_told_at > event.since + event.duration_seconds - SAME_SECONDS:
                self.judge.settle(event.rule.name, event.subject)
            else:
                untold.append(event)
        return untold

    def _is_overfull(self) -> bool:
        was_full, self._is_full = self._is_full, len(self._waiting) >= MOST_WAITING
        if self._is_full and not was_full:
            logger.warning("%d alerts wait to be stored: nothing is judged until then", len(self._waiting))
        return self._is_full

    def _add(self, found: list[AlertEvent]) -> None:
        self._waiting.extend(found)
        self._woken.set()

    async def _store_all(self) -> None:
        pause = 0.5
        while self._waiting or not self._closing.is_set():
            if not self._waiting:
                self._woken.clear()
                await self._woken.wait()
                continue
            try:
                await self._store_first(self._waiting[0])
            except VainError as error:
                logger.warning("An alert could not be stored yet: %s", error.detail)
                if await self._is_closed_within(random.uniform(0, pause)):  # noqa: S311  (no secret)
                    return
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            except Exception:
                # A name that no JSON has (a mount's bytes need not be text): the others are told all the same.
                logger.exception("An alert cannot be stored")
            pause = 0.5
            self._waiting.popleft()

    async def _is_closed_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _store_first(self, event: AlertEvent) -> None:
        is_seen = isinstance(event, Fired) and not self._closing.is_set() and len(self._waiting) <= MOST_SEEN
        seen = await self._see(event) if isinstance(event, Fired) and is_seen else firing.NOTHING_SEEN
        silences = self._silences.all()
        await self._store.write(lambda transaction: firing.store(transaction, event, silences, utc(self._wall()), seen))

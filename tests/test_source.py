"""What a view needs, in the server's own process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.store.engines import engine
from vain import source
from vain.about import About
from vain.alarms import Alarms
from vain.alerting.alert import SilenceDraft
from vain.alerting.rule import DEFAULT_RULES, Rule
from vain.errors import Conflict, Invalid, Misconfigured, NotFound
from vain.fleet.fleet import Fleet
from vain.fleet.machines import Machines
from vain.history import History
from vain.hub import Hub
from vain.monitor import Monitor
from vain.notification import Notice
from vain.notifier import Notifier
from vain.past import Past
from vain.recorder import Recorder
from vain.rulebook import RuleBook
from vain.samples import Sample
from vain.silences import Silences
from vain.source import LocalSource, Watching
from vain.spikes import Spikes
from vain.store.database import Store
from vain.store.metrics.sqlite_archive import FolderArchives
from vain.store.metrics.store import MetricStore
from vain.timelines import Timelines
from vain.tracker import Tracker
from vain.types import Event, TaskCounts, TaskDraft, TaskPatch, TaskQuery
from vain.visuals import Charts

SAMPLE = Sample(10.0, 20.0, 30.0, 40.0, "2026-01-01T00:00:00.000Z", "here")


class OneSample:
    """A sampler that always sees the same."""

    def read(self, tasks: TaskCounts) -> Sample:
        return replace(SAMPLE, tasks=tasks)


async def nothing_known() -> About:
    return About()


class Parts:
    """A source and what it is made of."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(engine(folder), self._publish)
        self.hub = Hub(self.store.epoch, self.store.seq)
        self.notifier = Notifier(self.store, self.hub)
        self.metrics = MetricStore(folder)
        self.past, history = Past(self.metrics), History(100)
        self.monitor = Monitor(OneSample(), Recorder(self.metrics, history, 1.0), 1.0, TaskCounts, lambda sample: None)
        self.tracker = Tracker(self.store)
        charts = Charts(self.tracker, self.past.window, self.hub)
        rulebook, silences = RuleBook(self.store), Silences(self.store)
        alarms = Alarms(self.store, rulebook, silences, 1.0)
        self.watching = Watching(rulebook, silences, alarms)
        fleet = Fleet(self.store, FolderArchives(folder), "here")
        spikes = Spikes(self.store, self.past, lambda: 2)
        self.source = LocalSource(
            "here",
            1.0,
            self.tracker,
            self.monitor,
            history,
            self.notifier,
            self.hub,
            charts,
            Timelines(self.store, self.hub),
            self.watching,
            nothing_known,
            fleet,
            Machines(self.store, fleet, self.past, spikes),
        )

    def _publish(self, events: list[Event]) -> None:
        self.hub.publish(events)


@asynccontextmanager
async def parts_in(folder: Path) -> AsyncIterator[Parts]:
    parts = Parts(folder)
    try:
        yield parts
    finally:
        await parts.notifier.close()
        parts.past.close()
        parts.metrics.close()
        parts.store.close()


def with_parts(folder: Path, work: Callable[[Parts], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with parts_in(folder) as parts:
            return await work(parts)

    return asyncio.run(main())


def test_a_view_sees_what_it_changes(tmp_path: Path) -> None:
    async def work(parts: Parts) -> None:
        local = parts.source
        heard: list[int] = []
        leave = local.subscribe(lambda: heard.append(local.seq))
        task = await local.create(TaskDraft(name="x"))
        changed = await local.update(task.task_id, TaskPatch(status="in-progress"))
        page = await local.page(TaskQuery())
        assert page.tasks == [changed] and page.counts == TaskCounts(in_progress=1) and page.seq == local.seq == 2
        leave()
        await local.delete(task.task_id)
        assert heard == [1, 2] and (await local.page(TaskQuery())).total == 0

    with_parts(tmp_path, work)


def test_errors_come_through(tmp_path: Path) -> None:
    async def work(parts: Parts) -> None:
        with pytest.raises(NotFound):
            await parts.source.update(1, TaskPatch())
        with pytest.raises(Conflict):
            await parts.source.create(TaskDraft(name="x", parent_id=5))
        with pytest.raises(NotFound):
            await parts.source.read_notification(1)

    with_parts(tmp_path, work)


def test_notifications_are_listed_and_read(tmp_path: Path) -> None:
    async def work(parts: Parts) -> None:
        parts.notifier.tell(Notice("k", "info", "t"))
        await parts.notifier.close()
        await parts.source.read_notification(1)
        assert [(found.title, found.read) for found in await parts.source.notifications()] == [("t", True)]

    with_parts(tmp_path, work)


def test_samples_and_columns_are_the_monitors(tmp_path: Path) -> None:
    async def work(parts: Parts) -> None:
        assert parts.source.latest() is None and len(parts.source.columns(0).t) == 0
        parts.monitor._tick()
        assert parts.source.latest() == SAMPLE
        columns = parts.source.columns(0)
        assert len(columns.t) == 1 and len(parts.source.columns(columns.cursor).t) == 0

    with_parts(tmp_path, work)


def test_the_charts_are_those_of_the_window_that_is_asked_for(tmp_path: Path) -> None:
    async def work(parts: Parts) -> None:
        await parts.source.create(TaskDraft(name="x", status="completed"))
        recent = await parts.source.visualizations()
        past = await parts.source.visualizations(1e9, 1e9 + 7_200, "Europe/Berlin")
        assert (sum(recent.task_completion.throughput), sum(past.task_completion.throughput)) == (1, 0)
        assert (recent.window.timezone, past.window.timezone) == ("UTC", "Europe/Berlin")

    with_parts(tmp_path, work)


def test_a_process_shows_one_source_or_says_how_to_get_one(tmp_path: Path) -> None:
    async def work(parts: Parts) -> None:
        source.use(None)
        with pytest.raises(Misconfigured, match="vain serve"):
            source.current()
        source.use(parts.source)
        assert source.current() is parts.source
        source.use(None)

    with_parts(tmp_path, work)


BUSY = Rule(name="busy", metric="cpu.percent", above=50)


def test_a_rule_that_a_page_makes_is_listed_and_tried_and_goes_again(tmp_path: Path) -> None:
    async def work(parts: Parts) -> None:
        local, before = parts.source, parts.source.seq
        await local.put_rule(BUSY)
        made = {rule.name: rule.origin for rule in await local.rules()}
        assert made == {**{rule.name: "default" for rule in DEFAULT_RULES}, "busy": "api"} and local.seq > before
        assert (await local.test_rule(BUSY, 1_000.0, 2_000.0)).firings == []
        with pytest.raises(Invalid):
            await local.test_rule(replace(BUSY, below=5), 1_000.0, 2_000.0)
        assert await local.firings(1_000.0, 2_000.0) == []
        await local.drop_rule("busy")
        assert "busy" not in [rule.name for rule in await local.rules()]

    with_parts(tmp_path, work)


def test_a_silence_is_listed_until_it_is_ended(tmp_path: Path) -> None:
    async def work(parts: Parts) -> None:
        local, before = parts.source, parts.source.seq
        made = await local.silence(SilenceDraft(rules=["busy"], seconds=3_600))
        assert await local.silences() == [made] and local.seq > before
        await local.end_silence(made.silence_id)
        assert await local.silences() == []
        with pytest.raises(NotFound):
            await local.acknowledge(7)

    with_parts(tmp_path, work)

"""An alert and the notification that says so: in one transaction, once, whatever is asked for again."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.store.opened import Opened, in_one_commit, with_store
from vain import firing
from vain.alerting.alert import Alert, AlertEvent, Cleared, Fired, Silence, SilenceDraft
from vain.alerting.rule import Rule
from vain.alerting.silencing import silence_of
from vain.clock import utc
from vain.firing import Seen
from vain.notification import Notification, ProcessPart, TaskPart
from vain.store.transaction import Transaction

BEGIN = 1_800_000_000.0
NOW = utc(BEGIN + 60)
BUSY = Rule(name="cpu-busy", metric="cpu.percent", above=90, level="error", channels=["ops"])
FIRED = Fired(BUSY, "cpu.percent", 95.0, 90.0, BEGIN, 60.0)
CLEARED = Cleared(BUSY, "cpu.percent", 50.0, 90.0, BEGIN, 120.0, 99.0)
SILENT = silence_of(SilenceDraft(rules=["cpu-busy"], seconds=3_600), 1, BEGIN)


class Desk:
    def __init__(self, made: Opened) -> None:
        self.opened, self.store = made, made.store

    async def tell(
        self, event: AlertEvent, silences: Sequence[Silence] = (), seen: Seen = firing.NOTHING_SEEN
    ) -> Notification | None:
        return await self.store.write(lambda transaction: firing.store(transaction, event, silences, NOW, seen))

    async def alerts(self) -> list[Alert]:
        return await self.store.write(firing.alerts)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(event.body) for event in self.opened.published]


def at_desk(folder: Path, work: Callable[[Desk], Awaitable[None]]) -> None:
    async def main(made: Opened) -> None:
        await work(Desk(made))

    with_store(folder, main)


def test_what_fires_is_an_alert_until_it_is_over_and_each_is_told_once(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        fired = await desk.tell(FIRED)
        assert fired is not None and await desk.tell(FIRED) is None, "an answer that got lost is asked for again"
        [alert] = await desk.alerts()
        assert (alert.notification_id, alert.since, alert.fired_at) == (fired.notification_id, utc(BEGIN), NOW)
        assert (alert.level, alert.told, alert.told_at) == ("error", 1, NOW)
        cleared = await desk.tell(CLEARED)
        assert cleared is not None and await desk.tell(CLEARED) is None
        assert (cleared.fired_by, cleared.since, cleared.quiet) == (fired.notification_id, alert.since, False)
        assert cleared.channels == fired.channels == ["ops"]
        assert await desk.alerts() == []
        assert [event["kind"] for event in desk.events()] == ["rule.fired", "rule.cleared"]

    at_desk(tmp_path, work)


def test_what_never_fired_is_never_over(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        assert await desk.tell(CLEARED) is None and desk.events() == []

    at_desk(tmp_path, work)


def test_each_subject_of_a_rule_has_an_alert_of_its_own(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        await desk.tell(FIRED)
        await desk.tell(replace(FIRED, subject="other\nsubject"))
        assert {each.subject for each in await desk.alerts()} == {"cpu.percent", "other\nsubject"}
        await desk.tell(CLEARED)
        assert [each.subject for each in await desk.alerts()] == ["other\nsubject"]

    at_desk(tmp_path, work)


def test_of_two_that_come_in_one_commit_one_is_told(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        first, second = await in_one_commit(desk.store, desk.tell(FIRED), desk.tell(FIRED))
        assert (first is None, second is None) == (False, True) and len(desk.events()) == 1

    at_desk(tmp_path, work)


def test_neither_the_alert_nor_its_notification_is_there_if_the_transaction_fails(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        def change(transaction: Transaction) -> None:
            firing.store(transaction, FIRED, (), NOW)
            raise ValueError("after it was told")

        with pytest.raises(ValueError, match="after it was told"):
            await desk.store.write(change)
        assert await desk.alerts() == [] and desk.events() == []
        assert await desk.tell(FIRED) is not None

    at_desk(tmp_path, work)


def test_in_a_silence_it_is_quiet_and_so_is_its_end_until_it_was_told_aloud(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        await desk.tell(FIRED, [SILENT])
        await desk.tell(CLEARED)
        assert [event["quiet"] for event in desk.events()] == [True, True]
        await desk.tell(FIRED, [SILENT])
        [alert] = await desk.alerts()
        assert (alert.told, alert.told_at) == (0, None)
        await desk.store.write(lambda transaction: firing.remind(transaction, alert, BUSY, NOW))
        assert (await desk.alerts())[0].told == 1
        await desk.tell(CLEARED)
        assert [(event["kind"], event["quiet"]) for event in desk.events()][2:] == [
            ("rule.fired", True), ("rule.repeated", False), ("rule.cleared", False),
        ]  # fmt: skip

    at_desk(tmp_path, work)


def test_who_used_most_and_the_moment_stand_beside_it(tmp_path: Path) -> None:
    seen = Seen([TaskPart(7, "train", 0.8)], [ProcessPart(1, "python", 0.7, 7)], "/?after=1&before=2")

    async def work(desk: Desk) -> None:
        fired = await desk.tell(FIRED, seen=seen)
        assert fired is not None
        assert (fired.shares, fired.processes, fired.url) == (seen.shares, seen.processes, seen.url)
        assert desk.events()[0]["shares"] == [{"task_id": 7, "name": "train", "share": 0.8}]

    at_desk(tmp_path, work)


def test_a_rule_that_is_gone_takes_its_alert_with_it_quietly(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        fired = await desk.tell(FIRED)
        [alert] = await desk.alerts()
        told = await desk.store.write(lambda transaction: firing.drop(transaction, alert, "CPU", NOW))
        assert fired is not None and (told.kind, told.quiet) == ("rule.cleared", True)
        assert (told.fired_by, told.duration_seconds) == (fired.notification_id, 60.0)
        assert await desk.alerts() == []

    at_desk(tmp_path, work)

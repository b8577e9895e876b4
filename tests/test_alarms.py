"""What fires is told once, and once when it is over, whatever happens to the store, the server and the clock."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.alarmed import BEGIN, BUSY, Scene, cpu, disks
from vain import alarms as module
from vain.alerting.alert import Alert, Fired, Recurring, SilenceDraft
from vain.alerting.rule import Rule
from vain.clock import utc
from vain.errors import Conflict, NotFound
from vain.firing import Seen
from vain.notification import ProcessPart, TaskPart
from vain.types import TaskDraft, TaskPatch

FULL = Rule(name="disk-full", metric="disk.percent", above=97, level="error")


def live(scene: Scene, work: Callable[[], Awaitable[None]], kill: bool = False) -> None:
    async def main() -> None:
        async with scene.on(kill=kill):
            await work()

    asyncio.run(main())


def test_it_is_told_once_when_it_fires_and_once_when_it_is_over(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def work() -> None:
        await scene.see(cpu(95), 10)
        assert await scene.kinds() == []
        await scene.see(cpu(97), 50)
        [alert] = await scene.alerts()
        assert (alert.rule, alert.subject, alert.told, alert.value) == ("cpu-busy", "cpu.percent", 1, 97)
        assert alert.since == utc(BEGIN)
        await scene.see(cpu(99), 5)
        await scene.see(cpu(96), 5)
        [alert] = await scene.alarms.alerts()
        assert (alert.value, alert.peak) == (97, 99)
        await scene.see(cpu(50), 5)
        fired, cleared = await scene.told()
        assert (fired.kind, fired.level, fired.since, fired.rule) == ("rule.fired", "warning", utc(BEGIN), "cpu-busy")
        assert (cleared.kind, cleared.level, cleared.fired_by) == ("rule.cleared", "info", fired.notification_id)
        assert (cleared.duration_seconds, cleared.since) == (70.0, fired.since)
        assert await scene.alerts() == []

    live(scene, work)
    assert [json.loads(event.body)["kind"] for event in scene.events] == ["rule.fired", "rule.cleared"]


@pytest.mark.parametrize("kill", [False, True])
def test_a_restart_neither_forgets_nor_repeats(tmp_path: Path, kill: bool) -> None:
    scene = Scene(tmp_path)

    async def before() -> None:
        await scene.see(cpu(95), 20)
        assert await scene.kinds() == ["rule.fired"]

    async def between() -> None:
        await scene.see(cpu(95), 20)
        await scene.passes(0)
        assert await scene.kinds() == ["rule.fired"]

    async def after() -> None:
        await scene.see(cpu(50), 20)
        fired, cleared = await scene.told()
        assert cleared.kind == "rule.cleared" and cleared.fired_by == fired.notification_id
        assert cleared.duration_seconds == scene.seconds - 20 - BEGIN

    live(scene, before, kill)
    scene.seconds += 600
    live(scene, between, kill)
    scene.seconds += 600
    live(scene, after, kill)


def test_when_it_fired_is_known_while_it_does_and_afterwards(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [replace(BUSY, level="error")])

    async def work() -> None:
        await scene.see(cpu(95), 70)
        [now] = await scene.alarms.firings(BEGIN, BEGIN + 100)
        assert (now.rule, now.metric, now.level, now.until, now.task_id) == (
            "cpu-busy", "cpu.percent", "error", None, None,
        )  # fmt: skip
        assert (now.since, now.notification_id) == (utc(BEGIN), 1) and now.fired_at is not None and now.title
        await scene.see(cpu(50), 30)
        await scene.see(cpu(95), 70)
        again, over = await scene.alarms.firings(BEGIN, BEGIN + 1_000)
        assert over == replace(now, until=utc(BEGIN + 70)) and (again.until, again.since) == (None, utc(BEGIN + 100))
        assert await scene.alarms.firings(BEGIN, BEGIN + 1_000, limit=1) == [again]

    live(scene, work)


@pytest.mark.parametrize(("begin", "end", "is_in"), [(-60, -1, 0), (-60, 0, 1), (30, 40, 1), (70, 80, 1), (71, 80, 0)])
def test_it_is_in_every_window_that_it_touches_and_no_other(tmp_path: Path, begin: int, end: int, is_in: int) -> None:
    scene = Scene(tmp_path)

    async def work() -> None:
        await scene.see(cpu(95), 70)
        await scene.see(cpu(50), 5)
        assert len(await scene.alarms.firings(BEGIN + begin, BEGIN + end)) == is_in

    live(scene, work)


def test_how_bad_it_was_outlives_the_server(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def before() -> None:
        await scene.see(cpu(95), 70)
        await scene.see(cpu(99), 5)
        await scene.see(cpu(96), 5)
        await scene.passes(module.LOOK_SECONDS)

    async def after() -> None:
        [alert] = await scene.alarms.alerts()
        assert (alert.value, alert.peak) == (95, 99)
        await scene.see(cpu(50), 5)
        assert "99" in (await scene.told())[-1].message

    live(scene, before, kill=True)
    live(scene, after)


def test_a_store_that_refuses_delays_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.01)
    scene = Scene(tmp_path)

    async def work() -> None:
        scene.store.is_full = True
        for percent, seconds in ((95, 20), (50, 5), (96, 20)):
            for _ in range(seconds):
                scene.alarms.take(cpu(percent))
                scene.seconds += 1
        await asyncio.wait_for(scene.store.has_refused.wait(), 10)
        assert await scene.told() == []
        scene.store.is_full = False
        await scene.settled()
        assert await scene.kinds() == ["rule.fired", "rule.cleared", "rule.fired"]

    live(scene, work)


def test_a_store_that_refuses_does_not_hold_up_the_end(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [FULL])

    async def work() -> None:
        scene.store.is_full = True
        scene.alarms.take(disks("/"))
        await asyncio.wait_for(scene.store.has_refused.wait(), 10)

    begin = time.monotonic()
    live(scene, work)
    assert time.monotonic() - begin < 5 and scene.events == []


def test_what_waits_is_stored_before_the_end(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def work() -> None:
        for _ in range(11):
            scene.alarms.take(cpu(95))
            scene.seconds += 1

    async def look() -> None:
        assert await scene.kinds() == ["rule.fired"]

    live(scene, work)
    live(scene, look)


def test_a_mount_whose_name_is_no_text_stops_nothing(tmp_path: Path) -> None:
    """Python gives it with lone surrogates, which no JSON has."""
    scene = Scene(tmp_path, [FULL])

    async def work() -> None:
        await scene.see(disks("/mnt/\udcff"))
        await scene.see(disks("/mnt/\udcff", "/home"))
        assert [each.metric for each in await scene.told()] == ["disk.percent:/home"]

    live(scene, work)


def test_more_than_may_wait_is_told_all_the_same_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.01)
    scene = Scene(tmp_path, [FULL])
    mounts = [f"/{number}" for number in range(5)]

    async def work() -> None:
        scene.store.is_full = True
        for number in range(5):
            scene.alarms.take(disks(*mounts[: number + 1]))
            scene.seconds += 1
        assert len(scene.alarms._waiting) <= 2
        scene.store.is_full = False
        await scene.settled()
        await scene.see(disks(*mounts), 3)
        assert sorted(each.metric or "" for each in await scene.told()) == [f"disk.percent:{mount}" for mount in mounts]

    live(scene, work)


def test_it_is_told_again_after_twice_as_long_each_time_at_most_a_day(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [replace(BUSY, repeat=6 * 3_600.0)])

    async def work() -> None:
        await scene.see(cpu(95), 11)
        told_at = scene.seconds
        hours = []
        for hour in range(1, 97):
            before = len(await scene.told())
            await scene.passes(told_at + hour * 3_600 + 5 - scene.seconds)
            hours += [hour] * (len(await scene.told()) - before)
        assert hours == [6, 18, 42, 66, 90]
        fired, *reminders = await scene.told()
        assert {each.kind for each in reminders} == {"rule.repeated"}
        assert {each.fired_by for each in reminders} == {fired.notification_id}
        assert {each.level for each in reminders} == {"warning"}

    live(scene, work)


def test_whoever_acknowledges_is_not_told_again_but_hears_the_end(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def work() -> None:
        await scene.see(cpu(95), 11)
        [fired] = await scene.told()
        alert = await scene.alarms.acknowledge(fired.notification_id)
        assert alert.acknowledged_at == utc(scene.seconds)
        for _ in range(50):
            await scene.passes(3_600)
        assert await scene.kinds() == ["rule.fired"]
        await scene.see(cpu(50), 2)
        assert await scene.kinds() == ["rule.fired", "rule.cleared"]
        with pytest.raises(Conflict):
            await scene.alarms.acknowledge(fired.notification_id)
        with pytest.raises(NotFound):
            await scene.alarms.acknowledge(99)

    live(scene, work)


def test_a_reminder_can_be_acknowledged_as_well(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def work() -> None:
        await scene.see(cpu(95), 11)
        await scene.passes(4 * 3_600)
        fired, reminder = await scene.told()
        assert (await scene.alarms.acknowledge(reminder.notification_id)).notification_id == fired.notification_id

    live(scene, work)


def test_in_a_silence_it_is_kept_and_told_when_that_ends(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def work() -> None:
        await scene.silences.add(SilenceDraft(rules=["cpu-busy"], seconds=3_600))
        await scene.see(cpu(95), 11)
        await scene.passes(60)
        assert await scene.kinds() == ["(rule.fired)"]
        assert (await scene.alerts())[0].told == 0
        await scene.passes(3_600)
        assert await scene.kinds() == ["(rule.fired)", "rule.repeated"]
        assert (await scene.alerts())[0].told == 1
        await scene.see(cpu(50), 2)
        assert (await scene.kinds())[2:] == ["rule.cleared"]

    live(scene, work)


def test_what_begins_and_ends_in_a_silence_is_never_told_aloud(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def work() -> None:
        made = await scene.silences.add(SilenceDraft(subject="cpu.percent", seconds=3_600))
        await scene.see(cpu(95), 11)
        await scene.see(cpu(50), 2)
        await scene.silences.end(made.silence_id)
        await scene.passes(10)
        assert await scene.kinds() == ["(rule.fired)", "(rule.cleared)"]

    live(scene, work)


def test_a_maintenance_window_of_the_file_delays_a_reminder(tmp_path: Path) -> None:
    # BEGIN is at 08:00 UTC, a Friday.
    window = SilenceDraft(recurring=Recurring(start="11:30", seconds=7_200))
    scene = Scene(tmp_path, silences=[window])

    async def work() -> None:
        await scene.see(cpu(95), 11)
        await scene.passes(4 * 3_600)
        assert await scene.kinds() == ["rule.fired"]
        await scene.passes(3_600 + 1_800)
        assert await scene.kinds() == ["rule.fired", "rule.repeated"]

    live(scene, work)


def test_after_a_wake_up_nothing_is_judged_for_a_minute(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def work() -> None:
        await scene.see(cpu(10), 5)
        scene.seconds += 8 * 3_600
        await scene.see(replace(cpu(99), period_seconds=None))
        await scene.see(cpu(99), 58)
        await scene.see(cpu(99), 10)
        assert await scene.kinds() == []
        await scene.see(cpu(99), 5)
        assert await scene.kinds() == ["rule.fired"]

    live(scene, work)


def test_the_first_sample_of_a_server_is_no_wake_up(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def work() -> None:
        await scene.see(replace(cpu(None), period_seconds=None))
        await scene.see(cpu(99), 11)
        assert await scene.kinds() == ["rule.fired"]

    live(scene, work)


def test_what_was_seen_then_stands_beside_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    seen = Seen([TaskPart(7, "train", 0.8)], [ProcessPart(1, "python", 0.7, 7)], "/?after=1&before=2")
    asked: list[Fired] = []

    async def see(event: Fired) -> Seen:
        asked.append(event)
        return seen

    async def main() -> None:
        async with scene.on(see=see):
            await scene.see(cpu(95), 11)
            [fired] = await scene.told()
            assert (fired.shares, fired.processes, fired.url) == (seen.shares, seen.processes, seen.url)
            assert (asked[0].since, asked[0].duration_seconds) == (BEGIN, 10.0)

    asyncio.run(main())


@pytest.mark.parametrize("change", ["drop", "disable", "other"])
def test_a_rule_that_is_gone_or_asks_something_else_is_over_quietly(tmp_path: Path, change: str) -> None:
    scene = Scene(tmp_path, [])

    async def work() -> None:
        await scene.book.put(BUSY)
        await scene.see(cpu(95), 11)
        if change == "drop":
            await scene.book.drop("cpu-busy")
        else:
            await scene.book.put(replace(BUSY, enabled=False) if change == "disable" else replace(BUSY, above=94))
        await scene.passes(5)
        assert await scene.kinds() == ["rule.fired", "(rule.cleared)"]
        assert await scene.alerts() == []
        await scene.see(cpu(95), 30)
        assert await scene.kinds() == ["rule.fired", "(rule.cleared)"] + ["rule.fired"] * (change == "other")

    live(scene, work)


def test_other_words_of_a_rule_end_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [])

    async def work() -> None:
        await scene.book.put(BUSY)
        await scene.see(cpu(95), 11)
        await scene.book.put(replace(BUSY, title="Too busy", level="error", repeat=None))
        await scene.passes(86_400)
        await scene.see(cpu(95), 30)
        assert await scene.kinds() == ["rule.fired"]
        await scene.see(cpu(50), 2)
        assert (await scene.told())[-1].title == "No longer: Too busy"

    live(scene, work)


def test_a_rule_that_was_deleted_while_the_server_was_off_is_over(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def before() -> None:
        await scene.see(cpu(95), 11)

    async def after() -> None:
        await scene.passes(5)
        assert await scene.kinds() == ["rule.fired", "(rule.cleared)"]

    live(scene, before)
    scene.rules = ()
    live(scene, after)


NIGHTLY = Rule(name="nightly", tasks=["failed", "crashed"], task="backup")


async def _run(scene: Scene, outcome: str, name: str = "backup") -> int:
    made = await scene.tracker.create(TaskDraft(name=name, status="in-progress"))
    scene.seconds += 100
    await scene.tracker.update(made.task_id, TaskPatch(status="completed", outcome=outcome))  # type: ignore[arg-type]
    return made.task_id


def test_two_failures_of_a_job_are_one_alert_that_the_next_success_ends(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [NIGHTLY])

    async def work() -> None:
        first = await _run(scene, "failed")
        since = scene.seconds
        await _run(scene, "failed")
        await _run(scene, "failed", name="other")
        await _run(scene, "succeeded")
        assert await scene.kinds() == [
            "(task.failed)", "rule.fired", "(task.failed)", "task.failed", "task.completed", "rule.cleared",
        ]  # fmt: skip
        by_rule = [each for each in await scene.told() if each.rule == "nightly"]
        assert (by_rule[0].task_id, by_rule[0].url) == (first, f"/task?id={first}")
        assert by_rule[1].fired_by == by_rule[0].notification_id
        assert by_rule[1].duration_seconds == scene.seconds - since
        assert await scene.alerts() == []

    live(scene, work)


def test_a_failed_job_fires_on_after_a_restart(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [NIGHTLY])

    async def before() -> None:
        await _run(scene, "failed")

    async def after() -> None:
        await scene.passes(60)
        await _run(scene, "failed")
        assert await scene.kinds() == ["(task.failed)", "rule.fired", "(task.failed)"]
        await _run(scene, "succeeded")
        assert (await scene.kinds())[-1] == "rule.cleared"

    live(scene, before, kill=True)
    live(scene, after)


def test_without_a_rule_about_tasks_they_are_told_as_ever(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def work() -> None:
        await _run(scene, "failed")
        assert await scene.kinds() == ["task.failed"]

    live(scene, work)


def test_a_job_in_a_silence_is_quiet(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [NIGHTLY])

    async def work() -> None:
        await scene.silences.add(SilenceDraft(rules=["nightly"], seconds=50))
        scene.seconds -= 100
        await _run(scene, "failed")
        assert await scene.kinds() == ["(task.failed)", "(rule.fired)"]

    live(scene, work)


def test_while_a_task_runs_that_excuses_it_nothing_fires(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [replace(BUSY, unless_task="backup")])

    async def work() -> None:
        scene.running = ["backup"]
        await scene.see(cpu(99), 60)
        assert await scene.kinds() == []
        scene.running = []
        await scene.see(cpu(99), 11)
        assert await scene.kinds() == ["rule.fired"]

    live(scene, work)


@pytest.mark.parametrize("is_before", [True, False])
@pytest.mark.parametrize("is_stored", [True, False])
def test_nothing_is_dropped_as_unwatched_because_it_fired_or_cleared_just_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_before: bool, is_stored: bool
) -> None:
    """The list of what fires is read from the disk, and the judge goes on meanwhile."""
    scene = Scene(tmp_path, [replace(BUSY, for_seconds=0)])
    percent = 0.0

    async def judge() -> None:
        scene.alarms.take(cpu(percent))
        if is_stored:
            await scene.settled()

    async def slowly() -> list[Alert]:
        if is_before:
            await judge()
        found = await scene.alerts()
        if not is_before:
            await judge()
        return found

    async def work() -> None:
        nonlocal percent
        monkeypatch.setattr(scene.alarms, "_stored", slowly)
        for percent in (95, 50):  # noqa: B007  (what ``judge`` sees)
            await scene.passes(module.LOOK_SECONDS)
            await scene.settled()
        assert await scene.kinds() == ["rule.fired", "rule.cleared"]

    live(scene, work)

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from vain.alerting.alert import Alert, Cleared, Fired
from vain.alerting.rule import DEFAULT_RULES, Rule
from vain.alerting.telling import condition_words, dropped_of, reminder_of, title_of, told_of
from vain.types import Time

DISK = next(rule for rule in DEFAULT_RULES if rule.name == "disk-filling")
SINCE: Time = "2026-11-23T08:00:00.000Z"


def rule(**fields: Any) -> Rule:
    return Rule(name="mine", **fields)


def test_a_fired_rule_is_told_with_its_value_and_how_long_it_has_held() -> None:
    notice = told_of(Fired(DISK, "disk.percent:/home", 93.25, 90, since=0, duration_seconds=61), SINCE)
    assert (notice.kind, notice.level, notice.title) == ("rule.fired", DISK.level, DISK.title)
    assert notice.message == "Disk /home is at 93.2 %, above 90 % for 1 min 1 s"
    assert (notice.metric, notice.value, notice.threshold) == ("disk.percent:/home", 93.25, 90)
    assert (notice.rule, notice.since, notice.duration_seconds) == ("disk-filling", SINCE, None)


def test_a_rule_that_holds_no_more_is_told_with_its_duration_and_the_worst_value() -> None:
    notice = told_of(Cleared(DISK, "disk.percent:/", 80, 87, since=0, duration_seconds=7500, peak=99.0), SINCE)
    assert (notice.kind, notice.level, notice.title) == ("rule.cleared", "info", f"No longer: {DISK.title}")
    assert notice.message == "Disk / is at 80 %, back below 87 % after 2 h 5 min; it was at 99 % at worst"
    assert notice.duration_seconds == 7500


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("memory.available_bytes", "Memory available is at 1.5 KiB"),
        ("sensor.temperature_celsius:CPU", "Temperature CPU is at 1536 °C, above 1024 °C"),
    ],
)
def test_values_are_told_in_the_unit_of_their_metric(metric: str, said: str) -> None:
    fired = Fired(rule(metric=metric, above=1024), metric, 1536, 1024, 0, 1)
    assert told_of(fired, SINCE).message.startswith(said)


@pytest.mark.parametrize(
    ("made", "title", "words"),
    [
        (rule(metric="cpu.percent", above=95, for_seconds=300), "CPU above 95 %", "CPU above 95 % for 5 min"),
        (
            rule(metric="tasks.pending", below=1, unless_task="backup"),
            "Tasks pending below 1",
            "Tasks pending below 1, unless backup runs",
        ),
        (
            rule(metric="disk.percent:/", reaches=100, within=21_600, while_task="train"),
            "Disk / will be at 100 % within 6 h",
            "Disk / will be at 100 % within 6 h, only while train runs",
        ),
        (rule(metric="gpu.percent", absent=True, for_seconds=60), "No GPU for 1 min", "no GPU for 1 min"),
        (rule(tasks=["failed", "stale"], task="etl"), None, "the task etl failed or is silent"),
        (rule(tasks=["missed"], tag="nightly"), None, "a task with the tag nightly did not come"),
    ],
)
def test_a_rule_is_told_in_words(made: Rule, title: str | None, words: str) -> None:
    assert condition_words(made) == words
    assert title is None or title_of(made) == title


def test_what_happened_to_a_task_is_told_of_its_name() -> None:
    failed = rule(tasks=["failed"])
    fired = told_of(Fired(failed, "<b>etl</b>", None, None, 0, 0, 7, "failed"), SINCE)
    assert (fired.title, fired.task_id, fired.metric) == ("<b>etl</b> failed", 7, None)
    why = Fired(failed, "etl", None, None, 0, 0, 7, "failed", "exit code 2, after 3 s")
    assert told_of(why, SINCE).message == "exit code 2, after 3 s"
    titled = replace(why, rule=replace(failed, title="Look at once"))
    assert told_of(titled, SINCE).message == "etl failed: exit code 2, after 3 s"
    deleted = Cleared(failed, "etl", None, None, 0, 3_600, None, 7, "failed", "The task was deleted")
    assert told_of(deleted, SINCE).message == "The task was deleted, after 1 h"
    cleared = told_of(Cleared(failed, "etl", None, None, 0, 3_600, None, 9, "failed"), SINCE)
    assert (cleared.title, cleared.message) == ("No longer: etl failed", "etl went well again, after 1 h")


def test_silence_and_a_trend_are_told_in_their_own_words() -> None:
    absent = rule(metric="gpu.percent", absent=True, for_seconds=60)
    assert (
        told_of(Fired(absent, "gpu.percent:0", None, None, 0, 61), SINCE).message
        == "GPU 0 has had no value for 1 min 1 s"
    )
    trend = rule(metric="disk.percent", reaches=100, within=21_600)
    fired = told_of(Fired(trend, "disk.percent:/", 5_400.0, 21_600, 0, 600), SINCE)
    assert fired.message == "Disk / will be at 100 % in 1 h 30 min if it goes on so"
    assert (fired.metric, fired.value, fired.threshold) == ("disk.percent:/", None, None), "seconds are no percent"
    alert = Alert(
        rule="mine", subject="disk.percent:/", level="warning", since=SINCE, fired_at=SINCE, notification_id=3
    )
    assert reminder_of(alert, trend, SINCE).message.endswith("disk / will be at 100 % soon if it goes on so")


def test_the_end_of_what_waited_for_a_task_says_that_the_task_ended() -> None:
    busy = rule(metric="cpu.percent", above=90, while_task="train")
    cleared = told_of(Cleared(busy, "cpu.percent", 99.0, 90, 0, 60), SINCE)
    assert cleared.message == "train has ended, after 1 min"


def test_a_reminder_and_a_rule_that_is_gone_name_the_notification_that_began_it() -> None:
    alert = Alert(
        rule="disk-filling", subject="disk.percent:/", level="warning", since=SINCE, fired_at=SINCE, notification_id=3,
        value=93.0, threshold=90.0, told_at=SINCE,
    )  # fmt: skip
    later: Time = "2026-11-23T12:00:00.000Z"
    told = reminder_of(alert, DISK, later)
    assert (told.kind, told.fired_by, told.title) == ("rule.repeated", 3, f"Still: {DISK.title}")
    assert told.message == "For 4 h now; disk / is at 93 %, above 90 %"
    gone = dropped_of(alert, "Disk is filling up", later)
    assert (gone.kind, gone.fired_by, gone.quiet, gone.duration_seconds) == ("rule.cleared", 3, True, 14_400.0)

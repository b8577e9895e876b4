"""Thirty nights with a backup that takes all processors: nobody is woken by it, and by each real overload just once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from tests.alarmed import BEGIN, Scene, cpu
from vain.alerting.rule import Rule
from vain.clock import unix
from vain.types import TaskDraft, TaskPatch

NIGHTS = 30
PERIOD_SECONDS = 15
DAY = 86_400
MIDNIGHT = BEGIN - BEGIN % DAY
BUSY = Rule(name="cpu-busy", metric="cpu.percent", above=90, clear=80, for_seconds=300, keep_firing_for=60)
OVERLOADS = {4: (14 * 3_600, 1_800), 11: (3 * 3_600 + 1_200, 900), 23: (22 * 3_600, 5_400)}
"""By the night: when it begins and how long it is, in seconds. The second begins 20 minutes after the backup ends."""
BACKUP = (2 * 3_600, 3_600)


class Month(Scene):
    """As with ``--interval 15``."""

    period_seconds = PERIOD_SECONDS

    async def day(self, night: int, begins: float) -> None:
        backup_at, backup_seconds = BACKUP
        overload_at, overload_seconds = OVERLOADS.get(night, (DAY, 0))
        task_id: int | None = None
        for at in range(0, DAY, PERIOD_SECONDS):
            self.seconds = begins + at
            is_backup = backup_at <= at < backup_at + backup_seconds
            if is_backup and task_id is None:
                task_id = (await self.tracker.create(TaskDraft(name="backup", status="in-progress"))).task_id
                self.running = ["backup"]
            elif not is_backup and task_id is not None and self.running:
                await self.tracker.update(task_id, TaskPatch(status="completed", outcome="succeeded"))
                self.running = []
            is_busy = is_backup or overload_at <= at < overload_at + overload_seconds
            # A minute at 100 % now and then is no overload.
            is_short = at % 7_200 < 120
            self.alarms.take(cpu(100.0 if is_busy or is_short else 12.0))
            await self.settled()
            if at % 60 == 0:
                await self.alarms.sweep()


def month(folder: Path, rule: Rule, nights: int = NIGHTS) -> list[tuple[int, str, bool]]:
    """The night, the kind and whether it was quiet, of everything that a rule told. The server restarts once a week."""
    scene = Month(folder, [rule])
    found: list[tuple[int, str, bool]] = []

    async def week(nights: range) -> None:
        async with scene.on(kill=True):
            for night in nights:
                await scene.day(night, MIDNIGHT + night * DAY)
            told = [each for each in await scene.told() if each.rule is not None]
            found[:] = [(int((unix(each.timestamp) - MIDNIGHT) // DAY), each.kind, each.quiet) for each in told]

    for first in range(0, nights, 7):
        asyncio.run(week(range(first, min(first + 7, nights))))
    return found


def test_no_false_alarm_and_each_of_the_three_is_told_once_and_once_when_it_is_over(tmp_path: Path) -> None:
    told = month(tmp_path, replace(BUSY, unless_task="backup"))
    assert told == [(night, kind, False) for night in OVERLOADS for kind in ("rule.fired", "rule.cleared")]


def test_without_the_condition_it_rings_every_night(tmp_path: Path) -> None:
    """So the scenario can tell a judge that listens to tasks from one that does not."""
    told = month(tmp_path, BUSY, nights=7)
    assert [night for night, kind, _ in told if kind == "rule.fired"] == [0, 1, 2, 3, 4, 4, 5, 6]

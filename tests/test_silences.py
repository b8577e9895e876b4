"""Silences: made, kept over a restart, ended, and forgotten when they are past."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store.opened import Opened, with_store
from vain import silences as module
from vain.alerting.alert import Recurring, SilenceDraft
from vain.clock import utc
from vain.errors import Conflict, Invalid, NotFound
from vain.silences import Silences
from vain.store import reading

BEGIN = 1_800_000_000.0
WINDOW = SilenceDraft(rules=["cpu-busy"], recurring=Recurring(start="02:00", seconds=3_600))


class Hands:
    """The time of day, which stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = BEGIN

    def __call__(self) -> float:
        return self.seconds


Work = Callable[[Silences, Hands, Opened], Awaitable[Any]]


def with_silences(folder: Path, work: Work, file: tuple[SilenceDraft, ...] = ()) -> Any:
    async def main(made: Opened) -> Any:
        clock = Hands()
        found = Silences(made.store, file, clock)
        await found.start()
        return await work(found, clock, made)

    return with_store(folder, main)


def test_one_that_is_made_holds_after_a_restart_until_its_time_is_over(tmp_path: Path) -> None:
    async def make(silences: Silences, clock: Hands, made: Opened) -> None:
        added = await silences.add(SilenceDraft(rules=["cpu-busy"], seconds=600, comment="repair"))
        assert (added.until, added.created_at, added.comment) == (utc(BEGIN + 600), utc(BEGIN), "repair")

    async def work(silences: Silences, clock: Hands, made: Opened) -> None:
        assert silences.covers("cpu-busy", "cpu.percent") and not silences.covers("disk-full", "disk.percent:/")
        clock.seconds += 600
        assert not silences.covers("cpu-busy", "cpu.percent") and silences.all() == []

    with_silences(tmp_path, make)
    with_silences(tmp_path, work)


def test_one_that_is_ended_holds_no_more(tmp_path: Path) -> None:
    async def work(silences: Silences, clock: Hands, made: Opened) -> None:
        heard: list[int] = []
        silences.on_change.append(lambda: heard.append(len(silences.all())))
        added = await silences.add(SilenceDraft(subject="disk.percent:/", seconds=600))
        assert silences.covers("anything", "disk.percent:/") and not silences.covers("anything", "disk.percent:/home")
        await silences.end(added.silence_id)
        assert not silences.covers("anything", "disk.percent:/") and heard == [1, 0]
        with pytest.raises(NotFound):
            await silences.end(added.silence_id)

    with_silences(tmp_path, work)


def test_those_of_the_file_come_first_and_are_ended_only_there(tmp_path: Path) -> None:
    async def work(silences: Silences, clock: Hands, made: Opened) -> None:
        added = await silences.add(SilenceDraft(seconds=60))
        first, second = silences.all()
        assert first.recurring is not None and second == added and first.silence_id != second.silence_id
        with pytest.raises(Conflict, match="file"):
            await silences.end(first.silence_id)

    with_silences(tmp_path, work, (WINDOW,))


def test_a_date_of_the_file_that_is_over_is_no_reason_not_to_start(tmp_path: Path) -> None:
    async def work(silences: Silences, clock: Hands, made: Opened) -> None:
        assert silences.all() == []

    with_silences(tmp_path, work, (SilenceDraft(until="2020-01-01T00:00:00.000Z"),))


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    async def work(silences: Silences, clock: Hands, made: Opened) -> None:
        for draft in (SilenceDraft(), SilenceDraft(seconds=1, until=utc(BEGIN + 1)), SilenceDraft(until=utc(BEGIN))):
            with pytest.raises(Invalid):
                await silences.add(draft)
        assert silences.all() == []

    with_silences(tmp_path, work)


def test_past_ones_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SILENCES", 2)

    async def work(silences: Silences, clock: Hands, made: Opened) -> None:
        for seconds in (60, 600):
            await silences.add(SilenceDraft(seconds=seconds))
        with pytest.raises(Conflict):
            await silences.add(SilenceDraft(seconds=600))
        clock.seconds += 60
        await silences.add(SilenceDraft(seconds=600))
        kept = await made.store.read(lambda connection: reading.kept(connection, "silence"))
        assert len(kept) == 2 == len(silences.all())

    with_silences(tmp_path, work)

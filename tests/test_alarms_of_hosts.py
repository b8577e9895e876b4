"""Rules hold for other machines too: each has its own judge, and what fires says where."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.alarmed import BEGIN, BUSY, EMPTY, Scene, cpu, disks
from vain.alerting.alert import Fired, SilenceDraft
from vain.alerting.rule import Rule
from vain.alerting.telling import subject_words
from vain.catalog import metric_of, of_host, split_host
from vain.clock import utc
from vain.firing import Seen
from vain.samples import Sample

FULL = Rule(name="disk-full", title="Disk is full", metric="disk.percent", above=97, level="error")
EXCUSED = Rule(name="busy-alone", metric="cpu.percent", above=90, unless_task="backup")


def live(scene: Scene, work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with scene.on():
            await work()

    asyncio.run(main())


async def see(scene: Scene, host: str, sample: Sample, seconds: int = 1, running: tuple[str, ...] = ()) -> None:
    """The same of one host once a second, for so long, while the server's own machine is calm."""
    for _ in range(seconds):
        scene.alarms.take(cpu(5))
        scene.alarms.take_of(host, replace(sample, host=host), 1.0, running)
        scene.seconds += 1
    await scene.settled()


@pytest.mark.parametrize(
    ("subject", "host", "series"),
    [
        ("disk.percent:/home", None, "disk.percent:/home"),
        ("cpu.percent", None, "cpu.percent"),
        ("gpu-3/cpu.percent", "gpu-3", "cpu.percent"),
        ("gpu-3/disk.percent:/home/a", "gpu-3", "disk.percent:/home/a"),
        ("disk.percent:/x/cpu.percent", None, "disk.percent:/x/cpu.percent"),
        ("backup/nightly", None, "backup/nightly"),
    ],
)
def test_a_name_says_whose_series_it_is(subject: str, host: str | None, series: str) -> None:
    assert split_host(subject) == (host, series)
    assert host is None or of_host(host, series) == subject
    assert metric_of(subject) is metric_of(series)


def test_words_say_where() -> None:
    assert subject_words("gpu-3/disk.percent:/home") == "Disk /home on gpu-3"


def test_each_machine_fires_and_clears_for_itself(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def work() -> None:
        await see(scene, "gpu-3", cpu(95), 12)
        await see(scene, "gpu-4", cpu(50), 12)
        [fired] = await scene.told()
        assert (fired.kind, fired.host, fired.metric) == ("rule.fired", "gpu-3", "cpu.percent")
        assert (fired.title, fired.message) == (
            "gpu-3: CPU is busy", "CPU on gpu-3 is at 95 %, above 90 % for 10 s"
        )  # fmt: skip
        assert [(each.rule, each.subject) for each in await scene.alarms.alerts()] == [
            ("cpu-busy", "gpu-3/cpu.percent")
        ]
        await scene.passes(10)  # nobody drops it, or tells it again
        [past] = await scene.alarms.firings(BEGIN - 60, BEGIN + 600)
        assert (past.host, past.metric, past.until) == ("gpu-3", "cpu.percent", None)
        await see(scene, "gpu-3", cpu(40), 2)
        assert [each.kind for each in await scene.told()] == ["rule.fired", "rule.cleared"]
        [past] = await scene.alarms.firings(BEGIN - 60, BEGIN + 600)
        assert (past.host, past.until is None) == ("gpu-3", False)

    live(scene, work)


def test_the_same_of_two_machines_is_two(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [FULL])

    async def work() -> None:
        scene.alarms.take(disks("/"))
        for host in ("a", "b"):
            scene.alarms.take_of(host, disks("/"), 1.0, ())
        await scene.settled()
        told = await scene.told()
        assert [(each.host, each.metric, each.title) for each in told] == [
            (None, "disk.percent:/", "Disk is full"),
            ("a", "disk.percent:/", "a: Disk is full"),
            ("b", "disk.percent:/", "b: Disk is full"),
        ]

    live(scene, work)


def test_a_restart_neither_forgets_nor_repeats(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def before() -> None:
        await see(scene, "gpu-3", cpu(95), 12)
        assert await scene.kinds() == ["rule.fired"]

    async def after() -> None:
        await scene.passes(1)
        await see(scene, "gpu-3", cpu(96), 30)
        assert await scene.kinds() == ["rule.fired"]
        await see(scene, "gpu-3", cpu(10), 1)
        fired, cleared = await scene.told()
        assert (cleared.fired_by, cleared.since, cleared.host) == (fired.notification_id, utc(BEGIN), "gpu-3")

    live(scene, before)
    scene.seconds += 300
    live(scene, after)


def test_tasks_excuse_the_machine_on_which_they_run(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [EXCUSED])

    async def work() -> None:
        await see(scene, "gpu-3", cpu(95), 3, ("backup",))
        assert await scene.told() == []
        scene.running = ["backup"]  # here, which excuses nobody there
        await see(scene, "gpu-3", cpu(95), 3)
        assert [each.host for each in await scene.told()] == ["gpu-3"]

    live(scene, work)


def test_a_machine_that_slept_has_its_grace(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [replace(BUSY, for_seconds=0.0)])

    async def work() -> None:
        await see(scene, "gpu-3", cpu(10), 3)
        await see(scene, "gpu-3", replace(cpu(99), period_seconds=None))
        await see(scene, "gpu-3", cpu(99), 58)
        assert await scene.told() == []
        await see(scene, "gpu-3", cpu(99), 3)
        assert await scene.kinds() == ["rule.fired"]

    live(scene, work)


def test_a_silence_can_be_about_one_machine(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [FULL])

    async def work() -> None:
        await scene.silences.add(SilenceDraft(subject="a/disk.percent:/", seconds=3_600))
        for host in ("a", "b"):
            scene.alarms.take_of(host, disks("/"), 1.0, ())
        await scene.settled()
        assert [(each.host, each.quiet) for each in await scene.told()] == [("a", True), ("b", False)]

    live(scene, work)


def test_a_machine_that_is_forgotten_fires_no_more(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [FULL])

    async def work() -> None:
        scene.alarms.take_of("a", disks("/"), 1.0, ())
        await scene.settled()
        scene.alarms.forget_host("a")
        await scene.passes(10)
        assert await scene.alerts() == []
        ended = (await scene.told())[-1]
        assert (ended.kind, ended.quiet, ended.host) == ("rule.cleared", True, "a")

    live(scene, work)


def test_it_is_asked_who_did_it_there(tmp_path: Path) -> None:
    scene, asked = Scene(tmp_path, [FULL]), []

    async def look(event: Fired) -> Seen:
        asked.append(event.subject)
        return Seen()

    async def main() -> None:
        async with scene.on(see=look):
            scene.alarms.take_of("a", disks("/"), 1.0, ())
            scene.alarms.take_of("b", EMPTY, 1.0, ())
            await scene.settled()

    asyncio.run(main())
    assert asked == ["a/disk.percent:/"]

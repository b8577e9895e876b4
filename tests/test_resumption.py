"""After a restart the judge goes on where it was: what was counted, what was told, and what happened since."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from tests.alarmed import BEGIN, BUSY, EMPTY, Scene, cpu
from vain.alerting.rule import Rule
from vain.past import Past
from vain.quality import Span
from vain.resumption import Resumption
from vain.samples import Disk, Sample, series
from vain.store.metrics.store import MetricStore


class Lived(Scene):
    """With a history, into which every sample goes."""

    past: Past

    @contextmanager
    def remembering(self) -> Iterator[None]:
        store = MetricStore(self.folder, now=self.wall, commit_seconds=0.01)
        self.past = Past(store)
        try:
            yield
        finally:
            self.past.close()
            store.close()

    async def see(self, sample: Sample, seconds: int = 1, spans: Sequence[Span] = ()) -> None:
        for _ in range(seconds):
            self.past.store.append(self.seconds, series(sample), spans=spans)
            self.alarms.take(sample)
            self.seconds += 1
        await self.settled()


def live(scene: Lived, work: Callable[[], Awaitable[None]]) -> None:
    """From a start to a kill."""

    async def main() -> None:
        with scene.remembering():
            resumption = Resumption(scene.past, scene.since_boot, scene.wall)
            async with scene.on(resume=resumption.resume, kill=True):
                await work()

    asyncio.run(main())


def test_what_was_counted_before_a_quick_restart_still_counts(tmp_path: Path) -> None:
    scene = Lived(tmp_path)

    async def before() -> None:
        await scene.see(cpu(95), 8)
        assert await scene.kinds() == []

    async def after() -> None:
        await scene.see(cpu(95), 2)
        assert await scene.kinds() == []
        await scene.see(cpu(95), 2)
        [fired] = await scene.told()
        assert fired.kind == "rule.fired" and (await scene.alerts())[0].since[:19] == "2027-01-15T08:00:00"

    live(scene, before)
    live(scene, after)


def test_time_in_which_nobody_looked_counts_for_nothing(tmp_path: Path) -> None:
    scene = Lived(tmp_path)

    async def before() -> None:
        await scene.see(cpu(95), 8)

    async def after() -> None:
        await scene.see(cpu(95), 10)
        assert await scene.kinds() == []
        await scene.see(cpu(95), 1)
        assert await scene.kinds() == ["rule.fired"]

    live(scene, before)
    scene.seconds += 60
    live(scene, after)


def test_what_was_told_is_not_told_again(tmp_path: Path) -> None:
    scene = Lived(tmp_path)

    async def before() -> None:
        await scene.see(cpu(95), 20)
        await scene.see(cpu(50), 5)
        await scene.see(cpu(95), 20)
        assert await scene.kinds() == ["rule.fired", "rule.cleared", "rule.fired"]

    async def after() -> None:
        await scene.settled()
        await scene.see(cpu(95), 20)
        assert await scene.kinds() == ["rule.fired", "rule.cleared", "rule.fired"]
        await scene.see(cpu(50), 2)
        assert (await scene.kinds())[3:] == ["rule.cleared"]

    live(scene, before)
    live(scene, after)


def test_what_began_before_the_part_that_is_read_again_is_not_told_again(tmp_path: Path) -> None:
    """The last minute is judged once more: there it looks as if it had begun with that minute."""
    scene = Lived(tmp_path)

    async def before() -> None:
        await scene.see(cpu(95), 100)
        await scene.see(cpu(50), 30)
        assert await scene.kinds() == ["rule.fired", "rule.cleared"]

    async def after() -> None:
        await scene.settled()
        await scene.see(cpu(50), 5)
        assert await scene.kinds() == ["rule.fired", "rule.cleared"]

    live(scene, before)
    live(scene, after)


def test_a_rule_made_after_the_fact_says_nothing_of_what_is_over(tmp_path: Path) -> None:
    scene = Lived(tmp_path, [])

    async def before() -> None:
        await scene.see(cpu(95), 20)
        await scene.see(cpu(50), 10)
        await scene.book.put(BUSY)

    async def after() -> None:
        await scene.settled()
        await scene.see(cpu(50), 5)
        assert await scene.told() == []

    live(scene, before)
    live(scene, after)


def test_what_fired_and_was_not_stored_before_the_kill_is_told(tmp_path: Path) -> None:
    scene = Lived(tmp_path)

    async def before() -> None:
        scene.store.is_full = True
        for _ in range(15):
            scene.past.store.append(scene.seconds, series(cpu(95)))
            scene.alarms.take(cpu(95))
            scene.seconds += 1
        assert await scene.told() == []

    async def after() -> None:
        await scene.see(cpu(95), 5)
        assert await scene.kinds() == ["rule.fired"]

    live(scene, before)
    live(scene, after)


def test_what_was_over_and_not_stored_before_the_kill_is_told_as_over(tmp_path: Path) -> None:
    scene = Lived(tmp_path, [replace(BUSY, keep_firing_for=5)])

    async def before() -> None:
        await scene.see(cpu(95), 15)
        scene.store.is_full = True
        for _ in range(10):
            scene.past.store.append(scene.seconds, series(cpu(50)))
            scene.alarms.take(cpu(50))
            scene.seconds += 1

    async def after() -> None:
        await scene.settled()
        assert await scene.kinds() == ["rule.fired", "rule.cleared"]
        assert (await scene.told())[1].duration_seconds == 20.0
        await scene.see(cpu(50), 20)
        assert await scene.kinds() == ["rule.fired", "rule.cleared"]

    live(scene, before)
    live(scene, after)


def test_what_the_history_has_lost_of_its_last_second_is_not_told_again(tmp_path: Path) -> None:
    """It was over and told before the kill, and the sample that said so was not stored yet. Then it is so again."""
    scene = Lived(tmp_path)

    async def before() -> None:
        await scene.see(cpu(95), 15)
        scene.alarms.take(cpu(50))
        scene.seconds += 1
        await scene.settled()
        assert await scene.kinds() == ["rule.fired", "rule.cleared"]

    async def after() -> None:
        await scene.settled()
        assert await scene.kinds() == ["rule.fired", "rule.cleared"]
        await scene.see(cpu(95), 11)
        assert await scene.kinds() == ["rule.fired", "rule.cleared", "rule.fired"]

    live(scene, before)
    live(scene, after)


def test_a_low_value_from_before_it_fired_is_not_its_end(tmp_path: Path) -> None:
    scene = Lived(tmp_path)

    async def before() -> None:
        await scene.see(cpu(10), 30)
        await scene.see(cpu(95), 15)

    async def after() -> None:
        await scene.see(cpu(95), 5)
        assert await scene.kinds() == ["rule.fired"]

    live(scene, before)
    scene.seconds += 3
    live(scene, after)


def test_after_the_minute_of_grace_a_restart_does_not_tell_of_it(tmp_path: Path) -> None:
    """What is unusual after a wake-up is stored like everything else, and judged by nobody."""
    scene = Lived(tmp_path)

    async def before() -> None:
        await scene.see(cpu(10), 5)
        slept = Span("asleep", scene.seconds, scene.seconds + 3_600)
        scene.seconds += 3_600
        await scene.see(replace(cpu(99), period_seconds=None), spans=[slept])
        await scene.see(cpu(99), 40)
        assert await scene.told() == []

    async def after() -> None:
        await scene.settled()
        await scene.see(cpu(10), 5)
        assert await scene.told() == []

    live(scene, before)
    live(scene, after)


def filling(percent: float) -> Sample:
    return replace(EMPTY, disks=[Disk(mount="/", device="sda", filesystem="ext4", percent=percent)])


def test_a_trend_is_known_at_once(tmp_path: Path) -> None:
    soon = Rule(name="full-soon", metric="disk.percent", reaches=100, within=6 * 3_600, over=600)
    scene = Lived(tmp_path, [soon])

    async def before() -> None:
        for second in range(0, 900, 2):
            await scene.see(filling(50 + second / 3_600), 1)
            scene.seconds += 1
        assert await scene.told() == []

    async def after() -> None:
        for second in range(0, 400, 2):
            await scene.see(filling(80 + second / 40), 1)
            scene.seconds += 1
        assert await scene.kinds() == ["rule.fired"]

    live(scene, before)
    live(scene, after)


def test_a_server_without_history_begins(tmp_path: Path) -> None:
    scene = Lived(tmp_path)

    async def work() -> None:
        await scene.see(cpu(95), 11)
        assert await scene.kinds() == ["rule.fired"]

    live(scene, work)
    assert scene.seconds == BEGIN + 11

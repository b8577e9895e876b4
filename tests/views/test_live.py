"""What one session knows of the source, and that nothing of it is left when it ends."""

from __future__ import annotations

import asyncio
import gc
import math
import weakref

import pytest

from tests.views import moving
from vain.errors import Forbidden
from vain.views import pusher
from vain.views.live import Live

LATER = 1_800_000_001.0


async def settle() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_a_live_begins_with_what_the_source_has() -> None:
    source = moving.MovingSource(rows=30)
    live = Live(source)
    assert live.sample is source.latest()
    assert len(live.metrics.data["t"]) == 30


def test_a_tick_streams_just_the_new_rows() -> None:
    async def main() -> tuple[int, int, list[int]]:
        source = moving.MovingSource(rows=30)
        live = Live(source).start()
        streamed: list[int] = []
        live.metrics.on_change("data", lambda _name, _old, new: streamed.append(len(new["t"])))
        source.advance(LATER)
        await settle()
        live.stop()
        return live.tick, len(live.metrics.data["t"]), streamed

    assert asyncio.run(main()) == (1, 31, [31])


def test_a_second_wake_before_the_tick_ran_asks_for_no_second_tick() -> None:
    async def main() -> tuple[int, int]:
        source = moving.MovingSource(rows=3)
        live = Live(source).start()
        for second in range(5):
            source.advance(LATER + second)
        await settle()
        live.stop()
        return live.tick, len(live.metrics.data["t"])

    assert asyncio.run(main()) == (1, 8)


def test_a_new_disk_gets_a_column_with_nothing_before_it() -> None:
    async def main() -> list[float]:
        source = moving.MovingSource(rows=3)
        live = Live(source).start()
        source.disks = ("/", "/data")
        source.advance(LATER)
        await settle()
        source.disks = ("/",)
        source.advance(LATER + 1)
        await settle()
        live.stop()
        return list(live.metrics.data["disk.percent:/data"])

    *before, seen, gone = asyncio.run(main())
    assert all(math.isnan(value) for value in before) and seen == 94 and math.isnan(gone)


def test_another_window_brings_more_rows() -> None:
    live = Live(moving.MovingSource(rows=1200))
    few = len(live.metrics.data["t"])
    live.window_seconds = 900
    assert (few, len(live.metrics.data["t"])) == (300, 900)


def test_rows_do_not_pile_up() -> None:
    async def main() -> int:
        source = moving.MovingSource(rows=900)
        live = Live(source).start()
        live.window_seconds = 900
        for second in range(40):
            source.advance(LATER + second)
            await settle()
        live.stop()
        return len(live.metrics.data["t"])

    assert asyncio.run(main()) == 900


def test_a_source_that_began_anew_is_read_anew() -> None:
    async def main() -> int:
        source = moving.MovingSource(rows=50)
        live = Live(source).start()
        source.history = moving.History()
        source.advance(LATER)
        await settle()
        live.stop()
        return len(live.metrics.data["t"])

    assert asyncio.run(main()) == 1


def test_an_empty_source_is_no_error_and_charts_may_name_their_columns() -> None:
    live = Live(moving.MovingSource())
    live.add_series("cpu.percent")
    assert live.sample is None
    assert {name: len(values) for name, values in live.metrics.data.items()} == {"t": 0, "cpu.percent": 0}


def test_only_what_charts_draw_is_sent_and_the_past_of_all_is_known() -> None:
    async def main() -> tuple[list[set[str]], list[int], float]:
        source = moving.MovingSource(rows=30)
        live = Live(source).start()
        for name in ("cpu.percent", "cpu.core.busiest", "never.seen"):
            live.add_series(name)
        before = live.past("memory.percent", 10)
        live.send_declared()
        assert live.past("memory.percent", 10) == before
        columns = [set(live.metrics.data)]
        source.disks = ("/", "/data")
        source.advance(LATER)
        await settle()
        live.window_seconds = 900
        live.stop()
        columns.append(set(live.metrics.data))
        known = [len(live.past(name, 10)) for name in ("cpu.percent", "memory.percent", "disk.percent:/data", "none")]
        busiest = max(live.past(f"cpu.core.percent:{core}", 1)[0] or 0 for core in range(4))
        assert math.isnan(live.metrics.data["never.seen"][-1])
        return columns, known, live.metrics.data["cpu.core.busiest"][-1] - busiest

    declared = {"t", "cpu.percent", "cpu.core.busiest", "never.seen"}
    assert asyncio.run(main()) == ([declared, declared], [10, 10, 10, 0], 0)


def test_a_tick_of_what_is_declared_streams_that() -> None:
    async def main() -> list[tuple[list[str], int]]:
        source = moving.MovingSource(rows=30)
        live = Live(source).start()
        live.add_series("cpu.percent")
        live.send_declared()
        streamed: list[tuple[list[str], int]] = []
        live.metrics.on_change("data", lambda _name, _old, new: streamed.append((sorted(new), len(new["t"]))))
        source.advance(LATER)
        await settle()
        live.stop()
        return streamed

    # Later is after a long gap, which is two rows more.
    (streamed,) = asyncio.run(main())
    assert streamed[0] == ["cpu.percent", "t"] and streamed[1] in (31, 33)


def test_a_reader_may_not_write() -> None:
    source = moving.MovingSource(rows=1)
    assert [Live(source, role).may_write for role in ("read", "write", "admin")] == [False, True, True]
    with pytest.raises(Forbidden):
        Live(source, "read").require_write()


def test_nothing_is_left_of_a_live_that_stopped() -> None:
    async def main() -> list[weakref.ref[Live]]:
        source = moving.MovingSource(rows=30)
        lives = [Live(source).start() for _ in range(20)]
        source.advance(LATER)
        await settle()
        for live in lives:
            live.stop()
        return [weakref.ref(live) for live in lives]

    others = dict(pusher._pushers)
    left = asyncio.run(main())
    gc.collect()
    assert [reference() for reference in left] == [None] * 20
    assert pusher._pushers == others

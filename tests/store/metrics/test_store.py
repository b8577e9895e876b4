"""The history on disk: what went in comes out, before and after it was sealed, and after a restart."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from pathlib import Path

import apsw
import numpy as np
import pytest

from tests.store.engines import sqlite_only
from tests.store.metrics.filled import DAY, HOUR, T0, counted, damage, fed, imported, opened, sealed, size_of
from vain.bands import MetricQuery
from vain.errors import Invalid, StoreDamaged, Unavailable
from vain.quality import Span
from vain.store.metrics.retention import Keep
from vain.store.metrics.sqlite_archive import SqliteArchive
from vain.store.metrics.store import MetricStore


def query(after: float, before: float, points: int | None = None, *metrics: str) -> MetricQuery:
    return MetricQuery(T0 + after, T0 + before, metrics or None, points)


def test_a_sample_is_read_before_it_is_committed(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.append(T0, [("cpu.percent", 12.34), ("memory.percent", None)])
        window = store.window(query(-1, 1, None, "cpu.percent", "memory.percent"))
    assert window.t.tolist() == [T0] and window.tier == "raw"
    assert window.series["cpu.percent"].mean.tolist() == [12.3], "a percentage means no more than a tenth"
    assert np.isnan(window.series["memory.percent"].mean).all()


def test_an_hour_that_is_over_is_sealed_and_reads_the_same(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(HOUR - 10), lambda second: second % 100)
        before = store.window(query(0, HOUR, 5_000))
        assert sealed(store) == 0
        fed(store, range(HOUR, HOUR + 5), lambda second: 7.0)
        assert sealed(store) == 1
        after = store.window(query(0, HOUR, 5_000))
    assert after.t.tolist() == before.t.tolist() and len(before.t) == HOUR - 10
    assert after.series["cpu.percent"].mean.tolist() == before.series["cpu.percent"].mean.tolist()


def test_the_history_goes_on_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(HOUR + 30), float)
    with opened(tmp_path) as store:
        fed(store, range(HOUR + 30, HOUR + 60), float)
        window = store.window(query(HOUR - 10, HOUR + 60, 1_000))
        assert store.extent() == (T0, T0 + HOUR + 59)
    assert window.series["cpu.percent"].mean.tolist() == [float(s) for s in range(HOUR - 10, HOUR + 60)]


@pytest.mark.parametrize(("points", "tier"), [(10_000, "raw"), (200, "1m"), (5, "1h")])
def test_a_spike_of_one_second_is_seen_in_every_tier(tmp_path: Path, points: int, tier: str) -> None:
    values = np.full(4 * HOUR, 10.0)
    values[2 * HOUR + 1_234] = 99.0
    with opened(tmp_path) as store:
        imported(store, np.arange(4 * HOUR), values)
        window = store.window(query(0, 4 * HOUR, points))
    bands = window.series["cpu.percent"]
    assert window.tier == tier and bands.max.max() == 99 and bands.min.min() == 10
    at = float(window.t[int(np.argmax(bands.max))]) - T0
    assert 0 <= 2 * HOUR + 1_234 - at < window.step_seconds


@pytest.mark.parametrize("points", [3_600, 700, 61, 2])
def test_a_sine_has_the_mean_that_calculus_says(tmp_path: Path, points: int) -> None:
    second = np.arange(2 * HOUR)
    with opened(tmp_path) as store:
        imported(store, second, np.round(50 + 40 * np.sin(2 * np.pi * second / 600), 1))
        window = store.window(query(0, 2 * HOUR, points))
    bands, begin = window.series["cpu.percent"], window.t - T0
    step, turn = window.step_seconds, 2 * np.pi / 600
    exact = 50 + 40 * (np.cos(turn * (begin - 0.5)) - np.cos(turn * (begin - 0.5 + step))) / (turn * step)
    assert np.allclose(bands.mean, exact, atol=0.06) and (bands.count == step).all()


def test_a_step_is_where_it_was(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(600), lambda second: 10.0 if second < 300 else 90.0)
        bands = store.window(query(0, 600, 20)).series["cpu.percent"]
    assert bands.mean.tolist() == [10.0] * 10 + [90.0] * 10
    assert bands.max[:10].max() == 10 and bands.min[10:].min() == 90


def test_a_gap_stays_a_gap_and_no_mean_crosses_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(100), lambda second: 0.0)
        fed(store, range(400, 500), lambda second: 100.0)
        raw, reduced = store.window(query(0, 500)), store.window(query(0, 500, 50))
    assert raw.t[100] == T0 + 100 and np.isnan(raw.series["cpu.percent"].mean[100]) and len(raw.t) == 201
    mean = reduced.series["cpu.percent"].mean
    assert reduced.step_seconds == 10 and set(mean[~np.isnan(mean)].tolist()) == {0.0, 100.0}
    assert np.isnan(mean[10:40]).all() and not np.isnan(mean[40:]).any()
    assert [(s.cause, s.begin - T0, s.end - T0) for s in reduced.spans] == [("unknown", 100, 400)]


def test_a_reason_that_was_noted_takes_the_place_of_the_unknown_one(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(100), float)
        store.append(T0 + 400, [("cpu.percent", 1.0)], spans=[Span("asleep", T0 + 99, T0 + 400)])
        pending = store.window(query(0, 500, 50)).spans
        store.flush()
        written = store.window(query(0, 500, 50)).spans
    assert pending == written == (Span("asleep", T0 + 99, T0 + 400),)


def test_the_reason_of_one_series_is_told_with_that_series_only(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        span = Span("reset", T0, T0 + 1, "network.sent_bytes_per_second")
        store.append(T0, [("network.sent_bytes_per_second", None), ("cpu.percent", 1.0)], spans=[span])
        store.append(T0 + 1, [("network.sent_bytes_per_second", 5.0), ("cpu.percent", 1.0)])
        store.flush()
        assert span in store.window(query(0, 2)).spans
        assert store.window(query(0, 2, None, "cpu.percent")).spans == ()


def test_series_come_and_go_and_keep_their_identity(tmp_path: Path) -> None:
    labels = {"disk.percent:/mnt": {"device": "/dev/sdb1"}}
    with opened(tmp_path) as store:
        store.append(T0, [("cpu.percent", 1.0)])
        store.append(T0 + 1, [("cpu.percent", 1.0), ("disk.percent:/mnt", 50.0)], lambda: labels)
        store.append(T0 + 2, [("cpu.percent", 1.0)])
    with opened(tmp_path) as store:
        store.append(T0 + 3, [("disk.percent:/mnt", 60.0), ("cpu.percent", 1.0)])
        window = store.window(query(0, 10, None, "disk.percent"))
        assert store.labels()["disk.percent:/mnt"] == '{"device":"/dev/sdb1"}'
    values = window.series["disk.percent:/mnt"].mean
    assert np.isnan(values[[0, 2]]).all() and values[[1, 3]].tolist() == [50.0, 60.0]


def test_a_clock_that_was_set_back_loses_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(HOUR + 100), lambda second: 1.0)
        for second in range(200):  # half an hour into the hour that is sealed already, between the old samples
            store.append(T0 + 1_800 + second + 0.5, [("cpu.percent", 3.0)])
        store.flush()
        before = store.window(query(0, HOUR + 100, 10_000))
        fed(store, range(HOUR + 200, HOUR + 300), lambda second: 1.0)
        after = store.window(query(0, HOUR + 100, 10_000))
        minute = store.window(query(1_800, 1_860, 1))
    assert len(before.t) == len(after.t) == HOUR + 100 + 200
    assert before.t.tolist() == after.t.tolist() and (np.diff(after.t) > 0).all()
    assert minute.tier == "1m" and minute.series["cpu.percent"].count.tolist() == [120]
    assert minute.series["cpu.percent"].mean.tolist() == [2.0]


def test_a_window_that_slides_keeps_its_buckets(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        imported(store, np.arange(2 * HOUR), np.arange(2 * HOUR) % 1_000 / 10)
        seen: dict[float, float] = {}
        for shift in range(0, 60, 7):
            window = store.window(query(shift, HOUR + shift, 100))
            for t, mean in zip(window.t[:-1], window.series["cpu.percent"].mean[:-1], strict=True):
                assert seen.setdefault(t, mean) == mean


def test_minutes_that_are_under_way_are_in_the_answer(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        imported(store, np.arange(0, DAY), np.full(DAY, 5.0))
        fed(store, range(DAY, DAY + 90), lambda second: 50.0)
        window = store.window(query(0, DAY + 90, 1_000))
    assert window.tier == "1m" and window.series["cpu.percent"].max[-1] == 50
    assert int(window.series["cpu.percent"].count.sum()) == DAY + 90


def test_samples_that_are_rare_are_no_gaps(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        imported(store, np.arange(0, 10 * DAY, 600), np.arange(10 * 144) % 7)
        window = store.window(query(0, 10 * DAY, 5_000))
    assert not np.isnan(window.series["cpu.percent"].mean).any() and window.spans == ()


def test_too_many_points_are_refused_and_the_right_number_is_said(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.append(T0, [(f"custom.{n}", 1.0) for n in range(200)])
        store.flush()
        with pytest.raises(Invalid, match="10,000 points") as refused:
            store.window(query(0, 10, 10_001))
        assert refused.value.flaws[0].parameter == "points"
        with pytest.raises(Invalid, match="at most 2,000 points"):
            store.window(query(0, 10, 6_000))
        with pytest.raises(Invalid, match="prozent"):
            store.window(query(0, 10, None, "cpu.prozent"))
        assert store.window(query(0, 10, None, "gpu.*")).series == {}


def test_an_import_is_merged_with_what_is_there(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(HOUR + 10), lambda second: 1.0)
        assert imported(store, np.arange(0, 100) + 0.3, np.full(100, 9.0), "custom.value") == 100
        assert imported(store, np.arange(50, 60), np.full(10, 8.0)) == 10
        window = store.window(query(0, 100))
    assert len(window.t) == 100, "a figure of the same moment takes the time that is there"
    assert window.series["custom.value"].mean.tolist() == [9.0] * 100
    assert window.series["cpu.percent"].mean.tolist() == [1.0] * 50 + [8.0] * 10 + [1.0] * 40


def test_a_second_import_of_the_same_changes_nothing(tmp_path: Path) -> None:
    second, values = np.arange(2 * HOUR), np.arange(2 * HOUR) % 50
    with opened(tmp_path) as store:
        imported(store, second, values)
        first = store.window(query(0, 2 * HOUR, 50))
        imported(store, second[::-1], values[::-1])
        again = store.window(query(0, 2 * HOUR, 50))
    for name in ("mean", "min", "max", "count"):
        one, other = (getattr(w.series["cpu.percent"], name).tolist() for w in (first, again))
        assert one == other


@pytest.mark.parametrize("bad", [np.array([1.0, np.inf]), np.array([1.0])])
def test_what_cannot_be_stored_is_refused(tmp_path: Path, bad: np.ndarray) -> None:
    with opened(tmp_path) as store, pytest.raises(Invalid, match="custom"):
        store.import_rows(np.array([0, 1_000], np.int64), {"custom": bad})


def test_what_is_too_old_is_deleted_in_whole_chunks_and_coarser_tiers_answer(tmp_path: Path) -> None:
    keep = Keep(raw_seconds=DAY, minute_seconds=3 * DAY, hour_seconds=None)
    end = T0 + 10 * DAY
    with opened(tmp_path) as store:
        imported(store, np.arange(0, 10 * DAY, 10), np.random.default_rng(1).integers(0, 1_000, DAY) / 10)
        before = size_of(store)
    with opened(tmp_path, keep=keep, now=lambda: float(end)) as store:
        store.forget()
        raw = store.window(MetricQuery(end - 600, end, None, 1_000))
        day_before = store.window(MetricQuery(end - 2 * DAY, end - 2 * DAY + 600, None, 1_000))
        long_ago = store.window(MetricQuery(T0 + DAY, T0 + 2 * DAY, None, 10_000))
        after = size_of(store)
    assert (raw.tier, day_before.tier, long_ago.tier) == ("raw", "1m", "1h")
    assert [len(w.t) for w in (raw, day_before, long_ago)] == [60, 10, 24]
    assert long_ago.series["cpu.percent"].count.tolist() == [360] * 24
    assert after < before / 2


def test_what_is_too_much_makes_room_the_oldest_samples_first(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).normal(size=6 * DAY)
    with opened(tmp_path, keep=Keep(None, None, None, size_bytes=3 << 20)) as store:
        imported(store, np.arange(6 * DAY), noise, "custom.noise")
        store.forget()
        size = size_of(store)
        newest = store.window(query(6 * DAY - 60, 6 * DAY, 60))
        oldest = store.window(query(0, DAY, 100))
    assert size <= 3 << 20
    assert newest.tier == "raw" and newest.series["custom.noise"].count.sum() == 60
    assert oldest.tier != "raw" and oldest.series["custom.noise"].count.sum() == DAY


def test_series_of_which_nothing_is_left_are_forgotten(tmp_path: Path) -> None:
    keep = Keep(DAY, DAY, DAY)
    with opened(tmp_path, keep=keep, now=lambda: float(T0 + 90 * DAY)) as store:
        imported(store, np.arange(10), np.arange(10), "network.interface.sent_bytes_per_second:veth1")
        imported(store, np.arange(90 * DAY - 100, 90 * DAY), np.arange(100))
        store.append(T0 + 90 * DAY, [("load.1m", 1.0)])
        store.flush()
        store.forget()
        assert store.names() == ["cpu.percent", "load.1m"]


def test_a_sample_for_an_hour_whose_samples_are_gone_is_added_to_its_roll_up(tmp_path: Path) -> None:
    with opened(tmp_path, keep=Keep(DAY, None, None), now=lambda: float(T0 + 5 * DAY)) as store:
        imported(store, np.arange(0, HOUR), np.full(HOUR, 10.0))
        imported(store, np.arange(4 * DAY, 5 * DAY, 60), np.full(DAY // 60, 1.0))
        store.forget()
        imported(store, np.array([30.5]), np.array([70.0]))
        bands = store.window(query(0, HOUR, 1)).series["cpu.percent"]
    assert bands.count.tolist() == [HOUR + 1] and bands.max.tolist() == [70.0]
    assert bands.mean[0] == pytest.approx((HOUR * 10 + 70) / (HOUR + 1), abs=0.001)


def test_a_finer_import_loses_nothing_among_coarser_samples(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        imported(store, np.arange(0, HOUR, 60), np.full(60, 1.0))
        imported(store, np.arange(HOUR) + 0.2, np.arange(HOUR), "custom.fast")
        window = store.window(query(0, HOUR, 5_000, "custom.fast"))
        rare = store.window(query(0, HOUR, 5_000, "cpu.percent"))
    assert window.series["custom.fast"].mean.tolist() == list(range(HOUR))
    assert len(rare.t) == 60 and rare.step_seconds == 60, "and the coarser samples are neighbours still"


def test_a_value_that_is_there_is_not_overwritten_by_one_from_beside_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        imported(store, np.arange(0, 100), np.full(100, 1.0))
        imported(store, np.arange(0, 100) + 0.3, np.full(100, 5.0))
        imported(store, np.arange(0, 100) + 0.3, np.full(100, 5.0))
        bands = store.window(query(0, 100, 5_000)).series["cpu.percent"]
    assert bands.mean.tolist() == [1.0, 5.0] * 100


@pytest.mark.slow
def test_an_import_of_many_parts_holds_up_no_commit(tmp_path: Path) -> None:
    ended = threading.Event()

    def import_years(store: MetricStore) -> None:
        with suppress(Unavailable):
            while not ended.is_set():
                imported(store, np.arange(0, 300 * DAY, DAY), np.arange(300), "custom.daily")

    with opened(tmp_path, commit_seconds=0.05, most_pending=20) as store:
        importer = threading.Thread(target=import_years, args=(store,))
        importer.start()
        for second in range(100):
            store.append(T0 + 400 * DAY + second, [("cpu.percent", 1.0)])
            time.sleep(0.01)
        ended.set()
        store.stop_importing()
        importer.join()
        assert store.dropped == 0


def test_an_import_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.stop_importing()
        with pytest.raises(Unavailable, match="stopping"):
            imported(store, np.arange(10), np.arange(10))


def test_a_clock_that_is_wrong_for_a_moment_does_not_take_the_history_away(tmp_path: Path) -> None:
    now = [float(T0 + 5 * DAY)]
    with opened(tmp_path, keep=Keep(DAY * 14, DAY * 30, None), now=lambda: now[0]) as store:
        imported(store, np.arange(0, 5 * DAY, 60), np.full(5 * DAY // 60, 3.0))
        now[0] = T0 + 80 * 365 * float(DAY)
        for second in (now[0] - 3_600, now[0]):
            store.append(second, [("cpu.percent", 1.0)])
            store.flush()
        bands = store.window(query(DAY, 5 * DAY, 10)).series["cpu.percent"]
        assert int(bands.count.sum()) == 4 * 1_440 and sealed(store) >= 3 * 24


def test_a_series_without_any_value_does_not_pretend_a_beginning(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for second in range(0, 2 * HOUR, 60):
            store.append(T0 + second, [("cpu.percent", 1.0), ("swap.percent", None)])
        store.flush()
        assert store.extent() == (T0, T0 + 2 * HOUR - 60)
        chunks = [counted(store, table) for table in ("raw", "minutes", "hours")]
    assert chunks == [1, 1, 1]


def test_the_extent_of_a_damaged_history_is_that_of_the_rest(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        imported(store, np.arange(10), np.arange(10))
        imported(store, np.arange(HOUR, HOUR + 10), np.arange(10), "load.1m")
        damage(store, "UPDATE hours SET v = zeroblob(40) WHERE id = (SELECT min(id) FROM hours)")
    with opened(tmp_path) as store:
        assert store.extent() == (T0 + HOUR, T0 + HOUR + 9)


def test_a_pattern_that_nothing_matches_gives_no_points(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        imported(store, np.arange(0, DAY), np.zeros(DAY))
        window = store.window(query(0, DAY, 5_000, "gpu*"))
    assert window.series == {} and len(window.t) <= 5_000


def test_before_the_first_sample_there_is_no_reason_for_a_coarser_tier(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        imported(store, np.arange(0, 60), np.zeros(60), "custom.old")
        store.append(T0 + 100 * DAY, [("cpu.percent", 1.0)])
        window = store.window(query(100 * DAY - 50, 100 * DAY + 50, None))
        long_ago = store.window(query(-10 * DAY, 60, 200))
    assert (window.tier, len(window.t)) == ("raw", 1) and long_ago.series["custom.old"].count.sum() == 60


def test_reasons_of_other_series_do_not_crowd_out_ours(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fed(store, range(10), float)
        fed(store, range(3_000, 3_010), float)
        store.append(T0 + 3_010, [("cpu.percent", 1.0), ("load.1m", 1.0)])
        store.flush()
        store.note([Span("unread", T0 + n, T0 + n, "load.1m") for n in range(1_500)])
        store.note([Span("asleep", T0 + 9, T0 + 3_000)])
        store.append(T0 + 3_011, [("cpu.percent", 1.0)])
        store.flush()
        causes = {span.cause for span in store.window(query(0, 3_100, 100, "cpu.percent")).spans}
    assert causes == {"asleep"}


def test_the_reason_of_a_lone_series_explains_its_gap(tmp_path: Path) -> None:
    disk = "disk.percent:/mnt"
    with opened(tmp_path) as store:
        for second in range(100):
            missing = 20 <= second < 80
            spans = [Span("unreachable", T0 + 20, T0 + second, disk)] if missing else []
            store.append(T0 + second, [("cpu.percent", 1.0), (disk, None if missing else 5.0)], spans=spans)
        store.flush()
        spans = store.window(query(0, 100, 10, disk)).spans
    assert {span.cause for span in spans} == {"unreachable"} and spans[-1].end == T0 + 79


def test_a_window_that_begins_before_1970_mixes_no_series(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.import_rows(np.arange(600) * 1_000, {"custom.a": np.full(600, 7.0)})
        store.append(30.0, [("custom.b", None)])
        store.flush()
        window = store.window(MetricQuery(-600.0, 600.0, ("custom.b",), 100))
    assert window.series["custom.b"].count.sum() == 0


def test_a_step_that_is_asked_for_gets_longer_when_there_would_be_too_many(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        imported(store, np.arange(0, 2 * DAY), np.zeros(2 * DAY))
        window = store.window(MetricQuery(T0, T0 + 2 * DAY, ("cpu.percent",), None, 1.0))
    assert window.is_reduced and len(window.t) <= 10_000 and window.step_seconds == 20


def test_one_row_that_cannot_be_written_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    with opened(tmp_path, commit_seconds=0.02) as store:
        for second, name in enumerate(["cpu.percent", "a lone surrogate \ud800", "cpu.percent"]):
            store.append(T0 + second, [(name, float(second))])
        deadline = time.monotonic() + 5
        while store._waiting.read().rows and time.monotonic() < deadline:
            time.sleep(0.01)
        assert store.window(query(0, 10, None, "cpu.percent")).series["cpu.percent"].count.sum() == 2


def test_after_closing_nobody_reads_or_hangs(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.append(T0, [("cpu.percent", 1.0)])
    with pytest.raises(Unavailable):
        store.window(query(0, 10))
    with pytest.raises(Unavailable):
        store.flush()
    store.append(T0 + 1, [("cpu.percent", 1.0)])
    assert store.dropped == 1


@sqlite_only
def test_threads_that_end_leave_no_connection_behind(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.append(T0, [("cpu.percent", 1.0)])
        for _ in range(20):
            reader = threading.Thread(target=store.window, args=(query(0, 10),))
            reader.start()
            reader.join()
        assert isinstance(store._archive, SqliteArchive) and len(store._archive._idle or ()) == 1


@sqlite_only
@pytest.mark.slow
def test_the_log_of_the_database_stays_small_within_an_hour(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for second in range(1_200):
            store.append(T0 + second, [(f"custom.{n}", float(second)) for n in range(200)])
            store.flush()
        assert (tmp_path / "metrics.db-wal").stat().st_size < 6 << 20


def test_a_list_that_is_full_drops_and_says_so(tmp_path: Path) -> None:
    with opened(tmp_path, most_pending=10, commit_seconds=3_600) as store:
        for second in range(25):
            store.append(T0 + second, [("cpu.percent", 1.0)])
        assert store.dropped == 15
        assert store.window(query(0, 30)).spans[-1] == Span("not-stored", T0 + 10, T0 + 24)
        store.flush()
        store.append(T0 + 25, [("cpu.percent", 2.0)])
        store.flush()
        window = store.window(query(0, 30))
    assert [s for s in window.spans if s.cause == "not-stored"] == [Span("not-stored", T0 + 10, T0 + 24)]
    assert int(window.series["cpu.percent"].count.sum()) == 11


def test_readers_see_whole_hours_while_others_are_sealed(tmp_path: Path) -> None:
    ended, seen = threading.Event(), []

    def read() -> None:
        while not ended.is_set():
            window = store.window(query(0, 3 * HOUR, 10_000))
            seen.append((len(window.t), bool((np.diff(window.t) > 0).all())))

    with opened(tmp_path) as store:
        fed(store, range(10), float)
        reader = threading.Thread(target=read)
        reader.start()
        for hour in range(3):
            fed(store, range(hour * HOUR + 10, (hour + 1) * HOUR, 20), float)
        ended.set()
        reader.join()
    counts = [count for count, _ in seen]
    assert all(ordered for _, ordered in seen) and counts == sorted(counts) and len(set(counts)) > 1


def test_a_damaged_chunk_is_left_out_and_the_rest_answers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(tmp_path) as store:
        imported(store, np.arange(2 * HOUR), np.full(2 * HOUR, 5.0))
        damage(store, "UPDATE raw SET v = substr(v, 1, 20) WHERE id = (SELECT min(id) FROM raw)")
    with opened(tmp_path) as store, caplog.at_level(logging.WARNING):
        bands = store.window(query(0, 2 * HOUR, 10_000)).series["cpu.percent"]
    assert np.isnan(bands.mean[:HOUR]).all() and (bands.mean[HOUR:] == 5).all()
    assert "left out" in caplog.text


def test_a_damaged_chunk_does_not_stop_what_comes_after(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(tmp_path) as store:
        imported(store, np.arange(0, HOUR, 2), np.full(HOUR // 2, 5.0))
        for table in ("raw", "minutes", "hours"):
            damage(store, f"UPDATE {table} SET v = zeroblob(30)")
    with opened(tmp_path) as store:
        imported(store, np.arange(1, HOUR, 2), np.full(HOUR // 2, 7.0))
        bands = store.window(query(0, HOUR, 1)).series["cpu.percent"]
    assert bands.count.tolist() == [HOUR // 2] and bands.mean.tolist() == [7.0] and "given up" in caplog.text


@sqlite_only
def test_a_history_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    connection = apsw.Connection(str(tmp_path / "metrics.db"))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreDamaged, match="newer vAIn"):
        MetricStore(tmp_path)
    (tmp_path / "metrics.db").write_bytes(b"no database" * 500)
    with pytest.raises(StoreDamaged, match="damaged"):
        MetricStore(tmp_path)

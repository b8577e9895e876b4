from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.clock import unix, utc
from vain.errors import Malformed
from vain.windows import LENGTH_SECONDS, MOST_BUCKETS, Window, edges_before, edges_of, seconds_of, window_of

Parameters = tuple[str | None, str | None, str | None, str | None]

NOW = unix("2026-11-23T12:34:56.789Z")


def edges(after: str, before: str, interval: str, timezone: str) -> list[str]:
    window = window_of(f"{after}Z", f"{before}Z", interval, timezone, NOW)
    return [utc(edge)[:16] for edge in edges_of(window)]


def test_the_default_is_the_last_24_hours_by_hour_in_whole_hours() -> None:
    window = window_of(None, None, None, None, NOW)
    assert window == Window("2026-11-22T12:00:00.000Z", "2026-11-23T13:00:00.000Z", "hour", "UTC")
    assert len(edges_of(window)) == 26


@pytest.mark.parametrize(
    ("zone", "date", "start", "end", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00", 23),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00", 25),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00", "2026-03-09T04:00", 23),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00", "2026-11-02T05:00", 25),
    ],
)
def test_a_day_on_which_the_clocks_change_has_23_or_25_hours(
    zone: str, date: str, start: str, end: str, hours: int
) -> None:
    assert edges(f"{date}T16:00:00", f"{date}T16:00:01", "day", zone) == [start, end]
    assert len(edges(f"{start}:00", f"{end}:00", "hour", zone)) == hours + 1


def test_a_week_begins_on_the_local_monday() -> None:
    berlin = ["2026-03-22T23:00", "2026-03-29T22:00", "2026-04-05T22:00"]
    assert edges("2026-03-25T12:00:00", "2026-03-30T00:00:00", "week", "Europe/Berlin") == berlin


def test_hours_are_those_of_the_local_clock_where_it_is_half_an_hour_off() -> None:
    kolkata = ["2026-01-01T11:30", "2026-01-01T12:30"]
    assert edges("2026-01-01T12:00:00", "2026-01-01T12:10:00", "hour", "Asia/Kolkata") == kolkata


def test_a_day_whose_midnight_is_skipped_begins_when_the_clocks_change() -> None:
    """In Sao Paulo, 2018-11-04 began at 01:00."""
    sao_paulo = ["2018-11-03T03:00", "2018-11-04T03:00", "2018-11-05T02:00"]
    assert edges("2018-11-03T12:00:00", "2018-11-04T12:00:00", "day", "America/Sao_Paulo") == sao_paulo


def test_a_day_that_a_country_left_out_makes_no_empty_bucket() -> None:
    """Samoa went from the 29th to the 31st of December 2011."""
    apia = ["2011-12-29T10:00", "2011-12-30T10:00", "2011-12-31T10:00"]
    assert edges("2011-12-29T12:00:00", "2011-12-30T12:00:00", "day", "Pacific/Apia") == apia


@given(
    st.floats(0, 4e9), st.floats(1, 1e6), st.sampled_from(list(LENGTH_SECONDS)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana"]),
)  # fmt: skip
def test_edges_rise_and_enclose_what_was_asked(start: float, span: float, interval: str, zone: str) -> None:
    window = window_of(utc(start), utc(start + span), interval, zone, NOW)
    found = edges_of(window)
    assert found[0] <= start + 0.001 and start + span - 0.001 <= found[-1]
    assert all(earlier < later for earlier, later in pairwise(found))
    assert (utc(found[0]), utc(found[-1])) == (window.after, window.before)


@pytest.mark.parametrize(
    ("after", "interval"), [("-604800", "hour"), ("-691201", "hour"), ("-864000", "day"), ("-31536000", "week")]
)
def test_a_window_without_an_interval_gets_one_that_fits(after: str, interval: str) -> None:
    window = window_of(after, None, None, None, NOW)
    assert window.interval == interval


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        (("yesterday", None, None, None), "after"), (("2026-11-23", None, None, None), "after"),
        (("-inf", None, None, None), "after"), (("-nan", None, None, None), "after"),
        (("-1e300", None, None, None), "after"),
        ((None, "", None, None), "before"), ((None, "9999-12-31T00:00:00Z", None, None), "before"),
        (("-60", "-60", None, None), "after"), (("2027-01-01T00:00:00Z", None, None, None), "after"),
        ((None, None, "minute", None), "interval"), ((None, None, "", None), "interval"),
        (("-1e9", None, "hour", None), "interval"), (("1970-01-01T00:00:00Z", None, "day", None), "interval"),
        ((None, None, None, "Mars/Olympus"), "timezone"), ((None, None, None, "../etc/passwd"), "timezone"),
        ((None, None, None, "Europe"), "timezone"),
        ((None, None, None, ""), "timezone"), ((None, None, None, "x" * 5000), "timezone"),
        ((None, None, None, "a\0b"), "timezone"), ((None, None, None, "/etc/localtime"), "timezone"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(parameters: Parameters, named: str) -> None:
    with pytest.raises(Malformed) as raised:
        window_of(*parameters, NOW)
    assert [flaw.parameter for flaw in raised.value.flaws] == [named]


def test_no_window_has_more_buckets_than_the_bound() -> None:
    longest = (MOST_BUCKETS - 2) * 3600
    assert len(edges_of(window_of(f"-{longest}", None, "hour", None, NOW))) <= MOST_BUCKETS + 1
    with pytest.raises(Malformed, match="choose a longer interval"):
        window_of(f"-{longest + 1}", None, "hour", None, NOW)


def test_an_offset_is_understood_and_negative_seconds_count_back_from_now() -> None:
    assert seconds_of("2026-11-23T10:00:00+01:00", NOW, "after") == unix("2026-11-23T09:00:00.000Z")
    assert seconds_of("-0.5", NOW, "after") == NOW - 0.5


def test_the_last_whole_days_are_local_ones() -> None:
    """On the 26th at 1:00 in Berlin, after the day that had 25 hours."""
    found = edges_before(unix("2026-10-26T00:00:00Z"), "day", "Europe/Berlin", 2)
    assert [utc(edge)[:16] for edge in found] == ["2026-10-23T22:00", "2026-10-24T22:00", "2026-10-25T23:00"]


@given(st.floats(0, 4e9), st.sampled_from(sorted(LENGTH_SECONDS)), st.sampled_from(["UTC", "America/New_York"]))
def test_whole_buckets_are_as_many_as_wanted_and_over(now: float, interval: str, zone: str) -> None:
    found = edges_before(now + 1e8, interval, zone, 90)  # type: ignore[arg-type]
    assert len(found) == 91 and found == sorted(found)
    assert found[-1] <= now + 1e8 < found[-1] + LENGTH_SECONDS[interval] + 7_200  # type: ignore[index]

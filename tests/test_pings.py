"""The dead man's switch: what a ping says, and when a job is missed."""

from __future__ import annotations

import pytest

from vain.errors import Malformed
from vain.pings import came_notices, expected, missed, missed_notice, parse_ping, told

T0 = 1_800_000_000.0
DAY = 86_400.0


@pytest.mark.parametrize(
    ("word", "meant", "exit_code"),
    [(None, "end", None), ("0", "end", 0), ("255", "end", 255), ("start", "start", None), ("fail", "fail", None),
     ("log", "log", None)],
)  # fmt: skip
def test_the_last_part_of_the_path_says_what_happened(word: str | None, meant: str, exit_code: int | None) -> None:
    ping = parse_ping("backup", word, {})
    assert (ping.key, ping.word, ping.exit_code, ping.every_seconds) == ("backup", meant, exit_code, None)


@pytest.mark.parametrize("word", ["256", "-1", "stop", "", "1.5", "٣"])
def test_any_other_word_is_refused(word: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_ping("backup", word, {})
    assert refused.value.flaws[0].parameter == "word"


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1.5", 1.5), ("90s", 90), ("26h", 93_600), ("1d", DAY)])
def test_intervals_are_seconds_or_have_a_unit(text: str, seconds: float) -> None:
    ping = parse_ping("x", None, {"every": text, "grace": text})
    assert (ping.every_seconds, ping.grace_seconds) == (seconds, seconds)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [({"every": "soon"}, "every"), ({"grace": "-5"}, "grace"),
     ({"every": "900000d"}, "every"), ({"name": " "}, "name"), ({"name": "n" * 201}, "name")],
)  # fmt: skip
def test_what_is_wrong_is_named(query: dict[str, str], parameter: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_ping("x", None, query)
    assert refused.value.flaws[0].parameter == parameter


@pytest.mark.parametrize("key", ["", " ", "k" * 65, "a\nb"])
def test_a_key_can_be_seen(key: str) -> None:
    with pytest.raises(Malformed):
        parse_ping(key, None, {})


def test_a_job_is_missed_after_its_interval_and_grace_and_told_once() -> None:
    first = expected(None, parse_ping("x", "0", {"every": "1d"}), T0)
    assert first is not None and first.grace_seconds == 0.1 * DAY
    assert not missed(first, T0 + 1.1 * DAY) and missed(first, T0 + 1.1 * DAY + 1)
    assert not missed(told(first), T0 + 5 * DAY)


def test_a_ping_that_may_have_found_nobody_is_not_missed_before_the_next() -> None:
    first = expected(None, parse_ping("x", "0", {"every": "1d"}), T0)
    assert first is not None
    due = T0 + DAY
    assert not missed(first, due + DAY, listening_since=due + 60)
    assert missed(first, due + 60 + 1.1 * DAY + 1, listening_since=due + 60)
    assert missed(first, T0 + 1.1 * DAY + 1, listening_since=due - 60), "it was due when somebody listened"


def test_the_interval_stays_and_the_clock_begins_anew_with_each_ping() -> None:
    first = expected(None, parse_ping("x", None, {"every": "1h", "grace": "5m", "name": "sync"}), T0)
    second = expected(first, parse_ping("x", "start", {}), T0 + 3_000)
    assert second is not None
    assert (second.every_seconds, second.grace_seconds, second.last_at, second.name) == (3_600, 300, T0 + 3_000, "sync")
    logged = expected(second, parse_ping("x", "log", {}), T0 + 4_000)
    assert logged is not None and logged.last_at == T0 + 3_000, "output alone is no sign that the job came"


def test_nothing_is_expected_of_a_job_that_never_said_how_often() -> None:
    assert expected(None, parse_ping("x", None, {}), T0) is None


def test_an_interval_of_nothing_ends_what_is_expected() -> None:
    first = expected(None, parse_ping("x", None, {"every": "1h"}), T0)
    assert expected(first, parse_ping("x", None, {"every": "0"}), T0 + 60) is None


def test_the_notices_say_when_it_was_due_and_that_it_is_back() -> None:
    first = expected(None, parse_ping("x", None, {"every": "1h", "name": "sync"}), T0)
    assert first is not None
    notice = missed_notice(first, T0 + 9_000)
    assert (notice.kind, notice.level, notice.title) == ("task.missed", "error", "sync did not come")
    assert "2027-01-15 09:00 UTC" in notice.message and "every 1 h" in notice.message
    often = expected(None, parse_ping("x", None, {"every": "5s"}), T0)
    assert often is not None and "2027-01-15 08:00:05 UTC" in missed_notice(often, T0 + 99).message
    missing = told(first)
    after = expected(missing, parse_ping("x", None, {}), T0 + 9_000)
    (back,) = came_notices(missing, after, T0 + 9_000)
    assert (back.kind, back.title, back.message) == ("task.recovered", "sync is back", "It came 1 h 30 min late")
    assert came_notices(first, after, T0) == []


def test_a_clock_that_was_set_back_makes_no_job_late_by_less_than_nothing() -> None:
    missing = told(expected(None, parse_ping("x", None, {"every": "1h"}), T0))  # type: ignore[arg-type]  # it is one
    after = expected(missing, parse_ping("x", None, {}), T0 - 600)
    (back,) = came_notices(missing, after, T0 - 600)
    assert back.title == "x is back" and back.message == ""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from vain.alerting.alert import Recurring, Silence, SilenceDraft
from vain.alerting.silencing import is_past, is_silenced, silence_of
from vain.errors import Invalid

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=BERLIN).timestamp()


def made(now: float = NOW, **fields: Any) -> Silence:
    return silence_of(SilenceDraft(**fields), 1, now)


def at(year: int, month: int, day: int, hour: int, minute: int, fold: int = 0) -> float:
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN, fold=fold).timestamp()


def test_a_silence_holds_from_now_until_its_time_for_what_it_names() -> None:
    silence = made(seconds=60, rules=["cpu-busy"], subject="cpu.percent")
    assert is_silenced("cpu-busy", "cpu.percent", [silence], NOW + 59)
    assert not is_silenced("cpu-busy", "cpu.percent", [silence], NOW + 60) and is_past(silence, NOW + 60)
    assert not is_silenced("other", "cpu.percent", [silence], NOW)
    assert not is_silenced("cpu-busy", "disk.percent:/", [silence], NOW)
    assert is_silenced("any", "thing", [made(until="2026-11-23T08:00:01Z")], NOW)


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        (at(2026, 11, 23, 22, 59), False),  # a Monday
        (at(2026, 11, 23, 23, 0), True),
        (at(2026, 11, 24, 0, 59), True),  # over midnight, into a day that is not named
        (at(2026, 11, 24, 1, 0), False),
        (at(2026, 11, 24, 23, 30), False),
    ],
)
def test_a_window_comes_again_on_its_days_and_goes_over_midnight(moment: float, holds: bool) -> None:
    silence = made(recurring=Recurring(start="23:00", seconds=7_200, days=[1], timezone="Europe/Berlin"))
    assert is_silenced("r", "s", [silence], moment) is holds and not is_past(silence, moment)


def test_a_window_is_as_long_as_it_says_when_the_clocks_are_changed() -> None:
    silence = made(recurring=Recurring(start="01:00", seconds=7_200, timezone="Europe/Berlin"))
    # Spring: 2 o'clock is 3. Autumn: 2 o'clock comes twice.
    assert is_silenced("r", "s", [silence], at(2026, 3, 29, 3, 59)) and not is_silenced(
        "r", "s", [silence], at(2026, 3, 29, 4, 0)
    )
    assert is_silenced("r", "s", [silence], at(2026, 10, 25, 2, 59))
    assert not is_silenced("r", "s", [silence], at(2026, 10, 25, 2, 0, fold=1))


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({}, ""),
        ({"seconds": 60, "until": "2027-01-01T00:00:00Z"}, "/seconds"),
        ({"until": "2020-01-01T00:00:00Z"}, "/until"),
        ({"until": "soon"}, "/until"),
        ({"recurring": Recurring(start="01:00", seconds=60, timezone="Mars/Olympus")}, "/recurring/timezone"),
        ({"recurring": Recurring(start="01:00", seconds=60, timezone="../../etc/passwd")}, "/recurring/timezone"),
    ],
)
def test_what_makes_no_sense_is_named(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        made(**fields)
    assert [flaw.pointer for flaw in caught.value.flaws] == [pointer]

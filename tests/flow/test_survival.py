"""Kaplan and Meier's estimate against tables that were worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.flow.survival import FEWEST_AT_RISK, Observed, Survival, kaplan_meier, nearest_rank


def lives(*observed: tuple[float, bool] | tuple[float, bool, float]) -> Survival:
    """From (age at exit, whether it ended, age at entry)."""
    entry = np.array([each[2] if len(each) == 3 else 0.0 for each in observed])
    return kaplan_meier(Observed(entry, np.array([e[0] for e in observed]), np.array([e[1] for e in observed], bool)))


def test_the_estimate_is_that_of_the_hand_table() -> None:
    """Freireich's 21 leukaemia patients on 6-MP, the textbooks' example (weeks of remission; + is censored):
    6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+."""
    ended = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    found = lives(*((age, True) for age in ended), *((age, False) for age in censored))
    assert found.age.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert found.at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert found.deaths.tolist() == [3, 1, 1, 1, 1, 1, 1]
    assert found.survival.round(3).tolist() == [0.857, 0.807, 0.753, 0.69, 0.627, 0.538, 0.448]
    assert [found.percentile(percent) for percent in (14, 25, 50, 60)] == [6, 13, 23, None]


def test_what_has_not_ended_makes_the_rest_no_quicker() -> None:
    finished = [(10.0, True), (20.0, True), (30.0, True), (40.0, True)]
    assert lives(*finished).percentile(50) == 20
    assert lives(*finished, (25.0, False), (50.0, False), (60.0, False)).percentile(50) == 40


def test_a_percentile_that_was_not_reached_is_unknown() -> None:
    assert lives((5.0, False), (9.0, False)).percentile(50) is None
    assert lives().percentile(50) is None


def test_one_that_is_gone_at_an_age_is_still_at_risk_at_it() -> None:
    assert lives((5.0, True), (5.0, False)).survival.tolist() == [0.5]


def test_what_entered_later_says_nothing_of_younger_ages() -> None:
    """Ten young ones, of which five end at 10; ten that were 100 when they were first seen, all of which end at 200.

    S(10) = 1 - 5/10; at 200 there are ten late ones and five of the first, of which ten end: S = 1/2 * 5/15.
    """
    young = [*[(10.0, True)] * 5, *[(300.0, False)] * 5]
    found = lives(*young, *[(200.0, True, 100.0)] * 10)
    assert (found.at_risk.tolist(), found.survival.round(6).tolist()) == ([10, 15], [0.5, 0.166667])
    assert (found.percentile(50), found.percentile(85)) == (10, None)


def test_a_single_early_end_does_not_outweigh_those_that_enter_later() -> None:
    late = [(200.0, True, 100.0)] * FEWEST_AT_RISK
    assert lives((10.0, True), *late).percentile(50) == 200
    assert lives(*[(10.0, True)] * FEWEST_AT_RISK, *late).percentile(50) == 10


LIVES = st.lists(st.tuples(st.integers(0, 30).map(float), st.booleans(), st.integers(0, 30).map(float)), max_size=30)


@given(LIVES)
def test_the_share_that_lasts_never_rises_and_is_a_share(observed: list[tuple[float, bool, float]]) -> None:
    found = lives(*((max(out, into), ended, into) for out, ended, into in observed))
    assert (np.diff(found.survival, prepend=1.0) <= 0).all() and ((found.survival >= 0) & (found.survival <= 1)).all()
    assert (np.diff(found.age) > 0).all() and (found.at_risk >= found.deaths).all() and (found.deaths > 0).all()


@given(st.lists(st.integers(0, 50).map(float), min_size=1, max_size=60), st.integers(1, 100))
def test_with_all_ended_it_is_the_nearest_rank(ages: list[float], percent: int) -> None:
    found = lives(*((age, True) for age in ages))
    assert found.percentile(percent) == nearest_rank(sorted(ages), percent)


@given(LIVES.filter(bool), st.floats(0, 40))
def test_one_more_that_goes_on_makes_no_percentile_smaller(
    observed: list[tuple[float, bool, float]], age: float
) -> None:
    known = [(out, ended) for out, ended, _ in observed]
    before, after = (lives(*each).percentile(50) for each in (known, [*known, (age, False)]))
    assert after is None or (before is not None and after >= before)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], [None] * 3), ([7], [7, 7, 7]), ([15, 20, 35, 40, 50], [35, 50, 50]), (list(range(1, 21)), [10, 17, 19])],
)
def test_nearest_rank_takes_a_value_that_was_there(values: list[float], expected: list[float | None]) -> None:
    assert [nearest_rank(values, percent) for percent in (50, 85, 95)] == expected

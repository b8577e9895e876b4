"""The benchmark of the rules measures the states that it names."""

from __future__ import annotations

import pytest

from benchmarks import rules
from benchmarks.rules import BEYOND, CALM, LAYOUTS, SERIES, STATES, Scale, measure
from vain.alerting.judging import Judge


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("state", "fires"), [("calm", 0), ("counting", 0), ("firing", 1)])
def test_rules_fire_only_where_the_table_says_so(layout: str, state: str, fires: int) -> None:
    judge = Judge(rules._rules(layout, state, SERIES))
    level = CALM if state == "calm" else BEYOND
    for second in range(3):
        judge.take([(f"disk.percent:/{number}", level) for number in range(SERIES)], float(second))
    each = SERIES if layout == "all series each" else 1
    assert len(judge.firing()) == fires * SERIES * each


def test_every_layout_and_state_has_its_figure() -> None:
    section = measure(Scale(rules=10, ticks=2, rounds=1))
    [table] = section.tables
    assert [row[0] for row in table.rows] == list(LAYOUTS) and {len(row) for row in table.rows} == {1 + len(STATES)}
    assert all(target.is_met for target in section.targets), "ten rules cost next to nothing"

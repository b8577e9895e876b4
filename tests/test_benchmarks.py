"""The benchmarks: their arithmetic, what they write, and that they run against a real server."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import history, history_data, history_writes, load, processes, report, rounds
from benchmarks.__main__ import MODULES
from benchmarks.report import Section, Table, Target
from vain.catalog import metric_of, stored


@pytest.mark.parametrize("module", sorted(set(MODULES.values())))
def test_every_benchmark_can_be_imported_and_says_what_it_measures(module: str) -> None:
    benchmark = import_module(f"benchmarks.{module}")
    assert callable(benchmark.measure) and len(benchmark.METHOD) > 50


def test_a_spread_is_the_median_with_the_extremes() -> None:
    assert rounds.spread([5.0, 1.0, 2.0]) == (2.0, 1.0, 5.0)
    assert rounds.Spread(1234.5, 1.0, 2000.0).text(1) == "1,234.5 (1.0–2,000.0)"
    with pytest.raises(ValueError, match="no round"):
        rounds.spread([])


def test_a_ratio_is_taken_within_each_round() -> None:
    # The ratio of the medians would be 2: the machine was slow in the second round, for both.
    assert rounds.ratios([2.0, 30.0, 4.0], [2.0, 10.0, 1.0]) == (3.0, 1.0, 4.0)
    with pytest.raises(ValueError, match="zip"):
        rounds.ratios([1.0], [1.0, 2.0])


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (99.5, 100), (0, 1), (100, 100)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert rounds.percentile(list(range(100, 0, -1)), percent) == expected


def test_rounds_are_interleaved_and_change_their_order() -> None:
    order: list[str] = []
    measured = rounds.interleaved(3, {"a": lambda: order.append("a"), "b": lambda: order.append("b")})
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert {name: len(results) for name, results in measured.items()} == {"a": 3, "b": 3}


@pytest.mark.parametrize(("value", "is_floor", "met"), [(1.0, True, True), (0.9, True, False), (1.1, False, False)])
def test_a_target_knows_which_way_it_counts(value: float, is_floor: bool, met: bool) -> None:
    target = Target("x", value, 1.0, is_floor)
    assert target.is_met is met
    assert ("**met**" if met else "**missed**") in target.text()


def test_writing_replaces_what_was_measured_and_keeps_the_rest(tmp_path: Path) -> None:
    document, order = tmp_path / "benchmarks.md", ["crud", "idle"]
    first = [Section(name, f"Title of {name}", "How.", [Table(["", "x"], [[name, "1"]])]) for name in order]
    report.write(document, first, order)
    before = document.read_text("utf-8")
    report.write(document, [first[1]._replace(method="Otherwise.")], order)
    assert document.read_text("utf-8") == "Otherwise.".join(before.rsplit("How.", 1))


@pytest.mark.slow
@pytest.mark.parametrize("connections", [1, 4])
def test_chains_run_against_a_real_server_without_an_error(connections: int) -> None:
    with processes.vain() as server:
        measured = load.crud(server, connections, seconds=0.5)
        assert measured.errors == 0
        assert measured.operations > 20
        assert set(measured.latency_ms) == set(load.CRUD)
        assert 0 < measured.server_cpu_seconds < 2


@pytest.mark.slow
def test_the_series_of_the_benchmark_are_rounded_as_the_history_rounds_them() -> None:
    t, columns = next(history_data.days(1, 20 * history_data.DAY))
    assert len(columns) == 20 and len(t) == history_data.DAY and (t[1:] > t[:-1]).all()
    for name, column in columns.items():
        values = column[:500].tolist()
        assert values == [stored(metric_of(name), value) for value in values], name


@pytest.mark.slow
def test_the_days_of_the_benchmark_follow_each_other_and_are_the_same_each_time() -> None:
    (t, columns), (later, _) = history_data.days(2, 20 * history_data.DAY)
    again, same = next(history_data.days(2, 20 * history_data.DAY))
    assert t[-1] < later[0] <= t[-1] + 1_003 and (again == t).all()
    assert all((same[name] == column).all() for name, column in columns.items())


@pytest.mark.slow
def test_the_history_is_measured_and_gives_what_its_peers_give() -> None:
    writes = history_writes.Scale(rounds=1, ticks=6, seals=1)
    section = history.measure(history.Scale(days=1, rounds=1, seconds=0.2, requests=20, writes=writes))
    assert len(section.targets) == 9
    assert 0 < section.targets[0].value < 1.5, "bytes a sample"
    assert [row[0] for row in section.tables[0].rows] == ["vAIn", "SQLite", "DuckDB"]

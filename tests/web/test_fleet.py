"""Steady, flapping, slow, bare and filtering clients through a kill of the server: each event once, none missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import fleet


@pytest.mark.slow
def test_a_fleet_misses_nothing_and_is_told_nothing_twice(tmp_path: Path) -> None:
    """The long one, with 300,000 events and ten kills, is ``python -m benchmarks fleet``."""
    told = fleet.run(tmp_path, events=1_500, kills=1, copies=1)
    assert told.events >= 1_500
    assert {result.kind for result in told.results} >= {"socket", "socket, flapping, slow", "bare", "sse", "mirror"}
    for result in told.results:
        assert (result.gaps, result.duplicates, result.is_right) == (0, 0, True), result
    assert all(result.connections > 1 for result in told.results)

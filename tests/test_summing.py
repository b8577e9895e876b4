"""Windows of several hosts, added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan

import numpy as np
import pytest

from vain.bands import MetricQuery, MetricWindow, of_values
from vain.quality import Span
from vain.summing import summed

T0 = 1_800_000_000.0
CPU = "task.cpu_percent:7"


def window(t: Sequence[float], period: float = 1.0, **series: Sequence[float]) -> MetricWindow:
    """Samples as they are; ``cpu`` is the task's."""
    named: Mapping[str, Sequence[float]] = {CPU if name == "cpu" else name: values for name, values in series.items()}
    bands = {name: of_values(np.array(values, np.float64)) for name, values in named.items()}
    return MetricWindow(T0 + np.array(t, np.float64), bands, "raw", period)


def query(seconds: float, points: int | None = None, **more: float) -> MetricQuery:
    return MetricQuery(T0, T0 + seconds, None, points, **more)  # type: ignore[arg-type]


def means(found: MetricWindow, name: str = CPU) -> list[float | None]:
    return [None if np.isnan(value) else value for value in found.series[name].mean.tolist()]


def test_what_hosts_used_in_the_same_step_is_added_whenever_each_of_them_looked() -> None:
    one = window([0.1, 1.1, 2.1, 3.1], cpu=[10, 10, 20, 20], machine=[1, 1, 1, 1])
    other = window([0.9, 1.9, 2.9, 3.9], cpu=[5, 7, 5, 7], machine=[9, 9, 9, 9])
    found = summed(query(4), one, [other._replace(series={CPU: other.series[CPU]})])
    assert (found.step_seconds, found.is_reduced) == (2.0, True)
    assert found.t.tolist() == [T0, T0 + 2] and means(found) == [16.0, 26.0]
    assert means(found, "machine") == [1.0, 1.0]
    bands = found.series[CPU]
    assert (bands.min.tolist(), bands.max.tolist()) == ([15.0, 25.0], [17.0, 27.0])


def test_what_is_known_of_some_is_their_sum_and_what_is_known_of_none_is_unknown() -> None:
    one = window([0, 1, 4, 5], cpu=[10, 10, nan, nan])
    other = window([2, 3], cpu=[5, 5])
    assert means(summed(query(6), one, [other])) == [10.0, 5.0, None]


def test_a_host_that_looks_rarely_has_a_sample_in_every_step() -> None:
    one, rare = window(range(60), cpu=[1.0] * 60), window(range(0, 60, 10), period=10.0, cpu=[5.0] * 6)
    found = summed(query(60), one, [rare])
    assert found.step_seconds == 15.0 and means(found) == [6.0] * 4


def test_a_series_that_only_another_host_has_is_there() -> None:
    found = summed(query(2), window([0.0, 1.0], machine=[1, 1]), [window([0.5, 1.5], cpu=[3, 5])])
    assert means(found) == [4.0]


@pytest.mark.parametrize(("more", "step"), [({"points": 2}, 30.0), ({"step_seconds": 10.0}, 10.0)])
def test_the_step_is_that_which_was_asked_for(more: dict[str, float], step: float) -> None:
    one = window(range(60), cpu=[1.0] * 60)
    assert summed(query(60, **more), one, [one]).step_seconds == step  # type: ignore[arg-type]


def test_why_something_is_missing_is_said_as_the_first_host_says_it() -> None:
    span = Span("asleep", T0, T0 + 1)
    assert summed(query(2), window([0.0], cpu=[1])._replace(spans=(span,)), []).spans == (span,)

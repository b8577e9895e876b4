"""Samples with the same series share their names, and are rounded at once as each value would be alone."""

from __future__ import annotations

from math import isnan

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vain.catalog import METRICS, metric_of, stored
from vain.store.metrics.hot import hot_row
from vain.store.metrics.shape import shape_of

NAMES = tuple(metric.name if metric.instance is None else f"{metric.name}:x" for metric in METRICS)
VALUES = st.one_of(
    st.none(),
    st.floats(-1e15, 1e15, allow_nan=False),
    st.integers(0, 1 << 50),
    st.floats(0, 100).map(lambda value: round(value, 1)),
)


@given(st.lists(VALUES, min_size=len(NAMES) + 1, max_size=len(NAMES) + 1))
def test_a_row_is_rounded_as_each_of_its_values(values: list[float | None]) -> None:
    names = (*NAMES, "of.another.version")
    row = np.frombuffer(shape_of(names).packed(values), np.float64)
    for name, value, kept in zip(names, values, row.tolist(), strict=True):
        if value is None:
            assert isnan(kept)
            continue
        alone = stored(metric_of(name), value)
        # Both are as near where they differ: Python rounds the decimal digits, numpy the binary ones.
        assert kept == alone or abs(abs(kept - value) - abs(alone - value)) <= 1e-12 * max(1.0, abs(value))


@given(st.lists(VALUES, min_size=len(NAMES), max_size=len(NAMES)))
def test_what_was_rounded_once_stays(values: list[float | None]) -> None:
    shape = shape_of(NAMES)
    once = shape.packed(values)
    assert shape.packed(np.frombuffer(once, np.float64).tolist()) == once


def test_no_zero_is_negative() -> None:
    row = np.frombuffer(shape_of(("cpu.percent",)).packed([-0.01]), np.float64)
    assert row.tolist() == [0.0] and not np.signbit(row[0])


def test_rows_with_the_same_series_have_the_same_names() -> None:
    one, other = (hot_row(1, [(f"cpu.core.percent:{n}", 1.0) for n in range(3)]) for _ in range(2))
    assert one.names is other.names and one.names[2] == "cpu.core.percent:2"
    assert hot_row(1, []).names == () and hot_row(1, []).values == b""

"""Columns that travel within the message that changes them."""

from __future__ import annotations

import numpy as np
import pytest
from bokeh.core.serialization import Deserializer, Serializer
from bokeh.models import ColumnDataSource

from vain.views.inline import inline


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_an_inline_column_is_in_the_message_itself(dtype: type) -> None:
    column = np.arange(5_000).astype(dtype)
    sent = Serializer(deferred=True).serialize(inline({"x": column}))
    assert sent.buffers == []
    found = Deserializer().deserialize(sent)["x"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, column)


def test_without_it_an_array_is_a_message_of_its_own() -> None:
    assert len(Serializer(deferred=True).serialize({"x": np.arange(3.0)}).buffers or []) == 1


def test_unknown_values_and_parts_of_columns_survive() -> None:
    column = np.array([1.0, np.nan, 3.0, 4.0], np.float32)[::2]
    found = Deserializer().deserialize(Serializer().serialize(inline({"x": column})))["x"]
    np.testing.assert_array_equal(found, [1.0, 3.0])
    source = ColumnDataSource(inline({"t": np.array([1.0, np.nan])}))
    assert np.isnan(source.data["t"][1])


def test_columns_of_objects_stay_as_they_are() -> None:
    words = np.array(["a", None], object)
    assert inline({"x": words})["x"] is words

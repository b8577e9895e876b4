"""Tasks as Arrow tables, for Parquet: times are times in UTC, numbers numbers, tags lists."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np
from arro3.core import Array, DataType, Field, RecordBatch, Schema, list_array

from vain.clock import unix
from vain.codec import encode
from vain.tables.arrow import TIME
from vain.task_columns import Column, Kind
from vain.types import Task

_TYPES: dict[Kind, DataType] = {
    "text": DataType.string(),
    "json": DataType.string(),
    "whole": DataType.int64(),
    "number": DataType.float64(),
    "flag": DataType.bool(),
}


def batch_of_tasks(columns: Sequence[Column], tasks: Sequence[Task]) -> RecordBatch:
    """The tasks as one batch; batches of the same columns go into one file (``tables.write_parquet``)."""
    arrays = [_array(column.kind, [column.value(task) for task in tasks]) for column in columns]
    fields = [Field(column.name, array.type, nullable=True) for column, array in zip(columns, arrays, strict=True)]
    return RecordBatch(arrays, schema=Schema(fields))


def _array(kind: Kind, values: list[Any]) -> Array:
    if kind == "time":
        return Array([None if value is None else _milliseconds(value) for value in values], DataType.int64()).cast(TIME)
    if kind == "texts":
        return _lists(values)
    if kind == "json":
        values = [None if value is None else encode(value).decode() for value in values]
    return Array(values, _TYPES[kind])


def _lists(values: list[list[str]]) -> Array:
    ends = np.fromiter(accumulate(map(len, values), initial=0), np.int32, len(values) + 1)
    return list_array(Array.from_numpy(ends), Array(list(chain.from_iterable(values)), DataType.string()))


def _milliseconds(time: str) -> int:
    return round(unix(time) * 1000)

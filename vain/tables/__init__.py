"""The metric history as a table: CSV, Arrow and Parquet, written and read.

A table has a column ``timestamp`` and one for each series under the series' own name. Where a row stands for more than
one sample, that column holds the mean, and ``min NAME`` and ``max NAME`` stand beside it; ``quality`` says in words
what is wrong with a row, and is empty where nothing is. What is written here can be read again.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import BinaryIO, NamedTuple

import arro3.io
import msgspec
import numpy as np
import numpy.typing as npt
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema, Table

from vain.bands import Bands, Floats, Integers, MetricWindow, of_values
from vain.catalog import metric_of
from vain.errors import Malformed
from vain.quality import Span
from vain.steps import Tier
from vain.tables.arrow import floats_of, of_floats, of_times, times_of
from vain.tables.reader import LARGEST, LEAST, QUALITY, TIMESTAMP, Format, read

__all__ = [
    "Format",
    "Rows",
    "Shape",
    "batch_of",
    "decoded",
    "encoded",
    "read",
    "samples_of",
    "write_parquet",
    "written",
]

Rows = RecordBatch
_FACTS = "vain"
"""Where a table's own facts stand in the metadata of Arrow and Parquet, as JSON; a column has its unit with it."""
SECOND_MS = 1_000
_COMPRESSION = "zstd(3)"
_GROUP_ROWS = 1 << 17
"""So many rows of a table that is written in parts are held at once."""
_CSV_TIME = "%Y-%m-%dT%H:%M:%S%.3fZ"


class Facts(msgspec.Struct, frozen=True):
    """What a table says of itself. ``step`` in seconds; ``reduced``: whether a row may stand for several samples."""

    tier: Tier
    step: float
    reduced: bool
    spans: tuple[Span, ...] = ()


class Shape(NamedTuple):
    """The columns of a table that is written in parts, which all have to have the same."""

    names: tuple[str, ...]
    reduced: bool


def written(window: MetricWindow, format: Format) -> bytes:  # noqa: A002  (what everybody calls it)
    """The window as the bytes of a file."""
    return encoded(batch_of(window), format)


def batch_of(window: MetricWindow, shape: Shape | None = None) -> Rows:
    """The window as one Arrow batch, over the window's own arrays where these have no gap."""
    names, reduced = shape or (tuple(window.series), window.is_reduced)
    columns: dict[str, Array] = {TIMESTAMP: of_times(_milliseconds(window.t))}
    for name in names:
        bands = window.series.get(name) or of_values(np.full(len(window.t), np.nan))
        columns[name] = of_floats(bands.mean)
        if reduced:
            columns[LEAST + name], columns[LARGEST + name] = of_floats(bands.min), of_floats(bands.max)
    columns[QUALITY] = Array(quality_of(window), DataType.string())
    if shape is not None:
        return _batch(columns)
    facts = Facts(window.tier, window.step_seconds, reduced, window.spans)
    return _batch(columns, {_FACTS: msgspec.json.encode(facts).decode()})


def samples_of(t: Integers, values: Mapping[str, Floats]) -> Rows:
    """Samples at ``t`` (Unix milliseconds) as one Arrow batch, as an import takes them."""
    return _batch({TIMESTAMP: of_times(t)} | {name: of_floats(column) for name, column in values.items()})


def encoded(rows: Rows, format: Format, header: bool = True) -> bytes:  # noqa: A002
    """A batch as the bytes of a file; ``header=False`` leaves out the first line of a CSV, to go on with another."""
    target = io.BytesIO()
    if format == "csv":
        arro3.io.write_csv(rows, target, header=header, timestamp_tz_format=_CSV_TIME)
    elif format == "arrow":
        arro3.io.write_ipc_stream(rows, target)
    else:
        arro3.io.write_parquet(rows, target, compression=_COMPRESSION)
    return target.getvalue()


def write_parquet(batches: Iterable[Rows], target: BinaryIO) -> None:
    """Batches with the same columns as one Parquet file, without holding all of them. At least one is needed."""
    coming = iter(batches)
    first = next(coming)
    stream = RecordBatchReader.from_batches(first.schema, chain([first], coming))
    arro3.io.write_parquet(stream, target, compression=_COMPRESSION, max_row_group_size=_GROUP_ROWS)


def decoded(body: bytes) -> MetricWindow:
    """The window in what ``written`` made of it as ``arrow``, over the memory of the columns that have no gap.

    How many samples a point stands for is not in it: where the mean is known ``count`` is 1, or 2 for several. Only
    for what a vAIn server answers: a file from elsewhere is read with ``read``. Raises Malformed for anything else.
    """
    try:
        rows = Table.from_arrow(arro3.io.read_ipc_stream(io.BytesIO(body))).combine_chunks()
        facts = msgspec.json.decode(rows.schema.metadata_str[_FACTS], type=Facts)
    except Exception as exc:  # arro3 knows no narrower class
        raise Malformed("This is no Arrow stream with a history of vAIn in it.") from exc
    columns = {name: rows.column(name).combine_chunks() for name in rows.column_names}
    t = times_of(columns.pop(TIMESTAMP))[0]
    del columns[QUALITY]
    names = list(columns)[:: 3 if facts.reduced else 1]
    series = {name: _bands_in(columns, name, facts.reduced) for name in names}
    return MetricWindow(t / SECOND_MS, series, facts.tier, facts.step, facts.spans, facts.reduced)


def quality_of(window: MetricWindow) -> list[str]:
    """For each row the causes that overlap it, those of one series with its name; empty where nothing is wrong."""
    width = window.step_seconds if window.is_reduced else 0.0
    texts = np.full(len(window.t), "", dtype=object)
    rows_of: dict[str, npt.NDArray[np.bool_]] = {}
    for span in window.spans:
        label = span.cause if span.series is None else f"{span.cause} {span.series}"
        rows_of.setdefault(label, np.zeros(len(texts), np.bool_))[_rows_in(span, window.t, width)] = True
    for label, rows in rows_of.items():
        texts[rows] = [f"{text}; {label}" if text else label for text in texts[rows]]
    return list(texts)


def _rows_in(span: Span, t: Floats, width: float) -> slice:
    """The rows that a span overlaps. One of all series lies between two samples that are fine; one of a single series
    reaches from the first sample without a value to the last."""
    ends = t + width
    if span.series is None:
        return slice(int(np.searchsorted(ends, span.begin, "right")), int(np.searchsorted(t, span.end, "left")))
    first = min(np.searchsorted(ends, span.begin, "right"), np.searchsorted(t, span.begin, "left"))
    return slice(int(first), int(np.searchsorted(t, span.end, "right")))


def _milliseconds(seconds: Floats) -> Integers:
    return np.rint(seconds * SECOND_MS).astype(np.int64)


def _batch(columns: Mapping[str, Array], metadata: dict[str, str] | None = None) -> Rows:
    fields = [Field(name, column.type, metadata=_unit_of(name)) for name, column in columns.items()]
    return RecordBatch(list(columns.values()), schema=Schema(fields, metadata=metadata or {}))


def _unit_of(column: str) -> dict[str, str]:
    metric = metric_of(column.removeprefix(LEAST).removeprefix(LARGEST))
    return {} if metric is None else {"unit": metric.unit}


def _bands_in(columns: Mapping[str, Array], name: str, reduced: bool) -> Bands:
    mean = floats_of(columns[name])
    if not reduced:
        return of_values(mean)
    count = np.where(np.isnan(mean), 0, 2)
    return Bands(mean, floats_of(columns[LEAST + name]), floats_of(columns[LARGEST + name]), count)

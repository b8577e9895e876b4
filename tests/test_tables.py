"""Tables of the history: what is written can be read again, and what is no table is refused by name and row."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import arro3.io
import numpy as np
import pytest

from vain import tables
from vain.bands import Bands, MetricWindow, of_values
from vain.errors import Invalid, TooLarge
from vain.quality import Span
from vain.tables import reader
from vain.tables.arrow import floats_of, of_floats

NAN = float("nan")
T = np.array([1e9, 1e9 + 1, 1e9 + 2, 1e9 + 9])
RAW = MetricWindow(
    T,
    {"cpu.percent": of_values(np.array([1.0, 2.5, NAN, 4.0])), "x,\"y": of_values(np.array([7.0, NAN, NAN, 8.0]))},
    "raw",
    1.0,
    (Span("stopped", 1e9 + 1, 1e9 + 9), Span("reset", 1e9 + 1, 1e9 + 1, "x")),
)  # fmt: skip
MINUTES = MetricWindow(
    np.array([1.2e9, 1.2e9 + 60]),
    {"cpu.percent": Bands(np.array([5.0, NAN]), np.array([1.0, NAN]), np.array([9.0, NAN]), np.array([60, 0]))},
    "1m",
    60.0,
    (Span("asleep", 1.2e9 + 59, 1.2e9 + 130),),
    is_reduced=True,
)


def read(body: bytes, format: tables.Format) -> dict[str, list[float]]:  # noqa: A002
    """All that is read, as columns; without the process of its own that ``tables.read`` makes."""
    names, batches = reader.parsed(body, format)
    columns: dict[str, list[float]] = {}
    for batch in batches:
        for name, column in zip(["t", *names], batch, strict=True):
            columns.setdefault(name, []).extend(column.tolist())
    return columns


def refusal(body: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        read(body, "csv")
    return caught.value.detail


def test_csv_is_what_a_person_would_write() -> None:
    assert tables.written(RAW, "csv").decode().splitlines() == [
        'timestamp,cpu.percent,"x,""y",quality',
        "2001-09-09T01:46:40.000Z,1.0,7.0,",
        "2001-09-09T01:46:41.000Z,2.5,,reset x",
        "2001-09-09T01:46:42.000Z,,,stopped",
        "2001-09-09T01:46:49.000Z,4.0,8.0,",
    ]


def test_points_of_many_samples_keep_least_and_largest() -> None:
    heading, first, second = tables.written(MINUTES, "csv").decode().splitlines()
    assert heading == "timestamp,cpu.percent,min cpu.percent,max cpu.percent,quality"
    assert first.endswith(",5.0,1.0,9.0,asleep") and second.endswith(",,,,asleep")


@pytest.mark.parametrize("format", ["csv", "parquet"])
@pytest.mark.parametrize("window", [RAW, MINUTES])
def test_what_is_written_is_read_again(window: MetricWindow, format: tables.Format) -> None:  # noqa: A002
    columns = read(tables.written(window, format), format)
    assert columns.pop("t") == (window.t * 1000).tolist() and list(columns) == list(window.series)
    for name, values in columns.items():
        assert np.array_equal(values, window.series[name].mean, equal_nan=True)


@pytest.mark.parametrize("window", [RAW, MINUTES])
def test_arrow_brings_the_whole_window_back(window: MetricWindow) -> None:
    again = tables.decoded(tables.written(window, "arrow"))
    assert np.array_equal(again.t, window.t) and again[2:] == window[2:]
    for name, bands in window.series.items():
        for part, expected in zip(
            (again.series[name].mean, again.series[name].max), (bands.mean, bands.max), strict=True
        ):
            assert np.array_equal(part, expected, equal_nan=True)


def test_a_window_without_rows_is_a_table_without_rows() -> None:
    empty = MetricWindow(np.empty(0), {"a": of_values(np.empty(0))}, "raw", 1.0)
    assert len(tables.decoded(tables.written(empty, "arrow")).t) == 0
    assert (
        tables.written(empty, "csv") == b"timestamp,a,quality\n"
        and read(tables.written(empty, "parquet"), "parquet") == {}
    )


def test_units_stand_with_the_columns() -> None:
    rows = arro3.io.read_parquet(BytesIO(tables.written(MINUTES, "parquet")))
    assert rows.schema.field("max cpu.percent").metadata_str == {"unit": "percent"}
    assert repr(rows.schema.field("timestamp").type) == repr(tables.batch_of(RAW).schema.field("timestamp").type)


def test_values_without_gaps_are_not_copied() -> None:
    values = np.arange(5.0)
    assert np.shares_memory(floats_of(of_floats(values)), values)
    assert not floats_of(of_floats(values)).flags.writeable
    assert floats_of(of_floats(np.array([1.0, NAN, 3.0])).slice(1, 2)).tolist()[1] == 3.0


def test_csv_of_others_is_taken_with_every_spelling_of_a_time() -> None:
    times = [
        "2026-11-23T09:30:00Z",
        "2026-11-23T10:30:00.5+01:00",
        "2026-11-23 09:30:01",
        "1795426202.25",
        "2026-11-24",
    ]
    rows = "".join(f"{value},{t}\n" for value, t in zip(["1", "", "NaN", "-1e3", "inf"], times, strict=True))
    columns = read(f"\ufeffa, timestamp\n{rows}".encode(), "csv")
    assert columns["t"] == [1795426200000, 1795426200500, 1795426201000, 1795426202250, 1795478400000]
    assert np.array_equal(columns["a"], [1, NAN, NAN, -1000, NAN], equal_nan=True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"time,a\n1,2\n", "One column 'timestamp' is expected, and the first columns are 'time', 'a'"),
        (b"timestamp,timestamp,a\n1,1,2\n", "One column 'timestamp'"),
        (b"timestamp,a,host\n1,2,web\n", "Column 'host': row 1 has 'web', which is no number"),
        (b"timestamp,a\n1,2\n2,0x1f\n", "Column 'a': row 2 has '0x1f'"),
        (b"timestamp,a\n1,2\n3\n", "Line 3 has 1 fields, and the first line has 2"),
        (b"timestamp,a\n1,2\nsoon,3\n", "Column 'timestamp': row 2 has no time"),
        (b"timestamp,a\n1,2\n,3\n", "row 2 has no time"),
        (b"timestamp,a\n1795426200000,2\n", "row 1 has no time between 1970 and 2200"),
        (b"timestamp,a\n-5,2\n", "row 1 has no time"),
        (b"timestamp,a,a\n1,2,3\n", "Column 'a': the name is there twice"),
        (b"timestamp," + b"a" * 201 + b"\n1,2\n", "1 to 200 characters"),
        (b"timestamp,a\x1bb\n1,2\n", "characters that can be printed"),
        (b"timestamp,\n1,2\n", "1 to 200 characters"),
        (b"timestamp,a\n\xff,2\n", "Line 2 is not UTF-8"),
    ],
)  # fmt: skip
def test_csv_that_is_no_table_is_refused_by_column_and_row(body: bytes, words: str) -> None:
    assert words in refusal(body)


def test_rows_are_counted_through_all_batches() -> None:
    rows = [f"{second},1" for second in range(reader.BATCH_ROWS + 100)]
    rows[-1] = "never,1"
    assert f"row {len(rows):,} has no time" in refusal("\n".join(["timestamp,a", *rows]).encode())


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)])
def test_parquet_times_of_every_unit_are_taken(unit: str, factor: int) -> None:
    import arro3.core

    t = arro3.core.Array.from_buffer(np.array([1_795_426_200 * factor])).cast(arro3.core.DataType.timestamp(unit))
    counts = arro3.core.Array([3], arro3.core.DataType.int32())
    target = BytesIO()
    arro3.io.write_parquet(arro3.core.Table.from_pydict({"n": counts, "timestamp": t}), target)
    assert read(target.getvalue(), "parquet") == {"t": [1_795_426_200_000], "n": [3.0]}


@pytest.mark.slow
def test_a_parquet_file_that_ends_its_reader_is_refused(root: Path) -> None:
    # One byte of it was changed: arro3 0.8 calls abort() on it.
    damaged = root / "tests" / "data" / "aborts.parquet"
    for source in (damaged, b"no table"):
        with pytest.raises(Invalid, match="damaged"):
            list(tables.read(source, "parquet"))


@pytest.mark.slow
def test_a_body_that_unpacks_to_too_much_is_refused() -> None:
    body = tables.encoded(tables.samples_of(np.arange(1_000) * 1_000, {"a": np.zeros(1_000)}), "parquet")
    with pytest.raises(TooLarge, match="in parts"):
        list(tables.read(body, "parquet", most_values=999))
    ((t, values),) = tables.read(body, "parquet", most_values=1_000)
    assert t[-1] == 999_000 and values["a"].tolist() == [0.0] * 1_000


def test_a_file_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(tables.written(RAW, "parquet"))
    (tmp_path / "b").write_bytes(tables.written(RAW, "csv"))
    assert reader.format_of(tmp_path / "a") == "parquet" and reader.format_of(tmp_path / "b") == "csv"
    with pytest.raises(Invalid, match="cannot be read"):
        reader.format_of(tmp_path / "nothing")


@pytest.mark.slow
def test_reading_stops_with_who_reads(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    file.write_text("timestamp,a\n" + "\n".join(f"{second},1" for second in range(200_000)))
    batches = tables.read(file, "csv")
    t, _ = next(batches)
    batches.close()  # type: ignore[attr-defined]  # a generator; would hang if the child were waited for
    assert len(t) == reader.BATCH_ROWS


def test_a_table_is_written_in_parts_of_one_shape() -> None:
    shape, target = tables.Shape(("cpu.percent", "y"), reduced=True), BytesIO()
    tables.write_parquet((tables.batch_of(window, shape) for window in (MINUTES, RAW)), target)
    columns = read(target.getvalue(), "parquet")
    assert len(columns["t"]) == 6 and list(columns) == ["t", "cpu.percent", "y"] and np.isnan(columns["y"]).all()

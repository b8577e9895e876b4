"""Samples from CSV and Parquet files of other programs, for an import.

The files are read in a process of their own, with bounded memory: what arro3 reads them with ends its whole process
when a Parquet file is damaged in certain ways, and a small file may ask for any amount of memory. Neither may be a
server's end. The parent gets plain arrays through a pipe, one batch at a time, checked.

A file has a column ``timestamp`` (RFC 3339, without a zone UTC; or Unix seconds; or Arrow timestamps); each other
column of numbers is a series. ``quality`` and the ``min …`` and ``max …`` of roll-ups are passed over.
"""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Literal, TypeVar

import arro3.io
import msgspec
import numpy as np
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema

from vain.bands import Floats, Integers
from vain.errors import Flaw, Invalid, TooLarge
from vain.tables.arrow import floats_of, is_number, is_time, times_of

if sys.platform != "win32":
    import resource

Format = Literal["csv", "arrow", "parquet"]
Column = Integers | Floats
C = TypeVar("C", Integers, Floats)
Samples = tuple[Integers, dict[str, Floats]]
"""Unix milliseconds, and for each series the values at these times; NaN where the file says nothing."""

TIMESTAMP, QUALITY = "timestamp", "quality"
LEAST, LARGEST = "min ", "max "
"""What stands before a series' name over the columns of its least and largest values."""
BATCH_ROWS = 131_072
BATCH_VALUES = 4_000_000
MOST_COLUMNS = 2_000
LONGEST_NAME = 200
MOST_VALUES = 32_000_000
"""What a body may hold, unless told otherwise: 256 MB when unpacked."""
LATEST_SECONDS = 7_258_118_400.0
"""The year 2200: a larger number was meant as milliseconds."""
CHILD_BYTES = 2 << 30
_HEAD = struct.Struct("<cq")
"""What comes next in the pipe, and how many bytes or rows of it."""
_NAMES, _ROWS, _END, _REFUSED = b"N", b"R", b"E", b"X"


class Refusal(msgspec.Struct, frozen=True):
    """Why the child reads no further; ``pointer`` names the column."""

    detail: str
    pointer: str | None = None


def format_of(path: Path) -> Format:
    """What a file is, by its first bytes. Raises Invalid if it cannot be read."""
    try:
        with path.open("rb") as file:
            return "parquet" if file.read(4) == b"PAR1" else "csv"
    except OSError as exc:
        raise Invalid(f"{path} cannot be read ({exc.strerror}).") from exc


def read(source: bytes | Path, format: Format, most_values: int | None = None) -> Iterator[Samples]:  # noqa: A002
    """The samples of a file or a body, in its own order, in batches of at most ``BATCH_ROWS`` rows. Blocks.

    ``most_values`` bounds how many come in all (a body: ``MOST_VALUES`` unless told). Raises TooLarge beyond them, and
    Invalid that names column and row for what is no number or no time; what came before that was fine.
    """
    if most_values is None and isinstance(source, bytes):
        most_values = MOST_VALUES
    # -P: Python takes no module from the folder that the user happens to be in.
    program = "import sys; sys.path.append(sys.argv[1]); from vain.tables import reader; reader.main(sys.argv[2:])"
    where = [str(source)] if isinstance(source, Path) else []
    command = [sys.executable, "-P", "-c", program, str(Path(__file__).parents[1]), format, *where]
    with subprocess.Popen(  # noqa: S603  (our own interpreter; a list, so no shell)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        try:
            yield from _received(child, source, most_values)
        finally:
            child.kill()


def _received(child: subprocess.Popen[bytes], source: bytes | Path, most_values: int | None) -> Iterator[Samples]:
    assert child.stdin is not None and child.stdout is not None  # noqa: S101  (for the type checker)
    with suppress(BrokenPipeError):  # a child that has ended says why, or is damaged by what it read
        # It takes all of it before it says anything, so neither waits for the other.
        child.stdin.write(source if isinstance(source, bytes) else b"")
        child.stdin.close()
    names: list[str] = []
    values = 0
    for kind, size in iter(lambda: _head(child.stdout), (_END, 0)):
        if kind == _REFUSED:
            refusal = msgspec.json.decode(child.stdout.read(size), type=Refusal)
            raise Invalid(refusal.detail, [Flaw(refusal.detail, pointer=refusal.pointer)])
        if kind == _NAMES:
            names = msgspec.json.decode(child.stdout.read(size), type=list[str])
            continue
        values += size * len(names)
        if most_values is not None and values > most_values:
            raise TooLarge(f"There are more than {most_values:,} values: send them in parts.")
        t = _filled(child.stdout, np.empty(size, np.int64))
        yield t, {name: _filled(child.stdout, np.empty(size, np.float64)) for name in names}


def _head(stream: IO[bytes] | None) -> tuple[bytes, int]:
    """What comes next, and how much of it. Raises Invalid if the child ended before it had said so."""
    head = b"" if stream is None else stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise Invalid("The file is damaged, or asks for too much memory.")
    kind, size = _HEAD.unpack(head)
    return kind, size


def _filled(stream: IO[bytes], column: C) -> C:
    """The column, filled. Raises Invalid if the child ended before."""
    if stream.readinto(column.data.cast("B")) < column.nbytes:  # type: ignore[attr-defined]  # a pipe has it
        raise Invalid("The file is damaged, or asks for too much memory.")
    return column


# --- the child ---------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> None:
    """The child: reads the file that is named after its format, or what comes on stdin; writes as ``read`` expects."""
    _bound_memory()
    format, *path = arguments  # noqa: A001
    body = sys.stdin.buffer.read()
    out = sys.stdout.buffer
    try:
        names, batches = parsed(path[0] if path else body, "parquet" if format == "parquet" else "csv")
        encoded = msgspec.json.encode(names)
        out.write(_HEAD.pack(_NAMES, len(encoded)) + encoded)
        for columns in batches:
            out.write(_HEAD.pack(_ROWS, len(columns[0])))
            out.writelines(column.data.cast("B") for column in columns)
        out.write(_HEAD.pack(_END, 0))
    except BrokenPipeError:
        os._exit(1)  # the parent has heard enough; there is nobody left to tell
    except Invalid as exc:
        _refuse(out, exc.detail, exc.flaws[0].pointer if exc.flaws else None)
    except BaseException as exc:  # noqa: BLE001  (arro3 raises Exception, and for its own bugs a BaseException)
        reason = f"cannot be read ({exc.strerror})" if isinstance(exc, OSError) else f"is damaged, or no {format}"
        _refuse(out, f"The file {reason}.", None)


def parsed(source: str | bytes, format: Format) -> tuple[list[str], Iterator[list[Column]]]:  # noqa: A002
    """The names of the series, and batches of their times and their values. To be called in a process that may end.

    Raises Invalid as ``read`` does, and whatever arro3 raises.
    """
    schema, batches = (_parquet if format == "parquet" else _csv)(source)
    series = _series_of(schema)
    return [schema.names[number] for number in series], _columns(batches, schema.names.index(TIMESTAMP), series)


def _columns(batches: Iterator[RecordBatch], time: int, series: Sequence[int]) -> Iterator[list[Column]]:
    first_row = 1
    for batch in batches:
        t = _times(batch.column(time), first_row)
        first_row += len(t)
        if len(t):
            yield [t, *(_finite(floats_of(batch.column(number))) for number in series)]


def _csv(source: str | bytes) -> tuple[Schema, Iterator[RecordBatch]]:
    def file() -> str | io.BytesIO:
        return io.BytesIO(source) if isinstance(source, bytes) else source

    header = arro3.io.infer_csv_schema(file(), has_header=True, max_records=0)
    names = [name.removeprefix("\ufeff").strip() for name in header.names]
    if not names:
        raise Invalid("The file is empty: a first line with the names of the columns is expected.")
    kinds = [DataType.string() if _is_text(name) else DataType.float64() for name in names]
    schema = Schema([Field(name, kind) for name, kind in zip(names, kinds, strict=True)])
    reader = arro3.io.read_csv(file(), schema, has_header=True, batch_size=_batch_rows(len(names)))
    return schema, _csv_batches(reader, names)


def _csv_batches(reader: RecordBatchReader, names: Sequence[str]) -> Iterator[RecordBatch]:
    try:
        yield from reader
    except Exception as exc:  # arro3 has no narrower class
        raise _in_words(str(exc), names) from exc


def _in_words(message: str, names: Sequence[str]) -> Invalid:
    """What arro3 says of a line of CSV, for a person."""
    value = re.search(r"parsing value '(.*?)' as type .*? for column (\d+) at line (\d+)", message, re.DOTALL)
    if value:
        column, row = names[int(value[2])], int(value[3])
        return _invalid(column, f"row {row:,} has {value[1][:80]!r}, which is no number")
    fields = re.search(r"incorrect number of fields for line (\d+), expected (\d+) got (\d+)", message)
    if fields:
        return Invalid(f"Line {int(fields[1]):,} has {fields[3]} fields, and the first line has {fields[2]}.")
    line = re.search(r"invalid UTF-8 data for line (\d+)", message)
    return Invalid(f"Line {int(line[1]):,} is not UTF-8." if line else f"The file is no CSV: {message[:200]}.")


def _parquet(source: str | bytes) -> tuple[Schema, Iterator[RecordBatch]]:
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    width = len(arro3.io.read_parquet(file).schema.names)
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    reader = arro3.io.read_parquet(file, batch_size=_batch_rows(width))
    return reader.schema, iter(reader)


def _batch_rows(width: int) -> int:
    return max(1, min(BATCH_ROWS, BATCH_VALUES // max(1, width)))


def _series_of(schema: Schema) -> list[int]:
    """The positions of the columns that are series. Raises Invalid for a name or a type that cannot be one."""
    names = schema.names
    if names.count(TIMESTAMP) != 1:
        few = ", ".join(repr(name[:40]) for name in names[:5])
        raise Invalid(f"One column {TIMESTAMP!r} is expected, and the first columns are {few}.")
    series = [number for number, name in enumerate(names) if not _is_text(name)]
    if not series:
        raise Invalid(
            f"Beside {TIMESTAMP!r} a column of numbers is expected; 'min …' and 'max …' alone are passed over."
        )
    if len(series) > MOST_COLUMNS:
        raise Invalid(f"The file has {len(series):,} columns; at most {MOST_COLUMNS:,} are taken at once.")
    for number in series:
        name, kind = names[number], schema.field(number).type
        if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
            raise _invalid(name[:80], f"a name has 1 to {LONGEST_NAME} characters that can be printed")
        if names.count(name) > 1:
            raise _invalid(name, "the name is there twice")
        if not is_number(kind):
            raise _invalid(name, "numbers are expected in every column but 'timestamp' and 'quality'")
    return series


def _is_text(name: str) -> bool:
    """Whether a column is no series: the times, what is wrong, and the ends of a roll-up, which its mean stands for."""
    return name in (TIMESTAMP, QUALITY) or name.startswith((LEAST, LARGEST))


def _times(column: Array, first_row: int) -> Integers:
    """The times in Unix milliseconds. Raises Invalid that names the row of the first that is none."""
    if is_number(column.type):
        return _from_seconds(floats_of(column), first_row)
    t, known = times_of(column)
    if known is not None:
        # What is no date is looked at as a number; an Arrow time that is missing is none either.
        seconds = np.full(len(t), np.nan) if is_time(column.type) else floats_of(column)
        t = np.where(known, t, _from_seconds(np.where(known, 0.0, seconds), first_row))
    outside = (t < 0) | (t >= LATEST_SECONDS * 1000)
    if outside.any():
        raise _no_time(first_row + int(np.argmax(outside)))
    return np.ascontiguousarray(t)


def _from_seconds(seconds: Floats, first_row: int) -> Integers:
    fine = (seconds >= 0) & (seconds < LATEST_SECONDS)
    if not fine.all():
        raise _no_time(first_row + int(np.argmin(fine)))
    return np.rint(seconds * 1000).astype(np.int64)


def _no_time(row: int) -> Invalid:
    return _invalid(
        TIMESTAMP, f"row {row:,} has no time between 1970 and 2200; 2026-11-23T09:30:00Z or Unix seconds would be right"
    )


def _finite(values: Floats) -> Floats:
    """Infinity is no measurement."""
    return np.where(np.isfinite(values), values, np.nan)


def _invalid(column: str, what: str) -> Invalid:
    detail = f"Column {column!r}: {what}."
    return Invalid(detail, [Flaw(detail, pointer=f"/{column}")])


def _refuse(out: IO[bytes], detail: str, pointer: str | None) -> None:
    body = msgspec.json.encode(Refusal(detail, pointer))
    out.write(_HEAD.pack(_REFUSED, len(body)) + body)


def _bound_memory() -> None:
    """``CHILD_BYTES`` beyond what is mapped now: libraries reserve much for each core, and use little of it."""
    if sys.platform == "win32":
        return
    with suppress(OSError, ValueError):  # no such file, or a limit that is lower already
        mapped = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + CHILD_BYTES, mapped + CHILD_BYTES))

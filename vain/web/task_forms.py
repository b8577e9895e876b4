"""Tasks and their changes as JSON, NDJSON, CSV and Parquet: sent as they are read, so that a long answer needs little
memory. What takes more than a copy is done beside the event loop."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec

from vain import tables
from vain.cells import CSV_TYPE, lines
from vain.codec import decode
from vain.lists import Parts
from vain.messages import TaskUpdate
from vain.tables.tasks import batch_of_tasks
from vain.task_columns import Column, cells, event_columns, header, task_columns
from vain.types import TABLE_TYPES, Task
from vain.web.http import JSON, Response
from vain.web.negotiation import VARIES

FORMS = {"json": JSON, "ndjson": "application/x-ndjson", "csv": CSV_TYPE, "parquet": TABLE_TYPES["parquet"]}
"""What lists and histories are to be had as."""
FILES = ("csv", "parquet")
CHUNK_BYTES = 256 << 10
KEPT_BYTES = 8 << 20
"""A Parquet file that is larger is written to disk before it is sent."""

Chunks = AsyncIterator[bytes]
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Rows(NamedTuple):
    """What is to be sent: JSON objects in parts, the type that they are of, and which columns a table of them has."""

    parts: Parts
    type: type[Task]
    columns: tuple[Column, ...]
    fields: tuple[str, ...] | None = None
    """Only these, in this order; None: all."""


def task_rows(parts: Parts, fields: tuple[str, ...] | None) -> Rows:
    """Tasks."""
    return Rows(parts, Task, task_columns(fields), fields)


def event_rows(parts: Parts) -> Rows:
    """Changes of a task, as ``taskUpdate`` has them."""
    return Rows(parts, TaskUpdate, event_columns())


async def response(rows: Rows, form: str, name: str, headers: dict[str, str]) -> Response:
    """The answer in one of ``FORMS``; ``name`` is that of the file, where it is one. A short one is in one piece."""
    headers = {**headers, **VARIES}
    if form in FILES:
        headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    chunks = _parquet(rows) if form == "parquet" else _text(rows.parts, _WRITERS[form](rows))
    return Response(await _settled(chunks), content_type=FORMS[form], headers=headers)


class _Writer(NamedTuple):
    """How a text is put together: what stands before all, what becomes of a part, between two parts, behind all."""

    begin: bytes
    part: Callable[[list[bytes]], bytes]
    between: bytes
    end: bytes
    is_work: bool = True


def _json(rows: Rows) -> _Writer:
    if rows.fields is None:
        return _Writer(b"[", b",".join, b",", b"]", is_work=False)
    picked = _picking(rows.fields)
    return _Writer(b"[", lambda bodies: b",".join(map(picked, bodies)), b",", b"]")


def _ndjson(rows: Rows) -> _Writer:
    if rows.fields is None:
        return _Writer(b"", lambda bodies: b"\n".join(bodies) + b"\n", b"", b"", is_work=False)
    picked = _picking(rows.fields)
    return _Writer(b"", lambda bodies: b"".join(picked(body) + b"\n" for body in bodies), b"", b"")


def _csv(rows: Rows) -> _Writer:
    def part(bodies: list[bytes]) -> bytes:
        return lines(cells(rows.columns, decode(rows.type, body)) for body in bodies)

    return _Writer(lines([header(rows.columns)]), part, b"", b"")


_WRITERS: dict[str, Callable[[Rows], _Writer]] = {"json": _json, "ndjson": _ndjson, "csv": _csv}


def _picking(fields: Sequence[str]) -> Callable[[bytes], bytes]:
    """The JSON of a task with these fields alone; one that an older task does not have yet is null."""
    null = msgspec.Raw(b"null")

    def picked(body: bytes) -> bytes:
        known = _fields.decode(body)
        return msgspec.json.encode({field: known.get(field, null) for field in fields})

    return picked


async def _text(parts: Parts, writer: _Writer) -> Chunks:
    before = writer.begin
    async for bodies in parts:
        written = await asyncio.to_thread(writer.part, bodies) if writer.is_work else writer.part(bodies)
        yield before + written
        before = writer.between
    yield (writer.begin if before is writer.begin else b"") + writer.end


async def _parquet(rows: Rows) -> Chunks:
    """The end of a Parquet file says where its columns are, so all of it is written before any of it is sent."""
    ended = threading.Event()
    with tempfile.SpooledTemporaryFile(KEPT_BYTES) as file:
        target = cast("BinaryIO", file)
        try:
            await asyncio.to_thread(tables.write_parquet, _batches(rows, asyncio.get_running_loop(), ended), target)
            target.seek(0)
            while chunk := await asyncio.to_thread(target.read, CHUNK_BYTES):
                yield chunk
        finally:
            ended.set()


def _batches(rows: Rows, loop: asyncio.AbstractEventLoop, ended: threading.Event) -> Iterator[tables.Rows]:
    """In a thread of its own; the parts are read by the loop. The first batch is empty, so that there is one."""
    yield batch_of_tasks(rows.columns, [])
    while not ended.is_set():
        bodies = asyncio.run_coroutine_threadsafe(_next(rows.parts), loop).result()
        if bodies is None:
            return
        yield batch_of_tasks(rows.columns, [decode(rows.type, body) for body in bodies])
    raise InterruptedError("nobody waits for the file any more")


async def _next(parts: Parts) -> list[bytes] | None:
    return await anext(parts, None)


async def _settled(chunks: Chunks) -> bytes | Chunks:
    """All of a short text; of a long one the beginning is read, so that what fails at once is answered as an error."""
    first = [chunk async for chunk in _few(chunks, 3)]
    return b"".join(first) if len(first) < 3 else _joined(first, chunks)


async def _few(chunks: Chunks, count: int) -> Chunks:
    for _ in range(count):
        chunk: Any = await anext(chunks, None)
        if chunk is None:
            return
        yield chunk


async def _joined(first: list[bytes], rest: Chunks) -> Chunks:
    for chunk in first:
        yield chunk
    async for chunk in rest:
        yield chunk

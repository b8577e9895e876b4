"""Large answers as zstd or gzip, for those who take them.

What has a strong entity tag is never changed: a client may send the tag back in ``If-Match``. Neither are errors, what
is packed by itself, and a stream of events, of which each has to leave at once.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from functools import lru_cache
from typing import Literal, Protocol

from msgspec.structs import replace

from vain.web.http import JSON, Response

SMALLEST_BYTES = 1 << 10
AT_ONCE_BYTES = 16 << 10
"""So much takes a tenth of a millisecond; more of it is done beside the event loop."""
LEVEL = 1
"""Of both. JSON by gzip at level 6 is a tenth smaller, and takes three times as long."""
GZIP_WINDOW = 31
MOST_KEPT = 32
LONGEST_ACCEPT = 200
TYPES = frozenset({
    JSON, "application/x-ndjson", "application/javascript", "application/openmetrics-text", "image/svg+xml",
    "text/css", "text/csv", "text/html", "text/javascript", "text/markdown", "text/plain",
})  # fmt: skip


Coding = Literal["zstd", "gzip"]


class Packer(Protocol):
    """Packs a stream."""

    def compress(self, part: bytes, /) -> bytes:
        """What of it can leave."""

    def flush(self) -> bytes:
        """The rest."""


class Compressor:
    """Keeps the last answers that it made, for bodies that many ask for: the newest sample, the files of the pages."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, Coding], tuple[bytes, bytes]] = OrderedDict()

    def prepared(self, accepts: str, response: Response) -> Response | Awaitable[Response]:
        """An answer that ``may_compress``, as it is sent to a client with this ``Accept-Encoding``."""
        coding = coding_for(accepts) if len(accepts) <= LONGEST_ACCEPT else None
        if coding is None:
            return response
        headers = {**response.headers, "Content-Encoding": coding}
        if not isinstance(response.body, bytes):
            return replace(response, headers=headers, body=_stream(response.body, coding))
        if len(response.body) > AT_ONCE_BYTES:
            return _beside(response, response.body, headers, coding)
        return replace(response, headers=headers, body=self._kept_or_packed(response.body, coding))

    def _kept_or_packed(self, body: bytes, coding: Coding) -> bytes:
        """By identity: to compare bodies would cost more than most of them are worth."""
        key = id(body), coding
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = body, _packed(body, coding)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return found[1]


def may_compress(response: Response) -> bool:
    """Whether what is sent depends on what the client takes."""
    body = response.body
    if isinstance(body, bytes) and len(body) < SMALLEST_BYTES:
        return False
    return (
        response.status == 200
        and response.headers.get("ETag", "W/").startswith("W/")
        and "Content-Encoding" not in response.headers
        and response.content_type.partition(";")[0] in TYPES
    )


@lru_cache(256)
def coding_for(accepts: str) -> Coding | None:
    """What an ``Accept-Encoding`` takes: zstd, unless it likes gzip better; else gzip. A quality of 0 is a no."""
    qualities = dict(map(_quality, accepts.lower().split(",")))
    gzip = qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0)))
    zstd = qualities.get("zstd", 0.0)
    if zstd > 0 and zstd >= gzip:
        return "zstd"
    return "gzip" if gzip > 0 else None


def _quality(part: str) -> tuple[str, float]:
    coding, _, rest = part.partition(";")
    name, _, value = rest.strip().partition("=")
    try:
        return coding.strip(), float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return coding.strip(), 0.0


def _packed(body: bytes, coding: Coding) -> bytes:
    packer = _packer(coding)
    return packer.compress(body) + packer.flush()


def _packer(coding: Coding) -> Packer:
    if coding == "gzip":
        return zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    import zstandard  # noqa: PLC0415  (2 MB, for nothing until somebody asks for it)

    return zstandard.ZstdCompressor(level=LEVEL).compressobj()


async def _beside(response: Response, body: bytes, headers: Mapping[str, str], coding: Coding) -> Response:
    return replace(response, headers=headers, body=await asyncio.to_thread(_packed, body, coding))


async def _stream(parts: AsyncIterator[bytes], coding: Coding) -> AsyncIterator[bytes]:
    packer = _packer(coding)
    try:
        async for part in parts:
            if packed := await asyncio.to_thread(packer.compress, part):
                yield packed
        yield packer.flush()
    finally:
        if isinstance(parts, AsyncGenerator):
            await parts.aclose()  # where the client has left

"""How an answer leaves: in one piece or in parts, with what every answer carries, and not for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from email.utils import formatdate
from http.client import responses
from typing import Any, cast

from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPMessageDelegate, ResponseStartLine
from tornado.iostream import IOStream, StreamClosedError

from vain.web.cross_origin import shared_headers
from vain.web.desk import Desk
from vain.web.gate import Identity
from vain.web.headers import Head, add_vary, api_head
from vain.web.http import Response
from vain.web.mounts import Mount
from vain.web.proxies import Outer
from vain.web.request_ids import HEADER as REQUEST_ID
from vain.web.socket_writer import limit_buffer

logger = logging.getLogger(__name__)

STALLED_SECONDS, ANSWER_SECONDS = 30.0, 60.0
"""So long a client may take none of a part of an answer, and so long it may take over one that is in one piece."""


class Answering(HTTPMessageDelegate, ABC):
    """The part of an exchange that writes; ``Exchange`` is the one that reads, and sets what is read here."""

    _desk: Desk
    _connection: HTTPConnection
    _method: str
    _is_old: bool
    _mount: Mount | None
    _outer: Outer
    _identity: Identity
    _request_id: str
    _task: asyncio.Task[None] | None
    _is_crowded: bool
    _goes_on: bool
    _is_compressible: bool
    _other_page: str | None

    @abstractmethod
    def _route(self) -> str | None:
        """The path as the table of routes has it."""

    def _write(self, response: Response, body: bytes) -> None:
        """The whole answer. It is under way until the socket has taken the last of it."""
        head = self._head(response)
        if response.status not in (204, 304) and not (self._mount is not None and self._method == "HEAD"):
            head["Content-Length"] = str(len(body))
        written = self._send(response.status, head, b"" if self._method == "HEAD" else body)
        self._connection.finish()
        if self._is_crowded:
            self._abort()
        elif self._stream_of_connection().writing():
            self._task = asyncio.ensure_future(self._wait_for(written))
        else:
            self._desk.end(self)

    async def _stream(self, response: Response, parts: AsyncIterator[bytes]) -> None:
        self._start(response.status, self._head(response), b"")
        if response.is_endless:
            self._go_on()
        try:
            if self._method != "HEAD":
                async for part in parts:
                    await asyncio.wait_for(self._connection.write(part), STALLED_SECONDS)
        except StreamClosedError:
            self._desk.end(self)
            return
        except TimeoutError:
            self._abort()
            return
        except Exception:
            # The status is out already: only an end without the last chunk tells the client that this is not all.
            logger.exception("An answer broke off")
            self._abort()
            return
        finally:
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()  # what it holds goes now, not when it is found to be garbage
        self._connection.finish()
        self._desk.end(self)
        if response.is_endless and self._is_old:
            self._stream_of_connection().close()

    def _go_on(self) -> None:
        """Nobody waits for the end of this answer; and it ends with the right to it."""
        stream = self._stream_of_connection()
        limit_buffer(stream)
        self._desk.watch(stream, self._identity, farewell=b"")
        self._desk.end(self)

    async def _wait_for(self, written: Awaitable[None]) -> None:
        try:
            await asyncio.wait_for(written, ANSWER_SECONDS)
        except StreamClosedError:
            pass
        except TimeoutError:
            self._stream_of_connection().close()
        self._desk.end(self)

    def _head(self, response: Response) -> Head:
        head = api_head(response.headers)
        if self._is_compressible:
            add_vary(head, "Accept-Encoding")
        if response.status not in (204, 304):
            head["Content-Type"] = response.content_type
        head["Date"] = _date()
        head[REQUEST_ID] = self._request_id
        if self._outer.prefix:
            _put_prefix(head, self._outer.prefix)
        if self._desk.gate.allows_others:
            self._share(head)
        return head

    def _share(self, head: Head) -> None:
        """Let a page of an allowed origin read the answer; caches are told that others may not."""
        add_vary(head, "Origin")
        if self._other_page is not None:
            head.update(shared_headers(self._other_page))

    def _send(self, status: int, head: Head, body: bytes) -> Awaitable[None]:
        """Head and body at once. Where the connection just goes on, Tornado is given them ready to be sent, which it
        allows: it takes more than a microsecond for each header, an eighth of the whole request."""
        if not self._goes_on:
            return self._start(status, head, body)
        self._desk.tally.count(self._route(), self._method, status)
        return self._connection.write(head.written(f"HTTP/1.1 {status} {responses[status]}") + body)

    def _start(self, status: int, head: Head, chunk: bytes) -> Awaitable[None]:
        self._desk.tally.count(self._route(), self._method, status)
        start_line = ResponseStartLine("HTTP/1.1", status, responses[status])
        return self._connection.write_headers(start_line, cast(HTTPHeaders, head), chunk)

    def _abort(self) -> None:
        self._desk.end(self)
        self._stream_of_connection().close()

    def _stream_of_connection(self) -> IOStream:
        connection: Any = self._connection  # HTTP1Connection has it, the interface does not say so
        stream: IOStream = connection.stream
        return stream


def _put_prefix(head: Head, prefix: str) -> None:
    """Our own addresses, as the client has to write them."""
    if head.get("Location", "").startswith("/"):
        head["Location"] = prefix + head["Location"]
    if "Link" in head:
        head["Link"] = head["Link"].replace("</", f"<{prefix}/")


_date_cache = (0, "")


def _date() -> str:
    global _date_cache
    second = int(time.time())
    if _date_cache[0] != second:
        _date_cache = second, formatdate(second, usegmt=True)
    return _date_cache[1]

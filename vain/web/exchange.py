"""One HTTP message from arrival to answer.

Tornado parses and writes the bytes; for the routes that are ours its RequestHandler is left out: a bare handler costs
more than all that is done here (``benchmarks/performance.py``). The steps are: find the route, pass the gate, take the
body, call the handler, answer. Each may raise a ``VainError``, which becomes problem+json. What belongs to another
Tornado application (the dashboard, the WebSocket) passes the same gate and is then handed on whole.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable
from email.utils import formatdate
from http.client import responses
from typing import Any
from urllib.parse import quote, urlsplit

from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine
from tornado.iostream import IOStream, StreamClosedError

from vain.errors import MethodNotAllowed, NotFound, TooLarge, Unauthenticated, Unavailable, VainError
from vain.types import Role
from vain.web.begin import begin
from vain.web.desk import Desk
from vain.web.headers import api_headers
from vain.web.http import Request, Response
from vain.web.login import sign_in_url
from vain.web.mounts import Mount
from vain.web.problems import internal_error, problem
from vain.web.routes import LARGEST_BODY, Endpoint

logger = logging.getLogger(__name__)

STALLED_SECONDS, ANSWER_SECONDS = 30.0, 60.0
"""So long a client may take none of a part of an answer, and so long it may take over one that is in one piece."""
IDLE_SECONDS, BODY_SECONDS = 75.0, 30.0
"""So long a connection may wait for the head of its next message, and then for the whole of it."""
DISCARDED_BYTES = 64 << 20
"""A body that says it is larger than this is not even read."""
ROLE_HEADER, NAME_HEADER = "X-Vain-Role", "X-Vain-Name"
"""How the dashboard learns what its viewer may do, and as whom they signed in: set here, over the client's own."""


class Exchange(HTTPMessageDelegate):
    """See the module. One for each message; belongs to the event loop."""

    def __init__(self, desk: Desk, server_connection: object, connection: HTTPConnection) -> None:
        self._desk = desk
        self._server_connection = server_connection
        self._connection = connection
        self._foreign: HTTPMessageDelegate | None = None
        self._refusal: VainError | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._task: asyncio.Task[None] | None = None
        desk.await_message(server_connection, self, IDLE_SECONDS)

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Find the route and pass the gate, before any of the body is read."""
        if not isinstance(start_line, RequestStartLine):
            raise TypeError("a server is sent requests")
        self._desk.await_message(self._server_connection, self, BODY_SECONDS)
        self._method = start_line.method
        target, _, self._query = start_line.path.partition("?")
        self._path = _path_of(target)
        self._headers = headers
        self._is_old = start_line.version == "HTTP/1.0"
        desk = self._desk
        context: Any = getattr(self._connection, "context", None)
        self._peer = context.remote_ip
        self._secure = context.protocol == "https"
        self._match = desk.routes.find(self._path)
        self._mount = desk.mounts.find(self._path) if self._match is None else None
        websocket = headers.get("Upgrade", "").lower() == "websocket"
        self._endpoint = endpoint = self._wanted()
        needs, takes = (endpoint.needs, endpoint.takes) if endpoint is not None else (self._mount_needs(), ())
        try:
            self._identity = desk.gate.admit(
                self._method, target, headers, self._peer, needs, websocket=websocket, takes=takes
            )
            if self._mount is not None and self._mount.takes(self._method, websocket):
                return self._hand_on(self._mount, start_line)
        except VainError as refusal:
            self._refusal = refusal
            return None
        length = headers.get("Content-Length", "")
        if length.isdigit() and (len(length) > 15 or int(length) > DISCARDED_BYTES):
            # Tornado will not read this: the answer has to leave now.
            self._refuse_size()
            self.finish()
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Collect the body, unless it will not be used."""
        if self._foreign is not None:
            return self._foreign.data_received(chunk)
        self._size += len(chunk)
        if self._size > self._largest_body():
            self._refuse_size()
        if self._refusal is None:
            self._chunks.append(chunk)
        return None

    def finish(self) -> None:
        """The message is whole: call the handler and answer."""
        self._desk.no_longer_await(self._server_connection)
        if self._foreign is not None:
            self._foreign.finish()
            return
        if self._desk.draining and self._refusal is None:
            # Only now does it begin: what would be stored after this could no longer be answered.
            self._refusal = Unavailable("The server is stopping.")
        is_alone = not self._desk.under_way
        self._desk.begin(self)
        try:
            answer = self._handle()
        except Exception as error:  # noqa: BLE001  (whatever it is, there is an answer)
            answer = self._failed(error)
        if isinstance(answer, Response) and isinstance(answer.body, bytes):
            self._write(answer, answer.body)
        else:
            self._connection.set_close_callback(self.on_connection_close)  # type: ignore[attr-defined]
            if is_alone:
                begin(self._answer(answer), self._own)
            else:
                # Those that come together begin together, in the next turn of the loop: so they share a commit.
                self._own(asyncio.ensure_future(self._answer(answer)))

    def on_connection_close(self) -> None:
        """The client is gone."""
        self._desk.no_longer_await(self._server_connection)
        if self._foreign is not None:
            self._foreign.on_connection_close()
        if self._task is not None:
            self._task.cancel()
        self._desk.end(self)

    def _own(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def give_up(self) -> None:
        """Nothing came for too long."""
        self._stream_of_connection().close()

    def _wanted(self) -> Endpoint | None:
        """The endpoint that is asked for; for a method that the path does not have, any of it."""
        if self._match is None:
            return None
        method = "GET" if self._method in ("HEAD", "OPTIONS") else self._method
        return self._match.methods.get(method) or next(iter(self._match.methods.values()))

    def _mount_needs(self) -> Role | None:
        return "read" if self._mount is None else self._mount.needs

    async def _hand_on(self, mount: Mount, start_line: RequestStartLine) -> None:
        try:
            application = await mount.application()
        except Exception:
            logger.exception("The dashboard could not be loaded")
            self._refusal = VainError("The dashboard could not be loaded; the server's log says why.")
            return
        if mount.is_socket:
            self._desk.watch(self._stream_of_connection(), self._identity)
        headers = self._headers
        for name in (ROLE_HEADER, NAME_HEADER):
            if name in headers:
                del headers[name]
        headers[ROLE_HEADER] = self._identity.role
        if self._identity.session is not None:
            headers[NAME_HEADER] = quote(self._identity.name)
        self._foreign = application.start_request(self._server_connection, self._connection)
        handed = self._foreign.headers_received(start_line, headers)
        if handed is not None:
            await handed

    def _refuse_size(self) -> None:
        if self._refusal is None:
            self._refusal = TooLarge(f"A body may have at most {self._largest_body():,} bytes.")
            self._chunks.clear()

    def _largest_body(self) -> int:
        return LARGEST_BODY if self._endpoint is None else self._endpoint.largest_body

    def _handle(self) -> Response | Awaitable[Response]:
        if self._refusal is not None:
            return self._refused(self._refusal)
        match = self._match
        if self._mount is not None:
            # HEAD and OPTIONS: a page is only made for those who look at it.
            if self._method == "HEAD":
                return Response(content_type="text/html; charset=utf-8")
            return Response(status=204, headers={"Allow": ", ".join(self._mount.allow)})
        if match is None:
            raise NotFound(f"There is nothing at {self._path[:200]}.")
        if self._method == "OPTIONS":
            return Response(status=204, headers={"Allow": ", ".join(match.allow)})
        endpoint = match.methods.get("GET" if self._method == "HEAD" else self._method)
        if endpoint is None:
            raise MethodNotAllowed(f"{self._method[:20]} is not possible here.", match.allow)
        request = Request(
            self._method,
            self._path,
            self._query,
            self._headers,
            b"".join(self._chunks),
            self._peer,
            self._identity,
            self._secure,
        )
        return endpoint.handler(self._desk.services, request, *match.values)

    def _refused(self, refusal: VainError) -> Response:
        """A browser that opens a page without being signed in is sent to where it can."""
        wants_page = self._mount is not None and self._mount.is_page and self._method == "GET"
        if isinstance(refusal, Unauthenticated) and wants_page and "text/html" in self._headers.get("Accept", ""):
            return Response(status=303, headers={"Location": sign_in_url(self._path, self._query)})
        raise refusal

    async def _answer(self, answer: Response | Awaitable[Response]) -> None:
        try:
            response = answer if isinstance(answer, Response) else await answer
        except Exception as error:  # noqa: BLE001  (whatever it is, there is an answer)
            response = self._failed(error)
        if isinstance(response.body, bytes):
            self._write(response, response.body)
        elif self._is_old:
            # HTTP/1.0 has no way to tell where an answer in parts ends.
            self._write(response, b"".join([part async for part in response.body]))
        else:
            await self._stream(response, response.body)

    def _failed(self, error: Exception) -> Response:
        if isinstance(error, VainError):
            return problem(error, self._path)
        logger.error("A request failed", exc_info=error)
        return internal_error(self._path)

    def _write(self, response: Response, body: bytes) -> None:
        """The whole answer. It is under way until the socket has taken the last of it."""
        head = self._head(response)
        if response.status != 204 and not (self._mount is not None and self._method == "HEAD"):
            head["Content-Length"] = str(len(body))
        written = self._start(response.status, head, b"" if self._method == "HEAD" else body)
        self._connection.finish()
        if self._stream_of_connection().writing():
            self._task = asyncio.ensure_future(self._wait_for(written))
        else:
            self._desk.end(self)

    async def _stream(self, response: Response, parts: AsyncIterator[bytes]) -> None:
        self._start(response.status, self._head(response), b"")
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
        self._connection.finish()
        self._desk.end(self)

    async def _wait_for(self, written: Awaitable[None]) -> None:
        try:
            await asyncio.wait_for(written, ANSWER_SECONDS)
        except StreamClosedError:
            pass
        except TimeoutError:
            self._stream_of_connection().close()
        self._desk.end(self)

    def _head(self, response: Response) -> HTTPHeaders:
        head = HTTPHeaders()
        if response.status != 204:
            head["Content-Type"] = response.content_type
        head["Date"] = _date()
        for name, value in api_headers(response.headers).items():
            head[name] = value
        return head

    def _start(self, status: int, head: HTTPHeaders, chunk: bytes) -> Awaitable[None]:
        start_line = ResponseStartLine("HTTP/1.1", status, responses[status])
        return self._connection.write_headers(start_line, head, chunk)

    def _abort(self) -> None:
        self._desk.end(self)
        self._stream_of_connection().close()

    def _stream_of_connection(self) -> IOStream:
        connection: Any = self._connection  # HTTP1Connection has it, the interface does not say so
        stream: IOStream = connection.stream
        return stream


def _path_of(target: str) -> str:
    """A request target's path; the gate has its own look at one that names a host, and refuses what is neither."""
    if target.startswith("/"):
        return target
    try:
        return urlsplit(target).path or "/"
    except ValueError:
        return target


_date_cache = (0, "")


def _date() -> str:
    global _date_cache
    second = int(time.time())
    if _date_cache[0] != second:
        _date_cache = second, formatdate(second, usegmt=True)
    return _date_cache[1]

"""One HTTP message from arrival to answer.

Tornado parses and writes the bytes; for the routes that are ours its RequestHandler is left out: a bare handler costs
more than all that is done here (``benchmarks/performance.py``). The steps are: find the route, pass the gate, take the
body, call the handler, answer. Each may raise a ``VainError``, which becomes problem+json. What belongs to another
Tornado application (the dashboard, the WebSocket) passes the same gate and is then handed on whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote, urlsplit

from msgspec.structs import replace
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine

from vain.errors import (
    MethodNotAllowed,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    VainError,
)
from vain.web.begin import begin
from vain.web.compression import may_compress
from vain.web.cross_origin import preflight_headers
from vain.web.desk import Desk
from vain.web.entering import Entering
from vain.web.http import Request, Response
from vain.web.login import sign_in_url
from vain.web.mounts import Mount
from vain.web.preconditions import conditional
from vain.web.problems import internal_error, problem
from vain.web.request_ids import HEADER as REQUEST_ID
from vain.web.request_ids import request_id
from vain.web.routes import LARGEST_BODY, Endpoint, Match
from vain.web.second_look import Unknown

logger = logging.getLogger(__name__)

FIRST_SECONDS, IDLE_SECONDS, BODY_SECONDS = 15.0, 75.0, 30.0
"""So long the head of a connection's first message may take, that of each later one, and then the whole of it."""
CROWDED_SECONDS, RETRY_SECONDS = 5.0, 5
"""The same for a connection that will be refused, since there are too many; and when to try again."""
ACCEPT_PATCH = "application/merge-patch+json, application/json"
DISCARDED_BYTES = 64 << 20
"""A body that says it is larger than this is not even read."""
KEEP_ALIVE = ("keep-alive", "Keep-Alive")
"""What HTTP/1.1 does anyway, so that nothing is said of it in the answer."""
ROLE_HEADER, NAME_HEADER = "X-Vain-Role", "X-Vain-Name"
"""How the dashboard learns what its viewer may do, and as whom they signed in: set here, over the client's own."""
PEER_HEADER = "X-Vain-Peer"
"""How the stream learns whose wrong keys are counted."""


class Exchange(Entering):
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
        self._is_stranger = False
        """It is a WebSocket whose client has yet to say who it is."""
        self._is_compressible = False
        """What is answered depends on what the client takes."""
        self._is_crowded = bool(desk.crowded) and self._stream_of_connection() in desk.crowded
        desk.await_message(server_connection, self, self._patience_seconds())

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Find the route and pass the gate, before any of the body is read."""
        if not isinstance(start_line, RequestStartLine):
            raise TypeError("a server is sent requests")
        self._desk.await_message(self._server_connection, self, BODY_SECONDS)
        self._method = start_line.method
        target, _, self._query = start_line.path.partition("?")
        self._headers = headers
        # To ask HTTPHeaders for what is not there costs an exception each time.
        self._given = given = frozenset(headers)
        self._request_id = request_id(headers[REQUEST_ID] if REQUEST_ID in given else None)
        self._is_old = start_line.version == "HTTP/1.0"
        self._goes_on = not self._is_old and ("Connection" not in given or headers["Connection"] in KEEP_ALIVE)
        desk = self._desk
        context: Any = getattr(self._connection, "context", None)
        path = _path_of(target)
        self._outer = outer = desk.proxies.outer(context.remote_ip, context.protocol == "https", path, headers)
        self._peer, self._path = outer.peer, outer.path
        self._match = desk.routes.find(self._path)
        self._mount = desk.mounts.find(self._path) if self._match is None else None
        websocket = "Upgrade" in given and headers["Upgrade"].lower() == "websocket"
        self._endpoint = self._wanted()
        self._other_page = desk.gate.other_page(headers)
        start_line = start_line if self._path == path else self._inner(start_line)
        try:
            self._admit(target, websocket)
            return self._enter(start_line, websocket)
        except Unknown:
            return self._admit_late(target, start_line, websocket)
        except VainError as refusal:
            self._refusal = refusal
            return None

    async def _admit_late(self, target: str, start_line: RequestStartLine, websocket: bool) -> None:
        """Once more, after a second look; nothing else is read of the connection until then."""
        try:
            await self._desk.gate.look_again()
            self._admit(target, websocket, looked=True)
            handed = self._enter(start_line, websocket)
        except VainError as refusal:
            self._refusal = refusal
            return
        if handed is not None:
            await handed

    def _enter(self, start_line: RequestStartLine, websocket: bool) -> Awaitable[None] | None:
        """What was let in: handed on to whose it is, or its body looked forward to. Raises VainError."""
        headers = self._headers
        if self._outer.host is not None:
            headers["Host"] = self._outer.host  # both were checked; whoever is behind here means the browser's
        if self._mount is not None and self._mount.takes(self._method, websocket):
            return self._hand_on(self._mount, start_line)
        length = headers["Content-Length"] if "Content-Length" in self._given else ""
        if length.isdigit() and (len(length) > 15 or int(length) > DISCARDED_BYTES):
            # Tornado will not read this: the answer has to leave now.
            self._refuse_size()
            self.finish()
        return None

    def _patience_seconds(self) -> float:
        """How long the head of this message may take."""
        newcomers = self._desk.newcomers
        if not newcomers or self._stream_of_connection() not in newcomers:
            return IDLE_SECONDS
        newcomers.discard(self._stream_of_connection())
        return CROWDED_SECONDS if self._is_crowded else FIRST_SECONDS

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
            if isinstance(answer, Response):
                answer = self._prepared(answer)
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

    def _route(self) -> str | None:
        if self._match is not None:
            return self._match.template
        return None if self._mount is None else self._mount.route

    @property
    def _shown_path(self) -> str:
        return self._outer.prefix + self._path

    def _inner(self, start_line: RequestStartLine) -> RequestStartLine:
        """As if there were no prefix: the applications behind it know of none."""
        path = f"{self._path}?{self._query}" if self._query else self._path
        return RequestStartLine(start_line.method, path, start_line.version)

    async def _hand_on(self, mount: Mount, start_line: RequestStartLine) -> None:
        try:
            application = await mount.application()
        except Exception:
            logger.exception("The dashboard could not be loaded")
            self._refusal = VainError("The dashboard could not be loaded; the server's log says why.")
            return
        if mount.is_socket:
            try:
                self._take_socket()
            except TooManyRequests as refusal:
                self._refusal = refusal
                return
            if not self._is_stranger:
                self._desk.watch(self._stream_of_connection(), self._identity)
        headers = self._headers
        for name in (ROLE_HEADER, NAME_HEADER):
            if name in headers:
                del headers[name]
        headers[PEER_HEADER] = self._peer
        if not self._is_stranger:
            headers[ROLE_HEADER] = self._identity.role
            if self._identity.session is not None:
                headers[NAME_HEADER] = quote(self._identity.name)
        headers[REQUEST_ID] = self._request_id
        self._foreign = application.start_request(self._server_connection, self._connection)
        handed = self._foreign.headers_received(start_line, headers)
        if handed is not None:
            await handed

    def _take_socket(self) -> None:
        """A place for a connection that stays. Raises TooManyRequests."""
        if not self._desk.limits.sockets.take(self._stream_of_connection(), self._peer):
            raise TooManyRequests("There are too many WebSockets and streams from this address.", RETRY_SECONDS)

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
        if match is None and not self._path:
            return Response(status=308, headers={"Location": f"/?{self._query}" if self._query else "/"})
        if match is None and self._other_page is not None and self._is_preflight():
            # A browser would show the page no error of the request itself, if this one were refused.
            return Response(status=204, headers=preflight_headers(("GET",)))
        if match is None:
            raise NotFound(f"There is nothing at {self._shown_path[:200]}.")
        if self._method == "OPTIONS":
            return self._options(match)
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
            self._outer.secure,
            endpoint.parameters,
            self._outer.prefix,
        )
        return endpoint.handler(self._desk.services, request, *match.values)

    def _options(self, match: Match) -> Response:
        headers = {"Allow": ", ".join(match.allow)}
        if "PATCH" in match.methods:
            headers["Accept-Patch"] = ACCEPT_PATCH
        if self._other_page is not None and self._is_preflight():
            headers |= preflight_headers(match.allow)
        return Response(status=204, headers=headers)

    def _refused(self, refusal: VainError) -> Response:
        """A browser that opens a page without being signed in is sent to where it can."""
        wants_page = self._mount is not None and self._mount.is_page and self._method == "GET"
        if isinstance(refusal, Unauthenticated) and wants_page and "text/html" in self._headers.get("Accept", ""):
            return Response(status=303, headers={"Location": sign_in_url(self._path, self._query)})
        raise refusal

    async def _answer(self, answer: Response | Awaitable[Response]) -> None:
        response = answer if isinstance(answer, Response) else await self._awaited(answer)
        if isinstance(response.body, bytes):
            self._write(response, response.body)
        elif self._is_old and not response.is_endless:
            # HTTP/1.0 has no way to tell where an answer in parts ends.
            self._write(response, b"".join([part async for part in response.body]))
        else:
            await self._stream(response, response.body)

    async def _awaited(self, answer: Awaitable[Response]) -> Response:
        try:
            prepared = self._prepared(await answer)
            return prepared if isinstance(prepared, Response) else await prepared
        except Exception as error:  # noqa: BLE001  (whatever it is, there is an answer)
            return self._failed(error)

    def _prepared(self, response: Response) -> Response | Awaitable[Response]:
        """As it is sent: without what the client has already, or compressed.

        Raises PreconditionFailed, or TooManyRequests for a stream.
        """
        given = self._given
        if response.is_endless:
            self._take_socket()
        self._is_compressible = may_compress(response)
        if self._method in ("GET", "HEAD") and ("If-None-Match" in given or "If-Match" in given):
            response = conditional(self._headers, response)
        if self._is_compressible and response.status == 200 and "Accept-Encoding" in given:
            return self._desk.compressor.prepared(self._headers["Accept-Encoding"], response)
        return response

    def _failed(self, error: Exception) -> Response:
        if isinstance(error, VainError):
            response = problem(error, self._shown_path, self._request_id)
            if isinstance(error, UnsupportedMediaType) and self._method == "PATCH":
                return replace(response, headers={**response.headers, "Accept-Patch": ACCEPT_PATCH})
            return response
        logger.error("A request failed (%s %.200s, %s)", self._method, self._path, self._request_id, exc_info=error)
        return internal_error(self._shown_path, self._request_id)


def _path_of(target: str) -> str:
    """A request target's path; the gate has its own look at one that names a host, and refuses what is neither."""
    if target.startswith("/"):
        return target
    try:
        return urlsplit(target).path or "/"
    except ValueError:
        return target

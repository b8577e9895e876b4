"""One request to a vAIn server and its answer, over kept connections: what ``vain.client`` speaks through.

Only the standard library; no proxy of the environment, no redirect: a key is sent to the server that was named alone.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from vain import forms
from vain.errors import (
    Conflict,
    Flaw,
    Forbidden,
    Invalid,
    KeyMismatch,
    Malformed,
    MethodNotAllowed,
    Misconfigured,
    NotAcceptable,
    NotFound,
    PreconditionFailed,
    StoreFull,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unreachable,
    UnsupportedMediaType,
    VainError,
    WrongHost,
)

T = TypeVar("T")

MOST_IDLE_CONNECTIONS = 4
LARGEST_ANSWER_BYTES = 256 * 2**20

ERRORS: dict[int, type[VainError]] = {
    400: Malformed,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    406: NotAcceptable,
    409: Conflict,
    412: PreconditionFailed,
    413: TooLarge,
    415: UnsupportedMediaType,
    421: WrongHost,
    422: Invalid,
    503: Unavailable,
    507: StoreFull,
}
"""What a status means. 405 and 429 carry more, see ``_error``."""


class Problem(Struct):
    """The body of an RFC 9457 answer."""

    title: str = ""
    detail: str = ""
    type: str = ""
    errors: list[Flaw] = []


class Answer(NamedTuple):
    """What came back with a 2xx; names of headers are found in any case."""

    headers: HTTPMessage
    body: bytes


def query_text(parameters: Mapping[str, object]) -> str:
    """The end of an address, with its ``?``; parameters that are None are left out, and nothing is left of none.

    A list is the parameter several times.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"?{urlencode(given, doseq=True)}" if given else ""


class Wire:
    """Connections to one server, kept and shared by any number of threads. Blocks; never call it on an event loop.

    Raises Misconfigured for an address or a key that cannot be one.
    """

    def __init__(self, url: str, api_key: str | None, timeout_seconds: float) -> None:
        self.url = _checked(forms.url, url, "The address of the server")
        self.timeout_seconds = timeout_seconds
        self._headers = {"Accept": "application/json"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {_checked(forms.key, api_key, 'The API key')}"
        self._parts = urlsplit(self.url)
        self._idle: deque[HTTPConnection] = deque()
        self._busy: set[HTTPConnection] = set()
        self._ended = threading.Event()
        # A client that nobody closed closes what it kept when it goes.
        weakref.finalize(self, _close_all, self._idle)

    @property
    def authorization(self) -> dict[str, str]:
        """The header that names the caller; empty without a key."""
        return {name: value for name, value in self._headers.items() if name == "Authorization"}

    def get(self, type_: type[T], path: str, query: Mapping[str, object] | None = None) -> T:
        """What a path answers, as a ``type_``; parameters that are None are left out."""
        return self.decoded(type_, self.read(path, query or {}))

    def decoded(self, type_: type[T], body: bytes) -> T:
        """The answer as a ``type_``; fields that this version does not know are read over."""
        try:
            return msgspec.json.decode(body, type=type_)
        except msgspec.DecodeError as exc:
            raise Unreachable(f"What answers at {self.url} does not speak as vAIn does: {exc}.") from exc

    def read(self, path: str, query: Mapping[str, object]) -> bytes:
        """What a path answers, as it is; parameters that are None are left out."""
        return self.send("GET", path + query_text(query))

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        idempotency_key: str | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        """One request; the body of its 2xx answer. See ``ask``."""
        return self.ask(method, path, body, idempotency_key, content_type).body

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        idempotency_key: str | None = None,
        content_type: str = "application/json",
        timeout_seconds: float | None = None,
    ) -> Answer:
        """One request and its 2xx answer, with its headers; ``timeout_seconds`` in place of the usual ones.

        A request that may be repeated (GET, or with an idempotency key) is sent once more if the kept connection that
        it went over turns out to be closed. Raises Unreachable if nobody answers, else what the server's problem names.
        """
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = content_type
        if idempotency_key is not None:
            headers["Idempotency-Key"] = f'"{idempotency_key}"'
        connection, was_kept = self._connection()
        _limit(connection, timeout_seconds or self.timeout_seconds)
        try:
            response, answer = self._exchange(connection, method, path, body, headers)
        except (ConnectionError, HTTPException) as exc:
            connection.close()
            if not (was_kept and (method == "GET" or idempotency_key)):
                raise self._unreachable(exc) from exc
            response, answer = self._exchange_anew(method, path, body, headers, connection.timeout)
        except OSError as exc:
            connection.close()
            raise self._unreachable(exc) from exc
        if response.status // 100 != 2:
            raise self._error(response, answer)
        return Answer(response.headers, answer)

    def close(self) -> None:
        """Closes the kept connections. A later request opens one again."""
        _close_all(self._idle)

    def end(self) -> None:
        """Closes for good: what is under way is cut off, and no connection is kept from now on."""
        self._ended.set()
        for connection in tuple(self._busy):
            _cut(connection)
        self.close()

    def _connection(self) -> tuple[HTTPConnection, bool]:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took the last one
                break
            if not _was_closed_by_peer(connection.sock):
                return connection, True
            connection.close()
        return self._new_connection(), False

    def _new_connection(self) -> HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return HTTPSConnection(host, port, timeout=self.timeout_seconds, context=ssl.create_default_context())
        return HTTPConnection(host, port, timeout=self.timeout_seconds)

    def _exchange_anew(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout_seconds: float | None
    ) -> tuple[HTTPResponse, bytes]:
        connection = self._new_connection()
        _limit(connection, timeout_seconds)
        try:
            return self._exchange(connection, method, path, body, headers)
        except (OSError, HTTPException) as exc:
            connection.close()
            raise self._unreachable(exc) from exc

    def _exchange(
        self, connection: HTTPConnection, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[HTTPResponse, bytes]:
        if self._ended.is_set():
            connection.close()
            raise Unreachable(f"The client of {self.url} was closed.")
        self._busy.add(connection)
        try:
            connection.request(method, self._parts.path + path, body, dict(headers))
            response = connection.getresponse()
            answer = response.read(LARGEST_ANSWER_BYTES + 1)
        finally:
            self._busy.discard(connection)
        if len(answer) > LARGEST_ANSWER_BYTES:
            connection.close()
            raise TooLarge(f"{self.url}{path} answers more than {LARGEST_ANSWER_BYTES // 2**20} MiB: ask for less.")
        if response.will_close or len(self._idle) >= MOST_IDLE_CONNECTIONS:
            connection.close()
        else:
            self._idle.append(connection)
        if self._ended.is_set():  # maybe while this answer came
            self.close()
        return response, answer

    def _unreachable(self, exc: Exception) -> Unreachable:
        if isinstance(exc, TimeoutError):
            return Unreachable(f"{self.url} did not answer within {self.timeout_seconds:g} s.")
        if isinstance(exc, ConnectionRefusedError | socket.gaierror):
            return Unreachable(f"Nobody answers at {self.url} ({_reason(exc)}): is `vain serve` running there?")
        return Unreachable(f"The connection to {self.url} was lost ({_reason(exc)}): is `vain serve` running there?")

    def _error(self, response: HTTPResponse, answer: bytes) -> VainError:
        """What the server's problem says, as the class that the server itself raised."""
        status = response.status
        if "problem+json" not in response.headers.get("Content-Type", ""):
            return Unreachable(f"What answers at {self.url} is not vAIn: {status} {response.reason}.")
        problem = self.decoded(Problem, answer)
        detail = problem.detail or problem.title or f"{status} {response.reason}"
        if status == 405:
            return MethodNotAllowed(detail, response.headers.get("Allow", "").replace(",", " ").split())
        if status == 429:
            return TooManyRequests(detail, _retry_after_seconds(response))
        if "idempotency" in problem.type:
            return KeyMismatch(detail, problem.errors)
        return ERRORS.get(status, VainError)(detail, problem.errors)


def _checked(parse: Callable[[str], str], text: str, called: str) -> str:
    try:
        return parse(text)
    except ValueError as exc:
        raise Misconfigured(f"{called} is not usable: {exc} would be right.") from None


def _close_all(connections: deque[HTTPConnection]) -> None:
    while connections:
        with suppress(IndexError):  # another thread took the last one
            connections.pop().close()


def _limit(connection: HTTPConnection, seconds: float | None) -> None:
    """How long each step of the next request may take."""
    connection.timeout = seconds
    if connection.sock is not None:
        connection.sock.settimeout(seconds)


def _cut(connection: HTTPConnection) -> None:
    """Ends what a thread waits for on this connection; the thread closes it."""
    with suppress(OSError, AttributeError):  # closed, or not connected yet
        connection.sock.shutdown(socket.SHUT_RDWR)


def _retry_after_seconds(response: HTTPResponse) -> int:
    written = response.headers.get("Retry-After", "")
    return int(written) if written.isdecimal() else 1


def _reason(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__


def _was_closed_by_peer(sock: socket.socket | None) -> bool:
    """Whether something waits to be read where no answer is due: the end of the connection, or bytes out of turn."""
    if sock is None:
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(timeout=0))

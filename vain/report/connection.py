"""One connection to the server, kept open; while it waits, other work goes on."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

LONGEST_CONNECT_SECONDS = 2.0
LOOK_SECONDS = 0.05
"""How often a wait for an answer looks after other work."""
LARGEST_ANSWER_BYTES = 4 << 20


class Unanswered(Exception):
    """The server is away, too slow, or cannot take the report now."""

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class Answer(NamedTuple):
    status: int
    body: bytes
    retry_after_seconds: float | None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> dict[str, Any]:
        """The body; empty if it is no JSON object."""
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(self.body)
            return value if isinstance(value, dict) else {}
        return {}

    def pointers(self) -> list[str]:
        """The top-level fields that the server finds wrong."""
        found = self.json().get("errors")
        flaws = [flaw for flaw in found if isinstance(flaw, dict)] if isinstance(found, list) else []
        return [str(flaw.get("pointer") or "").lstrip("/").partition("/")[0] for flaw in flaws]


class Connection:
    """``ask`` once at a time, of one thread."""

    def __init__(self, url: str, api_key: str | None, timeout_seconds: float) -> None:
        parts = urlsplit(url)
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname or "", parts.port
        # As bytes: for text, getaddrinfo would import a codec here and now, and a process that is forked in the middle
        # of an import by another thread has half a module for ever.
        self._address = self._host.encode("ascii" if self._host.isascii() else "idna")
        self._prefix, self._timeout = parts.path.rstrip("/"), timeout_seconds
        self._headers = {"User-Agent": "vain"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._open: http.client.HTTPConnection | None = None

    def ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], meanwhile: Callable[[], bool]
    ) -> Answer:
        """Send one request and wait for its answer, calling ``meanwhile`` now and then; False from it gives up.

        Raises Unanswered. A connection that the server closed since its last answer is opened anew, once.
        """
        reused = self._open is not None
        try:
            return self._exchange(method, path, body, headers, meanwhile)
        except (ConnectionError, http.client.BadStatusLine) as exc:
            self.close()
            if not reused:
                raise Unanswered(str(exc) or type(exc).__name__) from exc
            return self.ask(method, path, body, headers, meanwhile)
        except (OSError, http.client.HTTPException, ValueError, LookupError) as exc:
            self.close()
            raise Unanswered(str(exc) or type(exc).__name__) from exc

    def close(self) -> None:
        """Close the socket; after a fork, this process's copy of it."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _exchange(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], meanwhile: Callable[[], bool]
    ) -> Answer:
        connection = self._connected(meanwhile)
        connection.request(method, self._prefix + path, body, {**self._headers, **headers})
        _await(connection.sock, selectors.EVENT_READ, self._timeout, meanwhile)
        response = connection.getresponse()
        text = response.read(LARGEST_ANSWER_BYTES)
        if response.will_close or not response.isclosed():
            self.close()
        return Answer(response.status, text, _seconds(response.headers.get("Retry-After")))

    def _connected(self, meanwhile: Callable[[], bool]) -> http.client.HTTPConnection:
        if self._open is None:
            sock = _dial(self._address, self._port or (443 if self._secure else 80), meanwhile)
            connection = http.client.HTTPConnection(self._address.decode(), self._port)
            try:
                sock.settimeout(self._timeout)
                if self._secure:
                    sock = ssl.create_default_context().wrap_socket(sock, server_hostname=self._host)
            except (OSError, ValueError):
                sock.close()
                raise
            connection.sock = sock  # it opens none of its own, whose wait nothing could interrupt
            self._open = connection
        return self._open


def _dial(host: bytes, port: int, meanwhile: Callable[[], bool]) -> socket.socket:
    """A connected socket, at the first address of the host that takes one."""
    refusal: OSError = ConnectionRefusedError(f"{host.decode()} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return _dialled(socket.socket(family, kind, protocol), address, meanwhile)
        except OSError as exc:
            refusal = exc
    raise refusal


def _dialled(sock: socket.socket, address: Any, meanwhile: Callable[[], bool]) -> socket.socket:
    try:
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            sock.connect(address)
        _await(sock, selectors.EVENT_WRITE, LONGEST_CONNECT_SECONDS, meanwhile)
        if number := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise ConnectionRefusedError(number, os.strerror(number))
        # Small requests follow each other: waiting for the answer's acknowledgement would cost 40 ms each.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    return sock


def _await(sock: socket.socket, what: int, seconds: float, meanwhile: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(sock, what)
        while not selector.select(LOOK_SECONDS):
            if not meanwhile():
                raise TimeoutError("given up")
            if time.monotonic() > deadline:
                raise TimeoutError(f"no answer within {seconds:g} s")


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, min(60.0, float(text)))
    except ValueError:
        return None

"""Where the server listens, and what Tornado's own server hands each message to."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPServerConnectionDelegate
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets

from vain.errors import Misconfigured
from vain.setting_types import Settings
from vain.web.desk import Desk
from vain.web.exchange import Exchange

logger = logging.getLogger(__name__)

LOOPBACK = {"127.0.0.1": "::1", "localhost": "::1"}
"""Where ``localhost`` also leads: a browser may try that address first."""


class Listener(HTTPServer):
    """Tornado's server, which sets and clears TCP_NODELAY around every answer; it may as well stay set."""

    forget: Callable[[object], None]
    """Told of each connection that closes."""
    take: Callable[[IOStream, str], bool]
    """Asked of each that comes, whether it may stay."""

    def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> None:
        """See ``TCPServer``."""
        if not self.take(stream, address[0]):
            stream.close()
            return
        stream.set_nodelay(True)
        stream.set_nodelay = _leave_nodelay  # type: ignore[method-assign]
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        """See ``HTTPServerConnectionDelegate``; Tornado tells the server alone."""
        super().on_close(server_conn)
        self.forget(server_conn)


class Front(HTTPServerConnectionDelegate):
    """The only thing that Tornado's HTTP server calls: every message becomes an exchange, and passes the gate there."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> Exchange:
        """See ``HTTPServerConnectionDelegate``."""
        return Exchange(self.desk, server_conn, request_conn)


def _leave_nodelay(value: bool) -> None:
    """In place of ``IOStream.set_nodelay``: it is set already."""


def listen(host: str, port: int) -> list[socket.socket]:
    """The sockets of an address; for loopback those of IPv4 and, where there is one, IPv6, on the same port.

    Raises Misconfigured, which says why, when it cannot be had.
    """
    first = "127.0.0.1" if host in LOOPBACK else host
    try:
        sockets = bind_sockets(port, first)
    except OSError as error:
        raise Misconfigured(_why_not_listening(host, port, error)) from error
    if host in LOOPBACK:
        try:
            sockets += bind_sockets(sockets[0].getsockname()[1], LOOPBACK[host])
        except OSError as error:
            logger.debug("Not listening on %s: %s", LOOPBACK[host], error)
    return sockets


def _why_not_listening(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use; --port names another (0: any that is free)."
    if error.errno == errno.EACCES:
        return f"Port {port} of {host} is reserved for the administrator; --port names another."
    return f"vAIn cannot listen on {host}, port {port}: {error.strerror or error}."


def is_address_of(settings: Settings, port: int, url: str) -> bool:
    """Whether a report that was meant for this address is for this server."""
    parts = urlsplit(url)
    host, default = parts.hostname or "", 443 if parts.scheme == "https" else 80
    names = {*LOOPBACK, *LOOPBACK.values(), settings.host, *settings.allow_hosts, socket.gethostname()}
    return (parts.port or default) == port and host in names

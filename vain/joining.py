"""How a client joins the stream, and what the end of a connection means: the same for both kinds of watch."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from vain.errors import Forbidden, Invalid, NotAcceptable, Unauthenticated, VainError
from vain.messages import PROTOCOL
from vain.resuming import Hole
from vain.wire import Problem, Wire

logger = logging.getLogger(__name__)
socket_logger = logger.getChild("socket")
# On its lowest level the library logs every header, and with it the API key.
socket_logger.setLevel(logging.INFO)

CLOSING_SECONDS = 0.5
LARGEST_MESSAGE_BYTES = 16 * 2**20
SUBPROTOCOLS = [Subprotocol(PROTOCOL)]

LOST: tuple[type[Exception], ...] = (OSError, WebSocketException, VainError, msgspec.MsgspecError, Hole)
"""What ends a connection, and is no fault of the program's own."""
REFUSALS: dict[int, type[VainError]] = {
    401: Unauthenticated,
    403: Forbidden,
    4401: Unauthenticated,
    4403: Forbidden,
}
"""A status of the handshake or a code of the end that would be the same the next time."""


def socket_address(url: str) -> str:
    """Where the stream of the server at ``url`` is."""
    return f"ws{url.removeprefix('http')}/ws/tasks"


def how_to_connect(wire: Wire) -> dict[str, Any]:
    """What ``connect`` of the library is given, beside the address."""
    return {
        "additional_headers": wire.authorization,
        "subprotocols": SUBPROTOCOLS,
        "open_timeout": wire.timeout_seconds,
        "close_timeout": CLOSING_SECONDS,
        # A task or thread of its own for pings would have to be ended; a silent server is noticed without.
        "ping_interval": None,
        "max_size": LARGEST_MESSAGE_BYTES,
        "compression": None,
        "proxy": None,
        "logger": socket_logger,
    }


def check_protocol(chosen: str | None, url: str) -> None:
    """Raises NotAcceptable if the server did not choose the protocol that was offered."""
    if chosen != PROTOCOL:
        raise NotAcceptable(f"What answers at {url} does not speak {PROTOCOL}: is it an older vAIn?")


def refusal_of(exc: Exception) -> VainError | None:
    """The error, if it would be the same the next time; None: worth another connection."""
    code = None
    if isinstance(exc, InvalidStatus):
        code = exc.response.status_code
    elif isinstance(exc, ConnectionClosed) and exc.rcvd is not None:
        code = exc.rcvd.code
    if code in REFUSALS:
        return REFUSALS[code](_detail(exc))
    return exc if isinstance(exc, Unauthenticated | Forbidden | Invalid | NotAcceptable) else None


def reason_of(exc: Exception) -> str:
    """Why a connection ended, in words."""
    if isinstance(exc, InvalidStatus):
        return f"the server answered {exc.response.status_code}"
    return str(exc) or type(exc).__name__


class Outage:
    """Tells the log of a lost connection: once when it is lost, and once when it is back."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._is_told = False

    def lost(self, exc: Exception) -> None:
        """A connection was lost, or could not be made."""
        level = logging.DEBUG if self._is_told else logging.WARNING
        logger.log(level, "no connection to %s, trying again: %s", self._url, reason_of(exc))
        self._is_told = True

    def over(self) -> None:
        """A connection stands."""
        if self._is_told:
            logger.warning("connected to %s", self._url)
        self._is_told = False


def _detail(exc: Exception) -> str:
    """What the server itself says, if it does."""
    if isinstance(exc, InvalidStatus):
        with suppress(msgspec.MsgspecError):
            return msgspec.json.decode(exc.response.body or b"", type=Problem).detail or reason_of(exc)
    if isinstance(exc, ConnectionClosed) and exc.rcvd is not None and exc.rcvd.reason:
        return exc.rcvd.reason
    return reason_of(exc)

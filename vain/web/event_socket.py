"""``/ws/tasks``: one client. A bare one is sent everything from now on; one of ``vain.v1`` says what it wants.

What it wants, how far it is and what comes next is ``stream_reader.Reader``'s; how it is written, ``socket_writer``'s.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import cast

import msgspec
from msgspec import Struct
from tornado.httputil import HTTPHeaders
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from vain.clock import now
from vain.codec import decode, encode
from vain.errors import Forbidden, Malformed, TooManyRequests, Unauthenticated, Unavailable, VainError
from vain.hub import as_frame, text_frame
from vain.messages import (
    PROTOCOL,
    Auth,
    ClientMessage,
    ErrorFlaw,
    ErrorMessage,
    Goaway,
    Subscribe,
    Unsubscribe,
)
from vain.web.events import Fanout
from vain.web.gate import Identity
from vain.web.mounts import SOCKET_PATH
from vain.web.offered import offered_key
from vain.web.problems import described
from vain.web.second_look import Unknown
from vain.web.socket_writer import SocketWriter
from vain.web.stream_reader import Reader

logger = logging.getLogger(__name__)

LARGEST_MESSAGE = 64 << 10
MESSAGES_PER_SECOND = 20
STALLED_SECONDS = 30.0
WAIT_SECONDS = 10.0
"""So long a client may wait with its key, and then with its subscription."""

CLOSE_RESTART, CLOSE_OVERLOADED = 1012, 1013
CLOSE_UNADMITTED, CLOSE_FORBIDDEN, CLOSE_STALLED, CLOSE_TOO_MANY = 4401, 4403, 4408, 4429
_CLOSE_CODES: dict[type[VainError], int] = {
    Unauthenticated: CLOSE_UNADMITTED,
    Forbidden: CLOSE_FORBIDDEN,
    TooManyRequests: CLOSE_TOO_MANY,
    Unavailable: CLOSE_OVERLOADED,
}
_CLIENT_MESSAGE = cast("type[Subscribe | Unsubscribe | Auth]", ClientMessage)
_CLIENT_TYPES = ("subscribe", "unsubscribe", "auth")


NO_HEADERS = HTTPHeaders()


class _Head(Struct, frozen=True):
    type: object = None


def socket_application(fanout: Fanout, role_header: str, peer_header: str) -> Application:
    """The Tornado application that the gate hands the path to.

    In ``peer_header`` stands where the client is; there is a ``role_header`` if the gate knows who it is.
    """
    return Application(
        [(SOCKET_PATH, EventSocket, {"fanout": fanout, "role_header": role_header, "peer_header": peer_header})],
        websocket_ping_interval=20,
        websocket_ping_timeout=20,
        websocket_max_message_size=LARGEST_MESSAGE,
    )


class EventSocket(WebSocketHandler):
    """See the module."""

    kind = "websocket"

    def initialize(self, fanout: Fanout, role_header: str, peer_header: str) -> None:
        self._fanout, self._role_header, self._peer = fanout, role_header, self.request.headers[peer_header]
        self._reader = Reader(fanout.feed, as_frame)
        self._asking: asyncio.Task[None] | None = None
        """The reader waits for the store."""
        self._answers: list[bytes] = []
        self._received: list[float] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_known = self._speaks_v1 = False

    def check_origin(self, origin: str) -> bool:
        """The gate in front has checked it, together with the host."""
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """The key that may stand among them is never echoed."""
        return PROTOCOL if PROTOCOL in subprotocols else None

    def open(self, *args: str, **kwargs: str) -> Awaitable[None] | None:
        """A client is here; who it is the gate has told, or a subprotocol does, or its first message."""
        self._writer = SocketWriter(self, self.pump)
        self._speaks_v1 = self.selected_subprotocol == PROTOCOL
        headers = self.request.headers
        # What was said to open the connection is two kilobytes, and nobody asks for it again.
        self.request.headers = self._headers = NO_HEADERS
        try:
            self._fanout.check_room()
            if self._role_header in headers:
                self._welcome()
            elif (secret := offered_key(headers)) is not None:
                return self._identify(secret)
            else:
                self._fanout.add_stranger(self, self._peer)
                self._wait(self._give_up)
        except VainError as refusal:
            self._close_for(refusal)
        return None

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """What it wants, or who it is. Of a bare client that speaks of neither it is read over."""
        if self._is_too_fast() or not self._writer.is_open:
            return None
        try:
            return self._take(message)
        except (Unauthenticated, Forbidden, TooManyRequests) as refusal:
            self._close_for(refusal)
        except VainError as error:
            if self._speaks_v1:
                self._answer(text_frame(_error(error)))
        return None

    def on_ping(self, data: bytes) -> None:
        """It is answered with a pong, which has to be taken as well: so it counts."""
        self._is_too_fast()

    def on_close(self) -> None:
        """The client is gone."""
        self._fanout.clients.discard(self)
        self._fanout.strangers.pop(self, None)
        self._fanout.level.pop(self, None)
        self._wait(None)
        if self._asking is not None:
            self._asking.cancel()

    def pump(self) -> None:
        """Send what is new, unless an earlier piece is still on its way."""
        self._fanout.level.pop(self, None)
        while self._writer.is_free and self._asking is None:
            piece = self._answers.pop(0) if self._answers else self._reader.at_hand()
            if piece is None:
                self._asking = asyncio.ensure_future(self._ask_store())
            elif piece:
                self._writer.write(piece)
            else:
                if self._reader.subscription is not None:
                    self._fanout.level[self] = self._reader, self._writer
                return

    def remind(self) -> None:
        """Say how far it is."""
        if self._speaks_v1:
            self._reader.owe_bookmark()
            self.pump()

    def check(self) -> None:
        """Close, if the last piece has not been taken for too long."""
        if self._writer.waited_seconds() > STALLED_SECONDS:
            self._writer.cut(CLOSE_STALLED, "no progress")

    def end(self, retry_seconds: float) -> None:
        """Say that the server restarts, and close."""
        if self._speaks_v1:
            self._writer.write(text_frame(encode(Goaway(now(), round(retry_seconds, 1)))))
        self.close(CLOSE_RESTART, "vAIn is restarting")

    async def _ask_store(self) -> None:
        try:
            piece = await self._reader.from_store()
        except VainError as error:
            logger.warning("A client could not be brought forward: %s", error)
            self.close(CLOSE_OVERLOADED, "try again")
            return
        finally:
            self._asking = None
        if piece:
            self._writer.write(piece)
        self.pump()

    def _take(self, message: str | bytes) -> Awaitable[None] | None:
        if isinstance(message, bytes):
            raise Malformed("A message is expected to be text.")
        body = message.encode()
        self._speaks_v1 = self._speaks_v1 or _is_of_v1(body)
        asked = decode(_CLIENT_MESSAGE, body)
        if isinstance(asked, Auth):
            return self._identify(asked.token)
        if not self._is_known:
            raise Unauthenticated("The key comes first.")
        self._follow(asked)
        return None

    def _follow(self, asked: Subscribe | Unsubscribe) -> None:
        self._wait(None)
        if isinstance(asked, Subscribe):
            self._reader.subscribe(asked)
            self.pump()
        else:
            self._answer(self._reader.unsubscribe())

    def _identify(self, secret: str) -> Awaitable[None] | None:
        """What is given back is waited for before anything else is read. Raises Unauthenticated, Forbidden or
        TooManyRequests."""
        try:
            self._enter(self._fanout.gate.identify(secret, self._peer, "read"))
        except Unknown:
            return self._identify_again(secret)
        except Unavailable as refusal:
            self._close_for(refusal)  # who it is cannot be told now, so nothing else can be answered
        return None

    async def _identify_again(self, secret: str) -> None:
        self._wait(None)
        gate = self._fanout.gate
        try:
            await gate.look_again()
            if self._writer.is_open:
                self._enter(gate.identify(secret, self._peer, "read", looked=True))
        except VainError as refusal:
            self._close_for(refusal)

    def _enter(self, identity: Identity) -> None:
        if (stream := self._writer.stream) is not None:
            self._fanout.watch(stream, identity)
        if not self._is_known:
            self._welcome()

    def _welcome(self) -> None:
        """It may follow: a bare client from now on, another as soon as it says what."""
        self._is_known = True
        self._fanout.strangers.pop(self, None)
        self._fanout.clients.add(self)
        if self._speaks_v1:
            self._wait(self._subscribe_to_all)
        else:
            self._reader.follow()

    def _subscribe_to_all(self) -> None:
        self._follow(Subscribe())

    def _give_up(self) -> None:
        self._close_for(Unauthenticated("no key came"))

    def _wait(self, then: Callable[[], None] | None) -> None:
        """Do this unless something comes first; None: it has come."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if then is None else asyncio.get_running_loop().call_later(WAIT_SECONDS, then)

    def _answer(self, frame: bytes) -> None:
        """Put it before what comes next."""
        if len(self._answers) >= MESSAGES_PER_SECOND:
            self.close(CLOSE_TOO_MANY, "answers are not taken")
            return
        self._answers.append(frame)
        self.pump()

    def _is_too_fast(self) -> bool:
        moment = time.monotonic()
        self._received = [at for at in self._received if moment - at < 1.0]
        is_too_fast = len(self._received) >= MESSAGES_PER_SECOND
        self._received.append(moment)
        if is_too_fast:
            self.close(CLOSE_TOO_MANY, "too many messages")
        return is_too_fast

    def _close_for(self, refusal: VainError) -> None:
        # The reason is a control frame of at most 125 bytes, so it is not the whole sentence.
        self.close(_CLOSE_CODES.get(type(refusal), CLOSE_OVERLOADED), described(refusal, SOCKET_PATH).title.lower())


def _is_of_v1(body: bytes) -> bool:
    """Whether the message speaks of what it wants, or of a key, rightly or not."""
    try:
        return msgspec.json.decode(body, type=_Head).type in _CLIENT_TYPES
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _error(error: VainError) -> bytes:
    told = described(error, SOCKET_PATH)
    flaws = [ErrorFlaw(flaw.detail, flaw.pointer) for flaw in error.flaws]
    return encode(ErrorMessage(now(), told.title, told.status, told.detail, told.type, flaws))

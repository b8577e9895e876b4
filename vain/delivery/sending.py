"""What a channel is given to send, and what it may answer."""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from vain.codec import encode
from vain.notification import Notification

Kind = Literal["webhook", "apprise", "command"]


class Refused(Exception):
    """A message was not taken. ``reason`` is for logs and pages: it names no address and no secret.

    ``is_final``: the receiver wants nothing any more. ``pause_seconds``: it asked to be left alone for so long.
    """

    def __init__(self, reason: str, *, is_final: bool = False, pause_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final
        self.pause_seconds = pause_seconds


class Message(Struct, frozen=True):
    """What a person reads: plain text, lines apart by ``\\n``."""

    title: str
    text: str


class Parcel(Struct, frozen=True):
    """What is sent at once: the same in each attempt, but for ``tries``, which counts those that failed."""

    notifications: tuple[Notification, ...]
    message: Message
    link: str | None
    """The address of what the first is about, on the dashboard."""
    chart: bytes | None = None
    """A PNG, where the channel takes one."""
    tries: int = 0

    @property
    def numbers(self) -> tuple[int, ...]:
        """What tells it from other parcels."""
        return tuple(each.notification_id for each in self.notifications)

    def json(self, host: str) -> bytes:
        """The first notification as programs get it; ``host`` is the server's machine, where it names no other."""
        told = replace(self.notifications[0], host=self.notifications[0].host or host)
        return b'{"type":"notification",' + encode(told)[1:-1] + b"," + encode({"link": self.link})[1:]


class Sender(Protocol):
    """A way to a receiver. Belongs to the event loop, and to one worker."""

    @property
    def kind(self) -> Kind: ...

    @property
    def target(self) -> str:
        """As it may be shown: ``https://***``."""

    @property
    def most_tries(self) -> int | None:
        """After so many a message is given up; None: only after a time."""

    @property
    def takes_many(self) -> bool:
        """Whether several notifications can be one message."""

    @property
    def takes_charts(self) -> bool: ...

    async def send(self, parcel: Parcel) -> None:
        """Have it taken. Raises Refused; cancelling it ends whatever it began."""

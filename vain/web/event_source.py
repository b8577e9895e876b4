"""``GET /events``: the same stream as server-sent events, for ``curl``, ``EventSource``, and whoever has no WebSocket.

Each message is an event of its ``type`` with its JSON as data; what is a position to go on from has it as ``id``, which
a browser sends back by itself (``Last-Event-ID``). Like a socket, a reader has no queue: it is given the next piece
when the last one was taken, and ended when it takes nothing for long (``exchange.STALLED_SECONDS``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Annotated

from msgspec import Meta

from vain.clock import now
from vain.codec import convert, encode
from vain.errors import Flaw, Invalid, Malformed, VainError
from vain.messages import STREAMS, Epoch, Goaway, Seq, Subscribe
from vain.types import OUTCOMES, PRIORITIES, STATUSES, Label
from vain.web.declared import Answer, Parameter, operation
from vain.web.events import Fanout
from vain.web.http import Request, Response
from vain.web.parameters import TAG, TASK_HOSTS, Q
from vain.web.services import Services
from vain.web.stream_reader import Reader

logger = logging.getLogger(__name__)

CONTENT_TYPE = "text/event-stream; charset=utf-8"
RETRY_MILLISECONDS = 2_000
"""After so long a browser comes back whose connection was lost."""
LISTS = ("streams", "task_id", "status", "priority", "outcome", "parent_id", "host")
FILTERS = ("task_id", "status", "priority", "outcome", "tag", "key", "parent_id", "host", "q")


def _one_or_more(words: tuple[str, ...]) -> object:
    known = "|".join(words)
    return Annotated[str, Meta(pattern=f"^({known})(,({known}))*$")]


_Numbers = Annotated[str, Meta(pattern=r"^[1-9]\d{0,15}(,[1-9]\d{0,15})*$")]
_PARAMETERS = (
    Parameter("since", Seq, "Everything after this event; not given: from now on."),
    Parameter("epoch", Epoch, "Of which log that number is: `X-Vain-Epoch`, or what an `id` has before its colon."),
    Parameter("snapshot", bool, "Without `since`: all tasks come first.", False),
    Parameter("streams", _one_or_more(STREAMS), "Which of the streams, with commas between; not given: all four."),
    Parameter("task_id", _Numbers, "Only these tasks, by number, with commas between."),
    Parameter("status", _one_or_more(STATUSES), "Only tasks with one of these statuses."),
    Parameter("priority", _one_or_more(PRIORITIES), "Only tasks with one of these priorities."),
    Parameter("outcome", _one_or_more(OUTCOMES), "Only tasks with one of these outcomes."),
    TAG,
    Parameter("key", Label, "Only runs of this recurring job."),
    Parameter("parent_id", _Numbers, "Only parts of these tasks."),
    TASK_HOSTS,
    Q,
)
_LAST_EVENT_ID = Parameter("Last-Event-ID", str, "The last `id` that came: it goes on from there. Wins over `since`.")


@operation(
    "followEvents",
    Answer(200, "Events, until one side ends it.", media=(CONTENT_TYPE,), json=False),
    tag="stream",
    parameters=_PARAMETERS,
    headers=(_LAST_EVENT_ID,),
    refuses=(503,),
)
def show(services: Services, request: Request) -> Response:
    """What happens, as server-sent events."""
    asked = _asked(request.parameters(), request.headers.get("Last-Event-ID"))
    fanout = services.fanout
    fanout.check_room()
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    parts = EventSource(fanout, asked).parts()
    return Response(parts, content_type=CONTENT_TYPE, headers=headers, is_endless=True)


class EventSource:
    """One reader of ``/events``."""

    kind = "sse"

    def __init__(self, fanout: Fanout, asked: Subscribe) -> None:
        self._fanout, self._epoch = fanout, fanout.feed.hub.epoch
        self._reader = Reader(fanout.feed, self.as_event)
        self._reader.subscribe(asked)
        self._news = asyncio.Event()
        self._retry_seconds: float | None = None

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """What is sent, piece by piece."""
        self._fanout.clients.add(self)
        try:
            yield b"retry: %d\n\n" % RETRY_MILLISECONDS
            while self._retry_seconds is None:
                self._news.clear()
                if piece := await self._next():
                    yield piece
            yield b"retry: %d\n" % (1_000 * self._retry_seconds) + self.as_event(
                "goaway", None, encode(Goaway(now(), self._retry_seconds))
            )
        except VainError as error:
            logger.warning("A reader of /events could not be brought forward: %s", error)
        finally:
            self._fanout.clients.discard(self)

    def as_event(self, type_: str, seq: int | None, body: bytes) -> bytes:
        """The ``Form`` of a server-sent event."""
        place = b"" if seq is None else b"id: %s:%d\n" % (self._epoch.encode(), seq)
        # JSON has no bare line break, so one line holds it.
        return b"event: %s\n%sdata: %s\n\n" % (type_.encode(), place, body)

    def pump(self) -> None:
        """There may be something new."""
        self._news.set()

    def remind(self) -> None:
        """Say how far it is; that also keeps proxies from taking the connection for dead."""
        self._reader.owe_bookmark()
        self._news.set()

    def check(self) -> None:
        """The exchange ends one that takes nothing."""

    def end(self, retry_seconds: float) -> None:
        """Have it end."""
        self._retry_seconds = round(retry_seconds, 1)
        self._news.set()

    async def _next(self) -> bytes:
        """The next piece; empty after a wait."""
        piece = self._reader.at_hand()
        if piece is None:
            return await self._reader.from_store()
        if not piece:
            await self._news.wait()
        return piece


def _asked(given: Mapping[str, str], last_event_id: str | None) -> Subscribe:
    """What the parameters ask for. Raises Malformed that names the one that is wrong."""
    values = {name: text.split(",") if name in LISTS else text for name, text in given.items()}
    fields: dict[str, object] = {"snapshot": False} | {n: v for n, v in values.items() if n not in FILTERS}
    fields["filter"] = {name: value for name, value in values.items() if name in FILTERS}
    if last_event_id:
        epoch, _, fields["since"] = last_event_id.rpartition(":")
        fields |= {"epoch": epoch}
    try:
        return convert(Subscribe, fields)
    except Invalid as error:
        raise _malformed(error, bool(last_event_id)) from None


def _malformed(error: Invalid, has_id: bool) -> Malformed:
    """The same, in the words of parameters."""
    steps = [step for step in (error.flaws[0].pointer or "").split("/") if step and not step.isdigit()]
    name = steps[-1] if steps else ""
    if has_id and name in ("since", "epoch"):
        name = "Last-Event-ID"
    detail = error.flaws[0].detail
    return Malformed(f"{name}: {detail}", [Flaw(detail, parameter=name)])

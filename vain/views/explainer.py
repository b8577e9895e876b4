"""What did that? The panel that names who used the machine in the stretch that a person chose."""

from __future__ import annotations

import logging
from typing import Annotated, Any, ClassVar, Final, Literal

import panel as pn
import param
from msgspec import Meta, Struct, structs
from panel.custom import JSComponent

from vain.codec import decode, encode
from vain.errors import VainError
from vain.explaining import Explaining, Explanation
from vain.views.address import moment
from vain.views.live import Live
from vain.views.lookback import WENT_WRONG
from vain.views.text import asset
from vain.views.zoom import LATEST_SECONDS

logger = logging.getLogger(__name__)

METRICS: Final = {
    "cpu.percent": "CPU",
    "memory.used_bytes": "Memory",
    "memory.growth_bytes": "Memory growth",
    "disk.read_bytes_per_second": "Disk read",
    "disk.written_bytes_per_second": "Disk written",
}

Metric = Literal[
    "cpu.percent",
    "memory.used_bytes",
    "memory.growth_bytes",
    "disk.read_bytes_per_second",
    "disk.written_bytes_per_second",
]
Moment = Annotated[float, Meta(ge=0, le=LATEST_SECONDS)]


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """What the browser asks: a stretch (Unix seconds) and the metric to rank by; ``request`` comes back."""

    after: Moment
    before: Moment
    metric: Metric = "cpu.percent"
    request: Annotated[int, Meta(ge=0, le=2**53)] = 0


class ExplainerControl(JSComponent):
    """The browser's side."""

    told = param.String(default="", doc="The explanation as JSON, with the request that it answers")
    trouble = param.Dict(default={}, doc="Why there is none: request and detail")
    asked = param.Dict(default={}, doc="What the page's address asked for when it was opened")
    metrics = param.List(default=[list(pair) for pair in METRICS.items()])

    _esm = "\n".join(
        map(asset, ("when.js", "range_words.js", "address.js", "busy.js", "timeline_units.js", "explainer.js"))
    )
    _stylesheets: ClassVar[list[str]] = [asset("explainer.css")]


class Explainer(pn.viewable.Viewer):
    """The panel over a ``Live``. One question at a time; the newest waits."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self.live = live
        self._next: Question | None = None
        self._reads = False
        after, before = moment("from"), moment("to")
        is_asked = after is not None and before is not None and after < before
        asked = {"after": after, "before": before} if is_asked else {}
        self._control = ExplainerControl(asked=asked, sizing_mode="stretch_width", margin=0)
        self._control.on_msg(lambda event: self.receive(event.data))

    def __panel__(self) -> pn.viewable.Viewable:
        return self._control

    def receive(self, message: Any) -> None:
        """Takes one message of the browser; what our own page never sends is left unanswered."""
        try:
            question = decode(Question, encode(message))
        except (VainError, TypeError, ValueError) as error:
            logger.warning("A page asked a question that there is not: %s", error)
            return
        self._next = question
        self._read_next()

    def _read_next(self) -> None:
        if self._reads or self._next is None:
            return
        question, self._next, self._reads = self._next, None, True
        self.live.fetch(lambda: self._read(question), lambda found: self._show(question, found))

    async def _read(self, question: Question) -> Explanation | str:
        try:
            return await self.live.source.explain(Explaining(question.after, question.before, question.metric))
        except VainError as error:
            return error.detail
        except Exception:
            logger.exception("A stretch could not be explained")
            return WENT_WRONG

    def _show(self, question: Question, found: Explanation | str) -> None:
        self._reads = False
        if isinstance(found, str):
            self._control.trouble = {"request": question.request, "detail": found}
        else:
            self._control.told = encode({**structs.asdict(found), "request": question.request}).decode()
        self._read_next()

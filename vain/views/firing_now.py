"""What fires now, and who is silenced: the part of the page of notifications that asks for something to be done."""

from __future__ import annotations

import logging
import time
from typing import Annotated, Any, ClassVar, Final

import panel as pn
import param
from msgspec import Meta, Struct
from panel.custom import JSComponent

from vain.alerting.alert import SilenceDraft
from vain.alerting.rule import RuleName, SeriesName
from vain.clock import Clock
from vain.codec import decode, encode
from vain.errors import VainError
from vain.samples import series
from vain.types import LARGEST_INTEGER
from vain.views.rule_words import alert_row, silence_row
from vain.views.text import asset
from vain.views.watched import Change, Watched

logger = logging.getLogger(__name__)

LONGEST_SECONDS: Final = 2 * 86_400.0
"""The longest silence that a button offers."""
Number = Annotated[int, Meta(ge=1, le=LARGEST_INTEGER)]


class Silenced(Struct, frozen=True, forbid_unknown_fields=True):
    """What is not to be told for a while."""

    rule: RuleName
    subject: SeriesName
    seconds: Annotated[float, Meta(ge=60, le=LONGEST_SECONDS)]


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """One press of a button."""

    acknowledge: Number | None = None
    silence: Silenced | None = None
    end: Number | None = None


class FiringList(JSComponent):
    """The browser's side. Sends ``Asked``."""

    shown = param.Dict(default={}, doc="alerts, silences, watching, trouble; empty before anything was read")
    refused = param.String(default="", doc="Why the last press of a button did nothing")
    may_write = param.Boolean(default=False)

    _esm = "\n".join(map(asset, ("when.js", "range_words.js", "timeline_units.js", "rules_firing.js")))
    _stylesheets: ClassVar[list[str]] = [asset("rules_firing.css")]


class FiringNow(pn.viewable.Viewer):
    """The list over what is watched; those who may change something can acknowledge and silence. Loop only."""

    def __init__(self, watched: Watched, wall: Clock = time.time) -> None:
        super().__init__()
        self.watched, self._wall = watched, wall
        self._list = FiringList(may_write=watched.live.may_write, margin=0, sizing_mode="stretch_width")
        self._list.on_msg(lambda event: self.receive(event.data))
        watched.on_read.append(self._tell)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._list

    def receive(self, message: Any) -> None:
        """Takes one message of the browser, which may send anything: what our own list never sends does nothing."""
        try:
            work = self._work_of(decode(Asked, encode(message)))
        except (VainError, TypeError, ValueError) as error:
            logger.warning("A page asked for something that there is not: %s", error)
            return
        if work is not None and self.watched.live.may_write:
            self.watched.change(work, self._answer)

    def _work_of(self, asked: Asked) -> Change | None:
        source, number, end, silence = self.watched.live.source, asked.acknowledge, asked.end, asked.silence
        if number is not None:
            return lambda: source.acknowledge(number)
        if end is not None:
            return lambda: source.end_silence(end)
        if silence is not None:
            draft = SilenceDraft(rules=[silence.rule], subject=silence.subject, seconds=silence.seconds)
            return lambda: source.silence(draft)
        return None

    def _answer(self, error: VainError | None) -> None:
        self._list.refused = "" if error is None else error.detail

    def _tell(self) -> None:
        self._list.shown = shown(self.watched, self._wall())


def shown(watched: Watched, now: float) -> dict[str, Any]:
    """What the browser shows; the newest alert first. ``now``: Unix seconds."""
    if not watched.is_known:
        return {"trouble": watched.trouble}
    sample = watched.live.source.latest()
    current = dict(series(sample)) if sample is not None else {}
    pairs = [(rule, alert) for rule in watched.rules for alert in rule.firing]
    pairs.sort(key=lambda pair: pair[1].since, reverse=True)
    by_name = {rule.name: rule for rule in watched.rules}
    return {
        "alerts": [alert_row(rule, alert, watched.silences, current, now) for rule, alert in pairs],
        "silences": [silence_row(each, by_name, now) for each in watched.silences],
        "watching": sum(rule.enabled for rule in watched.rules),
        "trouble": watched.trouble,
    }

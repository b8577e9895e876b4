"""The rules: what each watches, whether it is on, and an editor that shows when it would have fired.

Titles, names and subjects may hold anything that somebody wrote; the component sets them as text.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any, ClassVar

import panel as pn
import param
from msgspec import Meta, Struct, structs
from panel.custom import JSComponent

from vain.alerting.rule import Rule, RuleName
from vain.codec import decode, encode
from vain.errors import Flaw, Invalid, NotFound, VainError
from vain.source import Source
from vain.views.rule_trial import Look, Request, Trial, Try, refusal
from vain.views.rule_words import bare, metrics_for_rules, row_of, task_events
from vain.views.text import asset
from vain.views.watched import Change, Watched

logger = logging.getLogger(__name__)


class Put(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule that is to be made or replaced; ``is_new``: none of its name may be there."""

    rule: Rule
    is_new: bool = False


class Switched(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule that is to be on or off."""

    name: RuleName
    enabled: bool


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """One change that the browser asks for."""

    request: Request
    put: Put | None = None
    switch: Switched | None = None
    drop: Annotated[str, Meta(max_length=64)] | None = None


class RuleTable(JSComponent):
    """The browser's side. Sends ``{"change": Asked}``, ``{"look": Look}`` and ``{"try": Try}``."""

    shown = param.Dict(default={}, doc="rules, series, trouble; empty before anything was read")
    answer = param.Dict(default={}, doc="request, detail and flaws of the newest change; detail is empty if it is done")
    picture = param.String(default="", doc="What the chart shows, as JSON, with the request that it answers")
    tried = param.String(default="", doc="When the rule would have fired, as JSON, with the request that it answers")
    may_change = param.Boolean(default=False)
    metrics = param.List(default=[], item_type=dict)
    events = param.List(default=[])

    _esm = "\n".join(
        map(
            asset,
            (
                "when.js", "range_words.js", "timeline_units.js", "rules_units.js", "rules_chart.js",
                "rules_fields.js", "rules_editor.js", "rules.js",
            ),
        )
    )  # fmt: skip
    _stylesheets: ClassVar[list[str]] = [asset("rules.css"), asset("rules_editor.css")]


class Rules(pn.viewable.Viewer):
    """The table over what is watched; administrators can change it, and everybody may try a rule. Loop only."""

    def __init__(self, watched: Watched) -> None:
        super().__init__()
        self.watched = watched
        self._table = RuleTable(
            may_change=watched.live.role == "admin",
            metrics=metrics_for_rules(),
            events=task_events(),
            margin=0,
            sizing_mode="stretch_width",
        )
        self._trial = Trial(watched.live, self._picture, self._tried)
        self._table.on_msg(lambda event: self.receive(event.data))
        watched.on_read.append(self._tell)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._table

    def receive(self, message: Any) -> None:
        """Takes one message of the browser, which may send anything: what our own page never sends does nothing."""
        asked = message if isinstance(message, dict) else {}
        request = 0
        try:
            if "look" in asked:
                self._trial.look(decode(Look, encode(asked["look"])))
            elif "change" in asked:
                request = _request_of(asked["change"])
                self._change(decode(Asked, encode(asked["change"])))
            elif "try" in asked:
                request = _request_of(asked["try"])
                self._trial.attempt(decode(Try, encode(asked["try"])))
        except VainError as error:
            self._refuse("try" in asked, request, error)
        except (TypeError, ValueError) as error:
            logger.warning("A page asked for something that there is not: %s", error)

    def _change(self, asked: Asked) -> None:
        work = self._work_of(asked)
        if work is not None and self.watched.live.role == "admin":
            self.watched.change(work, lambda error: self._answer(asked.request, error))

    def _work_of(self, asked: Asked) -> Change | None:
        source, put, switch, drop = self.watched.live.source, asked.put, asked.switch, asked.drop
        if put is not None:
            return lambda: _put(source, put)
        if switch is not None:
            return lambda: _switch(source, switch)
        if drop is not None:
            return lambda: source.drop_rule(drop)
        return None

    def _answer(self, request: int, error: VainError | None) -> None:
        self._table.answer = {"request": request, **({"detail": "", "flaws": []} if error is None else refusal(error))}

    def _refuse(self, is_try: bool, request: int, error: VainError) -> None:
        told = {"request": request, **refusal(error)}
        if is_try:
            self._table.tried = encode(told).decode()
        else:
            self._table.answer = told

    def _picture(self, told: str) -> None:
        self._table.picture = told

    def _tried(self, told: str) -> None:
        self._table.tried = told

    def _tell(self) -> None:
        watched = self.watched
        if not watched.is_known:
            self._table.shown = {"trouble": watched.trouble}
            return
        seen = sorted(
            name for name in watched.live.source.columns(0).values if ":" in name and not name.startswith("task.")
        )
        rules = [row_of(rule) for rule in watched.rules]
        self._table.shown = {"rules": rules, "series": seen, "trouble": watched.trouble}


async def _put(source: Source, put: Put) -> None:
    if put.is_new and any(rule.name == put.rule.name for rule in await source.rules()):
        detail = "There is a rule of this name already."
        raise Invalid(f"name: {detail}", [Flaw(detail, pointer="/name")])
    await source.put_rule(put.rule)


async def _switch(source: Source, switch: Switched) -> None:
    known = next((rule for rule in await source.rules() if rule.name == switch.name), None)
    if known is None:
        raise NotFound(f"There is no rule {switch.name!r}.")
    await source.put_rule(structs.replace(bare(known), enabled=switch.enabled))


def _request_of(sent: Any) -> int:
    """The number of a question that may be nonsense otherwise."""
    number = sent.get("request") if isinstance(sent, dict) else None
    return number if isinstance(number, int) and 0 <= number <= 2**53 else 0

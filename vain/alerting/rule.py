"""A rule, in the one form that a file, the API and the page share.

It has one condition: a threshold (``above`` or ``below``), a trend (``reaches`` a value ``within`` a time), silence
(``absent``), each of a ``metric``; or what happens to ``tasks``.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from vain.catalog import metric_of
from vain.errors import Flaw, Invalid
from vain.types import Label, Level, Line, Name

TaskEvent = Literal["failed", "crashed", "timed-out", "stale", "overdue", "missed", "longer", "shorter", "costlier"]
Condition = Literal["threshold", "trend", "absent", "tasks"]

LONGEST_SECONDS = 31 * 86_400.0
LEAST_TREND_SECONDS = 300.0
RuleName = Annotated[str, Meta(pattern=r"^(?!test$)[a-z0-9][a-z0-9_-]{0,63}$(?!\n)")]
"""Not ``test``, which is a route."""
Span = Annotated[float, Meta(ge=0, le=LONGEST_SECONDS)]
"""Seconds, none of them included."""
SeriesName = Annotated[str, Meta(min_length=1, max_length=500)]


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``metric`` is a metric (each of its series is judged by itself) or a series (``disk.percent:/home``)."""

    name: RuleName
    title: Line | None = None
    """What is told; None: what the rule says, in words."""
    enabled: bool = True
    level: Level = "warning"
    metric: SeriesName | None = None
    above: float | None = None
    below: float | None = None
    clear: float | None = None
    """The threshold of the way back, so that a value that trembles at the edge does not ring twice; None: the same."""
    reaches: float | None = None
    """It fires if the metric will be there ``within`` so many seconds, by its trend ``over`` the last ones."""
    within: Annotated[float, Meta(gt=0, le=LONGEST_SECONDS)] | None = None
    over: Annotated[float, Meta(ge=LEAST_TREND_SECONDS, le=86_400)] = 3_600.0
    absent: bool = False
    """It fires if the metric was there and is not any more, ``for`` so long."""
    tasks: Annotated[list[TaskEvent], Meta(max_length=9)] = []
    task: Name | None = None
    """Only tasks of this name or key."""
    tag: Label | None = None
    """Only tasks with this tag."""
    for_seconds: Span = field(name="for", default=0.0)
    """How long it has to hold without a break."""
    keep_firing_for: Span = 0.0
    """How long it has to be over without a break."""
    unless_task: Name | None = None
    """It does not fire while a task of this name or key is in progress."""
    while_task: Name | None = None
    """It fires only while one is, and clears when that ends."""
    repeat: Annotated[float, Meta(ge=60, le=LONGEST_SECONDS)] | None = 4 * 3_600.0
    """Told again after so long, then after twice as long, until it is over or somebody acknowledges it."""
    channels: Annotated[list[Label], Meta(max_length=20)] | None = None
    """Where else it is told; None: everywhere, an empty list: nowhere."""

    @property
    def condition(self) -> Condition:
        """Which of the four it has, once it is checked."""
        if self.tasks:
            return "tasks"
        if self.absent:
            return "absent"
        return "trend" if self.reaches is not None else "threshold"

    @property
    def clear_threshold(self) -> float | None:
        """The threshold of the way back."""
        if self.clear is not None:
            return self.clear
        return self.above if self.above is not None else self.below


def checked(rule: Rule) -> Rule:
    """The rule, if it makes sense. Raises Invalid with every flaw, each with the pointer of its field."""
    flaws = [*_condition_flaws(rule), *_value_flaws(rule), *_task_flaws(rule)]
    if flaws:
        raise Invalid(f"{(flaws[0].pointer or '/').lstrip('/') or 'rule'}: {flaws[0].detail}", flaws)
    return rule


def _condition_flaws(rule: Rule) -> list[Flaw]:
    given = [name for name in ("above", "below", "reaches") if getattr(rule, name) is not None]
    given += ["absent"] if rule.absent else []
    given += ["tasks"] if rule.tasks else []
    if not given:
        return [Flaw("One of above, below, reaches, absent or tasks is expected.", pointer="")]
    if len(given) > 1:
        return [Flaw(f"Not together with {given[0]}.", pointer=f"/{name}") for name in given[1:]]
    if given == ["tasks"]:
        return [] if rule.metric is None else [Flaw("A rule about tasks has no metric.", pointer="/metric")]
    if rule.metric is None:
        return [Flaw("A metric is expected.", pointer="/metric")]
    if metric_of(rule.metric) is None or rule.metric.startswith("task."):
        return [Flaw("There is no such metric of the machine.", pointer="/metric")]
    return []


def _value_flaws(rule: Rule) -> list[Flaw]:
    flaws = [
        Flaw("A finite number is expected.", pointer=f"/{name}")
        for name in ("above", "below", "clear", "reaches")
        if (value := getattr(rule, name)) is not None and not math.isfinite(value)
    ]
    if rule.clear is not None and rule.above is not None and rule.clear > rule.above:
        flaws.append(Flaw("Not above the threshold, or it would clear as it fires.", pointer="/clear"))
    if rule.clear is not None and rule.below is not None and rule.clear < rule.below:
        flaws.append(Flaw("Not below the threshold, or it would clear as it fires.", pointer="/clear"))
    if rule.clear is not None and rule.above is None and rule.below is None:
        flaws.append(Flaw("Only together with above or below.", pointer="/clear"))
    if (rule.reaches is None) != (rule.within is None):
        flaws.append(
            Flaw("reaches and within belong together.", pointer="/within" if rule.within is None else "/reaches")
        )
    if rule.absent and rule.for_seconds <= 0:
        flaws.append(Flaw("How long nothing may come, in seconds, is expected.", pointer="/for"))
    return flaws


def _task_flaws(rule: Rule) -> list[Flaw]:
    flaws = []
    if not rule.tasks:
        flaws += [
            Flaw("Only together with tasks.", pointer=f"/{name}") for name in ("task", "tag") if getattr(rule, name)
        ]
    elif rule.for_seconds or rule.keep_firing_for:
        name = "for" if rule.for_seconds else "keep_firing_for"
        flaws.append(Flaw("What happens to a task happens at once: not together with tasks.", pointer=f"/{name}"))
    if rule.unless_task is not None and rule.unless_task == rule.while_task:
        flaws.append(Flaw("Not the same task as in while_task.", pointer="/unless_task"))
    return flaws


DEFAULT_RULES: tuple[Rule, ...] = (
    Rule(
        name="cpu-busy",
        title="CPU is busy",
        metric="cpu.percent",
        above=95,
        clear=85,
        for_seconds=300,
        keep_firing_for=60,
    ),
    Rule(
        name="memory-low",
        title="Memory is running out",
        metric="memory.percent",
        above=92,
        clear=88,
        for_seconds=60,
        keep_firing_for=60,
    ),
    Rule(
        name="disk-filling",
        title="Disk is filling up",
        metric="disk.percent",
        above=90,
        clear=87,
        for_seconds=60,
        keep_firing_for=60,
    ),
    Rule(
        name="disk-full",
        title="Disk is nearly full",
        level="error",
        metric="disk.percent",
        above=97,
        clear=95,
        for_seconds=60,
        keep_firing_for=60,
    ),
    Rule(
        name="host-silent",
        title="Machine fell silent",
        metric="host.silent_seconds",
        above=60,
        clear=30,
    ),
    Rule(
        name="disk-full-soon",
        title="Disk will be full soon",
        metric="disk.percent",
        reaches=100,
        within=6 * 3_600,
        over=3_600,
        for_seconds=600,
        keep_firing_for=1_800,
    ),
)

"""What judging many rules costs at one sample: the CPU of a tick, with nothing going on and with everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from benchmarks.report import Section, Table, Target
from benchmarks.rounds import Spread, interleaved, spread
from vain.alerting.judging import Judge
from vain.alerting.rule import Rule

RULES, SERIES = 1_000, 60
LARGEST_MS = 5.0
CALM, BEYOND = 20.0, 95.0
METHOD = f"""{RULES:,} threshold rules and a sample of {SERIES} series, once a second of a clock that is made up. Either
each rule is about one of the series, as with `disk.percent:/home`, or about the metric of all of them, so that
{RULES * SERIES:,} states are kept. "Calm": no value is over a threshold. "Counting": each is, and none has fired yet.
"Firing": each rule has fired and goes on. Values change from tick to tick. CPU time of the process for a tick, the mean
of a round; the tick at which all rules fire at once is not among them."""


class Scale(NamedTuple):
    """How much is measured; the tests take less."""

    rules: int = RULES
    ticks: int = 200
    rounds: int = 7


FULL = Scale()
LAYOUTS = {"one series each": "disk.percent:/{}", "all series each": "disk.percent"}
STATES = ("calm", "counting", "firing")
Side = tuple[str, str]


def measure(scale: Scale = FULL) -> Section:
    """About a minute."""
    sides = {(layout, state): _side(layout, state, scale) for layout in LAYOUTS for state in STATES}
    named: dict[str, Callable[[], float]] = {f"{layout}\n{state}": side for (layout, state), side in sides.items()}
    taken = {name: spread(rounds) for name, rounds in interleaved(scale.rounds, named).items()}
    found = {side: taken["\n".join(side)] for side in sides}
    rows = [[layout, *(found[layout, state].text(3) for state in STATES)] for layout in LAYOUTS]
    header = [f"{scale.rules:,} rules about", *(f"ms of CPU, {state}" for state in STATES)]
    return Section("rules", "Rules", METHOD, [Table(header, rows)], [_target(found, layout) for layout in LAYOUTS])


def _target(found: dict[Side, Spread], layout: str) -> Target:
    worst = max(found[layout, state].median for state in STATES)
    return Target(
        f"ms of CPU for a tick, rules about {layout.removesuffix(' each')}, whatever happens", worst, LARGEST_MS
    )


def _side(layout: str, state: str, scale: Scale) -> Callable[[], float]:
    """Runs a round, and returns the milliseconds of CPU of one tick."""
    judge, names = Judge(_rules(layout, state, scale.rules)), [f"disk.percent:/{number}" for number in range(SERIES)]
    level, seconds = CALM if state == "calm" else BEYOND, count()
    # Two ticks before the clock runs: the first meets the series and fires what fires at once.
    samples = [[(name, level + (at + number) % 7 / 2) for number, name in enumerate(names)] for at in range(7)]
    for at in range(2):
        judge.take(samples[at], float(next(seconds)))

    def run() -> float:
        began = time.process_time()
        for _ in range(scale.ticks):
            at = next(seconds)
            judge.take(samples[at % 7], float(at))
        return 1000 * (time.process_time() - began) / scale.ticks

    return run


def _rules(layout: str, state: str, rules: int) -> list[Rule]:
    wait = 0.0 if state == "firing" else 30 * 86_400.0
    return [
        Rule(
            name=f"rule-{number}", metric=LAYOUTS[layout].format(number % SERIES), above=90, clear=85,
            for_seconds=wait, keep_firing_for=60,
        )
        for number in range(rules)
    ]  # fmt: skip

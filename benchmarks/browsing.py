"""How long a hand waits for new data, on the timeline over a month of history and ten thousand tasks."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as TookTooLong

from benchmarks import busy_month, processes
from benchmarks.browser import HEIGHT, LOAD_SECONDS, WIDTH, browser, new_page
from benchmarks.history_data import DAY
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import percentile, spread

SEED = 11
LARGEST_MEDIAN_MS, LARGEST_P95_MS = 150.0, 400.0
MINUTES = 300.0
ANSWER_SECONDS, SETTLE_SECONDS, QUIET_MS = 10.0, 0.7, 150.0
WATCH = Path(__file__).parent / "peers" / "browsing_watch.js"
KINDS = {"wheel": 4, "drag": 3, "key ← →": 2, "key + −": 2}
"""What a hand does, and how often."""
PARTS = ("rest", "server", "taken in", "painted")


class Scale(NamedTuple):
    """How much is measured; the tests take less."""

    days: int = busy_month.DAYS
    tasks: int = busy_month.TASKS
    rounds: int = 3
    actions: int = 48


FULL = Scale()
METHOD = f"""The page at `/` over a data folder with {FULL.days} days of twenty series, one sample each second, and
{FULL.tasks:,} tasks, a quarter of them below another, a few still running; headless Chromium without a GPU, {WIDTH} ×
{HEIGHT}. {FULL.actions} actions a round, drawn with a fixed seed: the wheel (one to four notches), a drag, the keys
← → + −, from the whole month down to {MINUTES / 60:.0f} minutes and out again. The time runs from the last event of the
action, by the browser's own time stamp, until the lines and the lanes of the window where the axis came to rest were
there and the frame with them was drawn. An action whose window was loaded already asks for nothing: it is timed until
its frame was drawn, and left out of the goals. The parts: *rest* until the page asks, *server* until the whole answer
is in the browser (reading, building the message, the loopback, and what the browser does before it looks at it),
*taken in* until Bokeh has it in its models, *painted* until the frame with it was drawn. {FULL.rounds} rounds, each in
a fresh page with other windows; all other work of the server goes on."""


class Waited(NamedTuple):
    """What one action took, in milliseconds; ``parts`` are those of an action that had to read, else empty."""

    kind: str
    span_seconds: float
    milliseconds: float
    parts: Mapping[str, float]
    received_bytes: int


def measure(scale: Scale = FULL) -> Section:
    """About five minutes."""
    with TemporaryDirectory(prefix="vain-benchmark-") as folder:
        end = busy_month.make(Path(folder), scale.days, scale.tasks)
        with processes.vain("--keep-raw", f"{busy_month.KEEP_DAYS}d", folder=Path(folder)) as server:
            return section(list(waits(f"http://localhost:{server.port}", end, scale)))


def waits(url: str, end: float, scale: Scale) -> Iterator[Waited]:
    """The actions of all rounds on a server that is ready."""
    for number in range(scale.rounds):
        with browser() as opened:
            page = new_page(opened, WATCH.read_text("utf-8"))
            page.goto(f"{url}/?after={end - scale.days * DAY:.0f}&before={end:.0f}")
            page.wait_for_function("window.browsing?.isReady", timeout=LOAD_SECONDS * 1000)
            time.sleep(3 * SETTLE_SECONDS)
            yield from _Hand(page, random.Random(SEED + number), scale).acts()


class _Hand:
    """Somebody who looks around in the past."""

    def __init__(self, page: Page, chance: random.Random, scale: Scale) -> None:
        self._page, self._chance, self._scale = page, chance, scale
        box = page.evaluate(_BOX)
        self._left, self._right, self._y = box["left"], box["right"], box["y"]
        self._is_inwards = True

    def acts(self) -> Iterator[Waited]:
        for _ in range(self._scale.actions):
            yield self._act()

    def _act(self) -> Waited:
        begin, end = self._page.evaluate("browsing.axis()")
        kind, act = self._next(end - begin)
        self._page.evaluate(_FORGET)
        act()
        noted = self._answered()
        time.sleep(SETTLE_SECONDS * (0.5 + self._chance.random()))
        begin, end = self._page.evaluate("browsing.axis()")
        return waited(kind, end - begin, noted)

    def _next(self, span: float) -> tuple[str, Callable[[], None]]:
        if span < MINUTES:
            self._is_inwards = False
        elif span > self._scale.days * DAY * 0.8:
            self._is_inwards = True
        kind = self._chance.choices(list(KINDS), list(KINDS.values()))[0]
        acts = {"wheel": self._wheel, "drag": self._drag, "key ← →": self._pan, "key + −": self._zoom}
        return kind, acts[kind]

    def _place(self, share: float) -> tuple[float, float]:
        return self._left + share * (self._right - self._left), self._y

    def _wheel(self) -> None:
        self._page.mouse.move(*self._place(self._chance.uniform(0.2, 0.8)))
        self._page.evaluate(_FORGET)
        self._page.keyboard.down("Control")
        self._page.evaluate(_FORGET)
        for _ in range(self._chance.randint(1, 4)):
            self._page.mouse.wheel(0, -240 if self._is_inwards else 240)
        self._page.keyboard.up("Control")

    def _drag(self) -> None:
        share, by = self._chance.uniform(0.35, 0.65), self._chance.choice((-1, 1)) * self._chance.uniform(0.1, 0.3)
        self._page.mouse.move(*self._place(share))
        self._page.mouse.down()
        self._page.mouse.move(*self._place(share + by), steps=8)
        self._page.mouse.up()

    def _pan(self) -> None:
        self._page.keyboard.press(self._chance.choice(("ArrowLeft", "ArrowRight", "Shift+ArrowLeft")))

    def _zoom(self) -> None:
        self._page.keyboard.press("+" if self._is_inwards else "-")

    def _answered(self) -> dict[str, Any]:
        """What the page noted, when what it asked for last is there and nothing has been drawn for a moment."""
        try:
            self._page.wait_for_function(_IS_ANSWERED, arg=QUIET_MS, timeout=ANSWER_SECONDS * 1000, polling=50)
        except TookTooLong as error:
            raise RuntimeError(
                f"the page did not answer: {self._page.evaluate('JSON.stringify({...browsing, received: 0})')}"
            ) from error
        noted: dict[str, Any] = json.loads(self._page.evaluate("JSON.stringify(browsing)"))
        return noted


_BOX = """() => {
  const plots = [...Bokeh.documents[0].roots()].filter((one) => one.x_range?.name === "time" || one.x_range?.follow)
  const view = Bokeh.index.find_one(plots[0])
  view.el.scrollIntoView({block: "center"})
  const box = view.el.getBoundingClientRect(), frame = view.frame.bbox
  return {left: box.left + frame.left, right: box.left + frame.right, y: box.top + frame.top + frame.height / 2}
}"""
_FORGET = "() => { for (const one of Object.values(browsing)) if (Array.isArray(one)) one.length = 0 }"
_IS_ANSWERED = """(quiet) => {
  const {inputs, asked, shown, rows, charts, frames, lanes, moved} = browsing
  const now = performance.now(), at = (list) => list.at(-1)?.[0] ?? 0
  if (!inputs.length || !moved.length || now - Math.max(inputs.at(-1), at(moved)) < 2 * quiet) return false
  if (asked.length && !(shown.at(-1)?.[1] >= asked.at(-1)[1])) return false
  const last = Math.max(at(shown), at(lanes), at(moved))
  return at(frames) >= last && at(charts) >= Math.max(rows.at(-1) ?? 0, at(moved)) && now - last > 2 * quiet
}"""


def waited(kind: str, span_seconds: float, noted: Mapping[str, Any]) -> Waited:
    """What an action took, from what the page noted of it."""
    if any(trouble for *_known, trouble in noted["shown"]):
        raise RuntimeError(f"the page had trouble: {noted['shown']}")
    moved = noted["moved"][-1][0]
    began = max(t for t in noted["inputs"] if t <= moved)
    asked = noted["asked"][-1][0] if noted["asked"] else moved
    read = [t for t in (*noted["rows"], *(t for t, *_window in noted["lanes"])) if t > asked]
    there = max([moved, *read, *(t for t, *_known in noted["shown"])])
    painted = max(_frame(noted["charts"], max([moved, *noted["rows"]])), _frame(noted["frames"], there))
    received = [(t, size) for t, size in noted["received"] if asked <= t <= there]
    if not read or not received:
        return Waited(kind, span_seconds, painted - began, {}, 0)
    arrived = received[-1][0]
    parts = dict(zip(PARTS, (asked - began, arrived - asked, there - arrived, painted - there), strict=True))
    return Waited(kind, span_seconds, painted - began, parts, sum(size for _, size in received))


def _frame(frames: Sequence[tuple[float, float]], there: float) -> float:
    """When the first frame that began after ``there`` was over."""
    return next(end for begin, end in frames if begin >= there)


def section(measured: Sequence[Waited]) -> Section:
    """The figures of the document."""
    read = [one for one in measured if one.parts]
    taken = [one.milliseconds for one in read]
    actions = [["all that read", *_cells(read)], ["window was loaded", *_cells([o for o in measured if not o.parts])]]
    actions += [[kind, *_cells([one for one in read if one.kind == kind])] for kind in KINDS]
    parts = [[part, *_percentiles([one.parts[part] for one in read])] for part in PARTS]
    size = spread([one.received_bytes / 1e3 for one in read]).text(0)
    targets = [
        Target("ms until new data is drawn, median", percentile(taken, 50), LARGEST_MEDIAN_MS),
        Target("ms until new data is drawn, p95", percentile(taken, 95), LARGEST_P95_MS),
    ]
    tables = [
        Table(["action", "how many", "median ms", "p95 ms"], actions),
        Table(["part of those that read", "median ms", "p95 ms"], parts),
    ]
    return Section("browsing", "Looking around in a month", METHOD, tables, targets, f"kB to the browser: {size}.")


def _cells(measured: Sequence[Waited]) -> list[str]:
    return [str(len(measured)), *_percentiles([one.milliseconds for one in measured])]


def _percentiles(values: Sequence[float]) -> list[str]:
    return [f"{percentile(values, percent):.0f}" if values else "–" for percent in (50, 95)]

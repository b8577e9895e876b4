"""The range of the charts in a real browser: buttons, form, wheel and hand, and what is drawn then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec import Struct, convert
from playwright.sync_api import Browser

from tests.browser import Visit, eventually, pages_served

pytestmark = pytest.mark.slow

DRAWN = """() => {
  const plots = Bokeh.documents[0].roots().filter((root) => root.x_range?.follow), [{x_range, renderers}] = plots;
  const {t} = renderers.find((one) => one.glyph.type === "Line").data_source.data;
  const step = t.length > 1 ? t[1] - t[0] : 0, shared = plots.every((one) => one.x_range === x_range);
  return {start: x_range.start, end: x_range.end, points: t.length, first: t[0], last: t[t.length - 1], step, shared};
}"""
HOUR = 3_600_000


class Drawn(Struct):
    """The axis and the points of the charts, in milliseconds."""

    start: float
    end: float
    points: int
    first: float
    step: float
    last: float
    shared: bool


class Looker:
    """Somebody who looks at a page."""

    def __init__(self, visit: Visit) -> None:
        self.visit, self.page = visit.drawn(), visit.page
        self.note = self.page.locator("p.note[role=status]")
        assert eventually(lambda: "moving" in self.note.inner_text())

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def drawn(self) -> Drawn:
        return convert(self.page.evaluate(DRAWN), Drawn)

    def sees(self, words: str) -> bool:
        return eventually(lambda: words in self.note.inner_text(), 5)

    def over_a_chart(self, share: float = 0.6) -> None:
        box = self.page.locator("canvas").first.bounding_box()
        assert box is not None
        self.place = box["x"] + box["width"] * share, box["y"] + 50
        self.page.mouse.move(*self.place, steps=4)

    def zoom(self, pixels: int = -400) -> None:
        self.page.keyboard.down("Control")
        self.page.mouse.wheel(0, pixels)
        self.page.keyboard.up("Control")


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with pages_served() as url:
        yield url


@pytest.fixture
def looker(served: str, browser: Browser) -> Iterator[Looker]:
    visit = Visit(browser, served + "/", timezone_id="Europe/Berlin")
    yield Looker(visit)
    assert (visit.complaints, visit.foreign) == ([], [])
    visit.close()


def test_a_day_is_drawn_on_one_axis_and_explained(looker: Looker) -> None:
    looker.press("The last 24 h")
    assert looker.sees("24 h · a point is 2 min (mean, band min–max)")
    assert looker.sees("asleep")
    drawn = looker.drawn()
    assert drawn.shared
    assert abs(drawn.end - drawn.start - 24 * HOUR) < 1000
    assert (drawn.points >= 720, drawn.step) == (True, 120_000)


def test_the_wheel_gets_finer_points_from_a_month_down_to_every_sample(looker: Looker) -> None:
    looker.press("The last 30 d")
    assert looker.sees("a point is 1 h")
    steps = [looker.drawn().step]
    looker.over_a_chart()
    for _ in range(9):
        looker.zoom(-600)
        looker.page.wait_for_timeout(600)
        steps.append(looker.drawn().step)
    assert steps == sorted(steps, reverse=True)
    assert (steps[0], steps[-1]) == (HOUR, 1000)
    assert looker.sees("every sample")
    assert len(set(steps)) >= 6


def test_zooming_out_gets_coarser_points(looker: Looker) -> None:
    looker.press("The last 24 h")
    assert looker.sees("2 min")
    for _ in range(3):
        looker.press("Zoom out")
        looker.page.wait_for_timeout(300)
    assert looker.sees("a point is 15 min")
    assert looker.drawn().points >= 700


def test_dragging_looks_back_and_live_leads_on(looker: Looker) -> None:
    before = looker.drawn()
    looker.over_a_chart(0.3)
    looker.page.mouse.down()
    looker.over_a_chart(0.8)
    looker.page.mouse.up()
    assert eventually(lambda: "moving" not in looker.note.inner_text(), 5)
    # What was read while the hand still moved may come first.
    assert eventually(lambda: looker.drawn().first <= looker.drawn().start < before.start - 60_000, 5)
    looker.press("Follow the newest samples again")
    assert looker.sees("moving")
    assert eventually(lambda: looker.drawn().end > before.end + 2000, 8)
    assert abs(looker.drawn().last - looker.drawn().end) < 1


def test_a_double_click_leads_back_to_live(looker: Looker) -> None:
    looker.press("The last 7 d")
    assert looker.sees("7 d ·")
    looker.over_a_chart()
    looker.page.mouse.dblclick(*looker.place)
    assert looker.sees("5 min · every sample, moving")
    assert eventually(lambda: looker.drawn().end - looker.drawn().start < HOUR, 5)


def test_any_time_is_chosen_in_the_viewers_own_zone(looker: Looker) -> None:
    looker.press("Any time")
    first, last = looker.page.locator("form.dates input").all()
    day = looker.page.evaluate("new Date(Date.now() - 5 * 86400000).toLocaleDateString('sv')")
    first.fill(f"{day}T08:00:00")
    last.fill(f"{day}T20:00:00")
    last.press("Enter")
    assert looker.sees("08:00 – 20:00 · a point is 1 min")
    assert looker.page.evaluate("(at) => new Date(at).getHours()", looker.drawn().start) == 8


def test_an_end_before_its_beginning_is_not_sent(looker: Looker) -> None:
    looker.press("Any time")
    first, last = looker.page.locator("form.dates input").all()
    first.fill("2026-01-02T00:00:00")
    last.fill("2026-01-01T00:00:00")
    last.press("Enter")
    assert "later" in last.evaluate("(input) => input.validationMessage")
    assert looker.sees("moving")


def test_a_time_before_the_history_says_so(looker: Looker) -> None:
    looker.press("Any time")
    first, last = looker.page.locator("form.dates input").all()
    first.fill("2020-01-01T00:00:00")
    last.fill("2020-01-02T00:00:00")
    last.press("Enter")
    assert looker.sees("nothing is stored for this time. The history begins")


def test_a_window_is_moved_by_its_length(looker: Looker) -> None:
    looker.press("The last 24 h")
    assert looker.sees("24 h ·")
    newest = looker.drawn()
    looker.press("Back by one window")
    assert eventually(lambda: abs(looker.drawn().end - newest.start) < 1, 5)
    looker.press("Forward by one window")
    assert eventually(lambda: abs(looker.drawn().end - newest.end) < 5000, 5)


def test_the_keyboard_alone_is_enough(looker: Looker) -> None:
    looker.page.get_by_role("button", name="Follow the newest samples again").focus()
    for _ in range(4):
        looker.page.keyboard.press("Tab")
    looker.page.keyboard.press("Enter")
    assert looker.sees("24 h ·")


def test_a_slow_read_is_told_and_the_newest_wish_wins(browser: Browser) -> None:
    with pages_served("--delay", "0.8", "--pages", "/machine") as url:
        looker = Looker(Visit(browser, url + "/machine"))
        looker.press("The last 24 h")
        looker.press("The last 7 d")
        looker.press("The last 30 d")
        assert looker.sees("Reading the history")
        assert looker.sees("30 d · a point is 2 h")
        looker.page.wait_for_timeout(1000)
        assert (looker.sees("30 d ·"), looker.drawn().step) == (True, 2 * HOUR)
        looker.visit.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_telephone_and_a_reader_may_use_it(browser: Browser, scheme: str) -> None:
    with pages_served("--role", "read", "--pages", "/machine") as url:
        visit = Visit(browser, url + "/machine", 390, color_scheme=scheme)
        looker = Looker(visit)
        looker.press("The last 30 d")
        looker.press("Any time")
        assert looker.sees("a point is 3 h")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
        assert (visit.complaints, visit.foreign) == ([], [])
        visit.close()

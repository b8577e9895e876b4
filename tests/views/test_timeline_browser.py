"""The timeline in a real browser: what a hand, keys and links do to it, and what it answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.browser import Visit, eventually, pages_served

pytestmark = pytest.mark.slow

WINDOW = """() => {
  const {x_range} = Bokeh.documents[0].roots().find((root) => root.x_range?.follow);
  return [x_range.start / 1000, x_range.end / 1000];
}"""
NASTY = "<img src=x"
NASTY_TITLE = '<img src=x onerror="window.hacked=1">'
FITS = """() => {
  const charts = Bokeh.documents[0].roots().filter((root) => root.x_range?.follow);
  const views = charts.map((chart) => Bokeh.index.find_one(chart));
  return views.every(({el, bbox}) => el.offsetWidth > 2400 && Math.abs(bbox.width - el.offsetWidth) < 2);
}"""


class Looker:
    """Somebody who looks at the timeline."""

    def __init__(self, visit: Visit) -> None:
        self.visit, self.page = visit, visit.page
        assert eventually(lambda: self.page.locator(".vain-over").count() == 1)
        assert eventually(lambda: self.page.locator("a.bar").count() > 0)

    @property
    def window(self) -> tuple[float, float]:
        start, end = self.page.evaluate(WINDOW)
        return start, end

    @property
    def length(self) -> float:
        start, end = self.window
        return end - start

    @property
    def url(self) -> str:
        # Not page.url, which is only renewed while Playwright is asked something.
        return str(self.page.evaluate("location.href"))

    @property
    def address(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.url).query).items()}

    def place(self, share: float, down: float = 0.3) -> tuple[float, float]:
        """A point over the charts: parts of their width and height."""
        box = self.page.locator(".vain-over").bounding_box()
        assert box is not None
        left = box["x"] + 80
        return left + share * (box["x"] + box["width"] - 20 - left), box["y"] + down * box["height"]

    def moves(self, share: float) -> None:
        self.page.mouse.move(*self.place(share))

    @property
    def panel(self) -> Locator:
        return self.page.locator(".explainer")


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with pages_served() as url:
        yield url


def opened(browser: Browser, url: str, width: int = 1440) -> Looker:
    return Looker(Visit(browser, url, width).drawn())


@pytest.fixture
def looker(served: str, browser: Browser) -> Iterator[Looker]:
    found = opened(browser, served + "/")
    yield found
    assert (found.visit.complaints, found.visit.foreign) == ([], [])
    found.visit.close()


def flag(page: Page) -> Locator:
    return page.locator(".vain-over .flag")


def test_a_crosshair_goes_through_all_tracks_with_the_values(looker: Looker) -> None:
    looker.moves(0.5)
    assert eventually(lambda: flag(looker.page).is_visible())
    values = looker.page.locator(".vain-over .caption em").all_inner_texts()
    assert len(values) >= 8
    assert any(value.endswith("%") for value in values) and any("iB" in value for value in values)
    looker.page.mouse.move(5, 5)
    assert eventually(lambda: not flag(looker.page).is_visible())


def test_when_rules_fired_is_shaded_on_the_track_they_are_about(looker: Looker) -> None:
    """What is about a task is marked above the lanes; the crosshair says in words what a shade means."""
    page = looker.page
    shades = page.locator(".vain-over .fired")
    assert eventually(lambda: shades.count() == 2)
    words = [text.strip() for text in shades.all_inner_texts()]
    assert sorted(words) == sorted([f"◆ {NASTY_TITLE}", "▲ Disk is nearly full"])
    now, old = (shades.filter(has_text=text).bounding_box() for text in (NASTY, "Disk"))
    cpu, disk = (page.locator(".vain-over .caption", has_text=text).bounding_box() for text in ("CPU", "DiskRead"))
    assert now is not None and old is not None and cpu is not None and disk is not None
    assert cpu["y"] < now["y"] < now["y"] + now["height"] < disk["y"] < old["y"]
    scale = looker.length / cpu["width"]
    assert abs(old["width"] * scale - 130) < 4 and abs(now["x"] + now["width"] - cpu["x"] - cpu["width"]) < 4
    assert page.locator(".marks i").count() == 1 and page.locator(".marks i").is_visible()
    alerts = page.locator(".tools .alerts")
    assert (alerts.inner_text(), alerts.get_attribute("href")) == ("3 alerts", "./alerts")
    page.mouse.move(old["x"] + old["width"] / 2, old["y"])
    assert eventually(lambda: "▲ Disk is nearly full, " in flag(page).inner_text())
    page.keyboard.press("ArrowLeft")
    assert eventually(lambda: (box := shades.filter(has_text="Disk").bounding_box()) and box["x"] > old["x"] + 50)


def test_a_click_names_who_did_it_and_the_link_shows_the_same(looker: Looker, served: str, browser: Browser) -> None:
    looker.page.mouse.click(*looker.place(0.5))
    assert eventually(lambda: looker.panel.locator(".value").inner_text().startswith("CPU"))
    assert looker.panel.locator("h3").all_inner_texts() == ["Tasks", "Processes", "What changed"]
    asked = looker.address
    assert 4 < float(asked["to"]) - float(asked["from"]) < 30
    other = opened(browser, looker.url)
    assert eventually(lambda: other.panel.locator(".value").inner_text().startswith("CPU"))
    other.visit.close()
    looker.page.keyboard.press("Escape")
    assert eventually(lambda: "from" not in looker.address)
    assert looker.panel.locator(".hint").is_visible()


def test_a_brush_chooses_a_stretch_and_the_axis_stays(looker: Looker) -> None:
    before = looker.length
    looker.page.keyboard.down("Shift")
    looker.moves(0.3)
    looker.page.mouse.down()
    looker.moves(0.6)
    looker.page.mouse.up()
    looker.page.keyboard.up("Shift")
    assert eventually(lambda: "from" in looker.address)
    stretch = float(looker.address["to"]) - float(looker.address["from"])
    assert abs(stretch / before - 0.3) < 0.02
    assert abs(looker.length - before) < 1
    looker.panel.get_by_role("button", name="Zoom to it").click()
    assert eventually(lambda: abs(looker.length - 1.3 * stretch) < 2)


def test_keys_move_the_window_and_lead_back(looker: Looker) -> None:
    began = looker.window
    looker.page.keyboard.press("ArrowLeft")
    assert eventually(lambda: "after" in looker.address)
    assert looker.window[0] < began[0] - 60
    looker.page.keyboard.press("-")
    assert eventually(lambda: abs(looker.length - 480) < 5)
    looker.page.keyboard.press("+")
    assert eventually(lambda: abs(looker.length - 300) < 5)
    looker.page.keyboard.press("0")
    assert eventually(lambda: looker.address == {})
    assert eventually(lambda: looker.window[1] > began[1])
    looker.page.keyboard.press(" ")
    assert eventually(lambda: "after" in looker.address)
    looker.page.keyboard.press(" ")
    assert eventually(lambda: looker.address == {})


def test_keys_that_are_typed_into_a_field_move_nothing(looker: Looker) -> None:
    field = looker.page.get_by_label("Filter the tasks of the timeline")
    field.click()
    looker.page.keyboard.type("0 -Train")
    assert eventually(lambda: looker.address.get("q") == "0 -Train")
    assert eventually(lambda: looker.page.get_by_text("No task of this window matches the filter.").is_visible())
    field.fill("model")
    assert eventually(lambda: looker.page.locator("a.bar").count() == 1)
    assert "after" not in looker.address


def test_the_wheel_over_the_lanes_zooms_and_a_drag_looks_back(looker: Looker) -> None:
    box = looker.page.locator(".field").bounding_box()
    assert box is not None
    looker.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    looker.page.keyboard.down("Control")
    looker.page.mouse.wheel(0, 900)
    looker.page.keyboard.up("Control")
    assert eventually(lambda: looker.length > 600 and "after" in looker.address)
    before = looker.window
    looker.moves(0.4)
    looker.page.mouse.down()
    looker.moves(0.7)
    looker.page.mouse.up()
    assert eventually(lambda: looker.window[0] < before[0] - 100)


def test_bars_are_links_with_names_as_text(looker: Looker) -> None:
    nasty = looker.page.locator("a.bar", has_text=NASTY)
    assert eventually(lambda: nasty.count() == 1)
    assert (nasty.get_attribute("href") or "").startswith("./task?id=")
    nasty.hover()
    assert eventually(lambda: looker.page.locator(".tip").is_visible())
    assert NASTY in looker.page.locator(".tip").inner_text()
    assert looker.page.evaluate("window.hacked") is None


def test_an_address_shows_its_window_and_filter(served: str, browser: Browser) -> None:
    now = time.time()
    other = opened(browser, f"{served}/?after={now - 7200:.0f}&before={now + 60:.0f}&show=in-progress")
    assert eventually(lambda: abs(other.length - 7260) < 2)
    assert other.page.get_by_label("Which tasks are shown").input_value() == "in-progress"
    assert set(other.page.locator("a.bar").evaluate_all("all => all.map((one) => one.dataset.look)")) <= {
        "running",
        "stale",
    }
    other.visit.close()


def test_an_address_that_names_nothing_shows_the_newest(served: str, browser: Browser) -> None:
    other = opened(browser, f"{served}/?after=x&before=-1&show=%3Cb%3E&from=9&to=3&live=17&last=nan")
    assert abs(other.length - 300) < 5
    assert other.visit.complaints == []
    other.visit.close()


def test_a_narrow_page_has_it_all(served: str, browser: Browser) -> None:
    other = opened(browser, served + "/", 390)
    assert other.page.evaluate("document.documentElement.scrollWidth") <= 390
    other.page.mouse.click(*other.place(0.5))
    assert eventually(lambda: other.panel.locator(".value").inner_text().startswith("CPU"))
    assert other.page.evaluate("document.documentElement.scrollWidth") <= 390
    other.visit.close()


def test_on_a_very_wide_screen_charts_are_as_wide_as_their_panel(looker: Looker) -> None:
    before = looker.page.viewport_size
    assert before is not None
    looker.page.set_viewport_size({"width": 3840, "height": 2160})
    assert eventually(lambda: looker.page.evaluate(FITS))
    looker.page.set_viewport_size(before)

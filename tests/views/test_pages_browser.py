"""The pages in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import Visit, eventually, free_port, pages_served
from vain.web.mounts import STATIC_PREFIXES

pytestmark = pytest.mark.slow

PATHS = ("/", "/board", "/flow", "/machine", "/fleet", "/alerts", "/settings", "/task")


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with pages_served() as url:
        yield url


@pytest.fixture
def timeline(served: str, browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser, served + "/", color_scheme="light").drawn()
    yield visit
    visit.close()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("path", ["/", "/machine"])
def test_a_page_draws_quietly_and_fits(served: str, browser: Browser, path: str, width: int) -> None:
    visit = Visit(browser, served + path, width).drawn()
    visit.page.wait_for_timeout(1500)
    assert visit.complaints == []
    assert visit.foreign == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.close()


@pytest.mark.parametrize("path", PATHS)
def test_a_page_asks_for_nothing_but_what_the_gate_lets_through(served: str, browser: Browser, path: str) -> None:
    visit = Visit(browser, served + path)
    visit.page.wait_for_selector("#live[data-state=live]")
    visit.page.wait_for_timeout(1000)
    assert {asked for asked in visit.paths if not asked.startswith(STATIC_PREFIXES)} == {path, f"{path.rstrip('/')}/ws"}
    visit.close()


def test_the_theme_changes_without_a_new_page_and_is_remembered(timeline: Visit) -> None:
    page, before = timeline.page, timeline.navigations
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.click("#theme")
    assert page.evaluate(ground) != light
    assert timeline.navigations == before
    page.reload()
    assert page.evaluate(ground) != light


def test_the_theme_follows_the_system_at_first(served: str, browser: Browser) -> None:
    visit = Visit(browser, served + "/machine", color_scheme="dark")
    assert visit.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    visit.close()


def test_names_are_text(timeline: Visit) -> None:
    timeline.page.wait_for_timeout(1500)
    assert timeline.page.get_by_text("<img src=x").count() >= 1
    assert timeline.page.evaluate("window.hacked") is None


def test_figures_move_with_each_sample(timeline: Visit) -> None:
    end = "Bokeh.documents[0].roots().find(root => root.x_range?.follow).x_range.end"
    before = timeline.page.evaluate(end)
    assert eventually(lambda: timeline.page.evaluate(end) >= before + 2000, 8)


def test_a_page_without_charts_stays_live(served: str, browser: Browser) -> None:
    visit = Visit(browser, served + "/board")
    visit.page.wait_for_selector("#live[data-state=live]")
    visit.page.wait_for_timeout(10_500)
    assert visit.page.inner_text("#live") == "live"
    visit.close()


def test_a_reader_is_told_and_gets_no_controls(browser: Browser) -> None:
    with pages_served("--role", "read") as url:
        visit = Visit(browser, url + "/").drawn()
        visit.page.wait_for_timeout(1500)
        assert visit.page.get_by_text("read only").is_visible()
        assert visit.page.get_by_text("Mark read").count() == 0
        visit.close()


def test_many_cores_stay_few_lines(browser: Browser) -> None:
    with pages_served("--cores", "64") as url:
        visit = Visit(browser, url + "/machine").drawn()
        assert visit.page.get_by_text("Busiest core").is_visible()
        assert visit.page.get_by_text("Core 63").is_visible()
        visit.close()


def test_an_empty_server_says_that_it_collects(browser: Browser) -> None:
    with pages_served("--rows", "0") as url:
        visit = Visit(browser, url + "/").drawn()
        assert eventually(lambda: visit.page.get_by_text("4 cores").is_visible())
        # Bokeh warns while a time axis has no rows at all, which here is so until the first sample.
        assert {said for said in visit.complaints if "could not set initial ranges" not in said} == set()
        visit.close()


def test_a_page_comes_back_by_itself_after_a_restart(browser: Browser) -> None:
    port = free_port()
    with pages_served("--pages", "/machine", port=port) as url:
        visit = Visit(browser, url + "/machine").drawn()
    assert eventually(lambda: "reconnecting" in visit.page.inner_text("#live"))
    with pages_served("--pages", "/machine", port=port):
        assert eventually(lambda: visit.page.locator("#live[data-state=live]").count() == 1, 20)
        visit.drawn()
        visit.close()

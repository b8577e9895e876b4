"""axe finds nothing on any page: in light, in dark and on a narrow screen, with panels open, and where one signs in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page

from tests.browser import pages_served
from tests.store.engines import keys_of
from tests.web.harness import running
from vain.views.page import NAVIGATION

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LIVE = "#live[data-state=live]"
WIDE, NARROW = ({"width": width, "height": 900} for width in (1440, 390))
CONTENT = {
    "/": "a.bar",
    "/board": "tr[data-id]",
    "/board?as=columns": "li.card",
    "/flow": "canvas",
    "/machine": "canvas",
    "/machine?host=gpu-2": "text=gpu-2 is silent",
    "/fleet": "tr.host[data-host=gpu-2]",
    "/alerts": "text=Disk is nearly full",
    "/settings": "text=k1a2b3c4",
    "/task?id=1": "h1 >> text=Nightly backup",
    "/task?id=999": "h1 >> text=There is no task 999",
}
"""What must stand on a page before it is looked at, by its address."""
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules that a colour scheme can break."""
RUN = """([part, rules]) => axe.run(part ?? document, {resultTypes: ["violations"], preload: false,
  ...(rules ? {runOnly: {type: "rule", values: rules}} : {})})"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_context().new_page()
    yield opened
    opened.context.close()


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with pages_served("--agents", "3") as url:
        yield url


@pytest.fixture
def visit(page: Page, served: str) -> Callable[[str], Page]:
    """Goes to an address of our pages, wide and light, and waits for what must be there."""

    def visited(address: str) -> Page:
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="light")
        page.goto(served + address)
        page.wait_for_selector(LIVE)
        page.wait_for_selector(CONTENT[address])
        return page

    return visited


def flaws(page: Page, part: str | None = None, rules: list[str] | None = None) -> list[str]:
    """What axe finds now, on the page or in a part of it: impact, rule, place and reason."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return [told(rule, node) for rule in page.evaluate(RUN, [part, rules])["violations"] for node in rule["nodes"]]


def told(rule: dict[str, Any], node: dict[str, Any]) -> str:
    return f"{rule['impact']} {rule['id']} at {node['target']}: {node.get('failureSummary')}"


def assert_clean(page: Page, part: str | None = None) -> None:
    """Nothing is found in light, nor in the colours of dark."""
    page.emulate_media(color_scheme="light")
    assert flaws(page, part) == []
    page.emulate_media(color_scheme="dark")
    assert flaws(page, part, COLOURS) == []


def test_every_page_is_looked_at() -> None:
    assert {path for path, _ in NAVIGATION} <= set(CONTENT)


def asks_who_it_was(page: Page) -> None:
    """A click on a moment of the timeline."""
    box = page.locator(".vain-over").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 0.3 * box["height"])
    page.wait_for_selector("#explain table")


def begins_a_task(page: Page) -> None:
    page.get_by_role("button", name="New task").click()
    page.wait_for_selector("dialog[open]")


def searches(page: Page) -> None:
    page.keyboard.press("Escape")
    page.locator("#search").fill("o")
    page.wait_for_selector("#found li")


def asks_for_the_keys(page: Page) -> None:
    page.keyboard.press("Escape")
    page.locator("#help").click()
    page.wait_for_selector("#keys[open]")


def opens_the_hosts(page: Page) -> None:
    page.locator("#host summary").click()
    page.wait_for_selector("#host li")


PANELS: dict[str, list[tuple[Callable[[Page], None], str]]] = {
    "/": [(asks_who_it_was, "#explain")],
    "/fleet": [(opens_the_hosts, ".bar")],
    "/board": [(begins_a_task, "main"), (searches, ".search"), (asks_for_the_keys, "#keys")],
}
"""What opens on a page, one after the other: how, and where it is seen."""


@pytest.mark.parametrize("address", CONTENT)
def test_a_page_and_what_opens_on_it_are_free_of_flaws(visit: Callable[[str], Page], address: str) -> None:
    page = visit(address)
    assert_clean(page)
    for opens, part in PANELS.get(address, ()):
        opens(page)
        assert_clean(page, part)
    page.keyboard.press("Escape")
    page.set_viewport_size(NARROW)
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
    assert flaws(page) == []


def test_the_arrow_keys_move_a_row_of_cards_that_scrolls_and_not_the_window(visit: Callable[[str], Page]) -> None:
    page = visit("/")
    cards = page.locator(".cards")
    assert cards.get_attribute("tabindex") is None, "nothing to scroll, so no stop"
    page.set_viewport_size(NARROW)
    page.locator(".cards[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(cards) => cards.scrollLeft > 0", arg=cards.element_handle())
    assert "after" not in page.url


def test_signing_in_is_free_of_flaws(page: Page, tmp_path: Path) -> None:
    keys = keys_of(tmp_path)
    keys.create("somebody", "read")
    keys.close()
    with running(tmp_path) as server:
        page.goto(f"http://{server.host}/login?next=/board")
        page.get_by_label("API key").fill("not a key")
        page.keyboard.press("Enter")
        page.get_by_role("alert").get_by_text("A key begins with").wait_for()
        assert_clean(page)


def test_a_flaw_would_be_found(page: Page) -> None:
    page.goto("about:blank")
    page.set_content("<html lang=en><title>x</title><main><h1 style='color: #ccc'>Pale</h1><button></button></main>")
    assert [flaw.partition(":")[0] for flaw in flaws(page)] == [
        "critical button-name at ['button']",
        "serious color-contrast at ['h1']",
    ]
    assert len(flaws(page, rules=COLOURS)) == 1 and flaws(page, "h1", ["button-name"]) == []

"""The flow page and the notifications in a real browser: tables, CSV, the address, marks and links."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.browser import Visit, eventually, pages_served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with pages_served("--pages", "/,/flow,/alerts") as url:
        yield url


@pytest.fixture(scope="module")
def flow(served: str, browser: Browser) -> Iterator[Page]:
    """One page for all: to load its charts takes a second of this machine."""
    visit = opened(browser, served + "/flow")
    yield visit.page
    assert (visit.complaints, visit.foreign) == ([], [])
    visit.close()


@pytest.fixture
def alerts(served: str, browser: Browser) -> Iterator[Page]:
    visit = Visit(browser, served + "/alerts")
    assert soon(lambda: visit.page.locator("ol > li").count() == 3)
    yield visit.page
    assert (visit.complaints, visit.foreign) == ([], [])
    visit.close()


def soon(claim: Callable[[], bool]) -> bool:
    """Patient, since many tests may share two cores."""
    return eventually(claim, 60)


def opened(browser: Browser, url: str, width: int = 1440) -> Visit:
    visit = Visit(browser, url, width).drawn()
    assert soon(lambda: visit.page.locator(".facts .value, .empty:visible").count() > 0)
    return visit


def address(page: Page) -> dict[str, str]:
    """Asked of the page: what Playwright remembers of it stands still between two calls."""
    href = str(page.evaluate("location.href"))
    return {name: values[0] for name, values in parse_qs(urlsplit(href).query).items()}


def value_of(page: Page, label: str) -> str:
    fact = page.locator(".facts > div").filter(has=page.get_by_text(label, exact=True))
    return str(fact.locator(".value").inner_text())


def searched(page: Page) -> Locator:
    return page.get_by_role("searchbox", name="Name")


def numbers(cells: Locator) -> list[str]:
    return [text.replace(",", "") for text in cells.all_inner_texts()]


def test_a_table_says_what_the_figure_draws_and_gives_way_to_it(flow: Page) -> None:
    panel = flow.locator("#status")
    field = panel.get_by_role("region", name="Tasks by status, table")
    panel.get_by_role("button", name="Tasks by status as a table").press("Enter")
    assert soon(field.is_visible)
    assert numbers(field.locator("tbody tr > :last-child")) == ["3", "2", "1", "0", "0", "0", "0", "0"]
    assert field.locator("tbody th[scope=row]").first.inner_text() == "pending"
    assert soon(lambda: not panel.locator(".bk-Figure").is_visible())
    flow.keyboard.press("Tab")
    flow.keyboard.press("Tab")
    assert field.evaluate("(one) => one.getRootNode().activeElement === one")
    panel.get_by_role("button", name="Tasks by status as a chart").click()
    assert soon(lambda: panel.locator(".bk-Figure").is_visible() and not field.is_visible())


def test_names_in_a_table_are_text_and_tasks_are_links(flow: Page) -> None:
    panel = flow.locator("#aging")
    panel.get_by_role("button", name="as a table").click()
    link = panel.locator("tbody a").first
    assert soon(link.is_visible)
    assert link.get_attribute("href") == "./task?id=2"
    assert panel.locator("tbody td.text").first.inner_text() == "Train model v7"
    assert flow.evaluate("window.hacked") is None


def test_each_chart_offers_its_window_as_csv(flow: Page) -> None:
    links = flow.locator("a.csv")
    assert links.count() == 14
    paths = [urlsplit(link) for link in links.evaluate_all("all => all.map((one) => one.href)")]
    assert {path.path for path in paths} >= {"/visualizations/completion", "/visualizations/pressure"}
    asked = parse_qs(paths[0].query)
    zone = flow.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    assert (asked["format"], asked["interval"], asked["timezone"]) == (["csv"], ["hour"], [zone])


def test_what_is_chosen_stands_in_the_address_and_a_link_shows_the_same(
    flow: Page, served: str, browser: Browser
) -> None:
    flow.get_by_role("button", name="90 days").click()
    flow.get_by_label("Priority").select_option("high")
    searched(flow).fill("Nightly backup")
    wanted = {"range": "90d", "priority": "high", "name": "Nightly backup"}
    assert soon(lambda: address(flow) == wanted and value_of(flow, "In progress") == "0")
    other = opened(browser, flow.url)
    assert soon(lambda: value_of(other.page, "In progress") == "0")
    assert other.page.get_by_role("button", name="90 days").get_attribute("aria-pressed") == "true"
    assert searched(other.page).input_value() == "Nightly backup"
    searched(other.page).fill("no such task")
    unmatched = other.page.locator(".empty").filter(has_text="No task matches")
    assert soon(unmatched.is_visible)
    unmatched.get_by_role("button", name="Clear filters").click()
    assert soon(lambda: address(other.page) == {"range": "90d"} and value_of(other.page, "In progress") == "2")
    other.close()
    flow.get_by_role("button", name="Clear filters").click()
    flow.get_by_role("button", name="7 days").click()
    assert soon(lambda: address(flow) == {})


def test_dates_are_days_of_the_viewer(flow: Page) -> None:
    flow.get_by_role("button", name="Dates").click()
    flow.get_by_label("From").fill("2026-01-05")
    flow.get_by_label("to", exact=True).fill("2026-01-06")
    flow.get_by_role("button", name="Show", exact=True).click()
    assert soon(lambda: "before" in address(flow))
    asked = address(flow)
    assert float(asked["before"]) - float(asked["after"]) == 2 * 86_400
    assert soon(lambda: flow.get_by_role("button", name="Jan 5").count() == 1)


def test_a_narrow_page_whose_address_names_nothing_shows_the_usual(served: str, browser: Browser) -> None:
    visit = opened(browser, served + "/flow?range=%3Cb%3E&after=9&before=x&priority=none", 390)
    assert visit.page.get_by_role("button", name="7 days").get_attribute("aria-pressed") == "true"
    visit.page.locator("#cpu").get_by_role("button", name="as a table").click()
    assert soon(visit.page.locator("#cpu table").is_visible)
    assert visit.page.evaluate("document.querySelector('main').scrollWidth") <= 390
    assert visit.complaints == []
    visit.close()


def test_filters_of_the_notifications_stand_in_the_address(alerts: Page, served: str, browser: Browser) -> None:
    alerts.get_by_label("Unread only").check()
    assert soon(lambda: alerts.locator("ol > li").count() == 2)
    alerts.get_by_label("Level").select_option("error")
    assert soon(lambda: alerts.locator("ol > li").count() == 1)
    assert address(alerts) == {"unread": "1", "level": "error"}
    other = Visit(browser, alerts.url)
    assert soon(lambda: other.page.locator("ol > li").count() == 1)
    other.page.get_by_label("About").select_option("vain")
    other.page.get_by_role("button", name="Show all").click()
    assert soon(lambda: other.page.locator("ol > li").count() == 3 and address(other.page) == {})
    other.close()


def test_one_click_leads_from_an_alert_to_its_moment(alerts: Page) -> None:
    alerts.get_by_role("link", name="Show the moment on the timeline: CPU is busy").click()
    alerts.wait_for_selector("#live[data-state=live]")
    shown = {name: float(value) for name, value in address(alerts).items() if name in ("after", "before", "from", "to")}
    assert urlsplit(alerts.url).path == "/"
    assert shown["after"] < shown["from"] < shown["to"] < shown["before"]


def test_the_bell_leads_to_the_list(flow: Page) -> None:
    bell = flow.locator("a[href='./alerts'][aria-label*=unread]")
    assert soon(lambda: (bell.get_attribute("aria-label") or "").startswith("2 unread"))
    bell.click()
    assert soon(lambda: flow.locator("ol > li").count() == 3)


def test_marks_are_kept_and_counted(alerts: Page, served: str) -> None:
    """Last, since the marks stay with the server."""
    alerts.get_by_role("button", name="Mark as read: CPU is busy").press("Enter")
    assert soon(lambda: alerts.get_by_role("status").filter(has_text="1 unread").count() == 1)
    alerts.get_by_role("button", name="Mark all read").click()
    assert soon(lambda: alerts.get_by_role("status").filter(has_text="0 unread").count() == 1)
    assert alerts.get_by_role("button", name="Mark").count() == 0
    alerts.goto(served + "/alerts")
    assert soon(lambda: alerts.locator("ol > li.is-read").count() == 3)

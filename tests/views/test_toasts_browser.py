"""Toasts in a real browser: what comes while a page is open, on any page, through a restart of the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import Visit
from tests.web.harness import Running, running
from vain.cli import _load_dashboard

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("toasts"), _load_dashboard) as run:
        run.make(name="before the page", status="completed", outcome="failed")
        yield run


@pytest.fixture
def page(server: Running, browser: Browser) -> Iterator[Page]:
    visit = opened(server, browser, "/board")
    yield visit.page
    assert (visit.complaints, visit.foreign) == ([], [])
    visit.close()


def opened(server: Running, browser: Browser, path: str, **context: Any) -> Visit:
    visit = Visit(browser, f"http://{server.host}{path}", **context)
    visit.page.wait_for_selector("#live[data-state=live]", timeout=30_000)
    expect(visit.page.locator("#toasts")).to_have_attribute("data-newest", str(newest(server)), timeout=15_000)
    return visit


def newest(server: Running) -> int:
    return int(server.call("GET", "/notifications?limit=1&quiet=false").json[0]["notification_id"])


def toasts(page: Page) -> Locator:
    return page.locator("#toasts .toast")


def fail(server: Running, name: str) -> int:
    return int(server.make(name=name, status="completed", outcome="failed", exit_code=3)["task_id"])


def succeed(server: Running, name: str) -> None:
    """Somebody waits for it, so it is told."""
    server.make(name=name, status="completed", priority="high")


def tasks_told(page: Page) -> list[str]:
    return [each.split()[0] for each in toasts(page).locator(".title").all_inner_texts()]


def test_what_comes_is_told_as_text_with_its_task_and_what_was_before_is_not(page: Page, server: Running) -> None:
    expect(toasts(page)).to_have_count(0)
    server.make(name="went well, and nobody waits", status="completed")
    task_id = fail(server, NASTY)
    toast = toasts(page)
    expect(toast).to_have_count(1, timeout=15_000)
    expect(toast).to_have_attribute("role", "alert")
    expect(toast.locator(".title")).to_have_text(f"{NASTY} failed")
    expect(toast.locator(".title")).to_have_attribute("href", f"./task?id={task_id}")
    expect(toast.locator(".message")).to_contain_text("exit code 3")
    toast.get_by_role("button", name="Close").click()
    expect(toasts(page)).to_have_count(0)


def test_of_many_the_newest_three_are_seen_and_the_rest_is_counted(page: Page, server: Running) -> None:
    for number in range(5):
        fail(server, f"job {number}")
    expect(page.locator("#toasts .more")).to_have_text("and 2 more", timeout=15_000)
    assert [each.split(" failed")[0] for each in toasts(page).locator(".title").all_inner_texts()] == [
        "job 4", "job 3", "job 2",
    ]  # fmt: skip
    for _ in range(3):
        toasts(page).first.get_by_role("button").click()
    expect(page.locator("#toasts > *")).to_have_count(0)


def test_a_warning_leaves_by_itself_unless_somebody_looks_at_it(server: Running, browser: Browser) -> None:
    visit = opened(server, browser, "/machine")
    visit.page.clock.install()
    server.make(name="late", due_at="2020-01-01T00:00:00Z")
    toast = toasts(visit.page)
    expect(toast).to_have_attribute("role", "status", timeout=15_000)
    toast.hover()
    visit.page.clock.run_for(30_000)
    expect(toast).to_have_count(1)
    visit.page.mouse.move(5, 5)
    visit.page.clock.run_for(11_000)
    expect(toast).to_have_count(0)
    visit.close()


def test_an_info_is_said_calmly_and_leaves_by_itself(server: Running, browser: Browser) -> None:
    visit = opened(server, browser, "/machine")
    visit.page.clock.install()
    succeed(server, "backup")
    toast = toasts(visit.page)
    expect(toast).to_have_attribute("role", "status", timeout=15_000)
    assert toast.locator(".level, .title").all_inner_texts() == ["Info", "backup completed"]
    visit.page.clock.run_for(11_000)
    expect(toast).to_have_count(0)
    visit.close()


def test_an_info_gives_way_to_warnings_and_errors_and_hides_none(server: Running, browser: Browser) -> None:
    visit = opened(server, browser, "/board")
    visit.page.clock.install()
    visit.page.clock.pause_at(visit.page.evaluate("Date.now() + 1000"))
    for name in ("info-1", "info-2", "info-3"):
        succeed(server, name)
    expect(toasts(visit.page)).to_have_count(3, timeout=15_000)
    server.make(name="late", due_at="2020-01-01T00:00:00Z")
    expect(visit.page.locator("#toasts .more")).to_have_text("and 1 more", timeout=15_000)
    assert tasks_told(visit.page) == ["late", "info-3", "info-2"]
    for name in ("error-1", "error-2"):
        fail(server, name)
    succeed(server, "info-4")
    expect(visit.page.locator("#toasts .more")).to_have_text("and 4 more", timeout=15_000)
    assert tasks_told(visit.page) == ["error-2", "error-1", "late"]
    visit.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_a_toast_fits_and_can_be_read(server: Running, browser: Browser, scheme: str, width: int) -> None:
    visit = opened(server, browser, "/", width=width, color_scheme=scheme)
    fail(server, "a name that is as long as people make them " * 3)
    expect(toasts(visit.page)).to_have_count(1, timeout=15_000)
    box = toasts(visit.page).bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= 900
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.close()


def test_a_page_that_heals_tells_what_came_meanwhile_once(browser: Browser, tmp_path: Path) -> None:
    """Stands last: in one process the newest server is the dashboard's, and the one of this module ends here."""
    with running(tmp_path, _load_dashboard) as first:
        fail(first, "old")
        port = first.port
        visit = opened(first, browser, "/board")
        fail(first, "seen")
        expect(toasts(visit.page)).to_have_count(1, timeout=15_000)
    with running(tmp_path, _load_dashboard, port=port) as second:
        fail(second, "meanwhile")
        titles = toasts(visit.page).locator(".title")
        expect(titles).to_have_text(["meanwhile failed", "seen failed"], timeout=40_000)
        visit.close()

"""The page of notifications in a real browser: many successes, some failures, and all that is older."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import Visit
from tests.web.harness import Running, running
from vain.cli import _load_dashboard

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

FAILURES = 103


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """First many failures, then 120 successes around one more."""
    with running(tmp_path_factory.mktemp("data"), _load_dashboard) as run:
        for number in range(FAILURES):
            run.make(name=f"old {number}", status="completed", outcome="failed")
        for number in range(60):
            run.make(name=f"sync {number}", status="completed")
        run.make(name="backup", status="completed", outcome="failed")
        for number in range(60, 120):
            run.make(name=f"sync {number}", status="completed")
        yield run


@pytest.fixture
def page(server: Running, browser: Browser) -> Iterator[Page]:
    visit = Visit(browser, f"http://{server.host}/alerts")
    expect(entries(visit.page).first).to_be_visible(timeout=30_000)
    yield visit.page
    assert (visit.complaints, visit.foreign) == ([], [])
    visit.close()


def entries(page: Page) -> Locator:
    return page.locator("ol > li")


def test_a_failure_among_successes_is_seen_and_counted(page: Page) -> None:
    expect(entries(page).locator(".title").nth(0)).to_contain_text("60 tasks completed")
    expect(entries(page).locator(".title").nth(1)).to_have_text("backup failed")
    expect(entries(page).locator(".title").nth(2)).to_contain_text("60 tasks completed")
    expect(page.locator("a[aria-label='50+ unread notifications']")).to_be_visible()


def test_a_fold_opens_and_stays_open_while_others_come(page: Page, server: Running) -> None:
    first = entries(page).first
    page.get_by_role("button", name="Show: 60 tasks completed").first.press("Enter")
    expect(first.locator(".folded li")).to_have_count(50)
    expect(first.locator(".folded a").first).to_have_text("sync 119 completed")
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.textContent") == "hide"
    server.make(name="one more", status="completed")
    expect(first.locator(".title").first).to_contain_text("61 tasks completed")
    page.get_by_role("button", name="Show 11 older of 11").click()
    expect(first.locator(".folded li")).to_have_count(61)
    page.get_by_role("button", name="Hide: 61 tasks completed").click()
    expect(first.locator(".folded li")).to_have_count(0)


def test_what_is_older_is_on_the_next_page_and_in_the_address(page: Page, browser: Browser) -> None:
    page.get_by_role("button", name="Show older").click()
    expect(entries(page)).to_have_count(FAILURES + 1 - 100)
    expect(entries(page).locator(".title").last).to_have_text("old 0 failed")
    other = Visit(browser, page.url)
    expect(entries(other.page).locator(".title").last).to_have_text("old 0 failed")
    other.page.get_by_role("button", name="Back to the newest").click()
    expect(entries(other.page).locator(".title").nth(1)).to_have_text("backup failed")
    assert "before" not in other.page.url
    other.close()


def test_the_unread_alone_are_asked_of_the_server(page: Page, server: Running) -> None:
    server.make(name="seen", status="completed", outcome="failed")
    expect(entries(page).locator(".title").first).to_have_text("seen failed")
    page.get_by_role("button", name="Mark as read: seen failed").click()
    expect(entries(page).first).to_have_class("is-error is-read")
    page.get_by_label("Unread only").check()
    expect(entries(page).locator(".title").first).to_have_text("backup failed")
    expect(entries(page)).to_have_count(100)

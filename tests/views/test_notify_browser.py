"""Notifications of the browser: allowed in the settings, shown once by one page, while nobody looks at any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import chromium, eventually
from tests.views.test_toasts_browser import NASTY, fail, newest
from tests.web.harness import Running, running
from vain.cli import _load_dashboard

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

RECORDED = """
window.recorded = [];
window.Notification = class {
  static permission = localStorage.getItem("test-permission") ?? "default";
  static async requestPermission() {
    Notification.permission = ANSWER;
    localStorage.setItem("test-permission", Notification.permission);
    return Notification.permission;
  }
  constructor(title, options) { window.recorded.push({title, ...options, shown: this}); }
  close() {}
};
let isHidden = false;
Object.defineProperty(document, "hidden", {get: () => isHidden});
window.hide = (is) => { isHidden = is; document.dispatchEvent(new Event("visibilitychange")); };
"""
BOX = "Notify me, also while vAIn is in a tab that nobody looks at"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("notify"), _load_dashboard) as run:
        fail(run, "before the page")
        yield run


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with chromium(chromium_path) as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context() as made:
        made.add_init_script(RECORDED.replace("ANSWER", '"granted"'))
        yield made


def opened(context: BrowserContext, server: Running, path: str) -> Page:
    page = context.new_page()
    page.goto(f"http://{server.host}{path}")
    page.wait_for_selector("#live[data-state=live]", timeout=30_000)
    expect(page.locator("#toasts")).to_have_attribute("data-newest", str(newest(server)), timeout=15_000)
    return page


def allowed(context: BrowserContext, server: Running) -> Page:
    """The page of settings, in a browser that may notify."""
    page = opened(context, server, "/settings")
    page.get_by_label(BOX).check()
    expect(page.get_by_label(BOX)).to_be_checked()
    return page


def notified(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("recorded.map(({title, body, tag}) => ({title, body, tag}))")
    return found


def hide(page: Page, is_hidden: bool = True) -> None:
    page.evaluate("hide", is_hidden)


def looked_at(page: Page, many: int) -> None:
    """Until so many pages of the browser say that somebody looks at them."""
    count = "navigator.locks.query().then(({held}) => held.filter(({name}) => name === 'vain-seen').length)"
    assert eventually(lambda: page.evaluate(count) == many)


def test_it_is_allowed_once_and_kept_until_it_is_turned_off(context: BrowserContext, server: Running) -> None:
    page = allowed(context, server)
    (hello,) = notified(page)
    assert hello["title"] == "vAIn will tell you here"
    page.reload()
    expect(page.get_by_label(BOX)).to_be_checked(timeout=30_000)
    page.get_by_label(BOX).uncheck()
    page.reload()
    expect(page.get_by_label(BOX)).not_to_be_checked(timeout=30_000)
    assert page.evaluate("localStorage.getItem('vain-notify')") is None


def test_a_browser_that_was_told_not_to_says_so(browser: Browser, server: Running) -> None:
    with browser.new_context() as context:
        context.add_init_script(RECORDED.replace("ANSWER", '"denied"'))
        page = opened(context, server, "/settings")
        page.get_by_label(BOX).click()
        expect(page.get_by_text("This browser was told not to let vAIn notify")).to_be_visible()
        expect(page.get_by_label(BOX)).not_to_be_checked()
        assert notified(page) == []


def test_where_browsers_do_not_notify_the_reason_stands(browser: Browser, server: Running) -> None:
    with browser.new_context() as context:
        context.add_init_script("delete window.Notification")
        page = opened(context, server, "/settings")
        expect(page.get_by_label(BOX)).to_be_disabled()
        expect(page.get_by_text("This browser has no notifications.")).to_be_visible()


def test_a_page_that_nobody_looks_at_notifies_of_all_that_is_loud_as_text(
    context: BrowserContext, server: Running
) -> None:
    page = allowed(context, server)
    hide(page)
    looked_at(page, 0)
    task_id = fail(server, NASTY)
    server.make(name="quick", status="completed")
    server.make(name="awaited", status="completed", priority="high")
    assert eventually(lambda: len(notified(page)) == 3)
    _, failed, well = notified(page)
    assert (failed["title"], failed["body"]) == (f"{NASTY} failed", "exit code 3")
    assert well["title"] == "awaited completed" and failed["tag"] != well["tag"]
    expect(page.locator("#toasts .toast .title")).to_have_text([f"{NASTY} failed"])
    page.evaluate("recorded[1].shown.onclick()")
    page.wait_for_url(f"**/task?id={task_id}")


def test_who_looks_at_a_page_sees_it_there_and_is_not_notified(context: BrowserContext, server: Running) -> None:
    hidden, seen = allowed(context, server), opened(context, server, "/board")
    hide(hidden)
    looked_at(seen, 1)
    fail(server, "seen")
    expect(seen.locator("#toasts .toast")).to_have_count(1, timeout=15_000)
    assert eventually(lambda: hidden.locator("#toasts").get_attribute("data-newest") == str(newest(server)))
    hide(seen)
    looked_at(seen, 0)
    fail(server, "not seen")
    assert eventually(lambda: [each["title"] for each in notified(hidden)[1:]] == ["not seen failed"])
    assert notified(seen) == []


def test_one_of_two_pages_notifies_and_the_other_takes_over(context: BrowserContext, server: Running) -> None:
    first, second = allowed(context, server), opened(context, server, "/board")
    for page in (first, second):
        hide(page)
    looked_at(second, 0)
    fail(server, "told by the first")
    assert eventually(lambda: len(notified(first)) == 2)
    first.close()
    holders = "navigator.locks.query().then(({held}) => held.filter(({name}) => name === 'vain-notify').length)"
    assert eventually(lambda: second.evaluate(holders) == 1)
    fail(server, "told by the second")
    assert eventually(lambda: [each["title"] for each in notified(second)] == ["told by the second failed"])


def test_many_at_once_are_one_that_counts(context: BrowserContext, server: Running) -> None:
    page = allowed(context, server)
    hide(page)
    looked_at(page, 0)
    for number in range(9):
        fail(server, f"flood {number}")
    counted = "recorded.filter(({tag}) => tag === 'vain-more').at(-1)?.title"
    singles = "recorded.filter(({tag}) => /^vain-[0-9]+$/.test(tag)).length"
    assert eventually(lambda: page.evaluate(counted) == f"{9 - page.evaluate(singles)} notifications")
    assert page.evaluate(singles) <= 3

"""Notifications of the browser: allowed in the settings, shown once by one page, while nobody looks at any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import eventually
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
HOLDERS = "navigator.locks.query().then(({held}) => held.filter(({name}) => name === 'vain-notify').length)"
BOX = "Notify me, also while vAIn is in a tab that nobody looks at"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("notify"), _load_dashboard) as run:
        fail(run, "before the page")
        yield run


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


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("Object.defineProperty(window, 'isSecureContext', {get: () => false})", "only over https or at localhost"),
        ("delete window.Notification", "This browser has no notifications."),
    ],
)
def test_where_browsers_do_not_notify_the_reason_stands(
    browser: Browser, server: Running, script: str, reason: str
) -> None:
    with browser.new_context() as context:
        context.add_init_script(script)
        page = opened(context, server, "/settings")
        expect(page.get_by_label(BOX)).to_be_disabled()
        expect(page.get_by_text(reason)).to_be_visible()


def test_a_browser_whose_pages_cannot_notify_turns_it_off_and_says_so(browser: Browser, server: Running) -> None:
    """As Chrome on Android, which asks for the permission and then throws."""
    with browser.new_context() as context:
        context.add_init_script(
            RECORDED.replace("ANSWER", '"granted"').replace("window.recorded.push(", "throw new TypeError(")
        )
        page = opened(context, server, "/settings")
        page.get_by_label(BOX).click()
        expect(page.get_by_text("This browser does not let a page notify.")).to_be_visible()
        expect(page.get_by_label(BOX)).not_to_be_checked()
        assert page.evaluate("localStorage.getItem('vain-notify')") is None


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
    expect(page.locator("#toasts .toast .title")).to_have_text(["awaited completed", f"{NASTY} failed"])
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
    assert eventually(lambda: second.evaluate(HOLDERS) == 1)
    fail(server, "told by the second")
    assert eventually(lambda: [each["title"] for each in notified(second)] == ["told by the second failed"])


def test_what_somebody_read_is_no_reason_to_repeat_the_rest(context: BrowserContext, server: Running) -> None:
    first, second = allowed(context, server), opened(context, server, "/board")
    for page in (first, second):
        hide(page)
    looked_at(second, 0)
    known = str(newest(server))
    fail(server, "told")
    assert eventually(lambda: len(notified(first)) == 2)
    fail(server, "told, and read")
    assert eventually(lambda: len(notified(first)) == 3)
    assert server.call("PATCH", f"/notifications/{newest(server)}", {"read": True}).status == 200
    first.close()
    expect(second.locator("#toasts")).not_to_have_attribute("data-newest", known, timeout=15_000)
    fail(server, "new")
    assert eventually(lambda: "new failed" in [each["title"] for each in notified(second)])
    assert [each["title"] for each in notified(second)] == ["new failed"]


def test_a_page_that_neither_hears_nor_is_looked_at_takes_nothing_away(
    context: BrowserContext, server: Running
) -> None:
    """What was on its way to a page when somebody left it, or when it was opened in the background."""
    first, second = allowed(context, server), opened(context, server, "/board")
    for page in (first, second):
        hide(page)
    looked_at(second, 0)
    coming = newest(server) + 1
    second.evaluate(f"vainNotifier.take({coming}, [{{id: {coming}, level: 'error', title: 'x', address: './alerts'}}])")
    fail(server, "to be told")
    assert eventually(lambda: [each["title"] for each in notified(first)[1:]] == ["to be told failed"])


def test_what_was_seen_before_it_was_allowed_is_not_told_later(context: BrowserContext, server: Running) -> None:
    page = opened(context, server, "/board")
    fail(server, "seen while nothing is allowed")
    expect(page.locator("#toasts .toast")).to_have_count(1, timeout=15_000)
    assert eventually(lambda: page.evaluate("localStorage.getItem('vain-notified')") == str(newest(server)))


def test_another_page_hears_that_it_was_turned_off(context: BrowserContext, server: Running) -> None:
    page, other = allowed(context, server), opened(context, server, "/settings")
    expect(other.get_by_label(BOX)).to_be_checked()
    page.get_by_label(BOX).uncheck()
    expect(other.get_by_label(BOX)).not_to_be_checked()
    locks = "navigator.locks.query().then(({held, pending}) => held.length + pending.length)"
    assert eventually(lambda: other.evaluate(locks) == 0)


def test_one_more_than_three_is_said_in_the_singular(context: BrowserContext, server: Running) -> None:
    page = allowed(context, server)
    hide(page)
    looked_at(page, 0)
    for number in range(4):
        fail(server, f"slow flood {number}")
        assert eventually(lambda many=number + 2: len(notified(page)) == many)
    assert (notified(page)[-1]["tag"], notified(page)[-1]["title"]) == ("vain-more", "1 notification")


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


def test_a_hidden_page_that_heals_notifies_of_what_came_meanwhile_once(context: BrowserContext, tmp_path: Path) -> None:
    """Stands last: in one process the newest server is the dashboard's, and the one of this module ends here."""
    with running(tmp_path, _load_dashboard) as first:
        fail(first, "old")
        port = first.port
        page = allowed(context, first)
        hide(page)
        looked_at(page, 0)
        fail(first, "before the restart")
        assert eventually(lambda: len(notified(page)) == 2)
    with running(tmp_path, _load_dashboard, port=port) as second:
        fail(second, "meanwhile")
        assert eventually(lambda: len(notified(page)) == 3, 40)
        fail(second, "after")
        assert eventually(lambda: len(notified(page)) == 4)
        titles = [each["title"] for each in notified(page)[1:]]
        assert titles == [f"{name} failed" for name in ("before the restart", "meanwhile", "after")]
        assert page.evaluate(HOLDERS) == 1
        page.close()

"""The page of a task in a browser, over a real server: a run from its start to its card."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import Visit, chromium
from tests.web.harness import Running, running
from tests.web.test_several_hosts import Spread
from vain.cli import _load_dashboard

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

NASTY = '<img src=x onerror="window.hacked=1">'
TEXT = {"Content-Type": "text/plain"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data"), _load_dashboard) as run:
        yield run


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with chromium(chromium_path) as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, server: Running) -> Iterator[Any]:
    """Opens pages; the test fails if one asked another host for anything or complained."""
    opened: list[Visit] = []

    def open_(address: str, width: int = 1440) -> Page:
        opened.append(Visit(browser, f"http://{server.host}{address}", width))
        opened[-1].page.locator("h1").first.wait_for()
        return opened[-1].page

    yield open_
    for each in opened:
        assert (each.foreign, each.complaints) == ([], [])
        each.close()


def test_a_run_is_followed_from_its_output_to_its_card(server: Running, visit: Any) -> None:
    made = server.make(name="Train model", status="in-progress", progress=10, priority="high", tags=["gpu"])
    path = f"/tasks/{made['task_id']}"
    page = visit(f"/task?id={made['task_id']}")
    expect(page.get_by_role("heading", name="Train model")).to_be_visible()
    expect(page.locator(".title .word")).to_have_text("Running")
    expect(page.get_by_text("No output is kept")).to_be_visible()
    expect(page.locator(".output code")).to_have_text("vain run --name 'Train model' -- your-command")
    server.call("POST", f"{path}/log", b"\x1b[32mepoch 1\x1b[0m\n10 %\r20 %\n", TEXT)
    expect(page.get_by_role("log")).to_have_text("epoch 1\n20 %\n")
    server.call("POST", f"{path}/log", "<b>épo".encode() + "é".encode()[:1], TEXT)
    expect(page.get_by_role("log")).to_contain_text("<b>épo")
    server.call("POST", f"{path}/log", "é".encode()[1:] + b"ch 2\n", TEXT)
    expect(page.get_by_role("log")).to_contain_text("<b>époéch 2")
    server.call("PUT", path, {"progress": 55, "message": "half of it"})
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "55")
    expect(page.locator(".life li").first).to_contain_text("55 % · “half of it”")
    page.get_by_role("button", name="Complete").click()
    expect(page.locator(".title .word")).to_have_text("Succeeded")
    expect(page.get_by_role("heading", name="In the end")).to_be_visible()
    expect(page.locator(".card")).to_contain_text("took")
    expect(page.locator(".life li").first).to_contain_text("succeeded")
    assert server.call("GET", path).json["outcome"] == "succeeded"


def test_what_went_wrong_stands_there_as_text(server: Running, visit: Any) -> None:
    error = {"type": "ValueError", "message": NASTY, "traceback": "line 1\n" + NASTY}
    parent = server.make(name="sweep")["task_id"]
    made = server.make(name=NASTY, outcome="failed", exit_code=3, error=error, message=NASTY, parent_id=parent)
    page = visit(f"/task?id={made['task_id']}")
    expect(page.get_by_role("heading", name=NASTY)).to_be_visible()
    expect(page.locator(".title .word")).to_have_text("Failed")
    page.get_by_text("Traceback").click()
    expect(page.locator(".error pre")).to_have_text("line 1\n" + NASTY)
    expect(page.get_by_role("link", name=f"#{parent}")).to_have_attribute("href", f"./task?id={parent}")
    assert page.evaluate("window.hacked") is None
    with page.expect_navigation():
        page.get_by_role("link", name=f"#{parent}").click()
    expect(page.locator(".facts").get_by_role("link", name=NASTY)).to_be_visible()


def test_a_task_on_several_hosts_tells_what_each_of_them_used(server: Running, visit: Any) -> None:
    spread = Spread(server, "mpi")
    gib = 1 << 30
    spread.say(spread.home, 100.0, rss_peak_bytes=gib, read_bytes=5 * gib)
    spread.say(spread.away, 1_250.0, rss_peak_bytes=3 * gib)
    spread.stored()
    page = visit(f"/task?id={spread.number}")
    rows = page.locator(".perhost tbody tr")
    expect(rows).to_have_count(2)
    expect(page.locator(".perhost thead")).to_have_text("HostCPU timeCores nowMemory nowMemory, at mostRead")
    expect(rows.first).to_have_text("mpi-22 min 30 s12.51.0 GiB3.0 GiB–")
    expect(rows.last.get_by_role("link", name="mpi-1")).to_have_attribute(
        "href", re.compile(r"^\./\?host=mpi-1&after=")
    )
    server.call("PUT", f"/tasks/{spread.number}", {"status": "completed"})
    expect(page.locator(".perhost thead")).to_have_text("HostCPU timeMemory, at mostRead")
    expect(rows).to_have_count(2)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?id=99999", "There is no task 99999"),
        ("?id=9999999999999999999999", "Which task?"),
    ],
)
def test_an_address_without_a_task_says_what_is_wrong(visit: Any, query: str, said: str) -> None:
    page = visit(f"/task{query}")
    expect(page.get_by_role("heading", name=said)).to_be_visible()
    expect(page.get_by_role("link", name="All tasks on the board")).to_have_attribute("href", "./board")


def test_a_task_that_is_deleted_keeps_what_was_known(server: Running, visit: Any) -> None:
    made = server.make(name="Short lived")
    page = visit(f"/task?id={made['task_id']}")
    expect(page.get_by_role("heading", name="Short lived")).to_be_visible()
    server.call("DELETE", f"/tasks/{made['task_id']}")
    expect(page.get_by_role("heading", name=f"Task {made['task_id']} was deleted")).to_be_visible()
    expect(page.get_by_role("heading", name="Short lived")).to_be_visible()
    expect(page.get_by_role("button", name="Complete")).to_have_count(0)


def test_the_task_fits_a_phone(server: Running, visit: Any) -> None:
    made = server.make(name="A name that goes on and on " * 5, status="in-progress", description="x" * 300)
    page = visit(f"/task?id={made['task_id']}", 390)
    expect(page.locator(".life li").first).to_be_visible()
    assert page.evaluate("document.getElementById('main').scrollWidth") <= 390

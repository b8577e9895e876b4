"""The frame of the pages in a real browser: hidden tabs, a server that comes back, search and keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import Visit, eventually, free_port, pages_served
from tests.server_process import server_process
from vain.client import Client

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


DRAWN = """() => Bokeh.documents[0].roots().filter((root) => root.type === "Figure" && root.renderers.some(
  (each) => each.data_source?.get_length() > 0 && each.glyph)).length"""


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with pages_served() as url:
        yield url


@pytest.fixture
def machine(served: str, browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser, served + "/machine")
    visit.page.wait_for_selector("#live[data-state=live]")
    yield visit
    visit.close()


def test_a_hidden_page_gets_nothing_and_comes_back_alive(served: str, browser: Browser) -> None:
    visit = Visit(browser, served + "/settings")
    frames: list[object] = []

    def has_come(many: int) -> bool:
        visit.page.wait_for_timeout(50)  # Playwright tells of frames only while it is spoken to
        return len(frames) > many

    def note(frame: object) -> None:
        frames.append(frame)

    visit.page.on("websocket", lambda opened: opened.on("framereceived", note))
    visit.page.goto(served + "/machine")
    visit.page.wait_for_selector("#live[data-state=live]")
    assert eventually(lambda: has_come(12))
    visit.page.evaluate(HIDE, True)
    visit.page.wait_for_timeout(1500)
    quiet = len(frames)
    visit.page.wait_for_timeout(3000)
    assert len(frames) == quiet
    visit.page.evaluate(HIDE, False)
    assert eventually(lambda: has_come(quiet + 3))
    visit.close()


def test_search_finds_a_task_and_opens_it(machine: Visit) -> None:
    page = machine.page
    page.keyboard.press("/")
    page.keyboard.type("nightly")
    page.wait_for_selector("#found [role=option]")
    assert page.inner_text("#found [role=option] .name") == "#1 Nightly backup"
    page.keyboard.press("Enter")
    page.wait_for_url("**/task?id=1")


def test_search_shows_names_as_text_and_closes(machine: Visit) -> None:
    page = machine.page
    page.keyboard.press("/")
    page.keyboard.type("img src")
    page.wait_for_selector("#found [role=option]")
    assert page.inner_text("#found [role=option] .name").endswith('<img src=x onerror="window.hacked=1">')
    page.keyboard.press("Escape")
    assert page.is_hidden("#found")


def test_keys_are_listed_and_lead_to_pages(machine: Visit) -> None:
    page = machine.page
    page.evaluate("window.vainKeys = [['+', 'Nearer']]")
    page.keyboard.press("?")
    assert page.locator("#keys").get_by_text("Nearer").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/settings")


@pytest.mark.parametrize("path", ["/machine", "/"])
def test_an_open_page_is_live_again_after_a_restart_without_a_new_page(browser: Browser, path: str) -> None:
    port = free_port()
    with pages_served("--pages", path, port=port) as url:
        visit = Visit(browser, url + path).drawn()
        visit.page.fill("#search", "kept")
    assert eventually(lambda: visit.page.locator("#live[data-state=lost]").count() == 1)
    with pages_served("--pages", path, port=port):
        visit.page.wait_for_selector("#live[data-state=live]", timeout=25_000)
        visit.page.wait_for_selector("canvas")
        assert visit.navigations == 1
        assert visit.page.input_value("#search") == "kept"
        assert visit.page.evaluate("Bokeh.documents.length") == 1
    visit.close()


def test_a_page_of_other_scripts_is_loaded_anew(machine: Visit) -> None:
    machine.page.evaluate("document.documentElement.dataset.edition = 'of yesterday'")
    assert machine.page.evaluate("window.vainRenew()") is False


def test_what_the_server_draws_when_asked_is_there_again_after_it_was_killed(tmp_path: Path, browser: Browser) -> None:
    with server_process(tmp_path / "data") as server:
        client = Client(server.url)
        done = client.create("import orders", status="in-progress")
        client.update(done.task_id, status="completed")
        task = client.create("train", status="in-progress")
        client.append_log(task.task_id, "epoch 1\n")
        visits = [Visit(browser, f"{server.url}{path}") for path in ("/flow", f"/task?id={task.task_id}")]
        flow, detail = (visit.page for visit in visits)
        expect(fact(flow, "In progress")).to_have_text("1", timeout=30_000)
        expect(detail.get_by_role("log")).to_have_text("epoch 1\n")
        for visit in visits:
            visit.page.evaluate("window.isTheSamePage = true")
        server.process.kill()
        server.end()
        for visit in visits:
            visit.page.wait_for_selector("#live[data-state=lost]")
    with server_process(tmp_path / "data", server.port):
        for visit in visits:
            visit.page.wait_for_selector("#live[data-state=live]")
        expect(fact(flow, "In progress")).to_have_text("1", timeout=30_000)
        assert eventually(lambda: flow.evaluate(DRAWN) > 0)
        expect(detail.get_by_role("log")).to_have_text("epoch 1\n", timeout=30_000)
        client.append_log(task.task_id, "epoch 2\n")
        expect(detail.get_by_role("log")).to_have_text("epoch 1\nepoch 2\n", timeout=30_000)
        client.update(task.task_id, status="completed")
        expect(detail.locator(".title .word")).to_have_text("Succeeded", timeout=30_000)
        expect(fact(flow, "In progress")).to_have_text("0", timeout=30_000)
        for visit in visits:
            assert visit.page.evaluate("window.isTheSamePage && Bokeh.documents.length === 1")
            assert visit.navigations == 1
            # That nobody answered while nobody was there is no fault of the page.
            assert [each for each in visit.complaints if "net::ERR" not in each] == []
            visit.close()
    client.close()


def fact(flow: Page, label: str) -> Locator:
    """One of the key figures of the flow page."""
    return flow.locator(".facts > div").filter(has=flow.get_by_text(label, exact=True)).locator(".value")


def test_a_read_that_takes_long_shows_that_the_server_is_waited_for(browser: Browser) -> None:
    with pages_served("--pages", "/", "--delay", "1.6") as url, browser.new_context() as context:
        page = context.new_page()
        page.goto(url)
        page.get_by_role("button", name="The last 24 h").click()
        bar = page.get_by_role("progressbar", name="Waiting for the server")
        bar.wait_for()
        bar.wait_for(state="hidden")
        page.get_by_text("a point is", exact=False).first.wait_for()

"""A page of another site in a real browser: what it can do when it was named, and when it was not."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser import chromium
from tests.web.harness import Running, running

pytestmark = pytest.mark.slow

WRITES = """async ([url, key]) => {
  const headers = {Authorization: `Bearer ${key}`, "Content-Type": "application/json"};
  const made = await fetch(url + "/tasks", {method: "POST", headers, body: '{"name": "from elsewhere"}'});
  const path = made.headers.get("Location"), tag = made.headers.get("ETag");
  const matched = {...headers, "If-Match": tag};
  const changed = await fetch(url + path, {method: "PATCH", headers: matched, body: '{"tags": ["a"]}'});
  const missing = await fetch(url + "/nowhere", {headers});
  return [made.status, Number(made.headers.get("X-Vain-Seq")) > 0, changed.status, (await changed.json()).tags,
          missing.status, (await missing.json()).title];
}"""
TRIES = """async ([url, key]) => {
  const asked = {
    plain: () => fetch(url + "/healthz"),
    key: () => fetch(url + "/tasks", {headers: {Authorization: `Bearer ${key}`}}),
    cookie: () => fetch(url + "/tasks", {credentials: "include"}),
  };
  const told = {};
  for (const [name, ask] of Object.entries(asked)) {
    told[name] = await ask().then((answer) => answer.status, () => "refused");
  }
  told.socket = await new Promise((resolve) => {
    const offered = ["vain.v1", "vain.bearer." + btoa(key).replace(/=+$/, "")];
    const socket = new WebSocket(url.replace("http", "ws") + "/ws/tasks", offered);
    socket.onmessage = () => resolve("told"), socket.onerror = () => resolve("refused");
    socket.onopen = () => socket.send(JSON.stringify({type: "subscribe", streams: ["tasks"]}));
  });
  return told;
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as it is called above
        pass


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A web server, which is two sites: ``localhost`` and ``127.0.0.1``."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "page.html").write_text("<!doctype html><title>elsewhere</title>")
    site = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    yield site.server_address[1]
    site.shutdown()
    thread.join()
    site.server_close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sites: int) -> Iterator[tuple[Running, str]]:
    folder: Path = tmp_path_factory.mktemp("data")
    with running(folder, **{"allow-origin": [f"http://127.0.0.1:{sites}"]}) as run:
        yield run, run.server._services.keys.create("page", "write")[1]


@pytest.fixture(scope="module")
def page(chromium_path: str) -> Iterator[Page]:
    with chromium(chromium_path) as browser:
        yield browser.new_page()


def test_a_page_that_was_named_reads_and_writes_with_a_key(page: Page, sites: int, server: tuple[Running, str]) -> None:
    run, key = server
    page.goto(f"http://127.0.0.1:{sites}/page.html")
    told = page.evaluate(WRITES, [f"http://localhost:{run.port}", key])
    assert told == [201, True, 200, ["a"], 404, "Not found"]
    assert page.evaluate(TRIES, [f"http://localhost:{run.port}", key]) == {
        "plain": 200, "key": 200, "cookie": "refused", "socket": "told",
    }  # fmt: skip


def test_a_page_that_was_not_gets_nothing(page: Page, sites: int, server: tuple[Running, str]) -> None:
    run, key = server
    page.goto(f"http://localhost:{sites}/page.html")
    told = page.evaluate(TRIES, [f"http://localhost:{run.port}", key])
    assert set(told.values()) == {"refused"}, told

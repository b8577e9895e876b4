"""A browser's own ``EventSource`` on ``/events``, through a kill of the server."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.browser import Visit, chromium
from tests.server_process import ServerProcess

pytestmark = pytest.mark.slow

FOLLOW = """
window.seen = [];
window.others = [];
const events = new EventSource("/events?streams=tasks");
events.addEventListener("taskUpdate", (event) => window.seen.push(JSON.parse(event.data).seq));
for (const type of ["resumed", "snapshot"]) events.addEventListener(type, () => window.others.push(type));
"""


def make(server: ServerProcess) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("POST", "/tasks", json.dumps({"name": "x"}), {"Content-Type": "application/json"})
    assert connection.getresponse().status == 201
    connection.close()


def test_a_browser_misses_nothing_when_the_server_is_killed(tmp_path: Path, chromium_path: str) -> None:
    server = ServerProcess(tmp_path / "data")
    try:
        with chromium(chromium_path) as browser:
            page = Visit(browser, f"http://localhost:{server.port}/login").page
            page.evaluate(FOLLOW)
            page.wait_for_function("window.others.length === 1")
            make(server)
            page.wait_for_function("window.seen.length === 1")
            server.process.kill()
            server.end()
            server = ServerProcess(tmp_path / "data", server.port)
            make(server)
            make(server)
            page.wait_for_function("window.seen.length === 3")
            make(server)
            page.wait_for_function("window.seen.length === 4")
            assert page.evaluate("[window.seen, window.others]") == [[1, 2, 3, 4], ["resumed", "resumed"]]
    finally:
        server.process.terminate()
        server.end()

"""The contract's own example, byte for byte, as a newcomer would run it: in Node and in a browser."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.server_process import server_process

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).with_name("data") / "contract_example.js"
TASK_LINE = re.compile(r"Task (\d+) updated to (pending|in-progress|completed)")
PERFORMANCE_LINE = re.compile(r"Performance Update: CPU - \d+(\.\d+)?%")


@pytest.fixture(scope="module")
def server_at_port_80(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 80))
        except OSError as error:
            pytest.skip(f"port 80 cannot be listened on here: {error}")
    with server_process(tmp_path_factory.mktemp("data") / "data", port=80):
        yield


def call(method: str, path: str, body: object) -> int:
    """What another client does; the task's number."""
    connection = http.client.HTTPConnection("localhost", timeout=10)
    try:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        assert reply.status < 300
        return int(json.loads(reply.read())["task_id"])
    finally:
        connection.close()


def check(lines: Callable[[], list[str]]) -> None:
    """Both kinds of line are printed, and no other."""
    deadline = time.monotonic() + 15
    while not any(PERFORMANCE_LINE.fullmatch(line) for line in lines()):
        assert time.monotonic() < deadline, lines()
        time.sleep(0.05)
    task_id = call("POST", "/tasks", {"name": "x"})
    call("PUT", f"/tasks/{task_id}", {"status": "completed"})
    wanted = [f"Task {task_id} updated to pending", f"Task {task_id} updated to completed"]
    while [line for line in lines() if TASK_LINE.fullmatch(line)][-2:] != wanted:
        assert time.monotonic() < deadline, lines()
        time.sleep(0.05)
    # The first sample has no rate yet: null, never 0.
    other = [line for line in lines() if not TASK_LINE.fullmatch(line) and not PERFORMANCE_LINE.fullmatch(line)]
    assert set(other) <= {"Performance Update: CPU - null%"}


def test_the_example_runs_in_node(server_at_port_80: None, node_path: str, tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    with out.open("wb") as stream:
        node = subprocess.Popen([node_path, str(EXAMPLE)], stdout=stream, stderr=subprocess.STDOUT)
    try:
        check(lambda: out.read_text().splitlines())
    finally:
        node.kill()
        node.wait(10)


def test_the_example_runs_in_a_browser(server_at_port_80: None, chromium_path: str) -> None:
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.goto("http://localhost/")
        page.evaluate(f"() => {{ {EXAMPLE.read_text()} }}")

        def lines() -> list[str]:
            page.wait_for_timeout(50)
            return [line for line in said if line.startswith(("Task ", "Performance "))]  # the page says things too

        check(lines)
        browser.close()

"""The README's live page in Chromium, and ``vain.js`` in Node and in a worker: over a server that is killed."""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import chromium, eventually, free_port
from tests.server_process import ServerProcess
from vain.client import Client

pytestmark = pytest.mark.slow

WORKER = """
import { watch } from "%s/static/vain.js";
watch({ types: ["taskUpdate"] }, (event, following) => postMessage([event.task_id, following.position]));
"""
FOLLOW = """
  import { watch } from "/static/vain.js";
  window.seen = []; window.states = [];
  window.following = watch({ types: ["taskUpdate"], onState: (state) => states.push(state) }, (event) => {
    seen.push(`${event.action} ${event.task_id} ${event.version}`);
  });
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as it is called above
        pass


class Restarted:
    """A server that is killed and comes back on its port."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder, self._options = folder, options
        self.server = ServerProcess(folder, 0, options)
        self.url = f"http://localhost:{self.server.port}"

    def kill(self) -> None:
        self.server.process.send_signal(signal.SIGKILL)
        self.server.end()

    def start(self) -> None:
        self.server = ServerProcess(self._folder, self.server.port, self._options)

    def end(self) -> None:
        self.server.process.terminate()
        self.server.end()


@pytest.fixture(scope="module")
def page_port() -> int:
    """Where the README's page is served from."""
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, page_port: int) -> Iterator[Restarted]:
    folder = tmp_path_factory.mktemp("live") / "data"
    server = Restarted(folder, "--allow-origin", f"http://localhost:{page_port}")
    yield server
    server.end()


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with chromium(chromium_path) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    # What a page of the server may run is its own affair (these run little); the address is what counts.
    page = browser.new_context(bypass_csp=True).new_page()
    yield page
    page.context.close()


@pytest.fixture
def folder_served(tmp_path: Path, page_port: int) -> Iterator[Path]:
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", page_port), handler) as files:
        thread = threading.Thread(target=files.serve_forever)
        thread.start()
        yield tmp_path
        files.shutdown()
        thread.join()


def test_the_page_of_the_readme_shows_what_is(
    root: Path, server: Restarted, page: Page, folder_served: Path, page_port: int
) -> None:
    (example,) = re.findall(r"^```html\n(.*?)^```", (root / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(example.splitlines()) <= 15
    (folder_served / "live.html").write_text(example.replace("http://localhost:5006", server.url), "utf-8")
    with Client(server.url) as client:
        first = client.create("<b>first</b>").task_id
        page.goto(f"http://localhost:{page_port}/live.html")
        page.wait_for_function("list.textContent.includes('<b>first</b>: pending')")
        client.update(first, status="in-progress")
        page.wait_for_function("list.textContent.includes('<b>first</b>: in-progress')")
        server.kill()
        server.start()
        client.delete(first)
        client.create("second")
        page.wait_for_function("list.textContent.endsWith('second: pending')")
        assert "first" not in page.text_content("#list")


def test_a_page_of_the_server_misses_nothing_while_it_is_killed(server: Restarted, page: Page) -> None:
    page.goto(f"{server.url}/docs")
    page.add_script_tag(content=FOLLOW, type="module")
    page.wait_for_function("window.states?.at(-1) === 'live'")
    expected = []
    with Client(server.url) as client:
        task_id = client.create("job").task_id
        expected.append(f"created {task_id} 1")
        for version in range(2, 6):
            client.update(task_id, message=f"{version}")
            expected.append(f"updated {task_id} {version}")
            if version == 3:
                server.kill()
                server.start()
        page.wait_for_function(f"seen.length >= {len(expected)}")
        client.delete(task_id)
        expected.append(f"deleted {task_id} 5")
        page.wait_for_function(f"seen.length >= {len(expected)}")
    assert page.evaluate("seen") == expected
    page.evaluate("following.close()")
    assert page.evaluate("following.ended") is None and page.evaluate("states.at(-1)") == "ended"


def test_a_worker_follows(server: Restarted, page: Page) -> None:
    page.goto(f"{server.url}/docs")
    page.evaluate(
        """(script) => {
          window.seen = [];
          const blob = new Blob([script], { type: "text/javascript" });
          const worker = new Worker(URL.createObjectURL(blob), { type: "module" });
          worker.onmessage = ({ data }) => seen.push(data);
        }""",
        WORKER % server.url,
    )
    with Client(server.url) as client:

        def is_seen() -> bool:
            client.create("job")
            return bool(page.evaluate("seen.length"))

        assert eventually(is_seen)
    task_id, position = page.evaluate("seen[0]")
    assert task_id > 0 and re.fullmatch(r"\w+:\d+", position)


def test_node_follows_a_server_that_is_killed(server: Restarted, root: Path, node_path: str) -> None:
    options = json.dumps({"url": server.url, "types": ["taskUpdate", "notification"]})
    program = [node_path, str(root / "tests/follow.mjs"), str(root / "vain/views/assets/vain.js"), options, "5"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(program, **pipes) as node, Client(server.url) as client:
        while node.stderr.readline() != "live\n":
            assert node.poll() is None
        task_id = client.create("job").task_id
        for version in (2, 3):
            server.kill()
            server.start()
            client.update(task_id, message=str(version))
        client.update(task_id, status="completed")
        out, _ = node.communicate(timeout=30)
    events = [json.loads(line) for line in out.splitlines()]
    assert [event.get("version") for event in events] == [1, 2, 3, 4, None]
    assert [event["seq"] for event in events] == list(range(events[0]["seq"], events[0]["seq"] + 5))


def block(page: Path, language: str, containing: str) -> str:
    """The one block of a page that contains a text."""
    found = re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (wanted,) = [text for text in found if containing in text]
    return str(wanted)


def test_the_python_example_of_the_stream_prints_a_change(server: Restarted, root: Path) -> None:
    example = block(root / "docs/stream.md", "python", ".watch(")
    environment = {**os.environ, "VAIN_URL": server.url, "PYTHONPATH": str(root)}
    run = subprocess.run([sys.executable, "-c", example], env=environment, capture_output=True, text=True, check=False)
    assert re.fullmatch(r"created train resnet pending\n\w+:\d+\n", run.stdout), run.stderr


def test_the_javascript_example_of_the_stream_prints_the_tasks(server: Restarted, root: Path, node_path: str) -> None:
    example = block(root / "docs/stream.md", "javascript", "/static/vain.js")
    module = (root / "vain/views/assets/vain.js").as_uri()
    example = example.replace("/static/vain.js", module).replace("watch({", f'watch({{ url: "{server.url}",')
    with Client(server.url) as client:
        client.create("one", tags=["gpu"])
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([node_path, "--input-type=module"], **pipes) as node:
        node.stdin.write(example)
        node.stdin.close()
        assert [node.stdout.readline() for _ in range(2)] == ["connecting\n", "live\n"]
        assert re.fullmatch(r"[12] tasks \n", node.stdout.readline())
        node.kill()


def test_the_module_and_its_types_are_served_to_everybody(server: Restarted, page: Page) -> None:
    for name, kind in (("vain.js", "text/javascript"), ("vain.d.ts", "application/typescript")):
        answer = page.request.get(f"{server.url}/static/{name}")
        assert answer.status == 200 and answer.headers["content-type"].startswith(kind)

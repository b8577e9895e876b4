"""A Chromium that may speak to one server only, and remembers what it tried and what it complained about."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Route, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
START_SECONDS = 30.0


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def pages_served(*options: str, port: int | None = None) -> Iterator[str]:
    """Our pages over a machine that moves, in a process of their own; gives the address."""
    port = port or free_port()
    command = [sys.executable, str(ROOT / "tests/views/serve_pages.py"), str(port), *options]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """The Chromium at ``path``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """One open page: ``foreign`` are the requests for other hosts, ``complaints`` the console's errors and warnings."""

    def __init__(self, browser: Browser, url: str, width: int = 1440, **context: Any) -> None:
        self.page: Page = browser.new_context(viewport={"width": width, "height": 900}, **context).new_page()
        self.own = url.split("/")[2]
        self.foreign: list[str] = []
        self.paths: set[str] = set()
        self.complaints: list[str] = []
        self.navigations = 0
        self.page.on("console", lambda message: self._complain(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("framenavigated", lambda frame: self._navigated(frame is self.page.main_frame))
        self.page.on("websocket", lambda opened: self.paths.add(path_of(opened.url)))
        self.page.route("**/*", self._route)
        self.page.goto(url)

    def drawn(self) -> Visit:
        """Waits until the first chart stands and the page says that it is live."""
        self.page.wait_for_selector("canvas")
        self.page.wait_for_selector("#live[data-state=live]")
        return self

    def close(self) -> None:
        self.page.context.close()

    def _route(self, route: Route) -> None:
        url = route.request.url
        if url.startswith(("data:", "blob:")):
            route.continue_()
        elif url.split("/")[2] == self.own:
            self.paths.add(path_of(url))
            route.continue_()
        else:
            self.foreign.append(url)
            route.abort()

    def _complain(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _navigated(self, is_main: bool) -> None:
        self.navigations += is_main


def path_of(url: str) -> str:
    """The path of an address, without host and query."""
    return urlsplit(url).path


def eventually(claim: Any, seconds: float = 15.0) -> bool:
    """Whether ``claim()`` comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if claim():
            return True
        time.sleep(0.1)
    return False

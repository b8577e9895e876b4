"""Real pages, open in a headless Chromium."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
WIDTH, HEIGHT = 1440, 900
LOAD_SECONDS = 30


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium with a profile of its own, which knows nothing yet."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield started
        finally:
            started.close()


def new_page(opened: Browser, script: str = "") -> Page:
    """An empty page that shares no cache with others; ``script`` runs in it before anything of the page does."""
    page = opened.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light").new_page()
    if script:
        page.add_init_script(script)
    return page


@contextmanager
def open_page(url: str, settle_seconds: float) -> Iterator[Page]:
    """Open the page, wait until a chart stands on it and then ``settle_seconds``, and close it at the end."""
    with browser() as opened:
        page = new_page(opened)
        page.goto(url)
        page.wait_for_selector("canvas", timeout=LOAD_SECONDS * 1000)
        time.sleep(settle_seconds)
        yield page

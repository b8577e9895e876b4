"""A real page, open in a headless Chromium."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 1440, 900
LOAD_SECONDS = 60


@contextmanager
def open_page(url: str, settle_seconds: float) -> Iterator[None]:
    """Open the page, wait until a chart stands on it and then ``settle_seconds``, and close it at the end."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.goto(url)
            page.wait_for_selector("canvas", timeout=LOAD_SECONDS * 1000)
            time.sleep(settle_seconds)
            yield
        finally:
            browser.close()

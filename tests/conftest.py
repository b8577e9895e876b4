"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import playwright
import pytest
from hypothesis import settings
from playwright.sync_api import Browser

from tests.browser import chromium

settings.register_profile("quick", max_examples=40)
settings.register_profile("thorough", max_examples=1_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

ROOT = Path(__file__).resolve().parent.parent

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_APPLICATIONS = (
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout that is tested."""
    return ROOT


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """A Chromium to start: the one that ``CHROMIUM`` names, or the system's. Skips where there is none."""
    named = os.environ.get("CHROMIUM")
    candidates = [named] if named else [*map(shutil.which, CHROMIUM_NAMES), *map(str, CHROMIUM_APPLICATIONS)]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    pytest.skip("no Chromium here: `make test` installs one if it may, CHROMIUM=/path names one")


@pytest.fixture(scope="session")
def node_path() -> str:
    """The Node that Playwright brings: new enough to have ``WebSocket`` itself, which the system's may not be."""
    return str(Path(playwright.__file__).parent / "driver" / "node")


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """A Chromium for the tests of a module. Skips where there is none."""
    with chromium(chromium_path) as started:
        yield started

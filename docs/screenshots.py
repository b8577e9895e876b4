"""Makes the pictures in docs/images from a real server with a month of example tasks: python docs/screenshots.py

Needs a Chromium (the environment variable CHROMIUM names one, else the system's is taken). About five minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
SIZES = {"": (1440, 1130), "-narrow": (390, 844)}
SCHEMES = ("light", "dark")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
JOBS = ("train", "backup", "sweep", "etl")
LIVE_SECONDS = 110
"""So long the jobs run before the pictures are taken: the spike lies 35 to 60 seconds after they began."""
SPIKE_SECONDS = (36, 56)
WINDOW_SECONDS = 480
SILENCE_SECONDS = 75
"""Until a machine that says nothing counts as silent."""
RULE = {
    "name": "cpu-nearly-full",
    "title": "CPU is nearly full",
    "metric": "cpu.percent",
    "above": 75,
    "clear": 60,
    "for": 5,
}
"""It fires at the spike."""
SETTLE_MS = 4_000
COLOURS = 256
"""Of a picture: what a page draws has few, and the file is half of what it would be."""


class Shot(NamedTuple):
    """A picture of a page, in each size and scheme."""

    name: str
    address: str
    edits: str = ""
    """The rule whose form is open."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A server over ``folder``; gives its address."""
    command = [sys.executable, "-m", "vain", "serve", "--port", "0", "--no-browser", "--data", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def working(url: str, folder: str) -> Iterator[None]:
    """The jobs of the pictures, which report to ``url``."""
    environment = os.environ | {"VAIN_URL": url, "PYTHONPATH": str(ROOT), "VAIN_SPOOL": folder}
    commands = [[sys.executable, str(ROOT / "docs" / "example_jobs.py"), name] for name in JOBS]
    jobs = [subprocess.Popen(command, env=environment) for command in commands]
    try:
        yield
    finally:
        for job in jobs:
            job.kill()
            job.wait()


def watch(url: str) -> None:
    """Makes the rule of the pictures."""
    sys.path.insert(0, str(ROOT))
    from msgspec import convert

    from vain.alerting.rule import Rule
    from vain.client import Client

    with Client(url) as client:
        client.put_rule(convert(RULE, Rule))


def busy_shots(url: str, began: float) -> list[Shot]:
    """Every page, while the jobs run; ``began`` is when they did (Unix seconds)."""
    sys.path.insert(0, str(ROOT))
    from vain.client import Client

    with Client(url) as client:
        running = {task.name: task.task_id for task in client.tasks(status="in-progress")}
    first, last = (began + seconds for seconds in SPIKE_SECONDS)
    now = time.time()
    window = f"after={now - WINDOW_SECONDS:.0f}&before={now:.0f}&from={first:.0f}&to={last:.0f}"
    return [
        Shot("timeline", f"/?{window}"),
        Shot("board", "/board"),
        Shot("board-columns", "/board?as=columns"),
        Shot("flow", "/flow"),
        Shot("machine", "/machine"),
        Shot("alerts", "/alerts"),
        Shot("rules", "/alerts", edits=RULE["name"]),
        Shot("settings", "/settings"),
        Shot("task", f"/task?id={running['train resnet50 on imagenet']}"),
    ]


def take(browser: Browser, url: str, shots: Sequence[Shot]) -> None:
    """Writes the pictures."""
    for shot in shots:
        for scheme in SCHEMES:
            for suffix, (width, height) in SIZES.items():
                options: dict[str, Any] = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
                context = browser.new_context(**options)
                tab = context.new_page()
                tab.goto(url + shot.address)
                tab.wait_for_selector("#live[data-state=live]")
                if shot.edits:
                    tab.locator(f"tr[data-rule='{shot.edits}']").get_by_role("button", name="Edit").click()
                tab.wait_for_timeout(SETTLE_MS)
                save(tab.screenshot(), IMAGES / f"{shot.name}-{scheme}{suffix}.png")
                context.close()


def save(png: bytes, path: Path) -> None:
    """Writes a picture with its most frequent colours, so that each ground and line keeps its own; the rest is near."""
    pixels = np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(np.int32)
    colours, places, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    palette = colours[np.argsort(-counts)[:COLOURS]]
    # Not Pillow's own: it takes colours that are alike for one another.
    nearest = [int(np.abs(palette - colour).sum(axis=1).argmin()) for colour in colours]
    picture = Image.fromarray(np.array(nearest, np.uint8)[places.ravel()].reshape(pixels.shape[:2]), "P")
    picture.putpalette(palette.astype(np.uint8).ravel().tolist())
    picture.save(path, optimize=True)


def main() -> None:
    """Start, fill, wait, take the pictures."""
    sys.path[:0] = [str(ROOT), str(ROOT / "docs")]
    import example_hosts
    import example_machine

    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        with served(Path(folder) / "empty") as url, chromium() as browser:
            take(browser, url, [Shot("timeline-empty", "/")])
        busy = Path(folder) / "busy"
        busy.mkdir()
        example_machine.fill(busy, time.time())
        with served(busy) as url:
            watch(url)
            began = time.time()
            with working(url, folder), chromium() as browser:
                time.sleep(LIVE_SECONDS)
                take(browser, url, busy_shots(url, began))
            # Last: the other pages are those of a machine alone.
            with example_hosts.reporting(url), chromium() as browser:
                time.sleep(SILENCE_SECONDS)
                take(browser, url, [Shot("hosts", "/fleet")])


if __name__ == "__main__":
    main()

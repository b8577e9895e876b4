"""Makes the pictures in docs/images from a real server with a day of example tasks: python docs/screenshots.py

Needs a Chromium (the environment variable CHROMIUM names one, else the system's is taken).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
SIZES = {"": (1440, 1130), "-narrow": (390, 844)}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
LIVE_SECONDS = 75
"""So long the machine is watched before the pictures are taken, so that the charts have something to show."""


def example_tasks(client: object) -> None:
    """Tasks as a person who trains models and keeps backups might have them."""
    create, update = client.create, client.update  # type: ignore[attr-defined]
    soon = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    for night in range(1, 6):
        task = create(f"backup photos, night {night}", tags=["backup", "nightly"], priority="low")
        update(task.task_id, status="in-progress")
        update(task.task_id, **({"outcome": "failed", "exit_code": 12} if night == 3 else {"outcome": "succeeded"}))
    resnet = create("train resnet50 on imagenet", tags=["gpu", "train"], priority="high", due_at=soon)
    update(
        resnet.task_id, status="in-progress", current=37, total=90, unit="epochs", message="loss 1.294, top-1 68.2 %"
    )
    etl = create("etl 2026-11-22", tags=["etl"])
    update(etl.task_id, status="in-progress", progress=81.5, message="writing partitions")
    sweep = create("parameter sweep: learning rate", tags=["gpu"], description="Nine runs, one after the other.")
    update(sweep.task_id, status="in-progress", message="run 3 of 9")
    create("evaluate resnet50", tags=["gpu"], parent_id=resnet.task_id)
    create("write the report", priority="high", due_at=(datetime.now(UTC) + timedelta(seconds=2)).isoformat())
    create("clean scratch disk", priority="low")


def main() -> None:
    """Start, fill, wait, take the pictures."""
    sys.path.insert(0, str(ROOT))
    from vain.client import Client

    IMAGES.mkdir(exist_ok=True)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "vain", "serve", "--port", "0", "--no-browser", "--data", folder]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1]
            example_tasks(Client(url))
            load = subprocess.Popen([sys.executable, "-c", "while True: sum(range(10**6))"])
            time.sleep(LIVE_SECONDS)
            load.kill()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                for page in ("overview", "board", "machine"):
                    for scheme in ("light", "dark"):
                        for suffix, (width, height) in SIZES.items():
                            context = browser.new_context(
                                viewport={"width": width, "height": height},
                                color_scheme="light" if scheme == "light" else "dark",
                            )
                            tab = context.new_page()
                            tab.goto(url + ("/" if page == "overview" else f"/{page}"))
                            tab.wait_for_timeout(5_000)
                            tab.screenshot(path=IMAGES / f"{page}-{scheme}{suffix}.png")
                            context.close()
                browser.close()
            server.terminate()


if __name__ == "__main__":
    main()

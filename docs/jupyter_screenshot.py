"""Makes docs/images/jupyterlab.png: the live panel in JupyterLab while a cell runs: python docs/jupyter_screenshot.py

Needs a Chromium (the environment variable CHROMIUM names one, else the system's is taken) and JupyterLab.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "jupyterlab.png"
SIZE = {"width": 1280, "height": 800}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
START_SECONDS, CELL_SECONDS = 60.0, 25
"""How long the servers may take to start; how long the cell runs before the picture is taken."""

CELLS = (
    "%load_ext vain",
    "%vain",
    """%%vain train a small model --tag example --priority high
import numpy as np
import vain

weights = np.random.default_rng(7).random((400, 400))
for epoch in range(1, 301):
    for _ in range(40):
        weights = weights @ weights / np.linalg.norm(weights)
    vain.current().update(epoch, total=300, unit="epochs", message=f"loss {1 / epoch:.3f}")""",
)
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


JOBS = """
import hashlib
import vain

with vain.task("backup photos", tags=["example"]) as task:
    photos = [bytes([n]) * (1 << 20) for n in range(120)]
    for n in range(1, 41):
        hashlib.sha256(b"".join(photos)).digest()
        task.update(n, total=40, unit="albums")

with vain.task("etl 2026-11-22", tags=["example"]) as task:
    for n in range(1, 23):
        sum(range(2_000_000))
        task.update(n, total=27, unit="partitions")
    raise ValueError("column 'price' has 3 rows without a number")
"""
"""What ran on the machine before."""


def example_tasks(url: str, folder: Path) -> None:
    """Two jobs that ended, and a task that a person began."""
    from vain.client import Client

    environment = {**os.environ, "VAIN_URL": url, "VAIN_SPOOL": str(folder / "spool"), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", JOBS], env=environment, stderr=subprocess.DEVNULL, check=False)
    with Client(url) as client:
        client.create("parameter sweep", status="in-progress", message="run 3 of 9", current=3, total=9, unit="runs")


@contextmanager
def vain_server(folder: Path) -> Iterator[str]:
    """The address of a `vain serve`."""
    command = [sys.executable, "-m", "vain", "serve", "--port", "0", "--no-browser", "--data", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


@contextmanager
def jupyter_lab(folder: Path, vain_url: str) -> Iterator[str]:
    """The address of a notebook in a JupyterLab of its own, which keeps all its files in ``folder``."""
    documents, settings = folder / "documents", folder / "settings" / "@jupyterlab"
    documents.mkdir()
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), documents / "training.ipynb")
    for name, values in SETTINGS.items():
        file = settings / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    port, token = free_port(), secrets.token_hex(16)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port_retries=0",
        f"--ServerApp.port={port}", f"--ServerApp.root_dir={documents}",
    ]  # fmt: skip
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "VAIN_SPOOL")
    environment = {
        **os.environ,
        **{place: str(folder / place.lower()) for place in places},
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTER_TOKEN": token,
        "VAIN_URL": vain_url,
        "PYTHONPATH": str(ROOT),
    }
    with (
        (folder / "jupyter.log").open("wb") as log,
        subprocess.Popen(command, cwd=documents, env=environment, stdout=log, stderr=log) as lab,
    ):
        try:
            await_answer(f"http://127.0.0.1:{port}/api?token={token}")
            yield f"http://127.0.0.1:{port}/doc/tree/training.ipynb?token={token}"
        finally:
            lab.terminate()


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_answer(url: str) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def photograph(page: Page, url: str) -> None:
    """Run all cells, wait until the last has something to show, and take the picture."""
    page.goto(url)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
    page.get_by_text("| Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_selector(".vain-running .row.running >> text=train a small model", timeout=60_000)
    page.wait_for_timeout(CELL_SECONDS * 1000)
    first = page.inner_text(".vain-running .at")
    page.wait_for_timeout(2_500)
    assert page.inner_text(".vain-running .at") != first, "the panel stands still while a cell runs"
    page.locator(".jp-Notebook").evaluate("node => { node.scrollTop = 0; }")
    page.screenshot(path=PICTURE)


def main() -> None:
    """Start both servers, open the notebook, take the picture."""
    sys.path.insert(0, str(ROOT))
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as name, vain_server(Path(name, "vain")) as vain_url:
        example_tasks(vain_url, Path(name))
        with jupyter_lab(Path(name), vain_url) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            photograph(browser.new_page(viewport=SIZE), url)  # type: ignore[arg-type]  # a dict of the right form
            browser.close()


if __name__ == "__main__":
    main()

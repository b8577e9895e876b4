"""The notebook, as a reader runs it: in a kernel of its own, against a server in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from vain.client import Client

pytestmark = pytest.mark.slow

STARTED = re.compile(r"vAIn is at (http://\S+)")


@pytest.fixture
def url(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of `vain serve` on a free port, which is also that of the notebook's server."""
    command = [sys.executable, "-m", "vain", "serve", "--port", "0", "--no-browser", "--data", str(tmp_path / "data")]
    with subprocess.Popen([*command, "--interval", "0.2"], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        started = STARTED.search(process.stdout.readline())
        assert started
        monkeypatch.setenv("VAIN_URL", started[1])
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")])))
        yield started[1]
        process.terminate()
        assert process.wait(timeout=20) == 0


def notebook(root: Path) -> nbformat.NotebookNode:
    return nbformat.read(root / "notebooks" / "explore.ipynb", as_version=4)


def text_of(cell: nbformat.NotebookNode) -> str:
    """What a cell printed, and the plain text of what it showed."""
    outputs = cell.get("outputs", [])
    return "\n".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs)


@pytest.mark.timeout(180)
@pytest.mark.filterwarnings("default")  # Jupyter's own libraries; in the kernel, warnings are ours
def test_explore_runs_from_top_to_bottom(root: Path, url: str) -> None:
    with Client(url) as client:
        client.create("train resnet", priority="high", status="in-progress")
        client.update(client.create("nightly backup", status="in-progress").task_id, status="completed")
    explored = notebook(root)
    live = next(number for number, cell in enumerate(explored.cells) if cell.source == "live.tick")
    # The kernel's loop is free only between cells and in an await: there the views move.
    explored.cells.insert(live, nbformat.v4.new_code_cell("import asyncio\nawait asyncio.sleep(2)"))
    NotebookClient(explored, timeout=120, kernel_name="python3").execute(cwd=str(root))
    shown = "\n".join(text_of(cell) for cell in explored.cells)
    assert "train resnet" in shown and "cpu.percent is in percent" in shown
    assert int(text_of(explored.cells[live + 1])) >= 3


def test_notebooks_are_stored_without_outputs(root: Path) -> None:
    for path in (root / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs") and cell.get("execution_count") is None

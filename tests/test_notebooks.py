"""The notebooks, as a reader runs them: in a kernel of its own, against a server in a process of its own."""

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
from vain.types import Resources, Task

pytestmark = pytest.mark.slow

STARTED = re.compile(r"vAIn is at (http://\S+)")

REPORTED = (
    "add up the squares", "time.sleep", "train a model", "clean rows", "load monday", "parse", "load tuesday",
    "several steps",
)  # fmt: skip


@pytest.fixture
def url(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of `vain serve` on a free port, which is also that of the notebook's server."""
    command = [sys.executable, "-m", "vain", "serve", "--port", "0", "--no-browser", "--data", str(tmp_path / "data")]
    with subprocess.Popen([*command, "--interval", "0.2"], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        started = STARTED.search(process.stdout.readline())
        assert started
        monkeypatch.setenv("VAIN_URL", started[1])
        monkeypatch.setenv("VAIN_SPOOL", str(tmp_path / "spool"))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")])))
        yield started[1]
        process.terminate()
        assert process.wait(timeout=20) == 0


def notebook(root: Path, name: str) -> nbformat.NotebookNode:
    return nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4)


def run(explored: nbformat.NotebookNode, root: Path) -> dict[str, nbformat.NotebookNode]:
    """Its cells after they ran, by their first line."""
    NotebookClient(explored, timeout=120, kernel_name="python3").execute(cwd=str(root))
    return {cell.source.partition("\n")[0]: cell for cell in explored.cells}


def tasks_of(url: str) -> dict[str, list[Task]]:
    """All tasks, by name; each name's in the order in which they were made."""
    with Client(url) as client:
        tasks = client.tasks()
    return {task.name: [other for other in tasks if other.name == task.name] for task in tasks}


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
    explored = notebook(root, "explore")
    live = next(number for number, cell in enumerate(explored.cells) if cell.source == "live.tick")
    # The kernel's loop is free only between cells and in an await: there the views move.
    explored.cells.insert(live, nbformat.v4.new_code_cell("import asyncio\nawait asyncio.sleep(2)"))
    run(explored, root)
    shown = "\n".join(text_of(cell) for cell in explored.cells)
    assert "train resnet" in shown and "cpu.percent is in percent" in shown
    assert int(text_of(explored.cells[live + 1])) >= 3


@pytest.mark.timeout(240)
@pytest.mark.filterwarnings("default")
def test_report_makes_tasks_in_every_way_that_it_shows(root: Path, url: str) -> None:
    cells = run(notebook(root, "report"), root)
    made = tasks_of(url)
    outcomes = {name: {task.outcome for task in tasks} for name, tasks in made.items()}
    assert outcomes.pop("divide by nothing") == {"failed"}
    assert outcomes == {name: {"succeeded"} for name in REPORTED}
    assert [task.parent_id for task in made["parse"]] == [
        made["load monday"][0].task_id,
        made["load tuesday"][0].task_id,
    ]
    assert (made["train a model"][0].progress, made["several steps"][0].current) == (100, 3)
    assert made["train a model"][0].metadata == {"accuracy": 0.93}
    assert "several steps" in text_of(cells["from vain import Client, frames"])


@pytest.mark.timeout(240)
@pytest.mark.filterwarnings("default")
def test_report_has_the_panel_live_below_its_cell(root: Path, url: str) -> None:
    reported = notebook(root, "report")
    last = next(number for number, cell in enumerate(reported.cells) if cell.source.startswith("%vain off"))
    reported.cells.insert(last, nbformat.v4.new_code_cell("time.sleep(2.5)"))
    style, panel = run(reported, root)["%vain"].outputs
    html = panel.data["text/html"]
    assert style.data["text/html"].startswith("<style>")
    assert "several steps" in html and "Succeeded" in html and "Stopped at" in html and url in html


@pytest.mark.timeout(240)
@pytest.mark.filterwarnings("default")
def test_costs_knows_what_each_kind_of_work_took(root: Path, url: str) -> None:
    cells = run(notebook(root, "costs"), root)
    made = tasks_of(url)
    assert {name: len(tasks) for name, tasks in made.items()} == {"compute": 2, "remember": 2, "delegate": 2}
    used = {name: tasks[-1].resources for name, tasks in made.items()}
    assert all(used.values())
    assert _more(used["compute"], "cpu_seconds", 0.5) and _more(used["delegate"], "cpu_seconds", 0.5)
    assert _more(used["remember"], "rss_peak_bytes", 200 << 20)
    shown = "\n".join(text_of(cell) for cell in cells.values())
    number = made["remember"][-1].task_id
    assert f"task.memory_bytes:{number}" in shown and "peak_mebibytes" in shown


def _more(used: Resources | None, name: str, least: float) -> bool:
    """Whether a task took at least that much; on two busy cores nobody can say how much more."""
    figure = getattr(used, name)
    return figure is not None and figure >= least


def test_notebooks_are_stored_without_outputs(root: Path) -> None:
    for path in (root / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs") and cell.get("execution_count") is None

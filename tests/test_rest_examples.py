"""The examples for lists and batches in docs/rest.md, run as a reader would type them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_server import live_server
from vain.client import Client

pytestmark = pytest.mark.slow

SECTION = re.compile(r"^### (?P<title>Lists|Many at once)\n(?P<text>.*?)(?=^##)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A server with two tasks, of which the first failed."""
    with live_server(tmp_path / "data") as url, Client(url) as client:
        first, *_ = client.create_many({"name": name, "tags": ["gpu"]} for name in ("first", "second"))
        client.update(first.task_id, outcome="failed")
        yield client


@pytest.mark.parametrize("title", ["Lists", "Many at once"])
def test_what_the_page_says_can_be_typed(root: Path, tmp_path: Path, client: Client, title: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    sections = {found["title"]: found["text"] for found in SECTION.finditer((root / "docs/rest.md").read_text("utf-8"))}
    printed = "".join(typed(root, tmp_path, client.url, *block) for block in BLOCK.findall(sections[title]))
    if title == "Lists":
        assert "X-Total-Count: 1" in printed and "1 first\n0\n" in printed
        assert "task_id,name,outcome" in printed and (tmp_path / "tasks.parquet").read_bytes()[:4] == b"PAR1"
        assert (tmp_path / "failed.csv").read_text("utf-8").count("first") == 1
    else:
        assert [task.name for task in client.tasks()] == ["first", "second", "a", "b"]
        assert [task.status for task in client.tasks(limit=2)] == ["completed", "completed"]


def typed(root: Path, place: Path, url: str, language: str, text: str) -> str:
    """What a block prints."""
    vain = f'vain() {{ "{sys.executable}" -m vain "$@"; }}\n'
    script = vain + text.replace("curl ", "curl -fsS ").replace("localhost:5006", url.removeprefix("http://"))
    command = [sys.executable, "-c", text] if language == "python" else ["bash", "-euo", "pipefail", "-c", script]
    known = {"PYTHONPATH": str(root), "VAIN_URL": url}
    run = subprocess.run(
        command, env={**os.environ, **known}, cwd=place, capture_output=True, text=True, timeout=50, check=False
    )
    assert run.returncode == 0, f"{text}\n{run.stdout}{run.stderr}"
    return run.stdout

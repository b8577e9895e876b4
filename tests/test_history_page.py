"""docs/history.md: its commands are understood, and its Python runs against a real server."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.live_server import live_server
from vain import cli, tables
from vain.client import Client
from vain.quality import CAUSES

pytestmark = pytest.mark.slow


def blocks(root: Path, language: str) -> list[str]:
    page = (root / "docs" / "history.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_every_command_is_understood(root: Path) -> None:
    lines = "".join(blocks(root, "sh")).splitlines()
    assert len(lines) == 9
    for line in lines:
        arguments = shlex.split(line.partition("|")[0])
        assert arguments[0] == "vain" and cli.parser().parse_args(arguments[1:]).run


def test_the_file_that_is_shown_can_be_imported(root: Path) -> None:
    (shown,) = blocks(root, "csv")
    ((t, values),) = tables.read(shown.encode(), "csv")
    assert len(t) == 2 and list(values) == ["room.celsius", "room.humidity_percent"]


def test_every_cause_is_explained(root: Path) -> None:
    page = (root / "docs" / "history.md").read_text("utf-8")
    assert all(f"`{cause}`" in page for cause in CAUSES)


def test_the_python_runs(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with live_server(tmp_path) as url, Client(url) as client:
        monkeypatch.setenv("VAIN_URL", url)
        client.create("build", status="in-progress")
        t = (int(time.time()) - 7_200 + np.arange(7_000)) * 1_000
        values = {"cpu.percent": np.where(t // 1000 % 600 == 7, 90.0, 10.0), "memory.percent": np.full(7_000, 40.0)}
        client.import_history(tables.encoded(tables.samples_of(t, values), "parquet"))
        names: dict[str, Any] = {}
        exec("".join(blocks(root, "python")), names)
        names["client"].close()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["name", "share", "cpu_seconds"] and any("build" in line for line in printed[1:4])
    first = next(number for number, line in enumerate(printed) if line.endswith("percent 1m 120.0"))
    assert "build" in printed[first + 2]

"""This test process as a job that reports to a board."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report.board import Board, board
from vain.report import reporter, sender


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Board]:
    """A board, to which what the test does is reported."""
    before = signal.getsignal(signal.SIGTERM)
    with board() as server:
        monkeypatch.setenv("VAIN_URL", server.url)
        monkeypatch.setenv("VAIN_SPOOL", str(tmp_path / "spool"))
        for name in ("VAIN_RUN_ID", "VAIN_TASK_ID", "VAIN_REPORT", "VAIN_API_KEY", "VAIN_API_KEY_FILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(reporter, "_reporter", None)
        monkeypatch.setattr(sender, "FIRST_BACKOFF_SECONDS", 0.01)
        yield server
        reporter._close_at_exit()
    signal.signal(signal.SIGTERM, before)

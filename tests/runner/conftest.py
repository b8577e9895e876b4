"""What the tests of ``vain run`` share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runner.wrapped import Wrapped


@pytest.fixture
def wrapped(tmp_path: Path) -> Wrapped:
    return Wrapped(tmp_path / "spool")

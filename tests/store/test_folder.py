"""What lies in the data folder is private, or the server does not start over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vain.errors import Misconfigured
from vain.store.folder import private_file


def test_a_file_that_others_may_read_is_refused_with_the_command_that_closes_it(tmp_path: Path) -> None:
    path = private_file(tmp_path / "session.secret")
    path.chmod(0o640)
    with pytest.raises(Misconfigured, match="chmod 600"):
        private_file(path)


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch(0o600)
    (tmp_path / "vain.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Misconfigured, match="no file"):
        private_file(tmp_path / "vain.db")


def test_a_private_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = private_file(tmp_path / "vain.db")
    path.write_bytes(b"kept")
    assert private_file(path).read_bytes() == b"kept"

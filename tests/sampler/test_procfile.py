from __future__ import annotations

import os
from pathlib import Path

import pytest

from vain.sampler.procfile import FIRST_SIZE_BYTES, ProcFile


@pytest.mark.parametrize("has_records", [False, True])
def test_file_is_read_anew_each_time(tmp_path: Path, has_records: bool) -> None:
    path = tmp_path / "stat"
    path.write_bytes(b"one")
    file = ProcFile(path, has_records)
    assert file.read() == b"one"
    path.write_bytes(b"three")
    assert file.read() == b"three"
    file.close()


@pytest.mark.parametrize("has_records", [False, True])
def test_file_that_outgrows_the_buffer_comes_whole(tmp_path: Path, has_records: bool) -> None:
    content = b"x" * (FIRST_SIZE_BYTES * 5 + 1)
    (tmp_path / "stat").write_bytes(content)
    file = ProcFile(tmp_path / "stat", has_records)
    assert file.read() == content
    file.close()


def test_file_that_is_not_there_is_none_until_it_is(tmp_path: Path) -> None:
    file = ProcFile(tmp_path / "late")
    assert file.read() is None
    (tmp_path / "late").write_bytes(b"here")
    assert file.read() == b"here"
    file.close()


def test_folder_in_its_place_is_none(tmp_path: Path) -> None:
    assert ProcFile(tmp_path).read() is None


def test_nothing_stays_open_after_close(tmp_path: Path) -> None:
    (tmp_path / "stat").write_bytes(b"x")
    before = len(os.listdir("/dev/fd"))
    file = ProcFile(tmp_path / "stat")
    file.read()
    file.close()
    assert len(os.listdir("/dev/fd")) == before

"""The spool: what it keeps over a death, who may take it, and what is still to be sent of it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vain import spool
from vain.spool import Spool, abandoned, began, done, folded, logged, said, sent

URL = "http://127.0.0.1:5006"
DRAFT = {"name": "etl", "status": "in-progress"}


def left(folder: Path, *records: spool.Record) -> None:
    """A file whose writer is gone."""
    file = Spool(folder, URL)
    for record in records:
        file.add(record)
    file.close(delivered=False)


def test_what_was_written_is_found_when_the_writer_is_gone(tmp_path: Path) -> None:
    left(tmp_path / "s", began("a", 1.5, "p", DRAFT, None), said("a", 2.5, {"current": 3}))
    [file] = abandoned(tmp_path / "s")
    [report] = folded(file.records())
    assert (file.url, report.run_id, report.parent_run_id, report.began_at) == (URL, "a", "p", 1.5)
    assert (report.draft, report.patch, report.changed_at, report.ended) == (DRAFT, {"current": 3}, 2.5, False)
    file.remove()
    assert list((tmp_path / "s").iterdir()) == []


def test_a_file_whose_writer_lives_is_nobody_elses(tmp_path: Path) -> None:
    file = Spool(tmp_path, URL)
    file.add(began("a", 1.0, None, DRAFT, None))
    assert list(abandoned(tmp_path)) == []
    file.close(delivered=False)
    [first] = abandoned(tmp_path)
    assert list(abandoned(tmp_path)) == []
    first.release()
    assert [again.release() for again in abandoned(tmp_path)] == [None]


def test_a_spool_that_was_delivered_leaves_nothing(tmp_path: Path) -> None:
    file = Spool(tmp_path, URL)
    file.add(began("a", 1.0, None, DRAFT, None))
    file.clear()
    assert file.is_empty and file.reports(["a"]) == []
    file.close(delivered=True)
    assert list(tmp_path.iterdir()) == []


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    left(tmp_path / "deep" / "s", began("a", 1.0, None, DRAFT, None))
    [file] = (tmp_path / "deep" / "s").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("torn", [b'{"say":"a","at":9,"pat', b"\xff\xfe\n", b"[1]\n", b'{"new":"kind"}\n', b"{}\n"])
def test_a_torn_or_unknown_line_is_read_over(tmp_path: Path, torn: bytes) -> None:
    left(tmp_path, began("a", 1.0, None, DRAFT, None), said("a", 2.0, {"current": 3}))
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + torn)
    [file] = abandoned(tmp_path)
    assert [report.patch for report in folded(file.records())] == [{"current": 3}]
    file.release()


@pytest.mark.parametrize("content", [b"", b"\n", b'{"spool":99,"url":"http://x"}\n{"begin":"a"}\n'])
def test_a_file_of_another_version_is_no_ones(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1-a.jsonl").write_bytes(content)
    [file] = abandoned(tmp_path)
    assert (file.url, file.records()) == ("", [])
    file.release()


def test_the_latest_of_each_field_wins_and_the_end_is_one() -> None:
    patches = [said("a", 2.0, {"current": 1, "message": "m"}), said("a", 3.0, {"current": 2, "status": "completed"})]
    [report] = folded([began("a", 1.0, None, DRAFT, None), *patches])
    assert report.patch == {"current": 2, "message": "m", "status": "completed"}
    assert (report.ended, report.changed_at) == (True, 3.0)


def test_runs_come_in_the_order_in_which_they_began() -> None:
    records = [began("b", 2.0, None, DRAFT, None), began("a", 1.0, None, DRAFT, None)]
    assert [report.run_id for report in folded(records)] == ["a", "b"]
    assert [report.run_id for report in folded(records, ["b"])] == ["b"]


def test_what_the_server_has_is_not_sent_again() -> None:
    records = [began("a", 1.0, None, DRAFT, None), said("a", 2.0, {"current": 1})]
    [report] = folded([*records, sent("a", 7, everything=False)])
    assert (report.sent_task_id, report.patch) == (7, {"current": 1})
    [report] = folded([*records, sent("a", 7, everything=True)])
    assert (report.sent_task_id, report.patch) == (7, {})
    assert folded([*records, done("a")]) == []


def test_parts_of_a_log_are_joined_and_its_end_is_kept() -> None:
    beginning = began("a", 1.0, None, DRAFT, None)
    [report] = folded([beginning, logged("a", 2.0, 0, b"one "), logged("a", 2.0, 4, b"two")])
    assert (report.log, report.log_offset) == (b"one two", 0)
    [report] = folded([beginning, logged("a", 2.0, 0, b"one "), logged("a", 2.0, 9, b"\xff")])
    assert (report.log, report.log_offset) == (b"\xff", 9)
    [report] = folded([beginning, logged("a", 2.0, 0, b"x" * 65_536), logged("a", 2.0, 65_536, b"yz")])
    assert (len(report.log), report.log_offset, report.log[-3:]) == (65_536, 2, b"xyz")


def test_a_file_that_grows_is_written_anew_with_what_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "LARGEST_BYTES", 2_000)
    file = Spool(tmp_path, URL)
    file.add(began("a", 1.0, None, DRAFT, None))
    file.add(logged("a", 1.0, 5, b"out"))
    for current in range(1_000):
        file.add(said("a", float(current), {"current": current}))
    [path] = tmp_path.iterdir()
    assert path.stat().st_size < 5_000 and list(abandoned(tmp_path)) == []
    [report] = file.reports(["a"])
    assert (report.patch, report.log, report.log_offset) == ({"current": 999}, b"out", 5)
    file.close(delivered=True)


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_every_record(tmp_path: Path, root: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from vain import spool
file = spool.Spool(Path({str(tmp_path)!r}), {URL!r})
for number in range(100):
    file.add(spool.began(str(number), float(number), None, {{"name": "n"}}, None))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False, cwd=root, timeout=20)
    [file] = abandoned(tmp_path)
    assert len(folded(file.records())) == 100
    file.remove()


def test_a_disk_that_refuses_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        Spool(tmp_path / "file", URL).add(began("a", 1.0, None, DRAFT, None))
    assert os.listdir(tmp_path) == ["file"]


def test_what_nobody_takes_is_given_up_some_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    for number in range(5):
        left(tmp_path, began("a", 0.0, None, DRAFT, None))
        newest = max(tmp_path.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (now - 100 + number,) * 2)
    monkeypatch.setattr(spool, "MOST_FILES", 3)
    spool.give_up(tmp_path, now)
    ages = sorted(round(now - path.stat().st_mtime) for path in tmp_path.glob("*.jsonl"))
    assert ages == [96, 97, 98], "the oldest of too many go"
    living = Spool(tmp_path, URL)
    living.add(began("b", 0.0, None, DRAFT, None))
    spool.give_up(tmp_path, now + spool.KEPT_SECONDS + 60)
    assert len(list(tmp_path.glob("*.jsonl"))) == 1, "its process lives"
    living.close(delivered=True)

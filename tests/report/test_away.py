"""A server that is down, silent, slow or gone midway costs the job nothing and loses nothing."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.report.board import Board, board, eventually, free_port, silent_server
from tests.report.jobs import another_reporter, finish, run, start
from vain import spool

pytestmark = pytest.mark.slow

WORK = """
import sys, time, vain
began_at = time.monotonic()
with vain.task("work") as t:
    for number in range(1, 21):
        t.update(number, total=20)
        t.log(f"line {number}")
        with vain.task(f"part {number}"):
            time.sleep(0.05)
print(time.monotonic() - began_at)
sys.exit(5)
"""


def outcomes(server: Board) -> dict[str, str | None]:
    return {task["name"]: task.get("outcome") for task in server.tasks.values()}


def is_complete(server: Board) -> bool:
    """Whether all that ``WORK`` did has arrived, as it ended, beside the one task of another reporter."""
    ends = outcomes(server)
    return len(ends) == 22 and {ends[name] for name in ends if name != "later"} == {"succeeded"}


def waiting(folder: Path) -> list[spool.RunReport]:
    """What lies in the spool of a process that is gone."""
    return [report for file in spool.abandoned(folder) for report in _released(file)]


def _released(file: spool.Abandoned) -> list[spool.RunReport]:
    reports = spool.folded(file.records())
    file.release()
    return reports


def test_the_reporter_rests_while_the_server_is_down_also_when_a_beat_is_due(tmp_path: Path) -> None:
    program = """
    import time, vain
    from vain.report import sender
    sender.BEAT_SECONDS, rounds, wait = 0.1, [], sender.Sender._wait
    sender.Sender._wait = lambda self: (rounds.append(1), wait(self))
    with vain.task("work"):
        time.sleep(1.5)
    print(len(rounds))
    """
    ended = run(program, f"http://127.0.0.1:{free_port()}", tmp_path / "spool")
    assert ended.code == 0 and int(ended.output) < 100


def test_a_job_with_the_server_down_takes_the_same_time_and_ends_the_same(tmp_path: Path) -> None:
    ended = run(WORK, f"http://127.0.0.1:{free_port()}", tmp_path / "spool")
    assert ended.code == 5 and float(ended.output) < 1.5 and ended.seconds < 3
    assert ended.errors.count("no reports to vAIn") == 1 and len(ended.errors.splitlines()) == 1
    reports = waiting(tmp_path / "spool")
    assert len(reports) == 21 and all(report.patch["outcome"] == "succeeded" for report in reports)
    assert reports[0].log == b"".join(f"line {number}\n".encode() for number in range(1, 21))


def test_a_job_with_a_silent_server_takes_the_same_time_and_ends_the_same(tmp_path: Path) -> None:
    with silent_server() as url:
        ended = run(WORK, url, tmp_path / "spool")
    assert ended.code == 5 and float(ended.output) < 1.5 and ended.seconds < 3
    assert len(waiting(tmp_path / "spool")) == 21


def test_a_job_with_a_slow_server_takes_the_same_time_and_ends_the_same(tmp_path: Path) -> None:
    with board() as server:
        server.delay_seconds = 0.2
        ended = run(WORK, server.url, tmp_path / "spool")
        assert ended.code == 5 and float(ended.output) < 1.5 and ended.seconds < 5
        server.delay_seconds = 0
        with another_reporter(server.url, tmp_path / "spool"):
            eventually(lambda: is_complete(server))


def test_a_server_that_goes_midway_and_comes_back_has_all_of_it_once(tmp_path: Path) -> None:
    with board() as server:
        port = server.server_address[1]
        process = start(WORK, server.url, tmp_path / "spool")
        eventually(lambda: len(server.tasks) > 5)
        known = (server.tasks, server.keys, server.logs)
    ended = finish(process)
    assert ended.code == 5 and float(ended.output) < 1.5
    with board(port) as server:
        server.tasks, server.keys, server.logs = known
        with another_reporter(server.url, tmp_path / "spool"):
            eventually(lambda: is_complete(server))
        names = [task["name"] for task in server.tasks.values()]
        assert len(names) == 22 == len(set(names))
        assert [name for name in names if name != "later"][1:] == [f"part {number}" for number in range(1, 21)]
        assert server.named("part 20")["parent_id"] == server.named("work")["task_id"]
    assert list((tmp_path / "spool").iterdir()) == []


def test_the_next_reporter_sends_what_was_left_in_order_and_as_old_as_it_is(tmp_path: Path) -> None:
    port = free_port()
    assert run(WORK, f"http://127.0.0.1:{port}", tmp_path / "spool").code == 5
    time.sleep(1)
    with board(port) as server:
        with another_reporter(server.url, tmp_path / "spool"):
            eventually(lambda: is_complete(server))
        names = [task["name"] for task in server.tasks.values()]
        assert names[:3] == ["later", "work", "part 1"] and len(names) == 22
        assert server.named("part 1")["parent_id"] == server.named("work")["task_id"]
        work = next(report for report in server.of("POST", "/tasks") if b'"name":"work"' in report.body)
        assert 2 < float(work.headers["Vain-Ago"]) < 20
        assert server.logs[2].startswith(b"line 1\n") and server.logs[2].endswith(b"line 20\n")
        eventually(lambda: list((tmp_path / "spool").iterdir()) == [])


def test_a_job_killed_with_the_server_down_loses_no_beginning_and_no_end(tmp_path: Path) -> None:
    program = """
    import time, vain
    with vain.task("ended"):
        pass
    with vain.task("open") as t:
        t.update(1)
        time.sleep(1)
        t.update(2)
        print("now", flush=True)
        time.sleep(30)
    """
    process = start(program, f"http://127.0.0.1:{free_port()}", tmp_path / "spool")
    assert process.stdout is not None and process.stdout.readline() == "now\n"
    time.sleep(0.7)
    process.kill()
    assert finish(process).code == -signal.SIGKILL
    ended, still_open = waiting(tmp_path / "spool")
    assert (ended.draft["name"], ended.patch["outcome"]) == ("ended", "succeeded")
    assert (still_open.draft["name"], still_open.patch) == ("open", {"current": 2})


def test_a_job_killed_with_a_silent_server_loses_no_end_either(tmp_path: Path) -> None:
    program = """
    import os, time, vain
    for number in range(10):
        with vain.task(f"part {number}"):
            time.sleep(0.02)
    time.sleep(0.1)
    os.kill(os.getpid(), 9)
    """
    with silent_server() as url:
        assert run(program, url, tmp_path / "spool").code == -signal.SIGKILL
    assert [report.patch.get("outcome") for report in waiting(tmp_path / "spool")] == ["succeeded"] * 10


def test_a_spool_that_cannot_be_written_does_not_touch_the_job(tmp_path: Path) -> None:
    (tmp_path / "spool").touch()
    ended = run(WORK, f"http://127.0.0.1:{free_port()}", tmp_path / "spool")
    assert ended.code == 5 and ended.errors.count("cannot be written") == 1
    with board() as server:
        assert run(WORK, server.url, tmp_path / "spool").code == 5 and len(server.tasks) == 21


def test_thousands_of_runs_without_a_server_wait_on_the_disk_and_come_once(tmp_path: Path) -> None:
    program = """
    import sys, time, vain
    from vain.report import flush, reporter
    for number in range(3_000):
        with vain.task(f"{number}"):
            pass
    time.sleep(1.5)
    print(len(reporter._reporter._sender._dirty), flush=True)
    sys.stdin.readline()
    print(flush(40))
    """
    port = free_port()
    process = start(program, f"http://127.0.0.1:{port}", tmp_path / "spool")
    assert process.stdin is not None and process.stdout is not None
    assert int(process.stdout.readline()) <= 1_000
    with board(port) as server:
        process.stdin.write("\n")
        process.stdin.flush()
        ended = finish(process, 50)
        assert (ended.code, ended.output) == (0, "True\n"), ended.errors
        assert {task["name"] for task in server.tasks.values()} == {str(number) for number in range(3_000)}
        assert len(server.tasks) == 3_000 and set(outcomes(server).values()) == {"succeeded"}
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_wrong_setting_is_one_warning_and_no_report(tmp_path: Path) -> None:
    ended = run(WORK, "ftp://nowhere", tmp_path / "spool")
    assert ended.code == 5 and ended.errors.count("VAIN_URL is 'ftp://nowhere'") == 1
    assert not (tmp_path / "spool").exists()


def test_what_stands_in_the_spool_is_json_for_everybody(tmp_path: Path) -> None:
    run("import vain\nwith vain.task('x'): pass", f"http://127.0.0.1:{free_port()}", tmp_path / "spool")
    [path] = (tmp_path / "spool").iterdir()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [next(iter(line)) for line in lines] == ["spool", "begin", "say"]
    assert os.stat(path).st_mode & 0o077 == 0

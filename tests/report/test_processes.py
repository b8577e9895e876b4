"""Signals, forks, workers and ends of processes: each task ends as its process did."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.report.board import Board, board, eventually, silent_server
from tests.report.jobs import another_reporter, finish, run, start
from vain import spool

pytestmark = pytest.mark.slow

WAITING = """
import time, vain
with vain.task("work"):
    print("now", flush=True)
    time.sleep(30)
"""


def outcomes(server: Board) -> dict[str, Any]:
    return {task["name"]: task.get("outcome") for task in server.tasks.values()}


def test_a_job_that_is_terminated_is_cancelled_and_dies_of_the_signal(tmp_path: Path) -> None:
    with board() as server:
        process = start(WAITING, server.url, tmp_path / "spool")
        eventually(lambda: len(server.tasks) == 1)
        process.terminate()
        ended = finish(process)
        assert ended.code == -signal.SIGTERM and outcomes(server) == {"work": "cancelled"}, ended.errors


def test_a_job_that_is_terminated_beside_a_silent_server_dies_as_soon(tmp_path: Path) -> None:
    with silent_server() as url:
        process = start(WAITING, url, tmp_path / "spool")
        assert process.stdout is not None and process.stdout.readline() == "now\n"
        process.terminate()
        ended = finish(process)
    assert ended.code == -signal.SIGTERM and ended.seconds < 1.5
    [file] = spool.abandoned(tmp_path / "spool")
    assert [report.patch["outcome"] for report in spool.folded(file.records())] == ["cancelled"]
    file.release()


def test_a_handler_of_the_jobs_own_is_left_alone(tmp_path: Path) -> None:
    program = """
    import signal, sys, time
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
    """ + WAITING.replace("\n", "\n    ")
    with board() as server:
        process = start(program, server.url, tmp_path / "spool")
        eventually(lambda: len(server.tasks) == 1)
        process.terminate()
        assert finish(process).code == 9 and outcomes(server) == {"work": "failed"}
        assert server.named("work")["exit_code"] == 9


def test_a_job_whose_first_task_is_a_threads_is_cancelled_too(tmp_path: Path) -> None:
    program = """
    import threading, vain
    thread = threading.Thread(target=lambda: vain.task("first").begin())
    thread.start()
    thread.join()
    """ + WAITING.replace("\n", "\n    ")
    with board() as server:
        process = start(program, server.url, tmp_path / "spool")
        eventually(lambda: len(server.tasks) == 2)
        process.terminate()
        assert finish(process).code == -signal.SIGTERM
        assert outcomes(server) == {"first": "cancelled", "work": "cancelled"}


def test_a_job_that_is_interrupted_is_cancelled(tmp_path: Path) -> None:
    with board() as server:
        process = start(WAITING, server.url, tmp_path / "spool")
        eventually(lambda: len(server.tasks) == 1)
        process.send_signal(signal.SIGINT)
        ended = finish(process)
        assert ended.code == -signal.SIGINT and outcomes(server) == {"work": "cancelled"}
        assert "KeyboardInterrupt" in ended.errors


def test_what_is_open_at_the_end_of_the_program_is_cancelled(tmp_path: Path) -> None:
    program = """
    import vain
    loop = vain.track(range(5), "loop")
    next(loop)
    """
    with board() as server:
        ended = run(program, server.url, tmp_path / "spool")
        assert (ended.code, ended.errors) == (0, "") and outcomes(server) == {"loop": "cancelled"}


def test_a_forked_child_reports_its_own_tasks_and_none_of_its_parents(tmp_path: Path) -> None:
    program = """
    import os, sys, time, vain
    with vain.task("parent") as t:
        t.update(1)
        pid = os.fork()
        if pid == 0:
            t.update(99)
            assert vain.current() is None
            with vain.task("child"):
                with vain.task("grandchild"):
                    pass
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        time.sleep(0.1)
    """
    with board() as server:
        ended = run(program, server.url, tmp_path / "spool")
        assert (ended.code, ended.errors) == (0, "")
        expected = dict.fromkeys(("parent", "child", "grandchild"), "succeeded") | {"later": None}
        with another_reporter(server.url, tmp_path / "spool"):
            eventually(lambda: outcomes(server) == expected)
        assert len(server.tasks) == 4
        assert server.named("parent")["current"] == 1
        assert server.named("child")["parent_id"] == server.named("parent")["task_id"]
        assert server.named("grandchild")["parent_id"] == server.named("child")["task_id"]


def test_a_forked_child_that_leaves_through_the_block_does_not_end_it(tmp_path: Path) -> None:
    program = """
    import os, sys, vain
    with vain.task("parent"):
        pid = os.fork()
        if pid == 0:
            sys.exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    """
    with board() as server:
        ended = run(program, server.url, tmp_path / "spool")
        assert (ended.code, ended.errors) == (0, "") and outcomes(server) == {"parent": "succeeded"}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_are_in_the_tree_of_their_parent(tmp_path: Path, method: str) -> None:
    program = f"""
    import multiprocessing, vain

    @vain.task("square {{number}}")
    def square(number):
        return number * number

    if __name__ == "__main__":
        context = multiprocessing.get_context({method!r})
        with vain.task("parent"):
            with context.Pool(2) as pool:
                assert pool.map(square, range(6), chunksize=1) == [0, 1, 4, 9, 16, 25]
                pool.close()
                pool.join()
            process = context.Process(target=square, args=(7,))
            process.start()
            process.join()
    """
    with board() as server:
        ended = run(program, server.url, tmp_path / "spool")
        assert (ended.code, ended.errors) == (0, "")
        names = ["parent", *(f"square {number}" for number in (0, 1, 2, 3, 4, 5, 7))]
        assert outcomes(server) == dict.fromkeys(names, "succeeded") and len(server.tasks) == 8
        parents = {task["parent_id"] for task in server.tasks.values() if task["name"] != "parent"}
        assert parents == {server.named("parent")["task_id"]}


def test_a_program_that_a_task_starts_is_its_child(tmp_path: Path) -> None:
    program = """
    import os, subprocess, sys, time, vain
    code = "import vain\\nwith vain.task('child'): pass"
    with vain.task("parent") as t:
        time.sleep(0.2)
        subprocess.run([sys.executable, "-c", code], check=True)
    assert "VAIN_RUN_ID" not in os.environ
    subprocess.run([sys.executable, "-c", code.replace("child", "alone")], check=True)
    """
    with board() as server:
        ended = run(program, server.url, tmp_path / "spool")
        assert (ended.code, ended.errors) == (0, "")
        assert server.named("child")["parent_id"] == server.named("parent")["task_id"]
        assert server.named("alone")["parent_id"] is None


def test_a_process_that_a_task_started_has_it_as_parent_by_number(tmp_path: Path) -> None:
    program = "import vain\nwith vain.task('child'): pass"
    with board() as server:
        variables = {"VAIN_RUN_ID": "ab" * 16, "VAIN_TASK_ID": "41"}
        assert run(program, server.url, tmp_path / "spool", **variables).code == 0
        [request] = server.of("POST", "/tasks")
        assert request.json["parent_id"] == 41 and request.headers["Vain-Parent-Run"] == "ab" * 16


def test_a_silent_task_is_kept_alive_by_beats(tmp_path: Path) -> None:
    program = """
    import os, time, vain
    from vain.report import sender
    sender.BEAT_SECONDS = 0.3
    with vain.task("work"), vain.task("part"):
        vain.attach(os.getppid(), "attached")
        time.sleep(3)
    """
    with board() as server:
        assert run(program, server.url, tmp_path / "spool").code == 0
        beats = server.of("POST", "/tasks/beats")
        assert len(beats) >= 3 and {tuple(beat.json["tasks"]) for beat in beats} == {(1, 2)}
        expected = {"work": "15", "part": "15", "attached": None}
        begun = [report for report in server.of("POST") if report.path == "/tasks"]
        assert {report.json["name"]: report.headers.get("Vain-Beat-Seconds") for report in begun} == expected

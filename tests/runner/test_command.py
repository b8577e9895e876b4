"""``vain run`` from the command line to the exit code and the report."""

from __future__ import annotations

import argparse
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runner.wrapped import Wrapped, is_alive, wait_until
from tests.small_server import TASK, answer, small_server
from vain import run_options


def test_run_is_among_the_commands_with_its_options() -> None:
    whole = argparse.ArgumentParser()
    run_options.add_run(whole.add_subparsers(), run=lambda *_: 0)
    args = whole.parse_args(["run", "-t", "a", "-t", "b", "--timeout", "2m", "--", "ls", "--all", "--", "x"])
    assert (args.tag, args.limit, args.command[-4:]) == (["a", "b"], 120.0, ["ls", "--all", "--", "x"])


@pytest.mark.parametrize("text", ["0", "-1", "soon", "5 s", "1w", "9999d", "nan"])
def test_a_time_that_is_none_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_options.parser().parse_args([f"--timeout={text}", "--", "true"])
    assert "is no time such as 90, 45m, 2h or 1d" in capsys.readouterr().err


def test_help_teaches_by_two_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        run_options.parser().parse_args(["--help"])
    assert capsys.readouterr().out.partition("examples:")[2].count("\n  vain ") == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "code", "outcome"),
    [
        (["true"], 0, "succeeded"),
        (["sh", "-c", "exit 3"], 3, "failed"),
        (["sh", "-c", "exit 255"], 255, "failed"),
        (["sh", "-c", "kill -KILL $$"], 137, "failed"),
        (["nosuchprogram"], 127, "failed"),
        (["/etc/passwd"], 126, "failed"),
        (["/"], 126, "failed"),
    ],
)
def test_the_exit_code_is_passed_through(wrapped: Wrapped, command: list[str], code: int, outcome: str) -> None:
    done = wrapped.run("--", *command)
    assert (done.returncode, done.stdout) == (code, b"")
    assert (wrapped.patch()["exit_code"], wrapped.patch()["outcome"]) == (code, outcome)
    assert done.stderr.count(b"\n") == (1 if code in (126, 127) else 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--"], b"there is no command"),
        (["--progress", "(", "--", "true"], b"no regular expression"),
        (["--priority", "urgent", "--", "true"], b"invalid choice"),
        (["--url", "nowhere", "--", "true"], b"--url is 'nowhere'"),
    ],
)
def test_wrong_use_is_told_and_starts_nothing(wrapped: Wrapped, options: list[str], said: bytes) -> None:
    done = wrapped.run(*options)
    assert done.returncode == 2 and said in done.stderr and wrapped.reports() == []


@pytest.mark.slow
def test_a_script_without_a_first_line_runs_as_in_a_shell(wrapped: Wrapped, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo $1\n")
    script.chmod(0o755)
    assert wrapped.run("--", str(script), "hello").stdout == b"hello\n"


@pytest.mark.slow
def test_the_task_says_what_the_options_say_and_no_argument(wrapped: Wrapped) -> None:
    wrapped.run("-t", "a", "--tag", "b", "--priority", "high", "--key", "k", "--expect", "9", "--", "echo", "secret")
    (report,) = wrapped.reports()
    draft = report.draft
    assert (draft["name"], draft["tags"], draft["priority"], draft["key"]) == ("echo", ["a", "b"], "high", "k")
    assert draft["expect_next_in"] == 9 and draft["source"]["kind"] == "run"
    assert draft["source"]["command"] == "echo" and "secret" not in str(draft)


@pytest.mark.slow
def test_arguments_are_stored_when_asked_for(wrapped: Wrapped) -> None:
    wrapped.run("--name", "n", "--with-arguments", "--", "echo", "a b")
    (report,) = wrapped.reports()
    assert (report.draft["name"], report.draft["source"]["command"]) == ("n", "echo 'a b'")


@pytest.mark.slow
def test_progress_is_read_from_either_stream(wrapped: Wrapped) -> None:
    wrapped.run("--progress", r"(\d+)/(\d+)", "--", "sh", "-c", "echo 1/8; printf '\\r5/8' >&2")
    assert (wrapped.patch()["current"], wrapped.patch()["total"]) == (5, 8)


@pytest.mark.slow
def test_what_the_command_took_is_told(wrapped: Wrapped, tmp_path: Path) -> None:
    work = f"x = bytearray(60 << 20); open({str(tmp_path / 'f')!r}, 'wb').write(x); sum(range(10**7))"
    with wrapped.start("--", sys.executable, "-c", work) as process:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process.wait(10)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    usage = wrapped.patch()["usage"]
    whole = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert 0.15 < usage["cpu_seconds"] <= whole and 60 << 20 <= usage["rss_peak_bytes"] < 100 << 20
    assert usage["written_bytes"] >= 60 << 20 or usage["written_bytes"] == 0  # a file system in memory writes nothing


@pytest.mark.slow
def test_a_peak_below_what_the_wrapper_left_behind_is_unknown(wrapped: Wrapped) -> None:
    wrapped.run("--", "true")
    assert "rss_peak_bytes" not in {k for k, v in wrapped.patch()["usage"].items() if v is not None}
    assert wrapped.patch()["usage"]["cpu_seconds"] < 0.05


@pytest.mark.slow
def test_a_command_that_takes_too_long_is_ended_with_its_group(wrapped: Wrapped, tmp_path: Path) -> None:
    began_at = time.monotonic()
    done = wrapped.run("--timeout", "0.3", "--", "sh", "-c", f"sleep 60 & echo $! > {tmp_path / 'pid'}; wait")
    assert done.returncode == 124 and time.monotonic() - began_at < 3
    assert wrapped.patch()["outcome"] == "timed-out" and wrapped.patch()["exit_code"] == 124
    wait_until(lambda: not is_alive(int((tmp_path / "pid").read_text())))


@pytest.mark.slow
def test_the_command_knows_its_task_when_the_server_answers(tmp_path: Path) -> None:
    with small_server() as server:
        server.answers |= {"POST /tasks": answer(TASK, 201), "PUT /tasks/7": answer(TASK)}
        server.answers["POST /tasks/7/log"] = answer({}, 204)
        done = Wrapped(tmp_path, server.url).run("--", "sh", "-c", "echo $VAIN_TASK_ID $VAIN_RUN_ID $VAIN_URL")
        begun = next(asked for asked in server.asked if asked.path == "/tasks")
    number, run_id, url = done.stdout.decode().split()
    assert number == "7" and begun.headers["Idempotency-Key"] == f'"{run_id}"' and url == server.url


@pytest.mark.slow
def test_an_address_given_reaches_the_commands_own_reports(wrapped: Wrapped) -> None:
    done = wrapped.run("--url", "http://127.0.0.1:19", "--", "sh", "-c", "echo $VAIN_URL $VAIN_TASK_ID-")
    assert done.stdout == b"http://127.0.0.1:19 -\n"


def seconds_of(wrapped: Wrapped) -> float:
    """How long a short command takes, at best of three: the machine may be busy with other tests."""
    times: list[float] = []
    for _ in range(3):
        began_at = time.monotonic()
        done = wrapped.run("--", "sh", "-c", "echo hi; exit 5")
        times.append(time.monotonic() - began_at)
        assert (done.returncode, done.stdout, done.stderr) == (5, b"hi\n", b"")
    return min(times)


@pytest.mark.slow
def test_a_server_that_is_away_is_not_waited_for(tmp_path: Path) -> None:
    unreported = seconds_of(Wrapped(tmp_path, VAIN_REPORT="0"))
    assert seconds_of(Wrapped(tmp_path)) < unreported + 0.4


@pytest.mark.slow
def test_a_server_that_is_silent_is_waited_for_less_than_a_second(tmp_path: Path) -> None:
    unreported = seconds_of(Wrapped(tmp_path, VAIN_REPORT="0"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began_at = time.monotonic()
        assert Wrapped(tmp_path, url).run("--", "sh", "-c", "exit 5").returncode == 5
    assert time.monotonic() - began_at < unreported + 1.5


@pytest.mark.slow
def test_the_wrapper_is_quick_and_small(wrapped: Wrapped) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    shown = wrapped.run("--", "sh", "-c", "grep VmHWM /proc/$PPID/status").stdout.split()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert cpu_seconds < 0.3 and int(shown[1]) < 30 << 10


@pytest.mark.slow
def test_nothing_but_the_standard_library_is_loaded(wrapped: Wrapped) -> None:
    words = [sys.executable, "-X", "importtime", "-m", "vain", "run", "--", "true"]
    done = subprocess.run(words, env=wrapped.environment, capture_output=True, check=True, text=True)
    tops = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert not tops & {"msgspec", "numpy", "tornado", "psutil", "panel", "apsw"}


@pytest.mark.slow
def test_an_orphan_stays_in_the_tree_and_goes_on(wrapped: Wrapped, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"(sh -c 'sleep 2 & echo $! $PPID > {pids}'); sleep 0.3; grep PPid /proc/$(cut -d' ' -f1 {pids})/status"
    with wrapped.start("--", "sh", "-c", script, stdout=subprocess.PIPE) as process:
        parent = int(process.communicate(timeout=5)[0].split()[1])
    orphan = int(pids.read_text().split()[0])
    assert parent == process.pid and is_alive(orphan)
    os.kill(orphan, signal.SIGKILL)


@pytest.mark.slow
def test_orphans_that_end_are_reaped_meanwhile(wrapped: Wrapped) -> None:
    script = "(true & true & true &); sleep 0.3; ps -o stat= --ppid $PPID"
    assert b"Z" not in wrapped.run("--", "sh", "-c", script).stdout


@pytest.mark.slow
def test_a_wrapper_that_is_killed_leaves_the_command_running(wrapped: Wrapped) -> None:
    with wrapped.start("--", "sh", "-c", "echo $$; sleep 3", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
        process.wait(5)
        time.sleep(0.1)
        assert is_alive(pid)
        os.killpg(pid, signal.SIGKILL)
    assert not wrapped.reports()[0].ended

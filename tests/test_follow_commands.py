"""``vain wait``, ``vain log``, ``vain ping`` and ``vain attach``: what they ask, print and return."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live_server import live_server
from tests.small_server import TASK, Answer, SmallServer, answer, small_server
from vain import follow_commands, settings, waiting
from vain.cli import main
from vain.client import Client
from vain.terminal import Screen

Capture = pytest.CaptureFixture[str]
Bytes = pytest.CaptureFixture[bytes]
DONE = {**TASK, "status": "completed", "outcome": "succeeded"}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SHORTEST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(follow_commands, "PERIOD_SECONDS", 0.02)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallServer]:
    with small_server() as server:
        monkeypatch.setenv("VAIN_URL", server.url)
        server.answers |= {"GET /tasks/7": answer(DONE), "POST /ping/backup": answer(DONE)}
        yield server


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with live_server(tmp_path_factory.mktemp("data")) as url:
        yield url


@pytest.fixture
def client(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A real server, and the address in the environment of the commands."""
    monkeypatch.setenv("VAIN_URL", url)
    with Client(url) as client:
        yield client


@contextmanager
def later(seconds: float, *steps: object) -> Iterator[None]:
    """Does the steps one after another in a thread, each after a while."""

    def run() -> None:
        for step in steps:
            time.sleep(seconds)
            step()  # type: ignore[operator]  # a function without arguments

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def used_wrongly(*arguments: str) -> int | str | None:
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


def log(body: bytes, end: int) -> Answer:
    return Answer(200, body, "text/plain; charset=utf-8", {"Vain-Log-End": str(end)})


def running(client: Client, name: str = "job") -> int:
    return client.create(name, status="in-progress").task_id


def test_wait_prints_each_task_as_it_ends(client: Client, capsys: Capture) -> None:
    first, second = running(client, "one"), running(client, "two")
    ends = [lambda task_id=task_id: client.update(task_id, status="completed") for task_id in (second, first)]
    with later(0.05, *ends):
        assert main(["wait", str(first), str(second)]) == 0
    assert capsys.readouterr().out == f"{second}  succeeded  two\n{first}  succeeded  one\n"


def test_wait_fails_with_a_task_that_did_not_succeed(client: Client, capsys: Capture) -> None:
    good, bad = running(client), running(client, "bad\x1b[2J")
    client.update(good, status="completed")
    client.update(bad, exit_code=3, status="completed")
    assert main(["wait", str(good), str(bad)]) == 1
    assert f"{bad}  failed  bad\\x1b[2J\n" in capsys.readouterr().out


def test_wait_any_ends_with_the_first(client: Client, capsys: Capture) -> None:
    open_, done = running(client), running(client)
    client.update(done, status="completed")
    assert main(["wait", "--any", str(open_), str(done)]) == 0
    assert capsys.readouterr().out == f"{done}  succeeded  job\n"


@pytest.mark.parametrize("limit", ["0", "0.05s"])
def test_wait_says_124_when_its_time_is_over(client: Client, capsys: Capture, limit: str) -> None:
    open_, done = running(client), running(client)
    client.update(done, status="completed")
    assert main(["wait", str(open_), str(done), "--timeout", limit, "--json"]) == 124
    printed = capsys.readouterr()
    assert [task["task_id"] for task in json.loads(printed.out)] == [done]
    assert printed.err.startswith(f"vain: Task {open_} is not completed after 0")


def test_wait_fails_for_a_task_that_there_is_not_or_that_is_deleted(client: Client, capsys: Capture) -> None:
    assert main(["wait", "999999"]) == 1
    task_id = running(client)
    with later(0.05, lambda: client.delete(task_id)):
        assert main(["wait", str(task_id), "--json"]) == 1
    assert capsys.readouterr().out == "[]\n"


def test_log_is_the_very_bytes(client: Client, capsysbinary: Bytes) -> None:
    task_id = running(client)
    client.append_log(task_id, b"\x1b[1mbold\xff\r\nno end")
    assert main(["log", str(task_id)]) == 0
    assert capsysbinary.readouterr() == (b"\x1b[1mbold\xff\r\nno end", b"")


def test_log_says_what_is_no_longer_kept(server: SmallServer, capsysbinary: Bytes) -> None:
    server.answers["GET /tasks/7/log"] = log(b"tail", 104)
    assert main(["log", "7"]) == 0
    printed = capsysbinary.readouterr()
    assert printed.out == b"tail" and b"first 100 bytes" in printed.err


def test_log_of_no_task_fails(client: Client, capsysbinary: Bytes) -> None:
    assert main(["log", "-f", "999999"]) == 1
    assert capsysbinary.readouterr().out == b""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_log_cannot_write_to_the_terminal(server: SmallServer) -> None:
    server.answers["GET /tasks/7/log"] = log("a\x1b]0;x\x07\tb\r\n10%\r20%\r\ntorn \xe4".encode("latin-1"), 40)
    screen = Screen(out=Terminal(), err=io.StringIO())
    known = settings.load({"url": server.url}, {})
    assert follow_commands.log(Namespace(id=7, follow=False), known, screen) == 0
    assert screen.out.getvalue() == "a\\x1b]0;x\\x07\tb\n10%\n20%\ntorn \\xe4"  # type: ignore[attr-defined]  # a StringIO


def test_log_follows_until_the_task_is_completed_and_misses_nothing(
    client: Client, capsysbinary: Bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So long the last output is waited for, here on a machine that has other things to do.
    monkeypatch.setattr(follow_commands, "PERIOD_SECONDS", 0.5)
    task_id = running(client)
    client.append_log(task_id, "one\n")
    with later(
        0.05,
        lambda: client.append_log(task_id, "two\n"),
        lambda: client.update(task_id, status="completed") and client.append_log(task_id, "late\n"),
    ):
        assert main(["log", "-f", str(task_id)]) == 0
    assert capsysbinary.readouterr().out == b"one\ntwo\nlate\n"


def test_log_goes_on_after_the_server_was_away(server: SmallServer, capsysbinary: Bytes) -> None:
    server.answers |= {"GET /tasks/7": answer(TASK), "GET /tasks/7/log": log(b"one\n", 4)}

    def leave() -> None:
        server.answers["GET /tasks/7"] = Answer(502, b"Bad gateway", "text/plain")

    def come_back() -> None:
        server.answers |= {"GET /tasks/7/log": log(b"late\n", 19), "GET /tasks/7": answer(TASK)}

    def end() -> None:
        server.answers |= {"GET /tasks/7/log": log(b"", 19), "GET /tasks/7": answer(DONE)}

    server.answers["GET /tasks/7/log"] = log(b"one\n", 4)
    leave()
    with later(0.1, come_back, end):
        assert main(["log", "-f", "7"]) == 0
    printed = capsysbinary.readouterr()
    assert printed.out.startswith(b"one\nlate\n") and b"10 bytes came and went unseen" in printed.err
    assert any(asked.path.endswith("/log?after=4") for asked in server.asked)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["backup"], "/ping/backup"),
        (["backup", "3"], "/ping/backup/3"),
        (["a b/c", "start", "--name", "A B"], "/ping/a%20b%2Fc/start?name=A+B"),
        (["backup", "fail", "--every", "26h", "--grace", "90"], "/ping/backup/fail?every=26h&grace=90"),
    ],
)
def test_ping_asks_for_what_it_is_told_and_prints_nothing(
    server: SmallServer, capsys: Capture, arguments: list[str], path: str
) -> None:
    server.answers[f"POST {path.partition('?')[0]}"] = answer(TASK)
    assert main(["ping", *arguments]) == 0
    assert capsys.readouterr() == ("", "") and server.asked[0].path == path


@pytest.mark.parametrize("words", [["log", "-"], ["-"], ["log", "--log-from-stdin"], ["0", "-"]])
def test_ping_takes_the_log_from_standard_input(
    client: Client, capsys: Capture, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    long = b"x" * 100_000 + b"the end\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(long)))
    assert main(["ping", f"rsync {'-'.join(words)}", *words, "--json"]) == 0
    task = json.loads(capsys.readouterr().out)
    assert client.log(task["task_id"])[0] == long[-(64 << 10) :]
    assert task["status"] == ("in-progress" if words[0] == "log" else "completed")


def test_ping_leaves_standard_input_alone_unless_told(server: SmallServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["ping", "backup"]) == 0
    assert server.asked[0].body == b""


@pytest.mark.parametrize(
    "arguments",
    [
        ["ping", "backup", "ended"], ["ping", "backup", "256"], ["ping", "k" * 65], ["ping", "backup", "start", "0"],
        ["ping", "backup", "--every", "often"], ["ping", "backup", "--every", "-1"], ["ping", "backup", "--name", ""],
        ["wait"], ["wait", "x"], ["wait", "7", "--timeout", "soon"], ["log", "0"], ["attach", "me"], ["attach", "0"],
        ["attach", "99999999999"],
    ],
)  # fmt: skip
def test_wrong_use_is_told_before_anything_is_asked(server: SmallServer, capsys: Capture, arguments: list[str]) -> None:
    assert used_wrongly(*arguments) == 2
    assert server.asked == [] and capsys.readouterr().out == ""


def test_ping_without_a_server_fails_with_one_line(capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert main(["ping", "backup", "--url", f"http://127.0.0.1:{port}"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and f"127.0.0.1:{port}" in printed.err


def test_ping_does_not_hang_on_a_server_that_sends_a_byte_now_and_then(capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n":
                    connection.sendall(bytes([byte]))
                    if over.wait(0.05):
                        return

        over = threading.Event()
        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert main(["ping", "backup", "--url", url, "--timeout", "0.2"]) == 1
        assert time.monotonic() - began < 0.6 and "within 0.2 s" in capsys.readouterr().err
        over.set()
        thread.join()


def test_attach_makes_a_task_of_a_process(client: Client, capsys: Capture) -> None:
    with subprocess.Popen(["sleep", "30"]) as process:
        try:
            assert main(["attach", str(process.pid), "-n", "old job", "-t", "a", "-t", "b"]) == 0
            printed = capsys.readouterr()
            task = client.task(int(printed.out))
            assert (task.name, task.tags, task.status) == ("old job", ["a", "b"], "in-progress")
            assert "old job" in printed.err and task.source is not None
            assert (task.source.pid, task.source.kind, task.source.command) == (process.pid, "attached", "sleep")
            assert task.source.pid_started_at is not None or not os.path.exists("/proc/self/stat")
            assert main(["attach", "--quiet", str(process.pid)]) == 0
            printed = capsys.readouterr()
            assert client.task(int(printed.out)).name == "sleep" and printed.err == ""
        finally:
            process.kill()


def test_attach_refuses_a_process_that_there_is_not(server: SmallServer, capsys: Capture) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert main(["attach", str(process.pid)]) == 1
    assert capsys.readouterr().err == f"vain: There is no process {process.pid}.\n" and server.asked == []


@pytest.mark.parametrize("command", ["wait", "log", "ping", "attach"])
def test_help_teaches_by_examples(command: str, capsys: Capture) -> None:
    assert used_wrongly(command, "--help") == 0
    assert capsys.readouterr().out.count(f"vain {command}") >= 3


def test_ping_works_where_hardly_any_variable_is_set(root: Path, client: Client) -> None:
    """As in a crontab."""
    bare = {"VAIN_URL": client.url, "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "vain", "ping", "bare", "0"]
    done = subprocess.run(command, env=bare, cwd=root, capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

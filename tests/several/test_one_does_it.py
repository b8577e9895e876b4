"""Three servers on one machine over one PostgreSQL: what only one may do is done by one, whichever of them is left."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.asked import ask, comes
from tests.server_process import ServerProcess
from tests.store.engines import url_of
from tests.store.postgres_server import PostgresServer
from vain.identity import host

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

TAKEN_OVER_SECONDS = 10.0


def told(server: ServerProcess, rule: str) -> list[str]:
    found = ask(server.url, "GET", "/notifications?kind=rule&limit=500")
    return [each["kind"] for each in reversed(found) if each["rule"] == rule]


@contextmanager
def receiver() -> Iterator[tuple[str, list[str]]]:
    """Where webhooks go: its address, and the numbers of what came."""
    came: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            came.append(self.headers["webhook-id"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Three:
    """The servers; ``restart`` brings one that was killed back at its port."""

    def __init__(self, url: str, folder: Path, hook: str) -> None:
        self._folder = folder
        self._options = (f"--store={url}", "--interval=0.5", f"--webhook={hook}")
        self.servers = [self._made(number) for number in range(3)]

    def _made(self, number: int, port: int = 0) -> ServerProcess:
        return ServerProcess(self._folder / f"data-{number}", port, self._options)

    def restart(self, number: int) -> None:
        known = self.servers[number]
        known.process.kill()
        known.end()
        self.servers[number] = self._made(number, known.port)

    def end(self) -> None:
        for each in self.servers:
            each.process.send_signal(signal.SIGCONT)
            each.process.kill()
            each.end()


@pytest.fixture
def three(postgres: PostgresServer, tmp_path: Path) -> Iterator[tuple[Three, list[str]]]:
    with receiver() as (hook, came):
        made = Three(url_of(postgres.url, tmp_path), tmp_path, hook)
        try:
            yield made, came
        finally:
            made.end()


def test_a_rule_is_judged_once_and_told_once_whoever_is_killed_or_stands_still(
    three: tuple[Three, list[str]], tmp_path: Path
) -> None:
    made, came = three
    first, second, third = made.servers
    ask(second.url, "POST", "/rules", {"name": "used", "metric": "memory.percent", "above": 0.001, "for": 1})
    assert comes(lambda: told(third, "used") == ["rule.fired"], 15)
    [alert] = ask(first.url, "GET", "/rules/used")["firing"]
    assert alert["subject"].endswith("/memory.percent"), "it says which machine"
    assert comes(lambda: len(set(came)) == 1, 10)

    made.restart(0)  # the one that judged, and told
    began = time.monotonic()
    ask(second.url, "POST", "/rules", {"name": "late", "metric": "memory.percent", "above": 0.001, "for": 1})
    assert comes(lambda: told(second, "late") == ["rule.fired"], TAKEN_OVER_SECONDS)
    assert time.monotonic() - began < TAKEN_OVER_SECONDS
    assert comes(lambda: len(set(came)) == 2, 10)

    others = made.servers[1:]
    for each in others:  # one of these has taken over
        os.kill(each.process.pid, signal.SIGSTOP)
    began = time.monotonic()
    ask(made.servers[0].url, "POST", "/rules", {"name": "later", "metric": "memory.percent", "above": 0.001, "for": 1})
    assert comes(lambda: told(made.servers[0], "later") == ["rule.fired"], TAKEN_OVER_SECONDS + 2)
    assert comes(lambda: len(set(came)) == 3, 10)
    for each in others:
        os.kill(each.process.pid, signal.SIGCONT)
    time.sleep(5)
    for name in ("used", "late", "later"):
        assert told(third, name) == ["rule.fired"], "judged once"
    assert len(set(came)) == 3 and len(came) <= 5, "of each interruption at most one is told twice"
    ask(third.url, "DELETE", "/rules/used")
    assert comes(lambda: told(made.servers[0], "used") == ["rule.fired", "rule.cleared"], 20)


def test_a_task_whose_beats_reach_one_server_is_silent_at_none(three: tuple[Three, list[str]], tmp_path: Path) -> None:
    """The server that leads hears of beats at the others, and a task is followed by those that did not make it."""
    made, _ = three
    first, second, _ = made.servers
    task = ask(second.url, "POST", "/tasks", {
        "name": "beats elsewhere", "status": "in-progress",
        "source": {"kind": "run", "pid": os.getpid(), "host": "not-this-machine"},
    })  # fmt: skip
    for _ in range(8):
        assert ask(second.url, "POST", "/tasks/beats", {"tasks": [task["task_id"]]}) is not None
        time.sleep(0.3)
    assert ask(first.url, "POST", "/tasks/beats", {"tasks": [task["task_id"]]})["unknown"] == []
    assert ask(first.url, "GET", f"/tasks/{task['task_id']}")["stale"] is False


def test_what_a_task_cost_is_known_wherever_it_ends(three: tuple[Three, list[str]], tmp_path: Path) -> None:
    """Its processes are seen by the servers of their machine; another one may be told that it has ended."""
    made, _ = three
    first, second, third = made.servers
    task = ask(first.url, "POST", "/tasks", {
        "name": "here", "status": "in-progress", "source": {"kind": "attached", "pid": os.getpid(), "host": host()},
    })  # fmt: skip
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        sum(range(10_000))  # it works, as a task would
    ended = ask(third.url, "PUT", f"/tasks/{task['task_id']}", {"status": "completed"})
    assert ended["resources"]["cpu_seconds"] > 0.5 and ended["resources"]["rss_peak_bytes"] > 1_000_000
    assert comes(lambda: ask(second.url, "GET", f"/tasks/{task['task_id']}")["status"] == "completed", 3)

"""A board on a free port that takes reports as vAIn does, or behaves badly in a way that vAIn would not on demand."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Report(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


class Refusal(NamedTuple):
    status: int
    pointer: str = ""
    retry_after: str = ""


class Board(ThreadingHTTPServer):
    """``reports`` is what came, ``tasks`` what became of it. ``refuse`` may say no; ``delay_seconds`` makes it slow."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.reports: list[Report] = []
        self.tasks: dict[int, dict[str, Any]] = {}
        self.logs: dict[int, bytes] = {}
        self.keys: dict[str, int] = {}
        self.refuse: Callable[[Report], Refusal | None] = lambda _: None
        self.delay_seconds = 0.0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def named(self, name: str) -> dict[str, Any]:
        """The one task of this name."""
        [task] = [task for task in self.tasks.values() if task["name"] == name]
        return task

    def of(self, method: str, path: str = "") -> list[Report]:
        return [report for report in self.reports if report.method == method and path in report.path]

    def take(self, report: Report) -> tuple[int, dict[str, Any]]:
        with self.lock:
            if report.path == "/tasks":
                return 201, self._create(report)
            if report.path == "/tasks/beats":
                return 200, {"unknown": []}
            task_id = int(report.path.split("/")[2])
            if task_id not in self.tasks:
                return 404, {}
            if report.path.endswith("/log"):
                self._log(task_id, int(report.headers["Vain-Log-Offset"]), report.body)
                return 204, {}
            self.tasks[task_id] |= report.json
            return 200, self.tasks[task_id]

    def _create(self, report: Report) -> dict[str, Any]:
        run_id = report.headers["Idempotency-Key"].strip('"')
        if run_id not in self.keys:
            task_id = len(self.keys) + 1
            parent = self.keys.get(report.headers.get("Vain-Parent-Run", ""))
            self.keys[run_id] = task_id
            self.tasks[task_id] = {"parent_id": parent, **report.json, "task_id": task_id}
        return self.tasks[self.keys[run_id]]

    def _log(self, task_id: int, offset: int, body: bytes) -> None:
        known = self.logs.get(task_id, b"")
        self.logs[task_id] = known[:offset].ljust(offset, b"?") + body


class _Handler(BaseHTTPRequestHandler):
    server: Board
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def _answer(self) -> None:
        board = self.server
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the job died in the middle of it
            self.close_connection = True
            return
        report = Report(self.command, self.path, dict(self.headers), body)
        time.sleep(board.delay_seconds)
        refusal = board.refuse(report)
        board.reports.append(report)
        status, answer = (refusal.status, _problem(refusal)) if refusal else board.take(report)
        text = b"" if status == 204 else json.dumps(answer).encode()
        self.send_response(status)
        if refusal and refusal.retry_after:
            self.send_header("Retry-After", refusal.retry_after)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_PUT = _answer  # noqa: N815  # the names that http.server calls

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def _problem(refusal: Refusal) -> dict[str, Any]:
    flaws = [{"pointer": refusal.pointer, "detail": "no"}] if refusal.pointer else []
    return {"status": refusal.status, "detail": "It is refused.", "errors": flaws}


@contextmanager
def board(port: int = 0) -> Iterator[Board]:
    with Board(port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def silent_server() -> Iterator[str]:
    """The address of a server that takes every connection and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(claim: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until the claim holds."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)

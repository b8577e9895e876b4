"""A real HTTP server on a free port that answers what a test tells it, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

TASK = {
    "task_id": 7,
    "name": "nightly backup",
    "status": "pending",
    "priority": "medium",
    "created_at": "2026-11-23T03:06:00.123Z",
}


class Asked(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    peer_port: int


class Answer(NamedTuple):
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}
    hangs_up: bool = False
    """Closes the connection afterwards, without having said so."""


def answer(value: object, status: int = 200, **more: Any) -> Answer:
    return Answer(status, json.dumps(value).encode(), **more)


def problem(status: int, detail: str, kind: str = "/problems/x", **more: Any) -> Answer:
    document = {"type": kind, "title": "T", "status": status, "detail": detail, "instance": "/", **more}
    return Answer(status, json.dumps(document).encode(), "application/problem+json")


class SmallServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self.hung_up = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.hung_up.set()


class _Handler(BaseHTTPRequestHandler):
    server: SmallServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(Asked(self.command, self.path, self.headers, body, self.client_address[1]))
        told = self.server.answers.get(f"{self.command} {self.path.partition('?')[0]}", problem(404, "No such path."))
        self.send_response(told.status)
        for name, value in {"Content-Type": told.content_type, **told.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(told.body)))
        self.end_headers()
        self.wfile.write(told.body)
        self.close_connection = told.hangs_up

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815  # the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def small_server() -> Iterator[SmallServer]:
    with SmallServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()

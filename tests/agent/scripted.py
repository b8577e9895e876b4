"""A server on a free port that takes what an agent sends as vAIn does, or does next what a test says."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Say(NamedTuple):
    """Another answer than the usual one. Without a status the connection is cut, after ``takes`` was done."""

    status: int | None
    pointer: str = ""
    retry_after: str = ""
    text: bytes | None = None
    takes: bool = False


class Request(NamedTuple):
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    size: int

    @property
    def seconds(self) -> list[str]:
        """When the samples in it were taken."""
        return [each["sample"]["timestamp"] for each in self.body["samples"]]

    @property
    def numbers(self) -> list[int]:
        first: int = self.body["first"]
        return list(range(first, first + len(self.body["samples"])))


Behaviour = Callable[[Request], Say | None]


class Scripted(ThreadingHTTPServer):
    """``requests`` is what came; ``taken`` and ``on_disk`` how often each sample did, by its time.

    Each of ``script`` is for one request about samples; ``refuse`` is asked about every one after that. ``hang`` keeps
    every answer back until the server ends.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Request] = []
        self.script: deque[Say] = deque()
        self.refuse: Behaviour = lambda _: None
        self.left: Behaviour = lambda _: None
        self.hang = False
        self.ended = threading.Event()
        self.room: int | None = None
        """How many samples it takes until ``store``."""
        self.extra: dict[str, Any] = {}
        self.taken: list[str] = []
        self.on_disk: list[str] = []
        self.lost: list[dict[str, Any]] = []
        self.gone: list[dict[str, Any]] = []
        self.lives = 0
        self.lock = threading.Lock()
        self.restart()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def samples(self) -> list[Request]:
        """The reports about samples."""
        return [request for request in self.requests if request.path.endswith("/samples")]

    @property
    def full(self) -> list[Request]:
        """Those that had samples. Between them there may be some without, when an agent looked once more."""
        return [request for request in self.samples if request.numbers]

    def restart(self) -> None:
        """What was not on disk is gone, and so is the session."""
        with self.lock:
            self.lives += 1
            self.session = f"{self.lives:016x}"
            self.accepted = self.stored = 0
            self.taken = list(self.on_disk)

    def store(self) -> None:
        """All that was taken is on disk now."""
        with self.lock:
            self.on_disk, self.stored = list(self.taken), self.accepted
            if self.room is not None:
                self.room = max(self.room, 3)

    def answer(self, request: Request) -> Say:
        with self.lock:
            self.requests.append(request)
        if self.hang:
            self.ended.wait(20)
            return Say(None)
        if request.path.endswith("/reports"):
            return self.left(request) or Say(200, text=json.dumps({"done": len(request.body["reports"])}).encode())
        with self.lock:
            say = self.script.popleft() if self.script else self.refuse(request)
            if say is not None and not say.takes:
                return say
            usual = Say(200, text=json.dumps(self._take(request)).encode())
            return say or usual

    def _take(self, request: Request) -> dict[str, Any]:
        if request.body["session"] == self.session:
            first, samples = request.body["first"], request.seconds
            fresh = samples[max(0, self.accepted + 1 - first) :][: self.room]
            if fresh:
                self.accepted = max(first, self.accepted + 1) + len(fresh) - 1
            if self.room is not None:
                self.room -= len(fresh)
            self.taken += [each for each in fresh if each not in self.taken]
            self.lost += request.body["lost"]
            self.gone += request.body["gone"]
        known = {"session": self.session, "accepted": self.accepted, "stored": self.stored, "watching": 1}
        return known | self.extra


class _Handler(BaseHTTPRequestHandler):
    server: Scripted
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        say = self.server.answer(Request(self.path, dict(self.headers), json.loads(body), len(body)))
        if say.status is None:
            self.close_connection = True
            return
        flaws = [{"pointer": say.pointer, "detail": "no"}] if say.pointer else []
        problem = {"status": say.status, "detail": "It is refused.", "errors": flaws}
        text = json.dumps(problem).encode() if say.text is None else say.text
        self.send_response(say.status)
        if say.retry_after:
            self.send_header("Retry-After", say.retry_after)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def scripted() -> Iterator[Scripted]:
    with Scripted() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()

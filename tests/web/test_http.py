"""The bytes of HTTP: bodies, heads, rows of requests, and an answer that is long."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator

import pytest

from tests.web.harness import Running, running
from vain.types import TaskDraft

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        yield run


def post(server: Running, *lines: str, body: bytes = b"") -> bytes:
    return server.head("POST /tasks HTTP/1.1", "Content-Type: application/json", *lines) + body


def test_a_chunked_body_is_read(server: Running) -> None:
    body = b'8\r\n{"name":\r\n4\r\n"x"}\r\n0\r\n\r\n'
    assert server.raw(post(server, "Transfer-Encoding: chunked", "Connection: close", body=body)).startswith(
        b"HTTP/1.1 201 "
    )


def test_who_waits_for_a_continue_gets_one(server: Running) -> None:
    sent = post(server, "Expect: 100-continue", "Content-Length: 12", "Connection: close", body=b'{"name":"x"}')
    answer = server.raw(sent)
    assert answer.startswith(b"HTTP/1.1 100 ") and b"\r\n\r\nHTTP/1.1 201 " in answer


def test_requests_in_a_row_are_answered_in_a_row(server: Running) -> None:
    one = server.head("GET /healthz HTTP/1.1")
    two = post(server, "Content-Length: 12", body=b'{"name":"x"}')
    last = server.head("GET /nowhere HTTP/1.1", "Connection: close")
    answer = server.raw(one + two + last)
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", answer) == [b"200", b"201", b"404"]


BAD_HEADS = ["Content-Length: junk", "Content-Length: -1", "Content-Length: 1_0", "Content-Length: +5",
"Content-Length: " + "9" * 5_000,
             "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5\r\nTransfer-Encoding: chunked",
             "Transfer-Encoding: gzip", "Broken header", "Content-Length : 5",
             "X: a\r\n b\r\nContent-Length: ²"]  # fmt: skip


@pytest.mark.parametrize("line", BAD_HEADS)
def test_a_head_that_is_broken_ends_the_connection_without_a_task(
    server: Running, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = server.call("GET", "/tasks").headers["X-Total-Count"]
    answer = server.raw(post(server, line, body=b'{"name":"x"}'))
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501 ")), answer[:80]
    assert server.call("GET", "/tasks").headers["X-Total-Count"] == before
    assert not [record for record in caplog.records if record.exc_info], "a client's mistake is not an error of ours"


def test_a_line_that_is_no_request_is_400(server: Running) -> None:
    for line in (b"\x16\x03\x01\x02\x00", b"GARBAGE", b"GET /tasks", b"GET /tasks HTTP/2.0", b"GET http://[ HTTP/1.1"):
        answer = server.raw(line + b"\r\nConnection: close\r\n\r\n")
        assert answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 421", b"HTTP/1.1 505"), (line, answer)


def test_a_head_that_never_ends_is_cut(server: Running) -> None:
    assert b"200 OK" not in server.raw(server.head("GET /tasks HTTP/1.1", "X-Long: " + "x" * 20_000))


def test_http_1_0_is_answered_and_closed(server: Running) -> None:
    answer = server.raw(server.head("GET /healthz HTTP/1.0"))
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b'{"status":"ok"}')


def test_a_target_with_scheme_and_host_is_the_same(server: Running) -> None:
    line = f"GET http://{server.host}/healthz HTTP/1.1"
    assert server.raw(server.head(line, "Connection: close")).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_breaks_off_makes_no_task(server: Running) -> None:
    before = server.call("GET", "/tasks").headers["X-Total-Count"]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(post(server, "Content-Length: 500", body=b'{"name":"x"}'))
    time.sleep(0.05)
    assert server.call("GET", "/tasks").headers["X-Total-Count"] == before
    assert server.on_loop(lambda: len(server.server._desk.under_way)) == 0


# --- a long list -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with 10,000 tasks."""
    with running(tmp_path_factory.mktemp("crowded")) as run:

        async def fill() -> None:
            create = run.server._services.tracker.create
            for start in range(0, 10_000, 1_000):
                await asyncio.gather(*(create(TaskDraft(name=f"n{start + number}")) for number in range(1_000)))

        run.await_on_loop(fill())
        yield run


@pytest.mark.slow
def test_ten_thousand_tasks_are_listed_exactly(crowded: Running) -> None:
    reply = crowded.call("GET", "/tasks")
    tasks = reply.json
    assert (reply.headers["X-Total-Count"], reply.headers["Transfer-Encoding"]) == ("10000", "chunked")
    assert [task["task_id"] for task in tasks] == list(range(1, 10_001))
    assert json.dumps(tasks[6_999]) == json.dumps(crowded.call("GET", "/tasks/7000").json)


@pytest.mark.slow
def test_head_of_a_long_list_has_no_body(crowded: Running) -> None:
    reply = crowded.call("HEAD", "/tasks")
    assert (reply.status, reply.body, reply.headers["X-Total-Count"]) == (200, b"", "10000")
    assert crowded.call("GET", "/healthz").status == 200


@pytest.mark.slow
@pytest.mark.parametrize("line", ["Connection: close", "Connection: keep-alive"])
def test_a_long_list_ends_for_an_old_client_too(crowded: Running, line: str) -> None:
    """HTTP/1.0 knows no chunks: only a length, or the end of the connection, says that this is all."""
    answer = crowded.raw(crowded.head("GET /tasks HTTP/1.0", line), seconds=0.25, until_closed=False)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head and len(json.loads(body)) == 10_000
    assert b"keep-alive" not in head.lower() or b"Content-Length: %d\r\n" % len(body) in head


def test_a_client_that_leaves_during_a_list_is_forgotten(crowded: Running) -> None:
    with socket.create_connection(("127.0.0.1", crowded.port)) as connection:
        connection.sendall(crowded.head("GET /tasks HTTP/1.1"))
        connection.recv(1_000)
    deadline = time.monotonic() + 3
    while left := crowded.on_loop(lambda: len(crowded.server._desk.under_way)):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def test_a_list_does_not_hold_up_the_others(crowded: Running) -> None:
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.connect(("127.0.0.1", crowded.port))
        slow.sendall(crowded.head("GET /tasks HTTP/1.1"))
        begun = time.monotonic()
        assert crowded.call("GET", "/tasks/1").status == 200
        assert crowded.call("PUT", "/tasks/1", {"message": "m"}).status == 200
        assert time.monotonic() - begun < 1

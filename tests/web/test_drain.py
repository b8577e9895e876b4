"""SIGTERM: what was begun is answered, and the process ends well."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.server_process import ServerProcess, server_process
from tests.store.opened import rows

pytestmark = pytest.mark.slow

WRITERS = 8


def post_until_it_ends(port: int, answered: set[int], refused: list[int]) -> None:
    """Over one connection, and over new ones as long as there is a server."""
    try:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                for _ in range(20):
                    connection.request("POST", "/tasks", b'{"name":"x"}', {"Content-Type": "application/json"})
                    reply = connection.getresponse()
                    body = reply.read()
                    if reply.status == 201:
                        answered.add(json.loads(body)["task_id"])
                    else:
                        refused.append(reply.status)
            finally:
                connection.close()
    except (OSError, http.client.HTTPException):
        return


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_begun_is_answered_however_busy_it_is(tmp_path: Path, number: signal.Signals) -> None:
    answered: set[int] = set()
    refused: list[int] = []
    server = ServerProcess(tmp_path / "data")
    values = (server.port, answered, refused)
    writers = [threading.Thread(target=post_until_it_ends, args=values) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    time.sleep(0.7)
    server.process.send_signal(number)
    begun = time.monotonic()
    assert server.end(12) == 0 and time.monotonic() - begun < 10
    for writer in writers:
        writer.join(20)
    # What is in the store but was never answered was begun and dropped.
    stored = {task_id for (task_id,) in rows(tmp_path / "data", "SELECT task_id FROM tasks")}
    assert stored == answered and len(stored) > 100
    assert set(refused) <= {503}
    log = server.log.read_text()
    assert "Traceback" not in log and "ERROR" not in log and "not answered" not in log, log[-2000:]


def test_an_idle_server_ends_at_once_and_leaves_no_log_behind(tmp_path: Path) -> None:
    with server_process(tmp_path / "data") as server:
        idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        idle.request("GET", "/healthz")
        assert idle.getresponse().read()
        begun = time.monotonic()
        server.process.terminate()
        assert server.process.wait(10) == 0 and time.monotonic() - begun < 3
        idle.close()
    assert not (tmp_path / "data" / "vain.db-wal").exists()
    assert "Traceback" not in server.log.read_text()


def fill(port: int, count: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    body = json.dumps({"name": "x", "description": "d" * 9_000})
    for _ in range(count):
        connection.request("POST", "/tasks", body, {"Content-Type": "application/json"})
        connection.getresponse().read()
    connection.close()


def ask_for_all(client: socket.socket, port: int) -> None:
    """Megabytes, to a client with a window of kilobytes."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET /tasks HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())


@pytest.mark.parametrize("count", [12, 400])
def test_who_reads_slowly_still_gets_the_whole_answer(tmp_path: Path, count: int) -> None:
    """An answer in one piece (12) and one in parts (400)."""
    with server_process(tmp_path / "data") as server, socket.socket() as slow:
        fill(server.port, count)
        ask_for_all(slow, server.port)
        time.sleep(0.3)
        server.process.terminate()
        time.sleep(0.3)
        slow.settimeout(10)
        received = b""
        while part := slow.recv(1 << 16):
            received += part
        assert server.process.wait(14) == 0
    assert received.startswith(b"HTTP/1.1 200 ") and received.count(b'{"task_id":') == count


def test_a_client_that_takes_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with server_process(tmp_path / "data") as server, socket.socket() as deaf:
        fill(server.port, 300)
        ask_for_all(deaf, server.port)
        time.sleep(0.3)
        server.process.terminate()
        assert server.process.wait(14) == 0
    assert "Traceback" not in server.log.read_text()

"""A server that works all day is no larger in the evening."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import psutil
import pytest

from tests.server_process import server_process
from vain.hub import RING_FRAMES

pytestmark = pytest.mark.slow

ROUNDS = 1_000
LARGEST_GROWTH_BYTES = 3_000_000


def one_round(connection: http.client.HTTPConnection, turn: int, description: str = "") -> None:
    def call(method: str, path: str, body: object = None) -> bytes:
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"Content-Type": "application/json"} if sent else {})
        reply = connection.getresponse()
        assert reply.status < 300
        return reply.read()

    task_id = json.loads(call("POST", "/tasks", {"name": f"round {turn}", "description": description}))["task_id"]
    call("PUT", f"/tasks/{task_id}", {"message": "half way"})
    call("DELETE", f"/tasks/{task_id}")


def test_a_thousand_rounds_of_create_update_delete_leave_memory_flat(tmp_path: Path) -> None:
    with server_process(tmp_path / "data") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        # Until SQLite's caches and the ring of frames are full, which they then stay.
        for turn in range(600):
            one_round(connection, turn, "d" * 9_000)
        for turn in range(RING_FRAMES // 3 + 100):
            one_round(connection, turn)
        before = psutil.Process(server.process.pid).memory_info().rss
        for turn in range(ROUNDS):
            one_round(connection, turn)
        grown = psutil.Process(server.process.pid).memory_info().rss - before
        connection.close()
    assert grown < LARGEST_GROWTH_BYTES, f"{grown / 1e6:.1f} MB in {ROUNDS} rounds"

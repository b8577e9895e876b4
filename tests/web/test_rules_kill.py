"""A server that is killed while a rule fires neither forgets nor repeats it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import ServerProcess

pytestmark = pytest.mark.slow

RULE = {"name": "any-memory", "metric": "memory.percent", "above": 0.001, "for": 1}


def ask(server: ServerProcess, method: str, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.url}{path}", data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def told(server: ServerProcess) -> list[tuple[str, bool]]:
    found = ask(server, "GET", "/notifications?kind=rule")
    return [(each["kind"], each["quiet"]) for each in reversed(found) if each["rule"] == RULE["name"]]


def comes(is_so: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.1)
    return False


def test_it_is_told_once_over_three_kills_and_over_when_the_rule_is_gone(tmp_path: Path) -> None:
    folder, options = tmp_path / "data", ("--interval", "0.2")
    server = ServerProcess(folder, options=options)
    try:
        ask(server, "POST", "/rules", RULE)
        assert comes(lambda: told(server) == [("rule.fired", False)])
        [alert] = ask(server, "GET", "/rules/any-memory")["firing"]
        for _ in range(3):
            server.process.kill()
            server.end()
            server = ServerProcess(folder, options=options)
            time.sleep(3)
            assert told(server) == [("rule.fired", False)]
            [still] = ask(server, "GET", "/rules/any-memory")["firing"]
            assert still | {"peak": None} == alert | {"peak": None} and still["peak"] >= alert["peak"]
        ask(server, "DELETE", "/rules/any-memory")
        assert comes(lambda: told(server) == [("rule.fired", False), ("rule.cleared", True)])
    finally:
        server.process.kill()
        server.end()

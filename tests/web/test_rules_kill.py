"""A server that is killed while a rule fires neither forgets nor repeats it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.asked import ask, comes
from tests.server_process import ServerProcess

pytestmark = pytest.mark.slow

RULE = {"name": "any-memory", "metric": "memory.percent", "above": 0.001, "for": 1}


def told(server: ServerProcess) -> list[tuple[str, bool]]:
    found = ask(server.url, "GET", "/notifications?kind=rule")
    return [(each["kind"], each["quiet"]) for each in reversed(found) if each["rule"] == RULE["name"]]


def test_it_is_told_once_over_three_kills_and_over_when_the_rule_is_gone(tmp_path: Path) -> None:
    folder, options = tmp_path / "data", ("--interval", "0.2")
    server = ServerProcess(folder, options=options)
    try:
        ask(server.url, "POST", "/rules", RULE)
        assert comes(lambda: told(server) == [("rule.fired", False)])
        [alert] = ask(server.url, "GET", "/rules/any-memory")["firing"]
        for _ in range(3):
            server.process.kill()
            server.end()
            server = ServerProcess(folder, options=options)
            time.sleep(3)
            assert told(server) == [("rule.fired", False)]
            [still] = ask(server.url, "GET", "/rules/any-memory")["firing"]
            assert still | {"peak": None} == alert | {"peak": None} and still["peak"] >= alert["peak"]
        ask(server.url, "DELETE", "/rules/any-memory")
        assert comes(lambda: told(server) == [("rule.fired", False), ("rule.cleared", True)])
    finally:
        server.process.kill()
        server.end()

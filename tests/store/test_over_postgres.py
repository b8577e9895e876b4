"""What the store, the ways above it and the contract promise, promised over PostgreSQL too: the very same tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.engines import POSTGRES
from tests.store.postgres_server import PostgresServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
QUICK = """
    tests/store tests/delivery tests/web tests/report tests/test_alarms.py tests/test_async_client.py
    tests/test_client.py tests/test_inbox.py tests/test_notifier.py tests/test_pinging.py tests/test_rehearsal.py
    tests/test_remote.py tests/test_rulebook.py tests/test_rules_about_tasks.py tests/test_silences.py
    tests/test_source.py tests/test_spikes.py tests/test_timelines.py tests/test_tracker.py tests/test_vigil.py
""".split()
KILLS = """
    tests/store/test_kill.py tests/report/test_exactly_once.py tests/web/test_drain.py tests/web/test_fleet.py
    tests/web/test_rules_kill.py
""".split()


@pytest.mark.parametrize(("mark", "tests"), [("not slow", QUICK), ("slow", KILLS)], ids=["quick", "kills"])
def test_the_same_holds_over_postgresql(postgres: PostgresServer, mark: str, tests: list[str]) -> None:
    known = [name for name in tests if (ROOT / name).exists()]
    assert known == tests
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-m", mark, *tests]
    environment = os.environ | {POSTGRES: postgres.url}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8_000:]
    assert " passed" in done.stdout

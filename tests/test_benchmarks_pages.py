"""The benchmarks of the pages: what an action waited for, how pages are opened without a browser, who is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from benchmarks import browsing, busy_month, opening, page, processes, viewers
from benchmarks.peers import dashboards
from vain.store.sqlite_engine import DATABASE_NAME
from vain.types import STATUSES

NOTED: dict[str, Any] = {
    "inputs": [100.0, 120.0, 900.0],
    "moved": [[101.0, 0, 1], [125.0, 0, 1]],
    "asked": [[102.0, 1], [155.0, 2]],
    "received": [[140.0, 7], [200.0, 1000], [230.0, 500], [999.0, 3]],
    "rows": [150.0, 205.0],
    "lanes": [[235.0, 0, 1]],
    "shown": [[206.0, 2, "fixed", ""]],
    "charts": [[126.0, 149.0], [210.0, 250.0]],
    "frames": [[126.0, 149.0], [236.0, 260.0]],
}


def test_an_action_waits_from_its_last_event_until_the_newest_answer_is_painted() -> None:
    found = browsing.waited("wheel", 60.0, NOTED)
    assert found.milliseconds == 140.0
    assert found.parts == {"rest": 35.0, "server": 75.0, "taken in": 5.0, "painted": 25.0}
    assert found.received_bytes == 1500


def test_an_action_that_needed_no_answer_has_no_parts() -> None:
    noted = NOTED | {"asked": [], "received": [], "rows": [], "lanes": [], "shown": []}
    found = browsing.waited("drag", 60.0, noted)
    assert (found.milliseconds, found.parts) == (29.0, {})


def test_an_answer_that_was_an_error_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="trouble"):
        browsing.waited("drag", 60.0, NOTED | {"shown": [[206.0, 2, "fixed", "The disk is gone."]]})


def test_the_goals_are_of_the_actions_that_read() -> None:
    read = browsing.waited("wheel", 60.0, NOTED)
    loaded = read._replace(parts={}, milliseconds=9_999.0)
    section = browsing.section([read, loaded])
    assert [target.value for target in section.targets] == [140.0, 140.0]
    assert section.tables[0].rows[1] == ["window was loaded", "1", "9999", "9999"]


def test_a_growth_is_from_the_first_count_to_the_last() -> None:
    assert page.Left(0, {50: 100.0, 500: 105.0}).growth == pytest.approx(1.05)


def test_peers_listen_on_this_machine_alone(tmp_path: Path) -> None:
    for name in opening.PEERS:
        arguments = dashboards.arguments(name, "/usr/bin/x", "7000", str(tmp_path))
        assert arguments[0] == "/usr/bin/x" and {"127.0.0.1", "7000"} <= set(arguments)


@pytest.mark.slow
def test_the_busy_month_has_its_tasks_and_its_history(tmp_path: Path) -> None:
    end = busy_month.make(tmp_path, days=1, tasks=200)
    connection = apsw.Connection(str(tmp_path / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    rows = list(connection.execute("SELECT task_id, parent_id, status FROM tasks"))
    assert len(rows) == 200 and end % 3_600 == 0
    assert all(parent is None or parent < number for number, parent, _status in rows)
    assert any(parent for _number, parent, _status in rows)
    assert sum(STATUSES[status] == "in-progress" for *_known, status in rows) >= busy_month.RUNNING


@pytest.mark.slow
def test_pages_without_a_browser_are_told_of_each_sample_and_leave_nothing(tmp_path: Path) -> None:
    with processes.peer("counted_vain", str(tmp_path)) as server:
        seen = viewers.view(server, 2, 2.0)
        assert seen.pages == 2 and seen.messages >= 4 and seen.build_ms > 0 and seen.server_cpu_seconds > 0
        counts = page._counts(server, tmp_path)
    assert set(counts) == {"bokeh.server.session.ServerSession", "vain.views.live.Live"}
    assert max(counts.values()) <= 2

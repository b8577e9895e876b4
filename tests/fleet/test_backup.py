"""A backup has the histories of other machines, and brings them back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.web.harness import running
from tests.web.test_hosts import seen, settled
from vain.errors import StoreDamaged
from vain.store.checking import check
from vain.store.upkeep import backup, restore


def times(folder: Path, host: str) -> list[float]:
    with running(folder) as served:
        reply = served.call("GET", f"/performance/history?host={host}&after=-3600&metrics=cpu.percent")
        return list(reply.json["t"]) if reply.status == 200 else []


def test_what_other_machines_reported_is_in_a_backup_and_comes_back(tmp_path: Path) -> None:
    data, kept = tmp_path / "data", tmp_path / "kept"
    now = time.time()
    with running(data) as served:
        settled(served, "gpu-1", [seen(now - 3), seen(now - 2)])
        settled(served, "gpu-2", [seen(now - 1)])
        served.await_on_loop(served.server._services.fleet.member("gpu-1").close())
        served.await_on_loop(served.server._services.fleet.member("gpu-2").close())
        names = [report.name for report in backup(data, kept)]  # beside a server that runs
    assert {"hosts/gpu-1/metrics.db", "hosts/gpu-2/metrics.db"} < set(names)
    assert [report for report in check(data) if report.problems] == []
    with running(data) as served:
        settled(served, "gpu-1", [seen(now + 1)])
        assert served.call("DELETE", "/hosts/gpu-2").status == 204
    restore(kept, data)
    assert [round(t - now) for t in times(data, "gpu-1")] == [-3, -2]
    assert [round(t - now) for t in times(data, "gpu-2")] == [-1]
    assert not list(data.rglob("restore.*"))


def test_a_backup_whose_history_of_a_machine_is_damaged_changes_nothing(tmp_path: Path) -> None:
    data, kept = tmp_path / "data", tmp_path / "kept"
    now = time.time()
    with running(data) as served:
        settled(served, "gpu-1", [seen(now - 3), seen(now - 2)])
    backup(data, kept)
    (kept / "hosts" / "gpu-1" / "metrics.db").write_bytes(b"nothing" * 1_000)
    with pytest.raises(StoreDamaged):
        restore(kept, data)
    assert [round(t - now) for t in times(data, "gpu-1")] == [-3, -2]
    damaged = [report.name for report in check(kept) if report.problems]
    assert damaged == ["hosts/gpu-1/metrics.db"]

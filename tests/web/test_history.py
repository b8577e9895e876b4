"""``/performance/history``: any window, in any form, and what is refused."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.web.harness import Running, running
from vain import tables
from vain.clock import utc

DAY = 86_400
BEGAN = 1_700_006_400.0
"""A midnight in 2023: the imported day, far from what the server itself samples."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data"), interval=0.1, **{"keep-raw": "forever"}) as run:
        store = run.server._services.past.store
        second = np.arange(DAY)
        values = np.where(second == 50_000, 99.0, 20 + second % 10)
        store.import_rows((BEGAN * 1_000 + second * 1_000).astype(np.int64), {"cpu.percent": values})
        deadline = time.monotonic() + 10
        while len(run.call("GET", "/performance/history").json["t"]) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield run


def of_day(server: Running, more: str = "", seconds: float = DAY) -> dict:
    reply = server.call("GET", f"/performance/history?after={utc(BEGAN)}&before={utc(BEGAN + seconds)}&{more}")
    assert reply.status == 200, reply.body
    return reply.json


def test_the_history_is_columns_of_equal_length(server: Running) -> None:
    history = server.call("GET", "/performance/history").json
    assert {"t", "series", "tier", "step", "quality"} <= history.keys() and len(history["t"]) >= 3
    assert history["t"] == sorted(history["t"]) and history["tier"] == "raw"
    for bands in history["series"].values():
        assert bands.keys() == {"mean", "min", "max"}
        assert {len(bands[name]) for name in bands} == {len(history["t"])}
    assert history["series"]["memory.percent"]["mean"][-1] > 0


def test_a_metric_stands_for_its_instances(server: Running) -> None:
    found = server.call("GET", "/performance/history?metrics=cpu.core.percent,memory.percent").json["series"]
    assert "memory.percent" in found and "cpu.core.percent:0" in found and "cpu.percent" not in found
    assert server.call("GET", "/performance/history?metrics=cpu.*").json["series"].keys() >= {"cpu.percent"}


def test_what_is_known_of_an_instance_is_told_with_its_series(server: Running) -> None:
    answer = server.call("GET", "/performance/history?metrics=cpu.core.percent,cpu.percent").json
    assert answer["labels"]["cpu.core.percent:0"] == {"core": "0"} and "cpu.percent" not in answer["labels"]


def test_a_window_holds_what_lies_in_it(server: Running) -> None:
    everything = server.call("GET", "/performance/history?after=-600").json["t"]
    assert server.call("GET", "/performance/history?after=-600&before=-500").json["t"] == []
    assert 0 < len(server.call("GET", "/performance/history?after=-0.25").json["t"]) < len(everything) + 3


@pytest.mark.parametrize(("points", "tier", "step"), [(1_000, "1m", 120), (100, "1m", 900), (24, "1h", 3_600)])
def test_the_tier_and_the_step_follow_from_the_points(server: Running, points: int, tier: str, step: int) -> None:
    history = of_day(server, f"points={points}&metrics=cpu.percent")
    assert (history["tier"], history["step"], len(history["t"])) == (tier, step, DAY // step)
    assert max(history["series"]["cpu.percent"]["max"]) == 99, "a second in a day is seen"


def test_an_hour_comes_sample_by_sample(server: Running) -> None:
    history = of_day(server, "metrics=cpu.percent", 3_600)
    assert history["series"]["cpu.percent"]["mean"] == [20.0 + n % 10 for n in range(3_600)]
    assert history["t"][:2] == [BEGAN, BEGAN + 1] and history["tier"] == "raw" and history["step"] == 1


def test_a_gap_is_null_and_its_cause_is_told(server: Running) -> None:
    history = of_day(server, "metrics=cpu.percent&points=50", 2 * DAY)
    assert history["series"]["cpu.percent"]["mean"][-1] is None
    now = server.call("GET", f"/performance/history?after={utc(BEGAN)}&points=5000&metrics=cpu.percent").json
    assert [span["cause"] for span in now["quality"] if span["to"] - span["from"] > 1e6] == ["unknown"]


@pytest.mark.slow
def test_the_time_of_a_task_is_its_window(server: Running) -> None:
    task = server.make(status="in-progress")
    time.sleep(0.4)
    done = server.call("PUT", f"/tasks/{task['task_id']}", {"status": "completed"}).json
    history = server.call("GET", f"/performance/history?task_id={task['task_id']}&metrics=cpu.percent").json
    assert (utc(history["after"]), utc(history["before"])) == (done["started_at"], done["completed_at"])
    assert 1 <= len(history["t"]) < 20 and all(history["after"] <= t <= history["before"] for t in history["t"])
    assert server.call("GET", "/performance/history?task_id=999999").status == 404


def test_a_window_is_compared_with_the_one_before_on_the_same_step(server: Running) -> None:
    begin, end = utc(BEGAN + DAY / 2), utc(BEGAN + DAY)
    query = f"/performance/history?after={begin}&before={end}&points=50&metrics=cpu.percent&baseline="
    history, shifted = (server.call("GET", query + text).json for text in ("previous", "-3600"))
    before = history["baseline"]
    assert (before["after"], before["before"]) == (BEGAN, BEGAN + DAY / 2)
    assert (before["step"], len(before["t"])) == (history["step"], len(history["t"]))
    assert max(before["series"]["cpu.percent"]["max"]) == 29 and max(history["series"]["cpu.percent"]["max"]) == 99
    assert shifted["baseline"]["after"] == BEGAN + DAY / 2 - 3_600


def test_a_window_without_samples_can_be_compared_too(server: Running) -> None:
    query = "after=1980-01-01T00:00:00Z&before=1980-01-02T00:00:00Z&baseline=previous"
    reply = server.call("GET", f"/performance/history?{query}")
    assert reply.status == 200 and reply.json["baseline"]["before"] == reply.json["after"]
    longer = f"after={utc(BEGAN)}&before={utc(BEGAN + 100)}&points=10&metrics=cpu.percent&baseline=-100000"
    assert server.call("GET", f"/performance/history?{longer}").status == 200


@pytest.mark.slow
def test_a_task_is_compared_with_its_run_before(server: Running) -> None:
    numbers = []
    for _ in range(2):
        task = server.make(name="nightly", status="in-progress")
        time.sleep(0.3)
        server.call("PUT", f"/tasks/{task['task_id']}", {"status": "completed"})
        numbers.append(task["task_id"])
    path = f"/performance/history?task_id={numbers[1]}&metrics=cpu.percent&baseline=previous"
    history, first = server.call("GET", path).json, server.call("GET", f"/tasks/{numbers[0]}").json
    assert utc(history["baseline"]["after"]) == first["started_at"]
    alone = server.make(name="never before", status="in-progress")
    reply = server.call("GET", f"/performance/history?task_id={alone['task_id']}&baseline=previous")
    assert (reply.status, reply.pointers) == (400, ["baseline"])


def test_csv_has_a_row_for_each_point(server: Running) -> None:
    path = f"/performance/history?after={utc(BEGAN)}&before={utc(BEGAN + 60)}&metrics=cpu.percent"
    reply = server.call("GET", path, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(reply.body.decode())))
    assert reply.headers["Content-Type"].startswith("text/csv") and len(rows) == 60
    assert rows[1]["timestamp"] == utc(BEGAN + 1) and float(rows[1]["cpu.percent"]) == 21.0


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_was_exported_can_be_imported(server: Running, form: str) -> None:
    path = f"/performance/history?after={utc(BEGAN)}&before={utc(BEGAN + 600)}&metrics=cpu.percent&format={form}"
    exported = server.call("GET", path)
    kind = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}[form]
    imported = server.call("POST", "/performance/history", exported.body, {"Content-Type": kind})
    assert (imported.status, imported.json) == (201, {"rows": 600, "series": 1})
    assert of_day(server, "metrics=cpu.percent", 600)["series"]["cpu.percent"]["mean"][:3] == [20, 21, 22]


def test_arrow_holds_the_same_numbers(server: Running) -> None:
    path = f"/performance/history?after={utc(BEGAN)}&before={utc(BEGAN + 60)}&metrics=cpu.percent&format=arrow"
    reply = server.call("GET", path)
    window = tables.decoded(reply.body)
    assert window.series["cpu.percent"].mean.tolist() == [20.0 + n % 10 for n in range(60)]
    assert reply.headers["Content-Disposition"].endswith('vain-history.arrow"')


@pytest.mark.slow
@pytest.mark.parametrize(("body", "kind", "status"), [
    (b"timestamp,x\n2026-01-01T00:00:00Z,not a number\n", "text/csv", 422), (b"", "text/csv", 422),
    (b"PAR1 no", "application/vnd.apache.parquet", 422), (b"a,b\n1,2\n", "text/csv", 422), (b"{}", "text/html", 415),
    (b"x" * (16 << 20) + b"x", "text/csv", 413),
])  # fmt: skip
def test_what_cannot_be_imported_is_refused(server: Running, body: bytes, kind: str, status: int) -> None:
    reply = server.call("POST", "/performance/history", body, {"Content-Type": kind})
    assert reply.status == status, reply.body
    assert reply.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(("query", "parameter"), [
    ("after=yesterday", "after"), ("before=x", "before"), ("after=-nan", "after"), ("after=-inf", "after"),
    ("points=0", "points"), ("points=1e3", "points"), ("after=-10&before=-20", "after"), ("metrics=", "metrics"),
    ("metrics=" + ",".join(["a"] * 201), "metrics"), ("tier=raw", "tier"), ("after=1e9999", "after"),
    ("points=-1", "points"), ("format=xml", "format"), ("baseline=tomorrow", "baseline"), ("baseline=5", "baseline"),
    ("task_id=x", "task_id"), ("format=csv&baseline=previous", "baseline"),
])  # fmt: skip
def test_a_parameter_that_is_wrong_is_400_and_named(server: Running, query: str, parameter: str) -> None:
    reply = server.call("GET", f"/performance/history?{query}")
    assert (reply.status, reply.pointers) == (400, [parameter])


def test_too_many_points_are_422(server: Running) -> None:
    reply = server.call("GET", "/performance/history?points=99999")
    assert (reply.status, reply.pointers) == (422, ["points"]) and "10,000" in reply.json["detail"]


def test_a_metric_that_does_not_exist_is_named(server: Running) -> None:
    reply = server.call("GET", "/performance/history?metrics=cpu.percent,cpu.parsec")
    assert (reply.status, reply.pointers) == (422, ["metrics"]) and "cpu.parsec" in reply.json["detail"]


def test_a_form_that_is_not_to_be_had_is_406(server: Running) -> None:
    assert server.call("GET", "/performance/history", headers={"Accept": "image/png"}).status == 406


def test_a_pattern_cannot_hold_up_the_server(server: Running) -> None:
    """Patterns are compiled, and kept: long ones would take time and memory."""
    reply = server.call("GET", "/performance/history?metrics=cpu.*," + "*%3F[ab]" * 1_500)
    assert (reply.status, reply.pointers) == (400, ["metrics"])

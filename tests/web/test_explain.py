"""``/performance/explain``: what it answers over HTTP, to all kinds of clients, and what is refused."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator

import pytest

from tests.web.harness import Running, running
from vain.async_client import AsyncClient
from vain.client import Client
from vain.errors import Malformed
from vain.explaining import GROWTH, Explaining, Explanation
from vain.frames import explained
from vain.remote import RemoteSource

SOON_SECONDS = 15.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with a task whose process is this one, and some samples of it."""
    with running(tmp_path_factory.mktemp("data"), interval=0.1) as run:
        source = {"host": os.uname().nodename, "pid": os.getpid()}
        body = {"name": "=this <test>", "status": "in-progress", "progress": 40, "source": source}
        run.call("POST", "/tasks", body)
        deadline = time.monotonic() + SOON_SECONDS
        while not _is_seen(run):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield run


def _is_seen(run: Running) -> bool:
    found = run.call("GET", "/performance/explain?after=-5").json
    return bool(found["tasks"]) and found["tasks"][0]["share"] is not None


def test_the_answer_has_all_that_the_contract_says(server: Running) -> None:
    answer = server.call("GET", "/performance/explain?after=-60&metric=cpu.percent").json
    assert answer.keys() >= {"window", "metric", "tasks", "unattributed", "processes", "changed"}
    assert answer["metric"] == "cpu.percent" and answer["unit"] == "percent" and 0 <= answer["value"] <= answer["peak"]
    (task,) = answer["tasks"]
    assert (task["task_id"], task["name"], task["status"], task["outcome"]) == (1, "=this <test>", "in-progress", None)
    assert task["progress"] == 40 and task["cpu_seconds"] >= 0 and task["memory_peak_bytes"] > 1 << 20
    assert 0 <= task["share"] + answer["unattributed"]["share"] <= 1.001
    assert answer["window"]["before"] - answer["window"]["after"] == pytest.approx(60, abs=0.01)


def test_without_a_window_it_is_the_last_ten_minutes(server: Running) -> None:
    answer = server.call("GET", "/performance/explain").json
    assert answer["window"]["before"] - answer["window"]["after"] == pytest.approx(600, abs=0.01)
    assert answer["baseline"]["before"] == answer["window"]["after"]


def test_a_baseline_can_be_named(server: Running) -> None:
    answer = server.call("GET", "/performance/explain?after=-60&baseline_after=-3660&baseline_before=-3600").json
    assert answer["window"]["after"] - answer["baseline"]["after"] == pytest.approx(3600, abs=0.1)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("after=yesterday", "after"),
        ("before=NaN", "before"),
        ("after=-10&before=-20", "after"),
        ("metric=cpu.nonsense", "metric"),
        ("metric=task.cpu_percent:1", "metric"),
        ("baseline_after=x", "baseline_after"),
        ("baseline_after=-5&baseline_before=-9", "baseline_after"),
        ("format=csv", "format"),
        ("unknown=1", "unknown"),
    ],
)
def test_what_is_wrong_is_a_400_that_names_the_parameter(server: Running, query: str, parameter: str) -> None:
    reply = server.call("GET", f"/performance/explain?{query}")
    assert (reply.status, reply.pointers) == (400, [parameter])


def test_clients_and_the_remote_source_get_the_same_answer(server: Running) -> None:
    after, before = time.time() - 30, time.time()
    with Client(f"http://{server.host}") as client:
        answer = client.explain(after, before, "memory.used_bytes")
        remote = RemoteSource(client)
        try:
            same = asyncio.run(remote.explain(Explaining(after, before, "memory.used_bytes")))
            with pytest.raises(Malformed):
                asyncio.run(remote.explain(Explaining(after, before, "nothing")))
        finally:
            remote.close()
    assert isinstance(answer, Explanation) and answer.tasks[0].share and answer.tasks[0].share > 0
    assert (same.window, same.metric, same.tasks[0].name) == (answer.window, answer.metric, answer.tasks[0].name)

    async def ask() -> Explanation:
        async with AsyncClient(f"http://{server.host}") as asking:
            return await asking.explain(after, before, GROWTH)

    assert asyncio.run(ask()).metric == GROWTH


def test_the_answer_is_a_frame(server: Running) -> None:
    with Client(f"http://{server.host}") as client:
        answer = client.explain(-30)
    frame = explained(answer)
    assert frame.index.name == "task_id" and frame.loc[1, "name"] == "=this <test>"
    assert frame["memory_peak_bytes"].dtype == "Int64" and frame["outcome"].isna().all()
    assert frame.attrs["unattributed"] == answer.unattributed.share
    assert frame.attrs["window"][0].timestamp() == pytest.approx(answer.window.after)
    for part in ("processes", "changed"):
        rows = getattr(answer, part)
        assert len(explained(answer, part)) == len(rows)

"""``/tasks/lanes``: a window of tasks, over REST."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.web.harness import Running, running
from vain.async_client import AsyncClient
from vain.client import Client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        parent = run.make(name="sweep", status="in-progress", progress=40)
        run.make(name="part", outcome="failed", exit_code=3, tags=["gpu"], parent_id=parent["task_id"],
                 source={"host": "gpu-1"})  # fmt: skip
        run.make(name="waits")
        yield run


def test_the_last_hour_is_shown_unless_something_else_is_asked_for(server: Running) -> None:
    found = server.call("GET", "/tasks/lanes").json
    assert found.keys() == {"after", "before", "rows", "bars", "total", "left_out", "crowd", "seq", "now"}
    assert 3_600 <= found["before"] - found["after"] < 3_620 and abs(found["now"] - time.time()) < 60
    assert (found["total"], found["left_out"], found["crowd"]) == (3, 0, None) and found["seq"] >= 3
    parent, part, waits = sorted(found["bars"], key=lambda bar: bar["task_id"])
    assert (parent["name"], parent["progress"], parent["ended"], parent["children"]) == ("sweep", 40, None, 0)
    assert (part["row"], part["depth"], part["outcome"], part["exit_code"]) == (parent["row"] + 1, 1, "failed", 3)
    assert (waits["status"], waits["started"], waits["depth"]) == ("pending", None, 0)


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ("q=SWE", {"sweep"}),
        ("status=in-progress", {"sweep"}),
        ("outcome=failed", {"part"}),
        ("tag=gpu", {"part"}),
        ("host=gpu-1", {"part"}),
        ("host=gpu-1&status=pending", set()),
        ("task_id=1", {"sweep", "part"}),
        ("task_id=99", set()),
        ("after=-7200&before=-3600", set()),
        ("rows=1&status=pending", {"waits"}),
    ],
)
def test_a_filter_chooses_what_is_shown(server: Running, parameters: str, names: set[str]) -> None:
    found = server.call("GET", f"/tasks/lanes?{parameters}").json
    assert {bar["name"] for bar in found["bars"]} == names and found["total"] == len(names)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ("after=yesterday", "after"),
        ("after=-10&before=-20", "after"),
        ("before=0.5", "after"),
        ("width=0", "width"),
        ("width=30000", "width"),
        ("rows=201", "rows"),
        ("q=", "q"),
        ("tag=" + "x" * 201, "tag"),
        ("host=", "host"),
        ("host=" + "x" * 256, "host"),
        ("status=done", "status"),
        ("outcome=bad", "outcome"),
        ("task_id=0", "task_id"),
        ("height=5", "height"),
    ],
)
def test_what_cannot_be_is_refused_by_name(server: Running, parameters: str, named: str) -> None:
    reply = server.call("GET", f"/tasks/lanes?{parameters}")
    assert (reply.status, reply.pointers) == (400, [named])


def test_both_clients_answer_with_the_same_bars(server: Running) -> None:
    url = f"http://{server.host}"

    async def asked() -> list[str]:
        async with AsyncClient(url) as vain:
            found = await vain.lanes(after=-600, width_pixels=500, rows=9, text="part", host="gpu-1")
            return [bar.name for bar in found.bars]

    with Client(url) as vain:
        found = vain.lanes(
            after=-600,
            width_pixels=500,
            rows=9,
            status="completed",
            outcome="failed",
            tag="gpu",
            task_id=1,
            host="gpu-1",
        )
    assert [bar.name for bar in found.bars] == ["part"] == asyncio.run(asked())

"""``/hosts``: what agents send and everybody may ask, over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.engines import keys_of
from tests.web.harness import Reply, Running, running
from vain.bands import MetricQuery
from vain.cli import main
from vain.client import Client
from vain.clock import utc
from vain.identity import boot_id
from vain.remote import RemoteSource

AGENT = "a" * 32


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("hosts") / "data") as served:
        yield served


def seen(at: float, cpu: float = 10.0, **more: Any) -> dict[str, Any]:
    sample = {
        "cpu_usage": cpu, "memory_usage": 40.0, "disk_usage": 50.0, "uptime": 100.0, "timestamp": utc(at),
        "host": "whatever", "period_seconds": 1.0, "cpu": {"percent": cpu, "cores_logical": 4},
        "tasks": {"pending": 3, "in_progress": 1},
    }  # fmt: skip
    return {"sample": sample, **more}


def send(run: Running, host: str, **fields: Any) -> Reply:
    known = {"agent": AGENT, "version": "0.1.0", "period_seconds": 1.0, "sent_at": time.time(), **fields}
    return run.call("POST", f"/hosts/{host}/samples", known)


def settled(run: Running, host: str, samples: list[dict[str, Any]], **fields: Any) -> str:
    session: str = send(run, host).json["session"]
    taken = send(run, host, session=session, samples=samples, **fields).json
    assert taken["accepted"] == len(samples)
    return session


def test_a_host_is_there_with_its_first_report(run: Running) -> None:
    now = time.time()
    settled(run, "gpu-1", [seen(now - 1, 5.0), seen(now, 93.0)])
    own, *others = run.call("GET", "/hosts").json
    assert own["kind"] == "server"
    assert own["now"] is not None
    shown = next(host for host in others if host["name"] == "gpu-1")
    assert shown == run.call("GET", "/hosts/gpu-1").json
    assert (shown["kind"], shown["silent"], shown["now"]["cpu_usage"]) == ("agent", False, 93.0)
    assert shown["now"]["cores_logical"] == 4
    assert abs(shown["clock_skew_seconds"]) < 2
    assert run.call("GET", f"/hosts/{own['name']}").json["kind"] == "server"


def test_its_sample_and_its_history_are_asked_for_by_name(run: Running) -> None:
    now = time.time()
    settled(run, "gpu-2", [seen(now - 2, 1.0), seen(now - 1, 2.0), seen(now, 3.0)])
    sample = run.call("GET", "/performance?host=gpu-2").json
    assert (sample["host"], sample["cpu_usage"]) == ("gpu-2", 3.0)
    history = run.call("GET", "/performance/history?host=gpu-2&after=-60").json
    assert history["series"]["cpu.percent"]["mean"] == [1.0, 2.0, 3.0]
    assert "tasks.pending" not in history["series"]  # those of the server
    own = run.call("GET", "/performance").json
    assert own["host"] != "gpu-2"
    assert run.call("GET", f"/performance?host={own['host']}").json["host"] == own["host"]
    csv = run.call("GET", "/performance/history?host=gpu-2&after=-60&format=csv&metrics=cpu.percent").body
    assert csv.decode().splitlines()[1].split(",")[1] == "1.0"


def test_an_unknown_host_is_404_everywhere(run: Running) -> None:
    for path in (
        "/hosts/gone", "/performance?host=gone", "/performance/history?host=gone", "/performance/explain?host=gone"
    ):  # fmt: skip
        reply = run.call("GET", path)
        assert (reply.status, reply.json["detail"]) == (404, "No agent has reported of a host 'gone'."), path
    assert run.call("DELETE", "/hosts/gone").status == 404


def test_what_a_tasks_processes_used_on_a_host_belongs_to_the_task(run: Running) -> None:
    source = {"host": "gpu-3", "pid": 4242, "pid_started_at": utc(time.time()), "boot_id": boot_id(), "kind": "run"}
    task = run.make(name="train", status="in-progress", source=source)
    number, now = task["task_id"], time.time()
    session = send(run, "gpu-3").json["session"]
    first = send(run, "gpu-3", session=session).json
    assert [(each["task"]["task_id"], each["task"]["source"]["pid"]) for each in first["tasks"]] == [(number, 4242)]
    used = {str(number): {"task.cpu_percent": 250.0, "task.memory_bytes": 1 << 30}}
    processes = [[4242, "python", number, 250.0, 1 << 30, 0.0]]
    samples = [seen(now - 6 + n, 62.5, used=used, processes=processes if n % 5 == 0 else None) for n in range(6)]
    costs = {str(number): {"attempt": 1, "resources": {"cpu_seconds": 15.0, "cpu_percent": 250.0}}}
    send(run, "gpu-3", session=session, samples=samples, costs=costs, watching=first["watching"])
    run.call("PUT", f"/tasks/{number}", {"message": "goes on"})
    assert run.call("GET", f"/tasks/{number}").json["resources"]["cpu_seconds"] == 15.0
    explained = run.call("GET", "/performance/explain?host=gpu-3&after=-10").json
    assert [(each["task_id"], each["share"] > 0.9) for each in explained["tasks"]] == [(number, True)]
    assert explained["processes"][0]["name"] == "python"
    here = run.call("GET", "/performance/explain?after=-10").json
    assert number not in [each["task_id"] for each in here["tasks"]]
    own = run.call("GET", f"/performance/history?task_id={number}&after=-10").json
    assert set(own["series"][f"task.cpu_percent:{number}"]["mean"]) == {250.0}
    assert run.call("GET", "/hosts/gpu-3").json["tasks_in_progress"] == 1
    gone = [{"task_id": number, "attempt": 1, "kind": "run", "exit_code": None}]
    send(run, "gpu-3", session=session, first=7, gone=gone)
    deadline = time.monotonic() + 5
    while run.call("GET", f"/tasks/{number}").json["outcome"] != "crashed":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_was_left_on_a_host_is_taken_once(run: Running) -> None:
    left = {
        "run_id": "e" * 32, "began_seconds_ago": 100.0, "changed_seconds_ago": 40.0,
        "draft": {"name": "left behind", "status": "in-progress", "source": {"host": "gpu-4", "pid": 9}},
        "patch": {"status": "completed", "outcome": "succeeded"}, "log": "aGVsbG8K",
    }  # fmt: skip
    for _ in range(2):
        assert run.call("POST", "/hosts/gpu-4/reports", {"reports": [left]}).json == {"done": 1}
    found = [task for task in run.call("GET", "/tasks").json if task["name"] == "left behind"]
    assert [task["outcome"] for task in found] == ["succeeded"]
    assert run.call("GET", f"/tasks/{found[0]['task_id']}/log").body == b"hello\n"
    reply = run.call("POST", "/hosts/gpu-5/reports", {"reports": [left]})
    assert (reply.status, reply.pointers) == (422, ["/reports/0/draft/source/host"])


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"agent": "no hex"}, "/agent"),
        ({"period_seconds": 0}, "/period_seconds"),
        ({"samples": [{}]}, "/samples/0"),
        ({"first": -1}, "/first"),
        ({"costs": {"x": {}}}, "/costs"),
    ],
)
def test_a_report_that_is_wrong_names_its_field(run: Running, wrong: dict[str, Any], pointer: str) -> None:
    reply = send(run, "gpu-6", **wrong)
    assert reply.status == 422
    assert reply.pointers[0].startswith(pointer)
    assert run.call("GET", "/hosts/gpu-6").status == 404


def test_a_name_that_no_machine_has_is_refused(run: Running) -> None:
    for name in ("a%2Fb", "..", "a%20b", "x" * 64):
        assert send(run, name).status in (404, 422), name


def test_a_metric_of_all_hosts(run: Running) -> None:
    now = time.time()
    for number, name in enumerate(("top-1", "top-2", "top-3")):
        settled(run, name, [seen(now - 20 + n, 90.0 - 10 * number) for n in range(20)])
    deadline = time.monotonic() + 20  # from PostgreSQL it is read when it is stored
    while True:
        whole = run.call("GET", "/performance/hosts?after=-60&points=60&top=100").json
        known = {row["host"] for row in whole["hosts"] if row["mean"] is not None}
        if {"top-1", "top-2", "top-3"} <= known:
            break
        assert time.monotonic() < deadline
        time.sleep(0.5)
    asked = run.call("GET", "/performance/hosts?metric=cpu.percent&after=-60&points=60&top=2").json
    ranked = [row["host"] for row in whole["hosts"] if row["host"].startswith("top")]
    assert ranked == ["top-1", "top-2", "top-3"]
    assert [row["host"] for row in asked["hosts"]] == [row["host"] for row in whole["hosts"]][:2]
    assert whole["count"] == len(run.call("GET", "/hosts").json)
    assert (asked["rest_count"], len(asked["hosts"])) == (whole["count"] - 2, 2)
    row = next(row for row in whole["hosts"] if row["host"] == "top-2")
    assert (row["mean"], row["max"]) == (80.0, 80.0)
    assert {len(part["values"]) for part in whole["hosts"]} == {len(whole["t"])} == {len(whole["p50"])}
    for name in ("metric=nothing", "metric=task.cpu_percent", "after=-1&before=-9", "points=0", "top=-1"):
        assert run.call("GET", f"/performance/hosts?{name}").status == 400, name


def test_a_host_that_is_forgotten_comes_again_with_its_next_report(run: Running) -> None:
    settled(run, "old-1", [seen(time.time())])
    assert run.call("DELETE", "/hosts/old-1").status == 204
    assert run.call("GET", "/hosts/old-1").status == 404
    settled(run, "old-1", [seen(time.time())])
    history = run.call("GET", "/performance/history?host=old-1&after=-60").json
    assert len(history["t"]) == 1


def test_the_key_of_an_agent_writes_its_own_host_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    ring = keys_of(folder)
    keys = {role: ring.create(role, role)[1] for role in ("read", "write", "admin")}  # type: ignore[arg-type]
    keys["agent"] = ring.create("gpu-3", "agent", host="gpu-3")[1]
    ring.close()
    body = {"agent": AGENT, "version": "0.1.0", "period_seconds": 1.0, "sent_at": 0.0}
    with running(folder) as served:

        def status(role: str, method: str, path: str, sent: object = None) -> int:
            return served.call(method, path, sent, {"Authorization": f"Bearer {keys[role]}"}).status

        assert status("agent", "POST", "/hosts/gpu-3/samples", body) == 200
        assert status("agent", "POST", "/hosts/gpu-3/reports", {"reports": []}) == 200
        assert status("agent", "POST", "/hosts/gpu-4/samples", body) == 403
        assert status("agent", "POST", "/hosts/gpu-4/reports", {"reports": []}) == 403
        for path in ("/hosts", "/hosts/gpu-3", "/tasks", "/performance", "/notifications", "/metrics"):
            assert status("agent", "GET", path) == 403, path
        assert status("agent", "POST", "/tasks", {"name": "x"}) == 403
        assert status("agent", "DELETE", "/hosts/gpu-3") == 403
        assert status("read", "POST", "/hosts/gpu-3/samples", body) == 403
        assert status("write", "POST", "/hosts/gpu-3/samples", body) == 200
        assert (status("write", "DELETE", "/hosts/gpu-3"), status("admin", "DELETE", "/hosts/gpu-3")) == (403, 204)
        assert served.call("POST", "/hosts/gpu-3/samples", body).status == 401


def test_the_command_line_lists_and_forgets(run: Running, capsys: pytest.CaptureFixture[str]) -> None:
    settled(run, "cli-1", [seen(time.time(), 42.0)], sent_at=time.time() + 90)
    address = ["--url", f"http://127.0.0.1:{run.port}"]
    assert main(["hosts", "ls", *address]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["HOST"].split() == "HOST STATE CPU MEMORY DISK GPU LOAD TASKS CLOCK VERSION".split()
    assert " live " in lines["cli-1"] and " 42 %" in lines["cli-1"] and "1 min 30 s ahead" in lines["cli-1"]
    assert main(["hosts", "ls", "--json", *address]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[0]["kind"] == "server" and "cli-1" in [row["name"] for row in rows]
    assert main(["hosts", "rm", "cli-1", *address]) == 0
    assert main(["hosts", "rm", "cli-1", *address]) == 1
    assert "No agent has reported of a host 'cli-1'" in capsys.readouterr().err


def test_the_client_reads_another_machine(run: Running) -> None:
    now = time.time()
    settled(run, "client-1", [seen(now - 2, 11.0), seen(now - 1, 12.0), seen(now, 13.0)])
    with Client(f"http://127.0.0.1:{run.port}") as client:
        assert client.performance("client-1").cpu_usage == 13.0
        assert client.history(-60, metrics=["cpu.percent"], host="client-1").series["cpu.percent"].mean == [11, 12, 13]
        assert client.host("client-1").name == "client-1"
        assert client.explain(-30, host="client-1").tasks == []
        assert client.hosts_history("memory.percent", -60, top=0).rest_count == len(client.hosts())
        source = RemoteSource(client, "client-1")
        try:
            assert source.host == "client-1"
            window = asyncio.run(source.window(MetricQuery(now - 60, now + 1, ("cpu.percent",))))
            assert window.series["cpu.percent"].mean.tolist() == [11.0, 12.0, 13.0]
            latest = source.latest()
            assert latest is not None and latest.cpu_usage == 13.0
        finally:
            source.close()


@pytest.mark.slow
def test_a_host_that_falls_silent_is_told_once_and_so_is_its_return(tmp_path: Path) -> None:
    rule = {
        "name": "host-silent", "title": "Machine fell silent", "metric": "host.silent_seconds", "above": 1, "clear": 1
    }  # fmt: skip
    with running(tmp_path / "data") as served:

        def told(kind: str, count: int) -> list[dict[str, Any]]:
            deadline = time.monotonic() + 15
            while True:
                found = [
                    each for each in served.call("GET", f"/notifications?kind={kind}").json
                    if each["metric"] == "host.silent_seconds:gpu-9"
                ]  # fmt: skip
                if len(found) >= count:
                    assert len(found) == count
                    return found
                assert time.monotonic() < deadline
                time.sleep(0.1)

        assert served.call("GET", "/rules/host-silent").json["above"] == 60
        served.call("PUT", "/rules/host-silent", rule)
        session = settled(served, "gpu-9", [seen(time.time())])
        (fired,) = told("rule.fired", 1)
        assert fired["title"].startswith("Machine fell silent") and "gpu-9" in fired["title"] + fired["message"]
        assert fired["level"] == "warning" and "above 1 s" in fired["title"] + fired["message"]
        assert not fired["tasks"] and not fired.get("shares") and not fired.get("processes")
        assert served.call("GET", "/rules/host-silent").json["firing"][0]["subject"] == "host.silent_seconds:gpu-9"
        for n in range(20):
            send(served, "gpu-9", session=session, first=2 + n, samples=[seen(time.time())])
            time.sleep(0.1)
        told("rule.cleared", 1)
        told("rule.fired", 2)  # silent once more
        assert served.call("DELETE", "/hosts/gpu-9").status == 204
        deadline = time.monotonic() + 15
        while served.call("GET", "/rules/host-silent").json["firing"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_the_rules_hold_for_every_machine_and_say_which(tmp_path: Path) -> None:
    rule = {"name": "hot", "title": "CPU is hot", "metric": "cpu.percent", "above": 101}
    with running(tmp_path / "data") as served:
        served.call("PUT", "/rules/hot", rule)
        session = send(served, "gpu-7").json["session"]
        old = [seen(time.time() - 300, 150.0)]  # that was long ago
        send(served, "gpu-7", session=session, samples=old)
        assert served.call("GET", "/rules/hot").json["firing"] == []
        send(served, "gpu-7", session=session, first=2, samples=[seen(time.time(), 150.0)])
        deadline = time.monotonic() + 10
        while not (found := served.call("GET", "/notifications?kind=rule.fired").json):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (fired,) = found
        assert (fired["host"], fired["metric"], fired["title"]) == ("gpu-7", "cpu.percent", "gpu-7: CPU is hot")
        assert fired["url"].startswith("/?host=gpu-7&")
        assert [each["host"] for each in served.call("GET", "/firings").json] == ["gpu-7"]
        send(served, "gpu-7", session=session, first=3, samples=[seen(time.time(), 10.0)])
        deadline = time.monotonic() + 10
        while served.call("GET", "/rules/hot").json["firing"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_rule_is_tried_over_the_history_of_another_machine(run: Running) -> None:
    now = time.time()
    samples = [seen(now - 60 + n, 99.0 if 20 <= n < 40 else 10.0) for n in range(60)]
    settled(run, "tried-1", samples)
    rule = {"name": "x", "metric": "cpu.percent", "above": 98.5, "for": 5}
    found = run.call("POST", "/rules/test?after=-120&host=tried-1", rule).json
    (firing,) = found["firings"]
    assert abs(firing["since"] - (now - 40)) < 1.5 and abs(firing["until"] - (now - 20)) < 1.5
    assert run.call("POST", "/rules/test?after=-120&host=nobody", rule).status == 404
    assert run.call("GET", "/rules/cpu-busy/test?after=-120&host=tried-1").json["firings"] == []


def test_what_an_agent_brings_belongs_to_its_own_machine(run: Running) -> None:
    theirs = run.make(name="theirs", status="in-progress", source={"host": "other-1", "pid": 5})
    left = {"run_id": "d" * 32, "began_seconds_ago": 9.0, "changed_seconds_ago": 1.0, "draft": {"name": "no source"}}
    assert run.call("POST", "/hosts/own-1/reports", {"reports": [left]}).json == {"done": 1}
    (task,) = [task for task in run.call("GET", "/tasks").json if task["name"] == "no source"]
    assert task["source"]["host"] == "own-1"
    # The same run, told of by the agent of another machine, changes nothing.
    patch = {**left, "patch": {"status": "completed", "outcome": "failed"}}
    assert run.call("POST", "/hosts/own-2/reports", {"reports": [patch]}).json == {"done": 1}
    assert run.call("GET", f"/tasks/{task['task_id']}").json["status"] == "pending"
    assert run.call("GET", f"/tasks/{theirs['task_id']}").json["status"] == "in-progress"


def test_a_large_body_of_reports_holds_nobody_up(run: Running) -> None:
    nested = {"a": [{"b": n, "c": n} for n in range(40)]}
    body = {"reports": [{"run_id": "c" * 32, "began_seconds_ago": -1, "draft": {"x": [nested] * 400}}] * 8}
    began, slow = time.monotonic(), run.call("POST", "/hosts/big-1/reports", body)
    assert slow.status == 422 and time.monotonic() - began < 5

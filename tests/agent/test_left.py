"""Reports that processes left on another machine: they reach a server once, in order, and none holds up the others."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.report.board import free_port
from tests.web.harness import Running, running
from vain import spool
from vain.agent import left as module
from vain.agent.left import Left, Refused
from vain.clock import unix
from vain.errors import VainError
from vain.report.connection import Answer, Connection, Unanswered
from vain.spool import Spool, abandoned, began, logged, said

HOST = "gpu-3"
JSON = {"Content-Type": "application/json"}
DONE = {"status": "completed", "outcome": "succeeded"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("left")
    with running(folder / "data", spool=folder / "spool") as run:
        yield run


class Machine:
    """Another machine: its jobs' spool, and the way from there to the server."""

    def __init__(self, folder: Path, server: Running) -> None:
        self.folder, self.server = folder / "jobs", server
        self.url = f"http://127.0.0.1:{server.port}"
        self.left = Left(self.folder, self.url)
        self.posts: list[bytes] = []
        self.now = time.time()
        self._connection = Connection(self.url, None, 10.0)

    def post(self, body: bytes) -> Answer:
        self.posts.append(body)
        return self._connection.ask("POST", f"/hosts/{HOST}/reports", body, JSON, lambda: True)

    def send(self) -> int:
        return self.left.send(self.post)

    def leave(self, *records: spool.Record, url: str | None = None) -> Path:
        """A file whose writer is gone."""
        before = self.files()
        file = Spool(self.folder, url or self.url)
        for record in records:
            file.add(record)
        file.forget()
        [path] = self.files() - before
        return path

    def files(self) -> set[Path]:
        return set(self.folder.glob("*.jsonl"))

    def unlocked(self) -> int:
        """How many of them another one could take."""
        count = 0
        for file in abandoned(self.folder):
            file.release()
            count += 1
        return count

    def run(self, name: str, ago: float, host: str | None = HOST, **more: Any) -> spool.Record:
        source = {"host": host, "pid": 42, "kind": "run"} if host else {}
        draft = {"name": name, "status": "in-progress", "source": source, **more}
        return began(uuid.uuid4().hex, self.now - ago, None, draft, None)

    def ended(self, run: spool.Record, ago: float, **more: Any) -> spool.Record:
        return said(run["begin"], self.now - ago, {**DONE, **more})

    def tasks(self) -> list[dict[str, Any]]:
        """In the order in which the server made them."""
        found: list[dict[str, Any]] = self.server.call("GET", "/tasks").json
        return sorted(found, key=lambda task: task["task_id"])

    def names(self) -> list[str]:
        return [task["name"] for task in self.tasks()]

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def machine(tmp_path: Path, server: Running) -> Iterator[Machine]:
    made = Machine(tmp_path, server)
    for task in made.tasks():
        assert server.call("DELETE", f"/tasks/{task['task_id']}").status == 204
    yield made
    made.close()


def test_without_a_spool_there_is_nothing_to_send(machine: Machine) -> None:
    assert (machine.send(), machine.posts) == (0, [])


def test_runs_of_several_processes_come_in_the_order_of_their_beginning(machine: Machine) -> None:
    one, two, three = machine.run("one", 90), machine.run("two", 60), machine.run("three", 30)
    machine.leave(one, three, machine.ended(three, 5), machine.ended(one, 10, message="well"))
    machine.leave(two, machine.ended(two, 20))
    assert machine.send() == 3
    assert machine.names() == ["one", "two", "three"]
    assert machine.files() == set()
    [first, *_] = machine.tasks()
    assert (first["status"], first["message"], first["source"]["host"]) == ("completed", "well", HOST)
    assert unix(first["started_at"]) == pytest.approx(machine.now - 90, abs=1.0)
    assert unix(first["completed_at"]) == pytest.approx(machine.now - 10, abs=1.0)
    assert (machine.send(), len(machine.posts)) == (0, 1)


def test_a_child_comes_under_its_parent(machine: Machine) -> None:
    parent = machine.run("parent", 90)
    child = machine.run("child", 60) | {"parent": parent["begin"]}
    machine.leave(child)
    machine.leave(parent)
    assert machine.send() == 2
    [first, second] = machine.tasks()
    assert second["parent_id"] == first["task_id"]


def test_the_output_comes_byte_for_byte_to_its_place(machine: Machine) -> None:
    run = machine.run("talks", 60)
    output = bytes(range(256)) + "grün\n".encode()
    machine.leave(run, logged(run["begin"], machine.now - 30, 0, output), machine.ended(run, 10))
    assert machine.send() == 1
    [task] = machine.tasks()
    reply = machine.server.call("GET", f"/tasks/{task['task_id']}/log")
    assert reply.body == output

    more = [logged(run["begin"], machine.now - 5, len(output), b"the rest")]
    machine.leave({**run, "task_id": task["task_id"]}, *more)
    assert machine.send() == 1
    assert machine.server.call("GET", f"/tasks/{task['task_id']}/log").body == output + b"the rest"

    machine.leave({**run, "task_id": task["task_id"]}, logged(run["begin"], machine.now, 1_000, b"after a hole"))
    assert machine.send() == 1
    reply = machine.server.call("GET", f"/tasks/{task['task_id']}/log?after=1000")
    assert reply.body == b"after a hole"
    assert machine.names() == ["talks"]


def test_an_answer_that_is_lost_makes_no_task_twice(machine: Machine) -> None:
    machine.leave(machine.run("one", 60), machine.run("two", 50))

    def lost(body: bytes) -> Answer:
        machine.post(body)
        raise Unanswered("the line is cut")

    with pytest.raises(Unanswered):
        machine.left.send(lost)
    assert len(machine.files()) == machine.unlocked() == 1
    assert machine.send() == 2
    assert machine.names() == ["one", "two"] and machine.files() == set()


def test_what_is_for_another_server_stays(machine: Machine) -> None:
    machine.leave(machine.run("here", 60))
    others = {
        machine.leave(machine.run("elsewhere", 60), url=url)
        for url in ("http://example.org:5006", f"{machine.url}/team", f"http://127.0.0.1:{machine.server.port + 1}")
    }
    (machine.folder / "1-a.jsonl").write_text('{"spool":99}\n')
    assert machine.send() == 1
    assert machine.names() == ["here"]
    assert machine.files() == others | {machine.folder / "1-a.jsonl"}
    assert machine.unlocked() == 4


def test_an_address_may_be_written_in_several_ways(machine: Machine) -> None:
    machine.leave(machine.run("here", 60), url=f"{machine.url}/")
    machine.leave(machine.run("too", 50), url=machine.url.upper().replace("HTTP", "http"))
    assert machine.send() == 2


def test_what_a_process_that_lives_has_not_sent_is_its_own(machine: Machine) -> None:
    file = Spool(machine.folder, machine.url)
    file.add(machine.run("lives", 60))
    assert (machine.send(), len(machine.files())) == (0, 1)
    file.forget()
    assert (machine.send(), machine.names()) == (1, ["lives"])


def test_a_server_that_is_away_leaves_the_files_where_they_are(machine: Machine) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    left = Left(machine.folder, gone)
    machine.leave(machine.run("waits", 60), url=gone)
    connection = Connection(gone, None, 1.0)
    with pytest.raises(Unanswered):
        left.send(lambda body: connection.ask("POST", "/hosts/gpu-3/reports", body, JSON, lambda: True))
    assert len(machine.files()) == machine.unlocked() == 1


def test_a_report_of_another_host_holds_up_no_other(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(9):
        host = "db-1" if number in (0, 4, 8) else HOST
        machine.leave(machine.run(f"run-{number}", 90 - number, host))
    with caplog.at_level(logging.ERROR, module.__name__):
        assert machine.send() == 9
    assert machine.names() == [f"run-{number}" for number in (1, 2, 3, 5, 6, 7)]
    assert machine.files() == set()
    said_so = [record.getMessage() for record in caplog.records]
    assert len(said_so) == 3
    assert said_so[0].startswith("What was left of run ")
    assert said_so[0].endswith(" is given up: A process of the host gpu-3 is expected.")
    assert (machine.send(), machine.names()) == (0, [f"run-{number}" for number in (1, 2, 3, 5, 6, 7)])


@pytest.mark.parametrize(
    "wrong",
    [
        {"begin": "NOT-HEX"},
        {"begin": "x" * 99},
        {"parent": "?"},
        {"parent": [1]},
        {"task_id": -1},
        {"task_id": "7"},
        {"draft": {"name": "\ud800"}},
        {"draft": {"name": "nul\0"}},
        {"draft": {"name": 1 << 70}},
        {"draft": {"name": json.loads("[" * 20 + "]" * 20)}},
        {"draft": {"status": "in-progress"}},
        {"at": -1e300},
    ],
)
def test_a_report_that_is_none_holds_up_no_other(machine: Machine, wrong: Mapping[str, Any]) -> None:
    machine.leave(machine.run("before", 99))
    machine.leave({**machine.run("wrong", 60), **wrong})
    machine.leave(machine.run("behind", 30))
    assert machine.send() == 3
    assert [name for name in machine.names() if name != "wrong"] == ["before", "behind"]
    assert machine.files() == set()


def test_times_are_of_the_machines_own_clock(machine: Machine) -> None:
    """It is a day ahead; ages are what counts."""
    machine.now += 86_400
    machine.leave(machine.run("ahead", 60))
    Left(machine.folder, machine.url, lambda: machine.now).send(machine.post)
    [task] = machine.tasks()
    assert unix(task["started_at"]) == pytest.approx(time.time() - 60, abs=2.0)


def answering(*answers: Answer | Exception) -> tuple[Callable[[bytes], Answer], list[int]]:
    """One answer after the other, the last one for ever; and how many reports each request had."""
    counts: list[int] = []

    def post(body: bytes) -> Answer:
        counts.append(len(json.loads(body)["reports"]))
        answer = answers[min(len(counts), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return post, counts


def answer(done: int) -> Answer:
    return Answer(200, b'{"done":%d}' % done, None)


def refusal(status: int, pointer: str | None = None) -> Answer:
    errors = [] if pointer is None else [{"pointer": pointer, "detail": "no"}]
    return Answer(status, json.dumps({"detail": "It is refused.", "errors": errors}).encode(), None)


def test_what_must_wait_stays_and_what_is_done_with_goes(machine: Machine) -> None:
    """The disk of the server is full, say, after the second of three."""
    first = machine.leave(machine.run("one", 90))
    second = machine.leave(machine.run("two", 80), machine.run("three", 70))
    post, counts = answering(answer(2), answer(0))
    assert machine.left.send(post) == 2
    assert counts == [3, 1]
    assert not first.exists() and machine.files() == {second}
    assert machine.unlocked() == 1


def test_what_was_taken_before_the_server_went_away_is_not_sent_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_REPORTS", 1)
    first = machine.leave(machine.run("one", 90))
    second = machine.leave(machine.run("two", 80))
    post, _ = answering(answer(1), Unanswered("away"))
    with pytest.raises(Unanswered):
        machine.left.send(post)
    assert not first.exists() and machine.files() == {second} and machine.unlocked() == 1


@pytest.mark.parametrize(
    "no",
    [refusal(401), refusal(403, "/host"), refusal(404), refusal(409), refusal(413, ""), refusal(422), refusal(400)],
)
def test_a_server_that_says_no_to_all_gets_none_and_costs_none(machine: Machine, no: Answer) -> None:
    """Also a proxy: it does not say what is wrong with which of them."""
    machine.leave(machine.run("one", 90))
    machine.leave(machine.run("two", 80))
    post, _ = answering(no)
    with pytest.raises(Refused, match="It is refused"):
        machine.left.send(post)
    assert len(machine.files()) == machine.unlocked() == 2


@pytest.mark.parametrize("text", [b"", b"<html>", b"{}", b'{"done":"all"}'])
def test_somebody_else_who_answers_gets_none(machine: Machine, text: bytes) -> None:
    machine.leave(machine.run("one", 90))
    post, _ = answering(Answer(200, text, None))
    with pytest.raises(VainError):
        machine.left.send(post)
    assert len(machine.files()) == machine.unlocked() == 1


def test_a_body_that_is_too_large_for_a_proxy_is_sent_in_parts(machine: Machine) -> None:
    for number in range(10):
        machine.leave(machine.run(f"run-{number}", 90 - number))

    def post(body: bytes) -> Answer:
        return refusal(413) if len(json.loads(body)["reports"]) > 3 else machine.post(body)

    assert machine.left.send(post) == 10
    assert machine.names() == [f"run-{number}" for number in range(10)]


def test_much_is_sent_in_several_requests(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_BODY_BYTES", 1_000)
    monkeypatch.setattr(module, "MOST_FILES", 4)
    for number in range(6):
        machine.leave(machine.run(f"run-{number}", 90 - number, message="m" * 300))
    sent = machine.send() + machine.send()
    assert sent == 6 and max(map(len, machine.posts)) < 1_100
    assert sorted(machine.names()) == [f"run-{number}" for number in range(6)]
    monkeypatch.setattr(module, "LARGEST_BODY_BYTES", 1)
    machine.leave(machine.run("large", 5))
    assert machine.send() == 1


def test_a_file_that_cannot_be_read_holds_up_no_other(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = machine.leave(machine.run("one", 90))
    machine.leave(machine.run("two", 80))
    records = module.Abandoned.records

    def unreadable(file: module.Abandoned) -> list[spool.Record]:
        if file._path == bad:
            raise OSError(5, "Input/output error")
        return records(file)

    monkeypatch.setattr(module.Abandoned, "records", unreadable)
    assert machine.send() == 1
    assert machine.names() == ["two"] and machine.files() == {bad} and machine.unlocked() == 1

"""What is sent to a server that answers, does not answer, was restarted, is full or says no: each sample once."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.agent.machine import PLENTY, kept, line
from tests.agent.scripted import Request, Say, Scripted, scripted
from tests.fleet.reports import AGENT, T0, sample
from tests.report.board import eventually, free_port
from vain import spool as job_spool
from vain.agent import sender as module
from vain.agent.left import Left
from vain.agent.seen import Seen
from vain.agent.sender import Sender
from vain.agent.spool import AgentSpool
from vain.clock import utc
from vain.codec import decode, encode
from vain.costs import Cost
from vain.hosts import MOST_SAMPLES, HostReport, WatchedTask
from vain.quality import Span
from vain.report.connection import Connection
from vain.types import Resources, Task, TaskSource

CUT = Say(None)


class Watch:
    def __init__(self) -> None:
        self.costs: dict[int, Cost] = {}
        self.strangers: list[str] = []
        self.boot_id = "boot-1"

    def take_strangers(self) -> list[str]:
        strangers, self.strangers = self.strangers, []
        return strangers


class Agent:
    """A sender on its thread, with a machine that is made up: one sample for each second from ``T0`` on."""

    def __init__(self, folder: Path, url: str, timeout_seconds: float = 5.0) -> None:
        self.spool = AgentSpool(folder / "agent", PLENTY)
        self.seen = Seen(self.spool, 1.0, lambda: None)
        self.watch, self.jobs = Watch(), folder / "jobs"
        self.followed: list[list[WatchedTask]] = []
        self.follow: Callable[[list[WatchedTask]], None] = self.followed.append
        self.sender = Sender(
            Connection(url, "key-1", timeout_seconds),
            "gpu-3",
            AGENT,
            1.0,
            self.spool,
            self.seen,
            Left(self.jobs, url),
            self.watch,
            self._follow_all,
            "0.1.0",
            lambda: T0,
        )
        self.thread = Thread(target=self.sender.run, daemon=True)
        self.count = 0

    def sees(self, count: int = 1) -> None:
        for _ in range(count):
            self.spool.add(line(self.count), T0 + self.count)
            self.seen.latest = sample(self.count)
            self.count += 1
        self.sender.wake()

    def start(self) -> None:
        self.thread.start()
        self.sender.wake()

    def end(self, seconds: float = 3.0) -> float:
        """How long it took."""
        began = time.monotonic()
        self.sender.stop()
        if self.thread.ident is not None:
            self.thread.join(seconds)
            assert not self.thread.is_alive()
        return time.monotonic() - began

    def _follow_all(self, tasks: list[WatchedTask]) -> None:
        self.follow(tasks)

    def all(self) -> list[str]:
        """The time of each sample that there was."""
        return times(0, self.count)


def times(begin: int, end: int) -> list[str]:
    return [utc(T0 + second) for second in range(begin, end)]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test can wait for."""
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(module, "FULL_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(module, "STOP_SECONDS", 0.2)


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as made:
        yield made


@pytest.fixture
def agent(tmp_path: Path, server: Scripted) -> Iterator[Agent]:
    made = Agent(tmp_path, server.url)
    yield made
    server.ended.set()
    made.end()
    made.spool.close()


def test_a_session_is_asked_for_and_then_samples_come_in_order(agent: Agent, server: Scripted) -> None:
    agent.sees(3)
    agent.start()
    eventually(lambda: server.taken == agent.all())
    first, second = server.samples[:2]
    assert first.path == "/hosts/gpu-3/samples" and first.headers["Authorization"] == "Bearer key-1"
    assert (first.body["session"], first.numbers, first.body["waiting"]) == (None, [], 3)
    assert first.body["latest"]["timestamp"] == utc(T0 + 2), "what it is like now is known at once"
    assert (second.body["session"], second.numbers) == (server.session, [1, 2, 3])
    assert (second.body["latest"], second.body["waiting"]) == (None, 0)
    assert (first.body["round_trip_seconds"], second.body["round_trip_seconds"] > 0) == (None, True)
    for count in range(4, 9):
        agent.sees()
        eventually(lambda: server.taken == agent.all())
        assert server.full[-1].numbers == [count]
    assert (second.body["agent"], second.body["version"], second.body["sent_at"]) == (AGENT, "0.1.0", T0)


def test_what_is_sent_is_what_the_server_reads(agent: Agent, server: Scripted) -> None:
    sent: list[bytes] = []
    agent.watch.costs[7] = Cost(2, Resources(cpu_seconds=1.5))
    agent.seen.gone(7, 2, "run", 1)
    server.refuse = lambda request: sent.append(encode(request.body))
    agent.sees(2)
    agent.start()
    eventually(lambda: len(server.taken) == 2)
    [report] = [decode(HostReport, body) for body in sent if b'"first":1,"samples":[{' in body]
    assert [each.sample for each in report.samples] == [sample(0), sample(1)]
    assert report.costs[7].resources.cpu_seconds == 1.5


def test_names_of_strange_runs_are_asked_about_once_and_a_report_without_any_is_as_it_was(
    agent: Agent, server: Scripted
) -> None:
    agent.watch.strangers = ["a" * 32, "b" * 32]
    agent.sees()
    agent.start()
    eventually(lambda: len(server.taken) == 1)
    agent.sees()
    eventually(lambda: len(server.taken) == 2)
    asked = [request.body["runs"] for request in server.samples if "runs" in request.body]
    assert asked == [["a" * 32, "b" * 32]]
    assert [request.body["boot_id"] for request in server.samples if "boot_id" in request.body] == ["boot-1"]


def test_what_is_stored_is_kept_no_longer_and_a_server_that_was_restarted_gets_the_rest(
    agent: Agent, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vain.agent.spool.SEGMENT_SAMPLES", 5)
    agent.start()
    agent.sees(12)
    eventually(lambda: server.accepted == 12)
    server.store()
    agent.sees(8)
    eventually(lambda: server.accepted == 20 and agent.spool.oldest == 11)
    server.restart()
    assert len(server.taken) == 12
    agent.sees()
    eventually(lambda: server.taken == agent.all())
    again = next(request for request in server.full if request.body["session"] == server.session)
    assert again.numbers[0] == 11, "from the oldest that is kept"


def test_a_server_that_is_full_gets_the_rest_when_it_has_room(agent: Agent, server: Scripted) -> None:
    server.room = 4
    agent.sees(9)
    agent.start()
    eventually(lambda: server.accepted == 4)
    count = len(server.samples)
    eventually(lambda: len(server.samples) >= count + 2)
    assert server.samples[-1].numbers == [5, 6, 7, 8, 9]
    server.store()
    eventually(lambda: server.accepted == 7)
    server.store()
    eventually(lambda: server.taken == agent.all())


def test_a_server_that_is_full_is_not_asked_all_the_time(
    agent: Agent, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FULL_PAUSE_SECONDS", 30.0)
    server.room = 4
    agent.sees(9)
    agent.start()
    eventually(lambda: server.accepted == 4)
    for _ in range(10):
        agent.sees()
        time.sleep(0.01)
    assert len(server.samples) == 2


@pytest.mark.parametrize("takes", [False, True])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_answer_that_is_lost_brings_the_same_samples_again(
    agent: Agent, server: Scripted, place: int, takes: bool
) -> None:
    usual = Say(503)
    server.script.extend([usual] * place)
    server.script.append(Say(None, takes=takes))
    agent.sees(3)
    agent.start()
    eventually(lambda: server.taken == agent.all())
    agent.sees(2)
    server.script.append(Say(None, takes=takes))
    agent.sees(2)
    eventually(lambda: server.taken == agent.all())
    by_number = {(n, t) for request in server.samples for n, t in zip(request.numbers, request.seconds, strict=True)}
    assert by_number == set(enumerate(agent.all(), 1)), "the same numbers"


def test_while_the_server_is_away_nothing_is_lost_and_it_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agent = Agent(tmp_path, f"http://127.0.0.1:{free_port()}")
    with caplog.at_level(logging.INFO):
        agent.start()
        for _ in range(10):
            agent.sees()
            time.sleep(0.02)
        assert agent.end() < 1.0
    assert [record.getMessage()[:51] for record in caplog.records] == [
        "Nothing can be reported: the server does not answer"
    ]
    assert kept(agent.spool) == [float(n) for n in range(10)]
    agent.spool.close()


def test_a_server_that_comes_back_is_told_of(agent: Agent, server: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        agent.sees()
        agent.start()
        eventually(lambda: server.taken == agent.all())
        server.script.extend([CUT] * 6)
        agent.sees(3)
        eventually(lambda: server.taken == agent.all())
        agent.end()
    said = [record.getMessage() for record in caplog.records if record.name == module.__name__]
    assert said[0].startswith("The server answers; ") and said[2:] == ["The server answers; 3 samples wait"]
    assert said[1].startswith("The server does not answer (") and said[1].endswith("samples wait on this machine")


@pytest.mark.parametrize("status", [413, 422])
def test_a_report_that_is_too_large_is_sent_in_parts(agent: Agent, server: Scripted, status: int) -> None:
    def refuse(request: Request) -> Say | None:
        return Say(status, "/samples/7") if len(request.numbers) > 7 else None

    server.refuse = refuse
    agent.sees(60)
    agent.start()
    eventually(lambda: server.taken == agent.all())
    assert max(len(request.numbers) for request in server.samples) == 60
    assert len(server.samples) < 40


def bad_at(*seconds: int) -> Callable[[Request], Say | None]:
    """Refuses reports in which there is a sample of these seconds."""
    wrong = {utc(T0 + second) for second in seconds}

    def refuse(request: Request) -> Say | None:
        for place, second in enumerate(request.seconds):
            if second in wrong:
                return Say(422, f"/samples/{place}/sample/timestamp")
        return None

    return refuse


@pytest.mark.parametrize("bad", [0, 5, 11])
def test_a_sample_that_is_refused_is_given_up_and_those_behind_it_are_not(
    agent: Agent, server: Scripted, caplog: pytest.LogCaptureFixture, bad: int
) -> None:
    server.refuse = bad_at(bad)
    with caplog.at_level(logging.ERROR):
        agent.sees(12)
        agent.start()
        expected = [each for each in agent.all() if each != utc(T0 + bad)]
        eventually(lambda: server.taken == expected)
        time.sleep(0.1)  # and it stays so
        agent.sees()
        expected.append(utc(T0 + 12))
        eventually(lambda: server.taken == expected)
    assert [record.getMessage() for record in caplog.records] == [
        "The server refuses a sample, which is given up: It is refused."
    ]


def test_a_sample_that_is_refused_behind_a_hole_is_given_up_at_once(
    agent: Agent, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vain.agent.spool.SEGMENT_SAMPLES", 50)
    agent.sees(101)
    agent.spool.trim(100)  # as if the oldest had made room
    server.refuse = bad_at(100)
    agent.sender._session, server.session = "a", "a"
    agent.start()
    eventually(lambda: any(request.numbers for request in server.samples))
    agent.sees()
    eventually(lambda: server.taken == times(101, 102))
    assert len(server.samples) < 8


@pytest.mark.parametrize("status", [413, 422])
def test_what_is_not_about_the_sample_costs_none(
    agent: Agent, server: Scripted, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A proxy that takes no body, or a field of the report that is wrong."""
    server.refuse = lambda request: Say(status, "/costs/7") if request.numbers else None
    agent.sees(3)
    agent.start()
    eventually(lambda: "Nothing can be reported: It is refused." in caplog.text)
    agent.end()
    assert kept(agent.spool) == [0.0, 1.0, 2.0]
    assert "given up" not in caplog.text


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409])
def test_a_server_that_says_no_is_left_alone_for_long(
    agent: Agent, server: Scripted, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    server.refuse = lambda _: Say(status)
    agent.start()
    for _ in range(10):
        agent.sees()
        time.sleep(0.01)
    eventually(lambda: len(server.requests) == 1)
    assert [record.getMessage() for record in caplog.records] == ["Nothing can be reported: It is refused."]
    assert agent.end() < 1.0
    assert len(server.requests) == 1 and kept(agent.spool) == [float(n) for n in range(10)]


def test_a_server_that_said_no_and_thinks_better_of_it_gets_all(
    agent: Agent, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFUSED_PAUSE_SECONDS", 0.02)
    agent.seen.gone(7, 1, "run", 0)
    server.script.extend([Say(401), Say(403), Say(409)])
    agent.sees(3)
    agent.start()
    eventually(lambda: server.taken == agent.all())
    assert [each["task_id"] for each in server.gone] == [7]


def test_a_server_that_names_a_time_is_not_asked_before(agent: Agent, server: Scripted) -> None:
    server.refuse = lambda _: Say(503, retry_after="0.4")
    agent.sees()
    agent.start()
    eventually(lambda: len(server.requests) == 1)
    began = time.monotonic()
    server.refuse = lambda _: None
    agent.sees()
    eventually(lambda: server.taken == agent.all())
    assert 0.3 < time.monotonic() - began < 2.0


@pytest.mark.parametrize("text", [b"<html>Please sign in</html>", b"{}", b"[]", b'{"session": 5}'])
def test_somebody_else_who_answers_is_no_server(
    agent: Agent, server: Scripted, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server.script.extend([Say(200, text=text)] * 4)
    with caplog.at_level(logging.INFO):
        agent.sees(3)
        agent.start()
        eventually(lambda: server.taken == agent.all())
    assert sum("The server answers" in record.getMessage() for record in caplog.records) == 1


def test_an_error_of_ones_own_does_not_end_the_reports(
    agent: Agent, server: Scripted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "REFUSED_PAUSE_SECONDS", 0.02)

    def fails(_: object) -> None:
        raise ValueError("what is this?")

    agent.follow = fails
    server.extra = {"tasks": []}
    agent.sees(2)
    agent.start()
    eventually(lambda: "A report failed" in caplog.text)
    server.extra = {}
    agent.sees(2)
    eventually(lambda: server.taken == agent.all())


def test_a_backlog_comes_in_parts_with_what_is_now(agent: Agent, server: Scripted) -> None:
    agent.sees(2 * MOST_SAMPLES + 50)
    agent.start()
    eventually(lambda: server.taken == agent.all())
    sent = server.samples[1:4]
    assert [len(request.numbers) for request in sent] == [MOST_SAMPLES, MOST_SAMPLES, 50]
    assert [request.body["waiting"] for request in sent] == [MOST_SAMPLES + 50, 50, 0]
    assert [bool(request.body["latest"]) for request in sent] == [True, True, False]


def test_a_report_is_no_larger_than_a_server_takes(
    agent: Agent, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_BODY_BYTES", 2_000)
    agent.sees(30)
    agent.start()
    eventually(lambda: server.taken == agent.all())
    assert max(request.size for request in server.samples) < 4_000
    monkeypatch.setattr(module, "LARGEST_BODY_BYTES", 1)
    agent.sees(3)
    eventually(lambda: server.taken == agent.all())


def test_the_tasks_to_watch_are_followed_and_only_changes_are_asked_for(agent: Agent, server: Scripted) -> None:
    source = TaskSource(host="gpu-3", pid=42, kind="run")
    task = Task(7, "-", "in-progress", "medium", utc(T0), source=source)
    server.extra = {"watching": 5, "tasks": [{"task": json.loads(encode(task)), "run_id": "beef"}]}
    agent.start()
    eventually(lambda: agent.followed)
    assert [(each.task.task_id, each.run_id) for each in agent.followed[0]] == [(7, "beef")]
    server.extra = {"watching": 5}
    agent.sees()
    eventually(lambda: server.taken == agent.all())
    assert server.samples[0].body["watching"] == 0 and server.samples[-1].body["watching"] == 5
    count = len(agent.followed)
    server.extra = {"watching": 6, "tasks": []}
    agent.sees()
    eventually(lambda: len(agent.followed) > count)
    assert agent.followed[-1] == []


def test_costs_come_with_every_report_and_each_end_once(agent: Agent, server: Scripted) -> None:
    agent.watch.costs[7] = Cost(2, Resources(cpu_seconds=1.5, rss_bytes=4_096))
    agent.start()
    agent.sees()
    eventually(lambda: server.taken == agent.all())
    told = server.samples[-1].body["costs"]["7"]
    assert (told["attempt"], told["resources"]["cpu_seconds"]) == (2, 1.5)
    server.script.extend([Say(503), CUT, CUT])
    agent.seen.gone(7, 2, "run", 137)
    agent.sees()
    eventually(lambda: server.taken == agent.all())
    assert server.gone == [{"task_id": 7, "attempt": 2, "kind": "run", "exit_code": 137}]
    assert sum(bool(request.body["gone"]) for request in server.samples) > 1, "it was tried before"
    agent.sees()
    eventually(lambda: server.taken == agent.all())
    assert server.samples[-1].body["gone"] == []


def test_what_was_lost_and_who_is_gone_is_told_to_a_server_that_takes_it(agent: Agent, server: Scripted) -> None:
    """Of a report for another session nothing is taken."""
    lost = Span("not-stored", T0, T0 + 9)
    agent.spool.give_back_lost([lost])
    agent.seen.gone(7, 1, "run", None)
    agent.start()
    eventually(lambda: server.lost and server.gone)
    assert [(span["begin"], span["end"]) for span in server.lost] == [(T0, T0 + 9)]
    server.restart()
    agent.spool.give_back_lost([lost])
    agent.sees()
    eventually(lambda: len(server.lost) == 2)


def leaves(agent: Agent, server: Scripted, run_id: str = "a1") -> None:
    file = job_spool.Spool(agent.jobs, server.url)
    file.add(job_spool.began(run_id, 1.0, None, {"name": "n"}, None))
    file.forget()


@pytest.mark.parametrize("say", [Say(403), Say(422), Say(503), Say(500), CUT, Say(200, text=b"?")])
def test_samples_do_not_wait_for_what_processes_left(
    agent: Agent, server: Scripted, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEFT_SECONDS", 0.0)
    server.left = lambda _: say
    leaves(agent, server)
    agent.start()
    agent.sees(3)
    eventually(lambda: server.taken == agent.all())
    assert len(list(agent.jobs.glob("*.jsonl"))) == 1, "it is kept"
    server.left = lambda _: None
    agent.sees()
    eventually(lambda: not list(agent.jobs.glob("*.jsonl")))


def test_what_processes_left_is_looked_for_now_and_then(
    agent: Agent, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEFT_SECONDS", 600.0)
    leaves(agent, server)
    agent.start()
    eventually(lambda: not list(agent.jobs.glob("*.jsonl")))
    leaves(agent, server, "a2")
    for _ in range(3):
        agent.sees()
        eventually(lambda: server.taken == agent.all())
    assert len([request for request in server.requests if request.path == "/hosts/gpu-3/reports"]) == 1


def test_what_was_seen_until_the_end_is_sent(agent: Agent, server: Scripted) -> None:
    agent.sees()
    agent.start()
    eventually(lambda: server.taken == agent.all())
    agent.sees(5)
    assert agent.end() < 1.0
    assert server.taken == agent.all()


def test_it_ends_soon_while_the_server_hangs(agent: Agent, server: Scripted) -> None:
    agent.sees()
    agent.start()
    eventually(lambda: server.taken == agent.all())
    server.hang, count = True, len(server.samples)
    agent.sees(3)
    eventually(lambda: len(server.samples) > count)
    assert agent.end() < 1.0
    assert kept(agent.spool) == [0.0, 1.0, 2.0, 3.0]


def test_it_ends_soon_while_there_is_much_to_send(
    agent: Agent, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SAMPLES", 1)
    agent.sender._most = 1

    def slow(_: Request) -> None:
        time.sleep(0.02)

    server.refuse = slow
    agent.sees(1_000)
    agent.start()
    eventually(lambda: server.accepted > 2)
    assert agent.end() < 1.0
    assert server.accepted < 100
    assert server.taken == agent.all()[: server.accepted]

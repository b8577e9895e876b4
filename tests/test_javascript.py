"""``vain.js`` in Node: the promise of the Python watch, through lost connections, resets and refusals."""

from __future__ import annotations

import json
import random
import re
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests import typescript
from tests.stream_board import BoardInThread, board_in_thread
from tests.web.harness import running
from vain.errors import VainError
from vain.resuming import Hole, reader

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "vain/views/assets/vain.js"
TASKS = {"types": ["taskUpdate"]}
TIME = "2026-11-25T12:00:00.000Z"


class Following:
    """A program that follows; ``events`` takes so many lines of what it prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def events(self, count: int) -> list[dict[str, Any]]:
        assert self.process.stdout is not None
        return [json.loads(self.process.stdout.readline()) for _ in range(count)]

    def told(self, count: int) -> list[tuple[str, int, int]]:
        return [(event["action"], event["task_id"], event["version"]) for event in self.events(count)]

    def until(self, state: str) -> None:
        """Waits until the watch tells that it is in this state."""
        assert self.process.stderr is not None
        while (line := self.process.stderr.readline()) != f"{state}\n":
            assert line, f"it ended before it was {state}"


@contextmanager
def following(node_path: str, url: str, count: int, **options: Any) -> Iterator[Following]:
    """A program in Node that takes so many events and ends."""
    command = [node_path, str(ROOT / "tests/follow.mjs"), str(MODULE), json.dumps({"url": url, **options}), str(count)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield Following(process)
        finally:
            if process.poll() is None:
                process.kill()


@pytest.fixture
def server() -> Iterator[BoardInThread]:
    with board_in_thread() as server:
        yield server


pytestmark = pytest.mark.slow


def test_each_change_comes_once_through_lost_connections_and_restarts(server: BoardInThread, node_path: str) -> None:
    board = server.board
    server.do(board.create(1))
    with following(node_path, board.url, 5, **TASKS) as program:
        program.until("live")
        server.do(board.update(1))
        assert program.told(1) == [("updated", 1, 2)]
        server.do(board.cut(), board.update(1), board.stop(), board.create(2), board.start(), board.delete(1))
        assert program.told(3) == [("updated", 1, 3), ("created", 2, 1), ("deleted", 1, 3)]
        program.until("live")
        server.do(board.create(3))
        (last,) = program.events(1)
        assert (last["task_id"], last["position"]) == (3, "e1:6")
        # A loop that is left ends the watch, and with it the program.
        assert program.process.wait(10) == 0
    server.do(board.gone())


def test_a_position_a_snapshot_and_a_reset(server: BoardInThread, node_path: str) -> None:
    board = server.board
    board.part_size = 1
    server.do(board.create(1), board.create(2))
    with following(node_path, board.url, 1, since="e1:1", **TASKS) as program:
        assert program.told(1) == [("created", 2, 1)]
    with following(node_path, board.url, 2, snapshot=True, **TASKS) as program:
        (first,) = program.events(1)
        assert (first["type"], first["reset"], first["position"]) == ("snapshot", False, "e1:2")
        assert [task["task_id"] for task in first["tasks"]] == [1, 2]
        board.epoch = "e2"
        server.do(board.cut())
        (again,) = program.events(1)
        assert (again["reset"], again["reason"], again["position"]) == (True, "epoch", "e2:2")


def test_a_missing_event_is_fetched_and_one_that_comes_again_dropped(server: BoardInThread, node_path: str) -> None:
    board = server.board
    with following(node_path, board.url, 3, types=["taskUpdate", "notification"]) as program:
        program.until("live")
        server.do(board.create(1))
        kept, board.followers = board.followers, {}
        server.do(board.create(2))  # is told to nobody
        board.followers = kept
        server.do(board.send(**board.log[0]), board.create(3))
        assert [event["seq"] for event in program.events(3)] == [1, 2, 3]


def test_what_the_server_refuses_is_thrown(server: BoardInThread, node_path: str) -> None:
    board = server.board

    async def close() -> None:
        (connection,) = board.sockets
        await connection.close(4401, "The key has ended.")

    board.at["subscribed"] = close
    with following(node_path, board.url, 1, key="vain_ü") as program:
        assert program.events(1) == [{"refused": 4401, "detail": "The key has ended.", "errors": []}]
    board.refusal = HTTPStatus.SERVICE_UNAVAILABLE
    with following(node_path, board.url, 1, **TASKS) as program:
        program.until("waiting")
        board.refusal = None
        program.until("live")


KEY = "kÿ~?ø>"
CASES = {
    "a full queue": """
        for (let seq = 1; seq <= 2500; seq++) socket.say({ type: "notification", seq });
        expect(following.state, "full");
        const seen = [];
        for await (const event of following) {
          seen.push(event.seq);
          if (event.seq === 1000) break;
        }
        expect(seen.length, 1000);
        expect(following.position, "e:1000");
    """,
    "a full queue that was taken": """
        for (let seq = 1; seq <= 1000; seq++) socket.say({ type: "notification", seq });
        for (let seq = 1; seq <= 1000; seq++) await following.next();
        expect(following.state, "connecting");
        socket = await Fake.opened(2);
        expect(socket.sent[0].since, 1000);
    """,
    "a silent server": """
        clock = 100_000;
        for (const look of looks) look();
        expect(following.state, "waiting");
    """,
    "an end that the server announces": """
        socket.say({ type: "goaway", retry_seconds: 5 });
        socket.onclose({ code: 1012 });
        expect(pauses, [5000]);
    """,
    "pauses that grow": """
        for (let number = 2; number <= 9; number++) {
          socket.onclose({ code: 1006 });
          timers.pop()();
          socket = Fake.all.at(-1);
        }
        expect(pauses, [200, 400, 800, 1600, 3200, 6400, 10000, 10000]);
        socket.open();
        socket.say({ type: "resumed", epoch: "e", seq: 0 });
        socket.onclose({ code: 1006 });
        expect(pauses.at(-1), 200);
    """,
    "bookmarks": """
        following.close();
        const part = watch({ ...options, types: ["taskUpdate"], filter: { tag: "gpu", key: null } });
        socket = await Fake.opened(2);
        expect(socket.sent[0].filter, { tag: "gpu" });
        socket.say({ type: "resumed", epoch: "e", seq: 3 });
        socket.say({ type: "taskUpdate", seq: 5 });
        socket.say({ type: "bookmark", seq: 9 });
        expect(part.position, "e:3");
        await part.next();
        expect(part.position, "e:9");
    """,
    "a signal": """
        following.close();
        const controller = new AbortController();
        const other = watch({ ...options, signal: controller.signal });
        const waiting = other.next();
        controller.abort();
        expect(await waiting, { value: undefined, done: true });
        expect(await other.ended, undefined);
        expect(watch({ ...options, signal: controller.signal }).state, "ended");
    """,
    "a function for each event": """
        following.close();
        const order = [];
        const other = watch(options, async (event) => {
          order.push(`begin ${event.seq}`);
          await null;
          order.push(`end ${event.seq}`);
          if (event.seq === 2) other.close();
        });
        socket = await Fake.opened(2);
        socket.say({ type: "resumed", epoch: "e", seq: 0 });
        for (const seq of [1, 2, 3]) socket.say({ type: "notification", seq });
        await other.ended;
        expect(order, ["begin 1", "end 1", "begin 2", "end 2"]);
    """,
    "a key": f"""
        expect(socket.protocols, ["vain.v1", "vain.bearer.{urlsafe_b64encode(KEY.encode()).decode().rstrip("=")}"]);
    """,
    "another server": """
        following.close();
        const other = watch(options);
        const waiting = other.next().catch((error) => error.message);
        socket = await Fake.opened(2, "");
        expect(await waiting, "what answers does not speak vain.v1");
    """,
    "wrong options": """
        for (const wrong of [{ types: ["tasks"] }, { types: [] }, { since: "yesterday" }, { url: "ws://x" }]) {
          let thrown = null;
          try { watch({ ...options, ...wrong }); } catch (error) { thrown = error; }
          expect(thrown instanceof TypeError && thrown.message.includes(Object.keys(wrong)[0]), true);
        }
    """,
}
FAKES = """
import { watch } from %(module)s;
import { deepStrictEqual as expect } from "node:assert";
let clock, pauses, timers, looks;
Date.now = () => clock;
Math.random = () => 1;
globalThis.setTimeout = (work, pause) => { timers.push(work); pauses.push(pause); };
globalThis.setInterval = (work) => looks.push(work);
class Fake {
  static async opened(number, protocol = "vain.v1") {
    while (Fake.all.length < number) await null;
    Fake.all[number - 1].open(protocol);
    return Fake.all[number - 1];
  }
  constructor(address, protocols) { Object.assign(this, { address, protocols, sent: [] }); Fake.all.push(this); }
  open(protocol = "vain.v1") { this.protocol = protocol; this.onopen(); }
  send(text) { this.sent.push(JSON.parse(text)); }
  say(message) { this.onmessage?.({ data: JSON.stringify(message) }); }
  close() {}
}
const options = { url: "http://here/base/", WebSocket: Fake, key: %(key)s };
async function tried(work) {
  [clock, pauses, timers, looks, Fake.all] = [0, [], [], [], []];
  const following = watch(options);
  const socket = await Fake.opened(1);
  expect(socket.address, "ws://here/base/ws/tasks");
  socket.say({ type: "resumed", epoch: "e", seq: 0 });
  try {
    await work(following, socket);
    return null;
  } catch (error) {
    return String(error.stack);
  } finally {
    following.close();
  }
}
const cases = {%(cases)s};
const results = {};
for (const [name, work] of Object.entries(cases)) results[name] = await tried(work);
console.log(JSON.stringify(results));
"""


@pytest.fixture(scope="module")
def results(node_path: str) -> dict[str, str | None]:
    """What came of each case: None, or what was wrong. One Node for all of them."""
    cases = ", ".join(f"{json.dumps(name)}: async (following, socket) => {{ {work} }}" for name, work in CASES.items())
    program = FAKES % {"module": json.dumps(MODULE.as_uri()), "key": json.dumps(KEY), "cases": cases}
    command = [node_path, "--input-type=module"]
    run = subprocess.run(command, input=program, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 0, run.stderr
    found: dict[str, str | None] = json.loads(run.stdout)
    return found


@pytest.mark.parametrize("case", CASES)
def test_a_watch_over_a_socket_that_obeys(case: str, results: dict[str, str | None]) -> None:
    assert results[case] is None


def test_a_key_opens_a_server_that_has_keys_and_a_wrong_one_is_refused(tmp_path: Path, node_path: str) -> None:
    with running(tmp_path) as run:
        secret = run.on_loop(lambda: run.server._services.keys.create("node", "write"))[1]
        url = f"http://localhost:{run.port}"
        with following(node_path, url, 1, key=secret, **TASKS) as program:
            program.until("live")
            run.call("POST", "/tasks", {"name": "job"}, {"Authorization": f"Bearer {secret}"})
            assert program.told(1) == [("created", 1, 1)]
        with following(node_path, url, 1, key="vain_wrong", **TASKS) as program:
            (end,) = program.events(1)
            assert end["refused"] == 4401


READERS = """
import { Reader } from %s;
const results = %s.map(({ options, messages }) => {
  const reader = new Reader(options);
  reader.subscription();
  return messages.map((message) => {
    try {
      const event = reader.take(message);
      const { position } = reader;
      return [event && event.type, position && `${position.epoch}:${position.seq}`, reader.isPlaced];
    } catch (error) {
      return "thrown";
    }
  });
});
console.log(JSON.stringify(results));
"""


def some_message(dice: random.Random) -> dict[str, Any]:
    """One that a server might send, or should not."""
    type_ = dice.choice(["snapshot", "resumed", "bookmark", "goaway", "error", "notification", "taskUpdate", "other"])
    message = {"type": type_, "epoch": dice.choice("ef"), "seq": dice.randint(5, 9), "timestamp": TIME}
    task = {"task_id": 1, "name": "a", "status": "pending", "priority": "low", "created_at": TIME}
    more: dict[str, dict[str, Any]] = {
        "snapshot": {"tasks": [task], "reset": dice.random() < 0.5, "more": dice.random() < 0.3, "removed": [2]},
        "error": {"status": dice.choice([422, 503]), "title": "no", "detail": "no"},
        "goaway": {"retry_seconds": 1.5},
        "notification": {"notification_id": 1, "kind": "k", "level": "info", "title": "t"},
        "taskUpdate": {**task, "action": "updated"},
    }
    return message | more.get(type_, {})


def decided(case: dict[str, Any]) -> list[object]:
    """What the reader of Python makes of each message."""
    options = case["options"]
    begun = reader(options["types"], options["since"], options["snapshot"], **options["filter"])
    begun.subscription()
    given: list[object] = []
    for message in case["messages"]:
        try:
            event = begun.take(json.dumps(message))
        except (Hole, VainError):
            given.append("thrown")
        else:
            position = None if begun.position is None else str(begun.position)
            given.append([None if event is None else message["type"], position, begun.is_placed])
    return given


def test_both_readers_decide_alike(node_path: str) -> None:
    dice = random.Random(6)
    options = [
        {"types": types, "since": since, "snapshot": snapshot, "filter": filter_}
        for types in (["taskUpdate", "notification"], ["notification"], ["taskUpdate"])
        for since in (None, "e:6")
        for snapshot in (True, False)
        for filter_ in ({}, {"tag": "x"})
    ]
    cases = [{"options": dice.choice(options), "messages": [some_message(dice) for _ in range(12)]} for _ in range(600)]
    program = READERS % (json.dumps(MODULE.as_uri()), json.dumps(cases))
    command = [node_path, "--input-type=module"]
    run = subprocess.run(command, input=program, capture_output=True, text=True, timeout=30, check=True)
    results = json.loads(run.stdout)
    assert len(results) == len(cases)
    for case, found in zip(cases, results, strict=True):
        assert found == decided(case), case


def test_the_declarations_say_what_the_messages_are() -> None:
    assert typescript.DECLARATIONS.read_text("utf-8") == typescript.whole()


def test_what_is_exported_is_declared() -> None:
    pattern = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.MULTILINE)
    exported = set(pattern.findall(MODULE.read_text("utf-8")))
    assert exported >= set(pattern.findall(typescript.DECLARATIONS.read_text("utf-8"))) == {"watch", "Watch", "Refused"}

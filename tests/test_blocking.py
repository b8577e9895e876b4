"""The watch of a plain script: the same promise as with asyncio, without an event loop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from tests.stream_board import BoardInThread, board_in_thread
from vain import resuming
from vain.blocking import BlockingWatch
from vain.client import Client
from vain.errors import Forbidden, Unavailable
from vain.happened import Event, Snapshot, TaskChange


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "SHORTEST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[BoardInThread]:
    with board_in_thread() as server:
        yield server
    # What was not closed is a ResourceWarning once it is collected, and with it an error.
    gc.collect()


def opened(server: BoardInThread, **wanted: Any) -> BlockingWatch:
    watch = Client(server.board.url, timeout_seconds=5).watch(["taskUpdate"], **wanted)
    watch.open()
    return watch


def told(event: Event) -> tuple[str, int, int]:
    assert isinstance(event, TaskChange)
    return event.action, event.task.task_id, event.task.version


def test_each_change_comes_once_through_a_lost_connection_and_a_restart(server: BoardInThread) -> None:
    board = server.board
    with opened(server) as watch:
        server.do(board.create(1))
        assert told(next(watch)) == ("created", 1, 1)
        server.do(board.cut(), board.update(1))
        assert told(next(watch)) == ("updated", 1, 2)
        server.do(board.stop(), board.update(1), board.update(1), board.start())
        assert [told(next(watch)), told(next(watch))] == [("updated", 1, 3), ("updated", 1, 4)]
        assert watch.position == "e1:4"


def test_a_program_goes_on_where_it_stopped(server: BoardInThread) -> None:
    board = server.board
    with opened(server) as watch:
        server.do(board.create(1), board.create(2))
        for event in watch:
            assert told(event) == ("created", 1, 1)
            break
        position = watch.position
    with opened(server, since=position) as watch:
        assert told(next(watch)) == ("created", 2, 1)


def test_a_reset_is_told(server: BoardInThread) -> None:
    board = server.board
    with opened(server) as watch:
        server.do(board.stop(), board.create(1))
        board.epoch = "e2"
        server.do(board.start())
        event = next(watch)
        assert isinstance(event, Snapshot) and event.reset and event.reason == "epoch" and len(event.tasks) == 1


def test_a_loop_that_is_left_ends_the_connection(server: BoardInThread) -> None:
    board = server.board
    watch = opened(server)
    server.do(board.create(1))
    for _ in watch:
        break
    del watch
    server.do(board.gone())


def test_leaving_with_ends_the_connection_and_the_loop(server: BoardInThread) -> None:
    with opened(server) as watch:
        pass
    server.do(server.board.gone())
    assert list(watch) == []
    watch.close()


@pytest.mark.parametrize("state", ["listening", "waiting"])
def test_another_thread_ends_it(server: BoardInThread, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = opened(server)
    seen: list[Event] = []
    follower = threading.Thread(target=lambda: seen.extend(watch))
    if state == "waiting":
        monkeypatch.setattr(resuming.Pauses, "next_seconds", lambda pauses, asked: 60.0)
        server.do(server.board.stop())
    follower.start()
    watch.close()
    follower.join(5)
    assert not follower.is_alive() and seen == []


def test_a_refusal_is_raised(server: BoardInThread) -> None:
    server.board.refusal = HTTPStatus.FORBIDDEN
    with Client(server.board.url).watch() as watch, pytest.raises(Forbidden, match="Not you"):
        next(watch)


def test_open_says_that_it_was_closed(server: BoardInThread) -> None:
    watch = Client(server.board.url).watch()
    watch.close()
    with pytest.raises(Unavailable):
        watch.open()


def test_it_works_where_an_event_loop_runs(server: BoardInThread) -> None:
    async def cell() -> tuple[str, int, int]:
        with opened(server) as watch:
            server.do(server.board.create(1))
            return told(next(watch))

    assert asyncio.run(cell()) == ("created", 1, 1)


@pytest.mark.slow
def test_ctrl_c_ends_a_script_that_waits(server: BoardInThread) -> None:
    script = """
import vain
try:
    with vain.Client().watch() as watch:
        watch.open()
        print("open", flush=True)
        for event in watch:
            print("never")
except KeyboardInterrupt:
    print("ended", watch.position)
"""
    environment = {**os.environ, "VAIN_URL": server.board.url}
    command = [sys.executable, "-W", "error", "-c", script]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "open\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=15) == ("ended e1:0\n", "") and process.returncode == 0
    server.do(server.board.gone())

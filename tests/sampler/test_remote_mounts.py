from __future__ import annotations

import threading
import time
from typing import Any

from vain.sampler.machine import Usage
from vain.sampler.remote_mounts import RemoteMount, RemoteMounts


class Server:
    """Answers only while it is up; who asks meanwhile hangs."""

    def __init__(self, up: bool = True) -> None:
        self.up = threading.Event()
        self.error: OSError | None = None
        self.calls = 0
        if up:
            self.up.set()

    def usage(self, path: str) -> Usage:
        self.calls += 1
        assert self.up.wait(10)
        if self.error:
            raise self.error
        return Usage(100, 50, 50)


def settle(mount: RemoteMount) -> None:
    """Until the thread has nothing more to answer."""
    limit = time.monotonic() + 5
    while mount.pending:
        assert time.monotonic() < limit
        threading.Event().wait(0.001)


def threads(point: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == f"remote mount {point}"]


def test_first_look_asks_and_the_next_has_the_answer(dial: Any) -> None:
    mount = RemoteMount("/nfs", Server().usage, dial)
    mount.look()
    settle(mount)
    assert mount.look() == (Usage(100, 50, 50), True)
    mount.close()


def test_dead_server_is_unreachable_and_no_look_waits_for_it(dial: Any) -> None:
    server = Server(up=False)
    mount = RemoteMount("/nfs", server.usage, dial)
    assert mount.look() == (None, True)
    dial.seconds += 5.1
    began = time.perf_counter()
    assert mount.look() == (None, False)
    assert time.perf_counter() - began < 1
    server.up.set()
    mount.close()


def test_dead_server_is_asked_once_however_long_it_is_dead(dial: Any) -> None:
    server = Server(up=False)
    mount = RemoteMount("/nfs", server.usage, dial)
    for _ in range(100):
        mount.look()
        dial.seconds += 60
    server.up.set()
    settle(mount)
    assert server.calls == 1
    mount.close()


def test_server_that_comes_back_is_reachable_again(dial: Any) -> None:
    server = Server(up=False)
    mount = RemoteMount("/nfs", server.usage, dial)
    mount.look()
    dial.seconds += 60
    assert mount.look() == (None, False)
    server.up.set()
    settle(mount)
    assert mount.look() == (Usage(100, 50, 50), True)
    mount.close()


def test_server_that_fails_is_asked_less_and_less_often(dial: Any) -> None:
    server = Server()
    server.error = OSError("stale file handle")
    mount = RemoteMount("/nfs", server.usage, dial)
    for _ in range(100):
        mount.look()
        settle(mount)
        dial.seconds += 10
    assert mount.look() == (None, False)
    assert 4 <= server.calls <= 8
    mount.close()


def test_server_that_answers_is_asked_every_ten_seconds(dial: Any) -> None:
    server = Server()
    mount = RemoteMount("/nfs", server.usage, dial)
    for _ in range(100):
        mount.look()
        settle(mount)
        dial.seconds += 1
    assert 9 <= server.calls <= 11
    mount.close()


def test_mount_that_went_while_it_hung_gets_no_second_thread_when_it_is_back(dial: Any) -> None:
    server = Server(up=False)
    mounts = RemoteMounts(server.usage, dial)
    mounts.look("/went")
    mounts.keep([])
    mounts.look("/went")
    assert len(threads("/went")) == 1
    server.up.set()
    mounts.close()


def test_mount_that_is_gone_ends_its_thread(dial: Any) -> None:
    mounts = RemoteMounts(Server().usage, dial)
    mounts.look("/gone")
    [thread] = threads("/gone")
    for _ in range(1000):
        mounts.keep([])
        thread.join(0.01)
        if not thread.is_alive():
            break
    assert not thread.is_alive()

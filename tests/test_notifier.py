"""Errors of our own become notifications, and notifications are read and marked."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store.opened import Opened, with_store
from vain import notifier
from vain.errors import NotFound
from vain.hub import Hub
from vain.notification import Notice
from vain.notifier import ERROR_PAUSE_SECONDS, ErrorNotices, Notifier
from vain.told import NotificationQuery

NOW = "2026-01-01T00:00:00.000Z"


class Hands:
    """A monotonic clock that stands until it is moved."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


Work = Callable[[Notifier, Hands, Opened], Awaitable[Any]]


def notified(folder: Path, work: Work) -> Any:
    async def main(made: Opened) -> Any:
        clock = Hands()
        told = Notifier(made.store, Hub(made.store.epoch, 0), lambda: NOW)
        try:
            return await work(told, clock, made)
        finally:
            await told.close()

    return with_store(folder, main)


def test_the_newest_come_first_and_can_be_read(tmp_path: Path) -> None:
    async def work(told: Notifier, clock: Hands, made: Opened) -> None:
        for number in range(5):
            told.tell(Notice("test", "info", f"n{number}"))
        await told.close()
        assert [found.title for found in await told.newest(NotificationQuery(3))] == ["n4", "n3", "n2"]
        assert (await told.mark_read(2)).read
        assert [found.read for found in await told.newest(NotificationQuery(9))] == [False] * 3 + [
            True,
            False,
        ]
        assert not (await told.mark_read(2, False)).read
        with pytest.raises(NotFound):
            await told.mark_read(6)

    notified(tmp_path, work)


def test_too_many_notices_are_dropped_and_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work(told: Notifier, clock: Hands, made: Opened) -> None:
        for _ in range(notifier.MOST_PENDING + 5):
            told.tell(Notice("test", "info", "t"))
        await told.close()
        assert len(made.published) == notifier.MOST_PENDING

    notified(tmp_path, work)
    assert sum("was dropped" in record.message for record in caplog.records) == 5


def test_a_notice_that_cannot_be_encoded_does_not_stop_the_notifier(tmp_path: Path) -> None:
    """A mount's name need not be text: Python gives it with lone surrogates."""

    async def work(told: Notifier, clock: Hands, made: Opened) -> None:
        told.tell(Notice("test", "info", "disk /mnt/\udcff"))
        told.tell(Notice("test", "info", "after"))
        await told.close()
        assert (await told.newest(NotificationQuery(1)))[0].title == "after"

    notified(tmp_path, work)


def logged(told: Notifier, clock: Hands) -> logging.Logger:
    """A logger of vAIn's whose errors are told, and which nobody else hears."""
    logger = logging.getLogger("vain-tests.sampler")
    logger.handlers.clear()
    logger.propagate = False
    logger.addHandler(ErrorNotices(told, asyncio.get_running_loop(), clock))
    return logger


def test_an_error_in_any_thread_is_told_once_a_minute(tmp_path: Path) -> None:
    async def work(told: Notifier, clock: Hands, made: Opened) -> None:
        logger = logged(told, clock)

        def fail() -> None:
            for _ in range(3):
                logger.error("No %s", "disk")
            logger.warning("not this")

        for _ in range(2):
            await asyncio.to_thread(fail)
            clock.seconds += ERROR_PAUSE_SECONDS
        await asyncio.sleep(0.01)
        await told.close()
        found = await told.newest(NotificationQuery(9))
        assert [(notice.kind, notice.level, notice.message) for notice in found] == [
            ("vain.error", "error", "No disk")
        ] * 2

    notified(tmp_path, work)


def test_an_exception_is_told_by_its_kind_and_never_by_its_text(tmp_path: Path) -> None:
    async def work(told: Notifier, clock: Hands, made: Opened) -> None:
        try:
            raise ValueError("a secret")
        except ValueError:
            logged(told, clock).exception("It failed")
        await asyncio.sleep(0.01)
        await told.close()
        assert (await told.newest(NotificationQuery(1)))[0].message == "It failed: ValueError"

    notified(tmp_path, work)


def test_an_error_after_the_end_of_the_loop_is_no_error(tmp_path: Path) -> None:
    handlers: list[ErrorNotices] = []

    async def work(told: Notifier, clock: Hands, made: Opened) -> None:
        handlers.append(ErrorNotices(told, asyncio.get_running_loop(), clock))

    notified(tmp_path, work)
    record = logging.LogRecord("vain.x", logging.ERROR, "", 0, "late", None, None)
    thread = threading.Thread(target=handlers[0].emit, args=(record,))
    thread.start()
    thread.join()
    assert not thread.is_alive()

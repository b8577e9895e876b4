"""A coroutine that is begun at once ends like one in a task."""

from __future__ import annotations

import asyncio

import pytest

from vain.web.begin import begin


class Owner:
    """Keeps the task, as an exchange does."""

    task: asyncio.Task[None] | None = None

    def __call__(self, task: asyncio.Task[None]) -> None:
        self.task = task


def test_what_need_not_wait_is_done_at_once() -> None:
    done = []

    async def work() -> None:
        done.append("all")

    async def main() -> None:
        own = Owner()
        begin(work(), own)
        assert done == ["all"] and own.task is None

    asyncio.run(main())


def test_what_waits_once_needs_no_task() -> None:
    done = []

    async def main() -> None:
        awaited: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            done.append(await awaited)

        own = Owner()
        begin(work(), own)
        awaited.set_result("came")
        await asyncio.sleep(0)
        assert done == ["came"] and own.task is None

    asyncio.run(main())


def test_what_waits_more_often_ends_in_a_task() -> None:
    done = []

    async def work() -> None:
        for wait_seconds in (0.0, 0.001, 0.0, 0.001):
            await asyncio.sleep(wait_seconds)
        async with asyncio.timeout(1):
            await asyncio.sleep(0)
        done.append("all")

    async def main() -> None:
        own = Owner()
        begin(work(), own)
        await asyncio.sleep(0.05)
        assert own.task is not None
        await own.task

    asyncio.run(main())
    assert done == ["all"]


def test_a_failure_of_what_is_awaited_reaches_the_coroutine() -> None:
    heard = []

    async def main() -> None:
        awaited: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            try:
                await awaited
            except ValueError as error:
                heard.append(str(error))

        begin(work(), Owner())
        awaited.set_exception(ValueError("told"))
        await asyncio.sleep(0)

    asyncio.run(main())
    assert heard == ["told"]


def test_a_cancellation_of_the_task_reaches_the_coroutine() -> None:
    heard = []

    async def work() -> None:
        await asyncio.sleep(0)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    async def main() -> None:
        own = Owner()
        begin(work(), own)
        await asyncio.sleep(0.01)
        assert own.task is not None
        own.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await own.task

    asyncio.run(main())
    assert heard == ["cancelled"]

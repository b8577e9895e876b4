"""What blocks has one thread, is not done twice, and holds nobody up."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from vain.delivery.aside import Aside


def test_who_comes_back_with_the_same_key_gets_what_was_begun() -> None:
    go_on, runs = threading.Event(), list[str]()

    def slow() -> str:
        runs.append(threading.current_thread().name)
        go_on.wait(10)
        return "done"

    async def main() -> str:
        aside: Aside[str] = Aside("aside")
        with pytest.raises(TimeoutError, match="nothing came in"):
            await aside.call(1, slow, 0.05)
        go_on.set()
        return await aside.call(1, slow, 5)

    assert asyncio.run(main()) == "done"
    assert runs == ["aside"]


def test_while_one_hangs_no_second_is_begun() -> None:
    go_on = threading.Event()

    async def main() -> None:
        aside: Aside[bool] = Aside("aside")
        with pytest.raises(TimeoutError):
            await aside.call(1, lambda: go_on.wait(10), 0.01)
        with pytest.raises(TimeoutError, match="still goes on"):
            await aside.call(2, lambda: True, 5)
        go_on.set()
        await asyncio.sleep(0.1)
        assert await aside.call(2, lambda: True, 5)

    asyncio.run(main())


def test_what_it_raises_is_raised_and_the_loop_goes_on_meanwhile() -> None:
    def fails() -> None:
        time.sleep(0.2)
        raise KeyError("x")

    async def main() -> int:
        call = asyncio.ensure_future(Aside[None]("aside").call(1, fails, 5))
        steps = 0
        while not call.done():
            await asyncio.sleep(0.01)
            steps += 1
        with pytest.raises(KeyError):
            await call
        return steps

    assert asyncio.run(main()) > 5


def test_the_end_of_the_loop_does_not_wait_for_it() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            await Aside[bool]("aside").call(1, lambda: threading.Event().wait(3), 0.01)

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 2

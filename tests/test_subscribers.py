"""Callbacks on the loop that asked for them."""

from __future__ import annotations

import asyncio
import threading

from vain.subscribers import Subscribers


def test_callbacks_run_on_their_loop_whoever_tells() -> None:
    async def main() -> None:
        subscribers, called = Subscribers(), asyncio.Queue[int]()
        subscribers.add(lambda: called.put_nowait(threading.get_ident()))
        teller = threading.Thread(target=subscribers.tell)
        teller.start()
        assert await asyncio.wait_for(called.get(), 5) == threading.get_ident()
        teller.join()

    asyncio.run(main())


def test_news_that_come_together_are_one_call() -> None:
    async def main() -> None:
        subscribers, called = Subscribers(), list[None]()
        subscribers.add(lambda: called.append(None))
        for _ in range(1000):
            subscribers.tell()
        await asyncio.sleep(0)
        assert len(called) == 1
        subscribers.tell()
        await asyncio.sleep(0)
        assert len(called) == 2

    asyncio.run(main())


def test_who_leaves_is_not_called_even_if_a_call_was_due() -> None:
    async def main() -> None:
        subscribers, called = Subscribers(), list[None]()
        leave = subscribers.add(lambda: called.append(None))
        subscribers.tell()
        leave()
        leave()
        await asyncio.sleep(0)
        assert called == []

    asyncio.run(main())


def test_a_closed_loop_is_forgotten() -> None:
    subscribers = Subscribers()

    async def join() -> None:
        subscribers.add(lambda: None)

    asyncio.run(join())
    subscribers.tell()
    assert subscribers._subscribers == []

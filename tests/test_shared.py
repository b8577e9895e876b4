"""One answer for all who ask the same, and nothing of who asked first is kept with it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextvars import ContextVar, copy_context

import pytest

from vain.shared import SharedReads

PAGE: ContextVar[object] = ContextVar("PAGE")


class Page:
    """Stands for the document of a session."""


def test_equal_questions_are_read_once() -> None:
    async def main() -> tuple[list[str], int]:
        reads: SharedReads[str, str] = SharedReads(4)
        asked: list[str] = []

        async def read() -> str:
            asked.append("x")
            await asyncio.sleep(0)
            return "answer"

        answers = await asyncio.gather(*(reads.get("q", read) for _ in range(5)))
        return answers, len(asked)

    assert asyncio.run(main()) == (["answer"] * 5, 1)


def test_a_failure_is_not_kept_and_the_number_is_bounded() -> None:
    async def main() -> int:
        reads: SharedReads[int, int] = SharedReads(2)

        async def fail() -> int:
            raise ValueError("once")

        async def read() -> int:
            return 7

        with pytest.raises(ValueError, match="once"):
            await reads.get(0, fail)
        assert await reads.get(0, read) == 7
        for question in range(10):
            await reads.get(question, read)
        return len(reads)

    assert asyncio.run(main()) == 2


def test_the_page_that_asked_first_is_not_kept_alive() -> None:
    async def main() -> object:
        reads: SharedReads[str, int] = SharedReads(2)

        async def read() -> int:
            return 7

        page = Page()
        gone = weakref.ref(page)
        context = copy_context()
        context.run(PAGE.set, page)
        await asyncio.get_running_loop().create_task(reads.get("q", read), context=context)
        del page, context
        await asyncio.sleep(0)  # the loop lets go of the task that has ended
        gc.collect()
        return gone()

    assert asyncio.run(main()) is None

"""What the loop tells of tasks that nobody awaited."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest
from tornado.websocket import WebSocketClosedError

from vain.web.loop import run


async def _fails(error: Exception) -> None:
    raise error


async def _left(error: Exception) -> None:
    task = asyncio.get_running_loop().create_task(_fails(error))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()


@pytest.mark.parametrize(("error", "told"), [(WebSocketClosedError(), 0), (ValueError("x"), 1)])
def test_a_browser_that_left_is_no_error_and_all_else_is(
    error: Exception, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "asyncio"):
        run(_left(error))
    assert len(caplog.records) == told

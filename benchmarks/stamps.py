"""Messages that say when they were sent, and the even rate at which ``benchmarks/fanout.py`` has them sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

MARK = b',"message":"'
"""What stands before the time. With the comma, since what the message was before stands in an event of vAIn as well."""
FEWEST_WAKES_PER_SECOND = 200
"""So often at least a sender comes round; what falls due in between it sends together."""
SHORTEST_WAIT_SECONDS = 0.001
"""The step of uvloop's clock: what is shorter would be no wait at all."""


def stamped(size_bytes: int) -> bytes:
    """A task event of this size, written now. Raises ValueError for a size that has no room for what it says."""
    head = b'{"type":"taskUpdate","task_id":1%s%d","filling":"' % (MARK, time.monotonic_ns())
    if size_bytes < len(head) + 2:
        raise ValueError(f"an event has at least {len(head) + 2} bytes")
    return head.ljust(size_bytes - 2, b"x") + b'"}'


def stamps_in(data: bytes) -> list[int]:
    """The times in these bytes. Of a message that was cut in two the time is lost, and the delivery not counted."""
    times, at = [], data.find(MARK)
    while at >= 0:
        at += len(MARK)
        end = data.find(b'"', at)
        digits = data[at:end] if end > 0 else b""
        if digits.isdigit():
            times.append(int(digits))
        at = data.find(MARK, at)
    return times


class Pace:
    """Evenly so many a second. What a late sender has missed it does not make up for, beyond what one wake sends."""

    def __init__(self, per_second: int) -> None:
        self._per_second, self._most = per_second, max(1, per_second // FEWEST_WAKES_PER_SECOND)
        self._began, self._done = time.monotonic(), 0

    def due(self) -> int:
        """How many are to be sent now."""
        reached = int((time.monotonic() - self._began) * self._per_second)
        count, self._done = min(reached - self._done, self._most), reached
        return count

    def wait_seconds(self) -> float:
        """Until the next one is due."""
        return max(SHORTEST_WAIT_SECONDS, self._began + (self._done + 1) / self._per_second - time.monotonic())


async def publish(per_second: int, send: Callable[[], None]) -> None:
    """Call ``send`` at this rate for as long as the loop runs."""
    pace = Pace(per_second)
    while True:
        await asyncio.sleep(pace.wait_seconds())
        for _ in range(pace.due()):
            send()

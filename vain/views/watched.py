"""Rules, what fires and who is silenced, as one session reads and changes them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from vain.alerting.alert import ShownRule, Silence
from vain.clock import Clock
from vain.errors import Flaw, VainError
from vain.views.live import Live
from vain.views.lookback import WENT_WRONG

logger = logging.getLogger(__name__)

RENEW_SECONDS: Final = 10.0
"""Another session's rule is no event, so it is looked at again after so long."""
REFRESH_SECONDS: Final = 1.0
"""Where tasks change by the hundred, the rules are not read for each of them."""

Change = Callable[[], Awaitable[object]]
Told = Callable[[VainError | None], None]


class Watched:
    """Read over a ``Live``; ``on_read`` is called after each look. Loop only, one read at a time."""

    def __init__(self, live: Live, clock: Clock = time.monotonic) -> None:
        self.live, self._clock = live, clock
        self.rules: list[ShownRule] = []
        self.silences: list[Silence] = []
        self.is_known = False
        self.trouble = ""
        self.on_read: list[Callable[[], None]] = []
        self._reads, self._is_asked = False, False
        self._seen_seq, self._read_at = -1, 0.0
        live.param.watch(lambda _event: self._follow(), "tick")
        self.renew()

    def renew(self) -> None:
        """Read again; while a read is under way, once more after it."""
        self._is_asked = True
        if self._reads:
            return
        self._reads, self._is_asked = True, False
        self._seen_seq, self._read_at = self.live.source.seq, self._clock()
        self.live.fetch(self._read, self._show)

    def change(self, work: Change, told: Told) -> None:
        """Do something of it, then read again; ``told`` gets what went wrong, or None."""
        self.live.fetch(lambda: _error_of(work), lambda error: self._changed(error, told))

    def _changed(self, error: VainError | None, told: Told) -> None:
        told(error)
        self.renew()

    def _follow(self) -> None:
        waited = self._clock() - self._read_at
        if waited >= RENEW_SECONDS or (self._seen_seq != self.live.source.seq and waited >= REFRESH_SECONDS):
            self.renew()

    async def _read(self) -> tuple[list[ShownRule], list[Silence]] | str:
        source = self.live.source
        try:
            return await asyncio.gather(source.rules(), source.silences())
        except VainError as error:
            return error.detail
        except Exception:
            logger.exception("The rules could not be read")
            return WENT_WRONG

    def _show(self, found: tuple[list[ShownRule], list[Silence]] | str) -> None:
        self._reads = False
        if isinstance(found, str):
            self.trouble = found
        else:
            (self.rules, self.silences), self.trouble, self.is_known = found, "", True
        for each in self.on_read:
            each()
        if self._is_asked:
            self.renew()


async def _error_of(work: Change) -> VainError | None:
    try:
        await work()
    except VainError as error:
        return error
    except Exception:
        logger.exception("A change of the rules failed")
        return VainError(WENT_WRONG, [Flaw(WENT_WRONG, pointer="")])
    return None

"""SIGTERM: the process dies of it as it would have, after its open runs were ended as cancelled."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType


def install(end: Callable[[], None]) -> bool:
    """Take SIGTERM, if nobody else did. False: undecided, for Python allows it in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return True

    def terminated(number: int, frame: FrameType | None) -> None:
        try:
            end()
        finally:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, terminated)
    return True

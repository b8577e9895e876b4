"""What the processes of tasks use: whole trees of them, with the shortest children and with orphans."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Protocol

from vain.accounting import Look, Watched
from vain.busiest import Process
from vain.sampler.trees.linux import GpuProcesses, LinuxTrees
from vain.sampler.trees.portable import PortableTrees
from vain.samples import Attribution

logger = logging.getLogger(__name__)


class _Trees(Protocol):
    def look(self, watched: Sequence[Watched]) -> tuple[list[Look], Attribution | None]: ...

    def busiest(self) -> list[Process] | None: ...

    def take_strangers(self) -> list[str] | None: ...

    def close(self) -> None: ...


class ProcessTrees:
    """Looks at the trees of all running tasks at once. One thread calls it, once a second.

    ``gpus`` tells what each process uses of GPUs; ``trees`` is for tests.
    """

    def __init__(self, gpus: GpuProcesses | None = None, trees: _Trees | None = None) -> None:
        self._trees: _Trees = trees or (LinuxTrees(gpus=gpus) if sys.platform == "linux" else PortableTrees())
        self._is_failing = False

    def look(self, watched: Sequence[Watched]) -> tuple[list[Look], Attribution | None]:
        """What each of these uses, and which share of the machine that is; None while nothing is watched.

        Never raises: what cannot be read is unknown, and nobody is said to be gone for it.
        """
        try:
            found = self._trees.look(watched)
        except Exception:
            if not self._is_failing:  # once, not once a second
                self._is_failing = True
                logger.exception("The processes of tasks cannot be read")
            return [Look(key=each.key, alive=None) for each in watched], None
        self._is_failing = False
        return found

    def busiest(self) -> list[Process] | None:
        """The busiest processes of the machine, every five seconds; None in between, and at the first look.

        Called after ``look``. Never raises.
        """
        try:
            return self._trees.busiest()
        except Exception:
            if not self._is_failing:
                self._is_failing = True
                logger.exception("The busiest processes cannot be read")
            return None

    def take_strangers(self) -> list[str] | None:
        """The runs that processes carry in their environment and nobody watches here, as the last walk of all
        processes saw them; None if there was none since this was last asked."""
        return self._trees.take_strangers()

    def close(self) -> None:
        """Let go of what is open."""
        self._trees.close()

"""A command of the administrator for each notification, which it reads as JSON from its standard input. No shell."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress

from vain.delivery.sending import Kind, Parcel, Refused

LIMIT_SECONDS = 30.0
GRACE_SECONDS = 2.0
"""So long a command that takes too long has to end by itself, before it is killed."""
MOST_TRIES = 5


class Command:
    """One program and its arguments; ``environment`` is all that it gets of it."""

    kind: Kind = "command"
    target = "command"
    most_tries = MOST_TRIES
    takes_many = takes_charts = False

    def __init__(
        self, argv: Sequence[str], environment: Mapping[str, str], host: str, limit_seconds: float = LIMIT_SECONDS
    ) -> None:
        self._argv, self._environment, self._host = tuple(argv), dict(environment), host
        self._limit_seconds = limit_seconds

    async def send(self, parcel: Parcel) -> None:
        """See ``Sender``: an exit code of 0 means that it is taken."""
        body = parcel.json(self._host)
        process = await self._start()
        try:
            async with asyncio.timeout(self._limit_seconds):
                await process.communicate(body + b"\n")
        except TimeoutError:
            raise Refused(f"it did not end within {self._limit_seconds:g} s") from None
        finally:
            if process.returncode is None:
                await asyncio.shield(_end(process))
        if process.returncode:
            raise Refused(_said_of(process.returncode))

    async def _start(self) -> Process:
        try:
            # A session of its own, so that it can be ended with all that it started.
            return await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=PIPE,
                stdout=DEVNULL,
                stderr=DEVNULL,
                env=self._environment,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise Refused("there is no such program") from None
        except (OSError, ValueError) as error:
            raise Refused(f"it could not be started: {type(error).__name__}") from None


async def _end(process: Process) -> None:
    """End it with its whole group, of which some may not want to end."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE_SECONDS)


def _said_of(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"it was ended by signal {-code}"

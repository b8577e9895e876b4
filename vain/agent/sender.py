"""Sends what the spool has, on a thread of its own: at once while the server answers, all of it once it does again."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Protocol
from urllib.parse import quote

from msgspec import UNSET, Raw

from vain.agent.left import Left, Refused
from vain.agent.seen import Seen
from vain.agent.spool import AgentSpool
from vain.clock import Clock
from vain.codec import decode, encode
from vain.costs import Cost
from vain.errors import VainError
from vain.hosts import MOST_SAMPLES, HostCost, SentReport, Taken, WatchedTask
from vain.report.connection import Answer, Connection, Unanswered

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
REFUSED_PAUSE_SECONDS = 30.0
"""After an answer that another try does not change, such as a key that is not valid."""
FULL_PAUSE_SECONDS = 1.0
STOP_SECONDS = 1.0
"""So long after ``stop`` it is still tried to send the rest."""
LARGEST_BODY_BYTES = 4 << 20
LEFT_SECONDS = 5.0
"""How often it is looked for what processes left that are gone."""
COMPLAINT_SECONDS = 300.0
JSON: Mapping[str, str] = {"Content-Type": "application/json"}

logger = logging.getLogger(__name__)


class Watching(Protocol):
    """What is needed of ``vain.watch.Watch``."""

    costs: dict[int, Cost]
    boot_id: str | None

    def take_strangers(self) -> list[str]: ...


class Sender:
    """``run`` until ``stop``. ``watch`` is told which tasks to look at by ``follow_all``."""

    def __init__(
        self,
        connection: Connection,
        host: str,
        agent: str,
        period_seconds: float,
        spool: AgentSpool,
        seen: Seen,
        left: Left,
        watch: Watching,
        follow_all: Callable[[list[WatchedTask]], None],
        version: str = "",
        wall: Clock = time.time,
    ) -> None:
        self._connection, self._host, self._agent, self._period_seconds = connection, host, agent, period_seconds
        self._spool, self._seen, self._left, self._watch, self._follow_all = spool, seen, left, watch, follow_all
        self._version, self._wall = version, wall
        self._path = f"/hosts/{quote(host, safe='')}"
        self._woken, self._stopping = Event(), Event()
        self._ends_at = float("inf")
        self._session: str | None = None
        self._sent = 0
        """The number of the newest sample that the server has."""
        self._given_up = 0
        """The number of the newest sample that it does not want."""
        self._watching = 0
        self._round_trip: float | None = None
        self._pause, self._most = FIRST_PAUSE_SECONDS, MOST_SAMPLES
        self._left_at = float("-inf")
        self._complained_at = float("-inf")
        self.is_connected = False

    def wake(self) -> None:
        """There is something new."""
        self._woken.set()

    def stop(self) -> None:
        """End soon: within ``STOP_SECONDS``, whatever the server does."""
        self._ends_at = time.monotonic() + STOP_SECONDS
        self._stopping.set()
        self._woken.set()

    def run(self) -> None:
        """Send what comes. What was seen until ``stop`` is tried once more; what cannot be sent stays on disk."""
        pause = 0.0
        while True:
            if pause:
                self._stopping.wait(pause)
            else:
                self._woken.wait(self._period_seconds + 1.0)
            self._woken.clear()
            if self._stopping.is_set():
                break
            pause = self._send_all()
        if self.is_connected:
            self._send_all()
        self._connection.close()

    def _send_all(self) -> float:
        """Report until nothing waits; how long to pause before the next try, 0 if all went well."""
        try:
            while self._may_go_on():
                self._send_left()
                if not self._send_samples():
                    break
        except Unanswered as error:
            return self._fail(str(error), error.retry_after_seconds)
        except Refused as error:
            self._complain(f"Nothing can be reported: {error}")
            return REFUSED_PAUSE_SECONDS
        except _Full:
            return FULL_PAUSE_SECONDS
        except Exception:
            # Whatever it is, samples must not pile up without a word because this thread has ended.
            logger.exception("A report failed")
            return REFUSED_PAUSE_SECONDS
        return 0.0

    def _may_go_on(self) -> bool:
        return time.monotonic() < self._ends_at

    def _send_samples(self) -> bool:
        """One report; whether another one is due at once."""
        batch = self._spool.after(self._sent, self._most) if self._session else None
        samples = [] if batch is None else _at_most(batch.samples, LARGEST_BODY_BYTES)
        first = self._sent + 1 if batch is None else batch.first
        waiting = max(0, self._spool.newest - first - len(samples) + 1)
        gone, lost = self._seen.take_gone(), self._spool.take_lost()
        strangers = self._watch.take_strangers()
        body = encode(
            SentReport(
                agent=self._agent,
                version=self._version,
                period_seconds=self._period_seconds,
                sent_at=self._wall(),
                session=self._session,
                round_trip_seconds=self._round_trip,
                first=first,
                samples=[Raw(sample) for sample in samples],
                latest=self._seen.latest if waiting else None,
                waiting=waiting,
                lost=lost,
                watching=self._watching,
                costs={task_id: HostCost(*cost) for task_id, cost in self._watch.costs.copy().items()},
                gone=gone,
                runs=strangers or UNSET,
                boot_id=self._watch.boot_id if strangers else UNSET,
            )
        )
        taken = None
        try:
            taken = self._taken(body, first, len(samples))
        finally:
            if taken is None or taken.session != self._session:
                self._seen.give_back_gone(gone)
                self._spool.give_back_lost(lost)
        return taken is None or self._settle(taken, first, len(samples))

    def _taken(self, body: bytes, first: int, count: int) -> Taken | None:
        """The server's answer; None if the same is to be tried with fewer samples, or without the first."""
        answer = self._ask("/samples", body)
        if answer.is_success:
            taken = _read(answer)
            if not self.is_connected:
                logger.info("The server answers; %d samples wait", self._spool.newest - self._sent)
            self.is_connected, self._pause = True, FIRST_PAUSE_SECONDS
            self._most = min(MOST_SAMPLES, self._most * 2)
            return taken
        is_about_samples = answer.status == 413 or (answer.status == 422 and "samples" in answer.pointers())
        if is_about_samples and count > 1:
            self._most = count // 2
            return None
        if is_about_samples and count == 1 and answer.status == 422:
            # It would be refused again and again, and those behind it must not wait for ever.
            logger.error("The server refuses a sample, which is given up: %s", _detail(answer))
            self._sent = self._given_up = first
            return None
        raise Refused(_detail(answer))

    def _settle(self, taken: Taken, first: int, count: int) -> bool:
        self._watching = taken.watching
        if taken.tasks is not None:
            self._follow_all(taken.tasks)
        if taken.session != self._session:
            # Another server, or another life of it: it has what is on its disk, and no more.
            self._session, self._sent, self._given_up = taken.session, self._spool.oldest - 1, 0
            return True
        self._spool.trim(taken.stored)
        last = first + count - 1
        # Without samples there are none up to here that could be sent.
        self._sent = max(min(last, taken.accepted), self._given_up) if count else last
        if self._sent < last:
            raise _Full
        return self._spool.newest > self._sent

    def _send_left(self) -> None:
        """What goes wrong here is tried again soon; samples do not wait for it."""
        now = time.monotonic()
        if self._session is None or now - self._left_at < LEFT_SECONDS:
            return
        self._left_at = now
        try:
            self._left.send(lambda body: self._ask("/reports", body))
        except Unanswered as error:
            logger.debug("What processes left must wait: %s", error)
        except (Refused, VainError, OSError) as error:
            self._complain(f"What processes left is not taken: {error}")

    def _ask(self, path: str, body: bytes) -> Answer:
        """What the server says, also if it says no. Raises Unanswered if it may say another thing soon."""
        began = time.monotonic()
        answer = self._connection.ask("POST", self._path + path, body, JSON, self._may_go_on)
        if answer.status in (408, 429) or answer.status >= 500:
            raise Unanswered(_detail(answer), answer.retry_after_seconds)
        self._round_trip = round(time.monotonic() - began, 6)
        return answer

    def _fail(self, reason: str, retry_after_seconds: float | None) -> float:
        if self.is_connected:
            self._complained_at = time.monotonic()  # this says it
            logger.warning("The server does not answer (%s); samples wait on this machine", reason)
        else:
            self._complain(f"Nothing can be reported: the server does not answer ({reason})")
        self.is_connected = False
        pause = random.uniform(FIRST_PAUSE_SECONDS / 2, self._pause)  # noqa: S311  (no secret)
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        return pause if retry_after_seconds is None else max(pause, retry_after_seconds)

    def _complain(self, complaint: str) -> None:
        now = time.monotonic()
        if now - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = now
            logger.error("%s", complaint)


class _Full(Exception):
    """The server cannot store as fast as samples come."""


def _at_most(samples: list[bytes], most_bytes: int) -> list[bytes]:
    """As many of the first as fit, one at least."""
    size = 0
    for count, sample in enumerate(samples):
        size += len(sample) + 1
        if size > most_bytes and count:
            return samples[:count]
    return samples


def _read(answer: Answer) -> Taken:
    """Raises Unanswered: whoever says such a thing is no vAIn."""
    try:
        return decode(Taken, answer.body)
    except VainError as error:
        raise Unanswered(error.detail) from error


def _detail(answer: Answer) -> str:
    return str(answer.json().get("detail") or f"status {answer.status}")

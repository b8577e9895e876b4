"""What jobs of this machine left in the spool for the server: their processes ended while it was away."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Raw

from vain.clock import Clock
from vain.codec import decode, encode
from vain.hosts import LeftReport, LeftTaken
from vain.report.connection import Answer
from vain.spool import Abandoned, RunReport, abandoned, folded

MOST_FILES = 100
"""That are read together, so that runs of several processes come in the order of their beginning."""
MOST_REPORTS = 50
LARGEST_BODY_BYTES = 4 << 20

logger = logging.getLogger(__name__)


class Refused(Exception):
    """The server understood, and says no."""


class Left:
    """``folder`` is the spool of this user's jobs, ``url`` the server that they and the agent report to."""

    def __init__(self, folder: Path, url: str, wall: Clock = time.time) -> None:
        self._folder, self._url, self._wall = folder, _same(url), wall

    def send(self, post: Callable[[bytes], Answer]) -> int:
        """Hand over what was left, and remove it; also what the server finds wrong, so that the rest does not wait.

        Returns how many reports it was. Raises what ``post`` raises, Refused for another answer that says no, and
        VainError for one that is none.
        """
        files = dict(self._files())
        reports = [(report, file) for file, found in files.items() for report in found]
        reports.sort(key=lambda pair: pair[0].began_at)
        done = 0
        try:
            while taken := self._sent([report for report, _ in reports[done : done + MOST_REPORTS]], post):
                done += taken
            return done
        finally:
            kept = {id(file) for _, file in reports[done:]}
            for file in files:
                if id(file) not in kept:
                    with contextlib.suppress(OSError):  # it comes again, and is known
                        file.remove()
                file.release()

    def _sent(self, reports: Sequence[RunReport], post: Callable[[bytes], Answer]) -> int:
        """How many of the first are done with."""
        bodies = [_body(report, self._wall()) for report in reports]
        if not bodies:
            return 0
        if bodies[0] is None:
            return _give_up(reports[0], "it cannot be sent")
        part = _fitting(bodies)
        while True:
            answer = post(encode({"reports": part}))
            if answer.is_success:
                return decode(LeftTaken, answer.body).done
            detail = answer.json().get("detail") or f"status {answer.status}"
            if answer.status in (400, 413, 422) and len(part) > 1:
                part = part[: len(part) // 2]
            elif answer.status in (400, 422) and answer.pointers():
                return _give_up(reports[0], detail)
            else:
                raise Refused(str(detail))

    def _files(self) -> Iterator[tuple[Abandoned, list[RunReport]]]:
        count = 0
        for file in abandoned(self._folder):
            if _same(file.url) != self._url or count >= MOST_FILES:
                file.release()
                continue
            count += 1
            try:
                reports = folded(file.records())
            except OSError:
                file.release()
                continue
            yield file, reports


def _give_up(report: RunReport, reason: object) -> int:
    logger.error("What was left of run %s is given up: %s", report.run_id, reason)
    return 1


def _body(report: RunReport, now: float) -> Raw | None:
    """As it is sent; None if it is nothing that can be."""
    try:
        known = LeftReport(
            run_id=report.run_id,
            began_seconds_ago=max(0.0, now - report.began_at),
            changed_seconds_ago=max(0.0, now - report.changed_at),
            draft=report.draft,
            patch=report.patch,
            parent_run_id=report.parent_run_id,
            log=report.log,
            log_offset=report.log_offset,
            sent_task_id=report.sent_task_id,
        )
        return Raw(encode(known))
    except (ValueError, TypeError, RecursionError):  # half of a surrogate pair, say
        return None


def _fitting(bodies: Sequence[Raw | None]) -> list[Raw]:
    """As many of the first as one request takes, one at least."""
    part: list[Raw] = []
    size = 0
    for body in bodies:
        size += 0 if body is None else len(bytes(body))
        if body is None or (part and size > LARGEST_BODY_BYTES):
            break
        part.append(body)
    return part


def _same(url: str) -> tuple[str, str, int | None, str]:
    """What tells two servers apart."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return url, "", None, ""
    return parts.scheme, (parts.hostname or "").lower(), port, parts.path.rstrip("/")

"""What ``vain wait``, ``vain log``, ``vain ping`` and ``vain attach`` do."""

from __future__ import annotations

import codecs
import io
import re
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from concurrent.futures import Future
from typing import BinaryIO

from vain import identity
from vain.client import Client
from vain.errors import Malformed, Misconfigured, NotFound, TimedOut, Unreachable
from vain.pings import parse_ping
from vain.setting_types import Settings
from vain.terminal import Screen, safe, safe_json
from vain.types import LARGEST_LOG_BYTES, Task
from vain.waiting import AWAY

SUCCESS, FAILURE, TIMED_OUT = 0, 1, 124
STDIN = "-"
PERIOD_SECONDS, LONGEST_PERIOD_SECONDS = 0.5, 8.0
"""Between two questions for the log: as a rule, and while the server is away."""


class Page:
    """Writes output to stdout at once: the very bytes, or readable and harmless where a person looks."""

    def __init__(self, screen: Screen) -> None:
        self._out = screen.out
        decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        # It also makes lines of a progress bar that is drawn again and again.
        self._reader = io.IncrementalNewlineDecoder(decoder, translate=True) if self._out.isatty() else None

    def write(self, part: bytes, is_last: bool = False) -> None:
        """One more part."""
        if self._reader is None:
            self._out.buffer.write(part)
        else:
            self._out.write(_readable(self._reader.decode(part, is_last)))
        self._out.flush()


def wait(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain wait``: a line for each task once it is completed, or with ``--json`` an array of them at the end."""
    finished: list[Task] = []
    try:
        with _client(settings) as client:
            for task in client.as_completed(*args.ids, timeout_seconds=args.limit):
                finished.append(task)
                if not args.json:
                    screen.print(f"{task.task_id}  {task.outcome}  {safe(task.name)}")
                    screen.out.flush()
                if args.any_:
                    break
    except TimedOut as exc:
        screen.note(f"vain: {exc.detail}")
        return TIMED_OUT
    finally:
        if args.json:
            screen.print(safe_json(finished))
    return SUCCESS if all(task.outcome == "succeeded" for task in finished) else FAILURE


def log(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain log``: the very bytes on stdout, unless a terminal would obey them."""
    page = Page(screen)
    with _client(settings) as client:
        body, end = client.log(args.id)
        if len(body) < end:
            screen.note(f"vain: of the first {end - len(body)} bytes nothing is kept.")
        page.write(body)
        if args.follow:
            _follow(client, args.id, end, page, screen)
    page.write(b"", is_last=True)
    return SUCCESS


def ping(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain ping``: silent, since cron mails what a job prints; the task with ``--json``."""
    word, reads = _word(args)
    query = {name: value for name in ("every", "grace", "name") if (value := getattr(args, name)) is not None}
    try:
        parse_ping(args.key, word, query)
    except Malformed as exc:
        raise Misconfigured(exc.detail) from None
    text = _tail(sys.stdin.buffer) if reads else b""
    task = _within(settings, lambda client: client.ping(args.key, word, text, **query))  # type: ignore[arg-type]  # checked
    if args.json:
        screen.print(safe_json(task))
    return SUCCESS


def attach(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain attach``: the number of the new task on stdout."""
    source = identity.of_process(args.pid)
    if source["pid_started_at"] is None and source["command"] is None:
        raise NotFound(f"There is no process {args.pid}.")
    name = args.name or source["command"] or f"process {args.pid}"
    with _client(settings) as client:
        task = client.create(str(name), status="in-progress", tags=args.tag, source=source | {"kind": "attached"})
    screen.print(str(task.task_id))
    if not args.quiet:
        screen.note(f"Task {task.task_id}, {safe(task.name)}, is process {args.pid}.")
    return SUCCESS


def _client(settings: Settings) -> Client:
    return Client(settings.url, settings.api_key, settings.timeout_seconds)


def _follow(client: Client, task_id: int, end: int, page: Page, screen: Screen) -> None:
    """Writes what comes after ``end``, until the task is completed and nothing came for a whole period."""
    pause = PERIOD_SECONDS
    while True:
        try:
            is_completed = client.task(task_id).status == "completed"
            body, now_end = client.log(task_id, end)
        except AWAY:
            pause = min(2 * pause, LONGEST_PERIOD_SECONDS)
        else:
            if now_end - len(body) > end:
                screen.note(f"vain: {now_end - len(body) - end} bytes came and went unseen.")
            page.write(body)
            # What a process has put out is often sent after the word that it ended.
            if is_completed and not body and now_end <= end and pause == PERIOD_SECONDS:
                return
            pause, end = PERIOD_SECONDS, now_end
        time.sleep(pause)


def _readable(text: str) -> str:
    return re.sub(r"[^\n\t]+", lambda found: safe(found[0]), text)


def _word(args: Namespace) -> tuple[str | None, bool]:
    """The word of a ping, and whether its log comes by standard input."""
    words, reads = list(args.words), args.log_from_stdin
    if words[-1:] == [STDIN]:
        words, reads = words[:-1], True
    if len(words) > 1:
        raise Misconfigured(f"{' '.join(map(repr, words))} are {len(words)} words: one of them would be right.")
    return (words[0] if words else None), reads


def _tail(stream: BinaryIO) -> bytes:
    """The end of what a stream gives, as much of it as a log may have."""
    kept = b""
    while part := stream.read(LARGEST_LOG_BYTES):
        kept = (kept + part)[-LARGEST_LOG_BYTES:]
    return kept


def _within(settings: Settings, call: Callable[[Client], Task]) -> Task:
    """What a call gives. A job must not hang for its report: not by a server that sends a byte now and then, either."""
    answer: Future[Task] = Future()

    def run() -> None:
        try:
            with _client(settings) as client:
                answer.set_result(call(client))
        except BaseException as exc:  # noqa: BLE001  # the caller gets to see it
            answer.set_exception(exc)

    threading.Thread(target=run, name="vain-ping", daemon=True).start()
    try:
        return answer.result(settings.timeout_seconds)
    except TimeoutError:
        if answer.done():
            raise
        detail = f"{settings.url} did not answer within {settings.timeout_seconds:g} s."
        raise Unreachable(detail) from None

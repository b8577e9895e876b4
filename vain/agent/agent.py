"""The agent: the server's own sampler and monitor, and a thread that sends what they see."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
from pathlib import Path
from threading import Event, Thread

from vain.agent.left import Left
from vain.agent.seen import Seen
from vain.agent.sender import Sender
from vain.agent.spool import AgentSpool
from vain.errors import Invalid, Misconfigured, StoreLocked
from vain.hosts import WatchedTask, check_host
from vain.identity import boot_id, host
from vain.monitor import Monitor
from vain.report.connection import Connection
from vain.sampler import Sampler
from vain.sampler.trees import ProcessTrees
from vain.samples import Sample
from vain.setting_types import Settings
from vain.types import TaskCounts
from vain.watch import Watch

if sys.platform != "win32":
    import fcntl

FOLDER = "agent"
LONGEST_STOP_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Agent:
    """``start`` and ``stop`` once. Raises Misconfigured or StoreLocked."""

    def __init__(self, settings: Settings, url: str, version: str = "") -> None:
        name = host()
        try:
            check_host(name)
        except Invalid as error:
            raise Misconfigured(f"This machine is called {name!r}; VAIN_HOSTNAME gives it another name.") from error
        folder = settings.data_dir / FOLDER
        self._lock = _locked(folder)
        self.name = name
        self._sampler = Sampler(settings.data_dir)
        self._spool = AgentSpool(folder, settings.spool_bytes)
        period = settings.interval_seconds
        self._seen = Seen(self._spool, period, self._wake)
        self._watch = Watch(ProcessTrees(self._sampler.gpus), name, boot_id(), self._seen.gone)
        self._followed: set[int] = set()
        self._sender = Sender(
            Connection(url, settings.api_key, settings.timeout_seconds),
            name,
            _installation(folder),
            period,
            self._spool,
            self._seen,
            Left(settings.spool_dir, url),
            self._watch,
            self._follow_all,
            version,
        )
        self._monitor = Monitor(self._sampler, self._seen, period, self._counts, _nothing, watch=self._watch)
        self._thread = Thread(target=self._sender.run, name="agent-sender", daemon=True)

    def start(self) -> None:
        """Begin to look and to send."""
        self._monitor.start()
        self._thread.start()

    def stop(self) -> None:
        """End: what was seen is sent if the server answers, and stays on disk if not."""
        self._monitor.stop()
        self._sender.stop()
        self._thread.join(LONGEST_STOP_SECONDS)
        self._watch.close()
        self._sampler.close()
        self._spool.close()
        os.close(self._lock)

    def _wake(self) -> None:
        self._sender.wake()

    def _counts(self) -> TaskCounts:
        """Of this machine: no task that is pending has a place yet."""
        return TaskCounts(in_progress=len(self._followed))

    def _follow_all(self, tasks: list[WatchedTask]) -> None:
        now = {each.task.task_id for each in tasks}
        for task_id in self._followed - now:
            self._watch.forget(task_id)
        for each in tasks:
            if each.is_guest:
                self._watch.attend(each.task, each.runs)
            else:
                self._watch.follow(each.task, each.run_id, each.runs)
        self._followed = now


def run(settings: Settings, url: str, version: str = "") -> None:
    """Until SIGTERM or SIGINT."""
    agent = Agent(settings, url, version)
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    agent.start()
    logger.info("%s reports to %s", agent.name, url)
    while not stopping.wait(3_600.0):
        pass
    agent.stop()


def _nothing(sample: Sample) -> None:
    """The sender was woken already."""


def _locked(folder: Path) -> int:
    """Two agents with one spool would send each other's samples. Raises Misconfigured or StoreLocked."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Misconfigured(f"The folder {folder} cannot be used ({error.strerror}); --data names another.") from error
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise StoreLocked(f"Another agent already uses the folder {folder}; --data names another.") from None
    return descriptor


def _installation(folder: Path) -> str:
    """What tells this agent from one on another machine of the same name."""
    path = folder / "id"
    try:
        known = path.read_text().strip()
        if len(known) == 32 and set(known) <= set("0123456789abcdef"):
            return known
    except OSError:
        pass
    made = secrets.token_hex(16)
    path.write_text(f"{made}\n")
    return made

"""A command from its start to its end: signals in both directions, stops, the time limit, and who is waited for."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from signal import Signals

from vain.runner import monitor, outputs, signals, terminal, tree
from vain.runner.child import Gate, Setup, Started, fork
from vain.runner.monitor import Ended, Stopped
from vain.runner.outcome import End, judged, not_started, with_lost_output
from vain.runner.reporting import Order, Report
from vain.runner.signals import Inherited, Received
from vain.runner.streams import Copier
from vain.runner.usage import Usage, reap

KILL_SECONDS = 10.0
"""How long a command has after the time limit's SIGTERM."""
DRAIN_LOOK_SECONDS = 0.05
FOREGROUND_LOOK_SECONDS = 0.3
"""A shell tells nobody that a job that runs has come to the foreground."""
TO_END = (Signals.SIGINT, Signals.SIGTERM, Signals.SIGHUP)

Event = Received | Stopped | Ended


def run(order: Order) -> End:
    """Run the command and tell the board. Returns when it has ended and all that it wrote is written."""
    inherited = signals.take_over()
    tree.adopt_orphans()
    job = Job(order, outputs.plan(order.is_watched), inherited)
    try:
        return job.run()
    finally:
        job.restore()


class Job:
    """The command while it runs. Everything but the copying happens in the main thread."""

    def __init__(self, order: Order, streams: outputs.Streams, inherited: Inherited) -> None:
        self._order, self._streams = order, streams
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._ended: Ended | None = None
        self._usage = Usage()
        self._passed_on: set[int] = set()
        self._resumed_at = 0.0
        self._keyboard: terminal.Keyboard | None = None
        self._copiers: list[Copier] = []
        self._closers: list[Callable[[], None]] = []
        self._has_own_group = streams.session is not None or not terminal.has_controlling_terminal()
        self._gate = Gate()
        self._child_pid = self._fork(Setup(order.arguments, streams.descriptors, inherited, self._has_own_group))
        self._pid = self._child_pid
        """Of the command; of the monitor until the command has told its own."""
        streams.close_inside()
        signals.listen(inherited, self._events.put)

    def run(self) -> End:
        """Until the end."""
        report = Report(self._order)
        started = self._gate.open(report.run_id, report.task_id())
        if started is not None:
            self._pid = started.pid
        self._copy(report)
        ended, is_late = self._wait()
        self._finish_copying()
        end = self._judged(started, ended.status, is_late)
        report.end(end, ended.usage.said(Usage() if started is None else started.usage))
        return end

    def restore(self) -> None:
        """Whatever happened: our terminal is as it was."""
        if self._keyboard is not None:
            self._keyboard.give_back()

    def _fork(self, setup: Setup) -> int:
        session = self._streams.session
        if session is None:
            return fork(setup, self._gate)
        outer = monitor.Outer(outputs.STDIN, terminal.modes(outputs.STDIN))
        pid, told = monitor.fork_with_session(setup, self._gate, session.slave, self._streams.ours, outer)
        self._keyboard = terminal.Keyboard(outputs.STDIN, session)
        self._keyboard.take()
        threading.Thread(target=self._follow, args=(told,), name="vain-monitor", daemon=True).start()
        return pid

    def _follow(self, told: int) -> None:
        for event in monitor.events(told):
            self._events.put(event)
        # A monitor that was killed tells nothing; the command is hung up on then. After an end nobody reads this.
        self._events.put(Ended(Signals.SIGKILL, Usage()))

    def _copy(self, report: Report) -> None:
        for channel in self._streams.channels:
            seen, close = report.watcher()
            is_session = channel.pair is not None and channel.pair is self._streams.session
            self._copiers.append(Copier(channel.source, channel.target, seen, is_session))
            self._closers.append(close)
            self._copiers[-1].start()

    def _wait(self) -> tuple[Ended, bool]:
        """Answer what happens until the command has ended; whether it was the time limit that ended it."""
        limit_seconds = self._order.limit_seconds
        deadline = None if limit_seconds is None else time.monotonic() + limit_seconds
        is_late = False
        self._look()
        while (ended := self._ended) is None:
            if deadline is not None and time.monotonic() >= deadline:
                self._end_tree(Signals.SIGKILL if is_late else Signals.SIGTERM)
                deadline, is_late = time.monotonic() + KILL_SECONDS, True
            self._answer_next(deadline)
        return ended, is_late

    def _answer_next(self, deadline: float | None) -> None:
        waits = [] if deadline is None else [max(0.0, deadline - time.monotonic())]
        if self._keyboard is not None and not self._keyboard.is_taken:
            waits.append(FOREGROUND_LOOK_SECONDS)
        try:
            self._answer(self._events.get(timeout=min(waits, default=None)))
        except Empty:
            if self._keyboard is not None:
                self._keyboard.take()

    def _answer(self, event: Event) -> None:
        if isinstance(event, Ended):
            event.usage.join(self._usage)
            self._ended = event
        elif isinstance(event, Stopped):
            self._stop()
        elif event.number == Signals.SIGCHLD:
            self._look()
        elif event.number == Signals.SIGWINCH:
            self._resize(event)
        elif event.number == Signals.SIGTSTP:
            self._stop_both(event)
        else:
            self._pass_on(event)

    def _pass_on(self, event: Received) -> None:
        """To the command, unless the terminal has sent it there as well."""
        if event.number == Signals.SIGCONT and self._keyboard is not None:
            self._keyboard.take()
        self._passed_on.add(event.number)
        if self._has_own_group or not event.is_for_group:
            self._send(event.number)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if not self._has_own_group:
                os.kill(self._pid, number)
                return
            in_front = self._keyboard.foreground_group() if self._keyboard is not None else None
            os.killpg(in_front if in_front and number in signals.FROM_KEYBOARD else self._pid, number)

    def _end_tree(self, number: int) -> None:
        """To the command's group; where it shares ours with others, to the processes below it."""
        if self._has_own_group:
            self._send(number)
        else:
            for pid in (self._pid, *tree.descendants(self._pid)):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        self._send(Signals.SIGCONT)  # what is stopped does not see the signal before it goes on

    def _resize(self, event: Received) -> None:
        for pair in self._streams.pairs:
            pair.resize()
        if self._keyboard is None:
            # It may have looked before the new size was known: tell it once more.
            self._send(event.number)

    def _stop_both(self, event: Received) -> None:
        if event.at < self._resumed_at:
            return  # of the same Ctrl-Z as the stop that is over
        if self._has_own_group or not event.is_for_group:
            self._send(event.number)
        if self._keyboard is None:
            self._stop()

    def _stop(self) -> None:
        """The command has stopped, and so do we: the shell that waits for us shall see it. Returns when it goes on."""
        if self._keyboard is not None:
            self._keyboard.give_back()
            os.killpg(os.getpgrp(), Signals.SIGTSTP)  # a script that waits for us must stop as well
        signals.stop_here()
        self._resumed_at = time.monotonic()
        for pair in self._streams.pairs:
            pair.resize()
        if self._keyboard is not None:
            # Also where nobody could stop us, and so nobody would tell the command to go on.
            self._keyboard.take()
            self._send(Signals.SIGCONT)

    def _look(self) -> None:
        """Some child has stopped or ended: the command, or an orphan that it left to us."""
        with contextlib.suppress(ChildProcessError):
            while (happened := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                if happened.si_pid == self._child_pid:
                    self._reap_child()
                    return
                reap(happened.si_pid, self._usage)
            stopped = os.waitid(os.P_PID, self._child_pid, os.WSTOPPED | os.WNOHANG)
            # Who sent a SIGSTOP meant this process and no other; the terminal's stops are for all.
            if stopped is not None and stopped.si_status != Signals.SIGSTOP and not self._has_own_group:
                self._stop()

    def _reap_child(self) -> None:
        if self._keyboard is None:
            self._ended = Ended(reap(self._child_pid, self._usage), self._usage)
        else:
            os.waitpid(self._child_pid, 0)  # the monitor, which has told what the command took

    def _finish_copying(self) -> None:
        """Write what the command has written; a signal to end ends that as well."""
        if self._keyboard is not None:
            self._keyboard.rest()
        for copier in self._copiers:
            copier.finish()
        while any(copier.is_alive() for copier in self._copiers) and not self._is_told_to_end():
            for copier in self._copiers:
                copier.join(DRAIN_LOOK_SECONDS)
        for close in self._closers:
            close()

    def _is_told_to_end(self) -> bool:
        with contextlib.suppress(Empty):
            while True:
                event = self._events.get_nowait()
                if isinstance(event, Received) and event.number in TO_END:
                    return True
        return False

    def _judged(self, started: Started | None, status: int, is_late: bool) -> End:
        if started is not None and started.error_number is not None:
            return not_started(self._order.arguments[0], started.error_number)
        passed_on = set(self._passed_on)
        if self._keyboard is not None and self._keyboard.has_interrupted:
            passed_on.add(Signals.SIGINT)
        end = judged(status, passed_on, self._order.limit_seconds if is_late else None)
        lost = next((copier.error for copier in self._copiers if copier.error is not None), None)
        return end if lost is None else with_lost_output(end, lost)

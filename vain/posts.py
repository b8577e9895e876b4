"""What a server judges: everything, when it is alone; else what it has the duty for, which may change while it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from math import inf
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from vain.alerting.alert import Alert
from vain.alerting.judging import Judge
from vain.catalog import is_of_server, of_host, split_host
from vain.samples import Sample, series

MOST_EARLY = 30
Values = list[tuple[str, float | None]]


class Post(Protocol):
    """Called on the event loop."""

    @property
    def is_alone(self) -> bool:
        """Whether there can be no other servers."""

    def values(self, sample: Sample, more: Callable[[], Values]) -> Values:
        """What is judged of a sample of the own machine, and of the series of the server itself."""

    def told_as(self, subject: str) -> str:
        """What such a series is called in an alert."""

    def of_here(self, known: Iterable[Alert]) -> list[Alert]:
        """Of what fires that which is judged with the own machine, called as its samples call it."""

    def keeps(self, alert: Alert, judged_hosts: Callable[[str], bool], is_known: bool) -> bool:
        """Whether it is this server that tells of it again, and drops it when nobody watches any more.

        ``judged_hosts`` says of which machines with agents it has the samples, ``is_known`` whether there is the rule.
        """

    def duties(self) -> tuple[bool, bool]:
        """Whether what concerns all machines is its own, and whether its machine is."""

    def may_resume(self) -> bool:
        """Whether the stored history of the own machine is to be judged."""

    def names(self, host: str | None) -> bool:
        """Whether notifications about the own machine say this host."""


class OtherMachine:
    """The judge of a machine with an agent, and what is known of its clock."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.held_until, self.has_sample = -inf, False
        self.taken_at = -inf
        self.is_restored = True
        """Whether it knows what fires there."""
        self.early: deque[tuple[Sample, float, Collection[str]]] = deque(maxlen=MOST_EARLY)
        """What came before it did."""


class Alone:
    """See ``Post``: everything is its own, and its machine needs no name."""

    is_alone = True

    def values(self, sample: Sample, more: Callable[[], Values]) -> Values:
        """See ``Post``."""
        return [*series(sample), *more()]

    def told_as(self, subject: str) -> str:
        """See ``Post``."""
        return subject

    def of_here(self, known: Iterable[Alert]) -> list[Alert]:
        """See ``Post``."""
        return [alert for alert in known if alert.event is None and split_host(alert.subject)[0] is None]

    def keeps(self, alert: Alert, judged_hosts: Callable[[str], bool], is_known: bool) -> bool:
        """See ``Post``."""
        return True

    def duties(self) -> tuple[bool, bool]:
        """See ``Post``."""
        return True, True

    def may_resume(self) -> bool:
        """See ``Post``."""
        return True

    def names(self, host: str | None) -> bool:
        """See ``Post``."""
        return host is None


class Among(NamedTuple):
    """See ``Post``, of a server among others. ``host``: what its machine is called."""

    host: str
    leads: Callable[[], bool]
    judges_machine: Callable[[], bool]
    is_alone: bool = False

    def values(self, sample: Sample, more: Callable[[], Values]) -> Values:
        """See ``Post``."""
        here = series(sample) if self.judges_machine() else []
        return [*here, *(more() if self.leads() else [])]

    def told_as(self, subject: str) -> str:
        """See ``Post``."""
        return subject if is_of_server(subject) else of_host(self.host, subject)

    def of_here(self, known: Iterable[Alert]) -> list[Alert]:
        """See ``Post``."""
        here = []
        for alert in known:
            host, subject = split_host(alert.subject)
            if alert.event is not None:
                continue
            if is_of_server(alert.subject):
                here += [alert] if self.leads() else []
            elif host == self.host and self.judges_machine():
                here.append(replace(alert, subject=subject))
        return here

    def keeps(self, alert: Alert, judged_hosts: Callable[[str], bool], is_known: bool) -> bool:
        """See ``Post``."""
        host = split_host(alert.subject)[0]
        if alert.event is not None or host is None or not is_known:
            return self.leads()
        return self.judges_machine() if host == self.host else judged_hosts(host)

    def duties(self) -> tuple[bool, bool]:
        """See ``Post``."""
        return self.leads(), self.judges_machine()

    def may_resume(self) -> bool:
        """See ``Post``."""
        return self.judges_machine()

    def names(self, host: str | None) -> bool:
        """See ``Post``."""
        return host in (None, self.host)

"""What is to be written, before it is: a change collects it, the ledger gathers it for a commit."""

from __future__ import annotations

from typing import Literal, NamedTuple

from vain.notification import Notification
from vain.store.attempts import SavedAttempt
from vain.types import Event, Task, TaskCounts, Time

Kept = Literal["rule", "alert", "silence", "channel", "host"]
"""What the server keeps beside tasks, as JSON by name."""
KEPT_IN_MEMORY: frozenset[Kept] = frozenset({"rule", "silence"})
"""What is read when a server starts, and then known by heart."""


class Remembered(NamedTuple):
    """What a POST with an idempotency key was answered. ``fingerprint`` is the SHA-256 of its body."""

    fingerprint: bytes
    task_id: int
    body: bytes


class Stored(NamedTuple):
    """A task as it was committed: its version and JSON. Both are None once it is deleted."""

    task_id: int
    version: int | None
    body: bytes | None


class Collected:
    """What is to be written: by one change, or by a group of them."""

    def __init__(self) -> None:
        self.tasks: dict[int, Task | None] = {}
        self.bodies: dict[int, bytes] = {}
        self.attempts: list[SavedAttempt] = []
        self.removed: list[tuple[int, int]] = []
        """When tasks were deleted (milliseconds since 1970), and their numbers."""
        self.events: list[Event] = []
        self.notifications: list[Notification] = []
        self.read_marks: list[tuple[int, int]] = []
        self.remembered: dict[str, tuple[Remembered, Time]] = {}
        self.forgotten_before: Time | None = None
        self.touched_at: Time | None = None
        self.runs: dict[str, tuple[int, str | None]] = {}
        """Numbers of tasks, by what their reporters call them, with the parent's name while that is not known."""
        self.expectations: dict[str, bytes | None] = {}
        """JSON by key; None: nothing is expected any more."""
        self.kept_changes: dict[tuple[Kept, str], bytes | None] = {}
        """JSON by kind and name; None: no longer."""
        self.log_parts: list[tuple[int, int, bytes]] = []
        """Task, offset, bytes."""
        self.tally = [0] * len(TaskCounts.__struct_fields__)
        """What is to be added to the counts of tasks."""

    @property
    def is_kept_by_all(self) -> bool:
        """Whether it changes what every server has in memory."""
        is_kept = any(kind in KEPT_IN_MEMORY for kind, _ in self.kept_changes)
        return is_kept or bool(self.expectations) or bool(self.read_marks)

    def absorb(self, other: Collected) -> None:
        """Take over what another has collected after this."""
        self.tasks |= other.tasks
        self.bodies |= other.bodies
        self.attempts += other.attempts
        self.removed += other.removed
        self.events += other.events
        self.notifications += other.notifications
        self.read_marks += other.read_marks
        self.remembered |= other.remembered
        self.forgotten_before = other.forgotten_before or self.forgotten_before
        self.touched_at = other.touched_at or self.touched_at
        self.runs |= other.runs
        self.expectations |= other.expectations
        self.kept_changes |= other.kept_changes
        self.log_parts += other.log_parts
        self.tally = [sum(pair) for pair in zip(self.tally, other.tally, strict=True)]

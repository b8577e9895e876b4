"""``vain.task``: one object that is a context manager, a decorator, and what a job says its progress with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from vain import identity
from vain.report import drafts
from vain.report.decorated import decorated
from vain.report.reporter import begin, mute
from vain.report.run import Run, enter, innermost, leave

F = TypeVar("F", bound=Callable[..., Any])


class Handle:
    """A task of this process. ``with`` begins it and ends it; as a decorator it begins a new one for each call.

    Nothing here raises into the job but what the job itself raised. Between two blocks the same object may be used
    again, for another run.
    """

    def __init__(self, name: str | None, fields: Mapping[str, Any], run: Run | None = None) -> None:
        self._name, self._fields = name, dict(fields)
        self.run = run or mute(name or "task")
        """The present or the last run."""
        self._outcome: str | None = None
        self._counted = 0.0
        self._metadata = Metadata(self, fields.get("metadata"))

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def task_id(self) -> int | None:
        """The task's number; None until the server has given it."""
        return self.run.task_id

    @property
    def run_id(self) -> str:
        return self.run.run_id

    @property
    def metadata(self) -> MutableMapping[str, Any]:
        """Labels with texts, numbers and booleans: ``t.metadata["accuracy"] = 0.93`` is reported."""
        return self._metadata

    @metadata.setter
    def metadata(self, values: Mapping[str, Any]) -> None:
        self._metadata = Metadata(self, values)
        self._metadata.report()

    def update(
        self,
        current: float | None = None,
        *,
        total: float | None = None,
        progress: float | None = None,
        message: str | None = None,
        unit: str | None = None,
    ) -> None:
        """Say how far the work is: ``current`` of ``total``, or ``progress`` in percent. The latest wins."""
        if current is not None:
            self._counted = current
        self.run.update(current, total=total, progress=progress, message=message, unit=unit)

    def advance(self, steps: float = 1) -> None:
        """That many steps more are done."""
        self.update(self._counted + steps)

    def log(self, text: object) -> None:
        """A line of the task's log, of which the last 64 KiB are kept."""
        self.run.write(_line(text))

    def result(self, outcome: str) -> None:
        """How the task ends if no exception ends it: succeeded, failed, cancelled, timed-out, crashed or skipped."""
        self._outcome = outcome

    def begin(self) -> Self:
        """Begin without a block; whoever does this calls ``finish``."""
        self._outcome, self._counted = None, 0.0
        self.run = begin(self._name or identity.program_name(), **self._fields)
        self.run.handle = self
        return self

    def finish(self, exc: BaseException | None = None) -> None:
        """End the task as ``exc`` says; without one it has succeeded, or what ``result`` said."""
        self.run.end(**ending(exc, self._outcome))

    def __enter__(self) -> Self:
        enter(self.begin().run)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.finish(exc)
        leave(self.run)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, exc, traceback)

    def __call__(self, function: F) -> F:
        """The function, each call of which is a task; ``{argument}`` in the name stands for what it was called with."""
        return decorated(function, lambda name: Handle(name, self._fields), self._name)

    def __repr__(self) -> str:
        return f"<vain.task {self.name!r} {self.task_id}>"


class Metadata(MutableMapping[str, Any]):
    """What a task knows of itself; a change is reported."""

    def __init__(self, handle: Handle, values: Any) -> None:
        self._handle = handle
        self._values: dict[str, Any] = dict(values) if isinstance(values, Mapping) else {}

    def report(self) -> None:
        self._handle.run.update(metadata=self._values)

    def __getitem__(self, label: str) -> Any:
        return self._values[label]

    def __setitem__(self, label: str, value: Any) -> None:
        self._values[label] = value
        self.report()

    def __delitem__(self, label: str) -> None:
        del self._values[label]
        self.report()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@overload
def task(name: F, /) -> F: ...


@overload
def task(
    name: str | None = None,
    /,
    *,
    tags: Any = (),
    priority: str = "medium",
    description: str = "",
    key: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    expect_next_in: float | None = None,
    total: float | None = None,
    unit: str | None = None,
    parent: Run | Handle | int | None = None,
) -> Handle: ...


def task(name: Any = None, /, **fields: Any) -> Any:
    """A piece of work as a task on the board.

    >>> with vain.task("train", tags=["gpu"], expect_next_in=60) as t:
    ...     t.update(3, total=10, message="loss 0.1")
    >>> @vain.task("etl {day}")
    ... def etl(day): ...

    An exception makes it failed, Ctrl-C and SIGTERM cancelled; a task inside another is its child. Without a name
    (``@vain.task``, ``@vain.task(tags=["x"])``) a task is called as its function or, in a block, as the program is.
    """
    if callable(name):
        return decorated(name, lambda text: Handle(text, {}), None)
    called = None if name is None else str(drafts.fields({"name": name}).get("name", "task"))
    return Handle(called, _fields(fields))


def current() -> Handle | None:
    """The innermost task that the caller is in; None outside of any. Threads and asyncio tasks have their own."""
    run = innermost()
    if run is None:
        return None
    if not isinstance(run.handle, Handle):
        run.handle = Handle(run.name, {}, run)
    return run.handle


def ending(exc: BaseException | None, outcome: str | None) -> dict[str, Any]:
    """How a run ends that was left with this exception."""
    if exc is None:
        return {"outcome": outcome or "succeeded"}
    if isinstance(exc, SystemExit):
        return _exited(exc, outcome)
    if isinstance(exc, KeyboardInterrupt | GeneratorExit) or type(exc).__name__ == "CancelledError":
        return {"outcome": "cancelled"}
    return {"outcome": "failed", "error": drafts.error(exc)}


def _exited(exc: SystemExit, outcome: str | None) -> dict[str, Any]:
    """As the interpreter reads it: nothing and 0 are success, a number is the exit code, anything else is a 1."""
    if exc.code is None or isinstance(exc.code, int):
        code = exc.code or 0
        return {"outcome": (outcome or "succeeded") if code == 0 else "failed", "exit_code": code}
    return {"outcome": "failed", "exit_code": 1, "error": drafts.error(exc)}


def _line(text: object) -> bytes:
    try:
        return f"{text}\n".encode("utf-8", "replace")
    except Exception:  # noqa: BLE001  # the job's own object, whose __str__ may do anything
        return b""


def _fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    parent = fields.get("parent")
    return {**fields, "parent": parent.run if isinstance(parent, Handle) else parent}

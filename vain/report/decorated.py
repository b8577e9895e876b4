"""Functions whose every call is a task: plain, async, generators and async generators."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from vain.report.run import Run, entered

F = TypeVar("F", bound=Callable[..., Any])


class Task(Protocol):
    """What is made for a call."""

    run: Run

    def begin(self) -> Any: ...
    def finish(self, exc: BaseException | None = None) -> None: ...


def decorated(function: F, made: Callable[[str], Task], pattern: str | None) -> F:
    """The function, each call of which is a task that ``made`` makes of a name.

    ``{argument}`` in ``pattern`` stands for what the function was called with; without a pattern the task is called
    as the function is.
    """

    def begun(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Task:
        name = getattr(function, "__qualname__", "task") if pattern is None else _named(pattern, function, args, kwargs)
        task = made(name.replace("<locals>.", ""))
        task.begin()
        return task

    for is_kind, wrapped in _KINDS:
        if is_kind(function):
            return functools.wraps(function)(wrapped(function, begun))  # type: ignore[return-value]  # called as it is
    return functools.wraps(function)(_plain(function, begun))  # type: ignore[return-value]  # called as it is


Begun = Callable[[tuple[Any, ...], dict[str, Any]], Task]


def _plain(function: Callable[..., Any], begun: Begun) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with _within(begun(args, kwargs)):
            return function(*args, **kwargs)

    return call


def _coroutine(function: Callable[..., Any], begun: Begun) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with _within(begun(args, kwargs)):
            return await function(*args, **kwargs)

    return call


def _generator(function: Callable[..., Any], begun: Begun) -> Callable[..., Any]:
    """The task is the current one while the generator works, not while its consumer does."""

    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        task = begun(args, kwargs)
        with _ended(task):
            generator = function(*args, **kwargs)
            step: Callable[[], Any] = functools.partial(next, generator)
            while True:
                try:
                    with _current(task):
                        item = step()
                except StopIteration as stop:
                    return stop.value
                try:
                    step = functools.partial(generator.send, (yield item))
                except GeneratorExit:
                    with _current(task):
                        generator.close()
                    raise
                except BaseException as exc:  # noqa: BLE001  # thrown in for the generator to see
                    step = functools.partial(generator.throw, exc)

    return call


def _async_generator(function: Callable[..., Any], begun: Begun) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        task = begun(args, kwargs)
        with _ended(task):
            generator = function(*args, **kwargs)
            step: Callable[[], Any] = generator.__anext__
            while True:
                try:
                    with _current(task):
                        item = await step()
                except StopAsyncIteration:
                    return
                try:
                    step = functools.partial(generator.asend, (yield item))
                except GeneratorExit:
                    with _current(task):
                        await generator.aclose()
                    raise
                except BaseException as exc:  # noqa: BLE001  # thrown in for the generator to see
                    step = functools.partial(generator.athrow, exc)

    return call


_KINDS = (
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.isgeneratorfunction, _generator),
)


@contextmanager
def _ended(task: Task) -> Iterator[None]:
    try:
        yield
    except BaseException as exc:
        task.finish(exc)
        raise
    task.finish()


@contextmanager
def _current(task: Task) -> Iterator[None]:
    with entered(task.run):
        yield


@contextmanager
def _within(task: Task) -> Iterator[None]:
    with _ended(task), _current(task):
        yield


def _named(pattern: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The pattern filled in; as it stands, if it cannot be."""
    if "{" not in pattern:
        return pattern
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
        bound.apply_defaults()
        return pattern.format(*args, **bound.arguments, **bound.arguments.get("kwargs", {}))
    except Exception:  # noqa: BLE001  # a name is never worth the call
        return pattern

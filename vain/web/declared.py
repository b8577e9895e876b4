"""What a handler says of itself, once: its parameters, its body, its answers.

``@operation`` stands above a handler. The gate of parameters (``Request.parameters``), ``/openapi.json`` and the page
that is made of it all read the same declaration; what it answers with are the types that are encoded. Roles, media
types of bodies and the paths themselves stand in ``table.py``; the errors that follow from those are added there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import cleandoc
from typing import Any, TypeVar

from msgspec import Struct

H = TypeVar("H", bound=Callable[..., Any])


class Parameter(Struct, frozen=True):
    """A parameter of the query, or a header that a request may have.

    ``type`` is one that msgspec can make a schema of, with its bounds: ``Annotated[int, Meta(ge=1, le=1000)]``.
    """

    name: str
    type: Any
    help: str
    default: object = None
    """What counts where it is not given; None: nothing does."""
    many: bool = False
    """It may be given several times, each with one value of ``type``."""


class Answer(Struct, frozen=True):
    """What comes back when all went well.

    ``body`` is the type that is encoded, None where there is no body. ``media`` are the other media types that the same
    may be had in, ``headers`` what the answer carries besides (names of ``openapi.HEADERS``), ``links`` the ids of the
    operations that may follow, with the parameters that they take from this answer.
    """

    status: int
    help: str
    body: Any = None
    media: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    links: Mapping[str, Mapping[str, str]] = {}
    json: bool = True
    """False: only ``media`` are to be had."""
    part: Any = None
    """What is encoded instead where a parameter ``fields`` picks from it."""


class Operation(Struct, frozen=True):
    """One method of one path. ``refuses`` are statuses of errors beside those that any such route may answer with."""

    id: str
    tag: str
    summary: str
    answers: tuple[Answer, ...]
    parameters: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: Any = None
    refuses: tuple[int, ...] = ()
    hidden: bool = False
    """Not part of the interface: files of the pages."""

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that its query may have."""
        return tuple(parameter.name for parameter in self.parameters)


_OPERATIONS: dict[Callable[..., Any], Operation] = {}


def operation(
    id: str,  # noqa: A002  (the word of OpenAPI)
    *answers: Answer,
    tag: str,
    parameters: tuple[Parameter, ...] = (),
    headers: tuple[Parameter, ...] = (),
    body: Any = None,
    refuses: tuple[int, ...] = (),
    hidden: bool = False,
) -> Callable[[H], H]:
    """Declares the handler that it stands above; the summary is the handler's docstring."""

    def declare(handler: H) -> H:
        summary = cleandoc(handler.__doc__ or "").replace("``", "`")
        _OPERATIONS[handler] = Operation(id, tag, summary, answers, parameters, headers, body, tuple(refuses), hidden)
        return handler

    return declare


def operation_of(handler: Callable[..., Any]) -> Operation | None:
    """What was declared above a handler."""
    return _OPERATIONS.get(handler)

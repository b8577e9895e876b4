"""``/openapi.json`` (OpenAPI 3.1): made of the routes, what their handlers declare, and the types that validate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from vain.web import parameters
from vain.web.declared import Answer, Operation, Parameter
from vain.web.http import JSON
from vain.web.problems import CONTENT_TYPE as PROBLEM_TYPE
from vain.web.problems import Problem, titles
from vain.web.routes import Endpoint
from vain.web.schemas import Schema, markdown, schema, schemas

API_VERSION = "1.0.0"
"""Of the interface. What is added does not change it: read over what you do not know."""

TAGS: Mapping[str, str] = {
    "tasks": "Pieces of work: make, find, change and delete them.",
    "reporting": "What the processes that do the work send: pings, signs of life, output.",
    "performance": "The machine: now, at any time since, and who used it.",
    "hosts": "Other machines, and what their agents send.",
    "visualizations": "The data that the dashboard draws.",
    "notifications": "What a person should know.",
    "rules": "What is watched for, and who is not to be told.",
    "stream": "What happens, as it happens.",
    "server": "The server itself.",
}
HEADERS: Mapping[str, tuple[Any, str]] = {
    "ETag": (str, "The version of what was answered, for `If-Match` and `If-None-Match`."),
    "Link": (str, 'Where the next part is (RFC 8288): `<…>; rel="next"`; not sent with the last.'),
    "Location": (str, "Where the new thing is."),
    "Retry-After": (int, "After so many seconds it is worth another try."),
    "Set-Cookie": (str, "The session's cookie, which no script can read."),
    "Vain-Log-End": (int, "Where in all of the output the body ends."),
    "Vain-Log-Offset": (int, "Where in all of the output the body begins."),
    "WWW-Authenticate": (str, "How to say who asks: `Bearer`."),
    "X-Request-Id": (str, "The request's name, in the log too: yours, if it is visible ASCII, or a new one."),
    "X-Total-Count": (int, "How many there are in all."),
    "X-Vain-Epoch": (str, "Whose numbers the events have: another database has another."),
    "X-Vain-Seq": (int, "The newest event that is in the answer: who subscribes `since` it misses nothing."),
}
"""What answers carry, by name; an answer declares which."""
ALWAYS: tuple[str, ...] = ("X-Request-Id",)
"""Those of every answer."""

_EVERY_ROUTE = (400, 403, 421, 429, 500, 503)
_IN_BRACES = re.compile(r"\{(\w+)\}")
_ERRORS: Mapping[int, str] = {
    400: "The body is not JSON, or a parameter is unknown or cannot be read.",
    401: "No valid key came with the request.",
    403: "The key's role does not suffice, or the page that asks is of another site.",
    404: "There is no such thing.",
    406: "It is not to be had in any of the media types that `Accept` names.",
    409: "The change does not fit what is there.",
    412: "`If-Match` names another version.",
    413: "The body is too large.",
    415: "The body is of another media type.",
    421: "The host name is not this server's.",
    422: "A field breaks a rule; `errors` says which.",
    429: "Too many requests: `Retry-After` says when to go on.",
    500: "Something failed inside vAIn; its log says what.",
    503: "Not now: `Retry-After` says when.",
    507: "The disk is full. Reading goes on.",
}
_INTRODUCTION = """Tasks and the machine on one time axis. JSON in, JSON out; times are RFC 3339 in UTC; what is
unknown is `null`, never 0; units stand in the names. Every error is `application/problem+json`. HEAD and OPTIONS
answer everywhere. What happens comes by WebSocket (`asyncapi.json`)."""


def document(table: Mapping[str, Mapping[str, Endpoint]]) -> Schema:
    """The whole document. It takes over a tenth of a second: make it once."""
    declared = dict(_declared(table))
    types = [type_ for operation in declared.values() for type_ in _types(operation)]
    found, components = schemas([*types, Problem])
    known = dict(zip(map(repr, types), found, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for (path, method), operation in declared.items():
        item = paths.setdefault(path, _path_item(path))
        item[method.lower()] = _operation(path, method, table[path][method], operation, known)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "vAIn",
            "version": API_VERSION,
            "description": " ".join(_INTRODUCTION.split()),
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "servers": [{"url": "."}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {str(status): _error(status) for status in _ERRORS},
            "headers": {name: _header(type_, text) for name, (type_, text) in HEADERS.items()},
            "securitySchemes": SECURITY,
        },
    }


SECURITY: Schema = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer vain_…`."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "vain",
        "description": "The cookie of a browser that signed in at `/login`; over https its name is `__Host-vain`.",
    },
}
_OPEN_OR_KEY: list[Schema] = [{}, {"key": []}, {"session": []}]
"""A server without keys, which listens on loopback alone, asks for none."""


def _declared(table: Mapping[str, Mapping[str, Endpoint]]) -> Iterator[tuple[tuple[str, str], Operation]]:
    """By path and method; where two paths have one handler, the second has a name of its own."""
    taken = set()
    for path, methods in table.items():
        for method, endpoint in methods.items():
            operation = endpoint.operation
            if operation is None or operation.hidden:
                continue
            if operation.id in taken:
                last = _IN_BRACES.findall(path)[-1]
                operation = msgspec.structs.replace(operation, id=f"{operation.id}{last.title()}")
            taken.add(operation.id)
            yield (path, method), operation


def _types(operation: Operation) -> list[Any]:
    bodies = [body for answer in operation.answers for body in (answer.body, answer.part) if body is not None]
    return bodies if operation.body in (None, bytes) else [*bodies, operation.body]


def _path_item(path: str) -> dict[str, Any]:
    names = _IN_BRACES.findall(path)
    known = [(name, *parameters.IN_PATHS[name]) for name in names]
    found = [
        {"name": name, "in": "path", "required": True, "description": text, "schema": schema(type_)}
        for name, type_, text in known
    ]
    return {"parameters": found} if found else {}


def _operation(path: str, method: str, endpoint: Endpoint, said: Operation, known: Mapping[str, Schema]) -> Schema:
    summary, _, more = said.summary.partition("\n\n")
    described: dict[str, Any] = {
        "operationId": said.id,
        "summary": markdown(summary),
        "description": markdown(more),
        "tags": [said.tag],
        "x-role": endpoint.needs,
        "security": [] if endpoint.needs is None else _OPEN_OR_KEY,
        "parameters": [
            *(_parameter(each, "query") for each in said.parameters),
            *(_parameter(each, "header") for each in said.headers),
        ],
        "requestBody": _body(endpoint, said, known),
        "responses": {
            **{str(answer.status): _answer(answer, known) for answer in said.answers},
            **{
                str(status): {"$ref": f"#/components/responses/{status}"}
                for status in refusals(path, method, endpoint, said)
            },
        },
    }
    return {name: value for name, value in described.items() if value not in ("", None) and value != {}}


def refusals(path: str, method: str, endpoint: Endpoint, said: Operation) -> Sequence[int]:
    """The errors that an endpoint may answer with."""
    statuses = {*_EVERY_ROUTE, *said.refuses}
    statuses |= {401} if endpoint.needs is not None else set()
    statuses |= {404} if "_id}" in path or "{chart}" in path else set()
    statuses |= {507} if method != "GET" else set()
    if method in ("POST", "PUT", "PATCH"):
        statuses |= {413, 415} | ({422} if said.body not in (None, bytes) else set())
    return sorted(statuses - {answer.status for answer in said.answers})


def _parameter(each: Parameter, place: str) -> Schema:
    shape = schema(each.type)
    if each.many:
        shape = {"type": "array", "items": shape}
    elif each.default is not None:
        shape["default"] = each.default
    described: Schema = {"name": each.name, "in": place, "description": each.help, "schema": shape}
    return described | ({"style": "form", "explode": True} if each.many else {})


def _body(endpoint: Endpoint, said: Operation, known: Mapping[str, Schema]) -> Schema:
    content: Schema = {media: {"schema": {"type": "string"}} for media in endpoint.takes}
    if said.body not in (None, bytes):
        content = {JSON: {"schema": known[repr(said.body)]}} | {
            media: {"schema": known[repr(said.body)]} for media in endpoint.takes
        }
    return {"required": said.body is not None, "content": content} if content else {}


def _answer(answer: Answer, known: Mapping[str, Schema]) -> Schema:
    content: Schema = {media: {"schema": _as_text(media)} for media in answer.media}
    if answer.body is not None and answer.json:
        shapes = [known[repr(body)] for body in (answer.body, answer.part) if body is not None]
        content = {JSON: {"schema": shapes[0] if len(shapes) == 1 else {"anyOf": shapes}}, **content}
    described: Schema = {"description": answer.help}
    if headers := (*ALWAYS, *answer.headers):
        described["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    if content:
        described["content"] = content
    if answer.links:
        described["links"] = {
            operation: {"operationId": operation, "parameters": dict(values)}
            for operation, values in answer.links.items()
        }
    return described


def _as_text(media: str) -> Schema:
    """Of what is no JSON a schema can say no more. The data of events are those of asyncapi.json."""
    return {"type": "string"} if media.startswith("text/") and not media.startswith("text/event-stream") else {}


def _error(status: int) -> Schema:
    headers = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
    described: Schema = {
        "description": f"{titles()[status]}: {_ERRORS[status]}",
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if named := [*ALWAYS, *headers]:
        described["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in named}
    return described


def _header(type_: Any, text: str) -> Schema:
    return {"description": text, "schema": schema(type_)}

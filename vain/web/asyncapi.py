"""``/asyncapi.json`` (AsyncAPI 3.0): the stream, made of the very types of its messages (``vain/messages.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from vain import messages
from vain.codec import encode
from vain.flow.figures import Chart
from vain.samples import Cpu, Memory
from vain.web.openapi import API_VERSION
from vain.web.schemas import Schema, markdown, schemas

SOCKET, EVENTS = "socket", "events"
"""The channels: the WebSocket, and the same as server-sent events."""

_AT = "2026-11-23T09:30:00.000Z"
_EPOCH = "5f1c2a9be01d4b6f"
EXAMPLES: Sequence[msgspec.Struct] = (
    messages.TaskUpdate(
        task_id=7,
        name="train resnet",
        status="in-progress",
        priority="high",
        created_at="2026-11-23T09:00:00.000Z",
        progress=62.0,
        started_at="2026-11-23T09:00:01.500Z",
        updated_at=_AT,
        version=14,
        seq=812,
        timestamp=_AT,
        action="updated",
        changed=["progress"],
        previous_status="in-progress",
    ),
    messages.NotificationMessage(
        notification_id=3,
        timestamp=_AT,
        kind="task.failed",
        level="error",
        title="nightly backup failed",
        message="Exit code 2",
        task_id=9,
        tasks=[7],
        seq=813,
    ),
    messages.PerformanceUpdate(
        cpu_usage=41.5,
        memory_usage=63.2,
        disk_usage=71.0,
        uptime=86_400.0,
        timestamp=_AT,
        host="laptop",
        period_seconds=1.0,
        cpu=Cpu(percent=41.5, core_percent=[38.0, 45.0], cores_logical=2),
        memory=Memory(total_bytes=16 << 30, used_bytes=10 << 30, percent=63.2),
    ),
    messages.VisualizationUpdate(
        timestamp=_AT,
        charts=[
            Chart(
                "completion",
                "stacked-bar",
                "Tasks completed",
                "t",
                ["succeeded", "failed"],
                {"succeeded": "count", "failed": "count", "t": "ms since 1970-01-01 UTC"},
                {"t": [1795424400000], "succeeded": [4], "failed": [1]},
            )
        ],
    ),
    messages.Snapshot(timestamp=_AT, epoch=_EPOCH, seq=811, reset=False, tasks=[]),
    messages.Resumed(timestamp=_AT, epoch=_EPOCH, seq=812),
    messages.Unsubscribed(timestamp=_AT, epoch=_EPOCH, seq=812),
    messages.Bookmark(timestamp=_AT, epoch=_EPOCH, seq=820),
    messages.Goaway(timestamp=_AT, retry_seconds=1.0),
    messages.ErrorMessage(
        timestamp=_AT,
        title="Invalid value",
        status=422,
        detail="since: a number ≥ 0 is expected.",
        problem="/problems/invalid-value",
        errors=[messages.ErrorFlaw("a number ≥ 0 is expected.", "/since")],
    ),
    messages.Subscribe(since=812, epoch=_EPOCH, streams=["tasks"], filter=messages.Filter(tag="gpu")),
    messages.Unsubscribe(),
    messages.Auth(token="vain_…"),  # noqa: S106  (no key)
)

_INTRODUCTION = """One flat JSON object for each message, each with `type` and `timestamp`. A client that sends nothing
gets `taskUpdate`, `notification`, `performanceUpdate` and `visualizationUpdate`, from the moment of connecting on, and
no other. One that offers the subprotocol `vain.v1`, or sends `subscribe`, says where it goes on and what it wants:
nothing is missing and nothing comes twice. Read over types and fields that you do not know."""


def document() -> Schema:
    """The whole document."""
    sent, received = get_args(messages.ServerMessage), get_args(messages.ClientMessage)
    _, components = schemas([*sent, *received])
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "vAIn events",
            "version": API_VERSION,
            "description": " ".join(_INTRODUCTION.split()),
            "license": {"name": "BSD-3-Clause"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "socket": {"host": "localhost:5006", "protocol": "ws", "security": _reference("securitySchemes", ["key"])},
            "http": {"host": "localhost:5006", "protocol": "http", "security": _reference("securitySchemes", ["key"])},
        },
        "channels": {
            SOCKET: {
                "address": "/ws/tasks",
                "title": "The WebSocket",
                "servers": [{"$ref": "#/servers/socket"}],
                "messages": _named("components/messages", (*sent, *received)),
                "bindings": {"ws": {"method": "GET"}},
            },
            EVENTS: {
                "address": "/events",
                "title": "The same as server-sent events; a position is `<epoch>:<seq>`",
                "servers": [{"$ref": "#/servers/http"}],
                "messages": _named("components/messages", sent),
            },
        },
        "operations": {
            "tell": _operation("send", SOCKET, sent, "What happens, as it happens."),
            "tellEvents": _operation("send", EVENTS, sent, "The same to who asks with `GET /events`."),
            "ask": _operation("receive", SOCKET, received, "What a client may send; nothing has to be."),
        },
        "components": {
            "messages": {type_.__name__: _message(type_) for type_ in (*sent, *received)},
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def message_type(type_: Any) -> str:
    """What a message's field ``type`` says."""
    return str(type_.__struct_config__.tag)


def _message(type_: Any) -> Schema:
    examples = [example for example in EXAMPLES if type(example) is type_]
    return {
        "name": message_type(type_),
        "title": type_.__name__,
        "summary": markdown((type_.__doc__ or "").partition("\n\n")[0]),
        "payload": {"$ref": f"#/components/schemas/{type_.__name__}"},
        "examples": [{"payload": msgspec.json.decode(encode(example))} for example in examples],
    }


def _operation(action: str, channel: str, types: Sequence[Any], summary: str) -> Schema:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{type_.__name__}"} for type_ in types],
    }


def _named(place: str, types: Sequence[Any]) -> Schema:
    return {type_.__name__: {"$ref": f"#/{place}/{type_.__name__}"} for type_ in types}


def _reference(place: str, names: Sequence[str]) -> list[Schema]:
    return [{"$ref": f"#/components/{place}/{name}"} for name in names]

"""The types of the stream's messages, held against what is sent, against the guide, and against the types of REST."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from vain import messages
from vain.messages import ClientMessage, Filter, ServerMessage, Subscribe
from vain.subscription import STREAM_OF_TYPE, TaskFilter
from vain.types import Task
from vain.web import event_socket

BARE = {"taskUpdate", "notification", "performanceUpdate", "visualizationUpdate"}


def tag(type_: type) -> str:
    return str(type_.__struct_config__.tag)  # type: ignore[attr-defined]


def guide(root: Path) -> str:
    return (root / "docs/stream.md").read_text()


@pytest.mark.parametrize("type_", [*get_args(ServerMessage), *get_args(ClientMessage)])
def test_the_guide_names_each_message(type_: type, root: Path) -> None:
    assert f"`{tag(type_)}`" in guide(root)
    own = set(type_.__struct_fields__) - set(Task.__struct_fields__)  # type: ignore[attr-defined]
    missing = {name for name in own if tag(type_) not in BARE and name not in ("timestamp", "problem")}
    assert all(f"`{name}`" in guide(root) for name in missing)


def test_the_guide_names_each_filter_stream_and_close_code(root: Path) -> None:
    codes = [value for name, value in vars(event_socket).items() if name.startswith("CLOSE_")]
    words = [*Filter.__struct_fields__, *messages.STREAMS, *get_args(messages.ResetReason)]
    assert all(f"`{word}`" in guide(root) for word in words) and all(f"| {code} |" in guide(root) for code in codes)


def test_every_message_says_when() -> None:
    assert all("timestamp" in type_.__struct_fields__ for type_ in get_args(ServerMessage))


def test_who_sends_nothing_is_sent_the_types_of_the_streams_and_no_other() -> None:
    assert set(STREAM_OF_TYPE) == BARE and set(STREAM_OF_TYPE.values()) == set(messages.STREAMS)


def test_a_filter_on_the_wire_is_one_in_the_rules() -> None:
    assert Filter.__struct_fields__ == TaskFilter._fields


def test_what_a_client_leaves_out_is_not_sent() -> None:
    assert msgspec.json.encode(Subscribe(since=3)) == b'{"type":"subscribe","since":3}'

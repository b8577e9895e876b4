"""``/asyncapi.json`` holds what it says: its examples, and what really comes over ``/ws/tasks``, fit its schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from tests.web.harness import Running, running
from tests.web.sockets import client, close_all, in_thread, run, take
from vain import messages
from vain.web import asyncapi, caretaker

UNASKED = {"taskUpdate", "performanceUpdate", "visualizationUpdate", "notification"}
"""The contract's: a client that sends nothing gets these."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caretaker, "CHARTS_SECONDS", 0.1)
        with running(tmp_path_factory.mktemp("data"), interval=0.1) as running_server:
            yield running_server


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """As it is sent."""
    made: dict[str, Any] = json.loads(json.dumps(asyncapi.document()))
    return made


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    yield
    close_all()


def valid(document: dict[str, Any], message: dict[str, Any]) -> str:
    """The type of a message, which fits the schema of that type."""
    (described,) = [each for each in document["components"]["messages"].values() if each["name"] == message["type"]]
    schema = {**described["payload"], "components": document["components"]}
    Draft202012Validator(schema).validate(message)
    return str(message["type"])


def test_each_message_is_described_and_its_examples_fit(document: dict[str, Any]) -> None:
    described = document["components"]["messages"]
    types = [*get_args(messages.ServerMessage), *get_args(messages.ClientMessage)]
    assert {each["name"] for each in described.values()} == {asyncapi.message_type(type_) for type_ in types}
    for message in described.values():
        assert message["summary"] and message["examples"], message["name"]
        for example in message["examples"]:
            assert valid(document, example["payload"]) == message["name"]


def test_channels_are_those_of_the_contract_and_references_lead_somewhere(document: dict[str, Any]) -> None:
    assert {channel["address"] for channel in document["channels"].values()} == {"/ws/tasks", "/events"}
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        part: Any = document
        for step in reference.split("/"):
            part = part[step]
        assert part, reference


def test_what_comes_unasked_fits(server: Running, document: dict[str, Any]) -> None:
    async def work() -> set[str]:
        seen: set[str] = set()
        async with client(server) as connection:
            made = await in_thread(server.make, tags=["a"], metadata={"n": 1})
            await in_thread(server.call, "PUT", f"/tasks/{made['task_id']}", {"outcome": "failed", "exit_code": 2})
            await in_thread(server.call, "DELETE", f"/tasks/{made['task_id']}")
            while seen != UNASKED:
                seen.add(valid(document, await take(connection, lambda _: True)))
        return seen

    run(work())


def test_what_is_answered_to_a_client_fits(server: Running, document: dict[str, Any]) -> None:
    asked = [
        {"type": "subscribe", "streams": ["tasks"], "filter": {"tag": "gpu"}},
        {"type": "subscribe", "since": 10**9, "epoch": "another"},
        {"type": "subscribe", "sinc": 1},
        {"type": "unsubscribe"},
    ]
    expected = ["snapshot", "snapshot", "error", "unsubscribed"]

    async def work() -> list[str]:
        seen = []
        async with client(server) as connection:
            await in_thread(server.make)
            for message, answer in zip(asked, expected, strict=True):
                await connection.send(json.dumps(message))
                seen.append(valid(document, await take(connection, lambda each, type_=answer: each["type"] == type_)))
        return seen

    for message in (asked[0], asked[1], asked[3]):
        assert valid(document, message)
    assert run(work()) == expected


def test_the_document_is_sent(server: Running, document: dict[str, Any]) -> None:
    assert server.call("GET", "/asyncapi.json").json == document

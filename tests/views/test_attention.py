"""A page that nobody looks at asks for nothing, and catches up when somebody does; the search finds tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.views import moving
from vain.types import TaskDraft
from vain.views.attention import LONGEST_SEARCH, MOST_FOUND, Attention
from vain.views.live import Live

LATER = 1_800_000_001.0


async def settle() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


def test_a_hidden_page_is_not_woken_and_catches_up_in_one_tick() -> None:
    async def main() -> tuple[int, int, int, int]:
        source = moving.MovingSource(rows=30)
        live = Live(source).start()
        attention = Attention(live)
        attention.receive({"visible": False})
        for second in range(5):
            source.advance(LATER + second)
        await settle()
        hidden = live.tick, len(source.subscribers)
        attention.receive({"visible": True})
        await settle()
        live.stop()
        return *hidden, live.tick, len(live.metrics.data["t"])

    assert asyncio.run(main()) == (0, 0, 1, 35)


def test_a_tick_that_was_asked_for_before_the_page_was_hidden_does_not_run() -> None:
    async def main() -> int:
        source = moving.MovingSource(rows=3)
        live = Live(source).start()
        source.advance(LATER)
        live.attend(False)
        await settle()
        live.stop()
        return live.tick

    assert asyncio.run(main()) == 0


def test_a_session_that_ended_does_not_join_again() -> None:
    async def main() -> list[Any]:
        source = moving.MovingSource(rows=3)
        live = Live(source).start()
        live.attend(False)
        live.stop()
        live.attend(True)
        return source.subscribers

    assert asyncio.run(main()) == []


async def searched(monkeypatch: pytest.MonkeyPatch, text: str, *names: str) -> list[dict[str, Any]]:
    source = moving.MovingSource(rows=3)
    for name in names:
        await source.create(TaskDraft(name=name))
    live, told = Live(source).start(), list[dict[str, Any]]()
    attention = Attention(live)
    monkeypatch.setattr(attention._ear, "tell", told.append)
    attention.receive({"search": text, "number": 7})
    await settle()
    live.stop()
    return told


def test_a_search_finds_by_name_and_says_which_question_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    told = asyncio.run(searched(monkeypatch, "back", "Nightly backup", "Train"))
    assert told == [{"number": 7, "found": [{"id": 1, "name": "Nightly backup", "state": "pending"}]}]


def test_a_number_finds_the_task_first(monkeypatch: pytest.MonkeyPatch) -> None:
    told = asyncio.run(searched(monkeypatch, "#2", "version 2", "Train"))
    assert [found["id"] for found in told[0]["found"]] == [2, 1]


def test_few_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    told = asyncio.run(searched(monkeypatch, "job", *[f"job {number}" for number in range(20)]))
    assert len(told[0]["found"]) == MOST_FOUND


@pytest.mark.parametrize(
    "message",
    [None, [], 3, {}, {"visible": "no"}, {"search": 5, "number": 1}, {"search": " ", "number": 1},
     {"search": "x" * (LONGEST_SEARCH + 1), "number": 1}, {"search": "x", "number": None}],
)  # fmt: skip
def test_what_has_no_meaning_is_dropped(message: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> tuple[int, int]:
        source = moving.MovingSource(rows=3)
        live, fetched = Live(source).start(), list[Callable[..., Any]]()
        monkeypatch.setattr(live, "fetch", lambda read, show: fetched.append(read))
        Attention(live).receive(message)
        subscribed = len(source.subscribers)
        live.stop()
        return subscribed, len(fetched)

    assert asyncio.run(main()) == (1, 0)

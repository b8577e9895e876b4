"""The reader of the stream, without a stream: what is news, what is a hole, where to go on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.errors import Invalid, Unavailable
from vain.happened import Snapshot, TaskChange
from vain.resuming import LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS, Hole, Pauses, Position, Reader, reader

TASK = {"task_id": 1, "name": "a", "status": "pending", "priority": "low", "created_at": "2026-01-01T00:00:00.000Z"}


def message(type_: str, **fields: Any) -> str:
    return json.dumps({"type": type_, **fields})


def change(seq: int, **fields: Any) -> str:
    return message("taskUpdate", **TASK, action="updated", seq=seq, **fields)


def placed(types: list[str] | None = None, seq: int = 10, **filter_: Any) -> Reader:
    begun = reader(types, None, False, **filter_)
    begun.subscription()
    begun.take(message("resumed", epoch="e", seq=seq))
    return begun


@pytest.mark.parametrize("position", [Position("e", 0), Position("with:colons", 2**53 - 1)])
def test_a_position_is_read_as_it_was_written(position: Position) -> None:
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize("text", ["", "812", "e:", ":812", "e:-1", "e:1.5", "e:²", "e:" + "1" * 17])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no position"):
        Position.parse(text)


def test_without_a_position_it_begins_now_and_with_one_after_it() -> None:
    begun = reader(["taskUpdate"], None, False, tag="gpu", key=None)
    first = json.loads(begun.subscription())
    assert first == {"type": "subscribe", "streams": ["tasks"], "filter": {"tag": "gpu"}, "snapshot": False}
    later = json.loads(reader(None, "e:7", True).subscription())
    assert (later["since"], later["epoch"], len(later["streams"])) == (7, "e", 4) and "snapshot" not in later


def test_what_comes_before_the_answer_is_of_no_subscription() -> None:
    begun = reader(None, "e:10", False)
    begun.subscription()
    assert begun.take(change(12)) is None and begun.take(message("bookmark", epoch="e", seq=12)) is None
    assert begun.position == ("e", 10) and not begun.is_placed


def test_the_position_is_that_of_what_was_given_last() -> None:
    begun = placed()
    assert isinstance(begun.take(change(11)), TaskChange) and begun.position == ("e", 11)
    assert begun.take(change(11)) is None and begun.take(change(3)) is None and begun.position == ("e", 11)


@pytest.mark.parametrize("late", [change(13), message("bookmark", epoch="e", seq=13)])
def test_a_number_that_is_left_out_is_a_hole_to_one_who_wants_all(late: str) -> None:
    begun = placed()
    begun.take(change(11))
    with pytest.raises(Hole):
        begun.take(late)
    assert begun.position == ("e", 11)


def test_one_who_wants_a_part_is_moved_by_bookmarks() -> None:
    begun = placed(["taskUpdate"])
    assert begun.take(change(13)) is not None
    begun.take(message("bookmark", epoch="e", seq=20))
    begun.take(message("bookmark", epoch="e", seq=15))
    assert begun.position == ("e", 20)
    assert json.loads(begun.subscription())["since"] == 20


def test_an_answer_that_goes_on_elsewhere_is_a_hole() -> None:
    begun = placed(seq=10)
    begun.subscription()
    with pytest.raises(Hole):
        begun.take(message("resumed", epoch="e", seq=11))


def test_the_parts_of_a_snapshot_are_applied_in_order() -> None:
    begun = placed()
    begun.subscription()
    two = {**TASK, "task_id": 2}
    part = message("snapshot", epoch="f", seq=3, reset=True, reason="epoch", tasks=[TASK, two], more=True)
    assert begun.take(part) is None and begun.position == ("e", 10)
    newer = {**TASK, "version": 5}
    last = begun.take(message("snapshot", epoch="f", seq=4, reset=True, reason="epoch", tasks=[newer], removed=[2]))
    assert isinstance(last, Snapshot) and (last.reset, last.reason, last.seq) == (True, "epoch", 4)
    assert [(task.task_id, task.version) for task in last.tasks] == [(1, 5)]
    assert begun.position == ("f", 4) and begun.is_placed


def test_an_error_names_what_is_wrong_or_asks_for_patience() -> None:
    with pytest.raises(Invalid) as refusal:
        placed().take(message("error", status=422, detail="no", errors=[{"detail": "x", "pointer": "/filter"}]))
    assert refusal.value.flaws[0].pointer == "/filter"
    with pytest.raises(Unavailable):
        placed().take(message("error", status=503, title="busy"))


def test_goaway_says_within_which_time_to_come_back() -> None:
    begun = placed()
    begun.take(message("goaway", retry_seconds=4.5))
    assert begun.retry_seconds == 4.5
    begun.subscription()
    assert begun.retry_seconds == 0


def test_no_type_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        reader([], None, False)


def test_pauses_grow_to_ten_seconds_with_full_jitter_and_begin_anew() -> None:
    pauses = Pauses(uniform=lambda least, most: most if least == 0 else -1)
    assert [pauses.next_seconds() for _ in range(8)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    pauses.reset()
    assert pauses.next_seconds(5.0) == 5.0 and pauses.next_seconds() == 0.4
    assert SHORTEST_PAUSE_SECONDS <= 1 and LONGEST_PAUSE_SECONDS <= 30


@given(st.lists(st.integers(11, 16), max_size=30))
def test_whatever_comes_nothing_is_given_twice_or_out_of_order(numbers: list[int]) -> None:
    begun, given_ = placed(), []
    for seq in numbers:
        try:
            event = begun.take(change(seq))
        except Hole:
            continue
        if isinstance(event, TaskChange):
            given_.append(event.seq)
    assert given_ == list(range(11, 11 + len(given_)))

"""What holds several servers to account tells what is wrong, each kind of it."""

from __future__ import annotations

import json
import zlib

import pytest

from tests.several.checker import Answered, Followed, Log, Numbers, lost, misnumbered, p50_p99, waits_ms


def event(seq: int, task_id: int, version: int, action: str = "updated") -> tuple[int, bytes]:
    told = {"type": "taskUpdate", "seq": seq, "task_id": task_id, "version": version, "action": action}
    return seq, json.dumps(told).encode()


@pytest.mark.parametrize(
    ("told", "gaps", "doubles"),
    [([1, 2, 3], 0, 0), ([1, 3], 1, 0), ([4], 3, 0), ([1, 2, 2, 3], 0, 1), ([1, 3, 2, 4], 1, 1)],
)
def test_numbers_that_are_left_out_or_come_again_are_counted(told: list[int], gaps: int, doubles: int) -> None:
    numbers = Numbers()
    for seq in told:
        numbers.take(seq)
    assert (numbers.gaps, numbers.doubles) == (gaps, doubles)


def test_what_was_passed_over_in_silence_is_missing_too() -> None:
    numbers = Numbers(last=5)
    numbers.reached(5)
    assert numbers.gaps == 0
    numbers.reached(7)
    assert (numbers.gaps, numbers.last) == (2, 7)


def test_a_log_with_a_hole_or_a_change_twice_is_flawed() -> None:
    assert (Log([event(1, 7, 1), event(2, 7, 2), event(3, 7, 2, "deleted")]).flaws, Log([]).last) == ([], 0)
    assert len(Log([event(1, 7, 1), event(3, 7, 2)]).flaws) == 1
    assert Log([event(1, 7, 1), event(2, 7, 1)]).twice == [(7, 1)]


def test_an_answer_that_is_not_in_the_log_is_lost_and_one_that_names_too_little_is_seen() -> None:
    log = Log([event(1, 7, 1), event(2, 8, 1)])
    answered = [Answered(0.0, [(7, 1), (8, 1)], 2), Answered(0.0, [(8, 2)], 3), Answered(0.0, [(8, 1)], 1)]
    assert lost(answered, log.numbers) == [(8, 2)]
    assert misnumbered(answered, log.numbers) == [answered[2]]


def test_who_was_told_something_else_does_not_agree_with_the_log() -> None:
    first, second = event(1, 7, 1), event(2, 8, 1)
    told = Followed("steady", last=1, checksum=zlib.crc32(first[1]))
    assert Log([first, second]).agrees(told)
    assert not Log([second, first]).agrees(told)


def test_a_wait_is_until_the_last_change_came_and_not_measured_over_an_outage() -> None:
    followed = Followed("steady", arrived={1: 10.1, 2: 10.3, 3: 15.0}, outages=[(12.0, 14.0)])
    answered = [Answered(10.0, [(7, 1), (8, 1)]), Answered(11.9, [(7, 2)]), Answered(14.5, [(7, 2)])]
    waits = waits_ms(answered, {(7, 1): 1, (8, 1): 2, (7, 2): 3}, followed)
    assert [round(wait) for wait in waits] == [300, 500]
    assert p50_p99(waits) == (min(waits), max(waits))

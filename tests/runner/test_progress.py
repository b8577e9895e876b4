"""Progress in the output of a command."""

from __future__ import annotations

import pytest

from vain.errors import Misconfigured
from vain.runner.progress import LONGEST_LINE_BYTES, LineReader, Progress, parse_pattern


def read(pattern: str, *parts: bytes) -> list[Progress | None]:
    reader = LineReader(parse_pattern(pattern))
    return [*(reader.feed(part) for part in parts), reader.close()]


def test_one_group_is_a_percentage_and_two_are_a_count_of_a_total() -> None:
    assert read(r"(\d+(?:\.\d+)?)%", b"at 12.5%\n")[0] == Progress(percent=12.5)
    assert read(r"(\d+)/(\d+)", b"step 3/40\n")[0] == Progress(current=3, total=40)


def test_named_groups_say_what_they_are() -> None:
    pattern = r"(?P<percent>\d+)% (?P<message>.*) (?P<current>[\d,]+) of (?P<total>\d+)"
    assert read(pattern, b"7% loading 1,000 of 2000\n")[0] == Progress(1000, 2000, 7, "loading")


def test_a_carriage_return_ends_a_line_as_a_line_feed_does() -> None:
    assert read(r"(\d+)%", b"\r 10%|#", b"  |\r 20%|##") == [None, Progress(percent=10), Progress(percent=20)]


def test_the_last_match_of_the_last_line_that_has_one_counts() -> None:
    assert read(r"(\d+)%", b"1% 2%\n3% then 4%\nnothing\n")[0] == Progress(percent=4)


@pytest.mark.parametrize("pattern", [r"^(\d+)$", r"\A(\d+)\Z", r"(?<!.)(\d+)(?!\s)", r"(?m)\b(\d++)", r"(?s)(\d+).*"])
def test_a_pattern_sees_each_line_alone(pattern: str) -> None:
    assert read(pattern, b"x\n5\ny\n")[0] == Progress(percent=5)


def test_a_line_in_pieces_is_read_once_it_is_whole() -> None:
    assert read(r"(\d+)%", b"don", b"e: 4", b"2", b"%\n") == [None, None, None, Progress(percent=42), None]


def test_an_endless_line_takes_bounded_memory() -> None:
    reader = LineReader(parse_pattern(r"(\d+)%"))
    for _ in range(20):
        reader.feed(b"x" * LONGEST_LINE_BYTES)
    assert reader.feed(b" 9%\n") == Progress(percent=9)


def test_bytes_that_are_no_text_and_groups_that_are_no_numbers_say_nothing() -> None:
    assert read(r"(\S+)%", b"\xff\xfe%\n") == [None, None]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("(", "no regular expression"), ("a", "0 groups"), ("(a)(b)(c)", "3 groups"), ("(?P<done>a)", "group done")],
)
def test_a_pattern_that_cannot_work_is_refused_with_what_would(pattern: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        parse_pattern(pattern)

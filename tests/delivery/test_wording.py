"""A message says what, how much, since when, what ran then, and where to look."""

from __future__ import annotations

from tests.delivery.made import VOICE, notification
from vain.notification import ProcessPart, TaskPart


def test_a_fired_rule_in_full() -> None:
    message = VOICE.message(
        [
            notification(
                kind="rule.fired",
                title="CPU is busy",
                message="CPU is at 97.2 %, above 95 % for 5 min.",
                since="2026-01-01T11:55:00.000Z",
                tasks=[3, 4],
                shares=[TaskPart(3, "train", 0.62), TaskPart(4, "back\nup", None)],
                processes=[ProcessPart(41, "python", 0.6, 3)],
                url="/?after=1&before=2",
            )
        ]
    )
    assert message.title == "alpha: CPU is busy"
    assert message.text.split("\n") == [
        "CPU is at 97.2 %, above 95 % for 5 min.",
        "Since 2026-01-01 11:55 UTC.",
        "Tasks that ran then: train 62 %, back up.",
        "Processes that used most: python (41) 60 %.",
        "http://alpha:5006/?after=1&before=2",
    ]


def test_the_end_of_a_rule_says_how_long_it_lasted() -> None:
    cleared = notification(kind="rule.cleared", since="2026-01-01T11:55:00.000Z", duration_seconds=754.0, message="")
    text = VOICE.message([cleared]).text.split("\n")
    assert text == ["Since 2026-01-01 11:55 UTC.", "It lasted 12 min 34 s.", "http://alpha:5006/alerts"]


def test_tasks_of_which_no_share_is_known_are_counted() -> None:
    assert "1 task ran then." in VOICE.message([notification(kind="rule.fired", tasks=[3])]).text
    assert "ran then" not in VOICE.message([notification(tasks=[3], task_id=3)]).text


def test_several_are_one_message() -> None:
    message = VOICE.message([notification(1, message="exit code 1"), notification(2)])
    assert message.title == "alpha: 2 notifications: job 1 failed, job 2 failed"
    assert message.text == "job 1 failed\nexit code 1\n\njob 2 failed\n\nhttp://alpha:5006/alerts"


def test_many_are_counted_and_the_title_stays_short() -> None:
    message = VOICE.message([notification(number) for number in range(1, 31)])
    assert message.text.count("failed") == 20 and "And 10 more." in message.text
    assert len(message.title) == 120 and message.title.endswith("…")


def test_a_title_is_one_line_without_control_characters() -> None:
    message = VOICE.message([notification(title="a\r\nb\x1b[31m\u2028c\x00")])
    assert message.title == "alpha: a b [31m c"

"""What a rule may say, and what is said of one that makes no sense: the field, and why."""

from __future__ import annotations

from typing import Any

import pytest

from vain.alerting.rule import LONGEST_SECONDS, Rule, checked
from vain.codec import convert, decode, encode
from vain.errors import Invalid

CPU = {"metric": "cpu.percent", "above": 90}
FULL = {"metric": "disk.percent", "reaches": 100, "within": 21_600}


@pytest.mark.parametrize(
    ("fields", "condition", "way_back"),
    [
        (CPU, "threshold", 90),
        ({**CPU, "clear": 90}, "threshold", 90),
        ({**CPU, "clear": 80, "for": 60, "keep_firing_for": 60}, "threshold", 80),
        ({"metric": "tasks.pending", "below": 1}, "threshold", 1),
        ({"metric": "tasks.pending", "below": 1, "clear": 1}, "threshold", 1),
        ({"metric": "disk.percent:/home", "above": 90, "unless_task": "a", "while_task": "b"}, "threshold", 90),
        (FULL, "trend", None),
        ({"metric": "gpu.percent", "absent": True, "for": 60}, "absent", None),
        ({"tasks": ["failed", "stale"], "task": "backup", "tag": "night"}, "tasks", None),
        ({"tasks": ["missed"], "repeat": None, "channels": []}, "tasks", None),
    ],
)
def test_each_of_the_four_conditions_is_taken_as_it_is_written(
    fields: dict[str, Any], condition: str, way_back: float | None
) -> None:
    rule = checked(convert(Rule, {"name": "r", **fields}))
    assert (rule.condition, rule.clear_threshold) == (condition, way_back)
    assert decode(Rule, encode(rule)) == rule


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({}, [""]),
        ({"metric": "cpu.percent"}, [""]),
        ({**CPU, "below": 10, "absent": True, "for": 9}, ["/below", "/absent"]),
        ({**CPU, "tasks": ["failed"]}, ["/tasks"]),
        ({"metric": "cpu.percent", "tasks": ["failed"]}, ["/metric"]),
        ({"above": 90}, ["/metric"]),
        ({"metric": "cpu.procent", "above": 90}, ["/metric"]),
        ({"metric": "task.cpu_percent:7", "above": 90}, ["/metric"]),
        ({**CPU, "clear": 91}, ["/clear"]),
        ({"metric": "tasks.pending", "below": 5, "clear": 4}, ["/clear"]),
        ({**FULL, "clear": 90}, ["/clear"]),
        ({"tasks": ["failed"], "clear": 90}, ["/clear"]),
        ({**FULL, "within": None}, ["/within"]),
        ({**CPU, "within": 60}, ["/reaches"]),
        ({"metric": "gpu.percent", "absent": True}, ["/for"]),
        ({**CPU, "task": "a", "tag": "b"}, ["/task", "/tag"]),
        ({"tasks": ["failed"], "for": 60}, ["/for"]),
        ({"tasks": ["failed"], "keep_firing_for": 60}, ["/keep_firing_for"]),
        ({**CPU, "unless_task": "a", "while_task": "a"}, ["/unless_task"]),
        ({"metric": "nothing", "above": 1, "clear": 2, "tag": "x"}, ["/metric", "/clear", "/tag"]),
    ],
)
def test_what_makes_no_sense_is_named_by_its_field_and_all_of_it_at_once(
    fields: dict[str, Any], pointers: list[str]
) -> None:
    with pytest.raises(Invalid) as caught:
        checked(convert(Rule, {"name": "r", **fields}))
    assert [flaw.pointer for flaw in caught.value.flaws] == pointers
    assert caught.value.flaws[0].detail in caught.value.detail


@pytest.mark.parametrize("name", ["above", "clear", "reaches"])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_threshold_is_a_number_that_can_be_reached(name: str, value: float) -> None:
    fields: dict[str, Any] = {**(FULL if name == "reaches" else CPU), name: value}
    with pytest.raises(Invalid) as caught:
        checked(Rule(name="r", **fields))
    assert f"/{name}" in [flaw.pointer for flaw in caught.value.flaws]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "test"},
        {"name": "Upper"},
        {"name": "-x"},
        {"name": "a/b"},
        {"name": "a\n"},
        {"name": "x" * 65},
        {"above": "90"},
        {"for": -1},
        {"for": LONGEST_SECONDS + 1},
        {"for_seconds": 60},
        {"over": 60},
        {"within": 0},
        {"repeat": 59},
        {"level": "loud"},
        {"tasks": ["exploded"]},
        {"treshold": 90},
    ],
)
def test_other_fields_and_shapes_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        decode(Rule, encode({"name": "r", **CPU, **fields}))
    assert len(caught.value.flaws) == 1

"""Rules about silence, with conditions on tasks."""

from __future__ import annotations

from typing import Any

from vain.alerting.alert import Fired
from vain.alerting.judging import Judge
from vain.alerting.rule import Rule


def judged(running: list[str], **fields: Any) -> str:
    """The series has a value at the first second only; ``running`` is the task of each second."""
    judge = Judge([Rule(name="r", metric="gpu.percent", absent=True, for_seconds=2, **fields)], 5)
    said = ""
    for at, name in enumerate(running):
        found = judge.take([("gpu.percent:0", 5.0)] if at == 0 else [], float(at), [name])
        said += "".join("F" if isinstance(event, Fired) else "C" for event in found) or "."
    return said


def test_silence_is_excused_by_a_task_and_counts_from_its_end() -> None:
    assert judged(["backup"] * 4 + [""] * 4, unless_task="backup") == "......F."
    assert judged([""] * 4 + ["backup"] * 3, unless_task="backup") == "...F..."


def test_silence_matters_only_while_a_task_runs_and_is_over_with_it() -> None:
    assert judged([""] * 6, while_task="train") == "......"
    assert judged(["train"] * 4 + [""] * 3, while_task="train", keep_firing_for=1) == "...F.C."

"""``vain.tqdm``: the bar is tqdm's own, and the task is beside it."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
import tqdm as drawn

import vain
from tests.report.board import Board
from tests.report.conftest import here
from vain.report import flush
from vain.tqdm import tqdm, trange

__all__ = ["here"]


def test_the_bar_is_drawn_as_ever(here: Board) -> None:
    ours, theirs = io.StringIO(), io.StringIO()
    for stream, bar in ((ours, tqdm), (theirs, drawn.tqdm)):
        for _ in bar(range(3), file=stream, desc="x", bar_format="{desc} {n_fmt}/{total_fmt}", mininterval=0):
            pass
    assert ours.getvalue() == theirs.getvalue() != ""


def test_a_bar_is_a_task_with_its_progress(here: Board) -> None:
    with tqdm(total=10, desc="rows", unit="row", file=io.StringIO()) as bar:
        bar.update(4)
        bar.set_postfix(loss=0.5)
        bar.total = 12
    assert flush(5)
    task = here.named("rows")
    assert (task["current"], task["total"], task["unit"], task["message"]) == (4, 12, "row", "loss=0.5")
    assert task["outcome"] == "succeeded"


def test_a_bar_inside_another_is_its_child(here: Board) -> None:
    for _ in trange(2, desc="outer", file=io.StringIO()):
        for _ in tqdm("ab", desc="inner", file=io.StringIO(), leave=False):
            pass
    assert vain.current() is None and flush(5)
    names = [(task["name"], task["parent_id"], task["current"]) for task in here.tasks.values()]
    assert names == [("outer", None, 2), ("inner", 1, 2), ("inner", 1, 2)]


def test_a_disabled_bar_reports_nothing(here: Board) -> None:
    assert list(tqdm([1, 2], disable=True)) == [1, 2] and list(trange(2, disable=True)) == [0, 1]
    assert flush(5) and here.tasks == {}


def left(how: str) -> None:
    for number in tqdm(range(5), how, file=io.StringIO()):
        if number == 2 and how == "break":
            break
        if number == 2 and how == "raise":
            raise ValueError
    with suppress(KeyError), tqdm(total=3, desc=f"{how} block", file=io.StringIO()):
        if how == "break":
            raise KeyError


@pytest.mark.parametrize(("how", "outcome"), [("break", "succeeded"), ("raise", "failed"), ("end", "succeeded")])
def test_a_bar_ends_as_its_loop_was_left(here: Board, how: str, outcome: str) -> None:
    with suppress(ValueError):
        left(how)
    assert flush(5) and here.named(how)["outcome"] == outcome
    if how != "raise":
        assert here.named(f"{how} block")["outcome"] == ("failed" if how == "break" else "succeeded")


def test_a_close_in_an_except_block_is_no_failure(here: Board) -> None:
    bar = tqdm(total=3, desc="x", file=io.StringIO())
    try:
        raise ValueError
    except ValueError:
        bar.close()
        bar.close()
    assert flush(5) and here.named("x")["outcome"] == "succeeded"

"""The agent's spool: what it keeps over a death, a full disk and a damage, and in which order it gives it back."""

from __future__ import annotations

import os
import random
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent.machine import PLENTY, as_killed, fill, kept, line, numbered, opened, seconds
from tests.fleet.reports import T0
from vain.agent import spool as module
from vain.agent.spool import AgentSpool
from vain.errors import Misconfigured
from vain.quality import Span


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of five, seven samples in memory."""
    monkeypatch.setattr(module, "SEGMENT_SAMPLES", 5)
    monkeypatch.setattr(module, "MOST_RECENT", 7)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.z"))


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in files(folder))


@contextmanager
def full_disk(largest_file: int) -> Iterator[None]:
    """No file may grow beyond this; a write that crosses it is done in part, the next one fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_samples_come_back_in_order_with_their_numbers(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        assert (spool.newest, spool.oldest, spool.after(0, 10)) == (0, 1, (1, []))
        fill(spool, 0, 4)
        assert (spool.newest, spool.oldest) == (4, 1)
        assert numbered(spool) == [(1, 0.0), (2, 1.0), (3, 2.0), (4, 3.0)]
        batch = spool.after(1, 2)
        assert (batch.first, seconds(batch.samples)) == (2, [1.0, 2.0])
        assert spool.after(4, 10) == (5, [])


@pytest.mark.usefixtures("small")
def test_what_is_not_in_memory_any_more_is_read_from_its_file(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 0, 23)
        assert numbered(spool) == [(number + 1, float(number)) for number in range(23)]
        assert numbered(spool, 3, 2) == [(number + 1, float(number)) for number in range(3, 23)]
        assert seconds(spool.after(3, 100).samples) == [3.0, 4.0], "one file at a time"


@pytest.mark.usefixtures("small")
def test_what_the_server_has_is_removed_but_never_the_segment_that_is_open(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 0, 13)
        spool.trim(4)
        assert (spool.oldest, len(files(tmp_path))) == (1, 3)
        spool.trim(7)
        assert (spool.oldest, kept(spool)) == (6, [float(n) for n in range(5, 13)])
        spool.trim(13)
        spool.trim(99)
        assert (spool.oldest, kept(spool)) == (11, [10.0, 11.0, 12.0])
        [path] = files(tmp_path)
        fill(spool, 13, 15)  # whole now
        assert not path.exists() and numbered(spool)[-1] == (15, 14.0)
        spool.trim(15)
        assert (files(tmp_path), spool.oldest, spool.newest, kept(spool)) == ([], 16, 15, [])
        fill(spool, 15, 16)
        assert numbered(spool) == [(16, 15.0)]


@pytest.mark.usefixtures("small")
def test_another_run_begins_again_with_one_and_goes_on_behind_it(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 0, 12)
        spool.trim(5)
    with opened(tmp_path) as spool:
        assert (spool.oldest, spool.newest) == (1, 7)
        fill(spool, 12, 19)
        assert numbered(spool) == [(number, number + 4.0) for number in range(1, 15)]
    names = [path.name for path in files(tmp_path)]
    assert names[0].startswith(f"0000002-5-{T0 + 5:.3f}-{T0 + 9:.3f}") and len(names) == len(set(names)) == 4


@pytest.mark.usefixtures("small")
def test_what_a_killed_agent_wrote_is_found_and_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    for run in range(3):
        with opened(folder) as spool:
            fill(spool, 7 * run, 7 * run + 7)
            folder = as_killed(folder)
    for _ in range(2):
        with opened(folder) as spool:
            assert numbered(spool) == [(number + 1, float(number)) for number in range(21)]
            assert spool.take_lost() == []


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_every_sample(tmp_path: Path, root: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from tests.agent.machine import fill
from vain.agent.spool import AgentSpool
fill(AgentSpool(Path({str(tmp_path)!r}), 1 << 20), 0, 400)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False, cwd=root, timeout=30)
    assert ended.returncode == -9
    with opened(tmp_path) as spool:
        assert kept(spool) == [float(n) for n in range(400)]


def test_of_a_torn_tail_only_whole_samples_are_found(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as spool:
        ends = [0]
        for second in range(6):
            fill(spool, second, second + 1)
            ends.append(size(tmp_path / "a"))
        [path] = files(as_killed(tmp_path / "a"))
    whole = path.read_bytes()
    before = 6
    for length in range(len(whole), 0, -5):
        path.write_bytes(whole[:length])
        with opened(path.parent) as spool:
            found = kept(spool)
            assert found == [float(n) for n in range(len(found))]
            assert sum(end <= length for end in ends[1:]) <= len(found) <= before
            before = len(found)
            fill(spool, 10, 11)
            assert kept(spool) == [*found, 10.0]
        for left in files(path.parent):
            left.unlink()


def test_behind_a_damage_nothing_is_taken_for_a_sample_that_is_none(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as spool:
        ends = []
        for second in range(40):
            fill(spool, second, second + 1)
            ends.append(size(tmp_path / "a"))
        [path] = files(as_killed(tmp_path / "a"))
    whole, chance = path.read_bytes(), random.Random(7)
    for _ in range(150):
        at = chance.randrange(len(whole) - 20)
        path.write_bytes(whole[:at] + chance.randbytes(16) + whole[at + 16 :])
        with opened(path.parent) as spool:
            found = kept(spool)  # each of them can be read
            before = sum(end <= at for end in ends)
            assert found[:before] == [float(n) for n in range(before)], "all before it are there"
            fill(spool, 99, 100)
            assert kept(spool)[len(found) :] == [99.0]
        for left in files(path.parent):
            left.unlink()


@pytest.mark.parametrize("content", [None, b"", b"\xff" * 200, "half"])
@pytest.mark.usefixtures("small")
def test_a_segment_that_cannot_be_read_is_told_as_lost_and_reading_goes_on(
    tmp_path: Path, content: bytes | str | None
) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 0, 20)
    with opened(tmp_path) as spool:
        damaged = files(tmp_path)[1]
        if content is None:
            damaged.unlink()
        else:
            whole = damaged.read_bytes()
            damaged.write_bytes(whole[: len(whole) // 2] if isinstance(content, str) else content)
        found = numbered(spool)
        there = [number for number, _ in found if 6 <= number <= 10]
        assert len(there) < 5 and there == list(range(6, 6 + len(there)))
        expected = [(n, n - 1.0) for n in (*range(1, 6), *there, *range(11, 21))]
        assert found == expected, "the numbers behind it are what they were"
        assert spool.take_lost() == [Span("not-stored", T0 + (4 + len(there) if there else 5), T0 + 9)]
        assert numbered(spool) == expected and spool.take_lost() == [], "it is told once"
        spool.trim(20)
        assert files(tmp_path) == []


@pytest.mark.usefixtures("small")
def test_a_spool_that_is_full_gives_up_the_oldest_and_tells_of_when_it_was(tmp_path: Path) -> None:
    with opened(tmp_path / "probe") as spool:
        fill(spool, 0, 5)
    most = 3 * size(tmp_path / "probe") + 100
    with opened(tmp_path / "a", most) as spool:
        fill(spool, 0, 52)
        found = kept(spool)
        first = int(found[0])
        assert first > 30 and found == [float(n) for n in range(first, 52)]
        assert (spool.oldest, spool.newest) == (first + 1, 52)
        assert spool.take_lost() == [Span("not-stored", T0, T0 + first - 1)]
        assert size(tmp_path / "a") <= most
        again = spool.after(0, 5)
        assert again.first == first + 1
        assert spool.take_lost() == []


@pytest.mark.usefixtures("small")
def test_what_an_earlier_run_left_counts_and_goes_first(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 0, 20)
    with opened(tmp_path, size(tmp_path) + 10) as spool:
        fill(spool, 20, 25)
        assert spool.take_lost()[0].begin == T0
        assert kept(spool)[-1] == 24.0 and kept(spool)[0] > 0.0


@pytest.mark.parametrize("written", [0, 3], ids=["a new segment", "an open segment"])
@pytest.mark.parametrize("largest_file", [0, 10, 150])
def test_a_sample_that_the_disk_does_not_take_is_told_and_the_next_begins_anew(
    tmp_path: Path, written: int, largest_file: int
) -> None:
    with opened(tmp_path / "a") as spool:
        fill(spool, 0, written)
        places = len(files(tmp_path / "a"))
        with full_disk(largest_file):
            for second in (10, 11):
                with pytest.raises(OSError, match=r"only a part|too large"):
                    spool.add(line(second), T0 + second)
        fill(spool, 20, 23)
        expected = [*(float(n) for n in range(written)), 20.0, 21.0, 22.0]
        assert numbered(spool) == [(number, second) for number, second in enumerate(expected, 1)]
        assert spool.take_lost() == [Span("not-stored", T0 + 10, T0 + 11)]
        assert len(files(tmp_path / "a")) == places + 1
        with opened(as_killed(tmp_path / "a")) as after:
            assert kept(after) == expected


def test_a_folder_that_takes_no_new_file_costs_samples_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with opened(tmp_path) as spool, monkeypatch.context() as patch:
        patch.setattr(module.os, "open", refused)
        with pytest.raises(OSError, match="No space"):
            spool.add(line(0), T0)
        patch.undo()
        fill(spool, 1, 3)
        assert numbered(spool) == [(1, 1.0), (2, 2.0)]
        assert spool.take_lost() == [Span("not-stored", T0, T0)]


def test_losses_that_are_far_apart_are_told_apart_also_by_a_clock_that_was_set_back(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        with full_disk(0):
            for t in (T0, T0 + 1, T0 + 3_600, T0 - 86_400, T0 - 86_399):
                with pytest.raises(OSError, match="too large"):
                    spool.add(line(t - T0), t)
        lost = spool.take_lost()
        assert [(span.begin - T0, span.end - T0) for span in lost] == [(0, 1), (3_600, 3_600), (-86_400, -86_399)]
        spool.give_back_lost(lost)
        assert spool.take_lost() == lost and spool.take_lost() == []


def test_a_folder_that_cannot_be_used_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match=r"file/a cannot be used .*; --data names another"):
        AgentSpool(tmp_path / "file" / "a", PLENTY)


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as spool:
        fill(spool, 0, 1)
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
        assert stat.S_IMODE(files(tmp_path / "a")[0].stat().st_mode) == 0o600


@pytest.mark.usefixtures("small")
def test_other_files_and_strange_names_do_no_harm(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 0, 7)
    (tmp_path / "id").write_text("x")
    (tmp_path / "notes.z").write_text("x")
    (tmp_path / "0000009-x-y.z").write_bytes(b"")
    with opened(tmp_path) as spool:
        fill(spool, 7, 9)
        assert kept(spool) == [float(n) for n in range(9)]
        assert any(path.name.startswith("0000010") for path in files(tmp_path))


def test_it_is_read_while_another_thread_adds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_SAMPLES", 20)
    monkeypatch.setattr(module, "MOST_RECENT", 30)
    count = 1_500
    with opened(tmp_path) as spool:
        adding = Thread(target=fill, args=(spool, 0, count))
        adding.start()
        found: list[tuple[int, float]] = []
        while len(found) < count:
            number = found[-1][0] if found else 0
            is_alive = adding.is_alive()
            batch = spool.after(number, 7)
            found += [(batch.first + place, second) for place, second in enumerate(seconds(batch.samples))]
            if number % 3 == 0:
                spool.trim(number - 5)
            assert is_alive or batch.samples
        adding.join()
        assert found == [(number + 1, float(number)) for number in range(count)]
        assert spool.take_lost() == []


class Model:
    """A spool beside the list of what was ever given to it. Samples are named by their place in that list."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._spool = folder, AgentSpool(folder, PLENTY)
        self._given = 0
        self._trimmed = 0
        """All before this one may be gone."""
        self._base = 0
        """Which one has the number 1."""

    def close(self) -> None:
        self._spool.close()

    def add(self, count: int) -> None:
        fill(self._spool, self._given, self._given + count)
        self._given += count

    def trim(self, back: int) -> None:
        number = max(0, self._spool.newest - back)
        self._spool.trim(number)
        self._trimmed = max(self._trimmed, self._base + number)

    def reopen(self, _: int) -> None:
        self._spool.close()
        self._open(self._folder)

    def kill(self, _: int) -> None:
        folder = as_killed(self._folder)
        self._spool.close()
        self._open(folder)

    def check(self, most: int) -> None:
        found = numbered(self._spool, 0, most + 1)
        assert [b[0] - a[0] for a, b in pairwise(found)] == [1] * (len(found) - 1)
        assert [self._base + number - 1.0 for number, _ in found] == [second for _, second in found]
        assert self._base + self._spool.newest == self._given, "the last is the newest"
        assert not found or found[-1][0] == self._spool.newest
        first = found[0][1] if found else self._given
        assert first <= self._trimmed, "nothing is gone that was not given up"
        assert self._spool.oldest == (found[0][0] if found else self._spool.newest + 1)
        assert self._spool.take_lost() == []

    def _open(self, folder: Path) -> None:
        first = [second for _, second in numbered(self._spool, 0, 1_000)][:1]
        self._folder, self._spool = folder, AgentSpool(folder, PLENTY)
        self._base = int(first[0]) if first else self._given


@settings(deadline=None)  # a disk may be slow
@given(
    st.lists(st.tuples(st.sampled_from(["add", "trim", "reopen", "kill", "check"]), st.integers(0, 12)), max_size=25)
)
def test_nothing_is_lost_nothing_is_twice_and_the_order_stays(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT_SAMPLES", 5)
        patch.setattr(module, "MOST_RECENT", 7)
        model = Model(Path(folder, "s"))
        try:
            for step, number in steps:
                getattr(model, step)(number)
            for most in (0, 3, 99):
                model.check(most)
        finally:
            model.close()
        assert os.listdir(folder)

"""Streams of a wrapped command: every byte, in order, to where it would have gone."""

from __future__ import annotations

import os
import random
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runner.wrapped import Wrapped

pytestmark = pytest.mark.slow

COPY = "import shutil, sys; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.{}.buffer)"


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    path = tmp_path / "noise"
    path.write_bytes(random.Random(4).randbytes(5 << 20))
    return path


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_five_megabytes_come_through_byte_for_byte(wrapped: Wrapped, noise: Path, stream: str) -> None:
    done = wrapped.run("--", sys.executable, "-c", COPY.format(stream), str(noise))
    other = {"stdout": done.stderr, "stderr": done.stdout}[stream]
    assert getattr(done, stream) == noise.read_bytes() and other == b"" and done.returncode == 0
    (report,) = wrapped.reports()
    assert report.log == noise.read_bytes()[-65536:] and report.log_offset == (5 << 20) - 65536


def test_stdin_goes_to_the_command(wrapped: Wrapped, noise: Path) -> None:
    assert wrapped.run("--", "cat", input=noise.read_bytes()).stdout == noise.read_bytes()


def test_output_comes_when_it_is_written(wrapped: Wrapped) -> None:
    with wrapped.start("--", "sh", "-c", "printf 'no line end'; exec sleep 5", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        began_at = time.monotonic()
        assert os.read(process.stdout.fileno(), 100) == b"no line end" and time.monotonic() - began_at < 3
        process.terminate()


def test_two_streams_into_one_place_keep_their_order(wrapped: Wrapped, tmp_path: Path) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done"
    with (tmp_path / "both").open("w+b") as both:
        wrapped.run("--", "sh", "-c", script, capture_output=False, stdout=both, stderr=both)
        both.seek(0)
        assert both.read().decode().split() == [word for i in range(1, 10) for word in ("out", str(i), "err", str(i))]


def test_a_reader_that_goes_ends_the_command_as_it_would_have(wrapped: Wrapped) -> None:
    with wrapped.start("--", "yes", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(5) == 141
    assert wrapped.patch()["error"]["message"] == "killed by SIGPIPE (13)"


def test_a_slow_reader_slows_the_command_down(wrapped: Wrapped, tmp_path: Path) -> None:
    count = tmp_path / "count"
    script = f"i=0; while printf '%65536s' x; do i=$((i + 1)); echo $i > {count}; done"
    with wrapped.start("--", "sh", "-c", script, stdout=subprocess.PIPE) as process:
        time.sleep(0.7)
        written = int(count.read_text())
        time.sleep(0.2)
        assert int(count.read_text()) == written < 10
        process.terminate()


def test_output_that_cannot_be_written_is_a_failure(wrapped: Wrapped) -> None:
    with Path("/dev/full").open("wb") as full:
        done = wrapped.run("--", "echo", "hello", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"No space left on device" in done.stderr
    assert wrapped.patch()["error"]["type"] == "OutputLost"


def test_with_no_log_the_command_has_our_own_descriptors(wrapped: Wrapped, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        wrapped.run("--no-log", "--", "readlink", "/proc/self/fd/1", capture_output=False, stdout=out)
    assert (tmp_path / "out").read_text().strip() == str(tmp_path / "out")
    assert wrapped.reports()[0].log == b""


def test_a_closed_stream_is_closed_for_the_command(wrapped: Wrapped) -> None:
    listing = "import os; print([n for n in range(3) if os.path.exists(f'/proc/self/fd/{n}')])"
    words = shlex.join(wrapped.line("--", sys.executable, "-c", listing)) + " <&- 2>&-"
    done = subprocess.run(["sh", "-c", words], env=wrapped.environment, capture_output=True, timeout=10, check=True)
    assert done.stdout == b"[1]\n"


def test_what_an_orphan_writes_later_is_not_waited_for(wrapped: Wrapped) -> None:
    began_at = time.monotonic()
    done = wrapped.run("--", "sh", "-c", "(sleep 3; echo late) & echo now")
    assert done.stdout == b"now\n" and time.monotonic() - began_at < 2


def test_the_last_of_endless_output_is_not_waited_for(wrapped: Wrapped) -> None:
    began_at = time.monotonic()
    done = wrapped.run("--timeout", "5", "--", "sh", "-c", "yes & sleep 0.2")
    assert done.returncode == 0 and done.stdout.startswith(b"y\ny\n") and time.monotonic() - began_at < 3

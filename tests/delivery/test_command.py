"""Commands read the notification from their standard input, without a shell and without our secrets."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.delivery.made import notification, parcel
from tests.delivery.receivers import until
from vain.delivery.command import Command
from vain.delivery.sending import Refused
from vain.settings import outside_environment

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def run(code: str, *arguments: str, limit_seconds: float = 20.0) -> None:
    command = Command([sys.executable, "-c", code, *arguments], ENVIRONMENT, "alpha", limit_seconds)
    asyncio.run(command.send(parcel(notification(7, title="$(touch no) <b>"))))


def test_it_reads_the_notification_as_json(tmp_path: Path) -> None:
    run("import sys; open(sys.argv[1], 'w').write(sys.stdin.read())", str(tmp_path / "got"))
    got = json.loads((tmp_path / "got").read_text())
    assert (got["type"], got["notification_id"], got["title"]) == ("notification", 7, "$(touch no) <b>")
    assert (got["host"], got["link"]) == ("alpha", "http://alpha:5006/alerts")


def test_arguments_are_no_shell_words(tmp_path: Path) -> None:
    run("import sys; open(sys.argv[1], 'w').write(sys.argv[2])", str(tmp_path / "got"), "$HOME; x")
    assert (tmp_path / "got").read_text() == "$HOME; x"


def test_an_exit_code_is_a_refusal() -> None:
    with pytest.raises(Refused, match="exit code 3"):
        run("raise SystemExit(3)")


def test_one_that_reads_nothing_is_fine() -> None:
    run("import os; os.close(0)")


def test_a_program_that_is_not_there_is_a_refusal() -> None:
    with pytest.raises(Refused, match="no such program"):
        asyncio.run(Command(["/nowhere/at/all"], {}, "alpha").send(parcel()))


def test_one_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    code = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
signal.signal(signal.SIGTERM, signal.SIG_DFL)
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(60)
"""
    began = time.monotonic()
    with pytest.raises(Refused, match="did not end within 1 s"):
        run(code, str(tmp_path / "pid"), limit_seconds=1.0)
    assert time.monotonic() - began < 10
    child = int((tmp_path / "pid").read_text())
    asyncio.run(until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie", 5))


def test_our_own_variables_are_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAIN_WEBHOOK_SECRET", "whsec_x")
    monkeypatch.setenv("NOT_OURS", "1")
    given = outside_environment()
    assert given["NOT_OURS"] == "1"
    assert not [name for name in given if name.startswith("VAIN_")]

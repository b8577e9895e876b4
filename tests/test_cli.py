"""The command line: what goes to stdout, what to stderr, and how it ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.small_server import TASK, Answer, SmallServer, answer, problem, small_server
from vain import list_commands
from vain.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallServer]:
    with small_server() as server:
        monkeypatch.setenv("VAIN_URL", server.url)
        server.answers |= {
            "GET /tasks": answer([TASK]),
            "GET /tasks/7": answer({**TASK, "exit_code": 0, "tags": ["nightly"]}),
            "POST /tasks": answer(TASK, 201),
            "PUT /tasks/7": answer({**TASK, "status": "completed", "progress": 40.0}),
            "DELETE /tasks/7": Answer(204),
        }
        yield server


def used_wrongly(*arguments: str) -> int | str | None:
    """The code with which the process ends, whether argparse or vAIn finds the flaw."""
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


def test_add_prints_the_number_alone_on_stdout(server: SmallServer, capsys: Capture) -> None:
    assert main(["add", "nightly backup", "--priority", "high", "--tag", "a", "--tag", "b"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "7\n" and "nightly backup" in printed.err
    assert json.loads(server.asked[0].body) == {"name": "nightly backup", "priority": "high", "tags": ["a", "b"]}


def test_add_quiet_says_nothing_else(server: SmallServer, capsys: Capture) -> None:
    assert main(["add", "--quiet", "x"]) == 0
    assert capsys.readouterr() == ("7\n", "")


def test_ls_prints_a_table_for_people(server: SmallServer, capsys: Capture) -> None:
    failed = {**TASK, "task_id": 12, "name": "b", "status": "completed", "outcome": "failed", "overdue": True}
    server.answers["GET /tasks"] = answer([TASK, failed])
    assert main(["ls"]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["ID", "STATUS", "PRIORITY", "DONE", "AGE", "NAME"]
    assert {row.split()[0] for row in rows} == {"7", "12"} and "completed failed overdue" in "".join(rows)
    assert len({row.index("medium") for row in rows}) == 1


def test_ls_json_is_the_tasks_that_the_server_picks(server: SmallServer, capsys: Capture) -> None:
    server.answers["GET /tasks"] = answer([{**TASK, "task_id": 8, "status": "completed", "outcome": "succeeded"}])
    options = "--status completed --status pending --tag a --host h --host i --search x --overdue --sort name"
    assert main(["ls", "--json", *options.split()]) == 0
    assert [task["task_id"] for task in json.loads(capsys.readouterr().out)] == [8]
    asked = "/tasks?status=completed%2Cpending&host=h%2Ci&tag=a&q=x&overdue=true&sort=name&limit=50"
    assert [each.path for each in server.asked] == [asked]


def test_ls_says_when_it_shows_a_part(server: SmallServer, capsys: Capture) -> None:
    server.answers["GET /tasks"] = answer([{**TASK, "task_id": 1}, TASK], headers={"X-Total-Count": "5"})
    assert main(["ls", "--limit", "2"]) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 3 and "2 of 5" in printed.err
    assert server.asked[0].path == "/tasks?sort=-created_at&limit=2"
    server.answers["GET /tasks"] = answer([{**TASK, "task_id": number} for number in range(1, 6)])
    assert main(["ls", "--limit", "0"]) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 6 and not printed.err


@pytest.mark.parametrize(("total", "said"), [("0", "There is no task yet."), ("3", "No task matches.")])
def test_ls_says_why_it_shows_nothing(server: SmallServer, capsys: Capture, total: str, said: str) -> None:
    server.answers["GET /tasks"] = answer([], headers={"X-Total-Count": total})
    assert main(["ls", "--status", "pending"]) == 0
    assert capsys.readouterr().err.strip() == said


CSV_PAGES = [b"task_id,name\r\n1,a\r\n", b"task_id,name\r\n2,b\r\n"]


@pytest.mark.parametrize(("form", "pages", "whole"), [
    ("csv", CSV_PAGES, b"task_id,name\r\n1,a\r\n2,b\r\n"),
    ("ndjson", [b'{"a":1}\n', b'{"a":2}\n'], b'{"a":1}\n{"a":2}\n'),
    ("json", [b'[{"a":1}]', b'[{"a":2}]'], b'[{"a":1},{"a":2}]\n'), ("json", [b"[]", b'[{"a":2}]'], b'[{"a":2}]\n'),
    ("json", [b"[]", b"[]"], b"[]\n"), ("ndjson", [b"", b""], b""),
])  # fmt: skip
def test_pages_become_one_text(form: Any, pages: list[bytes], whole: bytes) -> None:
    assert b"".join(list_commands._joined(iter(pages), form)) == whole


def test_export_writes_what_the_files_name_says(server: SmallServer, capsys: Capture, tmp_path: Path) -> None:
    server.answers["GET /tasks"] = Answer(200, CSV_PAGES[0], "text/csv", {"X-Total-Count": "1"})
    file = tmp_path / "tasks.csv"
    assert main(["export", str(file), "--outcome", "failed", "--fields", "task_id,name"]) == 0
    assert file.read_bytes() == CSV_PAGES[0] and "Exported 1 tasks." in capsys.readouterr().err
    assert "outcome=failed&format=csv&fields=task_id%2Cname" in server.asked[-1].path
    server.answers["GET /tasks"] = Answer(200, b"PAR1", "application/x", {"X-Total-Count": "1"})
    assert main(["export", str(tmp_path / "tasks.parquet")]) == 0
    assert (tmp_path / "tasks.parquet").read_bytes() == b"PAR1" and "format=parquet" in server.asked[-1].path
    assert main(["export", str(tmp_path / "no" / "such.csv")]) == 2


def test_names_cannot_write_to_the_terminal(server: SmallServer, capsys: Capture) -> None:
    evil = "a\x1b]0;owned\x07\x1b[2J\nb\u202ec\x9b31m"
    server.answers |= {"GET /tasks": answer([{**TASK, "name": evil}]), "GET /tasks/7": answer({**TASK, "name": evil})}
    server.answers["POST /tasks"] = answer({**TASK, "name": evil}, 201)
    for command in (["ls"], ["ls", "--json"], ["show", "7"], ["show", "7", "--json"], ["add", "x"]):
        assert main(command) == 0
        printed = "".join(capsys.readouterr())
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed) and "owned" in printed


def test_json_means_the_name_as_it_is(server: SmallServer, capsys: Capture) -> None:
    name = "Ünïcode \u202e\x9b 日本 \U000e0001"
    server.answers["GET /tasks"] = answer([{**TASK, "name": name}])
    assert main(["ls", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == name


def test_show_tells_what_is_known_and_leaves_out_the_rest(server: SmallServer, capsys: Capture) -> None:
    assert main(["show", "7"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert ["exit_code", "0"] in lines and ["tags", '["nightly"]'] in lines
    assert "due_at" not in [name for name, _ in lines]


def test_show_has_a_line_for_each_host_of_a_task_on_several(server: SmallServer, capsys: Capture) -> None:
    hosts = {"gpu-1": {"cpu_seconds": 40.0}, "gpu-\x1b[2J": {"cpu_seconds": 90.0, "rss_peak_bytes": 1024}}
    server.answers["GET /tasks/7"] = answer({**TASK, "resources": {"cpu_seconds": 130.0, "hosts": hosts}})
    assert main(["show", "7"]) == 0
    *fields, _, headings, first, second = capsys.readouterr().out.splitlines()
    assert headings.split() == ["Host", "CPU", "time", "Memory,", "at", "most"]
    assert first.split() == ["gpu-\\x1b[2J", "1", "min", "30", "s", "1.0", "KiB"] and second.split()[:2] == [
        "gpu-1",
        "40",
    ]
    assert not any("gpu-1" in line for line in fields)


def test_set_takes_assignments_and_options(server: SmallServer, capsys: Capture) -> None:
    assert main(["set", "7", "status=completed", "description=", "due_at=", "--progress", "40"]) == 0
    sent = {"status": "completed", "description": "", "due_at": None, "progress": 40.0}
    assert json.loads(server.asked[0].body) == sent
    printed = capsys.readouterr()
    assert printed.out == "7\n" and "status completed" in printed.err


def test_rm_prints_what_is_gone_and_passes_over_what_is_not_there(server: SmallServer, capsys: Capture) -> None:
    server.answers["DELETE /tasks/8"] = problem(404, "There is no task 8.")
    assert main(["rm", "7", "8", "7"]) == 1
    assert capsys.readouterr() == ("7\n7\n", "vain: There is no task 8.\n")


def test_a_refusal_of_the_server_is_told_with_its_flaws(server: SmallServer, capsys: Capture) -> None:
    flaw = {"pointer": "/parent_id", "detail": "There is no task 99"}
    server.answers["POST /tasks"] = problem(422, "Not valid.", errors=[flaw])
    assert main(["add", "x"]) == 1
    assert capsys.readouterr() == ("", "vain: Not valid.\n  /parent_id: There is no task 99\n")


def test_without_a_server_the_exit_code_is_1(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("VAIN_URL", "http://127.0.0.1:1")
    assert main(["ls"]) == 1
    assert "is `vain serve` running there?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["nothing"], ["ls", "--status", "done"], ["ls", "--stat", "pending"], ["ls", "--limit", "-1"],
        ["ls", "--sort", "colour"], ["export", "--format", "xml"],
        ["show", "x"], ["show", "0"], ["set", "7"], ["set", "7", "status"], ["set", "7", "status=done"],
        ["set", "7", "colour=red"], ["set", "7", "progress=much"], ["set", "7", "metadata=x"], ["add", ""],
        ["add", "x", "--due", "soon"], ["ls", "--api-key", "k"], ["ls", "--url", "ftp://x"], ["rm"], ["keys"],
    ],
)  # fmt: skip
def test_wrong_use_ends_with_2_and_a_word(server: SmallServer, capsys: Capture, arguments: list[str]) -> None:
    assert used_wrongly(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err and not server.asked


def test_keys_are_made_shown_once_and_revoked(tmp_path: Path, capsys: Capture) -> None:
    data = ["--data", str(tmp_path / "data")]
    assert main(["keys", "create", "laptop", "--role", "read", "--expires", "90d", *data]) == 0
    secret = capsys.readouterr().out.strip()
    assert main(["keys", "list", "--json", *data]) == 0
    listed = capsys.readouterr().out
    (key,) = json.loads(listed)
    assert (key["name"], key["role"]) == ("laptop", "read") and secret.startswith("vain_") and secret not in listed
    assert main(["keys", "revoke", key["key_id"], *data]) == 0 and capsys.readouterr().out.strip() == key["key_id"]
    assert main(["keys", "list", *data]) == 0 and "revoked" in capsys.readouterr().out
    assert main(["keys", "revoke", "nosuchid", *data]) == 1


@pytest.mark.parametrize(
    "command",
    [
        "serve",
        "add",
        "ls",
        "export",
        "show",
        "set",
        "rm",
        "keys",
        "agent",
        "hosts",
        "hosts ls",
        "hosts rm",
        "keys create",
        "keys list",
        "keys revoke",
        "history",
        "history import",
        "history export",
        "run",
        "wait",
        "log",
        "ping",
        "attach",
        "db",
        "db check",
        "db backup",
        "db restore",
    ],
)
def test_help_teaches_by_two_examples(capsys: Capture, command: str) -> None:
    assert used_wrongly(*command.split(), "--help") == 0
    text = capsys.readouterr().out
    examples = text.partition("examples:")[2]
    assert (
        examples.count("\n  vain ")
        + examples.count("\n  id=$(vain ")
        + examples.count("; vain ")
        + examples.count("| vain ")
        == 2
    )


def test_help_names_every_variable(capsys: Capture) -> None:
    assert used_wrongly("serve", "--help") == 0
    text = capsys.readouterr().out
    for name in ("HOST", "PORT", "DATA", "INTERVAL", "NO_BROWSER", "ALLOW_HOST", "PAGES", "LOG_LEVEL"):
        assert f"VAIN_{name}" in text


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_failure_to_shout_about(server: SmallServer, root: Path) -> None:
    server.answers["GET /tasks"] = answer([{**TASK, "task_id": number} for number in range(1, 3000)])
    command = [sys.executable, "-m", "vain", "ls", "--limit", "0", "--url", server.url]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait(timeout=20) == 1


def test_serve_refuses_the_network_without_a_key_and_says_how_to_make_one(tmp_path: Path, capsys: Capture) -> None:
    assert main(["serve", "--host", "0.0.0.0", "--port", "0", "--no-browser", "--data", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and "vain keys create" in printed.err

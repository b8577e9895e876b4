"""``vain rules`` and ``vain silence``, against a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.harness import Running, running
from vain.cli import main
from vain.clock import utc

GOOD = """
[[rules]]
name = "busy"
metric = "cpu.percent"
above = 95
channels = ["ops"]
[channels.ops]
command = ["/bin/true"]
[[silences]]
recurring = {start = "02:00", seconds = 3600, timezone = "Europe/Berlin"}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        yield run


@pytest.fixture(autouse=True)
def at_the_server(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAIN_URL", f"http://127.0.0.1:{server.port}")


def written(folder: Path, text: str) -> str:
    file = folder / "vain.toml"
    file.write_text(text)
    return str(file)


def test_a_file_that_is_right_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "check", written(tmp_path, GOOD)]) == 0
    said = capsys.readouterr()
    assert said.out == "" and "1 rule, 1 channel, 1 silence, nothing wrong" in said.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules = 3", "rules: Tables such as [[rules]] are expected."),
        ('[[rules]]\nname = "x"\nmetric = "cpu.percent"\nabove = 5\nclear = 9', "rules[0] (x): clear: Not above"),
        ('[[rules]]\nname = "x"\nfoo = 1', "rules[0] (x): foo: There is no such field."),
        ('[channels.ops]\nwebhook = "http://far.example/x"', "channels.ops: "),
        ('[channels.ops]\napprise = "file:///etc/passwd"', "channels.ops: "),
        ("[[rules", "Expected ']]'"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(written(tmp_path, text))
    file.chmod(0o600)
    assert main(["rules", "check", str(file)]) == 1
    assert said in capsys.readouterr().err


def test_a_file_is_tried_over_what_the_server_has_stored(
    server: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = time.time() // 3_600 * 3_600 - 7_200
    rows = "\n".join(f"{utc(begin + 60 * minute)},{99 if 3 <= minute < 6 else 20}" for minute in range(10))
    body = f"timestamp,swap.percent\n{rows}\n".encode()
    assert server.call("POST", "/performance/history", body, {"Content-Type": "text/csv"}).status == 201
    file = written(tmp_path, '[[rules]]\nname = "swapping"\nmetric = "swap.percent"\nabove = 90\n')
    assert main(["rules", "test", file, "--since", "4h"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.split()[:3] == ["swapping", "1", "time"] and ":03 UTC" in second and "3 min" in second
    assert main(["rules", "test", file, "--since", "4h", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert [firing["peak"] for firing in json.loads(line)["firings"]] == [99]


def test_the_rules_of_the_server_are_listed_and_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "ls"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == sorted(names) and "disk-full-soon" in names
    assert main(["rules", "test", "--since", "1h"]) == 0
    assert "cpu-busy" in capsys.readouterr().out


def test_a_time_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "test", "--since", "soon"]) == 2
    assert "--since is 'soon'" in capsys.readouterr().err


def test_a_silence_is_begun_listed_and_ended(server: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["silence", "begin", "--for", "2h", "--rule", "cpu-busy", "--comment", "<b>moving</b>"]) == 0
    number = capsys.readouterr().out.strip()
    assert main(["silence", "ls"]) == 0
    assert capsys.readouterr().out.split()[0] == number
    assert [each["rules"] for each in server.call("GET", "/silences").json] == [["cpu-busy"]]
    assert main(["silence", "end", number]) == 0 and main(["silence", "end", number]) == 1
    assert server.call("GET", "/silences").json == []

"""Every command and every example of the README, run as a reader would type it, against a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.live_server import live_server
from tests.store.conftest import postgres
from tests.store.postgres_server import PostgresServer

__all__ = ["postgres"]

pytestmark = pytest.mark.slow

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
STARTED = re.compile(r"vAIn is at http://localhost:(\d+)")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with live_server(tmp_path / "data") as address:
        yield address


def blocks(root: Path, language: str, containing: str) -> str:
    """The one block of a language that contains a text."""
    found = [body for name, body in BLOCK.findall((root / "README.md").read_text("utf-8")) if name == language]
    (block,) = [body for body in found if containing in body]
    return str(block)


def environment(root: Path, **variables: str) -> dict[str, str]:
    """Where `vain` is the command of this checkout, whether it is installed or not."""
    return {**os.environ, "PYTHONPATH": str(root), "PATH": os.environ["PATH"], **variables}


def typed(root: Path, script: str, **variables: str) -> str:
    """What a block of shell prints; `vain` is this checkout's."""
    function = f'vain() {{ "{sys.executable}" -m vain "$@"; }}\n'
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", function + script],
        env=environment(root, **variables), capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout


def tasks_of(url: str) -> list[dict[str, object]]:
    with urlopen(f"{url}/tasks") as answer:
        return list(json.load(answer))


def test_the_shell_example_leaves_a_completed_task(root: Path, url: str) -> None:
    printed = typed(root, blocks(root, "shell", "vain add"), VAIN_URL=url)
    assert printed.split()[0] == "1"
    (task,) = tasks_of(url)
    assert (task["name"], task["outcome"], task["priority"], task["progress"]) == (
        "train resnet", "succeeded", "high", 100,
    )  # fmt: skip


def test_the_curl_examples_make_and_fail_a_task_and_show_the_machine(root: Path, url: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    urlopen(Request(f"{url}/tasks", b'{"name": "first"}', {"Content-Type": "application/json"})).close()
    script = blocks(root, "shell", "curl -X POST").replace("localhost:5006", url.removeprefix("http://"))
    printed = typed(root, script.replace("curl ", "curl --fail-with-body -sS "))
    assert tasks_of(url)[1]["outcome"] == "failed"
    assert '"cpu_usage":' in printed and '"memory.percent":' in printed


def test_rules_are_made_and_tried(root: Path, url: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    script = blocks(root, "shell", "vain rules test").replace("localhost:5006", url.removeprefix("http://"))
    printed = typed(root, script.replace("curl ", "curl --fail-with-body -sS "), VAIN_URL=url)
    assert '"unless_task":"backup"' in printed and "busy                     0 times" in printed
    assert "The task backup failed or did not come" in printed


def wait_for_a_rate(url: str) -> None:
    """Until the history knows how busy the machine was, which takes two samples."""
    deadline = time.monotonic() + 20
    while True:
        with urlopen(f"{url}/performance/history?after=-60&metrics=cpu.percent") as answer:
            (series,) = json.load(answer)["series"].values() or ({"mean": []},)
        if any(value is not None for value in series["mean"]):
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_past_is_shown_exported_and_imported(root: Path, url: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    script = blocks(root, "shell", "vain history export").replace("localhost:5006", url.removeprefix("http://"))
    script = script.replace("last-hour.csv", str(tmp_path / "last-hour.csv")).replace("curl ", "curl -fsS ")
    wait_for_a_rate(url)
    printed = typed(root, script, VAIN_URL=url)
    assert '"tier":' in printed and '"cpu.percent":' in printed
    exported, imported = map(int, printed.rpartition("}")[2].split())
    assert imported == exported >= 1
    header = (tmp_path / "last-hour.csv").read_text("utf-8").splitlines()[0].split(",")
    assert header[0] == "timestamp" and "cpu.percent" in header


def test_the_python_example_runs(root: Path, url: str, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(blocks(root, "python", "vain.Client"), "utf-8")
    subprocess.run([sys.executable, script], env=environment(root, VAIN_URL=url), check=True, timeout=30)
    assert tasks_of(url)[0]["progress"] == 50


def reporting(url: str, tmp_path: Path) -> dict[str, str]:
    """The spool is the test's own."""
    return {"VAIN_URL": url, "VAIN_SPOOL": str(tmp_path / "spool")}


def ended(url: str, count: int) -> list[dict[str, object]]:
    """So many tasks, when all of them have ended."""
    deadline = time.monotonic() + 10
    while len(tasks := tasks_of(url)) < count or any(task["status"] != "completed" for task in tasks):
        assert time.monotonic() < deadline, tasks
        time.sleep(0.05)
    return tasks


def test_a_command_is_wrapped_as_the_readme_says(root: Path, url: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    (place / "data").mkdir(parents=True)
    script = f"cd '{place}'\n" + blocks(root, "shell", "vain run")
    assert typed(root, script, **reporting(url, tmp_path)) == ""
    assert (place / "backup.tar").exists()
    (task,) = ended(url, 1)
    assert (task["name"], task["outcome"], task["exit_code"]) == ("nightly backup", "succeeded", 0)


def test_the_blocks_in_python_report_two_tasks(root: Path, url: str, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(blocks(root, "python", "vain.task("), "utf-8")
    known = environment(root, **reporting(url, tmp_path))
    subprocess.run([sys.executable, script], env=known, check=True, timeout=30)
    train, clean = ended(url, 2)
    assert (train["name"], train["progress"], train["message"], train["tags"]) == (
        "train resnet", 100, "loss 0.20", ["gpu"],
    )  # fmt: skip
    assert (clean["name"], clean["current"], clean["total"]) == ("clean rows", 1000, 1000)


def test_a_line_of_a_crontab_reports_how_it_ended(root: Path, url: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    line = blocks(root, "shell", "/ping/backup").replace("localhost:5006", url.removeprefix("http://"))
    (tmp_path / "place").mkdir()
    typed(root, f"cd '{tmp_path / 'place'}'\nset +e\n{line}")
    (task,) = tasks_of(url)
    assert (task["key"], task["outcome"], task["exit_code"]) == ("backup", "failed", 2), "there is no folder to pack"


def test_the_javascript_example_prints_both_kinds_of_line(root: Path, url: str, node_path: str, tmp_path: Path) -> None:
    script = tmp_path / "example.js"
    host = url.removeprefix("http://")
    script.write_text(blocks(root, "javascript", "WebSocket").replace("localhost:5006", host), "utf-8")
    with subprocess.Popen([node_path, script], stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout
        assert node.stdout.readline().startswith("Performance Update: CPU - ")
        urlopen(Request(f"{url}/tasks", b'{"name": "x"}', {"Content-Type": "application/json"})).close()
        assert any("Task 1 updated to pending" in node.stdout.readline() for _ in range(20))
        node.kill()


def test_with_a_key_others_are_let_in_and_without_one_they_are_not(root: Path, tmp_path: Path) -> None:
    create, serve = blocks(root, "shell", "vain keys create").strip().splitlines()
    variables = {"VAIN_DATA": str(tmp_path), "VAIN_PORT": "0", "VAIN_NO_BROWSER": "1"}
    key = typed(root, create, **variables).strip()
    command = [sys.executable, "-m", *serve.split()]
    env = environment(root, **variables)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as server:
        assert server.stdout
        started = STARTED.search(server.stdout.readline())
        assert started
        assert status(started[1], None) == 401
        assert status(started[1], key) == 200
        server.terminate()


def test_an_agent_reports_another_machine(root: Path, url: str, tmp_path: Path) -> None:
    agent, listed = blocks(root, "shell", "vain agent").strip().splitlines()
    agent = agent.partition("#")[0].replace("https://vain.example.org", url)
    env = environment(root, VAIN_HOSTNAME="gpu-3", VAIN_DATA=str(tmp_path), VAIN_URL=url)
    with subprocess.Popen([sys.executable, "-m", *agent.split()], env=env, stderr=subprocess.PIPE) as process:
        try:
            assert any("gpu-3" in typed(root, listed, VAIN_URL=url) for _ in range(20))
        finally:
            process.terminate()


def test_several_servers_share_a_database(root: Path, postgres: PostgresServer, tmp_path: Path) -> None:
    line = blocks(root, "shell", "--store").strip().replace("postgresql://vain@db.example.org/vain", postgres.url)
    with ExitStack() as stack:
        ports = []
        for name in ("one", "another"):
            env = environment(root, VAIN_DATA=str(tmp_path / name), VAIN_PORT="0", VAIN_SPOOL=str(tmp_path / "spool"))
            command = [sys.executable, "-m", *line.split()]
            server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env))
            stack.callback(server.terminate)
            assert server.stdout
            started = STARTED.search(server.stdout.readline())
            assert started
            ports.append(started[1])
        made = Request(
            f"http://localhost:{ports[0]}/tasks", b'{"name": "at one"}', {"Content-Type": "application/json"}
        )
        with urlopen(made, timeout=10) as answer:
            task_id = json.loads(answer.read())["task_id"]
        with urlopen(f"http://localhost:{ports[1]}/tasks/{task_id}", timeout=10) as answer:
            assert json.loads(answer.read())["name"] == "at one"


def status(port: str, key: str | None) -> int:
    """What a program is answered."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with urlopen(Request(f"http://localhost:{port}/tasks", headers=headers), timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code

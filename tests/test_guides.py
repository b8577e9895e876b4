"""Every example of the guides, run as a reader would type it, against a real server.

A block of ``shell`` or ``python`` is run, in order, all of a page one after the other. One of ``sh`` needs a machine of
its own (it starts a server, names a host): its commands are understood, and that is what is tested.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.live_server import live_server
from vain import cli

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r"\$\S+|<\w+>")
GUIDES = (
    "getting-started", "tasks", "performance", "visualizations", "notifications", "notebooks", "sign-in", "deployment",
    "troubleshooting",
)  # fmt: skip
"""Those with something to run."""
LEFT = {
    "getting-started": ["count the numbers", "train resnet", "from anywhere"],
    "tasks": ["train resnet", "clean rows", "part 1", "part 2", "ship order 4711"],
    "visualizations": ["a first one"],
    "notifications": ["nightly backup", "done already"],
    "notebooks": ["clean rows"],
}
"""The tasks that are there when all of a page was typed."""


class Block(NamedTuple):
    """One block of a page."""

    language: str
    text: str


def page(root: Path, name: str) -> str:
    return (root / "docs" / f"{name}.md").read_text("utf-8")


def blocks(root: Path, name: str) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page(root, name))]


def typed(root: Path, block: Block, url: str, place: Path) -> str:
    """What a block prints."""
    function = f'vain() {{ "{sys.executable}" -m vain "$@"; }}\n'
    host = url.removeprefix("http://")
    commands = {
        "shell": ["bash", "-euo", "pipefail", "-c", function + block.text.replace("localhost:5006", host)],
        "python": [sys.executable, "-c", block.text],
    }
    known = {
        "PYTHONPATH": str(root),
        "VAIN_URL": url,
        "VAIN_DATA": str(place / "data"),
        "VAIN_SPOOL": str(place / "own"),
    }
    run = subprocess.run(
        commands[block.language], env={**os.environ, **known}, cwd=place, capture_output=True, text=True, timeout=50,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, f"{block.text}\n{run.stdout}{run.stderr}"
    return run.stdout


def tasks_of(root: Path, url: str, place: Path) -> list[str]:
    printed = typed(root, Block("python", "import vain\nfor t in vain.Client().tasks(): print(t.name)"), url, place)
    return printed.splitlines()


def commands_in(line: str) -> Iterator[list[str]]:
    """What follows ``vain`` wherever a line of shell calls it."""
    words = shlex.shlex(PLACEHOLDER.sub("7", line), posix=True, punctuation_chars=True)
    words.whitespace_split = True
    command: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= set(";&|()<>"):
            if command[:1] == ["vain"]:
                yield command[1:]
            command = []
        else:
            command.append(word)


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES)
def test_what_a_guide_shows_runs(guide: str, root: Path, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    runnable = [block for block in blocks(root, guide) if block.language in ("shell", "python")]
    assert runnable
    with live_server(tmp_path / "data") as url:
        for block in runnable:
            typed(root, block, url, tmp_path)
        if guide in LEFT:
            assert tasks_of(root, url, tmp_path) == LEFT[guide]


@pytest.mark.parametrize("name", [*GUIDES, "best-practices", "reporting", "history", "security", "stream"])
def test_every_command_of_a_page_is_understood(name: str, root: Path) -> None:
    text = "\n".join(block.text for block in blocks(root, name) if block.language in ("sh", "shell"))
    for line in text.replace("\\\n", " ").splitlines():
        for command in commands_in(line):
            assert cli.parser().parse_args(command).run


def test_a_block_says_what_it_is(root: Path) -> None:
    known = {"shell", "sh", "python", "json", "javascript", "html", "nginx", "ini", "yaml", "toml", "dockerfile", ""}
    for name in (*GUIDES, "best-practices"):
        assert {block.language for block in blocks(root, name)} <= known, name

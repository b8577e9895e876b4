"""A wheel in an empty virtual environment, far from the checkout, is a whole vAIn."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import vain
from vain.web.guides import ATTACHED

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def run(*command: str | Path, cwd: Path) -> str:
    """What a command printed; an error shows all of it."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("VAIN_")}
    done = subprocess.run(command, check=False, cwd=cwd, env=clean, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def answer(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, root, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def command(root: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``vain`` of an environment that has the wheel, the lock and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    pip: list[str | Path] = [
        folder / "bin/python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ]
    run(*pip, "--require-hashes", "-r", root / "requirements.lock", cwd=folder)
    run(*pip, "--no-index", wheel, cwd=folder)
    return folder / "bin/vain"


@pytest.fixture
def server(command: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A running ``vain serve`` of the wheel, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    arguments: list[str | Path] = [command, "serve", "--port", str(port), "--data", tmp_path / "data", "--no-browser"]
    with subprocess.Popen(arguments, cwd=tmp_path, stdin=subprocess.DEVNULL) as process:
        try:
            yield process, port
        finally:
            process.kill()


def wait_until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, f"vain serve ended with {process.returncode}"
        try:
            assert answer(port, "/healthz")[0] == 200
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("vain serve did not answer within 30 seconds")


def test_wheel_carries_pages_and_every_file_of_the_package(root: Path, wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    pages = {f"vain/_pages/{page.name}" for page in (root / "app").glob("*.py")}
    shown = {page.name for page in (root / "docs").glob("*.md")} | set(ATTACHED)
    guides = {f"vain/_docs/{name}" for name in shown}
    package = {path.relative_to(root).as_posix() for path in (root / "vain").rglob("*") if path.is_file()}
    expected = pages | guides | {name for name in package if "__pycache__" not in name}
    assert pages
    assert {name for name in packed if ".dist-info/" not in name} == expected


def test_wheel_knows_version_licence_and_command(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    inside = f"vain-{vain.__version__}.dist-info"
    assert "BSD 3-Clause" in archive.read(f"{inside}/licenses/LICENSE").decode()
    assert "vain = vain.__main__:main" in archive.read(f"{inside}/entry_points.txt").decode()
    assert "License-Expression: BSD-3-Clause" in archive.read(f"{inside}/METADATA").decode()


def test_help_answers_far_from_the_checkout(command: Path, tmp_path: Path) -> None:
    assert "serve" in run(command, "--help", cwd=tmp_path)


def test_installed_dependencies_fit_each_other(command: Path, tmp_path: Path) -> None:
    assert "No broken requirements" in run(command.with_name("python"), "-m", "pip", "check", cwd=tmp_path)


def test_server_of_the_wheel_answers_shows_its_pages_and_ends(server: tuple[subprocess.Popen[bytes], int]) -> None:
    process, port = server
    wait_until_it_answers(process, port)
    assert answer(port, "/performance")[0] == 200
    assert b"<h1>Getting started</h1>" in answer(port, "/docs/getting-started")[1]
    status, page = answer(port, "/")
    assert (status, b"bokeh" in page) == (200, True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0

"""The files of ``docs/deploy``: what they name exists, and systemd and nginx find nothing wrong with theirs."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.nginx import MISSING, NGINX, SEVERAL, before_servers, complaints
from vain import settings
from vain.cli import parser
from vain.setting_types import Setting
from vain.web.mounts import SOCKET_PATH
from vain.web.pages import find_pages
from vain.web.table import table

UNITS = ("vain.service", "vain-agent.service")
SPREAD = ("/tasks", "/ping/", "/notifications", "/events")
"""The routes of which any server answers what any other would; the rest stays at one."""
KNOWN = {each.variable for each in vars(settings).values() if isinstance(each, Setting)}


@pytest.fixture(params=UNITS)
def unit(request: pytest.FixtureRequest, root: Path) -> Path:
    return root / "docs" / "deploy" / str(request.param)


def service(unit: Path) -> list[tuple[str, str]]:
    """The lines of its ``[Service]``; a name may stand there several times."""
    text = unit.read_text("utf-8").partition("[Service]")[2].partition("[Install]")[0]
    return [(name, value) for line in text.splitlines() if "=" in line for name, _, value in [line.partition("=")]]


def test_a_unit_starts_a_command_that_there_is_with_variables_that_there_are(unit: Path) -> None:
    lines = service(unit)
    (command,) = [value for name, value in lines if name == "ExecStart"]
    program, *arguments = command.split()
    assert program.endswith("/vain")
    assert parser().parse_args(arguments).run is not None
    named = re.findall(r"\b(VAIN_\w+)=", " ".join(value for name, value in lines if name == "Environment"))
    assert named and set(named) <= KNOWN


def test_a_unit_keeps_its_data_where_it_may_write(unit: Path) -> None:
    known = dict(service(unit))
    folder = f"/var/lib/{known['StateDirectory']}"
    assert known["StateDirectoryMode"] == "0700" and known["ProtectSystem"] == "strict"
    assert f"VAIN_DATA={folder}" in " ".join(value for name, value in service(unit) if name == "Environment")


def test_systemd_finds_nothing_wrong(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    # The program is not installed where the unit looks for it.
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text("utf-8").replace("/usr/local/bin/vain", "/bin/true"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False, timeout=60
    )
    ours = [line for line in checked.stderr.splitlines() if unit.name in line]
    assert ours == [], checked.stderr


def test_a_unit_is_read_as_ini(unit: Path) -> None:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.read(unit, "utf-8")
    assert read.sections() == ["Unit", "Service", "Install"]


def test_the_container_takes_the_wheel_and_serves(root: Path) -> None:
    lines = (root / "docs" / "deploy" / "Containerfile").read_text("utf-8").splitlines()
    named = re.findall(r"\b(VAIN_\w+)=", "\n".join(lines))
    assert set(named) <= KNOWN and "VAIN_DATA" in named
    assert [line for line in lines if line.startswith("USER ")] == ["USER vain"]
    (command,) = [line for line in lines if line.startswith("CMD ")]
    assert command == 'CMD ["vain", "serve"]'


@pytest.fixture(scope="module")
def any_server() -> list[re.Pattern[str]]:
    """The paths that nginx sends to whichever server is next."""
    text = SEVERAL.read_text("utf-8")
    return [re.compile(pattern) for pattern in re.findall(r"location ~ (\S+) \{", text)]


def test_nginx_finds_nothing_wrong(tmp_path: Path) -> None:
    if NGINX is None:
        pytest.skip(MISSING)
    assert complaints(tmp_path, before_servers(8_000, [8_001, 8_002, 8_003])) == ""
    secured = before_servers(8_000, []).replace("# listen 443", "listen 443").replace("# ssl", "ssl")
    pem = Path(__file__).parent / "data" / "loopback.pem"
    assert complaints(tmp_path, re.sub(r"/etc/ssl/vain\.\w+", str(pem), secured)) == ""


def test_any_server_answers_what_is_about_tasks_and_the_stream(any_server: list[re.Pattern[str]]) -> None:
    paths = [re.sub(r"\{\w+\}", "7", path) for path in table().table]
    spread = {path for path in [*paths, SOCKET_PATH] if any(pattern.match(path) for pattern in any_server)}
    assert spread == {path for path in paths if path.startswith(SPREAD)} | {SOCKET_PATH}


def test_a_page_its_socket_and_its_files_stay_at_one_server(any_server: list[re.Pattern[str]]) -> None:
    pages = [path for path in find_pages(None, ()) for path in (path, f"{path.rstrip('/')}/ws")]
    assert "/board/ws" in pages and "/ws" in pages
    for path in [
        *pages,
        "/static/js/bokeh.min.js",
        "/login",
        "/performance",
        "/hosts/gpu-1/samples",
        "/anything-of-mine",
    ]:
        assert not any(pattern.match(path) for pattern in any_server), path


def test_both_ways_lead_to_the_same_servers() -> None:
    text = SEVERAL.read_text("utf-8")
    spread, same = (re.findall(r"^    server (\S+)", part, re.MULTILINE) for part in text.split("\nupstream ")[1:])
    assert spread == same and len(spread) == 3

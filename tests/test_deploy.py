"""The files of ``docs/deploy``: what they name exists, and systemd finds nothing wrong with its units."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vain import settings
from vain.cli import parser
from vain.setting_types import Setting

UNITS = ("vain.service", "vain-agent.service")
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

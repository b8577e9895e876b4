"""The project's metadata, its two locks and the conda environment say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import vain

CONDA_NAMES = {"prometheus-client": "prometheus_client", "playwright": "playwright-python", "build": "python-build"}
"""Where conda-forge has another name than the package index."""
LOCKS = ("requirements.lock", "requirements-dev.lock")
PIN = re.compile(r"^(?P<name>[\w.\-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\]+?))? \\$")


class Pin(NamedTuple):
    version: Version
    hashes: list[str]


def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


def requirements(root: Path, *groups: str) -> dict[str, Requirement]:
    """What the project needs to run, and what the groups add, by canonical name."""
    table = project(root)
    lines = list(table["project"]["dependencies"])
    for group in groups:
        lines += table["dependency-groups"][group]
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, lines)}


def pins(lock: Path) -> dict[str, list[Pin]]:
    """The pins of a lock; a package may have several, each for other platforms."""
    found: dict[str, list[Pin]] = {}
    hashes: list[str] = []
    for line in lock.read_text("utf-8").splitlines():
        if line.startswith("    --hash="):
            hashes.append(line.strip(" \\").removeprefix("--hash="))
        elif pinned := PIN.match(line):
            hashes = []
            found.setdefault(canonicalize_name(pinned["name"]), []).append(Pin(Version(pinned["version"]), hashes))
        else:
            assert not line.strip() or line.lstrip().startswith("#"), f"neither a pin nor a hash: {line}"
    return found


def conda(root: Path) -> dict[str, SpecifierSet]:
    """conda's ranges by conda's names, Python and pip left out; what pip adds to them among them."""
    listed = yaml.safe_load((root / "environment.yml").read_text("utf-8"))["dependencies"]
    lines = [line for entry in listed for line in (entry["pip"] if isinstance(entry, dict) else [entry])]
    entries = [Requirement(line) for line in lines]
    return {entry.name: entry.specifier for entry in entries if entry.name not in {"python", "pip"}}


def test_conda_environment_has_the_ranges_of_the_project(root: Path) -> None:
    needed = requirements(root, "install", "test")
    expected = {CONDA_NAMES.get(name, name): requirement.specifier for name, requirement in needed.items()}
    assert conda(root) == expected


def test_conda_environment_has_the_python_of_the_project(root: Path) -> None:
    python = f"- python{project(root)['project']['requires-python']}\n"
    assert python in (root / "environment.yml").read_text("utf-8")


@pytest.mark.parametrize(("lock", "groups"), [(LOCKS[0], ["install"]), (LOCKS[1], ["install", "test", "bench"])])
def test_lock_pins_everything_needed_within_its_range(root: Path, lock: str, groups: list[str]) -> None:
    pinned = pins(root / lock)
    for name, requirement in requirements(root, *groups).items():
        assert name in pinned, f"{name} is missing: make lock"
        assert all(pin.version in requirement.specifier for pin in pinned[name]), f"{name} is out of range: make lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes_and_no_address(root: Path, lock: str) -> None:
    hashes = [pin.hashes for each in pins(root / lock).values() for pin in each]
    assert hashes
    assert all(each and all(digest.startswith("sha256:") for digest in each) for each in hashes)
    text = (root / lock).read_text("utf-8")
    assert not re.search(r"://|--(index|extra|find|trusted)|(?<![\w*])/\w", text)


def test_development_lock_holds_the_very_pins_of_the_other(root: Path) -> None:
    small, large = (pins(root / lock) for lock in LOCKS)
    assert {name: large.get(name) for name in small} == small


def test_every_dependency_has_a_floor(root: Path) -> None:
    for name, requirement in requirements(root, "install", "test", "bench").items():
        assert any(clause.operator == ">=" for clause in requirement.specifier), name


def test_changelog_and_package_have_one_version(root: Path) -> None:
    assert str(Version(vain.__version__)) == vain.__version__
    headings = re.findall(r"^## (\S+)", (root / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[:2] == ["Unreleased", vain.__version__]

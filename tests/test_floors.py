"""The house stands: imports go down the floors, and each outside library has one owner."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PAGES_MAY_IMPORT = {"__future__", "bokeh", "panel", "param", "vain"}
"""Besides the standard library."""
HEAVY = {"bokeh", "numpy", "pandas", "panel", "param"}


def imported(page: Path) -> set[str]:
    """The full names of the modules that a page imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(page.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.slow
def test_every_import_goes_down_the_floors_and_to_its_owner(root: Path) -> None:
    lint = "from importlinter.cli import lint_imports_command as run; run()"
    command = [sys.executable, "-c", lint, "--no-cache", "--no-logo"]
    verdict = subprocess.run(command, check=False, cwd=root, capture_output=True, text=True, timeout=60)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert "0 broken" in verdict.stdout


def test_floors_in_the_contract_are_those_of_the_architecture(root: Path) -> None:
    contracts = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "floors")
    contracted = [set(re.findall(r"\w+", layer)) - {"__main__"} for layer in layers]
    picture = re.search(r"```(.*?)```", (root / "docs/architecture.md").read_text("utf-8"), re.DOTALL)
    assert picture
    floors = re.split(r"^ \d ", picture[1], flags=re.MULTILINE)[1:]
    assert [set(re.findall(r"vain/(\w+)", floor)) for floor in floors] == contracted


def test_pages_stand_on_views_alone(root: Path) -> None:
    for page in (root / "app").glob("*.py"):
        names = imported(page)
        assert {name.partition(".")[0] for name in names} <= PAGES_MAY_IMPORT | sys.stdlib_module_names, page.name
        assert not {name for name in names if name.startswith(("vain.store", "vain.sampler", "vain.web"))}, page.name


@pytest.mark.slow
@pytest.mark.parametrize("module", ["vain", "vain.cli", "vain.client", "vain.web.server"])
def test_light_modules_load_no_heavy_library(root: Path, module: str) -> None:
    heavy = HEAVY - {"numpy"} if module == "vain.web.server" else HEAVY
    program = f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))"
    printed = subprocess.check_output([sys.executable, "-c", program], cwd=root, text=True, timeout=30)
    assert printed.split() == []

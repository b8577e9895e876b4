"""What an import loads: counted in modules, which no busy machine changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"panel", "bokeh", "param", "pandas", "numpy", "tornado", "websockets", "psutil"}


def loaded_by(program: str, root: Path) -> set[str]:
    """The modules that a fresh interpreter has loaded after ``program``, beyond those it starts with."""
    before = "import sys; known = set(sys.modules)\n"
    after = "\nprint(*sorted(set(sys.modules) - known), file=sys.stderr)"
    command = [sys.executable, "-c", before + program + after]
    run = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True, timeout=30)
    return set(run.stderr.split())


def test_import_vain_loads_nothing_but_the_standard_library(root: Path) -> None:
    loaded = loaded_by("import vain", root)
    assert {name.partition(".")[0] for name in loaded} <= sys.stdlib_module_names | {"vain"}
    assert {name for name in loaded if name.startswith("vain.")} == set() and len(loaded) < 40


def test_names_of_the_package_are_loaded_when_asked_for(root: Path) -> None:
    loaded = loaded_by("import vain; vain.Client", root)
    assert "vain.client" in loaded and not HEAVY & loaded and "asyncio" not in loaded


@pytest.mark.parametrize("name", ["task", "track", "current", "attach", "LogHandler"])
def test_what_a_job_reports_with_is_of_the_standard_library_alone(root: Path, name: str) -> None:
    loaded = loaded_by(f"import vain; vain.{name}", root)
    assert {module.partition(".")[0] for module in loaded} <= sys.stdlib_module_names | {"vain"}
    assert "asyncio" not in loaded and "vain.types" not in loaded


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import vain

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = vain.nothing
    assert set(vain.__all__) <= set(dir(vain))
    assert all(getattr(vain, name) is not None for name in vain.__all__)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["--version", "ls", "keys list"])
def test_commands_load_no_heavy_library(root: Path, tmp_path: Path, arguments: str) -> None:
    data = ["--data", str(tmp_path / "data")] if arguments.startswith("keys") else []
    url = ["--url", "http://127.0.0.1:1"] if arguments == "ls" else []
    program = f"""
import contextlib, io, vain.cli
with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()):
    vain.cli.main({[*arguments.split(), *data, *url]!r})
"""
    loaded = loaded_by(program, root)
    assert "vain.cli" in loaded and not HEAVY & loaded and "asyncio" not in loaded

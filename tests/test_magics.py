"""``%%vain`` and its kin in a real kernel, against a server in a process of its own; one kernel runs all the cells."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.error import UsageError
from nbclient import NotebookClient

from tests.server_process import server_process
from vain import magics
from vain.client import Client
from vain.clock import unix
from vain.types import Task

CELLS = {
    "load": "%load_ext vain",
    "old panel": "%vain",
    "panel": "%vain",
    "panels": "import threading\n[t.name for t in threading.enumerate()].count('vain-panel')",
    "url": "%vain url",
    "named": "%%vain add up --tag a --tag b --priority high\nx = 1\nx + 41",
    "history": "_",
    "unnamed": "%%vain\n\n# a comment\nprint('hello')",
    "async": "%%vain waiting\nimport asyncio\nawait asyncio.sleep(0.1)\n'waited'",
    "boom": "%%vain boom\nx = 1\n\n1 / 0",
    "wrong syntax": "%%vain wrong syntax\n1 +",
    "exit": "%%vain exit three\nraise SystemExit(3)",
    "interrupt": "%%vain interrupted\nimport os, signal, threading, time\n"
    "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\ntime.sleep(30)",
    "async interrupt": "%%vain interrupted await\nimport asyncio\n"
    "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
    "for _ in range(300):\n    await asyncio.sleep(0.1)",
    "time below": "%%vain time below\n\n%%time\nsum(range(10))",
    "time above": "%%time\n%%vain time above\nsum(range(10))",
    "time boom": "%%time\n%%vain time boom\n1 / 0",
    "capture above": "%%capture said\n%%vain capture above\nprint('caught')",
    "capture below": "%%vain capture below\n%%capture said\nprint('caught')\n1 / 0",
    "captured": "said.stdout",
    "outer": "%%vain outer\nfrom vain.report import begin\nbegin('inner').end()",
    "beside": "begin('beside').end()",
    "result": "%%vain chosen outcome\nimport vain\nvain.current().update(3, total=4)\nvain.current().result('skipped')",
    "from Python": "get_ipython().run_cell_magic('vain', 'from Python', 'print(6 * 7)')",
    "quote": "%%vain don't paste",
    "recorded": "In[-2]",
    "auto": "%vain auto --threshold 1",
    "slow": "# slow\nslow = time.sleep(3)\n1 / 0",
    "quick": "quick = time.sleep(0.1)",
    "chosen": "%%vain chosen\ntime.sleep(1.5)",
    "auto off": "%vain auto off",
    "slow alone": "alone = time.sleep(1.5)",
    "busy": "time.sleep(2.5)",
    "nan": "%vain auto --threshold nan",
    "negative": "%vain auto --threshold -1",
    "word": "%vain auto --threshold soon",
    "unknown": "%vain dance",
    "no priority": "%%vain x --priority urgent\nprint('not run')",
    "off": "%vain off",
    "left": "{t.name for t in threading.enumerate()} & {'vain-panel', 'vain-remote', 'vain-auto'}",
    "reload": "%reload_ext vain",
    "once": "%%vain once\n1",
    "unload": "%unload_ext vain",
    "gone": "%%vain gone\n1",
    "flush": "from vain.report import flush\nflush(20)",
}


class Session:
    """What the cells showed, and the tasks that they were."""

    def __init__(self, url: str, notebook: nbformat.NotebookNode, tasks: list[Task]) -> None:
        self.url = url
        self.cells = dict(zip(CELLS, notebook.cells, strict=True))
        self.tasks = tasks

    def text(self, name: str) -> str:
        """What a cell printed, and the plain text of its values."""
        outputs = self.cells[name].outputs
        return "".join(out.get("text", "") + out.get("data", {}).get("text/plain", "") for out in outputs)

    def errors(self, name: str) -> list[str]:
        return [out.ename for out in self.cells[name].outputs if out.output_type == "error"]

    def task(self, name: str) -> Task:
        (found,) = [task for task in self.tasks if task.name == name]
        return found


@pytest.fixture(scope="module")
def session(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("magics")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS.values()])
    with (
        server_process(folder / "data", options=("--interval", "0.2")) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("VAIN_URL", server.url)
        patch.setenv("VAIN_SPOOL", str(folder / "spool"))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")])))
        client = NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True)
        client.execute(cwd=str(folder))
        with Client(server.url) as reader:
            yield Session(server.url, notebook, reader.tasks())


slow = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.filterwarnings("default")]


def kernel(test: Any) -> Any:
    """Jupyter's own libraries warn; in the kernel, warnings are ours."""
    for mark in slow:
        test = mark(test)
    return test


@kernel
def test_a_cell_is_a_task_with_what_was_said_of_it(session: Session) -> None:
    task = session.task("add up")
    assert (task.outcome, task.priority, task.tags) == ("succeeded", "high", ["a", "b"])
    assert task.source is not None and task.source.kind == "cell"


@kernel
def test_its_value_shows_and_is_in_the_history(session: Session) -> None:
    assert session.text("named") == session.text("history") == "42"


@kernel
def test_a_cell_without_a_name_is_called_by_its_first_line(session: Session) -> None:
    assert session.text("unnamed") == "hello\n"
    assert session.task("print").outcome == "succeeded"


@kernel
def test_a_cell_may_await(session: Session) -> None:
    assert session.text("async") == "'waited'"
    assert session.task("waiting").outcome == "succeeded"


@kernel
def test_an_exception_fails_the_task_and_shows_as_ever(session: Session) -> None:
    error = session.task("boom").error
    shown = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(session.cells["boom"].outputs[0].traceback))
    assert session.task("boom").outcome == "failed" and session.errors("boom") == ["ZeroDivisionError"]
    assert "----> 4 1 / 0" in shown
    assert error is not None and error.type == "ZeroDivisionError" and error.message == "division by zero"


@kernel
def test_the_traceback_of_the_task_begins_in_the_cell(session: Session) -> None:
    error = session.task("boom").error
    assert error is not None and error.traceback is not None
    assert error.traceback.count("  File ") == 1 and "line 4, in <module>" in error.traceback


@kernel
def test_a_cell_that_cannot_be_read_is_no_task(session: Session) -> None:
    assert session.errors("wrong syntax") == ["SyntaxError"]
    assert "wrong syntax" not in {task.name for task in session.tasks}


@kernel
def test_leaving_with_a_code_fails_with_that_code(session: Session) -> None:
    assert (session.task("exit three").outcome, session.task("exit three").exit_code) == ("failed", 3)


@kernel
@pytest.mark.parametrize("name", ["interrupted", "interrupted await"])
def test_an_interrupt_cancels(session: Session, name: str) -> None:
    assert session.task(name).outcome == "cancelled"


@kernel
def test_other_magics_stand_above_and_below(session: Session) -> None:
    assert "Wall time" in session.text("time below") and "45" in session.text("time below")
    assert "Wall time" in session.text("time above") and "45" in session.text("time above")
    assert session.text("captured") == "'caught\\n'"
    names = ("time below", "time above", "capture above")
    assert [session.task(name).outcome for name in names] == ["succeeded"] * 3


@kernel
@pytest.mark.parametrize("name", ["time boom", "capture below"])
def test_an_exception_below_another_magic_fails_the_task(session: Session, name: str) -> None:
    assert session.task(name).outcome == "failed" and session.errors(name) == ["ZeroDivisionError"]


@kernel
def test_what_a_cell_begins_is_a_child_of_it_and_what_the_next_begins_is_not(session: Session) -> None:
    assert session.task("inner").parent_id == session.task("outer").task_id
    assert session.task("beside").parent_id is None


@kernel
def test_a_cell_may_say_how_far_it_is_and_how_it_ended(session: Session) -> None:
    task = session.task("chosen outcome")
    assert (task.outcome, task.current, task.total) == ("skipped", 3, 4)


@kernel
def test_the_magic_may_be_called_from_python(session: Session) -> None:
    assert session.text("from Python") == "42\n"
    assert session.task("from Python").outcome == "succeeded"


@kernel
def test_the_history_keeps_the_cell(session: Session) -> None:
    assert "don" in session.text("recorded")
    assert session.task("don't paste").outcome == "succeeded"


@kernel
def test_auto_makes_a_task_of_a_slow_cell_from_its_true_start(session: Session) -> None:
    task = session.task("slow")
    assert task.started_at is not None and task.completed_at is not None
    assert task.outcome == "failed" and 2.9 < unix(task.completed_at) - unix(task.started_at) < 9


@kernel
def test_auto_leaves_alone_what_is_quick_or_already_a_task(session: Session) -> None:
    names = [task.name for task in session.tasks]
    assert "quick" not in names and names.count("chosen") == 1 and "alone" not in names


@kernel
@pytest.mark.parametrize("name", ["nan", "negative", "word", "unknown", "no priority"])
def test_what_cannot_be_meant_is_refused_with_one_sentence(session: Session, name: str) -> None:
    said = session.text(name)
    assert said.startswith("UsageError: ") and said.count("\n") == 1 and "not run" not in said


@kernel
def test_vain_shows_the_panel_and_renews_it_until_it_is_closed(session: Session) -> None:
    style, panel = session.cells["panel"].outputs
    assert style.data["text/html"].startswith("<style>") and 'class="vain-running' in panel.data["text/html"]
    assert "Succeeded" in panel.data["text/html"] and session.url in panel.data["text/plain"]
    assert session.text("left") == "set()"


@kernel
def test_a_new_panel_ends_the_old_one(session: Session) -> None:
    assert session.text("panels") == "1"
    assert "Stopped at" in session.cells["old panel"].outputs[1].data["text/html"]


@kernel
def test_vain_url_is_where_the_dashboard_is(session: Session) -> None:
    assert session.text("url").strip() == session.url


@kernel
def test_loading_twice_makes_one_task_and_unloading_leaves_none(session: Session) -> None:
    names = [task.name for task in session.tasks]
    assert names.count("once") == 1 and "gone" not in names and "not found" in session.text("gone")


@pytest.mark.slow
def test_a_terminal_says_where_the_dashboard_is(root: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "VAIN_URL": "http://127.0.0.1:9", "IPYTHONDIR": str(tmp_path), "PYTHONPATH": str(root)}
    script = tmp_path / "session.ipy"
    script.write_text("%load_ext vain\n%vain\n")
    command = [sys.executable, "-m", "IPython", "--no-banner", "--quick", str(script)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == (
        "A terminal cannot show the live panel: the dashboard is at http://127.0.0.1:9, for a browser.\n"
    )


@pytest.mark.parametrize("source", ["x = 1", "%vain", "%%vainly", " %%vain", "x = '''\n%%vain\n'''"])
def test_other_cells_stay_as_they_are(source: str) -> None:
    lines = source.splitlines(keepends=True)
    assert magics.rewritten(lines) == lines
    assert magics.rewritten([]) == []


def test_the_rewritten_cell_has_the_lines_that_it_had() -> None:
    lines = ["%%vain it's\n", "\n", "\n", "x = 1\n", "y = 2"]
    call, *rest = magics.rewritten(lines)
    assert rest == lines[1:] and call == "get_ipython().run_cell_magic('vain', \"it's\", '\\n')\n"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("# one\n%time x\n!ls\n\n  y = 2\nz", "y"),
        ("token = 'secret'", "token"),
        ("requests.get('https://me:secret@example.org')", "requests.get"),
        ("for batch in loader:", "for batch in loader"),
        ("total += 1 / 0", "total"),
        ("'secret'", ""),
        ("", ""),
        ("#", ""),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
    ],
)
def test_a_name_is_the_first_line_of_code_without_its_values(source: str, name: str) -> None:
    assert magics.first_line(source) == name


@pytest.mark.parametrize(
    ("line", "name", "tags"),
    [
        ("", [], []),
        ("a b --tag x c", ["a", "b", "c"], ["x"]),
        ("'a  b' --tag 'x y'", ["a  b"], ["x y"]),
        ("it's", ["it's"], []),
    ],
)
def test_a_line_has_a_name_and_tags(line: str, name: list[str], tags: list[str]) -> None:
    given = magics._cell_arguments(line)
    assert (given.name, given.tag, given.priority) == (name, tags, "medium")


@pytest.mark.parametrize("line", ["--nonsense", "--tag", "--priority urgent"])
def test_a_wrong_line_is_a_usage_error(line: str) -> None:
    with pytest.raises(UsageError):
        magics._cell_arguments(line)

"""What the live panel says of tasks and of the machine, and what it does when its server comes, goes and comes back."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.browser import chromium, eventually, free_port
from tests.live_server import live_server
from tests.views import made_machines
from vain import clock
from vain.client import Client
from vain.store.keys import KeyRing
from vain.types import Eta, Resources, Task, TaskError
from vain.views import running
from vain.views.notebook import PACES, NotebookPanel

NOW = 1_800_000_000.0
MIB = 2**20


def task(number: int = 1, **fields: object) -> Task:
    given = {
        "name": "train",
        "status": "in-progress",
        "priority": "medium",
        "started_at": clock.utc(NOW - 200),
        **fields,
    }
    return Task(task_id=number, created_at=clock.utc(NOW - 300), **given)  # type: ignore[arg-type]


def ended(number: int, outcome: str, ago: float = 60.0, **fields: object) -> Task:
    return task(number, status="completed", outcome=outcome, completed_at=clock.utc(NOW - ago), **fields)


def html(*tasks: Task) -> str:
    shown, more = running.rows(tasks, NOW)
    return running.html(
        running.Shown("http://127.0.0.1:5006", "12:00:00", "kestrel", shown, more, running.meters(None, {}))
    )


def test_a_running_task_says_how_far_how_long_and_what_it_takes() -> None:
    used = Resources(cpu_percent=187.4, rss_bytes=300 * MIB, rss_peak_bytes=412 * MIB)
    row = running.row(task(current=3, total=10, unit="files", progress=30.0, resources=used), NOW)
    assert (row.word, row.percent, row.amount, row.runtime) == ("Running", 30.0, "3 of 10 files", "3 min 20 s")
    assert (row.cpu, row.memory, row.memory_note) == ("187 %", "300 MiB", "peak 412 MiB")


def test_unknown_is_never_zero() -> None:
    row = running.row(task(started_at=None), NOW)
    assert (row.percent, row.runtime, row.cpu, row.memory, row.left) == (None, "–", "–", "–", "")
    assert "not known" in html(task())


def test_what_is_left_is_a_range_with_its_basis() -> None:
    eta = Eta(clock.utc(NOW + 240), clock.utc(NOW + 185), clock.utc(NOW + 299), "progress")
    row = running.row(task(eta=eta), NOW)
    assert (row.left, row.left_why) == ("3–5 min", "progress")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(20, 45, "20–45 s"), (55, 80, "55–80 s"), (60, 119, "about 2 min"), (7_200, 10_800, "about 3 h"),
     (-5, 30, "0–30 s"), (-9, -1, "0–0 s"), (3_600, 400_000, "0–5 d")],
)  # fmt: skip
def test_a_range_is_said_in_one_unit(low: float, high: float, said: str) -> None:
    assert running.between(low, high) == said


@pytest.mark.parametrize(
    ("outcome", "state", "word"),
    [("succeeded", "good", "Succeeded"), ("failed", "critical", "Failed"), ("crashed", "critical", "Crashed"),
     ("timed-out", "critical", "Timed out"), ("cancelled", "quiet", "Cancelled"), ("skipped", "quiet", "Skipped")],
)  # fmt: skip
def test_every_outcome_has_a_word_and_a_sign_beside_its_colour(outcome: str, state: str, word: str) -> None:
    row = running.row(ended(1, outcome), NOW)
    assert (row.state, row.word, row.left) == (state, word, "") and row.sign


def test_an_ended_task_keeps_its_runtime_and_its_totals() -> None:
    row = running.row(ended(1, "succeeded", resources=Resources(cpu_seconds=75.0, rss_peak_bytes=MIB)), NOW + 900)
    assert (row.runtime, row.cpu, row.cpu_note) == ("2 min 20 s", "1 min 15 s", "in all")
    assert (row.memory, row.memory_note) == ("1.0 MiB", "peak")


def test_a_task_without_news_says_so() -> None:
    assert running.row(task(stale=True), NOW).word == "No news"


def test_the_newest_stand_first_and_those_left_out_are_counted() -> None:
    busy = [task(number, name=f"n{number}", started_at=clock.utc(NOW - 100 + number)) for number in range(12)]
    old = ended(50, "succeeded", ago=running.LATELY_SECONDS + 1, name="old")
    rows, more = running.rows([*busy, old, ended(51, "failed", name="lately")], NOW)
    assert [row.name for row in rows] == [f"n{n}" for n in range(11, 3, -1)] + ["lately"] and more == 4
    assert "and 4 more in progress" in html(*busy)


def test_what_somebody_wrote_is_never_html() -> None:
    evil = "<img src=x onerror=alert(1)>"
    broken = ended(2, "failed", name=evil, error=TaskError("E", evil), unit=evil, current=1.0)
    shown = html(task(name=evil, message=evil), broken)
    assert "<img" not in shown and shown.count("&lt;img") >= 5


def test_an_empty_panel_says_how_to_fill_it() -> None:
    assert "%%vain" in html()


def test_a_gap_breaks_the_line_and_its_area() -> None:
    line, area = running.paths([50.0, 60.0, math.nan, math.nan, 70.0])
    assert line.count("M") == 2 and area.count("Z") == 2
    assert running.paths([math.nan, math.nan]) == ("", "")


def test_the_machine_shows_its_figures_or_that_they_are_unknown() -> None:
    cpu, memory = running.meters(made_machines.sample(NOW), {"cpu.percent": [1.0, 2.0], "memory.percent": [3.0]})
    assert cpu.value.endswith(" %") and cpu.detail == "of 4 cores" and "of 16.0 GiB" in memory.detail and cpu.line
    assert cpu.span == "last 2 min"
    assert [meter.value for meter in running.meters(None, {})] == ["–", "–"]


def test_both_modes_have_all_colours_and_follow_the_notebook() -> None:
    style = running.style()
    light, dark = style.partition("body[data-jp-theme-light=false]")[::2]
    used = {part.partition(")")[0] for part in running.asset("running.css").split("var(--vain-")[1:]}
    assert all(f"--vain-{name}:" in light for name in used) and "--vain-surface: #161a21" in dark


@pytest.mark.slow
@pytest.mark.parametrize(("light", "ground"), [("true", "rgb(255, 255, 255)"), ("false", "rgb(22, 26, 33)")])
def test_in_a_browser_it_follows_jupyterlabs_theme_and_runs_nothing(
    chromium_path: str, light: str, ground: str
) -> None:
    evil = "<img src=x onerror='window.ran = 1'><script>window.ran = 1</script>"
    with chromium(chromium_path) as browser:
        page = browser.new_page(color_scheme="dark" if light == "true" else "light")
        body = html(task(name=evil, message=evil, unit=evil, current=1.0))
        page.set_content(f'<body data-jp-theme-light="{light}"><style>{running.style()}</style>{body}')
        look = "getComputedStyle(document.querySelector('.vain-running')).backgroundColor"
        assert page.evaluate(look) == ground
        assert page.inner_text(".task b") == evil and page.evaluate("window.ran") is None


class Notebook:
    """What a kernel's publisher does with displays: each update replaces what stands under its number."""

    def __init__(self) -> None:
        self.displays: dict[str, str] = {}
        self.updates = 0

    def publish(
        self, data: Mapping[str, str], metadata: None = None, *, transient: Mapping[str, str], update: bool = False
    ) -> None:
        assert (transient["display_id"] in self.displays) == update
        self.displays[transient["display_id"]] = data["text/html"]
        self.updates += update

    def __contains__(self, text: str) -> bool:
        return text in list(self.displays.values())[-1]

    def soon(self, *texts: str) -> bool:
        return eventually(lambda: all(text in self for text in texts), 20)


@contextmanager
def panel(notebook: Notebook, idle_seconds: Callable[[], float] = lambda: 0.0) -> Iterator[NotebookPanel]:
    shown = NotebookPanel(notebook, idle_seconds).show()
    try:
        yield shown
    finally:
        shown.stop()


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()} & {"vain-panel", "vain-remote"}


@pytest.mark.slow
def test_the_panel_follows_a_server_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook()
    with live_server(tmp_path / "data") as url, Client(url) as client:
        monkeypatch.setenv("VAIN_URL", url)
        with panel(notebook):
            number = client.create("train resnet", status="in-progress").task_id
            assert notebook.soon("● Live", "train resnet", "Running", 'class="line" d="M')
            client.update(number, outcome="failed", status="completed")
            assert notebook.soon("✕", "Failed")
        assert "Stopped at" in notebook and not threads()


@pytest.mark.slow
def test_without_a_server_the_panel_says_what_to_do_and_comes_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, notebook = free_port(), Notebook()
    monkeypatch.setenv("VAIN_URL", f"http://127.0.0.1:{port}")
    with panel(notebook):
        assert (
            f"No vAIn server answers at http://127.0.0.1:{port}" in notebook and "<code>vain serve</code>" in notebook
        )
        with live_server(tmp_path / "data", port):
            assert notebook.soon("● Live", "No task is running")
        assert notebook.soon("No news from", "<code>vain serve</code>")
        with live_server(tmp_path / "data", port):
            assert notebook.soon("● Live")
    assert not threads()


@pytest.mark.slow
def test_a_missing_key_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook()
    with closing(KeyRing.open(tmp_path)) as ring:
        ring.create("mine", "read")
    with live_server(tmp_path) as url:
        monkeypatch.setenv("VAIN_URL", url)
        with panel(notebook):
            assert notebook.soon("VAIN_API_KEY")


def test_where_nobody_looks_the_panel_slows_down() -> None:
    paces = [pause for _, pause in PACES]
    assert paces == sorted(paces) and paces[0] >= 1
    shown = NotebookPanel(Notebook(), lambda: 7_200.0)
    shown._source = object()  # type: ignore[assignment]  # as if connected
    assert shown._pause_seconds() == 10.0


def test_saved_panels_say_when_they_were_true() -> None:
    shown = running.Shown("http://127.0.0.1:5006", "12:00:00", "kestrel")
    assert "Stopped at 12:00:00" in running.html(replace(shown, is_over=True))
    assert running.plain(shown) == "vAIn on kestrel at 12:00:00: http://127.0.0.1:5006"

"""``vain history`` and ``vain db``: files in and out, over HTTP and on the data folder itself."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.live_server import live_server
from vain import finest, history_commands, tables
from vain.bands import MetricQuery, MetricWindow
from vain.cli import main
from vain.client import Client
from vain.store.metrics.retention import Keep
from vain.store.metrics.store import MetricStore

pytestmark = pytest.mark.slow

Capture = pytest.CaptureFixture[str]

BEGIN = 1_795_420_800
"""The beginning of an hour, in November 2026."""


def samples(seconds: int, *names: str) -> bytes:
    """A Parquet file with a sample each second."""
    t = (BEGIN + np.arange(seconds)) * 1_000
    values = {name: np.round(np.sin(t / 1e5 + number), 3) for number, name in enumerate(names)}
    return tables.encoded(tables.samples_of(t, values), "parquet")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three hours of two series, one of them with a gap of ten minutes."""
    t = (BEGIN + np.arange(3 * 3_600)) * 1_000
    values = {"a": np.round(np.sin(t / 1e5), 3), "b:/x,y": np.where((t // 600_000) % 18 == 5, np.nan, t / 1000 % 60)}
    file = tmp_path / "three hours.parquet"
    file.write_bytes(tables.encoded(tables.samples_of(t, values), "parquet"))
    return file


def columns(file: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for t, values in tables.read(file, "parquet" if file.suffix == ".parquet" else "csv"):
        for name, column in {"t": t, **values}.items():
            found.setdefault(name, []).extend(column.tolist())
    return found


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_what_goes_in_comes_out_again_without_a_server(tmp_path: Path, file: Path, capsys: Capture, name: str) -> None:
    data = ["--data", str(tmp_path / "data")]
    assert main(["history", "import", str(file), *data]) == 0
    assert main(["history", "export", str(tmp_path / name), *data]) == 0
    printed = capsys.readouterr()
    assert printed.out == "10800\n10800\n" and "2 series" in printed.err
    read, given = columns(tmp_path / name), columns(file)
    assert list(read) == list(given)
    assert all(np.array_equal(read[column], given[column], equal_nan=True) for column in given)


def test_what_goes_in_comes_out_again_over_http(tmp_path: Path, file: Path, capsys: Capture) -> None:
    with live_server(tmp_path / "data") as url:
        assert main(["history", "import", str(file), "--url", url]) == 0
        out = str(tmp_path / "out.parquet")
        assert main(["history", "export", out, "--before", "2026-11-24T00:00:00Z", "--url", url]) == 0
    assert capsys.readouterr().out == "10800\n10800\n"
    read, given = columns(tmp_path / "out.parquet"), columns(file)
    assert all(np.array_equal(read[column], given[column], equal_nan=True) for column in given)


def test_a_part_of_some_metrics_goes_to_standard_output(tmp_path: Path, file: Path, capsys: Capture) -> None:
    data = ["--data", str(tmp_path / "data")]
    main(["history", "import", str(file), *data])
    capsys.readouterr()
    span = ["--after", "2026-11-23T08:00:10Z", "--before", "2026-11-23T08:00:12Z"]
    assert main(["history", "export", "--metrics", "b*", *span, *data]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[:2] == ['timestamp,"b:/x,y",quality', "2026-11-23T08:00:10.000Z,10.0,"]
    assert len(printed.out.splitlines()) == 3 and "Exported 2 rows of 1 series" in printed.err


def test_an_empty_history_is_a_table_without_rows(tmp_path: Path, capsys: Capture) -> None:
    MetricStore(tmp_path / "data").close()
    assert main(["history", "export", "--data", str(tmp_path / "data")]) == 0
    assert capsys.readouterr().out == "timestamp,quality\n"


def test_a_folder_that_a_server_uses_is_left_to_it(tmp_path: Path, file: Path, capsys: Capture) -> None:
    with live_server(tmp_path / "data"):
        for command in (["import", str(file)], ["export"]):
            assert main(["history", *command, "--data", str(tmp_path / "data")]) == 1
            assert "--url" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "x.csv", "--data", "d", "--url", "http://h"], "one of them"),
        (["export", "--after", "soon"], "--after"),
        (["export", "/nowhere/at/all.csv"], "cannot be written"),
    ],
)  # fmt: skip
def test_wrong_use_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    MetricStore(tmp_path / "data").close()
    places = [] if "--data" in arguments else ["--data", str(tmp_path / "data")]
    assert main(["history", *arguments, *places]) == 2
    assert words in capsys.readouterr().err


def test_a_file_that_is_no_table_is_refused_by_its_row(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "bad.csv").write_text("timestamp,a\n2026-11-23T08:00:00Z,1\n2026-11-23T08:00:01Z,warm\n")
    assert main(["history", "import", str(tmp_path / "bad.csv"), "--data", str(tmp_path / "data")]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and "Column 'a': row 2 has 'warm', which is no number" in printed.err
    assert main(["history", "import", str(tmp_path / "none.csv"), "--data", str(tmp_path / "data")]) == 1


def test_each_time_comes_as_fine_as_it_is_kept(tmp_path: Path) -> None:
    """Hours of what is old, then minutes, then samples; nothing twice, and least and largest survive."""
    days = 70
    end = BEGIN // 86_400 * 86_400 + 86_400.0
    t = np.arange(end - days * 86_400, end, 300.0)
    with closing(
        MetricStore(tmp_path, 300.0, Keep(raw_seconds=2 * 86_400.0, minute_seconds=5 * 86_400.0), now=lambda: end)
    ) as store:
        store.import_rows((t * 1000).astype(np.int64), {"a": np.arange(len(t), dtype=np.float64)})
        store.forget()

        def read(after: float, before: float, points: int | None) -> MetricWindow:
            return store.window(MetricQuery(after, before, None, points))

        _, *found = finest.windows(read, 0.0, end)
    times = np.concatenate([window.t for window in found])
    means = np.concatenate([window.series["a"].mean for window in found])
    tiers = list(dict.fromkeys(window.tier for window in found if len(window.t)))
    assert tiers == ["1h", "1m", "raw"] and (np.diff(times) > 0).all()
    known = times[~np.isnan(means)]
    assert known[0] == t[0] and known[-1] == t[-1]
    assert np.nanmax(np.concatenate([window.series["a"].max for window in found])) == len(t) - 1
    assert sum(int(window.series["a"].count.sum()) for window in found) == len(t)


def test_too_many_samples_for_one_answer_come_in_parts(tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(150)]
    with closing(MetricStore(tmp_path)) as store:
        t = (BEGIN + np.arange(3_600)) * 1_000
        store.import_rows(t, dict.fromkeys(names, np.arange(3_600.0)))

        def read(after: float, before: float, points: int | None) -> MetricWindow:
            return store.window(MetricQuery(after, before, None, points))

        _, *found = finest.windows(read, 0.0, BEGIN + 7_200.0)
    assert np.concatenate([window.t for window in found]).tolist() == (t / 1000).tolist()


def test_a_large_import_is_sent_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setattr(history_commands, "LARGEST_BODY_BYTES", 50_000)
    monkeypatch.setattr(history_commands, "SENT_VALUES", 20_000)
    with live_server(tmp_path / "data") as url, Client(url) as client:
        assert main(["history", "import", str(file), "--url", url]) == 0
        window = client.history(after=float(BEGIN), before=float(BEGIN + 3 * 3_600), metrics=["a"], points=180)
        assert len(window.t) == 180 and None not in window.series["a"].mean


def test_progress_is_told_when_it_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, file: Path
) -> None:
    monkeypatch.setattr(history_commands, "FIRST_NOTE_SECONDS", 0.0)
    assert main(["history", "import", str(file), "--data", str(tmp_path / "data")]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("10,800 rows read …\n") and printed.out == "10800\n"


def test_a_backup_is_made_checked_and_restored(tmp_path: Path, file: Path, capsys: Capture) -> None:
    data, copy = ["--data", str(tmp_path / "data")], str(tmp_path / "monday")
    with live_server(tmp_path / "data") as url, Client(url) as client:
        client.create("build")
        assert main(["db", "backup", copy, *data]) == 0 and main(["db", "check", "--data", copy]) == 0
        assert capsys.readouterr().out.count("vain.db: sound, 1 tasks") == 2
        client.create("later")
        assert main(["db", "restore", copy, *data]) == 1 and "stop it first" in capsys.readouterr().err
    assert main(["db", "restore", copy, *data]) == 0
    with live_server(tmp_path / "data") as url, Client(url) as client:
        assert [task.name for task in client.tasks()] == ["build"]
    assert main(["db", "backup", copy, *data]) == 1 and main(["db", "check", "--data", str(tmp_path / "no")]) == 2


def test_damage_is_exit_code_1(tmp_path: Path, file: Path, capsys: Capture) -> None:
    main(["history", "import", str(file), "--data", str(tmp_path / "data")])
    (tmp_path / "data" / "metrics.db").write_bytes(b"x" * 8_192)
    assert main(["db", "check", "--data", str(tmp_path / "data")]) == 1
    assert "metrics.db: damaged" in capsys.readouterr().out


def test_samples_that_are_decades_apart_are_exported_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, file = tmp_path / "data", tmp_path / "old.csv"
    file.write_text("timestamp,custom.value\n0,1\n1790000000,2\n1790000001,3\n", "utf-8")
    assert main(["history", "import", str(file), "--data", str(data)]) == 0
    began = time.monotonic()
    assert main(["history", "export", str(tmp_path / "all.csv"), "--data", str(data)]) == 0
    assert time.monotonic() - began < 20 and "Exported 3 rows" in capsys.readouterr().err


def test_an_export_makes_no_folder(tmp_path: Path) -> None:
    assert main(["history", "export", "-", "--data", str(tmp_path / "mistyped")]) == 2
    assert not (tmp_path / "mistyped").exists()

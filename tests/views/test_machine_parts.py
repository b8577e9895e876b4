"""What the parts of the machine's page send: all of it once, and then what is new."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tests.views.made_machines import sample
from tests.views.moving import MovingSource
from vain.about import About, Keeping
from vain.busiest import Process
from vain.samples import DiskDevice, DiskIo, Gpu, Sample, Sensor
from vain.store.keys import KeyInfo
from vain.views.live import Live
from vain.views.machine import own, stored
from vain.views.machine_heat import CoreHeat, whole
from vain.views.machine_processes import Processes, changes, rows
from vain.views.machine_traces import Traces, devices, gpus, interfaces, sensors
from vain.views.settings import history, key_row, server, without_keys

AT = 1_800_000_000.0
NOW = sample(AT)
PYTHON = Process(4321, "python3", 7, 99.96, 2**30, 1024.0)
SHELL = Process(77, "bash", None, None, None, None)


def texts(read: Any, seen: Sample) -> list[tuple[str, list[str]]]:
    return [(trace.label, [line.text for line in trace.lines]) for trace in read(seen)]


def test_a_process_is_rounded_and_unknown_stays_unknown() -> None:
    known, unknown = rows([PYTHON, SHELL]).values()
    assert known == {"pid": 4321, "name": "python3", "task": 7, "cpu": 100.0, "memory": 1024.0, "io": 1.0}
    assert (unknown["task"], unknown["cpu"], unknown["memory"], unknown["io"]) == (None, None, None, None)


def test_only_processes_that_changed_travel() -> None:
    before, now = rows([PYTHON, SHELL]), rows([PYTHON._replace(cpu_percent=50.0), Process(8, "new", None, 1.0, 1, 0.0)])
    news = changes(before, now)
    assert ([row["pid"] for row in news["set"]], news["gone"]) == ([4321, 8], [77])
    assert changes(now, now) == {"set": [], "gone": []}


def test_the_table_says_nothing_until_there_is_another_look() -> None:
    source = MovingSource(rows=3)
    source.processes = [PYTHON, SHELL]
    live = Live(source)
    table = Processes(live).__panel__()
    assert [row["pid"] for row in table.frame] == [4321, 77]
    live.sample = sample(AT + 1)
    assert table.news == {}
    source.processes = [PYTHON]
    live.sample = sample(AT + 2)
    assert (table.news["set"], table.news["gone"]) == ([], [77])


def test_heat_begins_with_the_past_and_goes_on_with_one_value_for_each_core() -> None:
    live = Live(MovingSource(rows=200, cores=40))
    strips = CoreHeat(live).__panel__()
    assert [len(core) for core in strips.frame["past"]] == [200] * 40
    live.sample = sample(AT + 1, cores=40)
    assert strips.now["values"] == whole(sample(AT + 1, cores=40).cpu.core_percent)


def test_heat_begins_anew_when_a_core_is_gone() -> None:
    live = Live(MovingSource(rows=20))
    strips = CoreHeat(live).__panel__()
    live.sample = sample(AT + 1, cores=3)
    assert len(strips.frame["past"]) == 3
    assert whole([None, 12.6]) == [None, 13]


def test_names_travel_once_and_figures_with_each_sample() -> None:
    live = Live(MovingSource(rows=200))
    traces = Traces(live, interfaces, "none").__panel__()
    assert [row["label"] for row in traces.frame["rows"]] == ["eth0", "Errors, all interfaces"]
    assert [len(line["points"]) for line in traces.frame["rows"][0]["lines"]] == [120, 120]
    live.sample = sample(AT + 1)
    assert traces.now["rows"][0] == [["391 KiB/s", 4e5], ["87.9 KiB/s", 9e4]]


def test_each_device_reads_and_writes() -> None:
    seen = replace(NOW, disk_io=DiskIo(devices=[DiskDevice("vda", 1024.0, None)]))
    assert texts(devices, seen) == [("vda", ["1.0 KiB/s", "–"])]


def test_sensors_and_gpus_have_units_and_unknown_is_no_zero() -> None:
    seen = replace(NOW, sensors=[Sensor("cpu", 51.0), Sensor("nvme", None)], gpus=[Gpu(0, "H100", 40.0, 2**30)])
    assert texts(sensors, seen)[1] == ("nvme", ["–"])
    assert texts(gpus, seen) == [
        ("GPU 0 · H100", ["40 %"]),
        ("GPU 0 memory", ["1.0 GiB of –"]),
        ("GPU 0 temperature", ["–"]),
        ("GPU 0 power", ["–"]),
    ]
    assert texts(gpus, NOW) == []


def test_what_vain_costs_is_all_there() -> None:
    labels = {meter.label: meter.value for meter in [*own(NOW), *stored(About(history_bytes=2**20), 12)]}
    assert (labels["CPU"], labels["Samples skipped"], labels["History on disk"]) == ("1.4 %", "0", "1.0 MiB")
    assert (labels["Events so far"], labels["Tasks and events on disk"]) == ("12", "–")


def test_settings_say_for_how_long_what_is_kept() -> None:
    about = About(keeping=Keeping(86_400.0, 31 * 86_400.0, None, 2**31))
    values = {meter.label: meter.value for meter in history(about, 1.0)}
    assert values["Every sample is kept"] == "1 d"
    assert values["A mean of each hour is kept"] == "as long as there is room"
    assert "Every sample is kept" not in {meter.label for meter in history(About(), 1.0)}


def test_a_reader_is_told_that_paths_are_not_shown() -> None:
    elsewhere = About(database="postgresql://db/vain")
    assert {meter.label: meter.value for meter in server(elsewhere, "kestrel", "admin")}["Tasks and events"] == (
        "postgresql://db/vain"
    )
    assert "Tasks and events on disk" not in {meter.label for meter in history(elsewhere, 1.0)}
    values = {meter.label: meter.value for meter in server(About(version="0.1.0"), "kestrel", "read")}
    assert (values["Data folder"], values["You may"]) == ("not shown to readers", "look")


def test_a_key_is_shown_with_its_state_and_no_secret() -> None:
    key = KeyInfo("k1", "laptop", "read", "2026-11-23T03:06:00.000Z", revoked_at="2026-11-24T03:06:00.000Z")
    row = key_row(key, "2026-11-25T03:06:00.000Z")
    assert (row["state"], row["used"]) == ("revoked", None)
    assert set(row) == {"id", "name", "role", "state", "created", "expires", "used"}
    assert without_keys(About()) != without_keys(About(keys=[]))

"""The card in words: nothing is said that is not known."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from vain.clock import unix
from vain.recap import MOST_HOSTS, Beside, Said, hosts_table, markdown_of, words_of
from vain.types import HostResources, Resources, Task

GIB = 2**30
BEGIN, END = "2026-11-24T10:00:00.000Z", "2026-11-24T10:04:02.000Z"


def task(**fields: Any) -> Task:
    known = Task(7, "train", "completed", "medium", BEGIN, outcome="succeeded", started_at=BEGIN, completed_at=END)
    return replace(known, **fields)


def said(task: Task, beside: Beside, after_seconds: float = 600) -> dict[str, str]:
    return {line.topic: line.text for line in words_of(task, unix(BEGIN) + after_seconds, beside)}


def test_the_card_of_a_run_that_ended() -> None:
    used = Resources(
        cpu_seconds=314.6, cpu_percent_peak=410.0, rss_peak_bytes=int(3.1 * GIB), read_bytes=GIB, written_bytes=2**20,
        gpu_memory_peak_bytes=2 * GIB,
    )  # fmt: skip
    beside = Beside(cores=16, memory_bytes=64 * GIB, waited_percent=41.2, durations=[230.0] * 12)
    assert said(task(resources=used), beside) == {
        "Time": "took 4 min 2 s, usually 3 min 50 s (12 runs)",
        "CPU": "used 1.3 of 16 cores, at most 4.1; 5 min 15 s of CPU time",
        "Memory": "peak 3.1 GiB of 64.0 GiB",
        "Disk": "read 1.0 GiB, wrote 1.0 MiB; the machine waited for disk 41 % of the time",
        "GPU": "peak 2.0 GiB",
    }


def test_while_it_runs_the_card_compares_the_point_it_is_at() -> None:
    running = task(status="in-progress", outcome=None, completed_at=None, resources=Resources(rss_peak_bytes=4 * GIB))
    found = said(running, Beside(memory_now_bytes=3.1 * GIB, memory_usual_bytes=1.0 * GIB), 60)
    assert found == {
        "Time": "running for 1 min",
        "Memory": "peak 4.0 GiB; 3.1 GiB at this point, usually 1.0 GiB",
    }


def test_while_it_runs_what_is_newer_than_the_stored_totals_counts() -> None:
    stored = Resources(cpu_seconds=1.0, cpu_percent_peak=90.0, rss_peak_bytes=GIB)
    running = task(status="in-progress", outcome=None, completed_at=None, resources=stored)
    found = said(running, Beside(cores=4, cpu_percent=130.0, memory_now_bytes=2.0 * GIB), 50)
    assert (found["CPU"], found["Memory"]) == (
        "uses 1.3 of 4 cores on average, at most 1.3",
        "peak 2.0 GiB; 2.0 GiB now",
    )


def test_unknown_is_not_said() -> None:
    assert said(task(), Beside()) == {"Time": "took 4 min 2 s"}
    assert said(task(started_at=None), Beside(durations=[1.0, 2.0])) == {}
    assert said(task(resources=Resources(read_bytes=0)), Beside())["Disk"] == "read 0 B"


def test_one_earlier_run_is_not_what_is_usual() -> None:
    assert said(task(), Beside(durations=[230.0]))["Time"] == "took 4 min 2 s"


def test_the_mean_counts_from_when_the_processes_were_watched() -> None:
    late = task(resources=Resources(cpu_seconds=121.0, since="2026-11-24T10:02:01.000Z"))
    assert said(late, Beside(cores=1))["CPU"] == "used 1.0 of 1 core; 2 min 1 s of CPU time"


def test_markdown_keeps_a_name_from_being_markup() -> None:
    told = markdown_of(task(name="a*b <img>"), [Said("Time", "took 1 s")])
    assert told == "**a\\*b \\<img\\>** (task 7, succeeded)\n\n- Time: took 1 s"


def test_of_several_hosts_each_has_a_line_and_what_nobody_knows_no_column() -> None:
    hosts = {
        "gpu-1": HostResources(cpu_seconds=40.0, cpu_percent=150.0, rss_bytes=GIB, rss_peak_bytes=2 * GIB),
        "gpu-2": HostResources(cpu_seconds=90.0, rss_peak_bytes=GIB, read_bytes=5),
    }
    assert hosts_table(task(resources=Resources(hosts=hosts))) == [
        ["Host", "CPU time", "Cores now", "Memory now", "Memory, at most", "Read"],
        ["gpu-2", "1 min 30 s", "–", "–", "1.0 GiB", "5 B"],
        ["gpu-1", "40 s", "1.5", "1.0 GiB", "2.0 GiB", "–"],
    ]


def test_of_one_host_there_is_no_table_and_of_very_many_those_that_used_most() -> None:
    assert hosts_table(task()) == hosts_table(task(resources=Resources(cpu_seconds=1.0))) == []
    many = {f"node-{n}": HostResources(cpu_seconds=float(n)) for n in range(MOST_HOSTS + 5)}
    table = hosts_table(task(resources=Resources(hosts=many)))
    assert len(table) == MOST_HOSTS + 1 and table[1][0] == f"node-{MOST_HOSTS + 4}"

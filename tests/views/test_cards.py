"""What the cards and tables say of a sample."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.views import made_machines, moving
from vain.samples import Cpu, Disk, DiskIo, Memory, Sample
from vain.views.cards import Reading, cards, judged, past
from vain.views.live import Live
from vain.views.machine import cores, disks, limits
from vain.views.machine_traces import interfaces
from vain.views.own import own_use

NOW = made_machines.sample(1_800_000_000.0, disks=("/", "/home"))


def by_label(sample: Sample | None) -> dict[str, Reading]:
    return {card.label: card for card in cards(sample)}


def test_the_same_cards_stand_in_the_same_order_with_and_without_a_sample() -> None:
    assert [card.label for card in cards(None)] == [card.label for card in cards(NOW)]


def test_before_the_first_sample_everything_is_unknown_and_says_why() -> None:
    assert {(card.value, card.state, card.why) for card in cards(None)} == {
        ("–", "unknown", "The first sample has not come yet")
    }


def test_unknown_is_never_zero() -> None:
    blind = replace(NOW, cpu=Cpu(), memory=Memory(), disks=[], disk_io=DiskIo(), uptime=None)
    assert {by_label(blind)[label].value for label in ("CPU", "Memory", "Disk space", "Disk", "Load", "Uptime")} == {
        "–"
    }


def test_a_percentage_keeps_its_decimal_so_that_it_does_not_jump() -> None:
    card = by_label(replace(NOW, cpu=replace(NOW.cpu, percent=90.0)))["CPU"]
    assert (card.value, card.unit, card.point) == ("90.0", "%", 90.0)


def test_a_rate_is_the_sum_of_both_ways() -> None:
    card = by_label(replace(NOW, disk_io=DiskIo(1024.0, 3072.0)))["Disk"]
    assert (card.value, card.unit, card.point) == ("4.0", "KiB/s", 4096.0)
    assert card.detail == "read 1.0 KiB/s · write 3.0 KiB/s"


def test_the_disk_card_shows_the_fullest_one_and_warns() -> None:
    card = by_label(NOW)["Disk space"]
    assert (card.value, card.state, card.bar) == ("94.0", "warning", 94.0)
    assert "on /home" in card.detail


@pytest.mark.parametrize(("percent", "state"), [(50.0, "ok"), (91.0, "warning"), (98.0, "critical"), (None, "ok")])
def test_states_come_from_the_rules(percent: float | None, state: str) -> None:
    assert judged("disk.percent", percent)[0] == state


def test_lines_begin_with_what_the_charts_know() -> None:
    lines = past(Live(moving.MovingSource(rows=200)))
    assert [len(line) for line in lines] == [120, 120, 0, 120, 120, 120, 0]


def test_lines_of_an_empty_source_are_empty() -> None:
    assert past(Live(moving.MovingSource())) == [[]] * 7


def test_each_core_and_each_interface_has_a_row() -> None:
    assert [meter.label for meter in cores(NOW)] == ["Core 0", "Core 1", "Core 2", "Core 3"]
    assert [row.label for row in interfaces(NOW)] == ["eth0", "Errors, all interfaces"]


def test_a_disk_that_does_not_answer_is_critical_and_has_no_bar() -> None:
    (meter,) = disks(replace(NOW, disks=[Disk("/mnt/far", "far:/", "nfs", reachable=False)]))
    assert (meter.state, meter.value, meter.percent, meter.word) == ("critical", "–", None, "Does not answer")


def test_a_containers_limits_are_shown_where_there_are_some() -> None:
    boxed = replace(NOW, cpu=replace(NOW.cpu, limit_cores=2.0, limit_percent=40.0))
    assert "no limit found" in [meter.value for meter in limits(NOW)]
    assert ("Container CPU", "40.0 %") in [(meter.label, meter.value) for meter in limits(boxed)]


def test_vain_says_what_it_uses_itself() -> None:
    assert own_use(NOW) == "vAIn uses 1.4 % of a core · 92.0 MiB of memory · 4.0 ms for a sample"
    assert own_use(None) == "vAIn is starting"

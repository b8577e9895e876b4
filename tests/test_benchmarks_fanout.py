"""The benchmark of the fan-out: what is read of a message, an even pace, MQTT's packets, and that each side runs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection

import pytest

from benchmarks import fanout, fanout_sides, mqtt, processes, readers, senders
from benchmarks.peers import mosquitto
from benchmarks.readers import Fanned
from benchmarks.stamps import Pace, stamped, stamps_in

linux = pytest.mark.skipif(sys.platform != "linux", reason="epoll is Linux's")

TINY = fanout.Scale(
    rounds=1, seconds=0.4, clients=(45,), events_per_second=40, crowd=10, fast_per_second=400, requests_per_second=20,
    stalled=(2,), stalled_seconds=0.4, stalled_per_second=100,
)  # fmt: skip


def fanned(cpu: float = 1.0, last: float | None = 5.0, p99: float = 9.0) -> Fanned:
    return Fanned(1_000_000, 4.0, 3.0, p99, last, 304.0, cpu, 0.5, 15.0, 100.0)


def test_the_age_of_a_message_is_read_from_joined_frames_and_not_from_other_texts() -> None:
    joined = b'..{"a":1,"message":"12"}..{"a":1,"message":"CPU is at 90"}..,"message":"34"}..{"a":1,"message":"5'
    assert stamps_in(joined) == [12, 34]
    assert stamps_in(b'{"previous":{"message":"11"},"message":"12"}') == [12]


@pytest.mark.parametrize("size_bytes", [100, 300, 1_400])
def test_an_event_has_its_size_and_says_when_it_was_sent(size_bytes: int) -> None:
    before = time.monotonic_ns()
    body = stamped(size_bytes)
    (sent,) = stamps_in(body)
    assert len(body) == size_bytes and before <= sent <= time.monotonic_ns()
    assert json.loads(body)["type"] == "taskUpdate"


def test_an_event_that_has_no_room_for_its_time_is_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        stamped(40)


def test_a_late_sender_does_not_make_up_for_what_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pace = Pace(2_000)
    assert pace.due() == 0 and pace.wait_seconds() == 0.001
    now[0] += 0.0021
    assert pace.due() == 4
    now[0] += 5.0
    assert pace.due() == 10 and pace.due() == 0


def test_packets_of_mqtt_are_as_the_standard_has_them() -> None:
    assert mqtt.connect("ab") == b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02ab"
    assert mqtt.subscribe() == b"\x82\x0a\x00\x01\x00\x05tasks\x00"
    assert mqtt.publish(b"x" * 200) == b"\x30\xcf\x01\x00\x05tasks" + b"x" * 200


def test_mosquitto_listens_on_this_machine_alone() -> None:
    assert "listener 7000 127.0.0.1\n" in mosquitto.configuration("7000")


def test_a_ratio_of_cpu_is_judged_in_the_same_round() -> None:
    measured = {fanout_sides.OURS: [fanned(0.7), fanned(1.5)], fanout_sides.BROADCAST: [fanned(1.0), fanned(2.0)]}
    (target,) = fanout._cpu_targets("", 500, fanout_sides.OURS, measured)
    assert target.value == pytest.approx(0.725) and target.is_met
    assert fanout._rows(500, measured)[0][:4] == ["500, vAIn, fan-out alone", "500 /s each", "1.1 (0.7–1.5)",
                                                  "0.72 (0.70–0.75)"]  # fmt: skip


def test_the_last_client_is_compared_only_where_a_message_came_to_all() -> None:
    assert fanout._times([4.0, None, 9.0], [8.0, 1.0, 10.0]) == pytest.approx(0.7)


def test_what_a_sender_raises_is_no_measurement() -> None:
    sent: list[int] = []
    with pytest.raises(IndexError), senders.sending(lambda: sent[0], 1_000):
        time.sleep(0.01)


@linux
@pytest.mark.slow
def test_the_clients_of_the_whole_server_are_told_of_its_events() -> None:
    with processes.vain() as server, senders.changing(server.port) as change:
        with senders.sending(change, 40):
            found = readers.read(server, 25, 0.5, "tasks", stalled=2)
        with closing(HTTPConnection("127.0.0.1", server.port)) as connection, pytest.raises(RuntimeError, match="404"):
            senders._answer(connection, "PUT", "/tasks/999", {})
    assert found.bytes_each == pytest.approx(fanout_sides.TASK_EVENT_BYTES, rel=0.1)
    assert found.last_p50_ms is not None and 0 < found.p50_ms <= found.last_p50_ms
    assert 0 < found.cpu_microseconds < 10_000 and found.connection_kib is None


@linux
@pytest.mark.slow
def test_a_server_that_closes_is_no_measurement() -> None:
    with pytest.raises(subprocess.CalledProcessError), processes.peer("floor_fanout", "1", "300") as server:
        readers.read(server, 1, 0.2, kind="mqtt")


@linux
@pytest.mark.slow
def test_every_figure_of_the_fan_out_is_given() -> None:
    section = fanout.measure(TINY)
    brokers = int(fanout_sides.mosquitto_command() is not None)
    assert [len(table.rows) for table in section.tables] == [4 + brokers, 3 + brokers, 2, 2]
    assert len(section.targets) == 9 + 3 * brokers
    assert ("mosquitto" in section.notes) is not bool(brokers)
    assert all(row[1][:4] != "0 /s" for table in section.tables for row in table.rows)

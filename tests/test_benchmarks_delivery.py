"""The benchmark of receivers that do not take measures beside receivers that are really asked."""

from __future__ import annotations

import socket

import pytest

from benchmarks.delivery import HANGING, NOBODY, REFUSING, Scale, measure, receiver


@pytest.mark.slow
def test_each_receiver_has_its_figure() -> None:
    section = measure(Scale(rounds=1, seconds=0.5))
    (table,) = section.tables
    assert [row[0] for row in table.rows] == [NOBODY, HANGING, REFUSING] and len(section.targets) == 2


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 500 X\r\n\r\n"])
def test_a_receiver_says_what_it_is_to_say_and_nothing_else(answer: bytes) -> None:
    with receiver(answer) as address:
        port = int(address.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"POST /hook HTTP/1.1\r\n\r\n")
            connection.settimeout(0.1 if not answer else 5)
            if answer:
                assert connection.recv(1 << 16) == answer
            else:
                with pytest.raises(TimeoutError):
                    connection.recv(1)

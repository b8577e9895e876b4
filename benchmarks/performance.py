"""``GET /performance`` beside a bare Tornado RequestHandler that answers the same bytes."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from http.client import HTTPConnection

from benchmarks import load, processes
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import interleaved, ratios, spread

ROUNDS, SECONDS = 5, 2.0
CONNECTIONS = (1, 16)
LARGEST_RATIO = 1.0
PATH = "/performance"
METHOD = f"""The floor is a `RequestHandler` that writes the same bytes, a constant: no gate, no routes, no sampling.
What vAIn's sampler uses meanwhile is counted in. {ROUNDS} rounds of {SECONDS:g} s."""


def measure() -> Section:
    """About a minute."""
    rows, targets = [], []
    with processes.vain() as ours, tempfile.NamedTemporaryFile() as file:
        body = _answer(ours.port)
        file.write(body)
        file.flush()
        with processes.peer("tornado_bytes", file.name) as bare:
            for connections in CONNECTIONS:
                servers = {"vAIn": ours, "bare Tornado": bare}
                sides = {
                    name: partial(load.get, server, PATH, connections, SECONDS) for name, server in servers.items()
                }
                measured = interleaved(ROUNDS, sides)
                floor = [result.cpu_microseconds for result in measured["bare Tornado"]]
                for name, results in measured.items():
                    cpu = [result.cpu_microseconds for result in results]
                    p50, p99 = (spread([result.latency_ms["get"][at] for result in results]).median for at in (0, 1))
                    rate = spread([result.per_second for result in results]).text(0)
                    ratio = ratios(cpu, floor)
                    label = f"{connections}, {name}"
                    rows.append([label, spread(cpu).text(0), ratio.text(), rate, f"{p50:.2f} / {p99:.2f}"])
                    if name == "vAIn":
                        targets.append(Target(f"CPU of bare Tornado at {connections}", ratio.median, LARGEST_RATIO))
    header = ["connections, server", "CPU µs/request", "ratio to bare", "requests/s", "p50 / p99 ms"]
    title = f"GET {PATH}, {len(body):,} bytes"
    return Section("performance", title, METHOD, [Table(header, rows)], targets)


def _answer(port: int) -> bytes:
    """What vAIn answers, once it has taken its first sample."""
    for _ in range(50):
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", PATH)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status == 200:
            return body
        time.sleep(0.2)
    raise RuntimeError("vAIn has taken no sample")

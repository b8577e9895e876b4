"""Several servers over one PostgreSQL: what they write together, when it is seen at each, and what kills cost."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.report import Section, Table, Target
from tests.nginx import MISSING, NGINX
from tests.several.cluster import SERVERS, cluster
from tests.several.storm import Measured, Outcome, Phase, storm
from tests.store.postgres_server import postgres_server

WRITERS, SECONDS = 16, 10.0
KILLS, KILLS_SECONDS, KILLS_RATE = 10, 70.0, 1_500.0
FASTEST = "as fast as they can, batches of 100"
PHASES = (
    Phase("one server alone, batches of 100", SECONDS, batch=100, only=0),
    Phase("500 events/s, batches of 5", SECONDS, 500.0, batch=5),
    Phase("1,500 events/s, batches of 20", SECONDS, 1_500.0, batch=20),
    Phase(FASTEST, SECONDS, batch=100),
    Phase(f"{KILLS} kills", KILLS_SECONDS, KILLS_RATE, KILLS),
)
FEWEST_PER_SECOND, LARGEST_P50_MS = 5_000.0, 50.0
METHOD = f"""{SERVERS} servers, PostgreSQL (with `fsync` and `synchronous_commit` on), nginx as
[nginx-servers.conf](deploy/nginx-servers.conf) has it, {WRITERS} writers and six followers share the cores of one
machine. Each writer has one request under way: it makes tasks in batches, changes them in batches, and makes, changes
and deletes single ones; it sends again, with the same `Idempotency-Key`, what was not answered. One follower stays at
each server, three more come back through nginx every half of a second, at most, with the position that they had at
another. Visible is a change at a server when the last event of an answer has come to who follows that server, counted
from the answer. In the last row servers are killed with SIGKILL (every fourth time two at once) and started again, and
connections to the database are ended in between; what comes during an outage of a server is not counted for it. At
the end all is held against the log: answers, what each follower was told, and the tasks as each server lists them."""


def measure() -> Section:
    """About three minutes."""
    if NGINX is None:
        raise RuntimeError(MISSING)
    with (
        tempfile.TemporaryDirectory(prefix="vain-servers-") as folder,
        postgres_server(fsync=True) as database,
        cluster(Path(folder), database.url, behind_nginx=True) as running,
    ):
        outcome = storm(Path(folder), running, PHASES)
    return Section("servers", "Several servers", METHOD, _tables(outcome), _targets(outcome), _notes(outcome))


def _tables(outcome: Outcome) -> list[Table]:
    places = [f"visible at {number + 1}, p50 / p99 ms" for number in range(SERVERS)]
    phases = Table(["", "events/s", *places, "slowest answer s"], [_row(each) for each in outcome.phases])
    followers = [
        [each.kind.partition(" at ")[0], f"{each.count:,}", f"{each.connections}", f"{each.gaps}", f"{each.doubles}"]
        for each in outcome.followed
    ]
    return [phases, Table(["follower", "events", "connections", "gaps", "doubles"], followers)]


def _row(measured: Measured) -> list[str]:
    visible = [f"{p50:.1f} / {p99:.0f}" for p50, p99 in measured.visible_ms]
    slowest = f"{measured.written.slowest_seconds:.2f}"
    return [measured.phase.name, f"{measured.per_second:,.0f}", *visible, slowest]


def _targets(outcome: Outcome) -> list[Target]:
    (fastest,) = [each for each in outcome.phases if each.phase.name == FASTEST]
    return [
        Target("events a second of three servers", fastest.per_second, FEWEST_PER_SECOND, is_floor=True),
        Target("ms until they are visible at the slowest, p50", max(fastest.visible_ms)[0], LARGEST_P50_MS),
        Target("answered changes that were lost", outcome.lost, 0),
        Target("events that a follower missed", outcome.gaps, 0),
        Target("events that one was told twice", outcome.doubles, 0),
        Target("other flaws", len(outcome.flaws), 0),
    ]


def _notes(outcome: Outcome) -> str:
    kills, cut = sum(each.kills for each in outcome.phases), sum(each.cut for each in outcome.phases)
    repeated = sum(each.written.repeated for each in outcome.phases)
    counted = f"{outcome.events:,} events, {outcome.answered:,} answers, {repeated} requests sent again"
    return "\n".join([f"{counted}; {kills} kills, {cut} connections ended.", *outcome.flaws])

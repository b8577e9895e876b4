"""The samples of many hosts in one transaction: what a server writes every moment, whatever the number of hosts.

Each host's advisory lock is taken as by whoever writes to one host alone (``archives.py``), without waiting: a host to
which another server writes is left out, so that nobody can wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vain.store.metrics.archive import Ready
from vain.store.postgres.connection import PostgresConnection
from vain.store.postgres.history_writing import transaction
from vain.store.postgres.pool import Pool
from vain.store.postgres.revisions import host_of, revision_of

_LOCK: Final = """
SELECT host_id FROM unnest($1::int[]) AS given(host_id)
WHERE pg_try_advisory_xact_lock(hashtext('vain history ' || current_schema()), host_id)"""
# A statement of its own: it has to see what whoever had the lock before has committed.
_REVISIONS: Final = "SELECT host_id, revision FROM metric_hosts WHERE host_id = ANY ($1::int[])"
_ADD_HOT: Final = """
INSERT INTO metric_hot (host_id, t, layout_id, v)
SELECT * FROM unnest($1::int[], $2::bigint[], $3::int[], $4::bytea[])
ON CONFLICT (host_id, t) DO UPDATE SET layout_id = excluded.layout_id, v = excluded.v"""
_ADD_TASK_ROWS: Final = """
INSERT INTO metric_task_rows (host_id, task_id, t, v)
SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bytea[])
ON CONFLICT (host_id, task_id, t) DO UPDATE SET v = excluded.v"""
_ADD_LOOKS: Final = """
INSERT INTO metric_process_looks (host_id, t, v) SELECT * FROM unnest($1::int[], $2::bigint[], $3::bytea[])
ON CONFLICT (host_id, t) DO UPDATE SET v = excluded.v"""


class PostgresTogether:
    """``vain.store.metrics.archive.Together``."""

    def __init__(self, writers: Pool) -> None:
        self._writers = writers

    def append(self, ready: Sequence[Ready]) -> list[bool | None]:
        """See ``Together``."""
        numbers = [host_of(each.revision) for each in ready]
        with transaction(self._writers) as connection:
            connection.command("BEGIN ISOLATION LEVEL READ COMMITTED")
            locked = {number for (number,) in connection.all(_LOCK, numbers)}
            known = {revision_of(*row) for row in connection.all(_REVISIONS, list(locked))}
            written = [
                each.revision in known if number in locked else None
                for number, each in zip(numbers, ready, strict=True)
            ]
            taken = [(host_of(each.revision), each) for each in ready if each.revision in known]
            _put(connection, _ADD_HOT, [(number, *row) for number, each in taken for row in each.hot])
            _put(connection, _ADD_TASK_ROWS, [(number, *row) for number, each in taken for row in each.tasks])
            _put(connection, _ADD_LOOKS, [(number, *row) for number, each in taken for row in each.looks])
        return written


def _put(connection: PostgresConnection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        connection.value(statement, *map(list, zip(*rows, strict=True)))

"""The tasks of a window for its lanes. The function runs on a reading thread, inside one snapshot (see ``Store.read``).

Of all that lived in the window only a few columns are read; the JSON of a task is looked at where a bar is drawn.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import json

from vain.bars import Told, lanes
from vain.codec import encode
from vain.lanes import LaneQuery, Lanes
from vain.packing.frame import frame_of
from vain.packing.hall import Kin
from vain.packing.tasks import Lives
from vain.store import life_queries, queries
from vain.store.connection import Connection

MOST_WAITING = 200
"""Of the tasks that wait, the newest are looked at: more can hardly be shown, and there may be any number."""

_lives = json.Decoder(Lives)
_told = json.Decoder(Told)


def lanes_of(connection: Connection, query: LaneQuery, now: float) -> Lanes:
    """The lanes of a window; ``now`` in Unix seconds."""
    frame = frame_of(query)
    lived, newest_waiting, waiting, values = life_queries.lives(query)
    values |= {"after": round(frame.begin * 1000), "before": round(frame.end * 1000), "now": round(now * 1000)}
    found = _lives.decode(connection.execute(lived, values).get)
    shown = _lives.decode(connection.execute(newest_waiting, values | {"most": MOST_WAITING}).get)
    # What waits lives until now, so it is in the window if it is in the frame.
    more = (
        int(connection.execute(waiting, values).get) - len(shown.task_id) if len(shown.task_id) == MOST_WAITING else 0
    )
    seq = int(connection.execute(queries.HEAD).get)
    return lanes(_joined(found, shown), more, query, _Book(connection), seq, now)


class _Book:
    """``vain.bars.Book`` over the tables."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def kin(self, task_ids: Collection[int]) -> dict[int, Kin]:
        """See ``Book``."""
        rows = self._connection.execute(life_queries.KIN, (_array(task_ids),))
        return {task_id: Kin(parent_id, name_length) for task_id, parent_id, name_length in rows}

    def told(self, task_ids: Collection[int]) -> dict[int, Told]:
        """See ``Book``."""
        rows = self._connection.execute(life_queries.TOLD, (_array(task_ids),))
        return {told.task_id: told for told in (_told.decode(body) for (body,) in rows)}

    def children(self, task_ids: Collection[int]) -> dict[int, int]:
        """See ``Book``."""
        return dict(self._connection.execute(life_queries.CHILD_COUNTS, (_array(task_ids),)))


def _array(task_ids: Collection[int]) -> str:
    return encode(list(task_ids)).decode()


def _joined(first: Lives, second: Lives) -> Lives:
    return Lives(*(getattr(first, name) + getattr(second, name) for name in Lives.__struct_fields__))

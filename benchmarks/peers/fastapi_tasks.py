"""A plain FastAPI server of tasks on SQLite, as its documentation teaches it: the peer of ``benchmarks/crud.py``.

    python -m benchmarks.peers.fastapi_tasks PORT FOLDER [async|threads]

One process, uvicorn on uvloop and httptools, pydantic checks what comes in and writes what goes out. One connection in
WAL mode with ``synchronous=FULL``: each change is synced before it is answered, as in vAIn. It keeps the five fields of
a task and nothing else: no event, no time stamps but one, no access control. ``async`` (the default, and the faster of
the two) runs SQLite on the event loop; ``threads`` runs each handler in FastAPI's thread pool, behind a lock.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, StringConstraints

COLUMNS = "task_id, name, status, priority, created_at"
SCHEMA = """
CREATE TABLE tasks (task_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, status TEXT NOT NULL,
                    priority TEXT NOT NULL, created_at TEXT NOT NULL)"""
T = TypeVar("T")
Status = Literal["pending", "in-progress", "completed"]
Priority = Literal["low", "medium", "high"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Draft(BaseModel):
    name: Name
    status: Status = "pending"
    priority: Priority = "medium"


class Patch(BaseModel):
    name: Name | None = None
    status: Status | None = None
    priority: Priority | None = None


class Task(BaseModel):
    task_id: int
    name: str
    status: Status
    priority: Priority
    created_at: str


class Tasks:
    """The four things that are done to the table. ``sqlite3`` commits each statement by itself (autocommit)."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "tasks.db", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(SCHEMA)

    def create(self, draft: Draft) -> Task:
        values = (draft.name, draft.status, draft.priority, datetime.now(UTC).isoformat())
        query = f"INSERT INTO tasks (name, status, priority, created_at) VALUES (?, ?, ?, ?) RETURNING {COLUMNS}"
        return self._one(query, values)

    def read(self, task_id: int) -> Task:
        return self._one(f"SELECT {COLUMNS} FROM tasks WHERE task_id = ?", (task_id,))

    def update(self, task_id: int, patch: Patch) -> Task:
        query = f"""UPDATE tasks SET name = coalesce(?, name), status = coalesce(?, status),
                    priority = coalesce(?, priority) WHERE task_id = ? RETURNING {COLUMNS}"""
        return self._one(query, (patch.name, patch.status, patch.priority, task_id))

    def delete(self, task_id: int) -> None:
        if self._connection.execute("DELETE FROM tasks WHERE task_id = ?", (task_id,)).rowcount == 0:
            raise HTTPException(404)

    def _one(self, query: str, values: Sequence[object]) -> Task:
        # To the end, or the statement stays open and its change uncommitted.
        rows = self._connection.execute(query, values).fetchall()
        if not rows:
            raise HTTPException(404)
        return Task.model_construct(**dict(zip(Task.model_fields, rows[0], strict=True)))


def on_the_loop(tasks: Tasks) -> FastAPI:
    """``async def``: a change blocks the loop until it is on disk, and costs no change of threads."""
    app = FastAPI(openapi_url=None)

    @app.post("/tasks", status_code=201)
    async def create(draft: Draft) -> Task:
        return tasks.create(draft)

    @app.get("/tasks/{task_id}")
    async def read(task_id: int) -> Task:
        return tasks.read(task_id)

    @app.put("/tasks/{task_id}")
    async def update(task_id: int, patch: Patch) -> Task:
        return tasks.update(task_id, patch)

    @app.delete("/tasks/{task_id}", status_code=204)
    async def delete(task_id: int) -> None:
        tasks.delete(task_id)

    return app


def in_threads(tasks: Tasks) -> FastAPI:
    """``def``: FastAPI runs each call in its pool of threads, and the connection takes one at a time."""
    app, lock = FastAPI(openapi_url=None), threading.Lock()

    def locked(call: Callable[..., T], *arguments: object) -> T:
        with lock:
            return call(*arguments)

    @app.post("/tasks", status_code=201)
    def create(draft: Draft) -> Task:
        return locked(tasks.create, draft)

    @app.get("/tasks/{task_id}")
    def read(task_id: int) -> Task:
        return locked(tasks.read, task_id)

    @app.put("/tasks/{task_id}")
    def update(task_id: int, patch: Patch) -> Task:
        return locked(tasks.update, task_id, patch)

    @app.delete("/tasks/{task_id}", status_code=204)
    def delete(task_id: int) -> None:
        locked(tasks.delete, task_id)

    return app


def main() -> None:
    """Serve until a signal comes."""
    port, folder, *how = sys.argv[1:]
    make = in_threads if how == ["threads"] else on_the_loop
    app = make(Tasks(Path(folder)))
    uvicorn.run(app, port=int(port), loop="uvloop", http="httptools", access_log=False, log_level="warning")


if __name__ == "__main__":
    main()

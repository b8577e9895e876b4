"""The requests that bring a run to the server, each so made that it may be sent again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from vain import spool
from vain.report.connection import Answer, Connection, Unanswered
from vain.report.run import encoded
from vain.report.slot import Slot, is_ours
from vain.spool import RunReport

BEAT_SECONDS = 15
MOST_CORRECTIONS = 3
LONGEST_AGO_SECONDS = 30 * 86_400.0
LATER = frozenset({401, 403, 408, 425, 429})
"""Answers after which the same report may succeed another time, as after any 5xx."""
JSON, TEXT = {"Content-Type": "application/json"}, {"Content-Type": "text/plain"}


class Dropped(Exception):
    """The server will never take this report; ``is_final``: nor any other of this run."""

    def __init__(self, reason: str, is_final: bool) -> None:
        super().__init__(reason)
        self.is_final = is_final


class Delivery:
    """Raises Unanswered where it is worth trying again, and Dropped where it is not."""

    def __init__(self, connection: Connection, meanwhile: Callable[[], bool]) -> None:
        self._connection, self._meanwhile = connection, meanwhile

    def send(self, slot: Slot) -> None:
        """Everything of a run that the server does not have: its beginning, its log, and how it stands."""
        run = slot.run
        if run.task_id is None:
            parent = run.parent_run_id if run.parent is None else run.parent.run_id
            run.identify(self._begin(run.run_id, parent, run.draft, slot.body, run.began_at))
        # What is said is read before the log, which then has everything that was written before an end.
        patch, at = run.unsent()
        if run.log.is_unsent:
            offset, data = run.log.since(run.log.sent_to)
            self._log(run.task_id or 0, offset, data)
            run.log.sent_to = offset + len(data)
        if patch:
            try:
                self._say(run.task_id or 0, patch, at, is_ours(run.draft))
            except Dropped:
                run.sent(patch)
                raise
            run.sent(patch)
            run.is_delivered = "outcome" in patch

    def replay(self, report: RunReport) -> None:
        """Everything that a spool has of a run."""
        task_id = report.sent_task_id
        if task_id is None:
            body = encoded(report.draft)
            task_id = self._begin(report.run_id, report.parent_run_id, report.draft, body, report.began_at)
        if report.log:
            self._log(task_id, report.log_offset, report.log)
        if report.patch:
            self._say(task_id, report.patch, report.changed_at, is_ours(report.draft))

    def replay_abandoned(self, folder: Path, url: str) -> Iterator[None]:
        """What processes that are gone had for this server, one run at a step. A file is removed once all is sent."""
        for file in spool.abandoned(folder):
            try:
                if file.url != url:
                    continue
                for report in spool.folded(file.records()):
                    self._replay_or_drop(report)
                    yield
                file.remove()
            finally:
                file.release()

    def beat(self, task_ids: list[int]) -> None:
        """Say of tasks that their process lives."""
        self._ask("POST", "/tasks/beats", encoded({"tasks": task_ids}), JSON)

    def _replay_or_drop(self, report: RunReport) -> None:
        try:
            self.replay(report)
        except Dropped:
            return

    def _begin(
        self, run_id: str, parent_run_id: str | None, draft: dict[str, object], body: bytes, began_at: float
    ) -> int:
        """The number of the task, which is made once however often this is called.

        Fields that the server refuses are left out, among them a key that another run of the job still holds.
        """
        headers = JSON | _beats(is_ours(draft)) | ({"Vain-Parent-Run": parent_run_id} if parent_run_id else {})
        known = dict(draft)
        # A refusal leaves nothing behind, so the corrected beginning has the same name.
        headers |= {"Idempotency-Key": f'"{run_id}"'}
        for _ in range(MOST_CORRECTIONS + 1):
            answer = self._ask("POST", "/tasks", body, headers | _ago(began_at))
            if answer.is_success:
                return _task_id(answer)
            known = _corrected(known, answer)
            body = encoded(known)
        raise Dropped("it was corrected too often", is_final=True)

    def _say(self, task_id: int, patch: dict[str, object], at: float, is_ours: bool) -> None:
        headers = JSON | _beats(is_ours)
        known = dict(patch)
        for _ in range(MOST_CORRECTIONS + 1):
            answer = self._ask("PUT", f"/tasks/{task_id}", encoded(known), headers | _ago(at))
            if answer.is_success:
                return
            if answer.status == 404:
                raise Dropped(f"task {task_id} was deleted", is_final=True)
            known = _corrected(known, answer)
        raise Dropped("it was corrected too often", is_final="outcome" in patch)

    def _log(self, task_id: int, offset: int, data: bytes) -> None:
        """A log that is refused is not worth more: the task itself counts."""
        self._ask("POST", f"/tasks/{task_id}/log", data, TEXT | {"Vain-Log-Offset": str(offset)})

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        answer = self._connection.ask(method, path, body, headers, self._meanwhile)
        if answer.status in LATER or answer.status >= 500:
            raise Unanswered(f"it answers {answer.status}", answer.retry_after_seconds)
        return answer


def _corrected(fields: dict[str, object], answer: Answer) -> dict[str, object]:
    """The fields without those that the server finds wrong; raises Dropped if that does not help."""
    wrong = {name for name in answer.pointers() if name in fields and name not in ("name", "status", "outcome")}
    if not wrong:
        detail = answer.json().get("detail") or "without a reason"
        raise Dropped(f"{answer.status}, {detail}", is_final="name" in fields or "outcome" in fields)
    return {name: value for name, value in fields.items() if name not in wrong}


def _task_id(answer: Answer) -> int:
    task_id = answer.json().get("task_id")
    if not isinstance(task_id, int):
        raise Dropped("what answers there is no vAIn", is_final=True)
    return task_id


def _ago(at: float) -> dict[str, str]:
    return {"Vain-Ago": f"{min(LONGEST_AGO_SECONDS, max(0.0, time.time() - at)):.3f}"}


def _beats(is_ours: bool) -> dict[str, str]:
    return {"Vain-Beat-Seconds": str(BEAT_SECONDS)} if is_ours else {}

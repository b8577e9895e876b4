from __future__ import annotations

from vain.lifecycle import created
from vain.types import Eta, Resources, Task, TaskDraft
from vain.views.board_intents import read_intent
from vain.views.board_rows import amount, changed, facts, row

NOW = "2026-11-23T03:06:00.000Z"


def test_changed_tells_patches_from_another_composition() -> None:
    one, two = (created(TaskDraft(name="x"), number, NOW) for number in (1, 2))
    other = created(TaskDraft(name="y"), 2, NOW)
    assert changed([one, two], [one, two]) == []
    assert changed([one, two], [one, other]) == [other]
    assert changed([one, two], [two, one]) is None
    assert changed([one], [one, two]) is None


def test_unknown_progress_stays_unknown_in_a_row() -> None:
    shown = row(created(TaskDraft(name="x", status="in-progress"), 1, NOW))
    assert (shown["progress"], shown["amount"]) == (None, None)


def test_an_amount_reads_as_people_say_it() -> None:
    files = created(TaskDraft(name="x", current=1_234.0, total=5_000.0, unit="files"), 1, NOW)
    bare = created(TaskDraft(name="x", current=0.5), 1, NOW)
    assert (amount(files), amount(bare)) == ("1,234 of 5,000 files", "0.5")


def test_the_facts_of_a_task_leave_out_what_is_not_known() -> None:
    assert [label for label, _ in facts(created(TaskDraft(name="x"), 1, NOW))] == ["Created"]


def test_an_intent_is_read_with_its_fields_as_they_came() -> None:
    intent = read_intent({"intent": "create", "request": 3, "fields": {"name": "x"}})
    assert (intent.request, bytes(intent.fields)) == (3, b'{"name":"x"}')


def test_the_editor_shows_when_a_task_ends_and_what_it_cost() -> None:
    eta = Eta("2026-01-01T10:10:00.000Z", "2026-01-01T10:00:00.000Z", "2026-01-01T10:20:00.000Z", "progress")
    used = Resources(cpu_seconds=754.2, rss_peak_bytes=3 << 30, written_bytes=0)
    task = Task(7, "x", "in-progress", "medium", "2026-01-01T09:00:00.000Z", eta=eta, resources=used)
    known = dict(facts(task))
    assert known["Ends, at the earliest"] == {"time": eta.low} and known["Ends, at the latest"] == {"time": eta.high}
    assert known["Judged by"]["text"] == "progress" and known["CPU time"]["text"] == "12 min 34 s"
    assert known["Memory, at most"]["text"] == "3.0 GiB" and known["Written to disk"]["text"] == "0 B"
    assert "Read from disk" not in known, "what is not known is not shown"


def test_a_stale_task_says_since_when_nothing_was_heard() -> None:
    silent = Task(
        7, "x", "in-progress", "medium", NOW, updated_at="2026-01-01T09:00:00.000Z", heartbeat_at=NOW, stale=True
    )
    assert row(silent)["silent_since"] == NOW and dict(facts(silent))["Stale: no word since"] == {"time": NOW}
    assert row(created(TaskDraft(name="x"), 1, NOW))["silent_since"] is None

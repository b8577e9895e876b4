"""Each notification arrives, in order, at most one of them more than once; and who hangs delays nobody else."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tests.delivery.house import BEGIN, House, failed
from tests.delivery.receivers import HttpReceiver, MailReceiver, Received, answering, breaking, hanging, until
from vain.alerting.channel import ChannelForm
from vain.bands import MetricQuery, MetricWindow, of_values
from vain.delivery import webhook
from vain.delivery.worker import Pace
from vain.errors import Misconfigured
from vain.notification import Notice
from vain.store import ledger, reading

DAY = 86_400.0


def in_house(folder: Path, work: Callable[[House], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        house = House(folder)
        async with house.open():
            return await work(house)

    return asyncio.run(main())


def hook(receiver: HttpReceiver, **more: Any) -> ChannelForm:
    return ChannelForm(webhook=receiver.url, **more)


async def worst_lag(seconds: float) -> float:
    """How late the loop came back at worst."""
    worst, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        before = time.monotonic()
        await asyncio.sleep(0.005)
        worst = max(worst, time.monotonic() - before - 0.005)
    return worst


def test_a_receiver_that_hangs_fails_breaks_and_comes_back_gets_each_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "ANSWER_SECONDS", 0.2)

    async def work(house: House) -> None:
        bad, good = HttpReceiver(hanging, answering(500), breaking), HttpReceiver()
        async with good.open(), bad.open(), house.delivering(bad=hook(bad), good=hook(good)):
            await house.tell(*map(failed, range(1, 11)))
            await until(lambda: len(bad.received) >= 13)
        assert bad.numbers == [1, 1, 1, *range(1, 11)]
        assert {each.headers["webhook-id"] for each in bad.received[:4]} == {bad.received[0].headers["webhook-id"]}
        assert good.numbers == list(range(1, 11))

    in_house(tmp_path, work)


def test_a_receiver_that_was_away_gets_each_once(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        receiver = HttpReceiver()
        async with receiver.open():
            pass  # the port is known, and nobody listens
        async with house.delivering(ops=hook(receiver)) as deliveries:
            await house.tell(*map(failed, range(1, 6)))
            await until(lambda: deliveries.status()[0].last_error is not None)
            assert deliveries.status()[0].waiting_since is not None
            async with receiver.open():
                await until(lambda: len(receiver.received) >= 5)
                await until(lambda: deliveries.status()[0].waiting_since is None)
        assert receiver.numbers == [1, 2, 3, 4, 5]

    in_house(tmp_path, work)


def test_while_one_hangs_the_others_are_told_and_the_loop_and_the_store_go_on(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        bad, good = HttpReceiver(*[hanging] * 9), HttpReceiver()
        async with bad.open(), good.open(), house.delivering(bad=hook(bad), good=hook(good)):
            lag = asyncio.ensure_future(worst_lag(0.5))
            began = time.monotonic()
            await house.tell(*map(failed, range(1, 21)))
            await until(lambda: len(good.received) == 20)
            assert time.monotonic() - began < webhook.ANSWER_SECONDS / 2
            assert bad.numbers == [1]
            assert await lag < 0.25

    in_house(tmp_path, work)


def test_a_restart_loses_none_and_sends_what_hung_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work(house: House) -> None:
        receiver = HttpReceiver(*[answering(200)] * 3, hanging)
        async with receiver.open():
            async with house.open(), house.delivering(ops=hook(receiver)):
                await house.tell(*map(failed, range(1, 8)))
                await until(lambda: len(receiver.received) == 4)
            async with house.open():
                await house.tell(failed(8))
                async with house.delivering(ops=hook(receiver)):
                    await until(lambda: len(receiver.received) == 9)
        assert receiver.numbers == [1, 2, 3, 4, 4, 5, 6, 7, 8]

    asyncio.run(work(House(tmp_path)))
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_new_channel_begins_with_what_comes_from_now_on(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        receiver = HttpReceiver()
        async with receiver.open():
            await house.tell(failed(1), failed(2))
            async with house.delivering(ops=hook(receiver)):
                await house.tell(failed(3))
                await until(lambda: receiver.numbers == [3])
            kept = await house.store.read(lambda connection: reading.kept(connection, "channel"))
            assert json.loads(kept["ops"])["position"] == 3
            async with house.delivering():
                pass
            assert not await house.store.read(lambda connection: reading.kept(connection, "channel"))

    in_house(tmp_path, work)


def test_a_rule_is_told_to_be_over_where_it_was_told_to_fire_across_a_restart(tmp_path: Path) -> None:
    fired = Notice(kind="rule.fired", level="warning", title="CPU is busy", rule="cpu-busy")
    cleared = Notice(kind="rule.cleared", level="info", title="No longer: CPU is busy", rule="cpu-busy", fired_by=1)

    async def work(house: House) -> None:
        ops, pager = HttpReceiver(), HttpReceiver()
        channels = {}
        async with ops.open(), pager.open():
            channels = {"ops": hook(ops), "pager": hook(pager, level="error")}
            async with house.delivering_with(channels):
                await house.tell(fired)
                await until(lambda: ops.numbers == [1])
            async with house.delivering_with(channels):
                await house.tell(cleared, failed())
                await until(lambda: ops.numbers == [1, 2, 3] and pager.numbers == [3])

    in_house(tmp_path, work)


def test_what_comes_together_is_one_mail(tmp_path: Path) -> None:
    async def work(house: House) -> list[str]:
        receiver = MailReceiver()
        async with receiver.open():
            form = ChannelForm(apprise=receiver.url(), group_for=0.3)
            async with house.delivering(mail=form):
                await house.tell(failed(1), failed(2, level="info"), failed(3))
                await until(lambda: len(receiver.mails) == 1)
                await asyncio.sleep(0.4)
        return [str(mail["Subject"]) for mail in receiver.mails]

    assert in_house(tmp_path, work) == ["alpha: 2 notifications: job 1 failed, job 3 failed"]


def command(folder: Path, code: str) -> ChannelForm:
    return ChannelForm(command=[sys.executable, "-c", code, str(folder / "calls")])


def test_a_command_that_fails_twice_is_run_a_third_time(tmp_path: Path) -> None:
    code = """
import json, sys
number = json.load(sys.stdin)["notification_id"]
with open(sys.argv[1], "a") as calls:
    calls.write(f"{number}\\n")
raise SystemExit(open(sys.argv[1]).read().split().count("1") < 3)
"""

    async def work(house: House) -> None:
        calls = tmp_path / "calls"
        async with house.delivering(page=command(tmp_path, code)):
            await house.tell(failed(1), failed(2))
            await until(lambda: calls.exists() and calls.read_text().split() == ["1", "1", "1", "2"])

    in_house(tmp_path / "house", work)


def test_a_command_under_way_is_ended_with_the_server_and_run_again(tmp_path: Path) -> None:
    code = """
import os, sys, time
open(sys.argv[1], "a").write(f"{os.getpid()} ")
time.sleep(60)
"""

    async def work(house: House) -> None:
        calls = tmp_path / "calls"
        for count in (1, 2):
            async with house.delivering(page=command(tmp_path, code)):
                await house.tell(failed())
                await until(lambda count=count: calls.exists() and len(calls.read_text().split()) == count)  # type: ignore[misc]
                began = time.monotonic()
            assert time.monotonic() - began < 5
            assert not psutil.pid_exists(int(calls.read_text().split()[-1]))

    in_house(tmp_path / "house", work)


def test_a_command_that_always_fails_is_given_up_after_five_attempts_and_the_next_is_tried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
import json, sys
number = json.load(sys.stdin)["notification_id"]
open(sys.argv[1], "a").write(f"{number}\\n")
raise SystemExit(number == 1)
"""

    async def work(house: House) -> None:
        calls = tmp_path / "calls"
        async with house.delivering(page=command(tmp_path, code)):
            await house.tell(failed(1), failed(2))
            await until(lambda: calls.exists() and calls.read_text().split() == [*"11111", "2"])

    in_house(tmp_path / "house", work)
    (error,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert error == "Channel page: notification 1 was given up after 5 attempts: exit code 1"


def test_after_a_day_of_refusals_it_is_given_up_and_the_next_is_tried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(house: House) -> None:
        receiver = HttpReceiver()
        async with receiver.open():
            receiver.answers = [answering(500)] * 1_000
            async with house.delivering(ops=hook(receiver)):
                await house.tell(failed(1), failed(2))
                await until(lambda: len(receiver.received) > 2)
                house.seconds += DAY - 60
                await house.tell(failed(3))
                count = len(receiver.received)
                await until(lambda: len(receiver.received) > count + 2)
                assert set(receiver.numbers) == {1}
                house.seconds += 61
                await until(lambda: 3 in receiver.numbers)
                receiver.answers.clear()
                await until(lambda: len([n for n in receiver.numbers if n == 3]) > 1 or not receiver.answers)
                await house.tell(failed(4))
                await until(lambda: receiver.numbers[-1] == 4)
        assert receiver.numbers.count(2) == 1

    in_house(tmp_path, work)
    given_up = [record for record in caplog.records if "given up" in record.getMessage()]
    assert [record.levelno for record in given_up] == [logging.ERROR, logging.WARNING]


def test_the_day_of_refusals_goes_on_over_a_restart(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        receiver = HttpReceiver(*[answering(500)] * 500)
        async with receiver.open():
            async with house.delivering(ops=hook(receiver)):
                await house.tell(failed(1))
                await until(lambda: len(receiver.received) > 1)
            house.seconds += DAY
            count = len(receiver.received)
            async with house.delivering(ops=hook(receiver)) as deliveries:
                await until(lambda: len(receiver.received) > count)
                await house.tell(failed(2))
                await until(lambda: receiver.numbers[-1] == 2)
                assert receiver.numbers.count(1) == count + 1
                assert deliveries.status()[0].waiting_since == "2026-01-01T12:00:00.000Z"

    in_house(tmp_path, work)


def test_a_receiver_that_is_gone_is_left_until_the_next_start(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        receiver = HttpReceiver(answering(410))
        async with receiver.open():
            async with house.delivering(ops=hook(receiver)) as deliveries:
                await house.tell(failed(1), failed(2))
                await until(lambda: deliveries.status()[0].is_disabled)
                await house.tell(failed(3))
                await asyncio.sleep(0.1)
                assert receiver.numbers == [1]
            async with house.delivering(ops=hook(receiver)):
                await until(lambda: receiver.numbers == [1, 1, 2, 3])

    in_house(tmp_path, work)


def test_a_receiver_that_asks_for_a_pause_gets_it(tmp_path: Path) -> None:
    async def work(house: House) -> float:
        receiver = HttpReceiver(answering(429, "Retry-After: 1\r\n"))
        async with receiver.open(), house.delivering(ops=hook(receiver)):
            await house.tell(failed(1))
            await until(lambda: len(receiver.received) == 1)
            began = time.monotonic()
            await until(lambda: len(receiver.received) == 2)
            return time.monotonic() - began

    assert in_house(tmp_path, work) > 0.9


def test_what_happens_to_tasks_makes_nobody_read(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        receiver = HttpReceiver()
        async with receiver.open(), house.delivering(ops=hook(receiver)):
            await until(lambda: house.reads > 0)
            before = house.reads
            for _ in range(50):
                house.hub.replace("performanceUpdate", b"{}")
                await asyncio.sleep(0)
            assert house.reads == before
            await house.tell(failed())
            await until(lambda: receiver.numbers == [1])

    in_house(tmp_path, work)


def test_the_pauses_double_up_to_the_longest() -> None:
    pace = Pace()
    for tries, longest in ((1, 1.0), (2, 2.0), (5, 16.0), (11, 600.0), (500, 600.0)):
        pauses = [pace.pause_seconds(tries) for _ in range(300)]
        assert 0 <= min(pauses) < 0.2 * longest and 0.8 * longest < max(pauses) <= longest


@pytest.mark.parametrize(
    ("form", "why"),
    [
        (ChannelForm(webhook="http://geheim.example.org/x"), "channels.ops: The webhook's address is not encrypted"),
        (ChannelForm(apprise="json://geheim"), "channels.ops: json:// is not among"),
        (ChannelForm(webhook="https://a/x", secret="whsec_geheim"), "channels.ops: The secret of channel ops"),
        (ChannelForm(webhook="https://a/x", group_for=5), "channels.ops: group_for is for Apprise"),
    ],
)
def test_a_channel_that_cannot_be_used_says_which_and_no_secret(tmp_path: Path, form: ChannelForm, why: str) -> None:
    async def work(house: House) -> None:
        with pytest.raises(Misconfigured, match=why) as caught:
            async with house.delivering(ops=form):
                pass
        assert "geheim" not in caught.value.detail

    in_house(tmp_path, work)


def test_no_secret_is_shown_or_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "whsec_Z2VoZWltZ2VoZWltZ2VoZWltZ2VoZWlt"

    async def work(house: House) -> None:
        receiver = HttpReceiver(answering(500), breaking, answering(302, "Location: http://127.0.0.1:1/\r\n"))
        async with receiver.open():
            forms = {
                "ops": hook(receiver),
                "mail": ChannelForm(apprise="ntfy://ada:geheim@127.0.0.1:1/token123", group_for=0),
            }
            async with house.delivering_with(forms, secret=secret) as deliveries:
                await house.tell(failed(1))
                await until(lambda: len(receiver.received) == 4)
                await until(lambda: deliveries.status()[1].last_error is not None)
                shown = repr((deliveries.status(), forms, deliveries))
                assert [status.target for status in deliveries.status()] == ["http://***", "ntfy://***"]
        for each in ("token123", "geheim", secret, secret[6:], str(receiver.port)):
            assert each not in shown and each not in caplog.text

    in_house(tmp_path, work)
    assert "took no notification" in caplog.text


def test_while_it_cannot_be_stored_that_one_was_sent_no_other_is(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        async def filling(request: Received, writer: asyncio.StreamWriter) -> None:
            house.is_full = True
            await answering(200)(request, writer)

        receiver = HttpReceiver(filling)
        async with receiver.open(), house.delivering(ops=hook(receiver)):
            await asyncio.gather(*(house.tell(failed(number)) for number in range(1, 4)))
            await until(lambda: house.is_full)
            await asyncio.sleep(0.2)
            assert receiver.numbers == [1]
            house.is_full = False
            await until(lambda: receiver.numbers == [1, 2, 3])

    in_house(tmp_path, work)


def test_what_a_channel_did_not_want_is_not_sent_when_it_wants_more(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        receiver = HttpReceiver()
        async with receiver.open():
            async with house.delivering(ops=hook(receiver)):
                await house.tell(failed(1, level="info"), failed(2))
                await until(lambda: receiver.numbers == [2])
                await house.tell(failed(3, level="info"))
                await asyncio.sleep(0.1)
            async with house.delivering(ops=hook(receiver, level="info")):
                await house.tell(failed(4, level="info"))
                await until(lambda: receiver.numbers == [2, 4])

    in_house(tmp_path, work)


def test_a_mail_about_a_metric_takes_its_chart_along(tmp_path: Path) -> None:
    async def window(query: MetricQuery) -> MetricWindow:
        t = np.linspace(query.after, query.before, 60)
        return MetricWindow(t, {"cpu.percent": of_values(t - query.after)}, "raw", 60.0)

    async def work(house: House) -> list[str]:
        receiver = MailReceiver()
        async with receiver.open():
            forms = {"mail": ChannelForm(apprise=receiver.url(), group_for=0)}
            async with house.delivering_with(forms, window=window):
                await house.tell(failed(kind="rule.fired", metric="cpu.percent", threshold=95.0))
                await until(lambda: len(receiver.mails) == 1)
        return [part.get_content_type() for part in receiver.mails[0].walk()]

    assert "image/png" in in_house(tmp_path, work)


def test_what_was_forgotten_before_it_could_be_told_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ledger, "MOST_NOTIFICATIONS", 3)

    async def work(house: House) -> None:
        receiver = HttpReceiver()
        async with receiver.open():
            async with house.delivering(ops=hook(receiver)):
                pass
            await house.tell(*map(failed, range(1, 8)))
            async with house.delivering(ops=hook(receiver)):
                await until(lambda: receiver.numbers == [5, 6, 7])

    in_house(tmp_path, work)
    (error,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert error == "Channel ops: 4 notifications were forgotten before it took them"


def test_what_is_told_while_the_clock_stands_is_told_once(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        receiver = HttpReceiver()
        async with receiver.open(), house.delivering(ops=hook(receiver)):
            await asyncio.gather(*(house.tell(failed(number)) for number in range(1, 151)))
            await until(lambda: len(receiver.received) >= 150)
            await asyncio.sleep(0.1)
        assert receiver.numbers == list(range(1, 151))
        assert house.seconds == BEGIN

    in_house(tmp_path, work)

"""A process that is killed while it sends: nothing is lost, and at most one message is sent twice for each kill."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.delivery.receivers import HttpReceiver, until

COUNT, KILLS = 400, 6
PROCESS = """
import asyncio, sys
from pathlib import Path
from tests.delivery.house import House, failed
from vain.alerting.channel import ChannelForm

async def main():
    folder, url, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    house = House(folder)
    async with house.open(), house.delivering(ops=ChannelForm(webhook=url)):
        await asyncio.gather(*(house.tell(failed(number)) for number in range(1, count + 1)))
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_loses_none_and_repeats_one_at_most(root: Path, tmp_path: Path) -> None:
    async def main() -> HttpReceiver:
        receiver = HttpReceiver()
        async with receiver.open():
            for kill in range(KILLS):
                arguments = (str(tmp_path), receiver.url, str(COUNT if kill == 0 else 0))
                process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROCESS, *arguments, cwd=root)
                try:
                    enough = COUNT if kill == KILLS - 1 else (kill + 1) * COUNT // (KILLS + 1)
                    await until(lambda enough=enough: len(set(receiver.numbers)) >= enough, 30)  # type: ignore[misc]
                finally:
                    process.kill()
                    await process.wait()
        return receiver

    receiver = asyncio.run(main())
    assert sorted(set(receiver.numbers)) == list(range(1, COUNT + 1))
    assert receiver.numbers == sorted(receiver.numbers)
    repeated = [count - 1 for count in Counter(receiver.numbers).values() if count > 1]
    assert sum(repeated) < KILLS
    assert len({each.headers["webhook-id"] for each in receiver.received}) == COUNT

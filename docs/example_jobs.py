"""The jobs that run while the pictures are taken: ``python docs/example_jobs.py train|etl|backup|sweep``"""

from __future__ import annotations

import os
import sys
import tempfile
import time

import vain

EPOCHS = 90


def burn(seconds: float, share: float = 1.0) -> None:
    """Uses so much of one core for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        until = time.thread_time() + 0.05 * share
        while time.thread_time() < until:
            sum(range(2_000))
        time.sleep(0.05 * (1 - share))


def train() -> None:
    """Half a core for as long as it is let."""
    held = bytearray(700 << 20)
    held[::4096] = b"x" * len(held[::4096])
    with vain.task(
        "train resnet50 on imagenet",
        tags=["gpu", "train"],
        priority="high",
        key="train-resnet50",
        total=EPOCHS,
        unit="epochs",
    ) as task:
        for epoch in range(30, EPOCHS):
            loss, top = 1.9 / (1 + epoch / 20), 52 + epoch / 4
            task.update(epoch, message=f"loss {loss:.3f}, top-1 {top:.1f} %")
            task.log(f"epoch {epoch:3d}  loss {loss:.4f}  top-1 {top:.2f} %  lr {0.1 * 0.97**epoch:.5f}")
            burn(9, 0.5)


def etl() -> None:
    """Reads for a while, then takes a whole core and two gigabytes: the spike."""
    with vain.task("etl orders", tags=["etl"], key="etl-orders", total=100, unit="%") as task:
        task.update(12, message="reading partitions")
        burn(30, 0.15)
        task.update(48, message="joining orders with customers")
        rows = bytearray(1200 << 20)
        rows[::4096] = b"x" * len(rows[::4096])
        burn(25)
        del rows
        task.update(81.5, message="writing partitions")
        burn(600, 0.1)


def backup() -> None:
    """Writes and syncs."""
    with (
        vain.task("backup photos", tags=["backup", "nightly"], priority="low", key="backup-photos") as task,
        tempfile.TemporaryFile() as file,
    ):
        block = os.urandom(8 << 20)
        for number in range(1, 400):
            task.update(number, total=400, unit="albums")
            file.seek(0)
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
            time.sleep(1.5)


def sweep() -> None:
    """A parent with runs below it, one of which fails."""
    with vain.task("parameter sweep: learning rate", tags=["gpu"], description="Nine runs, one after the other."):
        for number, rate in enumerate((0.1, 0.03, 0.01, 0.003), 1):
            try:
                with vain.task(f"lr {rate}", tags=["gpu"]):
                    burn(14 + number, 0.3)
                    if number == 2:
                        raise FloatingPointError("loss is NaN after 412 steps")
            except FloatingPointError:
                continue
        burn(600, 0.05)


if __name__ == "__main__":
    {"train": train, "etl": etl, "backup": backup, "sweep": sweep}[sys.argv[1]]()

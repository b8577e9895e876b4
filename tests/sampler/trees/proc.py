"""A /proc with the processes that a test puts there."""

from __future__ import annotations

import shutil
from pathlib import Path

TICKS = 100
BOOTED_AT = 1_700_000_000


class FakeProc:
    """``root`` is what stands for ``/``."""

    def __init__(self, root: Path) -> None:
        self.root, self.proc = root, root / "proc"
        self.proc.mkdir()
        self.machine(busy=0)

    def machine(self, busy: int, read_kib: int = 0, written_kib: int = 0) -> None:
        (self.proc / "stat").write_text(f"cpu  {busy} 0 0 1000 0 0 0 0 0 0\ncpu0 1 2 3\nbtime {BOOTED_AT}\n")
        (self.proc / "vmstat").write_text(f"nr_free 1\npgpgin {read_kib}\npgpgout {written_kib}\npgpginx 7\n")
        (self.proc / "meminfo").write_text("MemTotal:       1000000 kB\nMemFree: 1 kB\nMemAvailable:    600000 kB\n")

    def put(
        self, pid: int, parent: int = 1, started: int = 1000, own: int = 0, inherited: int = 0, rss: int = 10,
        state: str = "S", run: str | None = None, io: tuple[int, int] | None = (0, 0), name: str = "x (y) z",
        wait_status: int = 0,
    ) -> None:  # fmt: skip
        """A process, new or as it is now; ``own`` and ``inherited`` in ticks, ``rss`` in pages."""
        folder = self.proc / str(pid)
        folder.mkdir(exist_ok=True)
        fields = [state, parent, pid, pid, 0, -1, 0, 0, 0, 0, 0, own, 0, inherited, 0, 20, 0, 3, 0, started, 0, rss]
        fields += [0] * 27 + [wait_status]
        (folder / "stat").write_text(f"{pid} ({name}) {' '.join(map(str, fields))}\n")
        variables = ["PATH=/bin", *([f"VAIN_RUN_ID={run}"] if run else []), "HOME=/"]
        (folder / "environ").write_bytes(b"\0".join(each.encode() for each in variables) + b"\0")
        if io is not None:
            (folder / "io").write_text(f"rchar: 9\nread_bytes: {io[0]}\nwrite_bytes: {io[1]}\n")

    def end(self, pid: int) -> None:
        """Who has the file open gets nothing more from it, as from the kernel's."""
        (self.proc / str(pid) / "stat").write_bytes(b"")
        shutil.rmtree(self.proc / str(pid))

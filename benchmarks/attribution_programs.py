"""Programs that use processes as jobs do, and a judge that knows in the end what the kernel says they used.

``python -m benchmarks.attribution_programs judge NAME SIZE`` becomes the reaper of all that the program NAME starts,
orphans too, prints the number of the program's process, waits for everything, and prints what was used: by all, and by
the program itself with the children that it waited for.
"""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
RUN_ID = "0123456789abcdef0123456789abcdef"
SHORT_SECONDS = 0.02
POOL_BYTES = 64 << 20
HASH = "import hashlib, sys; hashlib.file_digest(sys.stdin.buffer, 'sha512')"
SOURCE_FUNCTIONS, BATCH = 300, 8
BUILD_PREFIX = "benchmark-build-"


def burn(seconds: float) -> None:
    """Use so much CPU time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def busy(size: float) -> None:
    """Two loops side by side."""
    children = [_forked(lambda: burn(size / 2)) for _ in range(2)]
    for child in children:
        os.waitpid(child, 0)


def storm(size: float) -> None:
    """Children of 20 ms, one after the other."""
    for _ in range(round(size / SHORT_SECONDS)):
        os.waitpid(_forked(lambda: burn(SHORT_SECONDS)), 0)


def pipeline(size: float) -> None:
    """Programs that a shell joins, again and again, each for a fraction of a second."""
    command = f"head -c 40000000 /dev/zero | tr '\\0' 'x' | {sys.executable} -c \"{HASH}\" | cat"
    end = time.monotonic() + size
    while time.monotonic() < end:
        subprocess.run(["sh", "-c", command], check=True)


def build(size: float) -> None:
    """A compiler under make, two at a time; what it writes goes to storage."""
    with tempfile.TemporaryDirectory(prefix=BUILD_PREFIX, dir=Path.cwd()) as folder:
        functions = "".join(f"double f{n}(double x) {{ return x * {n} + f(x); }}\n" for n in range(SOURCE_FUNCTIONS))
        names = [f"part{number}" for number in range(100_000)]
        (Path(folder) / "part.c").write_text(f"extern double f(double);\n{functions}")
        end = time.monotonic() + size
        while time.monotonic() < end:
            batch, names = names[:BATCH], names[BATCH:]
            rules = "".join(f"{name}.o:\n\tcc -O2 -c -o {name}.o part.c\n" for name in batch)
            makefile = f"all: {' '.join(f'{name}.o' for name in batch)}\n{rules}"
            (Path(folder) / "Makefile").write_text(makefile)
            subprocess.run(["make", "-s", "-j2", "-C", folder], check=True)


def orphan(size: float) -> None:
    """A grandchild whose parent ends at once, in a session of its own."""
    done, write_end = os.pipe()

    def child() -> None:
        os.setsid()
        _forked(lambda: burn(size))

    os.waitpid(_forked(child), 0)
    os.close(write_end)
    os.read(done, 1)


def pool(size: float) -> None:
    """Two workers of multiprocessing, each with memory of its own, and tasks of a tenth of a second."""
    with multiprocessing.get_context("fork").Pool(2, initializer=_fill) as workers:
        workers.map(burn, [0.1] * round(size / 0.1), chunksize=1)


PROGRAMS: dict[str, Callable[[float], None]] = {
    "busy": busy,
    "storm": storm,
    "pipeline": pipeline,
    "build": build,
    "orphan": orphan,
    "pool": pool,
}
"""Each is given about how many seconds of CPU time, or of work, it should take."""


def judge(name: str, size: str) -> None:
    """See the module."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = _written_bytes()
    environment = os.environ | {"VAIN_RUN_ID": RUN_ID}
    program = subprocess.Popen([sys.executable, "-m", __spec__.name, "run", name, size], env=environment)
    print(program.pid, flush=True)
    failed, own = 0, 0.0
    while True:
        try:
            pid, status, measured = os.wait4(-1, 0)
        except ChildProcessError:
            break
        if pid == program.pid:
            failed, own = status, measured.ru_utime + measured.ru_stime
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = {
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "own_cpu_seconds": own,
        "largest_kib": used.ru_maxrss,
        "written_bytes": _written_bytes() - before,
    }
    print(json.dumps(figures), flush=True)
    program.returncode = failed
    sys.exit(1 if failed else 0)


def _forked(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid


_memory: list[bytes] = []


def _fill() -> None:
    _memory.append(os.urandom(1 << 20) * (POOL_BYTES >> 20))


def _written_bytes() -> int:
    lines = Path("/proc/self/io").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


if __name__ == "__main__":
    if sys.argv[1] == "judge":
        judge(*sys.argv[2:])
    else:
        PROGRAMS[sys.argv[2]](float(sys.argv[3]))

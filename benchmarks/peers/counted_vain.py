"""``vain serve`` that tells what it holds: ``python -m benchmarks.peers.counted_vain PORT FOLDER COUNTS``

At SIGUSR1 it writes to counts.json in the folder COUNTS how many Bokeh sessions and ``Live`` are alive.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
from pathlib import Path

from vain.cli import main

COUNTED = ("bokeh.server.session.ServerSession", "vain.views.live.Live")


def count(folder: Path) -> None:
    """Write down what is alive once all that nobody holds is gone."""
    gc.collect()
    # Not isinstance, which asks proxies of what is dead already.
    kinds = [f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects()]
    counts = {name: kinds.count(name) for name in COUNTED}
    written = folder / "counts.json.new"
    written.write_text(json.dumps(counts), encoding="utf-8")
    written.rename(folder / "counts.json")


if __name__ == "__main__":
    port, data, counts = sys.argv[1:]
    signal.signal(signal.SIGUSR1, lambda _number, _frame: count(Path(counts)))
    sys.exit(main(["serve", "--port", port, "--data", data, "--no-browser"]))

"""schemathesis asks whatever ``/openapi.json`` lets it, and some that it does not: no 5xx, and no check fails.

``docs/development.md`` has the command for ten thousand cases.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.web.harness import running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

EXAMPLES = 8
"""For each operation; what comes out of it is the same every time."""
COUNT = re.compile(r"(\d+) generated, (\d+) passed")


def test_no_check_of_schemathesis_fails(root: Path, tmp_path: Path) -> None:
    with running(tmp_path / "data", interval=1.0) as server:
        url = f"http://127.0.0.1:{server.port}"
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", str(root / "tests/conformance/schemathesis.toml"), "run", f"{url}/openapi.json"),
            *("--url", url, "--phases", "examples,fuzzing,stateful", "-n", str(EXAMPLES)),
            *("--seed", "1", "--generation-deterministic", "--no-color"),
        ]
        run = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True,
            timeout=150, check=False,
        )  # fmt: skip
    assert run.returncode == 0, run.stdout[-8_000:] + run.stderr[-2_000:]
    counted = COUNT.search(run.stdout)
    assert counted is not None and counted[1] == counted[2] and int(counted[1]) > 200, run.stdout[-2_000:]

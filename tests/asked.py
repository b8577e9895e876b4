"""What tests of server processes ask over HTTP, and how they wait for what is to come."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any


def ask(url: str, method: str, path: str, body: object = None) -> Any:
    """The answer's JSON; None where it has none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{path}", data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def comes(is_so: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it is so in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.1)
    return False

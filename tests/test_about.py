"""What the server says of itself, and to whom."""

from __future__ import annotations

import pytest

from vain.about import About, shown_to
from vain.store.keys import KeyInfo
from vain.types import Role

KEY = KeyInfo("k1", "laptop", "write", "2026-11-23T03:06:00.000Z")
ALL = About("0.1.0", 1.0, "127.0.0.1, port 8089", "/data", 10, 20, 2.0, None, [KEY], "postgresql://db/vain")


@pytest.mark.parametrize(
    ("role", "keys", "folder"), [("read", None, None), ("write", None, "/data"), ("admin", [KEY], "/data")]
)
def test_a_viewer_is_told_what_the_role_allows(role: Role, keys: list[KeyInfo] | None, folder: str | None) -> None:
    told = shown_to(ALL, role)
    assert (told.keys, told.data_folder) == (keys, folder)
    assert told.database == (None if role == "read" else "postgresql://db/vain")
    assert (told.version, told.history_bytes, told.history_since) == ("0.1.0", 20, 2.0)

"""The files of the pages, read once when the server starts."""

from __future__ import annotations

import mimetypes
from importlib.resources import files

from msgspec import Struct

from vain.web.preconditions import weak_tag


class Asset(Struct, frozen=True):
    """A file of the pages, read once."""

    body: bytes
    content_type: str
    tag: str
    """Its entity tag."""


def read_assets() -> dict[str, Asset]:
    """All of them, by name."""
    folder = files("vain.views").joinpath("assets")
    return {
        entry.name: Asset(body, mimetypes.guess_type(entry.name)[0] or "application/octet-stream", weak_tag(body))
        for entry in folder.iterdir()
        if entry.is_file() and (body := entry.read_bytes()) is not None
    }

"""Bokeh's and Panel's own scripts and styles, as a browser wants them: compressed, and kept.

A file is compressed when it is first asked for, on a thread, and never again while it is the same file. An address with
a version (``?v=``) names one state of a file for ever; any other is kept for a day, then asked about by its ``Etag``.
"""

from __future__ import annotations

import asyncio
import gzip
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from bokeh.embed.bundle import extension_dirs
from bokeh.server.views.multi_root_static_handler import MultiRootStaticHandler
from bokeh.server.views.static_handler import StaticHandler
from tornado.web import HTTPError, StaticFileHandler

COMPRESSED: Final = (".js", ".css", ".json", ".svg")
FOR_EVER: Final = "public, max-age=31536000, immutable"
FOR_A_DAY: Final = "public, max-age=86400"


def _compressed(path: str) -> bytes:
    return _compress(path, Path(path).stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _compress(path: str, _modified_ns: int) -> bytes:
    return gzip.compress(Path(path).read_bytes(), mtime=0)


class Kept(StaticFileHandler):
    """Answers with a file that a browser need not ask for again."""

    async def get(self, path: str, include_body: bool = True) -> None:
        """See ``StaticFileHandler``; compressed for who takes it, unless only a part is asked for."""
        if "\0" in path:
            raise HTTPError(404)  # no file's name, and no error of ours
        self.set_header("Vary", "Accept-Encoding")
        takes = "gzip" in self.request.headers.get("Accept-Encoding", "")
        if not takes or "Range" in self.request.headers or not path.endswith(COMPRESSED):
            return await super().get(path, include_body)
        self.path = self.parse_url_path(path)
        found = self.validate_absolute_path(self.root, self.get_absolute_path(self.root, self.path))
        if found is None:
            return None
        self.absolute_path = found
        self.modified = self.get_modified_time()
        self.set_headers()
        if self.should_return_304():
            self.set_status(304)
            return None
        body = await asyncio.to_thread(_compressed, found)
        self.set_header("Content-Encoding", "gzip")
        self.set_header("Content-Length", len(body))
        if include_body:
            self.write(body)
        return None

    def compute_etag(self) -> str | None:
        """Weak: the same for the file and for the file compressed."""
        etag = super().compute_etag()
        return f"W/{etag}" if etag else None

    def set_extra_headers(self, path: str) -> None:
        """How long a browser keeps it."""
        self.clear_header("Expires")
        self.set_header("Cache-Control", FOR_EVER if "v" in self.request.arguments else FOR_A_DAY)


class KeptBokeh(Kept, StaticHandler):
    """Bokeh's files."""


class KeptExtension(Kept, MultiRootStaticHandler):
    """Those of Panel, and of what else draws with Bokeh."""


def patterns() -> list[tuple[Any, ...]]:
    """For ``Application.add_handlers``: in the place of the handlers that Bokeh has for the same paths."""
    return [
        (r"/static/extensions/(.*)", KeptExtension, {"root": extension_dirs}),
        (r"/static/(js/.*)", KeptBokeh),
    ]

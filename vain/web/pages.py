"""Where the dashboard's pages are: those of the package, and a folder of the user's own."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from vain.errors import Misconfigured

HOME = "timeline"
"""The page that is shown at ``/``."""


def find_pages(own: Path | None, taken: Collection[str]) -> dict[str, Path]:
    """Paths and files of all pages; a page of the user's own replaces one of ours of the same name.

    Raises Misconfigured when a page would hide a route (``taken``), or its folder has none.
    """
    pages = _pages_in(_packaged())
    if own is not None:
        extra = _pages_in(own)
        if not extra:
            raise Misconfigured(f"The folder {own} (--pages) has no page: a page is a .py file.")
        pages |= extra
    for path, file in pages.items():
        if path in taken:
            raise Misconfigured(f"The page {file} would hide {path}, which the REST interface answers: rename it.")
    return pages


def _packaged() -> Path:
    """In a wheel the pages lie within the package, in a checkout beside it."""
    package = Path(__file__).parents[1]
    inside = package / "_pages"
    return inside if inside.is_dir() else package.parent / "app"


def _pages_in(folder: Path) -> dict[str, Path]:
    files = sorted(file for file in folder.glob("*.py") if not file.name.startswith("_"))
    return {"/" if file.stem == HOME else f"/{file.stem}": file for file in files}

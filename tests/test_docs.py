"""What the documents say exists, and nothing in the project points at one person's machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

# Each is put together from parts, so that this file passes its own test.
PLACES_OF_ONE_MACHINE = ["/work" + "/", "/tmp" + "/scratch", "/opt" + "/wheels", "/opt" + "/pypi"]
REGISTRIES = ["pythonhosted" + ".org", "pypi" + ".org", "npmjs" + ".org"]
NOT_OURS = re.compile(r"\.git|\.venv|node_modules|dist|build|__pycache__|\..*_cache|\.hypothesis|\.ipynb_checkpoints")
"""Folders that are no part of the project."""

FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)
TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)


def documents(root: Path) -> list[Path]:
    """Every page that a person reads."""
    return [*root.glob("*.md"), *(root / "docs").rglob("*.md")]


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCED.sub("", page.read_text("utf-8"))


def links(page: Path) -> list[str]:
    """Where a page leads within the project."""
    return [link for link in LINK.findall(prose(page)) if "://" not in link and not link.startswith("mailto:")]


def anchors(page: Path) -> set[str]:
    """The anchors that a forge makes of a page's headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(prose(page))}


@pytest.fixture(scope="module")
def project_files(root: Path) -> list[Path]:
    files = []
    for folder, inside, names in os.walk(root):
        inside[:] = [name for name in inside if not NOT_OURS.fullmatch(name)]
        files += [path for name in names if (path := Path(folder, name)).is_file() and name != ".git"]
    return files


def test_every_make_target_in_the_documents_exists(root: Path) -> None:
    targets = set(TARGET.findall((root / "Makefile").read_text("utf-8")))
    for page in documents(root):
        blocks = "\n".join(FENCED.findall(page.read_text("utf-8")))
        named = re.findall(r"`make ([a-z]+)", prose(page)) + re.findall(r"\bmake ([a-z]+)", blocks)
        assert set(named) <= targets, page.name


def test_every_internal_link_leads_somewhere(root: Path) -> None:
    for page in documents(root):
        for link in links(page):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def test_every_document_is_reached_from_the_readme(root: Path) -> None:
    reached, waiting = set(), [root / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
        waiting += [target for target in targets if target.suffix == ".md" and target not in reached]
    assert set((root / "docs").rglob("*.md")) <= reached


@pytest.mark.parametrize("place", PLACES_OF_ONE_MACHINE + REGISTRIES)
def test_no_file_names_a_place_of_one_machine_or_a_registry(root: Path, project_files: list[Path], place: str) -> None:
    guilty = [str(path.relative_to(root)) for path in project_files if place.encode() in path.read_bytes()]
    assert guilty == []

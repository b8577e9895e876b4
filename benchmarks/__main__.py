"""Measure: ``python -m benchmarks [NAME …] [--check] [--write]``. All of it takes about an hour.

Run it on a machine that has nothing else to do. With ``--check`` the exit status is 1 if a target was missed, with
``--write`` the sections that were measured replace those in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from importlib import import_module

from benchmarks.processes import ROOT
from benchmarks.report import Section, write

MODULES = {
    "crud": "crud",
    "performance": "performance",
    "sample": "sampling",
    "idle": "idle",
    "page": "page",
    "opening": "opening",
    "browsing": "browsing",
    "list": "listing",
    "fanout": "fanout",
    "fleet": "fleet",
    "history": "history",
    "reporting": "reporting",
    "attribution": "attribution",
    "watching": "watching",
    "spikes": "spikes",
    "rules": "rules",
    "delivery": "delivery",
    "postgres": "postgres",
    "servers": "servers",
    "history-postgres": "postgres_history",
    "agents": "agents",
    "agents-postgres": "postgres_agents",
}
DOCUMENT = ROOT / "docs" / "benchmarks.md"


def main() -> int:
    """Measure what was asked for, in the order of the document; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What vAIn costs, beside its peers.")
    names_help = f"one or more of {', '.join(MODULES)}; all if none is given"
    parser.add_argument("names", nargs="*", metavar="NAME", help=names_help)
    parser.add_argument("--check", action="store_true", help="fail if a target is missed")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    unknown = set(options.names) - MODULES.keys()
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(MODULES)}")
    names = [name for name in MODULES if not options.names or name in options.names]
    sections = [_measured(name) for name in names]
    if options.write:
        write(DOCUMENT, sections, list(MODULES))
    missed = [target for section in sections for target in section.targets if not target.is_met]
    for target in missed:
        print(f"missed: {target.text()}", file=sys.stderr)
    return int(options.check and bool(missed))


def _measured(name: str) -> Section:
    measure: Callable[[], Section] = import_module(f"benchmarks.{MODULES[name]}").measure
    print(f"measuring {name} (load average {os.getloadavg()[0]:.1f} before)", file=sys.stderr, flush=True)
    section = measure()
    print(section.text(), flush=True)
    return section


if __name__ == "__main__":
    sys.exit(main())

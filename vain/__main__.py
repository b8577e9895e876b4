"""``python -m vain`` is ``vain``."""

from __future__ import annotations

import sys

from vain.cli import main

if __name__ == "__main__":
    sys.exit(main())

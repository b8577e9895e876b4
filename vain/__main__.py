"""``vain`` and ``python -m vain``.

``vain run`` stands in front of every job, so it loads nothing that it does not need; all else is ``vain.cli``'s.
"""

from __future__ import annotations

import sys


def main() -> int:
    """The command line; its exit code."""
    # Only what is asked for is loaded: that is this file's whole purpose.
    if sys.argv[1:2] == ["run"]:
        from vain import run_commands  # noqa: PLC0415

        return run_commands.main(sys.argv[2:])
    from vain import cli  # noqa: PLC0415

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())

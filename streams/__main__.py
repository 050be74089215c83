"""``python -m streams`` is the command ``streams``; Ctrl-C while it still loads is no traceback either."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command."""
    try:
        from streams.cli import main as command  # noqa: PLC0415 - it takes a while to load
    except KeyboardInterrupt:
        sys.exit(1)
    command(prog_name="streams")


if __name__ == "__main__":
    main()

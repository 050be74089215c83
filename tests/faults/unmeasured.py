"""A real worker with one measure switched off: ``python -m tests.faults.unmeasured MEASURE --config F``.

It shows that a row of the matrix would notice. It is no part of the judge, and no option of the product: what is
switched off is replaced in the worker's process before it starts. ``none`` switches nothing off.
"""

from __future__ import annotations

import sys
from importlib import import_module

from tests.faults.measured import NAMES, NONE


def main(arguments: list[str]) -> int:
    """Switch the named measure off and run ``streams worker`` with the other arguments; return its exit code."""
    name, *rest = arguments or [""]
    if name not in {NONE, *NAMES}:
        print(f"no measure {name!r}: one of {', '.join([NONE, *NAMES])}", file=sys.stderr)
        return 2
    if name != NONE:
        import_module("tests.faults.hooks.switches").SWITCHES[name]()
    cli = import_module("streams.cli")
    sys.argv = ["streams", *(["worker"] if rest[:1] != ["worker"] else []), *rest]
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

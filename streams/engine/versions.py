"""Refuses to start on a library whose internals this room does not know.

The engine replaces parts of Faust and reads private names of mode and aiokafka. Another version may have renamed or,
worse, changed the meaning of what it relies on; so a version that was not read and tested is an error, not a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version

from streams.codes import Refusal, coded
from streams.groups.internals import missing

KNOWN: Mapping[str, tuple[str, ...]] = {
    "faust-streaming": ("0.15.3",),
    "mode-streaming": ("0.7.1",),
    "aiokafka": ("0.14.0",),
}
"""The versions whose source was read and against which tests/engine ran."""


class UnknownVersion(RuntimeError):  # noqa: N818 - the sentence reads better without "Error"
    """An installed library is not one whose internals the engine knows."""


def check_versions(installed: Callable[[str], str] = version) -> None:
    """Raise UnknownVersion, with what was expected and what was found, unless all libraries are known and untouched."""
    found = {name: installed(name) for name in KNOWN}
    unknown = [name for name, known in KNOWN.items() if found[name] not in known]
    if unknown:
        told = "; ".join(f"{name}: expected {' or '.join(KNOWN[name])}, found {found[name]}" for name in unknown)
        raise UnknownVersion(coded(told, Refusal.LIBRARY_VERSION))
    if gone := missing():
        raise UnknownVersion(coded(f"expected, and not there: {', '.join(gone)}", Refusal.LIBRARY_VERSION))

"""The engine starts on known versions only."""

from __future__ import annotations

import pytest

from streams.engine import UnknownVersion, check_versions
from streams.engine.versions import KNOWN


def test_the_installed_versions_are_known() -> None:
    check_versions()


@pytest.mark.parametrize("library", sorted(KNOWN))
def test_another_version_is_refused_with_what_was_expected_and_found(library: str) -> None:
    def installed(name: str) -> str:
        return "9.9.9" if name == library else KNOWN[name][0]

    with pytest.raises(UnknownVersion, match=rf"{library}: expected {KNOWN[library][0]}, found 9\.9\.9"):
        check_versions(installed)

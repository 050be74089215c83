"""Files of settings and documents for tests, and what loading them says."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import trustme

from streams.configuration.problems import ConfigurationError
from streams.configuration.references import References
from tests.brokers.secured import as_pkcs8

NO_SECRETS = References({}, None)


def written(folder: Path, text: str, name: str = "documents.yaml") -> Path:
    """Write *text*, without its indentation, to a file in *folder*."""
    path = folder / name
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def complaints(act: Callable[[], object], folder: Path) -> list[str]:
    """Return what is wrong, line for line, without the codes, and with *folder* left out of the places."""
    with pytest.raises(ConfigurationError) as caught:
        act()
    return uncoded(str(caught.value).replace(f"{folder}/", "").splitlines())


def uncoded(lines: Iterable[str]) -> list[str]:
    """Return messages without their codes, which the golden text shows."""
    return [re.sub(r" \[[a-z-]+\]$", "", line) for line in lines]


def write_certificates(folder: Path, password: str) -> None:
    """Write certificates and keys into *folder*; ``locked.key`` is the one that *password* opens."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    ours, other = authority.issue_cert("streams.test"), authority.issue_cert("other.test")
    (folder / "client.pem").write_bytes(b"".join(each.bytes() for each in ours.cert_chain_pems))
    ours.private_key_pem.write_to_path(folder / "client.key")
    ours.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    other.private_key_pem.write_to_path(folder / "other.key")
    (folder / "locked.key").write_bytes(as_pkcs8(ours, password.encode()))
    (folder / "text.pem").write_text("not PEM")

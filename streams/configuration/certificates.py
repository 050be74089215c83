"""Loads the certificates of Kafka's connections; what is wrong with a file is a flaw, none stops the search."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from streams.codes import Mistake
from streams.configuration.validation import Flaw
from streams.tls import Context


def load(
    cafile: Path | None, certfile: Path | None, keyfile: Path | None, password: str | None
) -> tuple[Context, list[Flaw]]:
    """Return a context that trusts *cafile*, or else the system, and shows a certificate where it has one with its key.

    A flaw's path is the key of the section ``kafka``.
    """
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    files = {"sslCafile": cafile, "sslCertfile": certfile, "sslKeyfile": keyfile}
    flaws = [flaw for key, path in files.items() if path is not None for flaw in _unreadable(key, path)]
    broken = {flaw.path[0] for flaw in flaws}
    if cafile is None:
        context.load_default_certs()
    elif "sslCafile" not in broken:
        flaws += _trusted(context, cafile)
    if certfile is not None and keyfile is not None and not broken & {"sslCertfile", "sslKeyfile"}:
        flaws += _shown(context, certfile, keyfile, password)
    return context, flaws


def _unreadable(key: str, path: Path) -> Iterator[Flaw]:
    try:
        path.read_bytes()
    except OSError as error:
        yield Flaw(
            f"{path} cannot be read ({error.strerror})",
            "name a file that this process may read",
            (key,),
            Mistake.UNREADABLE,
        )


def _trusted(context: Context, cafile: Path) -> Iterator[Flaw]:
    try:
        context.load_verify_locations(cafile)
    except ssl.SSLError:
        yield Flaw(f"{cafile} holds no certificates", "name a PEM file of authorities", ("sslCafile",))


def _shown(context: Context, certfile: Path, keyfile: Path, password: str | None) -> Iterator[Flaw]:
    asked: list[str] = []

    def answer() -> str:  # OpenSSL would ask on the terminal
        asked.append("password")
        return password or ""

    try:
        context.load_cert_chain(certfile, keyfile, answer)
    except ssl.SSLError as error:
        yield _flaw(error, certfile, keyfile, is_encrypted=bool(asked), has_password=password is not None)


def _flaw(error: ssl.SSLError, certfile: Path, keyfile: Path, *, is_encrypted: bool, has_password: bool) -> Flaw:
    if error.reason == "KEY_VALUES_MISMATCH":
        return Flaw(
            f"{keyfile} is not the key of {certfile}",
            "name the two that belong together",
            ("sslKeyfile",),
            Mistake.CONTRADICTION,
        )
    if is_encrypted and has_password:
        return Flaw(f"does not open {keyfile}", "give the password with which it was encrypted", ("sslKeyPassword",))
    if is_encrypted:
        return Flaw(f"{keyfile} is encrypted", "give sslKeyPassword", ("sslKeyfile",), Mistake.MISSING_VALUE)
    return Flaw(
        f"{certfile} or {keyfile} is not what it should be",
        "name PEM files of a certificate and of its key",
        ("sslCertfile",),
    )

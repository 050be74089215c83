"""Resolves secret references; who may write a document must not be able to read the worker's environment or disk.

Two forms are taken, whole and nothing else: ``${env:STREAMS_SECRET_NAME}`` and ``${file:name}``. The environment is
looked up only under that prefix, files only below one folder. No message shows what was written or what was found:
a reference that is not one may be the secret itself.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from streams.codes import Mistake
from streams.configuration.problems import ConfigurationError, Problem
from streams.secrets import Secret

MAX_BYTES = 64 * 1024
"""How large a secret may be; a larger file is no secret but a mistake."""

NO_REFERENCE = ("is a literal, or a reference of no known form", "write ${env:STREAMS_SECRET_NAME} or ${file:name}")

_ENVIRONMENT = re.compile(r"\$\{env:(STREAMS_SECRET_[A-Za-z0-9_]+)\}")
_FILE = re.compile(r"\$\{file:([A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)\}")


PATTERN = f"^({_ENVIRONMENT.pattern}|{_FILE.pattern})$"
"""Both forms, as editors are told."""


class References:
    """Looks references up in *environ*, which is passed in, and in the folder *directory*, if there is one."""

    def __init__(self, environ: Mapping[str, str], directory: Path | None) -> None:
        self._environ = environ
        self._directory = directory

    def resolve(self, text: str, where: str) -> Secret:
        """Return the secret that *text* refers to; raises ConfigurationError, which shows neither.

        One newline at the end of a file is not part of the secret. A file may be a link (as mounted secrets are)
        as long as it stays in the folder.
        """
        if match := _ENVIRONMENT.fullmatch(text):
            return self._from_environment(match[1], where)
        if match := _FILE.fullmatch(text):
            return self._from_file(match[1], where)
        raise _error(where, *NO_REFERENCE, Mistake.SECRET_LITERAL)

    def _from_environment(self, name: str, where: str) -> Secret:
        value = self._environ.get(name)
        if not value:
            raise _error(where, f"{name} is not set, or empty", "set it in the worker's environment")
        return Secret(value)

    def _from_file(self, name: str, where: str) -> Secret:
        if self._directory is None:
            raise _error(where, "refers to a file, but secrets.directory is not set", "set it, or use ${env:...}")
        try:
            content = _content(self._directory, name)
        except (OSError, RuntimeError, ValueError):
            content = None
        text = _text(content)
        if not text:
            remedy = f"put a regular file of UTF-8 text, 1 to {MAX_BYTES} bytes, into it; no link may lead out"
            raise _error(where, f"{name!r} is no secret in secrets.directory", remedy)
        return Secret(text)


def _content(directory: Path, name: str) -> bytes | None:
    """Return what the file *name* holds, unless it lies elsewhere, is no regular file, or is too large."""
    root = directory.resolve(strict=True)
    path = (root / name).resolve(strict=True)
    if not path.is_relative_to(root):
        return None
    # No link is followed any more, and a pipe does not hold up the start.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        content = file.read(MAX_BYTES + 1)
    return content if len(content) <= MAX_BYTES else None


def _text(content: bytes | None) -> str | None:
    try:
        text = (content or b"").decode()
    except UnicodeDecodeError:
        return None
    return text.removesuffix("\n").removesuffix("\r")


def is_reference(text: str) -> bool:
    """Whether *text* has one of the two forms; what it refers to is not looked up."""
    return bool(_ENVIRONMENT.fullmatch(text) or _FILE.fullmatch(text))


def holds_reference(text: str) -> bool:
    """Whether *text* looks as if it referred to something; where no reference is taken that is a mistake."""
    return "${" in text


def _error(where: str, what: str, remedy: str, code: Mistake = Mistake.SECRET_MISSING) -> ConfigurationError:
    return ConfigurationError([Problem(where, what, remedy, code=code)])

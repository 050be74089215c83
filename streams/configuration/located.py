"""Reads YAML, or JSON, into plain values that know the line on which they stand.

A small part of YAML is taken: texts, numbers, true and false, null, lists and mappings. Aliases are refused (a short
document could unfold to gigabytes), so are tags and duplicate keys (of two values one would be lost in silence).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode

from streams.codes import Mistake
from streams.configuration.problems import Problem
from streams.configuration.scalars import TAG, Scalar, scalar, whole

MAX_CHARACTERS = 1024 * 1024
"""How long a configuration text may be; the parser needs a hundred times that in memory."""

Place = Callable[[int], str]

_QUOTED = re.compile(r"[\"'].{3,}[\"']")
"""What the parser quotes may be a secret: an unquoted one that begins with ``*`` reads as the name of an alias."""
_SIGNS = re.compile(r"'(?:<[a-z ]+>|[^\w'\"]|\\t)'")
"""What it quotes of its own: the names of its tokens, and single signs."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands; an entry of a mapping stands where its key does.

    *written* is how a value looks in its file: ``007`` and ``9e5`` are numbers, but their readers know them so. What is
    *refused* has been told: nothing more need be said about it.
    """

    where: str
    value: Scalar | list[Node] | dict[str, Node]
    written: str = ""
    refused: bool = False

    def at(self, path: tuple[str | int, ...]) -> Node:
        """Return the node at *path*, or the nearest one above it that exists."""
        node = self
        for part in path:
            below = node.below(part)
            if below is None:
                return node
            node = below
        return node

    def below(self, part: str | int) -> Node | None:
        """Return the entry, or the item, that is called *part*."""
        if isinstance(self.value, dict):
            return self.value.get(str(part))
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            return self.value[part]
        return None

    def plain(self) -> object:
        """Return the value without its places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def scalars(self, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Node]]:
        """Yield every value that holds no others, with its path."""
        if isinstance(self.value, dict):
            for key, node in self.value.items():
                yield from node.scalars((*path, key))
        elif isinstance(self.value, list):
            for index, node in enumerate(self.value):
                yield from node.scalars((*path, index))
        else:
            yield path, self


def lines_of(name: str) -> Place:
    """Return what turns a line number into a place in the file *name*."""
    return lambda line: f"{name}:{line}"


def read(text: str, place: Place, problems: list[Problem]) -> list[Node]:
    """Return the documents in *text*; what can't be read is added to *problems*. Total: any text may come."""
    if len(text) > MAX_CHARACTERS:
        what, remedy = f"has more than {MAX_CHARACTERS} characters", "split it into several files"
        problems.append(Problem(place(1), what, remedy, code=Mistake.UNREADABLE))
        return []
    try:
        return [_Reader(place, problems).node(node) for node in _composed(text)]
    except YAMLError as error:
        problems.append(_syntax(error, text, place))
    except (RecursionError, UnicodeError, ValueError, LookupError, TypeError, AttributeError, AssertionError):
        # The parser lets some malformed texts out as whatever they break inside it.
        problems.append(
            Problem(
                place(1),
                "cannot be read as YAML or JSON",
                "write less deeply nested, plain UTF-8 YAML",
                code=Mistake.SYNTAX,
            )
        )
    return []


def _composed(text: str) -> list[YamlNode]:
    with warnings.catch_warnings():
        # It quotes the text, in which a secret may stand; no alias is taken, so it does not matter which anchor counts.
        warnings.simplefilter("ignore", ReusedAnchorWarning)
        return [node for node in YAML(typ="safe", pure=True).compose_all(text) if not _is_empty(node)]


def _is_empty(node: YamlNode | None) -> bool:
    return node is None or (isinstance(node, ScalarNode) and node.tag == f"{TAG}null")


def _syntax(error: YAMLError, text: str, place: Place) -> Problem:
    """Return what the parser found; never its excerpt of the text, in which a secret may stand."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        found = str(error.problem).partition("\n")[0].partition("  in ")[0].strip()
        return Problem(
            place(error.problem_mark.line + 1),
            f"is not YAML or JSON: {_unquoted(found)}",
            _syntax_remedy(found),
            code=Mistake.SYNTAX,
        )
    position = getattr(error, "position", 0)
    line = text.count("\n", 0, position) + 1 if isinstance(position, int) else 1
    return Problem(
        place(line),
        "is not YAML or JSON: an unprintable character",
        "remove it, or write it as \\x.. in quotes",
        code=Mistake.SYNTAX,
    )


def _unquoted(found: str) -> str:
    return _QUOTED.sub("'...'", found) if {"'", '"'} & {*_SIGNS.sub("", found)} else found


def _syntax_remedy(found: str) -> str:
    if "'\\t'" in found:
        return "indent with blanks; YAML takes no tabs there"
    if found == "mapping values are not allowed here":
        return "indent alike what belongs together, and quote a text that holds ': '"
    if "cannot start any token" in found or "alias" in found:
        return "quote a text that begins with a sign"
    return "mend the syntax"


class _Reader:
    """Turns the parser's nodes into ours and notes what is not taken."""

    def __init__(self, place: Place, problems: list[Problem]) -> None:
        self._place = place
        self._problems = problems
        self._seen: set[int] = set()

    def node(self, node: YamlNode, line: int | None = None) -> Node:
        where = self._place(node.start_mark.line + 1 if line is None else line)
        if id(node) in self._seen:
            return self._refuse(where, "an alias", "write the value out")
        self._seen.add(id(node))
        if isinstance(node, MappingNode) and node.tag == f"{TAG}map":
            return Node(where, self._mapping(node))
        if isinstance(node, SequenceNode) and node.tag == f"{TAG}seq":
            return Node(where, [self.node(item) for item in node.value])
        if isinstance(node, ScalarNode):
            return self._scalar(node, where)
        return self._refuse(where, "a tag", "write the plain value")

    def _mapping(self, node: MappingNode) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._key(key_node)
            if key is None:
                self._refuse(
                    self._place(line), "a key that is no text", "write a plain name; quote a text that begins with {"
                )
                continue
            value = self.node(value_node, line)
            if key in entries:
                what = f"the key {key[:60]!r} is here twice, first at {entries[key].where}"
                self._problems.append(Problem(self._place(line), what, "keep one of the two", code=Mistake.SYNTAX))
                continue
            entries[key] = value
        return entries

    @staticmethod
    def _key(node: YamlNode) -> str | None:
        with suppress(ValueError):
            return whole(node.value) if isinstance(node, ScalarNode) else None
        return None

    def _scalar(self, node: ScalarNode, where: str) -> Node:
        try:
            return Node(where, scalar(str(node.tag), node.value), node.value)
        except ValueError as error:
            return self._refuse(where, str(error), "write a plain text or number, text in quotes")

    def _refuse(self, where: str, what: str, remedy: str) -> Node:
        self._problems.append(Problem(where, f"{what} is not taken", remedy, code=Mistake.SYNTAX))
        return Node(where, None, refused=True)

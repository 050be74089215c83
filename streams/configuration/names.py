"""Which names and networks are legal; each rule is a type that a model's field can have."""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, PlainValidator, Strict, WithJsonSchema

from streams.activation.timestamps import parse_time
from streams.configuration.problems import shown
from streams.configuration.urls import advertised, url
from streams.configuration.urls import masked_url as masked_url
from streams.configuration.validation import Flaw, refuse

MAX_TOPIC = 249
"""Kafka's own bound for the name of a topic."""

MAX_APP = 120
"""So that ``<app>.exports.<name of 63>.<number>`` stays a legal topic."""

NOW: Final = "now"
"""The moment at which a destination is created."""

_TOPIC = re.compile(r"[A-Za-z0-9._-]+")
_APP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NAME = re.compile(r"[a-z0-9-]{1,63}")
_SERVER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_JSON_PATH = re.compile(r"\$(?:\.[^\s.\[\]*'\"]+)+")
_NEED = re.compile(r"collect|share|personalize\.content|marketing\.[A-Za-z0-9_]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def topic(value: str) -> str:
    """Take a legal Kafka topic."""
    if not _TOPIC.fullmatch(value) or value in {".", ".."} or len(value) > MAX_TOPIC:
        _refuse(value, f"expected a topic: letters, digits, '.', '_' and '-', at most {MAX_TOPIC}")
    return value


def app_name(value: str) -> str:
    """Take what topics and groups can begin with."""
    if not _APP.fullmatch(value) or len(value) > MAX_APP:
        _refuse(value, f"expected letters, digits, '.', '_' and '-', a letter or digit first, at most {MAX_APP}")
    return value


def is_document_name(value: str) -> bool:
    """Whether a destination or an account can be called so."""
    return bool(_NAME.fullmatch(value))


def document_name(value: str) -> str:
    """Take the name of a destination or an account."""
    if not is_document_name(value):
        _refuse(value, "expected 1 to 63 of a-z, 0-9 and '-'")
    return value


def server(value: str) -> str:
    """Take ``host:port``."""
    match = _SERVER.fullmatch(value)
    if match is None or not 0 < int(match[1]) < 65_536:
        # What is no host and port may hold a password, as in user:password@host.
        refuse([Flaw("is not host:port", "write it as kafka.example.com:9092")])
    return value


def line(value: str) -> str:
    """Take a text that is not blank and holds no control characters."""
    if not value.strip() or _CONTROL.search(value):
        _refuse(value, "expected a text without control characters")
    return value


def json_path(value: str) -> str:
    """Take a path into a JSON object: ``$`` and the names that lead to a value."""
    if not _JSON_PATH.fullmatch(value):
        _refuse(value, "expected a path of names such as $.audience_id or $.event.time")
    return value


def namespace_or_path(value: str) -> str:
    """Take a name, or what begins like a path for one."""
    return json_path(value) if value.startswith("$") else line(value)


def names_of(path: str) -> tuple[str, ...]:
    """Return the names in a path into a JSON object."""
    return tuple(path.removeprefix("$.").split("."))


def moment(value: str) -> str:
    """Take ``now``, or a date and time with a zone."""
    if value != NOW:
        try:
            parse_time(value)
        except ValueError:
            _refuse(value, f"expected a date, a time and a zone, such as 2020-05-25T21:24:39Z, or {NOW}")
    return value


def instant(value: str) -> str:
    """Take a date and time with a zone."""
    try:
        parse_time(value)
    except ValueError:
        _refuse(value, "expected a date, a time and a zone, such as 2020-05-25T21:24:39Z")
    return value


def need(value: str) -> str:
    """Take what can be consented to."""
    if not _NEED.fullmatch(value):
        _refuse(value, "expected collect, share, personalize.content, marketing.any or marketing.<channel>")
    return value


def some(values: tuple[str, ...]) -> tuple[str, ...]:
    """Take a list that holds something."""
    if not values:
        refuse([Flaw("is an empty list", "name at least one, or leave it out")])
    return values


def one_or_more(value: object) -> object:
    """Take a text for a list of one."""
    return [value] if isinstance(value, str) else value


def network(value: object) -> IPv4Network | IPv6Network:
    """Take a network in CIDR form, or one address."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        if isinstance(value, str):
            return ipaddress.ip_network(value)
    except ValueError:
        pass
    _refuse(value, _network_remedy(value))
    raise AssertionError("refused above")


def _network_remedy(value: object) -> str:
    try:
        return f"its host bits are set: write {ipaddress.ip_network(str(value), strict=False)}"
    except ValueError:
        return "expected a network such as 10.0.0.0/8"


def is_clean(text: str) -> bool:
    """Whether *text* is without control characters."""
    return not _CONTROL.search(text)


def hidden(value: object) -> object:
    """Take a text; what is none is refused without being shown."""
    if not isinstance(value, str):
        refuse([Flaw("is not a text", "quote it")])
    return value


def comma_list(value: object) -> object:
    """Take a comma text for a list."""
    if not isinstance(value, str):
        return value
    return [item for part in value.split(",") if (item := part.strip())]


def _text_like(pattern: str) -> dict[str, Any]:
    """Return the JSON Schema of a text, for editors: they need not know all that is refused."""
    return {"type": "string", "pattern": pattern}


def _refuse(value: object, remedy: str) -> None:
    refuse([Flaw(f"came {shown(value)}", remedy)])


Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Hidden = Annotated[str, BeforeValidator(hidden)]
Switch = Annotated[bool, Strict()]
Commas = BeforeValidator(comma_list)
Topic = Annotated[str, AfterValidator(topic)]
Server = Annotated[str, AfterValidator(server)]
Name = Annotated[str, AfterValidator(document_name), WithJsonSchema(_text_like(f"^{_NAME.pattern}$"))]
Line = Annotated[str, AfterValidator(line), WithJsonSchema(_text_like(r"\S"))]
JsonPath = Annotated[str, AfterValidator(json_path)]
NamespaceOrPath = Annotated[str, AfterValidator(namespace_or_path)]
Moment = Annotated[str, AfterValidator(moment)]
Instant = Annotated[str, AfterValidator(instant)]
OneOrMore = Annotated[
    tuple[Line, ...],
    BeforeValidator(one_or_more),
    WithJsonSchema({"anyOf": [_text_like(r"\S"), {"type": "array", "items": _text_like(r"\S")}]}),
]
Need = Annotated[str, AfterValidator(need)]
Url = Annotated[str, AfterValidator(url), WithJsonSchema(_text_like(r"^[Hh][Tt][Tt][Pp][Ss]?://[^#\s]+$"))]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(network), PlainSerializer(str)]
Advertised = Annotated[str, AfterValidator(advertised)]

# mypy: allow-subclassing-any
"""Kafka's OffsetDelete request (API key 47, version 0), which aiokafka does not have."""

from __future__ import annotations

from typing import Any, TypeAlias

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String


class OffsetDeleteResponse(Response):
    """An error of the whole, and one for each partition."""

    API_KEY = 47
    API_VERSION = 0
    SCHEMA = Schema(
        ("error_code", Int16),
        ("throttle_time_ms", Int32),
        (
            "topics",
            Array(("name", String("utf-8")), ("partitions", Array(("partition", Int32), ("error_code", Int16)))),
        ),
    )


class OffsetDeleteStruct(RequestStruct):
    """The request as it is written."""

    API_KEY = 47
    API_VERSION = 0
    RESPONSE_TYPE = OffsetDeleteResponse
    SCHEMA = Schema(
        ("group_id", String("utf-8")),
        ("topics", Array(("name", String("utf-8")), ("partitions", Array(Int32)))),
    )


OffsetDeleteStructs: TypeAlias = OffsetDeleteStruct


class OffsetDeleteRequest(Request[OffsetDeleteStructs]):
    """Deletes what a group has committed on some partitions of a topic."""

    API_KEY = 47

    def __init__(self, group: str, topic: str, partitions: list[int]) -> None:
        self._group, self._topic, self._partitions = group, topic, partitions

    def build(self, request_struct_class: Any) -> Any:
        """Return the request for the version agreed upon."""
        return request_struct_class(self._group, [(self._topic, self._partitions)])

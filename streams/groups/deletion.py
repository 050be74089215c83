"""Deletes a consumer group, with all that it has committed. It knows how aiokafka's admin client sends a request."""

from __future__ import annotations

from aiokafka.errors import GroupIdNotFound, NoError, for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from streams.brokers import Brokers
from streams.stopping import stopped


async def delete_group(brokers: Brokers, group: str) -> None:
    """Delete *group*, if it is there; raises NonEmptyGroup while it has members, and other KafkaErrors."""
    admin = brokers.admin()
    try:
        await admin.start()
        coordinator = await admin.find_coordinator(group)
        answer = await admin._send_request(DeleteGroupsRequest([group]), coordinator)
    finally:
        await stopped(admin.close())
    for _, code in answer.results:
        if (error := for_code(code)) not in (NoError, GroupIdNotFound):
            raise error(f"group {group} cannot be deleted")

"""A consumer's membership in its group, as its coordinator tells it: when it is renewed, and what is committed.

It knows aiokafka's internals: every answer of the coordinator passes ``GroupCoordinator._send_req``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalGenerationError, NoError, RebalanceInProgressError, for_code
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest

from streams.groups.gaps import Found, Partition
from streams.groups.lease import Lease
from streams.groups.ranges import believed_end
from streams.groups.sockets import LeaseLapsedError

_MEMBERSHIP = (HeartbeatRequest, JoinGroupRequest, SyncGroupRequest)


def keep_lease(consumer: AIOKafkaConsumer, lease: Lease, now: Callable[[], float]) -> None:
    """Renew *lease* whenever the coordinator says that the started *consumer* is a member; end it when it is none.

    *now* is the lease's clock. The lease counts from when the answered request was sent. Commits are refused, to be
    tried again, while the lease has lapsed, and for good once the assignment that they were made for is over.
    """
    coordinator = consumer._coordinator
    assignments = _Assignments(coordinator)
    _renew(coordinator, lease, now, assignments)
    _end_with_membership(coordinator, lease, assignments)
    _commit_only_ours(coordinator, lease, assignments)


class _Assignments:
    """Which assignment is over: aiokafka calls one active until the next begins, long after its membership ended."""

    def __init__(self, coordinator: Any) -> None:
        self._coordinator, self._over = coordinator, None

    def end(self) -> None:
        """Note that the one in force is over: the member was put out, or is one of a new generation."""
        subscription = self._coordinator._subscription.subscription
        self._over = None if subscription is None else subscription.assignment

    def is_over(self, assignment: Any) -> bool:
        return assignment is self._over or not assignment.active


def _renew(coordinator: Any, lease: Lease, now: Callable[[], float], assignments: _Assignments) -> None:
    send = coordinator._send_req
    spare = (coordinator._rebalance_timeout_ms - coordinator._session_timeout_ms) / 1000
    stable = float("-inf")

    async def sent(request: Any) -> Any:
        nonlocal stable
        sent_at = now()
        response = await send(request)
        if not isinstance(request, _MEMBERSHIP):
            return response
        error = for_code(response.error_code)
        if error is NoError:
            if isinstance(request, JoinGroupRequest):
                assignments.end()
            stable = max(stable, sent_at)
            lease.renewed(sent_at)
        elif error is RebalanceInProgressError and isinstance(request, HeartbeatRequest):
            # The coordinator waits for us to join again, from some moment after the last answer without a rebalance
            # for the rebalance timeout, and then puts us out whatever heartbeats came.
            lease.renewed(min(sent_at, stable + spare))
        return response

    coordinator._send_req = sent


def _end_with_membership(coordinator: Any, lease: Lease, assignments: _Assignments) -> None:
    reset_generation = coordinator.reset_generation

    def reset() -> None:
        lease.ended()
        assignments.end()
        reset_generation()

    coordinator.reset_generation = reset


def _commit_only_ours(coordinator: Any, lease: Lease, assignments: _Assignments) -> None:
    commit = coordinator._do_commit_offsets

    async def committed(assignment: Any, offsets: Any) -> None:
        # A commit that is tried again after a rebalance would go out under the new generation.
        if assignments.is_over(assignment):
            raise IllegalGenerationError("the assignment that this commit was made for is over")
        if not lease.held:  # refused here, it does not make aiokafka give up its coordinator
            raise LeaseLapsedError("the lease has lapsed: the group may have given the partitions away")
        await commit(assignment, offsets)

    coordinator._do_commit_offsets = committed


async def found(consumer: AIOKafkaConsumer, partitions: Collection[Partition]) -> dict[Partition, Found]:
    """Return what the broker knows of the consumer's group and each partition, the commits' metadata included.

    Waits while the coordinator is away; raises KafkaError where the broker refuses.
    """
    tps = [TopicPartition(*each) for each in partitions]
    committed = await consumer._coordinator.fetch_committed_offsets(tps)
    beginnings = await consumer.beginning_offsets(tps)
    ends = await consumer.end_offsets(tps)
    answers = {}
    for tp in tps:
        offset, metadata = committed.get(tp, (None, ""))
        end = await believed_end(consumer._client, tp, offset, ends[tp])
        answers[tp.topic, tp.partition] = Found(offset, beginnings[tp], end, metadata or "")
    return answers

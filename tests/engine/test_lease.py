"""Who may have lost its partitions commits nothing, and goes on where it is still a member after all."""

from __future__ import annotations

import pytest

from streams.groups.clock import suspended
from streams.groups.lease import Lease
from tests.brokers.client import Client
from tests.engine.running import SESSION, Seen, engine_on, journal_on, started, topics_for
from tests.waiting import until

pytestmark = pytest.mark.kafka


async def test_a_member_keeps_its_lease_and_without_it_commits_nothing_until_it_is_renewed(
    client: Client, unique: str
) -> None:
    source, _ = await topics_for(client, unique)
    frozen = 0.0
    lease = Lease(SESSION, lambda: suspended() + frozen)
    async with journal_on(client, unique) as journal:
        engine = engine_on(client, unique, journal=journal, lease=lease)
        seen = Seen(engine)
        engine.consume(source, seen)
        before = lease.held
        async with started(engine.app):
            await until(lambda: engine.ready, 30, "the start")
            kept = lease.held
            await client.produce(source, [(b"k", b"1")])
            await until(lambda: engine.committed(source, 0) == 1, 20, "a commit")
            frozen = 2 * SESSION
            await client.produce(source, [(b"k", b"2")])
            await until(lambda: seen.values == [b"1", b"2"], 20, "the next record")
            with pytest.raises(TimeoutError):
                await until(lambda: engine.committed(source, 0) == 2, 1.5)
            lapsed = await client.committed(unique, source)
            frozen = 0.0
            await until(lambda: engine.committed(source, 0) == 2, 20, "the commit that was refused")

    assert (before, kept) == (False, True)
    assert lapsed == {0: 1}
    assert await client.committed(unique, source) == {0: 2}

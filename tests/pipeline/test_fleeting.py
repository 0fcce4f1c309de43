"""Streams of which only the newest counts: positions are let go of sooner than what people wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from patrol.adapters.memory import FakeClock
from patrol.domain.messages import INCIDENT_STREAM, POSITION_STREAM
from patrol.domain.streams import PublishedRow, Unsettled
from patrol.pipeline.locating import GROUP
from patrol.pipeline.reconciling import Reconciling
from tests.builders import NOON
from tests.pipeline.parts import fresh_metrics
from tests.pipeline.streams_in_memory import StreamsInMemory, SubscriptionInMemory


class NothingUnsettled:
    """SettlingOutbox of a store in which all is settled."""

    async def unsettled(self, after: int, limit: int) -> Sequence[PublishedRow]:
        return ()

    async def unsettled_by_stream(self) -> Mapping[str, Unsettled]:
        return {}

    async def settle(self, numbers: Sequence[int], lost: Sequence[int]) -> None:
        raise AssertionError("there was nothing to settle")


def test_positions_go_a_minute_after_they_were_read_and_ten_minutes_unread_and_incidents_stay() -> None:
    async def check() -> None:
        clock = FakeClock(NOON)
        server = StreamsInMemory(clock)
        reconciling = Reconciling(NothingUnsettled(), server, clock, fresh_metrics())
        subscription = SubscriptionInMemory(server, GROUP, "host", (POSITION_STREAM,))

        async def left() -> int:
            await reconciling.round()
            return len(server.streams[POSITION_STREAM].entries)

        for _ in range(3):
            server.append(POSITION_STREAM, b"position")
        server.append(INCIDENT_STREAM, b"incident")
        deliveries = await subscription.receive(2, 0)
        await subscription.acknowledge(deliveries)
        assert await left() == 3
        clock.advance(61)
        assert await left() == 1, "two were read"
        clock.advance(500)
        assert await left() == 1
        clock.advance(60)
        assert await left() == 0, "nobody wants to know any more"
        assert len(server.streams[INCIDENT_STREAM].entries) == 1

    asyncio.run(check())

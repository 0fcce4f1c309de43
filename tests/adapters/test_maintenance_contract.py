"""MaintenanceStore, held by every store alike: begun once, told once, found again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from patrol.adapters.memory import MemoryIncidents
from patrol.domain import dispatch, feedback
from patrol.domain.dispatch import Outcome, told
from patrol.domain.incidents import Disposition, Incident, IncidentId
from patrol.domain.messages import read_message
from patrol.ports import Effect, IncidentStore, MaintenanceStore
from tests.builders import at, candidate, maintenance_incident
from tests.pipeline.parts import sql_store

ONE = IncidentId("I-1")


class Store(IncidentStore, MaintenanceStore, Protocol):
    """What both stores are."""


Messages = Callable[[], Awaitable[Sequence[str]]]


@asynccontextmanager
async def in_memory(folder: Path) -> AsyncIterator[tuple[Store, Messages]]:
    store = MemoryIncidents()

    async def messages() -> Sequence[str]:
        return [message.body for message in store.messages]

    yield store, messages


@asynccontextmanager
async def in_sql(folder: Path) -> AsyncIterator[tuple[Store, Messages]]:
    async with sql_store(folder) as store:

        async def messages() -> Sequence[str]:
            return [row.message.body for row in await store.unpublished(1000)]

        yield store, messages


Opened = Callable[[Path], AbstractAsyncContextManager[tuple[Store, Messages]]]
each_store = pytest.mark.parametrize("opened", [in_memory, in_sql])


def begun(number: int = 1) -> Outcome:
    return told(Outcome(incident=maintenance_incident(number)), at(0))


async def close(store: Store, incident_id: str, seconds: float) -> None:
    await store.decide(
        IncidentId(incident_id), lambda s: feedback.close(s, Disposition.HANDLED, "Li", "mended", at(seconds))
    )


@each_store
def test_an_incident_begins_with_its_message_and_comes_back_as_it_was(opened: Opened, tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as (store, messages):
            stored = await store.begin(begun())
            assert stored == begun().incident
            assert list(await store.latest_maintenance(at(0))) == [stored]
            assert await store.open_maintenance() == {ONE}
            (message,) = [read_message(body) for body in await messages()]
            assert (message.subject, message.sequence, message.data["class"]) == ("incident/I-1", 1, "maintenance")

    asyncio.run(check())


@each_store
def test_begun_again_after_a_lost_answer_it_stays_as_it_was_first_stored(opened: Opened, tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as (store, messages):
            first = await store.begin(begun())
            later = begun()
            assert later.incident is not None
            again = await store.begin(replace(later, incident=replace(later.incident, words_en="4 cameras")))
            assert again == first
            assert len(await messages()) == 1

    asyncio.run(check())


@each_store
def test_what_people_do_and_what_patrol_tells_are_one_growing_sequence(opened: Opened, tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as (store, messages):
            await store.begin(begun())
            await store.decide(ONE, lambda s: dispatch.display(s, "seat-1", at(2)))
            await store.decide(ONE, lambda s: feedback.confirm(s, "Li", at(3)), Effect("console", "k"))
            assert await store.decide(ONE, lambda s: feedback.confirm(s, "Li", at(3)), Effect("console", "k")) is None
            await close(store, "I-1", 5)
            assert [read_message(body).sequence for body in await messages()] == [1, 2, 3, 4]
            (closed,) = await store.latest_maintenance(at(5))
            assert (closed.is_open, closed.overdue, closed.reason) == (False, False, "mended")

    asyncio.run(check())


@each_store
def test_the_latest_are_those_that_are_open_and_those_closed_since(opened: Opened, tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as (store, _):
            for number in (1, 2, 3):
                await store.begin(begun(number))
            await close(store, "I-1", 10)
            await close(store, "I-2", 20)
            found: Sequence[Incident] = await store.latest_maintenance(at(15))
            assert {incident.id for incident in found} == {"I-2", "I-3"}
            assert await store.open_maintenance() == {"I-3"}

    asyncio.run(check())


@each_store
def test_an_unknown_incident_is_a_key_error(opened: Opened, tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as (store, _):
            with pytest.raises(KeyError):
                await close(store, "I-unknown", 1)

    asyncio.run(check())


def test_incidents_that_units_are_sent_to_are_not_among_them(tmp_path: Path) -> None:
    async def check() -> None:
        async with sql_store(tmp_path) as store:
            await store.accept(candidate(7), at(0))
            await store.begin(begun())
            assert await store.open_maintenance() == {ONE}
            assert [incident.id for incident in await store.latest_maintenance(at(0))] == [ONE]
            assert {incident.id for incident in (await store.open_ledger()).incidents} == {"I-1", "I-7"}
            assert (await store.totals()).alerts_accepted == 1

    asyncio.run(check())

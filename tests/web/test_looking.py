"""Who looks at what: one's newest word counts, is forgotten, and is shown to the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from patrol.adapters.memory import FakeClock
from patrol.domain.incidents import IncidentId
from patrol.web.looking import FORGOTTEN_AFTER_S, MOST_SEATS, SHOWN, Looking
from patrol.web.schemas import Looker

from .conftest import Site

ONE, OTHER = IncidentId("I-1"), IncidentId("I-2")


class TestLooking:
    def test_a_seats_newest_word_counts(self) -> None:
        looking = Looking(FakeClock())
        looking.says("a", "li", ONE)
        looking.says("b", "", ONE)
        looking.says("a", "li", OTHER)
        assert looking.now() == {ONE: (Looker("b", ""),), OTHER: (Looker("a", "li"),)}
        looking.says("b", "", None)
        assert looking.now() == {OTHER: (Looker("a", "li"),)}

    def test_who_says_nothing_more_is_forgotten(self) -> None:
        clock = FakeClock()
        looking = Looking(clock)
        looking.says("a", "li", ONE)
        clock.advance(FORGOTTEN_AFTER_S - 1)
        looking.says("b", "wang", ONE)
        clock.advance(2)
        assert looking.now() == {ONE: (Looker("b", "wang"),)}

    def test_it_is_bounded_and_the_same_is_told_in_the_same_order(self) -> None:
        looking = Looking(FakeClock())
        for number in range(MOST_SEATS + 50):
            looking.says(f"s{number:03}", "", ONE)
        told = looking.now()[ONE]
        assert [one.seat for one in told] == [f"s{number:03}" for number in range(50, 50 + SHOWN)]
        looking.says("s100", "", ONE)
        assert looking.now()[ONE] == told


def told_by(site: Site, story: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def run() -> None:
        async with site.client() as client:
            await story(client)

    asyncio.run(run())


def test_the_room_says_who_looks_at_what_until_they_do_not(site: Site) -> None:
    incident = next(iter(site.room.incidents))

    async def story(client: httpx.AsyncClient) -> None:
        body = {"seat": "seat-1", "incident_id": incident}
        assert (await client.post("/api/v1/looking", json=body)).json() == {"done": True}
        named = {"X-Patrol-Operator": "%E6%9D%8E%E6%98%8E"}
        await client.post("/api/v1/looking", json={**body, "seat": "seat-2"}, headers=named)
        room = (await client.get("/api/v1/state")).json()["room"]
        assert room["looking"] == {incident: [{"seat": "seat-1", "who": ""}, {"seat": "seat-2", "who": "李明"}]}
        await client.post("/api/v1/looking", json={"seat": "seat-1"})
        await client.post("/api/v1/looking", json={"seat": "seat-2", "incident_id": None})
        assert (await client.get("/api/v1/state")).json()["room"]["looking"] == {}

    told_by(site, story)


@pytest.mark.parametrize("body", [{}, {"seat": "a b"}, {"seat": "s", "incident_id": "/"}, {"seat": "s", "who": "li"}])
def test_what_no_page_says_is_refused(site: Site, body: object) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        assert (await client.post("/api/v1/looking", json=body)).status_code == 400
        foreign = {"Origin": "https://elsewhere.example"}
        assert (await client.post("/api/v1/looking", json={"seat": "s"}, headers=foreign)).status_code == 403

    told_by(site, story)

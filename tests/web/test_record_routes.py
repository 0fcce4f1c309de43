"""The record of an incident over HTTP: for whoever sees the incident, without where anybody was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from patrol.adapters.memory import FakeClock
from patrol.adapters.sql_record import SqlRecords
from patrol.adapters.sql_rows import store_deed
from patrol.domain.accounts import AccountRole, Permission, permissions_of
from patrol.domain.deeds import Action, Deed
from patrol.domain.incident_record import Happening, RecordEntry
from patrol.domain.incidents import IncidentId
from patrol.domain.units import UnitId
from tests.builders import NOON, at, candidate

from .conftest import Site, code_of
from .signed_in import Guarded, with_site
from .test_describing import complaints

INCIDENT = IncidentId("I-20261123-000147")
PATH = "/api/v1/incidents/{incident_id}/history"
ENTRIES = [
    RecordEntry(at(1), Happening.ORDERED, INCIDENT, unit_id=UnitId("U-JP1"), why_zh="最快", why_en="soonest"),
    RecordEntry(at(5), Happening.DECLINED, INCIDENT, unit_id=UnitId("U-JP1"), text="busy"),
    RecordEntry(at(9), Happening.NOTED, INCIDENT, who="li", text="the shop has called"),
]


def get(site: Site, incident_id: str = INCIDENT) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with site.client() as client:
            return await client.get(PATH.format(incident_id=incident_id))

    return asyncio.run(ask())


@pytest.mark.parametrize("cut", [False, True])
def test_the_entries_come_in_their_order_as_described(site: Site, cut: bool) -> None:
    site.room.happened[INCIDENT], site.room.records_cut = ENTRIES, cut
    answer = get(site)
    assert answer.status_code == 200
    assert complaints("get", PATH, answer) == []
    said = answer.json()
    assert [(entry["what"], entry["who"], entry["text"]) for entry in said["entries"]] == [
        ("ordered", None, ""),
        ("declined", None, "busy"),
        ("noted", "li", "the shop has called"),
    ]
    assert said["cut"] is cut


@pytest.mark.parametrize("incident_id", ["I-0", "<b>", "closed"])
def test_of_an_unknown_incident_there_is_none(site: Site, incident_id: str) -> None:
    answer = get(site, incident_id)
    assert (answer.status_code, code_of(answer)) == (404, "not_found")
    assert complaints("get", PATH, answer) == []


def test_while_the_store_is_away_it_is_said(site: Site) -> None:
    site.room.away = "database: away"
    assert (get(site).status_code, code_of(get(site))) == (503, "store_away")


def test_whoever_sees_the_room_reads_who_did_what_and_not_from_where(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        there.site.records = SqlRecords(there.store)
        accepted = await there.store.accept(candidate(1), NOON)
        assert accepted.incident is not None
        deed = Deed(NOON, "wang", Action.CONFIRM, accepted.incident.id, source="10.0.0.9", request="0123456789abcdef")
        await there.store.within(lambda connection: store_deed(connection, deed))
        for role in AccountRole:
            async with there.signed_in(role.value) as client:
                answer = await client.get(PATH.format(incident_id=accepted.incident.id))
                assert [(one["what"], one["who"]) for one in answer.json()["entries"]] == [("confirmed", "wang")]
                assert "10.0.0.9" not in answer.text
                assert "0123456789abcdef" not in answer.text
                all_deeds = await client.get("/api/v1/deeds")
                assert all_deeds.status_code == (200 if Permission.SEE_DEEDS in permissions_of(role) else 403)
        async with there.browser() as stranger:
            assert (await stranger.get(PATH.format(incident_id=accepted.incident.id))).status_code == 401

    with_site(tmp_path, site, story, FakeClock(NOON))

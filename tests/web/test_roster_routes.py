"""A unit's shift and crew over HTTP: what is asked and answered, who may, and who was quicker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from patrol.adapters.memory import MemoryRosterReports
from patrol.config.rosters import RosterBook
from patrol.config.writing import ConfigurationFile
from patrol.domain.accounts import Permission
from patrol.pipeline.staffing import Staffing
from tests.config.files import sound, written_to
from tests.pipeline.test_drawing import Deeds

from .conftest import Site
from .test_describing import complaints
from .test_entering import method_of, routes_of

ROSTER, PATH = "/api/v1/units/U-1/roster", "/api/v1/units/{unit_id}/roster"
WHO = {"X-Patrol-Operator": "li"}
NIGHT = {"begins": "20:00", "ends": "08:00", "days": ["mon", "tue", "wed", "thu", "fri"]}


class Office:
    """A file, and the app that changes its units' rosters."""

    def __init__(self, folder: Path) -> None:
        self.file = written_to(folder, sound())
        self.deeds = Deeds(self.file)

    async def _nothing(self) -> None: ...

    def ask(self, *asks: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]) -> list[httpx.Response]:
        async def go() -> list[httpx.Response]:
            book = RosterBook(ConfigurationFile(self.file, {}))
            desk = Staffing(book, self.deeds, MemoryRosterReports(), self._nothing)
            async with Site(rosters=desk).client() as client:
                return [await ask(client) for ask in asks]

        return asyncio.run(go())

    def shown(self) -> dict[str, Any]:
        (answer,) = self.ask(lambda client: client.get(ROSTER))
        assert complaints("get", PATH, answer) == []
        found: dict[str, Any] = answer.json()
        return found

    def staff(self, version: str, crew: int = 3, shift: object = (NIGHT,)) -> httpx.Response:
        body = {"version": version, "crew": crew, "shift": shift}
        (answer,) = self.ask(lambda client: client.put(ROSTER, json=body, headers=WHO))
        assert complaints("put", PATH, answer) == []
        return answer


def test_a_roster_is_shown_and_changed_and_who_comes_second_is_told_who_was_quicker(tmp_path: Path) -> None:
    office = Office(tmp_path)
    before = office.shown()
    assert (before["written"]["roster"], before["state"]) == ({"crew": 2, "shift": []}, "no_dispatch")
    version = before["written"]["version"]
    answer = office.staff(version)
    assert answer.status_code == 200
    assert answer.json()["written"]["roster"] == {"crew": 3, "shift": [{**NIGHT, "dates": []}]}
    assert answer.json()["written"] == office.shown()["written"]
    assert "days: workdays" in office.file.read_text(encoding="utf-8")
    assert office.staff(version).status_code == 200  # the same once more
    late = office.staff(version, crew=4)
    assert (late.status_code, late.json()["type"], late.json()["by"]) == (
        409,
        "urn:patrol:problem:roster_changed",
        "li",
    )
    assert len(office.deeds.deeds) == 1


def test_what_cannot_be_used_is_said_with_its_place(tmp_path: Path) -> None:
    office = Office(tmp_path)
    answer = office.staff(office.shown()["written"]["version"], shift=[NIGHT, {**NIGHT, "ends": "25:00"}])
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:patrol:problem:roster_unusable")
    assert [each["path"] for each in answer.json()["errors"]] == ["shift[1].ends"]
    office.file.write_text("units: [", encoding="utf-8")
    (shown,) = office.ask(lambda client: client.get(ROSTER))
    assert (shown.status_code, shown.json()["type"]) == (503, "urn:patrol:problem:file_unusable")
    again = office.staff("0" * 16, shift=[NIGHT])
    assert (again.status_code, again.json()["type"]) == (503, "urn:patrol:problem:file_unusable")


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        (ROSTER, {"more": 1}, 400),
        (ROSTER, {"crew": "many"}, 400),
        (ROSTER, {"shift": [NIGHT] * 17}, 400),
        (ROSTER, {"shift": [{**NIGHT, "days": ["funday"]}]}, 400),
        ("/api/v1/units/U-9/roster", {}, 404),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, path: str, more: dict[str, Any], status: int) -> None:
    body = {"version": "x", "crew": 3, "shift": [NIGHT], **more}
    (answer,) = Office(tmp_path).ask(lambda client: client.put(path, json=body, headers=WHO))
    assert answer.status_code == status


def test_changing_a_roster_takes_who_configures(site: Site) -> None:
    needs = {method_of(route): route.needs for route in routes_of(site) if route.path == PATH}
    assert needs == {"GET": Permission.SEE, "PUT": Permission.CONFIGURE}

"""Drawing over HTTP: what is asked, what is answered, who may, and what is said of a second pair of hands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from patrol.adapters.memory import MemoryTourReports
from patrol.config.scenes import SceneBook
from patrol.config.writing import ConfigurationFile
from patrol.domain.accounts import AccountRole, Permission, permissions_of
from patrol.pipeline.drawing import Drawing
from tests.config.files import CREDENTIALS, changed, written_to
from tests.pipeline.test_drawing import Deeds

from .conftest import Site
from .test_describing import complaints

SCENE = "/api/v1/cameras/C-1/scene"
PATH = "/api/v1/cameras/{camera_id}/scene"
WHO = {"X-Patrol-Operator": "li"}
GATE = {"id": "gate", "name": "门", "rules": ["crowd"], "polygon": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}
DRAWN: dict[str, Any] = {"zones": [GATE], "masks": [{"polygon": [[0, 0], [0.2, 0], [0.2, 0.2]]}]}


class Office:
    """A file, and the app that draws in it. Its cameras' addresses hold the canary."""

    def __init__(self, folder: Path) -> None:
        canary = CREDENTIALS["CAMERA_PASSWORD"]
        stream = f"rtsp://admin:{canary}@{{host}}:554/live"
        self.file = written_to(folder, changed("templates", "square", "stream", to=stream))
        self.deeds = Deeds(self.file)

    async def _nothing(self) -> None: ...

    def ask(self, *asks: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]) -> list[httpx.Response]:
        async def go() -> list[httpx.Response]:
            book = SceneBook(ConfigurationFile(self.file, {}))
            drawing = Drawing(book, self.deeds, MemoryTourReports(), self._nothing)
            async with Site(scenes=drawing).client() as client:
                return [await ask(client) for ask in asks]

        return asyncio.run(go())

    def shown(self) -> dict[str, Any]:
        (answer,) = self.ask(lambda client: client.get(SCENE))
        assert complaints("get", PATH, answer) == []
        found: dict[str, Any] = answer.json()
        return found

    def draw(self, version: str, **changes: Any) -> httpx.Response:
        body = {**DRAWN, "version": version, **changes}
        (answer,) = self.ask(lambda client: client.put(SCENE, json=body, headers=WHO))
        return answer


def test_a_scene_is_shown_checked_and_drawn(tmp_path: Path) -> None:
    office = Office(tmp_path)
    before = office.shown()
    assert [zone["id"] for zone in before["written"]["scene"]["zones"]] == ["ground"]
    assert before["written"]["zones_of"] == "square"
    assert before["state"] == "no_tour"
    (checked,) = office.ask(lambda client: client.post(f"{SCENE}/check", json=DRAWN))
    assert complaints("post", f"{PATH}/check", checked) == []
    assert checked.json()["problems"] == []
    answer = office.draw(before["written"]["version"])
    assert answer.status_code == 200
    assert complaints("put", PATH, answer) == []
    assert answer.json()["written"]["scene"] == office.shown()["written"]["scene"]
    assert office.shown()["written"]["scene"]["zones"][0]["name"] == "门"
    assert [deed.who for deed in office.deeds.deeds] == ["li"]


def test_who_comes_second_is_told_who_was_quicker(tmp_path: Path) -> None:
    office = Office(tmp_path)
    version = office.shown()["written"]["version"]
    office.draw(version)
    assert office.draw(version).status_code == 200  # the same once more
    answer = office.draw(version, masks=[])
    assert answer.status_code == 409
    assert complaints("put", PATH, answer) == []
    problem = answer.json()
    assert (problem["type"], problem["by"]) == ("urn:patrol:problem:scene_changed", "li")


def test_what_cannot_be_used_is_said_with_its_place(tmp_path: Path) -> None:
    office = Office(tmp_path)
    crossing = {**GATE, "polygon": [[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]}
    answer = office.draw(office.shown()["written"]["version"], zones=[crossing])
    assert answer.status_code == 422
    assert complaints("put", PATH, answer) == []
    (problem,) = answer.json()["errors"]
    assert problem["path"] == "zones[0].polygon"
    (checked,) = office.ask(lambda client: client.post(f"{SCENE}/check", json={**DRAWN, "zones": [crossing]}))
    assert [each["path"] for each in checked.json()["problems"]] == ["zones[0].polygon"]
    assert office.deeds.deeds == []


def test_a_file_that_somebody_broke_by_hand_is_said_and_left_alone(tmp_path: Path) -> None:
    office = Office(tmp_path)
    version = office.shown()["written"]["version"]
    office.file.write_text("cameras: [", encoding="utf-8")
    (shown,) = office.ask(lambda client: client.get(SCENE))
    assert (shown.status_code, shown.json()["type"]) == (503, "urn:patrol:problem:file_unusable")
    assert complaints("get", PATH, shown) == []
    assert office.draw(version).status_code == 503  # nobody's drawing is to blame
    assert office.file.read_text(encoding="utf-8") == "cameras: ["


def test_no_answer_holds_a_cameras_password(tmp_path: Path) -> None:
    office = Office(tmp_path)
    version = office.shown()["written"]["version"]
    answers = office.ask(
        lambda client: client.get(SCENE),
        lambda client: client.post(f"{SCENE}/check", json={**DRAWN, "zones": [{**GATE, "rules": ["no"]}]}),
        lambda client: client.put(SCENE, json={**DRAWN, "version": version}, headers=WHO),
        lambda client: client.put(SCENE, json={"zones": [], "masks": [], "version": version}, headers=WHO),
    )
    assert [answer.status_code for answer in answers] == [200, 200, 200, 409]
    assert not [answer.text for answer in answers if CREDENTIALS["CAMERA_PASSWORD"] in answer.text]
    assert CREDENTIALS["CAMERA_PASSWORD"] not in office.deeds.deeds[0].detail


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**DRAWN, "version": "x", "more": 1}, 400),
        ({**DRAWN, "version": "x", "zones": [{**GATE, "polygon": [["a", 0]]}]}, 400),
        ({**DRAWN}, 400),
        ({**DRAWN, "version": "x", "zones": [GATE] * 33}, 400),
        ({**DRAWN, "version": "x" * 300_000}, 413),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, body: dict[str, Any], status: int) -> None:
    (answer,) = Office(tmp_path).ask(lambda client: client.put(SCENE, json=body, headers=WHO))
    assert answer.status_code == status


def test_nobody_draws_without_a_name_from_elsewhere_or_in_a_camera_that_is_not_there(tmp_path: Path) -> None:
    body = {**DRAWN, "version": "x"}
    nameless, foreign, nowhere = Office(tmp_path).ask(
        lambda client: client.put(SCENE, json=body),
        lambda client: client.put(SCENE, json=body, headers={**WHO, "Origin": "https://elsewhere.example"}),
        lambda client: client.put("/api/v1/cameras/C-9/scene", json=body, headers=WHO),
    )
    assert [answer.status_code for answer in (nameless, foreign, nowhere)] == [400, 403, 404]


def test_drawing_takes_a_supervisor() -> None:
    may = [role for role in AccountRole if Permission.CONFIGURE in permissions_of(role)]
    assert may == [AccountRole.SUPERVISOR, AccountRole.ADMINISTRATOR]

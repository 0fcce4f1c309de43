"""What terminals and operators tell of units: positions and states, over HTTP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from patrol.domain.message_data import PlaceData
from patrol.domain.units import UnitId, UnitState
from patrol.web.reading import MAX_BODY
from patrol.web.schemas import MOST_POSITIONS
from patrol.web.unit_routes import MAX_POSITIONS_BODY

from .conftest import Site, code_of
from .test_app import OPERATOR, get, post

HERE = {"place": {"latitude": 35.4912, "longitude": 112.8516}, "at": "2026-05-01T10:30:05.250+08:00"}
POSITION = "/api/v1/units/U-JP1/position"
POSITIONS = "/api/v1/positions"
STATE = "/api/v1/units/U-P3/state"
OUT = {"state": "out_of_service", "reason": "车辆故障"}


def here(**changes: Any) -> dict[str, Any]:
    return {**HERE, **changes}


def test_a_terminals_position_goes_to_dispatch_with_all_that_it_says(site: Site) -> None:
    answer = post(site, POSITION, here(accuracy_m=6, heading_deg=345, speed_m_s=2.5))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "unknown_units": []})
    (told,) = site.room.positions
    assert (told.unit_id, told.place) == ("U-JP1", PlaceData(35.4912, 112.8516))
    assert told.at == datetime(2026, 5, 1, 2, 30, 5, 250_000, tzinfo=UTC)
    assert (told.accuracy_m, told.heading_deg, told.speed_m_s) == (6, 345, 2.5)


def test_many_at_once_are_taken_and_units_that_nobody_knows_are_named(site: Site) -> None:
    body = {"positions": [here(unit_id=name) for name in ("U-JP1", "U-99", "U-P2", "U-99")]}
    answer = post(site, POSITIONS, body)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "unknown_units": ["U-99"]})
    assert [told.unit_id for told in site.room.positions] == ["U-JP1", "U-P2"]


def test_as_many_as_may_be_fit_into_one_body_and_no_more(site: Site) -> None:
    most = [here(unit_id="U-JP1", accuracy_m=6.25, heading_deg=345.5, speed_m_s=2.5)] * MOST_POSITIONS
    assert post(site, POSITIONS, {"positions": most}).status_code == 202
    assert post(site, POSITIONS, {"positions": [*most, here(unit_id="U-P2")]}).status_code == 400
    assert post(site, POSITIONS, {"positions": [], "more": "x" * MAX_POSITIONS_BODY}).status_code == 413
    assert post(site, POSITION, here(more="x" * MAX_BODY)).status_code == 413


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"place": {"latitude": 112.85, "longitude": 35.49}}, "place.latitude"),
        ({"place": {"latitude": 35.49, "longitude": 180.5}}, "place.longitude"),
        ({"place": {"latitude": "35.49", "longitude": 112.85}}, "place.latitude"),
        ({"place": [35.49, 112.85]}, "place"),
        ({"at": "2026-05-01T10:30:05"}, "at"),
        ({"at": "now"}, "at"),
        ({"accuracy_m": -1}, "accuracy_m"),
        ({"heading_deg": 361}, "heading_deg"),
        ({"coordinate_system": "bd09"}, "coordinate_system"),
        ({"unit_id": "U-P2"}, "unit_id"),
        ({"speed": 3}, "speed"),
    ],
)
def test_a_position_that_is_none_is_refused_with_the_field_that_is_wrong(
    site: Site, changes: dict[str, Any], says: str
) -> None:
    answer = post(site, POSITION, here(**changes))
    assert (answer.status_code, code_of(answer)) == (400, "bad_request")
    assert answer.json()["detail"].startswith(says)
    assert site.room.positions == []


def test_a_number_that_is_none_is_no_position(site: Site) -> None:
    async def ask() -> Any:
        async with site.client() as client:
            body = b'{"place": {"latitude": NaN, "longitude": 1e999}, "at": "2026-05-01T10:30:05+08:00"}'
            return await client.post(POSITION, content=body, headers={"Content-Type": "application/json"})

    assert asyncio.run(ask()).status_code == 400


def test_coordinates_that_cannot_be_converted_are_said_to_be(site: Site) -> None:
    answer = post(site, POSITION, here(coordinate_system="gcj02"))
    assert answer.status_code == 422
    assert "coordinate_system: expected wgs84" in answer.json()["detail"]


def test_without_the_queue_nobody_is_told_that_dispatch_has_it(site: Site) -> None:
    site.room.queue_away = "redis does not answer"
    answer = post(site, POSITION, HERE)
    assert (answer.status_code, code_of(answer)) == (503, "queue_away")


@pytest.mark.parametrize("unit_id", ["U-99", "u-jp1", "%2e%2e", "a b"])
def test_a_unit_that_is_not_in_the_room_has_no_position_and_no_state(site: Site, unit_id: str) -> None:
    for path, body in ((f"/api/v1/units/{unit_id}/position", HERE), (f"/api/v1/units/{unit_id}/state", OUT)):
        answer = post(site, path, body, **OPERATOR)
        assert (answer.status_code, code_of(answer)) == (404, "not_found")


@pytest.mark.parametrize(("path", "body"), [(POSITION, HERE), (POSITIONS, {"positions": []}), (STATE, OUT)])
def test_all_of_it_is_guarded_like_every_action(site: Site, path: str, body: dict[str, Any]) -> None:
    assert post(site, path, body, **OPERATOR, Origin="https://elsewhere.example").status_code == 403
    assert post(site, path, body, **OPERATOR, Host="rebound.example").status_code == 421
    assert get(site, path).status_code == 405

    async def as_a_form() -> Any:
        async with site.client() as client:
            return await client.post(path, data={"a": "b"}, headers=OPERATOR)

    assert asyncio.run(as_a_form()).status_code == 415
    assert (site.room.positions, site.room.calls) == ([], [])


@pytest.mark.parametrize("state", ["available", "out_of_service", "off_duty"])
def test_an_operator_says_what_a_unit_does_by_name_and_with_a_reason(site: Site, state: str) -> None:
    answer = post(site, STATE, {"state": state, "reason": " 车辆故障 "}, **OPERATOR)
    assert (answer.status_code, answer.json()) == (200, {"done": True, "state": state})
    assert site.room.calls == [("unit", "U-P3", state, "李明", "车辆故障")]
    shown = next(unit for unit in get(site, "/api/v1/state").json()["room"]["units"] if unit["id"] == "U-P3")
    assert shown["state"] == state


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"state": "en_route", "reason": "x"}, "expected available, out_of_service, off_duty"),
        ({"state": "asleep", "reason": "x"}, "state"),
        ({"state": "off_duty"}, "reason"),
        ({"state": "off_duty", "reason": "  "}, "reason"),
    ],
)
def test_what_only_orders_decide_and_what_has_no_reason_is_refused(site: Site, body: object, says: str) -> None:
    answer = post(site, STATE, body, **OPERATOR)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert site.room.calls == []


def test_who_sets_it_must_have_a_name(site: Site) -> None:
    assert post(site, STATE, OUT).status_code == 400
    assert site.room.unit_states.get(UnitId("U-P3")) in (None, UnitState.AVAILABLE)


def test_a_unit_on_an_order_is_a_conflict_that_says_so(site: Site) -> None:
    answer = post(site, "/api/v1/units/U-JP1/state", OUT, **OPERATOR)
    assert (answer.status_code, code_of(answer)) == (409, "unit_on_order")
    assert "on an order" in answer.json()["detail"]


def test_while_the_store_is_away_nothing_is_set(site: Site) -> None:
    site.room.away = "database is locked"
    answer = post(site, STATE, OUT, **OPERATOR)
    assert (answer.status_code, code_of(answer)) == (503, "store_away")

"""What the station is set to, over the wire: the units with their shifts, and the rules."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from patrol.web.settings_routes import roster

from .conftest import Site
from .fake_room import CANARY, FakeRoom

AT = datetime(2026, 11, 30, 4, 30, tzinfo=UTC)  # half past twelve in Shanghai


def test_units_are_told_with_their_shifts_and_whether_those_hold() -> None:
    shown = roster(FakeRoom().roster, AT)
    by_id = {unit.id: unit for unit in shown.units}
    assert shown.hour == 12.5
    day, night, always = by_id["U-P2"], by_id["U-P3"], by_id["U-POST"]
    assert (day.is_on_shift, day.shift_en) == (True, "every day 08:00–20:00")
    assert day.changes_at == datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert [(one.begins_h, one.ends_h) for one in night.today] == [(0.0, 8.0), (20.0, 24.0)]
    assert (night.is_on_shift, night.path) == (False, "units[3]")
    assert (always.is_on_shift, always.changes_at, always.shift_zh) == (True, None, "")


def test_a_station_without_units_is_told_as_one() -> None:
    assert roster((), AT).units == ()


def test_the_day_is_the_stations_also_where_no_unit_has_a_shift() -> None:
    shown = roster((), datetime(2026, 11, 30, 17, 0, tzinfo=UTC), ZoneInfo("Asia/Shanghai"))
    assert (shown.day.isoformat(), shown.hour) == ("2026-12-01", 1.0)


def test_both_are_answered_to_whoever_sees_the_room_and_tell_no_secret(site: Site) -> None:
    async def ask() -> None:
        async with site.client() as client:
            units = (await client.get("/api/v1/units")).json()["units"]
            assert [unit["id"] for unit in units] == [unit.id for unit in site.room.units]
            answer = await client.get("/api/v1/rules")
            crowd, closed = answer.json()["rules"]
            assert (crowd["words_zh"], crowd["path"]) == ("≥ 3 人", "rules.crowd")
            assert len(crowd["zones"]) == 264
            assert len(closed["zones"]) == 10
            assert CANARY not in answer.text

    asyncio.run(ask())

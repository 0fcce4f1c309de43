"""What says how long ways take, put together from the settings."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from patrol.adapters.clock import SteadyClock
from patrol.adapters.sql import SqlStore
from patrol.app.assembling import open_travel_times, open_wayfinding
from patrol.app.options import ALL_ROLES, Role
from patrol.domain.camera import StreamAddress
from patrol.domain.errors import InputError
from patrol.domain.travel_settings import ServiceKind, ServiceSettings, TravelSettings
from patrol.domain.ways import TravelTable, WaySource
from tests.adapters import streets
from tests.adapters.streets import corner, start


def asked(settings: TravelSettings, folder: Path) -> TravelTable:
    async def ask() -> TravelTable:
        async with AsyncExitStack() as stack:
            travel = await open_travel_times(stack, settings, SteadyClock(folder / "clock.json"))
            return await travel.table([start(corner(0, 0))], [corner(1, 1)])

    return asyncio.run(ask())


def test_nothing_said_is_the_straight_line(tmp_path: Path) -> None:
    table = asked(TravelSettings(detour=2.0), tmp_path)
    assert table.source is WaySource.STRAIGHT_LINE
    assert table.seconds[0][0] == pytest.approx(141.4, rel=0.01)


def test_a_file_of_streets_is_read(tmp_path: Path) -> None:
    table = asked(TravelSettings(graph=streets.town().written(tmp_path)), tmp_path)
    assert table.source is WaySource.GRAPH
    assert table.seconds[0][0] == pytest.approx(100, rel=0.01)


def test_a_service_is_asked(tmp_path: Path) -> None:
    with streets.service(streets.osrm) as running:
        address = StreamAddress(f"http://127.0.0.1:{running.port}")
        table = asked(TravelSettings(service=ServiceSettings(ServiceKind.OSRM, address, within_s=20.0)), tmp_path)
    assert table.source is WaySource.SERVICE
    assert table.seconds[0][0] == pytest.approx(100, rel=0.01)


def test_a_file_that_cannot_be_read_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.graphml: cannot be read"):
        asked(TravelSettings(graph=tmp_path / "none.graphml"), tmp_path)


@pytest.mark.parametrize("role", list(Role))
def test_streets_are_read_by_whoever_sends_units_and_by_nobody_else(tmp_path: Path, role: Role) -> None:
    async def opened(roles: frozenset[Role]) -> None:
        clock = SteadyClock(tmp_path / "clock.json")
        store = SqlStore(f"sqlite:///{tmp_path / 'patrol.db'}", (), clock)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(store.aclose)
            settings = TravelSettings(graph=tmp_path / "none.graphml")  # whoever reads it is told
            await open_wayfinding(stack, settings, store, clock, roles)

    if role in (Role.DISPATCH, Role.CONSOLE):
        with pytest.raises(InputError):
            asyncio.run(opened(frozenset({role})))
        with pytest.raises(InputError):
            asyncio.run(opened(ALL_ROLES))
    else:
        asyncio.run(opened(frozenset({role})))

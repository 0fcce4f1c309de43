"""What the station is set to, to be read: its units with their shifts, and its rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from patrol.domain.accounts import Permission
from patrol.domain.rosters import Stretch, changes_at, stretches_of
from patrol.domain.rulebook import Rulebook
from patrol.domain.schedules import windows_in_words
from patrol.domain.units import TravelMode, Unit, UnitId, UnitKind, is_on_shift
from patrol.domain.vocabulary import Place, RingName
from patrol.ports import Clock
from patrol.web.entering import DeclaredRoute, declared


@dataclass(frozen=True, slots=True)
class UnitShown:
    """A unit as it is configured. ``path``: where it stands in the configuration file.

    ``shift_zh``, ``shift_en``: empty where it is always on duty. ``today``: when it is, on the station's day of ``at``.
    ``changes_at``: when its shift next begins or ends. What it does now is in the room's state.
    """

    id: UnitId
    name: str
    name_en: str
    kind: UnitKind
    simulated: bool
    crew: int
    rings: tuple[RingName, ...]
    home: Place
    capabilities: tuple[str, ...]
    mode: TravelMode
    speed_m_s: float
    mobilise_s: float
    shift_zh: str
    shift_en: str
    is_on_shift: bool
    changes_at: datetime | None
    today: tuple[Stretch, ...]
    path: str


@dataclass(frozen=True, slots=True)
class RosterShown:
    """All units. ``day``, ``hour``: the station's day at ``at``, and of it the hour, 0 to 24."""

    at: datetime
    day: date
    hour: float
    units: tuple[UnitShown, ...]


_ROSTER, _RULES = TypeAdapter(RosterShown), TypeAdapter(Rulebook)


def settings_routes(
    units: Callable[[], Sequence[Unit]],
    rules: Callable[[], Rulebook] | None,
    clock: Clock,
    timezone: ZoneInfo | None = None,
) -> list[DeclaredRoute]:
    """Whoever sees the room sees by what it is run. ``units``, ``rules``: as they are at that moment. ``timezone``: the
    station's; that of the units' shifts where it is left out."""
    routes = [declared("/api/v1/units", _Roster(units, clock, timezone).shown, Permission.SEE)]
    if rules is not None:
        routes.append(declared("/api/v1/rules", _Rules(rules).shown, Permission.SEE))
    return routes


class _Roster:
    """The units, and who is on duty."""

    def __init__(self, units: Callable[[], Sequence[Unit]], clock: Clock, timezone: ZoneInfo | None) -> None:
        self._units = units
        self._timezone = timezone
        self._clock = clock

    async def shown(self, request: Request) -> Response:
        return _json(_ROSTER.dump_json(roster(self._units(), self._clock.now(), self._timezone)))


def roster(units: Sequence[Unit], now: datetime, timezone: ZoneInfo | None = None) -> RosterShown:
    """The units as they are configured, at ``now``, aware, by the clocks of ``timezone`` or of the units' shifts."""
    zone = timezone or next((unit.shift.timezone for unit in units if unit.shift is not None), None)
    local = now.astimezone(zone)
    hour = local.hour + local.minute / 60 + local.second / 3600
    shown = tuple(_shown(unit, place, now, local) for place, unit in enumerate(units))
    return RosterShown(now, local.date(), round(hour, 3), shown)


def _shown(unit: Unit, place: int, now: datetime, local: datetime) -> UnitShown:
    shift_zh, shift_en = windows_in_words(unit.shift.windows) if unit.shift is not None else ("", "")
    return UnitShown(
        id=unit.id,
        name=unit.name,
        name_en=unit.name_en,
        kind=unit.kind,
        simulated=unit.simulated,
        crew=unit.crew,
        rings=tuple(ring for ring in RingName if ring in unit.rings),
        home=unit.home,
        capabilities=tuple(sorted(unit.capabilities)),
        mode=unit.mode,
        speed_m_s=unit.speed_m_s,
        mobilise_s=unit.mobilise_s,
        shift_zh=shift_zh,
        shift_en=shift_en,
        is_on_shift=is_on_shift(unit, now),
        changes_at=changes_at(unit.shift, now),
        today=stretches_of(unit.shift, local.date()),
        path=f"units[{place}]",
    )


class _Rules:
    """The rulebook."""

    def __init__(self, rules: Callable[[], Rulebook]) -> None:
        self._rules = rules

    async def shown(self, request: Request) -> Response:
        return _json(_RULES.dump_json(self._rules()))


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")

"""A unit's shift and crew: to look at as the configuration has them, and to change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, TypeAdapter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from patrol.domain.accounts import Permission
from patrol.domain.errors import ConfigError, FileChanged, FileUnusable, NotWritten
from patrol.domain.staffing import RosterState, UnitRoster, Weekday, WrittenRoster, WrittenWindow, roster_state
from patrol.domain.units import UnitId
from patrol.ports import RosterDesk
from patrol.web.entering import DeclaredRoute, declared, operator_of, source_of
from patrol.web.problems import error_response
from patrol.web.reading import id_in, in_time, read
from patrol.web.schemas import Body

MOST_TOLD = 32

TimeText = Annotated[str, Field(max_length=8)]


class WindowBody(Body):
    """A window of a shift, as the configuration has it: 00:00 to 24:00, on the next day where the end is not later.

    ``dates``: certain days, as in 2026-10-01, instead of ``days``; neither: every day.
    """

    begins: TimeText
    ends: TimeText
    days: Annotated[tuple[Weekday, ...], Field(max_length=7)] = ()
    dates: Annotated[tuple[Annotated[str, Field(max_length=16)], ...], Field(max_length=366)] = ()

    def window(self) -> WrittenWindow:
        """As it is decided on."""
        days = tuple(day for day in Weekday if day in self.days)
        is_every_day = len(days) == len(Weekday)
        return WrittenWindow(self.begins, self.ends, () if is_every_day else days, tuple(sorted(set(self.dates))))


class RosterBody(Body):
    """``version``: of the roster that was looked at. No ``shift``: always on duty."""

    version: Annotated[str, Field(max_length=64)]
    crew: Annotated[int, Field(ge=0, le=1000)]
    shift: Annotated[list[WindowBody], Field(max_length=16)]

    def roster(self) -> UnitRoster:
        """As it is decided on."""
        return UnitRoster(self.crew, tuple(each.window() for each in self.shift))


@dataclass(frozen=True, slots=True)
class UnitRosterShown:
    """A unit's roster as the configuration has it, and whether it holds in dispatch: ``state``, since when, and what
    dispatch says to it."""

    written: WrittenRoster
    state: RosterState
    at: datetime | None
    problem: str | None


_SHOWN = TypeAdapter(UnitRosterShown)


def roster_routes(rosters: RosterDesk) -> list[DeclaredRoute]:
    """Whoever sees the units sees when they are on duty; who configures changes it."""
    routes = _Rosters(rosters)
    path = "/api/v1/units/{unit_id}/roster"
    return [
        declared(path, routes.show, Permission.SEE),
        declared(path, routes.staff, Permission.CONFIGURE, "PUT"),
    ]


class _Rosters:
    def __init__(self, rosters: RosterDesk) -> None:
        self._rosters = rosters

    async def show(self, request: Request) -> Response:
        try:
            return await self._shown(await in_time(self._rosters.roster(_unit_id(request))))
        except KeyError:
            raise _no_such_unit() from None
        except FileUnusable as error:
            return _unusable_file(error)

    async def staff(self, request: Request) -> Response:
        body = await read(request, RosterBody)
        unit_id, operator = _unit_id(request), operator_of(request)
        try:
            # Not in_time: a file that is being written is written whole, whoever waits for it.
            written = await self._rosters.staff(
                unit_id, body.roster(), body.version, operator, source_of(request.scope)
            )
        except KeyError:
            raise _no_such_unit() from None
        except FileUnusable as error:
            return _unusable_file(error)
        except ConfigError as error:
            return error_response(422, "roster_unusable", "the roster cannot be used", errors=_told(error))
        except FileChanged as error:
            return error_response(409, "roster_changed", str(error), by=error.who)
        except NotWritten as error:
            return error_response(503, "not_written", str(error))
        return await self._shown(written)

    async def _shown(self, written: WrittenRoster) -> Response:
        standing = await in_time(self._rosters.standing())
        state = roster_state(written.file_version, standing)
        at, problem = (standing.at, standing.problem) if standing is not None else (None, None)
        shown = UnitRosterShown(written, state, at, problem)
        return Response(_SHOWN.dump_json(shown), media_type="application/json")


def _unusable_file(error: FileUnusable) -> Response:
    said = "the configuration cannot be used as it is now"
    return error_response(503, "file_unusable", said, errors=_told(error))


def _told(error: ConfigError) -> list[dict[str, str]]:
    return [{"path": each.path, "detail": each.message} for each in error.problems[:MOST_TOLD]]


def _no_such_unit() -> HTTPException:
    return HTTPException(404, "there is no such unit")


def _unit_id(request: Request) -> UnitId:
    return UnitId(id_in(request, "unit_id"))

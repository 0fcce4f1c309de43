"""Who looks at what (正在查看): which seats have which incident open now, for the others in the room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import StringConstraints
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from patrol.domain.accounts import Permission
from patrol.domain.incidents import IncidentId
from patrol.ports import Clock
from patrol.web.entering import DeclaredRoute, declared, named_by
from patrol.web.reading import read
from patrol.web.schemas import Body, Looker

# A page says it again every 15 s: two words may be lost on the way.
FORGOTTEN_AFTER_S = 40.0
MOST_SEATS = 200
SHOWN = 12


class LookingBody(Body):
    """What a seat looks at. ``seat``: any name that tells one browser tab from another; no incident: at none."""

    seat: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    incident_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")] | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    who: str
    incident_id: IncidentId
    until: float


class Looking:
    """Each seat's newest word, until it takes that back or has said nothing for ``FORGOTTEN_AFTER_S``.

    In this process's memory alone: it is about this moment, and a page says it again. Of more than ``MOST_SEATS`` the
    ones that spoke longest ago are forgotten.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looks: dict[str, _Look] = {}  # by seat, the newest word last

    def says(self, seat: str, who: str, incident_id: IncidentId | None) -> None:
        """A seat looks at this incident, or at none. ``who``: empty where nobody has said."""
        self._looks.pop(seat, None)
        if incident_id is not None:
            self._looks[seat] = _Look(who, incident_id, self._clock.monotonic() + FORGOTTEN_AFTER_S)
        while len(self._looks) > MOST_SEATS:
            del self._looks[next(iter(self._looks))]

    def now(self) -> Mapping[IncidentId, tuple[Looker, ...]]:
        """Who looks at each incident, at most ``SHOWN`` of each, by seat: so that the same is the same bytes."""
        now = self._clock.monotonic()
        self._looks = {seat: look for seat, look in self._looks.items() if look.until > now}
        found: dict[IncidentId, list[Looker]] = {}
        for seat, look in sorted(self._looks.items()):
            found.setdefault(look.incident_id, []).append(Looker(seat, look.who))
        return {incident_id: tuple(lookers[:SHOWN]) for incident_id, lookers in sorted(found.items())}


def looking_routes(looking: Looking) -> list[DeclaredRoute]:
    """Where a page says what it shows; whoever may see may say so."""

    async def says(request: Request) -> Response:
        body = await read(request, LookingBody)
        incident_id = None if body.incident_id is None else IncidentId(body.incident_id)
        looking.says(body.seat, named_by(request), incident_id)
        return JSONResponse({"done": True})

    return [declared("/api/v1/looking", says, Permission.SEE, "POST")]

"""In SQL: what is known of a candidate, where open incidents are, and whose alert is whose.

A part of ``sql``; the functions work inside a transaction of the store's.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, bindparam, literal_column, select, update

from patrol.adapters.sql_bodies import incident_in
from patrol.adapters.sql_prepared import Prepared
from patrol.adapters.sql_tables import ALERT_JSON, ALERTS, INCIDENTS
from patrol.adapters.sql_times import text_of
from patrol.domain.alerts import Alert, Candidate, History, fingerprint, reach
from patrol.domain.closeness import MergePolicy, Reach, likeness
from patrol.domain.events import IncidentClass
from patrol.domain.incidents import Incident
from patrol.domain.vocabulary import EARTH_RADIUS_M
from patrol.domain.witnesses import seen_last_at

_log = logging.getLogger(__name__)

_IS_OPEN = INCIDENTS.c.is_open == literal_column("1")  # as it stands in the index, or that would not be used
# Which one first: else every alert of the fingerprint would be read whole.
_NEWEST = select(ALERTS.c.id).where(ALERTS.c.fingerprint == bindparam("key")).order_by(ALERTS.c.accepted_at.desc())
_LAST_ALERT = Prepared(select(ALERTS.c.body).where(ALERTS.c.id == _NEWEST.limit(1).scalar_subquery()))
# "+ 0" keeps SQLite from going by what is open, of which there may be a thousand: by its fingerprint there are a few.
_OPENED = Prepared(
    select(INCIDENTS.c.body).where(
        INCIDENTS.c.fingerprint == bindparam("key"), INCIDENTS.c.is_open + literal_column("0") == literal_column("1")
    )
)
_JOINED_LAST = Prepared(
    select(INCIDENTS.c.body)
    .join(ALERTS, ALERTS.c.incident_id == INCIDENTS.c.id)
    .where(ALERTS.c.id == _NEWEST.limit(1).scalar_subquery(), _IS_OPEN)
)
_NEAR = Prepared(
    select(INCIDENTS.c.id, INCIDENTS.c.body).where(
        _IS_OPEN,
        INCIDENTS.c.likeness == bindparam("likeness"),
        INCIDENTS.c.latitude.between(bindparam("south"), bindparam("north")),
        INCIDENTS.c.longitude.between(bindparam("west"), bindparam("east")),
        INCIDENTS.c.seen_at >= bindparam("not_before"),
    )
)
_HAND_OVER = Prepared(update(ALERTS).where(ALERTS.c.id == bindparam("of")).values(incident_id=bindparam("to")))
METRES_A_DEGREE = math.radians(1) * EARTH_RADIUS_M


def history(connection: Connection, candidate: Candidate, policy: MergePolicy) -> History:
    """What is known of a candidate, and what it may belong to."""
    key = fingerprint(candidate.event)
    last, incident = last_alert(connection, key), _own_incident(connection, key)
    nearby: tuple[Incident, ...] = ()
    if incident is None and (within := reach(candidate, policy)) is not None:
        nearby = _near(connection, within)
    if last is None:
        return History(None, incident, nearby=nearby)
    return History(last.accepted_at, incident, last.detected_at, nearby)


def last_alert(connection: Connection, key: str) -> Alert | None:
    """The last one of a fingerprint."""
    body = _LAST_ALERT.value(connection, key=key)
    return ALERT_JSON.validate_json(body) if body else None


def _own_incident(connection: Connection, key: str) -> Incident | None:
    """The open incident that the alerts of a fingerprint belong to: the one it opened, or the one it is now part of."""
    body = _OPENED.value(connection, key=key) or _JOINED_LAST.value(connection, key=key)
    return incident_in(body) if body else None


def whereabouts(incident: Incident) -> Mapping[str, Any]:
    """The columns by which what may join it is looked for."""
    if incident.incident_class is IncidentClass.MAINTENANCE:
        return {"likeness": None, "latitude": None, "longitude": None, "seen_at": None}
    return {
        "likeness": likeness(incident.kind, simulated=incident.simulated, drill=incident.drill),
        "latitude": incident.place.latitude,
        "longitude": incident.place.longitude,
        "seen_at": text_of(seen_last_at(incident)),
    }


def _near(connection: Connection, reach: Reach) -> tuple[Incident, ...]:
    """The open incidents in a square around the place; the decision measures. One that cannot be read is passed over:
    no alert is refused for what is wrong with another."""
    up = reach.within_m / METRES_A_DEGREE
    along = up / max(0.01, math.cos(math.radians(reach.place.latitude)))
    latitude, longitude = reach.place.latitude, reach.place.longitude
    rows = _NEAR.rows(
        connection,
        likeness=reach.likeness,
        south=latitude - up,
        north=latitude + up,
        west=longitude - along,
        east=longitude + along,
        not_before=text_of(reach.not_before),
    )
    found = []
    for incident_id, body in rows:
        try:
            found.append(incident_in(body))
        except ValidationError as error:
            _log.error("incident %s cannot be read, nothing joins it: %d errors", incident_id, error.error_count())
    return tuple(found)


def hand_over(connection: Connection, incident: Incident) -> None:
    """Its alerts are its own from now on; those of one that was merged into another went there."""
    if incident.merged_into is None:
        _HAND_OVER.run(connection, [{"of": alert_id, "to": incident.id} for alert_id in incident.alert_ids])

"""What choices of units looked at, in the same database: written with what came of them, and read to do them again.

JSON, compressed by zlib where it is longer than a page of the database.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, bindparam, delete, func, insert, select

from patrol.adapters.sql_prepared import Prepared
from patrol.adapters.sql_tables import CHOICES
from patrol.adapters.sql_times import text_of
from patrol.domain.incidents import IncidentId
from patrol.domain.looked import LookedAt

KEPT_FOR = timedelta(days=30)
MOST_KEPT = 10_000
CLEARED_EVERY = 100  # so many new ones, so that writing one is one statement as a rule
PLAIN_BYTES = 4096

LOOKED_JSON = TypeAdapter(LookedAt)
_ADD = Prepared(insert(CHOICES), "at", "about", "body")
_NEWEST = Prepared(select(func.max(CHOICES.c.number)))
_FORGET = Prepared(
    delete(CHOICES).where((CHOICES.c.number <= bindparam("last")) | (CHOICES.c.at < bindparam("before")))
)


def keep(connection: Connection, looked: LookedAt) -> None:
    """Write it down; now and then those are forgotten that are too old, or too many."""
    about = f" {' '.join(want.incident_id for want in looked.wants)} "
    _ADD.run(connection, [{"at": text_of(looked.at), "about": about, "body": body_of(looked)}])
    number = _NEWEST.value(connection)
    if number % CLEARED_EVERY == 0:
        _FORGET.changed(connection, last=number - MOST_KEPT, before=text_of(looked.at - KEPT_FOR))


def choices_since(
    connection: Connection, since: datetime | None, incident_id: IncidentId | None, limit: int
) -> tuple[Sequence[LookedAt], int]:
    """What was looked at since then, or about an incident: the newest ``limit`` of them, the oldest first.

    And how many of these an other version of Patrol wrote in a way that this one cannot read.
    """
    query = select(CHOICES.c.body).order_by(CHOICES.c.number.desc()).limit(limit)
    if since is not None:
        query = query.where(CHOICES.c.at >= text_of(since))
    if incident_id is not None:
        query = query.where(CHOICES.c.about.contains(f" {incident_id} ", autoescape=True))
    found: list[LookedAt] = []
    bodies = connection.execute(query).scalars().all()
    for body in reversed(bodies):
        with contextlib.suppress(ValidationError):
            found.append(looked_in(body))
    return found, len(bodies) - len(found)


def body_of(looked: LookedAt) -> bytes:
    """As it is stored."""
    text = LOOKED_JSON.dump_json(looked, exclude_defaults=True)
    return text if len(text) <= PLAIN_BYTES else zlib.compress(text, 1)


def looked_in(body: bytes) -> LookedAt:
    """What is stored as this. Raises ValidationError where an older Patrol wrote what this one does not know."""
    return LOOKED_JSON.validate_json(body if body.startswith(b"{") else zlib.decompress(body))

"""The tables of incidents and their alerts, orders, duties and effects; and what their values are as JSON.

One schema, in files beside each other: what is written elsewhere only has its table there.
"""

from __future__ import annotations

from pydantic import TypeAdapter
from sqlalchemy import (
    Column,
    ColumnClause,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    literal_column,
    text,
)

from patrol.adapters.sql_outbox import METADATA
from patrol.domain.alerts import Alert
from patrol.domain.dispatch import Duty
from patrol.domain.events import IncidentClass, Level
from patrol.domain.orders import Order

INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("id", String, primary_key=True),
    Column("fingerprint", String, nullable=False, index=True),
    Column("is_open", Integer, nullable=False),
    Column("accepted_at", String, nullable=False, index=True),
    Column("closed_at", String, index=True),
    # With a default, as every column that came after the first version: older rows and older programs have none.
    Column("class", String, nullable=False, server_default=IncidentClass.SECURITY.value),
    # Where what may join it is looked for, see sql_history; null: nothing joins by itself.
    Column("likeness", String),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("seen_at", String),
    # How urgently it waits for a unit: its level's rank, the smallest first; null: it does not.
    Column("waits", Integer),
    # And in which line (turns.py); null too where an older program wrote it.
    Column("waits_in", String),
    Column("body", Text, nullable=False),
)
_IS_WAITING = INCIDENTS.c.waits.is_not(None)
_BY_LINE = INCIDENTS.c.waits_in, INCIDENTS.c.waits, INCIDENTS.c.accepted_at
_WAITING = Index("incidents_waiting_in_line", *_BY_LINE, sqlite_where=_IS_WAITING)
_NEAR = Index("incidents_near", INCIDENTS.c.likeness, INCIDENTS.c.latitude, sqlite_where=INCIDENTS.c.is_open == 1)
# In so many words, as SQLite finds an index only by the very text of its expression and of its condition.
_RANKED = " ".join(f"WHEN '{level.value}' THEN {level.rank}" for level in Level)
URGENCY: ColumnClause[int] = literal_column(f"CASE json_extract(body, '$.level') {_RANKED} END")
"""An incident's level's rank, the smallest first."""
IS_OPEN: ColumnClause[bool] = literal_column("is_open = 1")
URGENT = Index("incidents_urgent", text(str(URGENCY)), INCIDENTS.c.accepted_at, sqlite_where=IS_OPEN)
# The room shows those that were closed last, several times a second, of however many there are.
_LATEST_CLOSED = Index("incidents_latest_closed", INCIDENTS.c.is_open, INCIDENTS.c.closed_at, INCIDENTS.c.accepted_at)
# What became part of an incident: few of all that were closed, and found without passing those. "+ 0" keeps SQLite from
# the index of what was closed last, which to it looks as good.
MERGED_INTO: ColumnClause[str] = literal_column("json_extract(body, '$.merged_into')")
IS_MERGED: ColumnClause[bool] = literal_column(f"is_open + 0 = 0 AND {MERGED_INTO} IS NOT NULL")
_MERGED = Index("incidents_merged", text(str(MERGED_INTO)), INCIDENTS.c.accepted_at, sqlite_where=IS_MERGED)
ALERTS = Table(
    "alerts",
    METADATA,
    Column("id", String, primary_key=True),
    Column("incident_id", String, nullable=False, index=True),
    Column("fingerprint", String, nullable=False),
    Column("accepted_at", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("acknowledged_at", String),
    Column("body", Text, nullable=False),
)
_NEWEST_FIRST = Index("alerts_newest", ALERTS.c.fingerprint, ALERTS.c.accepted_at)  # of one thing's in a year, too
ORDERS = Table(
    "orders",
    METADATA,
    Column("id", String, primary_key=True),
    Column("incident_id", String, nullable=False, index=True),
    Column("unit_id", String, nullable=False),
    # The unit while the order is open, else null: the database itself refuses a second open order for a unit.
    Column("busy_unit_id", String, unique=True),
    Column("sent_at", String, nullable=False),
    Column("body", Text, nullable=False),
)
DUTIES = Table(
    "duties",
    METADATA,
    Column("unit_id", String, primary_key=True),
    Column("body", Text, nullable=False),
)
# What choices of units looked at, to do them again; the newest ones only, see sql_choices.
CHOICES = Table(
    "choices",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("at", String, nullable=False, index=True),
    # The ids of all incidents that it was about, between blanks.
    Column("about", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
EFFECTS = Table(
    "effects",
    METADATA,
    Column("consumer_group", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("at", String, nullable=False),
)
# What people did, see domain/deeds.py; only ever added to.
DEEDS = Table(
    "deeds",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", String, nullable=False),
    Column("who", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("source", String, nullable=False),
    # By which its request named itself; empty: it did not. And what came of it, for who asks again.
    Column("request", String, nullable=False, server_default=""),
    Column("led_to", String, nullable=False, server_default=""),
)
# The database itself refuses to have the same request done twice.
_ONCE = Index("deeds_once", DEEDS.c.who, DEEDS.c.request, unique=True, sqlite_where=DEEDS.c.request != "")
_OF_SUBJECT = Index("deeds_of_subject", DEEDS.c.subject, DEEDS.c.number)

INDICES = (_NEAR, _WAITING, URGENT, _LATEST_CLOSED, _NEWEST_FIRST, _ONCE, _OF_SUBJECT, _MERGED)

ORDER_JSON = TypeAdapter(Order)
DUTY_JSON = TypeAdapter(Duty)
ALERT_JSON = TypeAdapter(Alert)

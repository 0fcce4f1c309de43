"""The board as it is stored: what waits for units, and who could be taken from where; inside a store's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, select

from patrol.adapters.sql_bodies import incident_in
from patrol.adapters.sql_prepared import Prepared
from patrol.adapters.sql_rows import incident_of, orders_of
from patrol.adapters.sql_tables import INCIDENTS, ORDERS
from patrol.domain.board import Board
from patrol.domain.dispatch import Duty, Situation
from patrol.domain.incidents import Incident, IncidentId
from patrol.domain.orders import Order
from patrol.domain.turns import LINES, places
from patrol.domain.units import UnitId

_WAITING = Prepared(
    select(INCIDENTS.c.body)
    .where(INCIDENTS.c.waits_in.is_not_distinct_from(bindparam("line")), INCIDENTS.c.waits.is_not(None))
    .order_by(INCIDENTS.c.waits, INCIDENTS.c.accepted_at)
    .limit(bindparam("most"))
)
# Of those with a unit under way, the ones it may be taken from: nothing is as urgent as red.
_UNDER_WAY = Prepared(
    select(INCIDENTS.c.body)
    .join(ORDERS, ORDERS.c.incident_id == INCIDENTS.c.id)
    .where(ORDERS.c.busy_unit_id.is_not(None), func.json_extract(INCIDENTS.c.body, "$.level") != "red")
)


_OF_UNIT = Prepared(
    select(INCIDENTS.c.body)
    .join(ORDERS, ORDERS.c.incident_id == INCIDENTS.c.id)
    .where(ORDERS.c.busy_unit_id == bindparam("unit"))
)


def board(connection: Connection, incident_id: IncidentId, unit_id: UnitId | None, duties: Sequence[Duty]) -> Board:
    """The board for one incident that asks for units, and of all that wait with it those whose turn it may be.

    ``unit_id``: whatever this unit is on belongs to it, too. Raises KeyError.
    """
    asking = incident_of(connection, incident_id)
    most = places(duties)
    waiting = (row for line in (*LINES, None) for row in _WAITING.rows(connection, line=line, most=most))
    found = (*waiting, *_UNDER_WAY.rows(connection), *_OF_UNIT.rows(connection, unit=unit_id or ""))
    bodies = [body for (body,) in found]
    incidents: dict[IncidentId, Incident] = {asking.id: asking}
    for body in bodies:
        incident = incident_in(body)
        incidents.setdefault(incident.id, incident)
    orders: defaultdict[IncidentId, list[Order]] = defaultdict(list)
    for order in orders_of(connection, list(incidents)):
        orders[order.incident_id].append(order)
    return Board(
        tuple(Situation(incident, tuple(orders[incident.id]), tuple(duties)) for incident in incidents.values()),
        tuple(duties),
    )

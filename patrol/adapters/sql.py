"""The store of record in SQL: SQLite (WAL, synchronous=FULL) on one machine.

One thread writes to the database, and another reads; each call is one transaction, or part of one that is committed
with others (see sql_door). Values that are only read whole are kept as JSON; what is searched for has a column.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, RootTransaction, bindparam, func, insert, or_, select, tuple_, update

from patrol.adapters import sql_board, sql_outbox, sql_restoring
from patrol.adapters.sql_bodies import incident_in
from patrol.adapters.sql_door import Door
from patrol.adapters.sql_evidence import SqlEvidenceIndex, note_evidence
from patrol.adapters.sql_history import hand_over, history, last_alert
from patrol.adapters.sql_opening import engine_of, make_what_is_missing
from patrol.adapters.sql_outbox import OUTBOX
from patrol.adapters.sql_prepared import Prepared
from patrol.adapters.sql_rows import (
    INCIDENT_BY_ID,
    incident_of,
    orders_of,
    store_alert,
    store_incident,
    store_outcome,
    store_outcomes,
)
from patrol.adapters.sql_tables import (
    ALERT_JSON,
    ALERTS,
    DUTIES,
    DUTY_JSON,
    EFFECTS,
    INCIDENTS,
    INDICES,
)
from patrol.adapters.sql_times import text_of
from patrol.domain.alerts import Acceptance, Candidate, Verdict, accept, cools_down, fingerprint
from patrol.domain.board import Board
from patrol.domain.closeness import NEVER, MergePolicy
from patrol.domain.dispatch import Duty, Outcome, Situation
from patrol.domain.events import IncidentClass
from patrol.domain.incidents import EvidenceId, Incident, IncidentId
from patrol.domain.messages import alert_message, incident_message
from patrol.domain.retention import Gone
from patrol.domain.room import ClosedPlace
from patrol.domain.streams import EntryId, PublishedRow, Unsettled
from patrol.domain.units import Unit, UnitId
from patrol.pipeline.steps import Step, passing
from patrol.ports import Clock, Effect, Ledger, OutboxRow, Totals

_Result = TypeVar("_Result")

LOOK_S = 0.02  # between two looks whether another process has written

_KNOWN_ALERT = Prepared(
    select(ALERTS.c.verdict, ALERTS.c.incident_id, ALERTS.c.body).where(ALERTS.c.id == bindparam("id"))
)
_EFFECT_BY_KEY = Prepared(
    select(EFFECTS.c.key).where(EFFECTS.c.consumer_group == bindparam("group"), EFFECTS.c.key == bindparam("of"))
)
_ADD_EFFECT = Prepared(insert(EFFECTS), "consumer_group", "key", "at")

_IS_MAINTENANCE = INCIDENTS.c["class"] == IncidentClass.MAINTENANCE.value


class SqlStore:
    """AlertStore, Outbox, IncidentStore and IncidentReader in one database. Close with ``aclose``.

    ``address`` is an SQLAlchemy URL (``sqlite:////var/lib/patrol/patrol.db``); only SQLite so far.
    Raises ConfigError for another database. ``clock`` says since when messages wait; ``policy``, when what several
    cameras see is one incident. ``folder``: where it lies.
    """

    def __init__(self, address: str, units: Sequence[Unit], clock: Clock, policy: MergePolicy = NEVER) -> None:
        engine = engine_of(address)
        self.folder = Path(engine.url.database or "").absolute().parent
        self._door = Door(engine, lambda connection: make_what_is_missing(connection, *INDICES))
        self._clock = clock
        self._policy = policy
        self._units: Mapping[str, Unit] = {unit.id: unit for unit in units}
        self._told = asyncio.Event()  # messages came through this door since somebody waited for some
        self._log = Path(f"{engine.url.database}-wal")
        self._up_to_date: RootTransaction | None = None  # the last one that began with a database that is not behind
        self._seen: tuple[int, int] | None = None  # what it was like when somebody last waited for messages
        self._may_hide_one = False  # a commit that looks like the one that was seen

    @property
    def units(self) -> Sequence[Unit]:
        """See UnitHolder."""
        return tuple(self._units.values())

    def replace_units(self, changed: Sequence[Unit]) -> None:
        """See UnitHolder. What they are doing stays, with their orders."""
        self._units = {**self._units, **{unit.id: unit for unit in changed}}

    @property
    def evidence(self) -> SqlEvidenceIndex:
        """The index of evidence, through the same door."""
        return SqlEvidenceIndex(self._transaction, self._door.read)

    async def open(self) -> None:
        """Make what is missing in the database, also in one of an older version. Raises StoreError.

        Where it is away, the first call that gets through later does that.
        """
        await self._transaction(lambda connection: None)

    async def aclose(self) -> None:
        """Finish what was begun and close."""
        await self._door.aclose()

    async def _transaction(self, work: Callable[[Connection], _Result]) -> _Result:
        return await self._door.transaction(work)

    async def _telling(self, work: Callable[[Connection], _Result]) -> _Result:
        """One transaction that may put messages into the outbox."""
        result = await self._transaction(work)
        self._told.set()
        return result

    async def within(self, work: Callable[[Connection], _Result]) -> _Result:
        """One transaction of a file beside this one, through the same door. Raises StoreError."""
        return await self._telling(work)

    async def fleeting(self, work: Callable[[Connection], _Result]) -> _Result:
        """As ``within``, of what tells nobody anything, and what a power cut may undo. Raises StoreError."""
        return await self._door.transaction(work, is_lasting=False)

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """One look of a file beside this one, through the same door; nobody waits for it. Raises StoreError."""
        return await self._door.read(work)

    async def cools_down(self, candidate: Candidate, now: datetime) -> bool:
        """See AlertStore."""
        key = fingerprint(candidate.event)
        last = await self._door.read(lambda connection: last_alert(connection, key))
        return last is not None and cools_down(candidate, last.accepted_at, now, last.detected_at)

    async def accept(self, candidate: Candidate, now: datetime) -> Acceptance:
        """See AlertStore."""
        acceptance = await self._telling(lambda connection: self._accept(connection, candidate, now))
        passing(Step.ACCEPT_STORED)
        return acceptance

    def _accept(self, connection: Connection, candidate: Candidate, now: datetime) -> Acceptance:
        self._refuse_while_behind(connection)
        for verdict, incident_id, body in _KNOWN_ALERT.rows(connection, id=candidate.alert_id):
            return Acceptance(Verdict(verdict), ALERT_JSON.validate_json(body), incident_of(connection, incident_id))
        known = history(connection, candidate, self._policy)
        acceptance = accept(candidate, known, now, self._policy)
        if acceptance.alert is None or acceptance.incident is None:
            return acceptance
        sequence = acceptance.incident.sequence + 1
        told = replace(acceptance.incident, sequence=sequence + 1)
        store_incident(connection, told, known.open_incident)
        store_alert(connection, acceptance.alert, acceptance.verdict)
        note_evidence(connection, acceptance.alert)
        messages = (
            alert_message(acceptance.alert, sequence),
            incident_message(told, now, acceptance.alert.id),
        )
        sql_outbox.add(connection, messages, self._clock.now())
        return replace(acceptance, incident=told)

    def _refuse_while_behind(self, connection: Connection) -> None:
        # Once for all that share a transaction: no other process writes while it lasts.
        transaction = connection.get_transaction()
        if transaction is not self._up_to_date:
            sql_restoring.refuse_while_behind(connection)
            self._up_to_date = transaction

    async def decide(
        self, incident_id: IncidentId, decision: Callable[[Situation], Outcome], once: Effect | None = None
    ) -> Outcome | None:
        """See IncidentStore."""
        return await self._telling(lambda connection: self._decide(connection, incident_id, decision, once))

    def _decide(
        self,
        connection: Connection,
        incident_id: IncidentId,
        decision: Callable[[Situation], Outcome],
        once: Effect | None,
    ) -> Outcome | None:
        sql_restoring.refuse_while_behind(connection)
        if once is not None and _effect_stored(connection, once):
            return None
        outcome = decision(self._situation(connection, incident_id))
        store_outcome(connection, outcome, self._clock.now())
        if once is not None:
            self._keep_effect(connection, once)
        return outcome

    async def situation(self, incident_id: IncidentId) -> Situation:
        """See IncidentStore."""
        return await self._door.read(lambda connection: self._situation(connection, incident_id))

    def _situation(self, connection: Connection, incident_id: IncidentId) -> Situation:
        incident = incident_of(connection, incident_id)
        return Situation(incident, orders_of(connection, (incident_id,)), self._duties(connection))

    def _keep_effect(self, connection: Connection, effect: Effect) -> None:
        at = text_of(self._clock.now())
        _ADD_EFFECT.run(connection, [{"consumer_group": effect.group, "key": effect.key, "at": at}])

    async def decide_together(
        self, incident_ids: Sequence[IncidentId], decision: Callable[[Sequence[Situation]], Sequence[Outcome]]
    ) -> Sequence[Outcome]:
        """See IncidentStore."""

        def work(connection: Connection) -> Sequence[Outcome]:
            sql_restoring.refuse_while_behind(connection)
            duties = self._duties(connection)
            outcomes = decision(
                [
                    Situation(incident_of(connection, incident_id), orders_of(connection, (incident_id,)), duties)
                    for incident_id in incident_ids
                ]
            )
            store_outcomes(connection, outcomes, self._clock.now())
            for outcome in outcomes:
                if outcome.incident is not None:
                    hand_over(connection, outcome.incident)
            return outcomes

        return await self._telling(work)

    async def decide_board(
        self,
        incident_id: IncidentId,
        decision: Callable[[Board], Sequence[Outcome]],
        once: Effect | None = None,
        unit_id: UnitId | None = None,
    ) -> Sequence[Outcome] | None:
        """See IncidentStore."""

        def work(connection: Connection) -> Sequence[Outcome] | None:
            sql_restoring.refuse_while_behind(connection)
            if once is not None and _effect_stored(connection, once):
                return None
            outcomes = decision(sql_board.board(connection, incident_id, unit_id, self._duties(connection)))
            store_outcomes(connection, outcomes, self._clock.now())
            if once is not None:
                self._keep_effect(connection, once)
            return outcomes

        return await self._telling(work)

    async def begin(self, outcome: Outcome) -> Incident:
        """See MaintenanceStore."""

        def work(connection: Connection) -> Incident:
            begun = outcome.incident
            assert begun is not None
            sql_restoring.refuse_while_behind(connection)
            known = INCIDENT_BY_ID.value(connection, id=begun.id)
            if known is not None:
                return incident_in(known)
            store_outcome(connection, outcome, self._clock.now())
            return begun

        return await self._telling(work)

    async def open_maintenance(self) -> frozenset[IncidentId]:
        """See MaintenanceStore."""
        query = select(INCIDENTS.c.id).where(INCIDENTS.c.is_open == 1, _IS_MAINTENANCE)
        return await self._door.read(lambda connection: frozenset(connection.execute(query).scalars()))

    async def latest_maintenance(self, closed_since: datetime) -> Sequence[Incident]:
        """See MaintenanceStore."""
        lately = or_(INCIDENTS.c.is_open == 1, INCIDENTS.c.closed_at >= text_of(closed_since))
        query = select(INCIDENTS.c.body).where(_IS_MAINTENANCE, lately).order_by(INCIDENTS.c.accepted_at)
        return await self._door.read(
            lambda connection: [incident_in(body) for body in connection.execute(query).scalars()]
        )

    def duties(self, connection: Connection) -> tuple[Duty, ...]:
        """Every configured unit, and what it is doing."""
        return self._duties(connection)

    def _duties(self, connection: Connection) -> tuple[Duty, ...]:
        stored = {
            unit_id: DUTY_JSON.validate_json(body)
            for unit_id, body in connection.execute(select(DUTIES.c.unit_id, DUTIES.c.body))
        }
        # The configuration says who the units are; the store says what they are doing.
        return tuple(
            replace(stored[unit.id], unit=unit) if unit.id in stored else Duty(unit) for unit in self._units.values()
        )

    async def acknowledge_alert(self, alert_id: str, at: datetime) -> None:
        """A consumer's receipt for an alert is stored; the first one counts."""
        await self._transaction(
            lambda connection: connection.execute(
                update(ALERTS)
                .where(ALERTS.c.id == alert_id, ALERTS.c.acknowledged_at.is_(None))
                .values(acknowledged_at=text_of(at))
            )
        )

    async def unpublished(self, limit: int) -> Sequence[OutboxRow]:
        """See Outbox."""
        return await self._door.read(lambda connection: sql_outbox.unpublished(connection, limit))

    async def mark_published(self, entries: Mapping[int, EntryId]) -> None:
        """See Outbox. Undone by a power cut, they are published once more with the same ids: no disk is waited for."""
        now = self._clock.now()
        await self._door.transaction(
            lambda connection: sql_outbox.mark_published(connection, entries, now), is_lasting=False
        )

    async def waiting(self) -> tuple[int, datetime | None]:
        """See Outbox."""
        return await self._door.read(sql_outbox.waiting)

    async def news(self, within_s: float) -> None:
        """See Outbox. Of this process at once, of others within ``LOOK_S``: by the database's log, which changes."""
        ends_at = self._clock.monotonic() + (min(within_s, LOOK_S) if self._may_hide_one else within_s)
        while self._written() == self._seen and (left_s := ends_at - self._clock.monotonic()) > 0:
            if await self._clock.wait(self._told, min(left_s, LOOK_S)):
                break
        self._told.clear()
        written = self._written()
        self._may_hide_one = written != self._seen
        self._seen = written  # whoever waited looks now

    def _written(self) -> tuple[int, int] | None:
        """Another one after a commit, whoever's; two within a file system's tick (some ms) may look alike.

        Nothing of the database is opened for it: closing that would drop SQLite's own locks ("How To Corrupt", 2.2).
        """
        try:
            log = self._log.stat()
        except OSError:  # not yet, or the database is away, which others say
            return None
        return log.st_mtime_ns, log.st_size

    async def unsettled(self, after: int, limit: int) -> Sequence[PublishedRow]:
        """See Outbox."""
        return await self._door.read(lambda connection: sql_outbox.unsettled(connection, after, limit))

    async def unsettled_by_stream(self) -> Mapping[str, Unsettled]:
        """See Outbox."""
        return await self._door.read(sql_outbox.unsettled_by_stream)

    async def settle(self, numbers: Sequence[int], lost: Sequence[int]) -> None:
        """See Outbox."""

        def work(connection: Connection) -> None:
            now = self._clock.now()
            sql_outbox.settle(connection, numbers, now)
            sql_outbox.publish_again(connection, lost, now)

        await (self._telling(work) if lost else self._transaction(work))

    async def open_ledger(self) -> Ledger:
        """See IncidentReader."""

        def work(connection: Connection) -> Ledger:
            open_ids = select(INCIDENTS.c.id).where(INCIDENTS.c.is_open == 1)
            return Ledger(_open_incidents(connection), orders_of(connection, open_ids), self._duties(connection))

        return await self._door.read(work)

    async def latest_closed(self, limit: int, before: ClosedPlace | None = None) -> Ledger:
        """See IncidentReader."""

        def work(connection: Connection) -> Ledger:
            incidents = _closed_incidents(connection, limit, before)
            return Ledger(incidents, orders_of(connection, [i.id for i in incidents]), ())

        return await self._door.read(work)

    async def one(self, incident_id: IncidentId) -> Ledger:
        """See IncidentReader."""

        def work(connection: Connection) -> Ledger:
            return Ledger((incident_of(connection, incident_id),), orders_of(connection, (incident_id,)), ())

        return await self._door.read(work)

    async def gone_evidence(self, ids: Collection[EvidenceId]) -> Mapping[EvidenceId, Gone]:
        """See IncidentReader."""
        return await self.evidence.gone(ids)

    async def totals(self) -> Totals:
        """See IncidentReader."""
        delivered = (
            select(func.count())
            .select_from(OUTBOX)
            .where(OUTBOX.c.stream.like("patrol:alert:%"), OUTBOX.c.published_at.is_not(None))
        )
        return await self._door.read(
            lambda connection: Totals(
                alerts_accepted=connection.execute(select(func.count()).select_from(ALERTS)).scalar_one(),
                alerts_delivered=connection.execute(delivered).scalar_one(),
                alerts_acknowledged=connection.execute(
                    select(func.count()).select_from(ALERTS).where(ALERTS.c.acknowledged_at.is_not(None))
                ).scalar_one(),
            )
        )


def _effect_stored(connection: Connection, effect: Effect) -> bool:
    return _EFFECT_BY_KEY.value(connection, group=effect.group, of=effect.key) is not None


def _open_incidents(connection: Connection) -> tuple[Incident, ...]:
    query = select(INCIDENTS.c.body).where(INCIDENTS.c.is_open == 1).order_by(INCIDENTS.c.accepted_at.desc())
    return tuple(incident_in(body) for body in connection.execute(query).scalars())


def _closed_incidents(connection: Connection, limit: int, before: ClosedPlace | None) -> tuple[Incident, ...]:
    place = (INCIDENTS.c.closed_at, INCIDENTS.c.accepted_at, INCIDENTS.c.id)
    query = select(INCIDENTS.c.body).where(INCIDENTS.c.is_open == 0)
    if before is None:  # as the room asks several times a second: as the index has it, whose ties are in no order
        query = query.order_by(place[0].desc(), place[1].desc())
    else:
        query = query.order_by(*(each.desc() for each in place)).where(
            tuple_(*place) < tuple_(text_of(before.closed_at), text_of(before.accepted_at), before.id)
        )
    query = query.limit(limit)
    return tuple(incident_in(body) for body in connection.execute(query).scalars())

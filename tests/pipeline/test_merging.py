"""Incidents of several cameras, over the real store, the relay's order of things and dispatch: no red order waits."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from patrol.adapters import sql_history
from patrol.adapters.sql_audits import SqlAudits
from patrol.domain.alerts import Candidate, Verdict
from patrol.domain.auditing import AuditBounds, audit
from patrol.domain.closeness import MergePolicy
from patrol.domain.errors import Apart, NotTogether, StoreError
from patrol.domain.events import Level
from patrol.domain.incidents import AlertId, Disposition, IncidentId, IncidentState
from patrol.domain.messages import Envelope, read_message
from patrol.domain.orders import OrderState, ReceiptKind
from patrol.domain.retention import EvidenceClass
from tests.builders import at, unit
from tests.domain.test_closeness import seen_by
from tests.pipeline.dispatch_room import RINGS, DispatchRoom, dispatch_room
from tests.pipeline.parts import counted

USUALLY = MergePolicy()
UNITS = tuple(unit(f"U-{number}") for number in range(1, 5))


async def accepted(room: DispatchRoom, made: Candidate) -> tuple[Verdict, str]:
    acceptance = await room.store.accept(made, room.clock.now())
    assert acceptance.incident is not None
    return acceptance.verdict, acceptance.incident.id


async def through_the_queue(room: DispatchRoom, times: int = 4) -> None:
    for _ in range(times):
        await room.relay()
        await room.consume()


async def everything_told(room: DispatchRoom) -> list[Envelope]:
    await room.relay()
    return [read_message(body) for stream in room.queue.streams.values() for body in stream]


def stored_owner(folder: Path) -> dict[str, str]:
    with closing(sqlite3.connect(folder / "patrol.db")) as connection:
        return dict(connection.execute("select id, incident_id from alerts"))


def test_three_cameras_before_one_crowd_are_one_incident_with_one_order_and_three_alerts_each_delivered(
    tmp_path: Path,
) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, UNITS, policy=USUALLY) as room:
            verdicts = [await accepted(room, seen_by(number, 20.0 * number, 3.0 * number)) for number in range(1, 4)]
            assert verdicts == [
                (Verdict.NEW_INCIDENT, "I-1"),
                (Verdict.MERGED, "I-1"),
                (Verdict.MERGED, "I-1"),
            ]
            await through_the_queue(room)
            alerts = [json.loads(body) for body in room.queue.streams["patrol:alert:red"]]
            assert [(one["id"], one["data"]["incident_id"]) for one in alerts] == [
                ("A-1", "I-1"),
                ("A-2", "I-1"),
                ("A-3", "I-1"),
            ]
            assert [order.incident_id for order in await room.orders()] == ["I-1"]
            (incident,) = (await room.store.open_ledger()).incidents
            assert [witness.alert_ids for witness in incident.witnesses] == [("A-1",), ("A-2",), ("A-3",)]
            assert (await room.store.totals()).alerts_acknowledged == 3
            last = json.loads(room.queue.streams["patrol:incident"][-1])
            assert [one["why"]["en"] for one in last["data"]["cameras"]][2].startswith(
                "merged: camera East gate 3, 40 m"
            )

    asyncio.run(check())


def test_the_same_alert_again_gets_the_same_answer_also_after_its_incident_was_merged(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, UNITS, policy=USUALLY) as room:
            await accepted(room, seen_by(1, 0.0, 0.0))
            first = await room.store.accept(seen_by(2), room.clock.now())
            assert await room.store.accept(seen_by(2), at(500)) == first
            far = await accepted(room, seen_by(3, 300.0, 0.0))
            assert far == (Verdict.NEW_INCIDENT, "I-3")
            assert await room.desk.merge(IncidentId("I-3"), IncidentId("I-1"), "li") == "I-1"
            again = await room.store.accept(seen_by(3, 300.0, 0.0), at(500))
            assert again.verdict is Verdict.NEW_INCIDENT
            assert again.incident is not None
            assert again.incident.id == "I-1"

    asyncio.run(check())


def test_a_neighbour_that_cannot_be_read_holds_no_alert_up(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, UNITS, policy=USUALLY) as room:
            await accepted(room, seen_by(1, 0.0, 0.0))
            with closing(sqlite3.connect(tmp_path / "patrol.db", isolation_level=None)) as other:
                other.execute("update incidents set body = '{}'")
            assert await accepted(room, seen_by(2)) == (Verdict.NEW_INCIDENT, "I-2")

    asyncio.run(check())


def test_neighbours_are_found_by_an_index_and_not_by_reading_all_that_is_open(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, UNITS, policy=USUALLY) as room:
            await accepted(room, seen_by(1, 0.0, 0.0))
            query = sql_history._NEAR
            with closing(sqlite3.connect(tmp_path / "patrol.db")) as other:
                plan = other.execute(f"explain query plan {query._text}", ("",) * len(query._names)).fetchall()
            assert any("incidents_near (likeness=? AND latitude>? AND latitude<?)" in str(row[-1]) for row in plan), (
                plan
            )

    asyncio.run(check())


def test_a_red_alert_raises_what_waits_for_a_unit_and_the_order_goes_out_on_it_as_soon_as_alone(
    tmp_path: Path,
) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, UNITS[:1], policy=USUALLY) as room:
            await accepted(room, seen_by(1, 0.0, 0.0, level=Level.YELLOW))
            await through_the_queue(room)
            (order,) = await room.orders()
            await room.dispatching.handle(room.receipt(order, ReceiptKind.REJECTED))
            assert (await room.incident()).state is IncidentState.NEW
            room.clock.advance(1)
            assert await accepted(room, seen_by(2)) == (Verdict.MERGED, "I-1")
            assert (await room.incident()).level is Level.RED
            await through_the_queue(room)
            states = {one.state for one in await room.orders()}
            assert states == {OrderState.REJECTED, OrderState.SENT}, "who refused a yellow one is asked for the red one"
            red = json.loads(room.queue.streams["patrol:order:core"][-1])
            assert (red["severitytext"], red["data"]["level"]) == ("red", "red")

    asyncio.run(check())


def test_a_red_alert_near_a_yellow_order_that_nobody_answered_gets_its_own_at_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, UNITS, policy=USUALLY) as room:
            await accepted(room, seen_by(1, 0.0, 0.0, level=Level.YELLOW))
            await through_the_queue(room)
            assert await accepted(room, seen_by(2)) == (Verdict.NEW_INCIDENT, "I-2")
            await through_the_queue(room)
            assert {one.incident_id: one.unit_id for one in await room.orders()} == {"I-1": "U-1", "I-2": "U-2"}
            assert await accepted(room, seen_by(3, 42.0, 9.0)) == (Verdict.MERGED, "I-2"), "the red one's order is out"

    asyncio.run(check())


def test_merging_by_hand_keeps_one_order_frees_the_other_unit_and_moves_alerts_and_evidence(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, UNITS, policy=USUALLY) as room:
            await accepted(room, seen_by(1, 0.0, 0.0))
            await accepted(room, seen_by(2, 300.0))
            await through_the_queue(room)
            later = next(order for order in await room.orders() if order.incident_id == "I-2")
            await room.dispatching.handle(room.receipt(later, ReceiptKind.EN_ROUTE))
            assert await room.desk.merge(IncidentId("I-1"), IncidentId("I-2"), "li") == "I-2"
            orders = {one.incident_id: one.state for one in await room.orders()}
            assert orders == {"I-1": OrderState.RECALLED, "I-2": OrderState.EN_ROUTE}
            assert stored_owner(tmp_path) == {"A-1": "I-2", "A-2": "I-2"}
            assert counted(room.metrics, "patrol_incidents_closed_total", disposition="duplicate") == 1
            # A receipt for the order that was withdrawn comes late, and changes nothing.
            withdrawn = next(order for order in await room.orders() if order.incident_id == "I-1")
            await room.dispatching.handle(room.receipt(withdrawn, ReceiptKind.ACCEPTED, 9))
            assert (await room.incident("I-1")).state is IncidentState.CLOSED
            # Its evidence belongs to an open incident, though the incident that brought it is closed.
            assert await room.store.evidence.oldest(EvidenceClass.RED, 10, at(3600)) == []
            await room.desk.close(IncidentId("I-2"), Disposition.HANDLED, "li", "done")
            assert len(await room.store.evidence.oldest(EvidenceClass.RED, 10, at(3600))) == 2

    asyncio.run(check())


def test_the_next_alert_of_a_camera_follows_what_people_decided(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, UNITS, policy=USUALLY) as room:
            await accepted(room, seen_by(1, 0.0, 0.0))
            await accepted(room, seen_by(2, 300.0))
            await room.desk.merge(IncidentId("I-1"), IncidentId("I-2"), "li")
            room.clock.advance(100)
            again = replace(seen_by(2, 300.0, 100.0), alert_id=AlertId("A-8"), incident_id=IncidentId("I-8"))
            assert await accepted(room, again) == (Verdict.JOINED, "I-1")
            new_id = await room.desk.split(IncidentId("I-1"), AlertId("A-8"), "li")
            assert stored_owner(tmp_path) == {"A-1": "I-1", "A-2": new_id, "A-8": new_id}
            room.clock.advance(100)
            again = replace(again, alert_id=AlertId("A-9"), incident_id=IncidentId("I-9"), detected_at=at(200))
            assert await accepted(room, again) == (Verdict.JOINED, new_id)

    asyncio.run(check())


def test_what_is_split_off_gets_its_unit_at_once_and_what_it_left_keeps_its_own(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, UNITS, policy=USUALLY) as room:
            await accepted(room, seen_by(1, 0.0, 0.0))
            await accepted(room, seen_by(2))
            await through_the_queue(room)
            new_id = await room.desk.split(IncidentId("I-1"), AlertId("A-2"), "li")
            assert {one.incident_id: one.unit_id for one in await room.orders()} == {"I-1": "U-1", new_id: "U-2"}
            assert (await room.incident(new_id)).split_by == "li"
            with pytest.raises(NotTogether) as raised:
                await room.desk.split(IncidentId("I-1"), AlertId("A-2"), "li")
            assert raised.value.why is Apart.NO_SUCH_ALERT
            with pytest.raises(KeyError):
                await room.desk.merge(IncidentId("I-1"), IncidentId("I-77"), "li")
            with pytest.raises(NotTogether):
                await room.desk.merge(IncidentId("I-1"), IncidentId("I-1"), "li")

    asyncio.run(check())


def test_two_who_merge_at_once_are_one_merge_and_one_refusal(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, UNITS, policy=USUALLY) as room:
            for number, metres in ((1, 0.0), (2, 300.0), (3, 600.0)):
                await accepted(room, seen_by(number, metres, 0.0))
            answers = await asyncio.gather(
                room.desk.merge(IncidentId("I-1"), IncidentId("I-2"), "li"),
                room.desk.merge(IncidentId("I-2"), IncidentId("I-1"), "wang"),
                room.desk.merge(IncidentId("I-2"), IncidentId("I-3"), "zhao"),
                return_exceptions=True,
            )
            assert answers[0] == "I-1"
            assert [isinstance(answer, NotTogether) for answer in answers] == [False, True, True]
            assert set(stored_owner(tmp_path).values()) == {"I-1", "I-3"}

    asyncio.run(check())


def test_a_merge_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, UNITS, policy=USUALLY) as room:
            await accepted(room, seen_by(1, 0.0, 0.0))
            await accepted(room, seen_by(2, 300.0))
            before = await room.store.open_ledger()
            with closing(sqlite3.connect(tmp_path / "patrol.db", isolation_level=None)) as other:
                other.execute(
                    "create trigger full before update of incident_id on alerts begin select raise(abort, 'full'); end"
                )
            with pytest.raises(StoreError, match="full"):
                await room.desk.merge(IncidentId("I-1"), IncidentId("I-2"), "li")
            assert await room.store.open_ledger() == before

    asyncio.run(check())


def test_every_incidents_sequence_grows_by_one_and_the_auditor_has_nothing_to_say(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, UNITS, policy=USUALLY) as room:
            for number in range(1, 7):
                await accepted(room, seen_by(number, 60.0 * number, float(number)))
                await through_the_queue(room, 1)
            incidents = [one.id for one in (await room.store.open_ledger()).incidents]
            assert len(incidents) >= 2
            await room.desk.merge(IncidentId(incidents[0]), IncidentId(incidents[1]), "li")
            ledger = await room.store.open_ledger()
            several = next(one for one in ledger.incidents if len(one.witnesses) > 1)
            await room.desk.split(several.id, several.witnesses[-1].alert_ids[0], "li")
            await through_the_queue(room)
            sequences: defaultdict[str, list[int]] = defaultdict(list)
            for envelope in await everything_told(room):
                if envelope.subject.startswith("incident/"):
                    sequences[envelope.subject].append(envelope.sequence)
            for numbers in sequences.values():
                assert sorted(numbers) == list(range(1, len(numbers) + 1))
            room.clock.advance(12)
            view = await SqlAudits(room.store).look(room.clock.now(), 1.0, disturbed=False, dead_letters=0)
            kinds = {finding.kind.value for finding in audit(view, RINGS, AuditBounds())}
            assert kinds <= {"not_followed_up", "not_escalated"}, "nobody ticks here"

    asyncio.run(check())

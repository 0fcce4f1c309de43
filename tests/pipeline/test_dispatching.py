"""Dispatching: an alert becomes one order, receipts move it on, and nothing odd gets through."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from patrol.domain.errors import MessageError
from patrol.domain.events import Level
from patrol.domain.incidents import ClockName, Disposition, IncidentState
from patrol.domain.messages import DEAD_STREAM, INCIDENT, RECEIPT, RECEIPT_STREAM, Envelope
from patrol.domain.orders import OrderState, ReceiptKind
from patrol.domain.units import UnitState
from tests.builders import SQUARE, at, candidate, event, unit
from tests.pipeline.dispatch_room import dispatch_room
from tests.pipeline.parts import counted


def test_an_alert_becomes_an_order_and_is_acknowledged(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            (alert,) = await room.told("patrol:alert:")
            assert await room.dispatching.handle(alert) is True
            (order,) = await room.orders()
            assert (order.unit_id, order.state) == ("U-1", OrderState.SENT)
            assert [told.data["order_id"] for told in await room.told("patrol:order:core")] == [order.id]
            assert (await room.incident()).state is IncidentState.ORDERED
            assert (await room.store.totals()).alerts_acknowledged == 1

    asyncio.run(check())


def test_every_message_names_the_one_that_led_to_it_and_all_are_of_one_trace(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            incident_id = await room.alert()
            (alert,) = await room.told("patrol:alert:")
            await room.dispatching.handle(alert)
            (order,) = await room.orders()
            receipt = room.receipt(order, ReceiptKind.ACCEPTED)
            await room.dispatching.handle(receipt)
            await room.desk.confirm(incident_id, "Li")
            states = await room.told("patrol:incident")
            assert [(told.data["state"], told.cause) for told in states] == [
                ("new", alert.id),
                ("ordered", alert.id),
                ("accepted", receipt.id),
                ("accepted", None),  # a person did
            ]
            (sent,) = await room.told("patrol:order:")
            assert sent.cause == alert.id
            assert receipt.cause == sent.id
            assert alert.cause is None
            assert {told.trace for told in (alert, sent, receipt, *states)} == {alert.trace}

    asyncio.run(check())


def test_a_refusal_leads_to_what_follows_from_it_and_a_clock_is_no_message(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await room.dispatching.handle((await room.told("patrol:alert:"))[0])
            (order,) = await room.orders()
            refusal = room.receipt(order, ReceiptKind.REJECTED)
            await room.dispatching.handle(refusal)
            room.clock.advance(5)
            await room.following_up.tick()
            ended, again = (await room.told("patrol:incident"))[-2:]
            assert (ended.data["state"], ended.cause) == ("new", refusal.id)
            assert (again.data["state"], again.cause) == ("ordered", None)

    asyncio.run(check())


def test_an_alert_delivered_again_leads_to_no_second_order(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            (alert,) = await room.told("patrol:alert:")
            assert [await room.dispatching.handle(alert) for _ in range(4)] == [True, False, False, False]
            assert len(await room.orders()) == 1
            assert len(await room.told("patrol:order:")) == 1

    asyncio.run(check())


def test_a_second_alert_of_the_same_incident_leads_to_no_second_order(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert(1)
            room.clock.advance(120)
            await room.store.accept(candidate(2, event=event(camera_id="C-1")), room.clock.now())
            for alert in await room.told("patrol:alert:"):
                assert await room.dispatching.handle(alert) is True
            assert len(await room.orders()) == 1
            assert (await room.store.totals()).alerts_acknowledged == 2

    asyncio.run(check())


@pytest.mark.parametrize("level", [Level.RED, Level.YELLOW, Level.BLUE, Level.GREEN])
def test_an_alert_that_joins_what_is_known_to_be_short_asks_for_a_choice_at_once_only_where_it_is_red(
    tmp_path: Path, level: Level
) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, (unit("U-1"),)) as room:
            await room.alert(1)
            await room.alert(2, level=level)
            for alert in await room.told("patrol:alert:"):
                await room.dispatching.handle(alert)
            assert (await room.incident("I-2")).shortfall is not None
            (order,) = await room.orders()
            await room.dispatching.handle(room.receipt(order, ReceiptKind.REJECTED))  # now it is free for the other
            room.clock.advance(61)  # past its cooling down
            await room.store.accept(candidate(3, event=event(camera_id="C-2"), level=level), room.clock.now())
            (third,) = [told for told in await room.told("patrol:alert:") if told.data["alert_id"] == "A-3"]
            assert third.incident_id == "I-2"
            assert await room.dispatching.handle(third) is True
            sent_to = [order.incident_id for order in await room.orders()]
            assert sent_to == (["I-1", "I-2"] if level is Level.RED else ["I-1"])
            assert await room.dispatching.handle(third) is False  # handled once, whatever came of it
            await room.following_up.tick()
            assert [order.incident_id for order in await room.orders()] == ["I-1", "I-2"]
            assert (await room.store.totals()).alerts_acknowledged == 3

    asyncio.run(check())


def test_receipts_take_an_order_to_its_end_and_stamp_the_incidents_clocks(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await room.dispatching.handle((await room.told("patrol:alert:"))[0])
            (order,) = await room.orders()
            steps = (
                (ReceiptKind.ACCEPTED, 3, OrderState.ACCEPTED, UnitState.ASSIGNED),
                (ReceiptKind.EN_ROUTE, 5, OrderState.EN_ROUTE, UnitState.EN_ROUTE),
                (ReceiptKind.ON_SCENE, 32, OrderState.ON_SCENE, UnitState.ON_SCENE),
                (ReceiptKind.DONE, 8, OrderState.DONE, UnitState.RETURNING),
            )
            for number, (kind, after_s, order_state, unit_state) in enumerate(steps, start=1):
                room.clock.advance(after_s)
                receipt = room.receipt(order, kind, number, SQUARE)
                assert await room.dispatching.handle(receipt) is True
                assert await room.dispatching.handle(receipt) is False  # the same one again
                ledger = await room.store.open_ledger()
                assert ledger.orders[0].state is order_state
                duty = next(duty for duty in ledger.duties if duty.unit.id == order.unit_id)
                assert (duty.state, duty.place) == (unit_state, SQUARE)
            incident = await room.incident()
            assert incident.state is IncidentState.HANDLED
            assert incident.seconds(ClockName.ACCEPTED, ClockName.ON_SCENE) == 40
            assert incident.clocks[ClockName.HANDLED].at == at(48)
            assert counted(room.metrics, "patrol_response_seconds_sum", ring="core", level="red") == 40
            assert counted(room.metrics, "patrol_response_from_onset_seconds_sum", ring="core", level="red") == 44

    asyncio.run(check())


def test_receipts_out_of_order_never_roll_an_order_back(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await room.dispatching.handle((await room.told("patrol:alert:"))[0])
            (order,) = await room.orders()
            for number, kind in ((3, ReceiptKind.ON_SCENE), (1, ReceiptKind.ACCEPTED), (2, ReceiptKind.EN_ROUTE)):
                room.clock.advance(1)
                assert await room.dispatching.handle(room.receipt(order, kind, number)) is True
                assert (await room.orders())[0].state is OrderState.ON_SCENE
            assert (await room.incident()).state is IncidentState.ON_SCENE

    asyncio.run(check())


def test_a_unit_that_declines_is_free_again_and_its_incident_waits_for_another(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await room.dispatching.handle((await room.told("patrol:alert:"))[0])
            (order,) = await room.orders()
            await room.dispatching.handle(room.receipt(order, ReceiptKind.REJECTED))
            assert (await room.orders())[0].state is OrderState.REJECTED
            assert (await room.incident()).state is IncidentState.NEW
            assert {duty.state for duty in (await room.store.open_ledger()).duties} == {UnitState.AVAILABLE}

    asyncio.run(check())


def test_a_screens_receipt_stamps_when_the_incident_was_displayed(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await room.dispatching.handle((await room.told("patrol:alert:"))[0])
            (order,) = await room.orders()
            for seconds in (2, 3):
                room.clock.advance(seconds)
                await room.dispatching.handle(
                    room.receipt(replace(order, id="A-1", unit_id="seat-4"), ReceiptKind.DISPLAYED, seconds)
                )
            stamp = (await room.incident()).clocks[ClockName.DISPLAYED]
            assert (stamp.at, stamp.source) == (at(2), "seat-4")

    asyncio.run(check())


def test_messages_that_cannot_be_are_refused_with_the_reason(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            (alert,) = await room.told("patrol:alert:")
            await room.dispatching.handle(alert)
            (order,) = await room.orders()
            receipt = room.receipt(order, ReceiptKind.ACCEPTED)
            odd = (
                (replace(alert, id="x", subject="incident/I-unknown"), "no incident 'incident/I-unknown' in the store"),
                (replace(receipt, id="y", subject="incident/I-unknown"), "no incident"),
                (replace(alert, id="z", subject="order/O-1"), "expected incident/<id>"),
                (replace(alert, id="a", data={}), "data.alert_id: expected a string, got None"),
                (replace(alert, id="b", type=INCIDENT), "expected cn.patrol.alert.v1, cn.patrol.receipt.v1 or"),
                (replace(receipt, id="c", data={"kind": "levitates"}), "receipt: "),
                (replace(receipt, id="d", data={**receipt.data, "at": "2026-01-01T12:00:00"}), "with an offset"),
            )
            before = await room.store.open_ledger()
            for message, reason in odd:
                with pytest.raises(MessageError, match=reason):
                    await room.dispatching.handle(message)
            assert await room.store.open_ledger() == before

    asyncio.run(check())


def test_from_accepted_to_closed_over_the_queue_with_every_message_delivered_twice(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            rows = await room.store.unpublished(100)
            places = await room.queue.publish([row.message for row in (*rows, *rows)])
            await room.store.mark_published({row.number: place for row, place in zip(rows, places, strict=False)})
            await room.consume()
            (order,) = await room.orders()
            for number, kind in enumerate((ReceiptKind.ACCEPTED, ReceiptKind.ON_SCENE, ReceiptKind.DONE)):
                room.clock.advance(10)
                body = json.dumps(_as_sent(room.receipt(order, kind, number))).encode()
                room.queue.append(RECEIPT_STREAM, body)
                room.queue.append(RECEIPT_STREAM, body)
                await room.consume()
            await room.desk.close(order.incident_id, Disposition.HANDLED, "Li", "settled")
            assert (await room.incident()).state is IncidentState.CLOSED
            assert [o.state for o in await room.orders()] == [OrderState.DONE]
            assert room.queue.streams[DEAD_STREAM] == []
            assert counted(room.metrics, "patrol_messages_handled_total", group="dispatch") == 4
            assert counted(room.metrics, "patrol_messages_repeated_total", group="dispatch") == 4

    asyncio.run(check())


def _as_sent(envelope: Envelope) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": envelope.id,
        "source": envelope.source,
        "type": RECEIPT,
        "subject": envelope.subject,
        "sequence": f"{envelope.sequence:012d}",
        "data": envelope.data,
    }


STRANGE = {
    "a place that is no number": '"place": {"latitude": NaN, "longitude": 112.8}',
    "a place beyond everything": '"place": {"latitude": Infinity, "longitude": 112.8}',
    "a sequence without end": '"sequence": Infinity',
}
ENVELOPES = {
    "a figure that is no digit": b'{"specversion": "1.0", "id": "1", "source": "s", "type": "cn.patrol.receipt.v1", '
    b'"subject": "incident/I-1", "sequence": "\xc2\xb2", "data": {}}',
    "a number of five thousand digits": b'{"specversion": "1.0", "id": "1", "source": "s", '
    b'"type": "cn.patrol.receipt.v1", "subject": "incident/I-1", "sequence": "' + b"9" * 5000 + b'", "data": {}}',
    "brackets without end": b"[" * 60_000,
}


@pytest.mark.parametrize("strange", [*STRANGE, *ENVELOPES])
def test_a_strangers_receipt_ends_in_the_dead_letters_and_harms_nobody(tmp_path: Path, strange: str) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await room.relay()
            await room.consume()
            (order,) = await room.orders()
            body = ENVELOPES.get(strange)
            if body is None:
                sent = json.dumps(_as_sent(room.receipt(order, ReceiptKind.ACCEPTED)))
                # JSON takes the last of two fields with the same name.
                body = (sent[: sent.rindex("}}")] + ", " + STRANGE[strange] + "}}").encode()
            room.queue.append(RECEIPT_STREAM, body)
            await room.consume()
            assert room.queue.streams[DEAD_STREAM] == [body]
            assert (await room.incident()).state is IncidentState.ORDERED
            await room.dispatching.handle(room.receipt(order, ReceiptKind.ACCEPTED, 2))
            assert (await room.incident()).state is IncidentState.ACCEPTED

    asyncio.run(check())

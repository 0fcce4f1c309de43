"""The client: what a console in ten lines is promised, on a real Valkey."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis import Redis
from redis.asyncio.client import Pipeline

from patrol.client import (
    AlertData,
    ConfigError,
    MessageError,
    OrderData,
    PlaceData,
    QueueError,
    RecallData,
    Received,
    connect,
)
from patrol.client.console import LOOKED_UP_FOR_S, MAX_ATTEMPTS
from patrol.client.settling import answer_and_acknowledge
from patrol.contract.samples import samples
from patrol.domain.events import Level
from patrol.domain.messages import DEAD_STREAM, RECEIPT_STREAM, read_message, read_receipt
from patrol.domain.orders import Receipt, ReceiptKind
from tests.adapters.cable import cable_to

RED, GREEN, ORDERS = "patrol:alert:red", "patrol:alert:green", "patrol:order:core"
CANARY = "canary-51c2"
LEASE_S, SHORT_S = 30.0, 0.3  # so long that no stalled machine ends it; so short that it ends in a test


def body(number: int, sample: str = "alert", data: dict[str, Any] | None = None, **changes: Any) -> str:
    content = json.loads(samples()[sample].body)
    subject = {"alert": "alert_id", "order": "order_id", "recall": "order_id"}[sample]
    content["data"] = content["data"] | {subject: f"{sample}-{number}"} | (data or {})
    return json.dumps({**content, "id": f"{sample}-{number}", **changes})


def put(valkey: Redis, *numbers: int, stream: str = RED) -> None:
    for number in numbers:
        valkey.xadd(stream, {"ce": body(number)})


def receipts(valkey: Redis) -> list[Receipt]:
    return [read_receipt(read_message(fields["ce"])) for _, fields in valkey.xrange(RECEIPT_STREAM)]


def dead(valkey: Redis) -> list[tuple[str, str]]:
    return [(fields["ce"], fields["reason"]) for _, fields in valkey.xrange(DEAD_STREAM)]


def pending(valkey: Redis, stream: str = RED) -> int:
    return int(valkey.xpending(stream, "desk")["pending"])


def desk(url: str, seat: str = "one", **options: Any) -> Any:
    return connect(url, group="desk", seat=seat, **{"lease_s": LEASE_S, **options})


async def first(messages: AsyncIterator[Received[Any]]) -> Received[Any]:
    async with asyncio.timeout(30):
        return await anext(messages)


async def nothing_comes(
    messages: AsyncIterator[Received[Any]], within_s: float = 0.5, once: Callable[[], object] = lambda: True
) -> bool:
    """Whether no message came, in so long and until ``once`` holds."""
    waiting = asyncio.ensure_future(anext(messages))
    done, _ = await asyncio.wait((waiting,), timeout=within_s)
    if not done:
        await until(lambda: bool(once()) or waiting.done())
    came = waiting.done()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    return not came


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def run(check: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(check())  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", ["", "?protocol=2", "?protocol=3"])
def test_alerts_come_typed_the_most_urgent_first_and_are_acknowledged_once_their_receipt_is_stored(
    valkey: Redis, url: str, protocol: str
) -> None:
    put(valkey, 1, stream=GREEN)
    put(valkey, 2)

    async def check() -> None:
        async with desk(url + protocol) as console:
            alerts = console.alerts()
            alert = await first(alerts)
            assert isinstance(alert.data, AlertData)
            assert (alert.id, alert.attempt, alert.sequence) == ("alert-2", 1, 1)
            assert (alert.data.level, alert.data.camera_id, alert.data.words.en[:1]) == (Level.RED, "C-005", "7")
            assert alert.data.detected_at.utcoffset() is not None
            assert pending(valkey) == 1
            await alert.displayed(operator="li")
            assert pending(valkey) == 0
            assert (await first(alerts)).id == "alert-1"

    run(check)
    (receipt,) = receipts(valkey)
    assert (receipt.kind, receipt.subject_id, receipt.consumer) == (ReceiptKind.DISPLAYED, "alert-2", "desk")
    assert (receipt.seat, receipt.operator) == ("one", "li")


def test_only_the_levels_asked_for(valkey: Redis, url: str) -> None:
    put(valkey, 1, stream=GREEN)
    put(valkey, 2)

    async def check() -> None:
        async with desk(url) as console:
            green = console.alerts(Level.GREEN)
            alert = await first(green)
            assert alert.id == "alert-1"
            await alert.received()
            assert await nothing_comes(green)

    run(check)


def test_a_seat_that_is_back_gets_first_what_it_had_in_hand_and_another_seat_does_not(valkey: Redis, url: str) -> None:
    put(valkey, 1)

    async def check() -> None:
        async with desk(url, lease_s=30) as console:
            assert (await first(console.alerts())).id == "alert-1"
        put(valkey, 2)
        async with desk(url, seat="two", lease_s=30) as console:
            assert (await first(console.alerts())).id == "alert-2"
        async with desk(url, lease_s=30) as console:
            again = await first(console.alerts())
            assert (again.id, again.attempt) == ("alert-1", 2)

    run(check)


def test_what_a_dead_seat_left_is_taken_over_after_its_lease(valkey: Redis, url: str) -> None:
    put(valkey, 1)

    async def check() -> None:
        async with desk(url, seat="dead") as console:
            await first(console.alerts())
        async with desk(url, seat="two", lease_s=SHORT_S) as console:
            alert = await first(console.alerts())
            assert (alert.id, alert.attempt) == ("alert-1", 2)
            await alert.displayed()
        assert pending(valkey) == 0

    run(check)


def test_work_longer_than_the_lease_is_not_taken_over_while_its_seat_lives(valkey: Redis, url: str) -> None:
    put(valkey, 1)

    async def check() -> None:
        async with desk(url, lease_s=1.5) as working, desk(url, seat="two", lease_s=1.5) as idle:
            alert = await first(working.alerts())
            assert await nothing_comes(idle.alerts(), within_s=3)
            await alert.displayed()
        assert [receipt.seat for receipt in receipts(valkey)] == ["one"]
        assert pending(valkey) == 0

    run(check)


def test_given_back_it_comes_again_to_any_seat_and_the_fifth_delivery_is_a_dead_letter(valkey: Redis, url: str) -> None:
    put(valkey, 1)

    async def check() -> None:
        attempts = []
        async with desk(url, lease_s=SHORT_S) as console:
            alerts = console.alerts()
            for _ in range(MAX_ATTEMPTS - 1):
                alert = await first(alerts)
                attempts.append(alert.attempt)
                await alert.nack(after_s=0.05)
            assert await nothing_comes(alerts, once=lambda: dead(valkey))
        assert attempts == [1, 2, 3, 4]
        assert dead(valkey) == [(body(1), "delivered 5 times and never acknowledged")]
        assert pending(valkey) == 0

    run(check)


def test_given_back_with_a_wait_it_does_not_come_before(valkey: Redis, url: str) -> None:
    put(valkey, 1)

    async def check() -> None:
        async with desk(url, lease_s=5) as console, desk(url, seat="two", lease_s=5) as other:
            await (await first(console.alerts())).nack(after_s=0.7)
            alerts = other.alerts()
            assert await nothing_comes(alerts, within_s=0.3)
        async with desk(url, seat="two", lease_s=5) as other:
            assert (await first(other.alerts())).attempt == 2

    run(check)


def test_what_is_neither_answered_nor_kept_is_left_for_another_try(valkey: Redis, url: str) -> None:
    put(valkey, 1)

    async def check() -> None:
        async with desk(url) as console:
            alerts = console.alerts()
            assert (await first(alerts)).attempt == 1
            assert (await first(alerts)).attempt == 2

    run(check)


def test_kept_messages_are_worked_on_side_by_side(valkey: Redis, url: str) -> None:
    put(valkey, 1, 2, 3)

    async def check() -> None:
        async with desk(url, lease_s=1.5) as console:
            alerts, kept = console.alerts(), []
            for _ in range(3):
                kept.append(await first(alerts))
                kept[-1].keep()
            assert await nothing_comes(alerts, within_s=2)
            await asyncio.gather(*(alert.displayed() for alert in kept))
        assert pending(valkey) == 0
        assert {receipt.subject_id for receipt in receipts(valkey)} == {"alert-1", "alert-2", "alert-3"}

    run(check)


POISON = {
    "nothing": "",
    "no JSON": "not json",
    "another major version": body(1, type="cn.patrol.alert.v2"),
    "another type": body(1, type="cn.patrol.incident.v1"),
    "no data": body(1, data={}, type="cn.patrol.order.v1"),
    "no subject": body(1, subject="weather/7"),
    "not its type's data": body(1, data={"camera_id": None}),
    "a wrong level": body(1, data={"level": "mauve"}),
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_what_cannot_be_read_becomes_a_dead_letter_with_the_reason_and_holds_nobody_up(
    valkey: Redis, url: str, poison: str
) -> None:
    valkey.xadd(RED, {"ce": poison})
    put(valkey, 2)

    async def check() -> None:
        async with desk(url) as console:
            alert = await first(console.alerts())
            assert alert.id == "alert-2"
            await alert.displayed()
        assert pending(valkey) == 0
        ((letter, reason),) = dead(valkey)
        assert letter == poison
        assert len(reason) > 5

    run(check)


def test_a_dead_letter_of_wrong_data_names_the_field(valkey: Redis, url: str) -> None:
    valkey.xadd(RED, {"ce": body(1, data={"words": {"zh": "x"}})})

    async def check() -> None:
        async with desk(url) as console:
            assert await nothing_comes(console.alerts(), once=lambda: dead(valkey))
        assert dead(valkey)[0][1] == "data.words.en: Field required"

    run(check)


def test_what_the_handler_calls_hopeless_is_a_dead_letter_too(valkey: Redis, url: str) -> None:
    put(valkey, 1)

    async def check() -> None:
        async with desk(url) as console:
            await (await first(console.alerts())).dead("no such camera here")
        assert dead(valkey) == [(body(1), "no such camera here")]
        assert pending(valkey) == 0

    run(check)


def test_unknown_fields_and_values_of_open_sets_are_taken(valkey: Redis, url: str) -> None:
    valkey.xadd(RED, {"ce": body(1, data={"kind": "flood", "depth_m": 2, "words": {"zh": "水", "en": "w", "fr": "e"}})})
    valkey.xadd(RED, {"ce": body(2, traceparent="00-1"), "another": "field"})

    async def check() -> None:
        async with desk(url) as console:
            alerts = console.alerts()
            alert = await first(alerts)
            assert alert.data.kind == "flood"
            await alert.displayed()
            assert (await first(alerts)).id == "alert-2"

    run(check)


def test_a_message_that_comes_again_is_not_handed_out_again_not_even_to_another_seat(valkey: Redis, url: str) -> None:
    put(valkey, 1)

    async def check() -> None:
        async with desk(url) as console:
            alerts = console.alerts()
            await (await first(alerts)).displayed()
            put(valkey, 1, 2)
            alert = await first(alerts)
            assert alert.id == "alert-2"
            await alert.displayed()
            assert console.repeated == 1
        put(valkey, 2, 3)
        async with desk(url, seat="two") as console:
            assert (await first(console.alerts())).id == "alert-3"
            assert console.repeated == 1
        assert len(receipts(valkey)) == 2

    run(check)


def test_the_same_id_from_another_source_is_another_message(valkey: Redis, url: str) -> None:
    put(valkey, 1)
    valkey.xadd(RED, {"ce": body(1, source="/other")})

    async def check() -> None:
        async with desk(url) as console:
            alerts = console.alerts()
            keys = []
            for _ in range(2):
                alert = await first(alerts)
                keys.append(alert.key)
                await alert.displayed()
            assert keys == ["/patrol#alert-1", "/other#alert-1"]

    run(check)


def test_while_receipts_are_refused_nothing_is_acknowledged_and_then_both_happen(valkey: Redis, url: str) -> None:
    valkey.set(RECEIPT_STREAM, "in the way")
    put(valkey, 1)

    async def check() -> None:
        async with desk(url, lease_s=SHORT_S) as console:
            alert = await first(console.alerts())
            answering = asyncio.ensure_future(alert.displayed())
            await until(lambda: console.trouble is not None)
            assert "WRONGTYPE" in console.trouble
            await asyncio.sleep(2 * SHORT_S)
            assert pending(valkey) == 1
            valkey.delete(RECEIPT_STREAM)
            await answering
            assert console.trouble is None
        assert pending(valkey) == 0
        assert len(receipts(valkey)) == 1

    run(check)


def test_answers_of_several_tasks_go_in_one_round_trip(
    valkey: Redis, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(valkey, *range(20))
    sent: list[int] = []
    execute = Pipeline.execute

    async def counting(pipeline: Pipeline, raise_on_error: bool = True) -> Any:
        sent.append(len(pipeline.command_stack))
        return await execute(pipeline, raise_on_error)

    async def check() -> None:
        async with desk(url, ahead=20, lease_s=30) as console:
            alerts, kept = console.alerts(), []
            for _ in range(20):
                kept.append(await first(alerts))
                kept[-1].keep()
            monkeypatch.setattr(Pipeline, "execute", counting)
            await asyncio.gather(*(alert.displayed() for alert in kept))
            assert sent == [20]
        assert pending(valkey) == 0

    run(check)
    assert {receipt.subject_id for receipt in receipts(valkey)} == {f"alert-{number}" for number in range(20)}


def test_one_whose_receipt_is_refused_is_not_acknowledged_while_others_are(valkey: Redis, url: str) -> None:
    put(valkey, 1, 2)

    async def check() -> None:
        async with desk(url, ahead=2, lease_s=30) as console:
            alerts = console.alerts()
            one = await first(alerts)
            one.keep()
            two = await first(alerts)
            two.keep()
            valkey.set("no stream", "in the way")

            def aside(receipts: str, field: str, receipt: str, *rest: Any) -> Any:
                where = "no stream" if one.data.alert_id in receipt else receipts
                return answer_and_acknowledge(where, field, receipt, *rest)

            with pytest.MonkeyPatch.context() as patched:
                patched.setattr("patrol.client.console.answer_and_acknowledge", aside)
                patched.setattr(console, "_store", never)
                tasks = [asyncio.ensure_future(alert.displayed()) for alert in (one, two)]
                await tasks[1]
                await asyncio.sleep(0.1)
                assert not tasks[0].done()
                tasks[0].cancel()
            ((entry_id, _), _) = valkey.xrange(RED)
            assert [each["message_id"] for each in valkey.xpending_range(RED, "desk", "-", "+", 5)] == [entry_id]

    run(check)
    assert [receipt.subject_id for receipt in receipts(valkey)] == ["alert-2"]


async def never(*_: Any) -> None:
    await asyncio.Event().wait()


def test_a_user_that_may_run_no_scripts_answers_in_two_steps(valkey: Redis, url: str) -> None:
    commands = "+xadd +xack +xreadgroup +xgroup +xautoclaim +xclaim +xpending +exists +set +multi +exec +role +ping"
    valkey.execute_command("ACL", "SETUSER", "console", "on", ">pass", "~patrol:*", "resetchannels", *commands.split())
    put(valkey, 1, 2)
    try:

        async def check() -> None:
            address = f"redis://console:pass@127.0.0.1:{urlsplit(url).port}/0"
            async with desk(address, lease_s=30) as console:
                alerts = console.alerts()
                for _ in range(2):
                    await (await first(alerts)).displayed()
                assert console.trouble is None
            assert pending(valkey) == 0

        run(check)
    finally:
        valkey.execute_command("ACL", "DELUSER", "console")
    assert [receipt.subject_id for receipt in receipts(valkey)] == ["alert-1", "alert-2"]
    assert valkey.exists("patrol:done:desk:/patrol#alert-1")


def test_of_many_taken_at_once_none_is_handed_out_that_another_seat_has_handled_meanwhile(
    valkey: Redis, url: str
) -> None:
    put(valkey, 1, 2, 3)

    async def check() -> None:
        async with desk(url, ahead=3, lease_s=30) as console, desk(url, seat="two", lease_s=30) as other:
            alerts = console.alerts()
            one = await first(alerts)
            put(valkey, 2)  # the queue was restored, and it was published again
            again = await first(other.alerts())
            assert again.id == "alert-2"
            await again.displayed()
            await asyncio.sleep(LOOKED_UP_FOR_S + 0.1)
            await one.displayed()
            assert (await first(alerts)).id == "alert-3"
            assert console.repeated == 1

    run(check)


def test_a_receipt_told_again_after_a_crash_is_the_same_message(valkey: Redis, url: str) -> None:
    put(valkey, 1)

    async def check() -> None:
        for seat in ("one", "two"):
            async with desk(url, seat=seat, lease_s=SHORT_S) as console:
                alert = await first(console.alerts())
                await console.answer("alert-1", alert.incident_id, ReceiptKind.DISPLAYED)  # and dies before the XACK
        ids = {read_message(fields["ce"]).id for _, fields in valkey.xrange(RECEIPT_STREAM)}
        assert ids == {"desk:alert-1:displayed"}

    run(check)


def test_an_outage_is_outlived_and_told(valkey: Redis, url: str) -> None:
    port = urlsplit(url).port
    assert port is not None

    async def check() -> None:
        async with cable_to(port) as cable, desk(f"redis://127.0.0.1:{cable.port}/0", lease_s=30) as console:
            alerts = console.alerts()
            put(valkey, 1)
            alert = await first(alerts)
            await cable.pull()
            answering = asyncio.ensure_future(alert.displayed())
            await until(lambda: console.trouble is not None)
            put(valkey, 2)
            await cable.plug_in()
            await answering
            again = await first(alerts)
            assert (again.id, console.trouble) == ("alert-2", None)
            await again.displayed()
        assert pending(valkey) == 0
        assert [receipt.subject_id for receipt in receipts(valkey)] == ["alert-1", "alert-2"]

    run(check)


def test_redis_emptied_the_group_is_made_again_and_new_messages_come(valkey: Redis, url: str) -> None:
    async def check() -> None:
        async with desk(url) as console:
            alerts = console.alerts()
            put(valkey, 1)
            await first(alerts)
            valkey.flushall()
            put(valkey, 2)
            assert (await first(alerts)).id == "alert-2"

    run(check)


def test_an_entry_deleted_while_in_hand_is_let_go(valkey: Redis, url: str) -> None:
    put(valkey, 1, 2)

    async def check() -> None:
        async with desk(url) as console:
            await first(console.alerts())
        ((entry_id, _), _) = valkey.xrange(RED)
        valkey.xdel(RED, entry_id)
        async with desk(url) as console:
            assert (await first(console.alerts())).id == "alert-2"

    run(check)


def test_a_terminal_tells_its_way_and_each_step_is_a_receipt_of_its_own(valkey: Redis, url: str) -> None:
    valkey.xadd(ORDERS, {"ce": body(1, "order")})
    valkey.xadd(ORDERS, {"ce": body(1, "recall", id="order-1:recall")})

    async def check() -> None:
        async with desk(url) as terminal:
            orders = terminal.orders()
            order = await first(orders)
            assert isinstance(order.data, OrderData)
            await order.accepted(operator="wang")
            assert pending(valkey, ORDERS) == 0
            for metres in (1, 2):
                await order.en_route(PlaceData(35.49 + metres / 1e5, 112.85))
            await order.on_scene()
            recall = await first(orders)
            assert isinstance(recall.data, RecallData)
            assert recall.data.reason == "expired"
            with pytest.raises(MessageError, match="takes no receipt"):
                await recall.displayed()
            await recall.acknowledge()
        await asyncio.sleep(0.05)  # five receipts in a row run a few milliseconds ahead of the clock that numbers them
        async with desk(url) as terminal:  # restarted: what was acknowledged can still be told of
            await terminal.answer("order-1", order.incident_id, ReceiptKind.DONE)

    run(check)
    kinds = [receipt.kind for receipt in receipts(valkey)]
    assert kinds == [ReceiptKind.ACCEPTED, *[ReceiptKind.EN_ROUTE] * 2, ReceiptKind.ON_SCENE, ReceiptKind.DONE]
    numbers = [receipt.sequence for receipt in receipts(valkey)]
    assert numbers == sorted(set(numbers))
    assert len({read_message(fields["ce"]).id for _, fields in valkey.xrange(RECEIPT_STREAM)}) == 5
    assert receipts(valkey)[1].place is not None
    assert pending(valkey, ORDERS) == 0


def test_incidents_and_receipts_can_be_read_as_well(valkey: Redis, url: str) -> None:
    for name in ("incident", "maintenance", "receipt"):
        valkey.xadd(samples()[name].stream, {"ce": samples()[name].body})

    async def check() -> None:
        async with desk(url) as console:
            incidents = console.incidents()
            security = await first(incidents)
            assert (security.data.class_, security.data.clocks["t3"].source) == ("security", "store")
            await security.acknowledge()
            maintenance = await first(incidents)
            assert maintenance.data.maintenance.cameras[1].unsteady
            assert (await first(console.receipts())).data.kind is ReceiptKind.ACCEPTED

    run(check)


def test_heartbeats_come_like_any_message_and_take_no_receipt(valkey: Redis, url: str) -> None:
    valkey.xadd(samples()["heartbeat"].stream, {"ce": samples()["heartbeat"].body})

    async def check() -> None:
        async with desk(url) as console:
            heartbeat = await first(console.heartbeats())
            assert heartbeat.data.every_s == 5
            with pytest.raises(MessageError, match="takes no receipt"):
                await heartbeat.displayed()
            await heartbeat.acknowledge()

    run(check)
    assert dead(valkey) == []
    assert pending(valkey, "patrol:heartbeat") == 0


def test_a_prefix_keeps_a_trial_apart(valkey: Redis, url: str) -> None:
    put(valkey, 1)
    put(valkey, 2, stream=f"trial:{RED}")

    async def check() -> None:
        async with desk(url, prefix="trial:") as console:
            alert = await first(console.alerts())
            assert alert.id == "alert-2"
            await alert.displayed()

    run(check)
    assert valkey.xlen(f"trial:{RECEIPT_STREAM}") == 1
    assert all(str(key).startswith(("trial:", RED)) for key in valkey.keys("*"))


def test_a_wrong_password_is_told_without_showing_it(valkey: Redis, url: str) -> None:
    async def check() -> None:
        async with desk(f"redis://patrol:{CANARY}@127.0.0.1:{urlsplit(url).port}/0") as console:
            with pytest.raises(QueueError, match=r"^redis: \w+$") as caught:
                await first(console.alerts())
            assert CANARY not in repr(caught.value)

    run(check)


def test_an_address_that_cannot_be_one_is_refused_and_quotes_nothing_of_it() -> None:
    with pytest.raises(ConfigError, match="expected redis://") as caught:
        connect(f"http://{CANARY}@host", group="desk")
    assert CANARY not in str(caught.value)


def test_the_client_needs_nothing_that_sees_pictures() -> None:
    code = """
import sys, patrol.client
heavy = {"numpy", "cv2", "torch", "openvino", "shapely", "scipy", "av", "ultralytics", "sqlalchemy", "starlette"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

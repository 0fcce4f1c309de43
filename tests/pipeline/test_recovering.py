"""A backup of the database is put back, on a real database and a real Valkey: what the queue still knows comes back."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from faults.merges import wrong_merges
from patrol.adapters.memory import FakeClock
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_streams import RedisPublisher
from patrol.adapters.redis_told import RedisToldMessages
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_audits import SqlAudits
from patrol.adapters.sql_recovery import SqlRecovery
from patrol.adapters.sql_signs import SqlSigns
from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.domain.auditing import AuditBounds, FindingKind, audit
from patrol.domain.camera import CameraId
from patrol.domain.dispatch import Outcome, told
from patrol.domain.errors import NotTogether, StoreError, StoreFailure
from patrol.domain.events import Level
from patrol.domain.feedback import change_level, close, reopen
from patrol.domain.incidents import Disposition, FalseAlarmReason, Incident, IncidentId, IncidentState
from patrol.domain.merging import merge, split
from patrol.domain.messages import DEAD_STREAM, HEARTBEAT_STREAM, RED_STREAM, STREAMS
from patrol.domain.orders import Order, OrderState, Receipt, ReceiptKind
from patrol.domain.reading_back import WHY_ZH, Known
from patrol.metrics import Metrics
from patrol.pipeline.deciding import Deciding
from patrol.pipeline.recovering import Recovering
from patrol.pipeline.relaying import Relaying
from patrol.ports import Effect, Ledger
from tests.builders import NOON, at, camera, candidate, event, maintenance_incident, unit
from tests.pipeline.dispatch_room import RINGS
from tests.pipeline.parts import counted, fresh_metrics

UNITS = tuple(unit(f"U-{number}") for number in range(1, 9))
KNOWN = Known({CameraId(f"C-{number}"): camera(f"C-{number}") for number in range(100)}, RINGS)
FILE = "patrol.db"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_valkey(tmp_path_factory.mktemp("valkey")) as address:
        yield address


@dataclass
class Room:
    clock: FakeClock
    redis: Redis
    store: SqlStore
    signs: SqlSigns
    deciding: Deciding
    relaying: Relaying
    recovering: Recovering
    metrics: Metrics

    async def alert(self, number: int) -> IncidentId:
        seen = event(camera_id=CameraId(f"C-{number}"))
        made = candidate(number, event=seen, camera=camera(f"C-{number}"))
        acceptance = await self.store.accept(made, self.clock.now())
        assert acceptance.incident is not None
        return acceptance.incident.id

    async def receipt(self, incident_id: IncidentId, kind: ReceiptKind) -> None:
        order = (await self.orders_of(incident_id))[-1]
        receipt = Receipt(order.id, 1, "units", order.unit_id, kind, self.clock.now())
        await self.deciding.receive(incident_id, receipt, Effect("dispatch", f"{order.id}:{kind}"))

    async def orders_of(self, incident_id: IncidentId) -> list[Order]:
        ledger = await self.everything()
        return [order for order in ledger.orders if order.incident_id == incident_id]

    async def everything(self) -> Ledger:
        open_ones, closed = await self.store.open_ledger(), await self.store.latest_closed(1000)
        return Ledger(open_ones.incidents + closed.incidents, open_ones.orders + closed.orders, open_ones.duties)

    async def beat(self) -> None:
        """The next heartbeat; some seconds after the one before."""
        self.clock.advance(5.0)
        assert await self.signs.beat(f"H-{self.clock.now():%H%M%S}", self.clock.now())

    async def recover(self) -> None:
        stopping = asyncio.Event()
        await self.recovering.look()
        await asyncio.wait_for(self.recovering.run(stopping, repairs=True), 20)

    async def findings(self) -> list[FindingKind]:
        view = await SqlAudits(self.store).look(self.clock.now(), 1.0, disturbed=False, dead_letters=0)
        return [finding.kind for finding in audit(view, RINGS, AuditBounds())]


@asynccontextmanager
async def room(folder: Path, address: str, clock: FakeClock | None = None) -> AsyncIterator[Room]:
    clock, metrics = clock or FakeClock(NOON), fresh_metrics()
    store = SqlStore(f"sqlite:///{folder / FILE}", UNITS, clock)
    signs = SqlSigns(store)
    await store.open()
    redis = connect(address)
    try:
        yield Room(
            clock,
            redis,
            store,
            signs,
            Deciding(store, clock, metrics),
            Relaying(store, RedisPublisher(redis), clock, metrics),
            Recovering(SqlRecovery(store), RedisToldMessages(redis), KNOWN, clock, metrics),
            metrics,
        )
    finally:
        await redis.aclose()
        await store.aclose()


def back_up(folder: Path) -> None:
    for suffix in ("", "-wal"):
        if (folder / f"{FILE}{suffix}").exists():
            shutil.copy(folder / f"{FILE}{suffix}", folder / f"old.db{suffix}")


def put_back(folder: Path) -> None:
    for file in folder.glob(f"{FILE}*"):
        file.unlink()
    for file in folder.glob("old.db*"):
        shutil.copy(file, folder / file.name.replace("old.db", FILE))


def plain(incident: Incident) -> Incident:
    """Without what no message says."""
    witnesses = tuple(replace(one, distance_m=round(one.distance_m, 1)) for one in incident.witnesses)
    reason = WHY_ZH if incident.reason else None
    unsaid = replace(incident, urged_at=None, split_by=None, history=(), level_changes=(), highest_level=incident.level)
    return replace(unsaid, reason=reason, witnesses=witnesses)


def plain_order(order: Order) -> tuple[str, str, str, OrderState]:
    return order.id, order.incident_id, order.unit_id, order.state


async def live(room: Room, chance: random.Random, numbers: Iterator[int], steps: int) -> None:
    """Whatever may happen to incidents, at random."""
    for _ in range(steps):
        room.clock.advance(1.0)
        open_ones = [one for one in (await room.store.open_ledger()).incidents if one.target_s is not None]
        if not open_ones or chance.random() < 0.3:
            await room.alert(next(numbers))
            continue
        incident = chance.choice(open_ones)
        if chance.random() < 0.15:
            await merged_or_split(room, chance, incident, open_ones, f"I-{1000 + next(numbers)}")
            continue
        match incident.state:
            case IncidentState.NEW:
                await room.deciding.assign(incident.id)
            case IncidentState.ORDERED if chance.random() < 0.3:
                room.clock.advance(10.0)
                await room.deciding.doubt(incident.id, 10.0)
            case IncidentState.HANDLED:
                await room.deciding.close(incident.id, Disposition.HANDLED, "operator", "done")
            case IncidentState.ON_SCENE:
                await room.receipt(incident.id, ReceiptKind.DONE)
            case _ if chance.random() < 0.1:
                await room.deciding.close(incident.id, Disposition.FALSE_ALARM, "operator", "nothing there")
            case _:
                kinds = (ReceiptKind.ACCEPTED, ReceiptKind.EN_ROUTE, ReceiptKind.ON_SCENE, ReceiptKind.REJECTED)
                await room.receipt(incident.id, chance.choice(kinds))


async def merged_or_split(
    room: Room, chance: random.Random, incident: Incident, open_ones: list[Incident], new_id: str
) -> None:
    """By hand, where that can be."""
    now = room.clock.now()
    with suppress(NotTogether):
        if len(incident.witnesses) > 1 and chance.random() < 0.5:
            alert_id, new = incident.witnesses[-1].alert_ids[0], IncidentId(new_id)
            await room.store.decide_together((incident.id,), lambda of: split(of[0], alert_id, new, "operator", now))
        else:
            other = chance.choice(open_ones)
            await room.store.decide_together((incident.id, other.id), lambda of: merge(of[0], of[1], "operator", now))


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(one, marks=pytest.mark.long) for one in range(4, 30))])
def test_all_that_was_told_since_the_backup_comes_back_to_where_it_was(tmp_path: Path, server: str, seed: int) -> None:
    chance, numbers = random.Random(seed), iter(range(1, 80))

    async def before(room: Room) -> Ledger:
        await room.redis.flushall()
        await live(room, chance, numbers, 25)
        await room.beat()
        if chance.random() < 0.5:  # else the backup has messages that are published since
            await room.relaying.drain()
        back_up(tmp_path)
        await live(room, chance, numbers, 20)
        await room.relaying.drain()
        await live(room, chance, numbers, 20)
        await room.store.begin(told(Outcome(incident=maintenance_incident(99)), room.clock.now()))
        await room.relaying.drain()
        await room.beat()
        await room.relaying.drain()
        return await room.everything()

    async def after(room: Room, was: Ledger) -> None:
        await room.recover()
        now = await room.everything()
        before = {incident.id: plain(incident) for incident in was.incidents}
        assert {incident.id for incident in now.incidents} == before.keys()
        for incident in now.incidents:
            for mine, theirs in zip(plain(incident).witnesses, before[incident.id].witnesses, strict=True):
                for name, value in asdict(mine).items():
                    assert value == asdict(theirs)[name], f"{incident.id}: {mine.camera_id}: {name}"
            for name, value in asdict(plain(incident)).items():
                assert value == asdict(before[incident.id])[name], f"{incident.id}: {name}"
        assert sorted(map(plain_order, now.orders)) == sorted(map(plain_order, was.orders))
        assert {duty.unit.id: (duty.state, duty.order_id) for duty in now.duties} == {
            duty.unit.id: (duty.state, duty.order_id) for duty in was.duties
        }
        assert (await room.store.totals()).alerts_accepted == len({a for one in was.incidents for a in one.alert_ids})
        await live(room, chance, numbers, 20)  # and it goes on from there: no id and no sequence is taken twice
        await room.relaying.drain()
        assert await told_twice(room.redis) == []
        assert wrong_merges(tmp_path / FILE) == []

    async def check() -> None:
        async with room(tmp_path, server) as here:
            was = await before(here)
        put_back(tmp_path)
        async with room(tmp_path, server, here.clock) as again:
            await after(again, was)

    asyncio.run(check())


def test_what_people_said_since_the_backup_comes_back_and_an_earlier_life_stays_one(
    tmp_path: Path, server: str
) -> None:
    async def before(room: Room) -> Incident:
        await room.redis.flushall()
        await room.beat()
        await room.relaying.drain()
        back_up(tmp_path)
        incident_id = await room.alert(1)
        await room.deciding.assign(incident_id)
        for kind in (ReceiptKind.ACCEPTED, ReceiptKind.ON_SCENE, ReceiptKind.DONE):
            room.clock.advance(5.0)
            await room.receipt(incident_id, kind)
        await room.deciding.close(incident_id, Disposition.FALSE_ALARM, "Li", "", FalseAlarmReason.POSTER)
        room.clock.advance(60.0)
        await room.store.decide(incident_id, lambda s: reopen(s, "Wang", "it was real", room.clock.now()))
        await room.store.decide(incident_id, lambda s: change_level(s, Level.BLUE, "Wang", "small", room.clock.now()))
        asked = frozenset({Level.BLUE})
        await room.store.decide(
            incident_id, lambda s: close(s, Disposition.HANDLED, "Wang", "done", room.clock.now(), None, asked)
        )
        await room.beat()
        await room.relaying.drain()
        (was,) = (await room.everything()).incidents
        return was

    async def after(room: Room, was: Incident) -> None:
        await room.recover()
        ledger = await room.everything()
        (now,) = ledger.incidents
        for name, value in asdict(plain(now)).items():
            assert value == asdict(plain(was))[name], name
        assert (now.life, now.level_by, now.level) == (2, "Wang", Level.BLUE)
        assert now.closing is not None
        assert now.closing.operator == "Wang"
        (order,) = ledger.orders
        assert not order.is_open, "it was of the life before"
        assert all(duty.order_id is None for duty in ledger.duties)

    async def check() -> None:
        async with room(tmp_path, server) as here:
            was = await before(here)
        put_back(tmp_path)
        async with room(tmp_path, server, here.clock) as again:
            await after(again, was)

    asyncio.run(check())


async def told_twice(redis: Redis) -> list[str]:
    """Ids that stand for two different messages."""
    bodies: dict[tuple[str, str], bytes] = {}
    twice = []
    for stream in {*STREAMS} - {DEAD_STREAM, HEARTBEAT_STREAM}:
        for _, fields in await redis.xrange(stream):
            key = stream, json.loads(fields[b"ce"])["id"]
            if bodies.setdefault(key, fields[b"ce"]) != fields[b"ce"]:
                twice.append(" ".join(key))
    return twice


async def lived(room: Room, folder: Path, *, first_alerts: int = 1) -> None:
    """A backup with so many alerts, and two more since, one of them with an order."""
    await room.redis.flushall()
    for number in range(1, first_alerts + 1):
        await room.alert(number)
    await room.beat()
    await room.relaying.drain()
    back_up(folder)
    await room.deciding.assign(await room.alert(20))
    await room.alert(21)
    await room.beat()
    await room.relaying.drain()


def test_until_it_is_up_to_date_nothing_is_decided_by_any_process_and_reading_goes_on(
    tmp_path: Path, server: str
) -> None:
    async def check() -> None:
        async with room(tmp_path, server) as here:
            await lived(here, tmp_path)
        put_back(tmp_path)
        async with room(tmp_path, server, here.clock) as dispatch, room(tmp_path, server, here.clock) as relay:
            await dispatch.recovering.look()
            for refused in (
                relay.alert(30),
                relay.deciding.assign(IncidentId("I-1")),
                relay.beat(),
                dispatch.deciding.close(IncidentId("I-1"), Disposition.HANDLED, "o", "r"),
                dispatch.store.begin(told(Outcome(incident=maintenance_incident(99)), at(0))),
            ):
                with pytest.raises(StoreError, match="older than the queue") as caught:
                    await refused
                assert caught.value.failure is StoreFailure.BEHIND
            assert [one.id for one in (await dispatch.store.open_ledger()).incidents] == ["I-1"]
            await relay.recover()
            assert {one.id for one in (await dispatch.store.open_ledger()).incidents} == {"I-1", "I-20", "I-21"}
            await dispatch.deciding.assign(IncidentId("I-1"))
            (order,) = await dispatch.orders_of(IncidentId("I-20"))
            outcome = await dispatch.deciding.assign(IncidentId("I-20"))
            assert outcome is not None
            assert outcome.orders == ()  # a unit is on its way already
            assert order.state is OrderState.SENT
            await relay.beat()
            assert counted(relay.metrics, "patrol_alerts_recovered_total") == 2

    asyncio.run(check())


def test_people_are_told_that_a_backup_was_put_back_and_whether_the_queue_had_all_of_it(
    tmp_path: Path, server: str
) -> None:
    async def check() -> None:
        async with room(tmp_path, server) as here:
            await lived(here, tmp_path)
            assert FindingKind.RESTORED not in await here.findings()
            await here.beat()
            await here.relaying.drain()
            for _ in range(2):  # of a heartbeat in between nothing is left: it may have been trimmed
                oldest = await here.redis.xrange("patrol:heartbeat", count=1)
                await here.redis.xdel("patrol:heartbeat", oldest[0][0])
        put_back(tmp_path)
        async with room(tmp_path, server, here.clock) as again:
            await again.recover()
            assert FindingKind.RESTORED in await again.findings()
            view = await SqlAudits(again.store).look(again.clock.now(), 1.0, disturbed=False, dead_letters=0)
            assert view.restoration is not None
            assert (view.restoration.incidents, view.restoration.alerts, view.restoration.orders) == (3, 2, 2)
            assert not view.restoration.complete
            (finding,) = [one for one in audit(view, RINGS, AuditBounds()) if one.kind is FindingKind.RESTORED]
            assert "what is missing nobody can say" in finding.words_en
            assert "缺了哪些无从得知" in finding.words_zh
            again.clock.advance(25 * 3600)
            assert FindingKind.RESTORED not in await again.findings()

    asyncio.run(check())


def test_an_order_that_went_out_before_the_state_it_led_to_is_no_reason_to_send_another(
    tmp_path: Path, server: str
) -> None:
    async def check() -> None:
        async with room(tmp_path, server) as here:
            await lived(here, tmp_path)
            for entry, fields in await here.redis.xrange("patrol:incident"):
                message = json.loads(fields[b"ce"])
                if message["data"]["incident_id"] == "I-20" and message["data"]["state"] == "ordered":
                    await here.redis.xdel("patrol:incident", entry)
        put_back(tmp_path)
        async with room(tmp_path, server, here.clock) as again:
            await again.recover()
            (order,) = await again.orders_of(IncidentId("I-20"))
            assert order.state is OrderState.SENT
            outcome = await again.deciding.assign(IncidentId("I-20"))
            assert outcome is not None
            assert outcome.orders == ()
            await again.relaying.drain()
            entries = await again.redis.xrange("patrol:incident")
            told = [json.loads(fields[b"ce"])["data"] for _, fields in entries]
            assert [one["state"] for one in told if one["incident_id"] == "I-20"][-1] == "ordered"

    asyncio.run(check())


def test_a_store_that_went_back_by_less_than_a_heartbeat_is_noticed_as_well(tmp_path: Path, server: str) -> None:
    async def check() -> None:
        async with room(tmp_path, server) as here:
            await here.redis.flushall()
            await here.alert(1)
            await here.beat()
            await here.relaying.drain()
            back_up(tmp_path)
            await here.deciding.assign(await here.alert(20))
            await here.relaying.drain()
        put_back(tmp_path)
        async with room(tmp_path, server, here.clock) as again:
            await again.recover()
            (order,) = await again.orders_of(IncidentId("I-20"))
            assert order.state is OrderState.SENT
            await again.alert(21)
            await again.relaying.drain()
            assert await told_twice(again.redis) == []
        async with room(tmp_path, server, here.clock) as later:  # and it is not noticed twice
            await later.recovering.look()
            await later.alert(22)

    asyncio.run(check())


def test_what_cannot_be_made_again_is_a_dead_letter_and_holds_nothing_up(tmp_path: Path, server: str) -> None:
    async def check() -> None:
        async with room(tmp_path, server) as here:
            await lived(here, tmp_path)
            ((_, fields),) = [one for one in await here.redis.xrange(RED_STREAM) if b"A-21" in one[1][b"ce"]]
            strange = json.loads(fields[b"ce"])
            strange |= {"id": "A-40", "subject": "incident/I-40"}
            strange["data"] |= {"alert_id": "A-40", "kind": "earthquake"}
            await here.redis.xadd(RED_STREAM, {"ce": json.dumps(strange)})
            await here.redis.xadd(RED_STREAM, {"ce": "poison"})
        put_back(tmp_path)
        async with room(tmp_path, server, here.clock) as again:
            await again.recover()
            assert {one.id for one in (await again.store.open_ledger()).incidents} == {"I-1", "I-20", "I-21"}
            ((_, letter),) = await again.redis.xrange(DEAD_STREAM)
            assert json.loads(letter[b"ce"]) == strange
            assert b"earthquake" in letter[b"reason"]
            assert letter[b"stream"] == RED_STREAM.encode()

    asyncio.run(check())


def test_a_store_that_is_as_new_as_the_queue_or_a_queue_that_knows_nothing_changes_nothing(
    tmp_path: Path, server: str
) -> None:
    async def check() -> None:
        async with room(tmp_path, server) as here:
            await lived(here, tmp_path)
            was = await here.everything()
            await here.recover()
            assert await here.everything() == was
            await here.redis.flushall()
        put_back(tmp_path)
        async with room(tmp_path, server, here.clock) as again:
            await again.recover()
            assert FindingKind.RESTORED not in await again.findings()
            await again.alert(30)

    asyncio.run(check())


def test_where_the_order_never_reached_the_queue_somebody_is_sent_again(tmp_path: Path, server: str) -> None:
    async def check() -> None:
        async with room(tmp_path, server) as here:
            await lived(here, tmp_path)
            await here.redis.delete("patrol:order:core")
        put_back(tmp_path)
        async with room(tmp_path, server, here.clock) as again:
            await again.recover()
            found = {one.id: one for one in (await again.store.open_ledger()).incidents}
            assert found[IncidentId("I-20")].state is IncidentState.NEW
            assert await again.orders_of(IncidentId("I-20")) == []
            outcome = await again.deciding.assign(IncidentId("I-20"))
            assert outcome is not None
            assert outcome.reason == "ordered"
            await again.relaying.drain()
            assert await told_twice(again.redis) == []

    asyncio.run(check())

"""The outbox's life as a whole: relay, reconciler, trimmer on a real database, while the queue forgets what it likes.

Hypothesis makes up what happens: answers that never came, processes killed at the named steps, a queue that is emptied
or started with an old file, also in the middle of a round. Then everything is left alone, and whatever was accepted
must have reached every group. The same on streams in memory, quickly, and on a real Valkey.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from redis.asyncio import Redis

from patrol.adapters import sql
from patrol.adapters.memory import FakeClock
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_keeping import RedisStreamKeeper
from patrol.adapters.redis_streams import RedisPublisher, RedisSubscription
from patrol.adapters.sql import SqlStore
from patrol.domain.camera import CameraId
from patrol.domain.dispatch import display
from patrol.domain.errors import IllegalTransition, QueueError
from patrol.domain.events import Level
from patrol.domain.feedback import close, confirm
from patrol.domain.incidents import Disposition, Incident, IncidentId
from patrol.domain.messages import INCIDENT_STREAM, Message, read_message
from patrol.domain.streams import KEPT_FOR, EntryId, QueueState
from patrol.pipeline import reconciling, relaying
from patrol.pipeline.reconciling import Reconciling
from patrol.pipeline.relaying import Relaying
from patrol.pipeline.steps import Step
from patrol.ports import Delivery, MessagesRefusedError, Publisher, StreamKeeper, Subscription
from tests.builders import NOON, candidate, event
from tests.examples import examples
from tests.pipeline.lives import SLOW, folder
from tests.pipeline.parts import UNITS, fresh_metrics
from tests.pipeline.streams_in_memory import StreamsInMemory, SubscriptionInMemory

_Result = TypeVar("_Result")
_Key = tuple[str, str]
"""A message: its stream and its id."""

LEVELS = (Level.RED, Level.GREEN)
READ = (*(f"patrol:alert:{level}" for level in LEVELS), INCIDENT_STREAM)
GROUPS = ("dispatch", "console")
ALL = 10_000
ROUNDS_TO_HEAL = 40

Way = Step | int | str | None
"""How a round of the relay ends: killed at a step; with an answer that never comes, after so many messages were taken;
with a stream that refuses; well."""

WAYS: st.SearchStrategy[Way] = st.sampled_from(
    [None, None, None, Step.RELAY_READ, Step.RELAY_PUBLISHED, Step.RELAY_MARKED, 0, 1, ALL, *READ]
)

READING = ("acknowledged", "acknowledged", "done", "taken")
"""How far a consumer comes with what it was given, before it dies or goes on."""


class Killed(BaseException):
    """kill -9, as far as one process can tell another."""


class Server(Protocol):
    """A queue, and what may happen to it."""

    publisher: Publisher
    keeper: StreamKeeper

    def subscription(self, group: str) -> Subscription: ...

    async def make_group(self, group: str) -> None: ...

    async def empty(self) -> None: ...

    async def saved(self) -> object: ...

    async def restore(self, saved: Any) -> None: ...

    async def aclose(self) -> None: ...


class InMemory:
    def __init__(self, clock: FakeClock) -> None:
        self.streams = StreamsInMemory(clock)
        self.publisher: Publisher = self.streams
        self.keeper: StreamKeeper = self.streams
        self.empty, self.saved, self.restore = self.streams.empty, self.streams.saved, self.streams.restore

    def subscription(self, group: str) -> Subscription:
        return SubscriptionInMemory(self.streams, group, "one", READ)

    async def make_group(self, group: str) -> None:
        self.streams.make_group(group, READ)

    async def aclose(self) -> None:
        pass


@dataclass
class OnValkey:
    redis: Redis

    def __post_init__(self) -> None:
        self.publisher: Publisher = RedisPublisher(self.redis)
        self.keeper: StreamKeeper = RedisStreamKeeper(self.redis)

    def subscription(self, group: str) -> Subscription:
        return RedisSubscription(self.redis, group, "one", READ)

    async def make_group(self, group: str) -> None:
        await RedisSubscription(self.redis, group, "one", READ)._make_groups()

    async def empty(self) -> None:
        await self.redis.flushall()

    async def saved(self) -> Mapping[str, bytes | None]:
        return {name: await self.redis.dump(name) for name in READ}

    async def restore(self, saved: Mapping[str, bytes | None]) -> None:
        await self.redis.flushall()
        for name, dumped in saved.items():
            if dumped is not None:
                await self.redis.restore(name, 0, dumped)

    async def aclose(self) -> None:
        await self.redis.flushall()
        await self.redis.aclose()


class Disturbed:
    """Publisher and StreamKeeper between Patrol and the queue, where things happen that Patrol is not told.

    ``taken``: of the next messages the queue takes so many, and no answer comes. ``refusing``: this stream takes
    nothing the next time. ``between``: happens before the call of that name, or once bodies are found.
    ``restarts``: of the queue.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.taken: int | None = None
        self.refusing: str | None = None
        self.between: tuple[str, Callable[[], Awaitable[None]]] | None = None
        self.restarts = 0

    async def publish(self, messages: Sequence[Message], position: int = 0) -> Sequence[EntryId]:
        if self.taken is not None:
            if some := messages[: self.taken]:
                await self._server.publisher.publish(some)
            self.taken = None
            raise QueueError("no answer came in time")
        if self.refusing is not None:
            refused = {i: "no room" for i, message in enumerate(messages) if message.stream == self.refusing}
            self.refusing = None
            others = [i for i in range(len(messages)) if i not in refused]
            entries = await self._server.publisher.publish([messages[i] for i in others]) if others else ()
            if refused:
                raise MessagesRefusedError(refused, dict(zip(others, entries, strict=True)))
            return entries
        return await self._server.publisher.publish(messages, position)

    async def look(self, streams: Sequence[str]) -> QueueState:
        state = await self._server.keeper.look(streams)
        return replace(state, incarnation=f"{state.incarnation} {self.restarts}")

    async def bodies(self, places: Sequence[tuple[str, EntryId]]) -> Sequence[bytes | None]:
        await self._happens("bodies")
        found = await self._server.keeper.bodies(places)
        await self._happens("found")
        return found

    async def trim(self, before: Mapping[str, EntryId]) -> int:
        await self._happens("trim")
        return await self._server.keeper.trim(before)

    async def _happens(self, before: str) -> None:
        if self.between is not None and self.between[0] == before:
            happening, self.between = self.between[1], None
            await happening()


class Reader:
    """A group as the contract wants it: a message again has no second effect, an older sequence is old news."""

    def __init__(self) -> None:
        self.deliveries: Counter[_Key] = Counter()
        self.newest: dict[IncidentId, tuple[int, str]] = {}
        self.last_first_seen: dict[tuple[str, IncidentId], int] = defaultdict(int)
        self.overtaken = False

    def take(self, delivery: Delivery) -> None:
        envelope = read_message(delivery.body)
        key = (delivery.stream, envelope.id)
        self.deliveries[key] += 1
        if self.deliveries[key] > 1:
            return
        of_incident = (delivery.stream, envelope.incident_id)
        self.overtaken |= envelope.sequence < self.last_first_seen[of_incident]
        self.last_first_seen[of_incident] = envelope.sequence
        if delivery.stream == INCIDENT_STREAM:
            news = (envelope.sequence, envelope.data["state"])
            self.newest[envelope.incident_id] = max(news, self.newest.get(envelope.incident_id, news))


class OutboxLife(RuleBasedStateMachine):
    """Two cameras, so that incidents have several messages; two groups, which must get them all."""

    def __init__(self, opened: Callable[[FakeClock], Awaitable[Server]]) -> None:
        super().__init__()
        self.clock, self.metrics = FakeClock(NOON), fresh_metrics()
        self.runner = asyncio.Runner()
        self.folder = folder()
        self.die_at: Step | None = None
        self.patches = pytest.MonkeyPatch()
        for module in (sql, relaying, reconciling):
            self.patches.setattr(module, "passing", self._passing)
        self.patches.setattr(reconciling, "PAGE", 3)
        self.store = SqlStore(f"sqlite:///{Path(self.folder.name) / 'patrol.db'}", UNITS, self.clock)
        self.run(self.store.open())
        self.server = self.run(opened(self.clock))
        self.way = Disturbed(self.server)
        self._start()
        self.readers = {group: Reader() for group in GROUPS}
        self.subscriptions = {group: self.server.subscription(group) for group in GROUPS}
        self.run(self._back())
        self.saved = self.run(self.server.saved())
        self.numbers = 0
        self.expected: set[_Key] = set()
        self.incidents: dict[IncidentId, Incident] = {}
        self.calm = self.undisturbed = True  # nothing was lost; nothing was sent or delivered twice

    def run(self, coroutine: Coroutine[Any, Any, _Result] | Awaitable[_Result]) -> _Result:
        async def wait() -> _Result:
            return await coroutine

        return self.runner.run(wait())

    def _passing(self, step: Step) -> None:
        if step is self.die_at:
            self.die_at = None
            raise Killed

    def _start(self) -> None:
        """Relay, reconciler and trimmer: a process that knows nothing of the one before."""
        self.relaying = Relaying(self.store, self.way, self.clock, self.metrics)
        self.reconciling = Reconciling(self.store, self.way, self.clock, self.metrics)

    def teardown(self) -> None:
        try:
            self.it_is_left_alone()
        finally:
            self.patches.undo()
            self.run(self.server.aclose())
            self.run(self.store.aclose())
            self.runner.close()
            self.folder.cleanup()

    # What happens

    @initialize(level=st.sampled_from(LEVELS))
    def it_begins(self, level: Level) -> None:
        for camera in (1, 2):
            self._accept(camera, level, died=False)

    @rule(camera=st.integers(1, 2), level=st.sampled_from(LEVELS), died=st.booleans(), way=WAYS)
    def an_alert_is_accepted_and_relayed(self, camera: int, level: Level, died: bool, way: Way) -> None:
        self._accept(camera, level, died=died)
        self._relay(way)

    @rule(which=st.integers(0, 100), what=st.sampled_from(["display", "confirm", "close"]), way=WAYS)
    def an_incident_changes_and_that_is_relayed(self, which: int, what: str, way: Way) -> None:
        now = self.clock.now()
        decisions = {
            "display": lambda s: display(s, "seat 1", now),
            "confirm": lambda s: confirm(s, "Li", now),
            "close": lambda s: close(s, Disposition.HANDLED, "Li", "", now),
        }
        incident_id = list(self.incidents)[which % len(self.incidents)]
        try:
            outcome = self.run(self.store.decide(incident_id, decisions[what]))
        except IllegalTransition:
            return
        assert outcome is not None
        if outcome.incident is not None:
            self.incidents[incident_id] = outcome.incident
        self.expected |= {(message.stream, message.id) for message in outcome.messages}
        self._relay(way)

    @rule(group=st.sampled_from(GROUPS), limit=st.sampled_from([1, 3, ALL]), ends=st.sampled_from(READING))
    def a_group_reads(self, group: str, limit: int, ends: str) -> None:
        self.run(self._read(group, limit, ends))
        if ends != "acknowledged":
            self.undisturbed = False
            self.subscriptions[group] = self.server.subscription(group)

    @rule(killed=st.booleans())
    def it_is_reconciled(self, killed: bool) -> None:
        self._until_killed(Step.RECONCILE_COMPARED if killed else None, self.reconciling.round())

    @rule(
        how=st.sampled_from(["emptied", "restored", "restarted"]),
        before=st.sampled_from([None, None, "bodies", "found", "trim"]),
        reads=st.sets(st.sampled_from(GROUPS)),
    )
    def the_queue_loses_all_or_what_is_new(self, how: str, before: str | None, reads: set[str]) -> None:
        """Also in the middle of a round; and what is accepted next is relayed, and read, before anybody noticed."""

        async def happening() -> None:
            self.calm = self.undisturbed = False
            await (self.server.empty() if how == "emptied" else self.server.restore(self.saved))
            self.way.restarts += how == "restarted"
            await self._back()
            await self.relaying.drain()
            for group in reads:
                await self._read(group, ALL)

        if before is None:
            self.run(happening())
            return
        self._accept(1, Level.RED, died=False)
        self.way.between = (before, happening)
        self.run(self.reconciling.round())
        self.way.between = None

    @rule()
    def the_queue_is_saved(self) -> None:
        self.saved = self.run(self.server.saved())

    @rule(healed=st.booleans())
    def two_hours_pass(self, healed: bool) -> None:
        if healed:
            self.it_is_left_alone()
        self.clock.advance(2 * KEPT_FOR.total_seconds())
        self.run(self.reconciling.round())

    def _accept(self, camera: int, level: Level, *, died: bool) -> None:
        """Whoever dies before he hears that it was accepted, says it again."""
        self.numbers += 1
        seen = event(camera_id=CameraId(f"C-{camera}"))
        made = candidate(self.numbers, event=seen, level=level, cool_down_s=0.0)
        if died:
            self.die_at = Step.ACCEPT_STORED
            with pytest.raises(Killed):
                self.run(self.store.accept(made, self.clock.now()))
        acceptance = self.run(self.store.accept(made, self.clock.now()))
        alert, incident = acceptance.alert, acceptance.incident
        assert alert is not None
        assert incident is not None
        self.incidents[incident.id] = incident
        self.expected |= {
            (f"patrol:alert:{level}", alert.id),
            (INCIDENT_STREAM, f"{incident.id}:{incident.sequence}"),
        }

    def _relay(self, way: Way) -> None:
        match way:
            case Step():
                self.undisturbed = False
                self._until_killed(way, self.relaying.drain())
            case int():  # of so many messages, and no answer comes
                self.undisturbed = False
                self.way.taken = way
                self.run(self.relaying.drain())
            case str():
                self.way.refusing = way
                self.run(self.relaying.drain())
            case None:
                self.run(self.relaying.drain())
        self.way.taken = self.way.refusing = None

    def _until_killed(self, step: Step | None, work: Coroutine[Any, Any, None]) -> None:
        self.die_at = step
        try:
            self.run(work)
        except Killed:
            self._start()
        self.die_at = None

    async def _back(self) -> None:
        """Who lives makes its group anew at the first NOGROUP; ADR 016 says what one that does not may miss."""
        for group in GROUPS:
            await self.server.make_group(group)

    async def _read(self, group: str, limit: int, ends: str = "acknowledged") -> int:
        subscription = self.subscriptions[group]
        try:
            deliveries = await subscription.receive(limit, 0.001)
        except QueueError:  # emptied: told once, and the group is made again at the next try
            deliveries = await self.subscriptions[group].receive(limit, 0.001)
        for delivery in deliveries if ends != "taken" else ():
            self.readers[group].take(delivery)
        if ends == "acknowledged" and deliveries:
            await self.subscriptions[group].acknowledge(deliveries)
        return len(deliveries)

    # What holds

    def it_is_left_alone(self) -> None:
        """And heals: then whatever was accepted has reached every group, and nothing else has."""
        self.run(self._healed())
        published = len(self.expected)
        for reader in self.readers.values():
            assert set(reader.deliveries) == self.expected
            newest = {incident.id: (incident.sequence, incident.state.value) for incident in self.incidents.values()}
            assert reader.newest == newest
            assert not (self.calm and reader.overtaken), "in the order of the incident, where nothing was lost"
            assert not self.undisturbed or reader.deliveries.total() == published, "once, where nothing happened"

    async def _healed(self) -> None:
        for _ in range(ROUNDS_TO_HEAL):
            self.clock.advance(3.0)
            await self.relaying.drain()
            await self.reconciling.round()
            for group in GROUPS:
                while await self._read(group, ALL):
                    pass
            waiting, _ = await self.store.waiting()
            if waiting == 0 and not await self.store.unsettled(0, 1):
                return
        raise AssertionError("it never comes to rest")


async def in_memory(clock: FakeClock) -> Server:
    return InMemory(clock)


async def on_valkey(address: str, _clock: FakeClock) -> Server:
    redis = connect(address)
    await redis.flushall()
    return OnValkey(redis)


# What fails is made smaller before it is shown: for up to five minutes.
pytestmark = pytest.mark.timeout(600)


def test_whatever_happens_every_accepted_alert_reaches_every_group() -> None:
    run_state_machine_as_test(
        partial(OutboxLife, in_memory), settings=examples(60, stateful_step_count=30, suppress_health_check=SLOW)
    )


def test_where_ids_go_back_what_is_new_is_not_taken_for_what_was_acknowledged() -> None:
    """A queue lost in the middle of a round, whose clock is no farther than the last one's: found by the above."""
    life = OutboxLife(in_memory)
    life.it_begins(level=Level.GREEN)
    life.the_queue_loses_all_or_what_is_new(how="restored", before=None, reads=set(GROUPS))
    life.the_queue_loses_all_or_what_is_new(how="restored", before="bodies", reads=set())
    life.the_queue_loses_all_or_what_is_new(how="emptied", before="bodies", reads=set(GROUPS))
    life.teardown()


def test_where_an_older_file_has_other_messages_at_the_same_places_nothing_unread_is_settled() -> None:
    """Emptied, read, and put back to an older file in the middle of a round: found by the above."""
    life = OutboxLife(in_memory)
    life.it_begins(level=Level.GREEN)
    life.the_queue_loses_all_or_what_is_new(how="emptied", before="bodies", reads=set())
    life.the_queue_loses_all_or_what_is_new(how="emptied", before=None, reads=set())
    life.the_queue_is_saved()
    life.the_queue_loses_all_or_what_is_new(how="emptied", before="bodies", reads=set(GROUPS))
    life.the_queue_loses_all_or_what_is_new(how="restored", before="bodies", reads=set())
    life.the_queue_loses_all_or_what_is_new(how="emptied", before=None, reads=set())
    life.teardown()


@pytest.mark.long
def test_so_it_does_on_a_real_valkey(server: str) -> None:
    run_state_machine_as_test(
        partial(OutboxLife, partial(on_valkey, server)),
        settings=examples(20, stateful_step_count=10, suppress_health_check=SLOW),
    )

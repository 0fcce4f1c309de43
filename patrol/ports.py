"""Every port on one screen: what the pipeline needs from the outside, named for the need."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from patrol.domain.accounts import Account, ApiToken
from patrol.domain.alerts import Acceptance, Candidate
from patrol.domain.auditing import Audit, AuditView
from patrol.domain.board import Board
from patrol.domain.camera import Camera, CameraId
from patrol.domain.camera_history import CameraSpan, VisitRecord
from patrol.domain.camera_overview import CameraOverview, CameraTrouble, Worst
from patrol.domain.clocks import KeptTime
from patrol.domain.dead_letters import DeadLetter
from patrol.domain.deeds import NOT_KNOWN, Action, Asking, Deed
from patrol.domain.density import DensityMap
from patrol.domain.detections import Detections
from patrol.domain.dispatch import Duty, Outcome, Situation
from patrol.domain.drawing import DrawnScene, DrawnScenes, SceneVerdict, WrittenScene
from patrol.domain.errors import QueueError
from patrol.domain.events import Level
from patrol.domain.frame import Frame
from patrol.domain.health_memory import HealthMemory
from patrol.domain.heartbeats import Arrival, Heartbeat
from patrol.domain.heat import Heat, HeatCell, Span
from patrol.domain.incident_record import IncidentRecord
from patrol.domain.incidents import AlertId, Disposition, EvidenceId, FalseAlarmReason, Incident, IncidentId, OrderId
from patrol.domain.live import Glance, LivePicture, LiveStatus, LiveView, LiveWay
from patrol.domain.map_settings import MapTile
from patrol.domain.message_data import PositionData
from patrol.domain.messages import Message
from patrol.domain.orders import Order
from patrol.domain.pins import Pin
from patrol.domain.precision import Precision, PrecisionReport
from patrol.domain.recovering import Recovered, Stored
from patrol.domain.requests import TourRequest, ViewAcceptance
from patrol.domain.restoring import Reached, Restoration
from patrol.domain.retention import (
    Deletion,
    EvidenceClass,
    Gone,
    IndexRow,
    KeptEvidence,
    Medium,
    StoredFile,
    Usage,
)
from patrol.domain.room import ClosedPlace, ListedIncidents, OpenPlace, RoomSnapshot, SceneStanding, TourStatus
from patrol.domain.signing_in import Failures, SignedIn, SignIn, Visitor
from patrol.domain.skips import Skip
from patrol.domain.staffing import ReadUnits, RosterStanding, UnitRoster, WrittenRoster
from patrol.domain.storage import DiskSpace, StorageStatus
from patrol.domain.streams import EntryId, PublishedRow, QueueState, Unsettled
from patrol.domain.units import Unit, UnitId, UnitState
from patrol.domain.vocabulary import Place
from patrol.domain.wall import WallStill
from patrol.domain.ways import Start, TravelTable

_Arrived_co = TypeVar("_Arrived_co", covariant=True)


class Clock(Protocol):
    """Time, injected: wall time for people and for what must outlive the process, monotonic time for other timers."""

    def now(self) -> datetime:
        """Aware UTC; does not follow when the machine's clock jumps."""

    def monotonic(self) -> float:
        """Seconds; never goes back; its zero means nothing."""

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Let ``seconds`` pass, or less if ``event`` is set meanwhile. Returns whether it is."""


class TimeKeeper(Protocol):
    """The time kept beside the machine's clock, which may jump."""

    def kept(self) -> KeptTime:
        """As it is now."""

    def save(self) -> None:
        """Remember it over a restart. Blocks for a moment."""


class OpenSessions(Protocol):
    """Cameras' sessions: which are held between visits, too, how long others may have to wait, and which to hold."""

    @property
    def kept_open(self) -> frozenset[CameraId]:
        """Those whose streams are kept open now."""

    @property
    def passing(self) -> frozenset[CameraId]:
        """Those of them that are kept open for a focus only, and may be closed at any moment."""

    def longest_wait_s(self, camera_id: CameraId) -> float:
        """How long a visit may have to wait for a camera's next key frame, as far as it is known, seconds."""

    def hold(self, camera_id: CameraId, seconds: float) -> None:
        """For so long, from now, a camera is visited several times a second: more than its key frames are wanted.

        0: no more.
        """


OnUnconfirmed = Callable[[Camera, float], None]
"""Told of a camera's session that was closed without its word, and for how many seconds it may be held all the same."""


class ProcessorUse(Protocol):
    """What the work costs."""

    @property
    def cores(self) -> int:
        """How many cores there are for it."""

    def used_s(self) -> float:
        """Processor seconds that this process used so far."""


class FrameSource(Protocol):
    """Looks at one camera once."""

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        """Open, take one picture, close; the frame may be scaled down to what the detector needs.

        Raises CaptureError, at the latest after ``deadline_s``. Holds no session after it returned.
        """


class Detector(Protocol):
    """Finds objects in pictures."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """What it can find, by class id."""

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        """One result per frame, in order, in pixels of that frame; a batch equals its frames one by one."""


class DensityEstimator(Protocol):
    """Estimates how densely people stand in pictures, where they hide each other from a detector."""

    async def estimate(self, frames: Sequence[Frame]) -> Sequence[DensityMap]:
        """One map per frame, in order, of the whole picture."""


class SceneStore(Protocol):
    """Remembers over a restart what each camera's scene looks like."""

    async def load(self) -> Mapping[CameraId, HealthMemory]:
        """What was saved last; nothing if that cannot be read any more."""

    async def save(self, memories: Mapping[CameraId, HealthMemory]) -> None:
        """Keep this instead. Raises StoreError."""


class AlertStore(Protocol):
    """Where events become alerts."""

    async def cools_down(self, candidate: Candidate, now: datetime) -> bool:
        """Whether a candidate that was never tried would be refused as cooling down. ``accept`` has the last word.

        Raises StoreError.
        """

    async def accept(self, candidate: Candidate, now: datetime) -> Acceptance:
        """Accept a candidate, or not, with its outbox row, in one durable transaction.

        The same alert id again changes nothing and gives the first answer. Raises StoreError.
        """


@dataclass(frozen=True, slots=True)
class Spooled:
    """A candidate that waits for the store on the local disk, with its picture as JPEG. ``number``: its place."""

    number: int
    candidate: Candidate
    jpeg: bytes = field(repr=False)


class Spool(Protocol):
    """Keeps what the store does not take, in order, over a kill, until it does. Used by one process at a time."""

    @property
    def waiting(self) -> int:
        """How many wait."""

    @property
    def size(self) -> int:
        """Bytes of all that wait."""

    async def keep(self, candidate: Candidate, jpeg: bytes) -> None:
        """Keep one behind the others, durably. Raises StoreError, and has not kept it then."""

    async def oldest(self) -> Spooled | None:
        """The one that waits longest. What cannot be read is skipped, with a word. Raises StoreError."""

    async def done(self, spooled: Spooled) -> None:
        """The store has answered for it: forget it. Raises StoreError."""

    async def set_aside(self, spooled: Spooled) -> None:
        """The store will never take it as it is: keep it out of the way until the next start. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One message that waits to be published; in one stream the oldest first, by ``number``."""

    number: int
    message: Message
    waiting_since: datetime


class Outbox(Protocol):
    """Messages that were decided on: those not published yet, and those that the queue must not lose yet."""

    async def unpublished(self, limit: int) -> Sequence[OutboxRow]:
        """What waits, red alerts and orders first, then the oldest. Raises StoreError."""

    async def mark_published(self, entries: Mapping[int, EntryId]) -> None:
        """The queue has them: their numbers, and where each lies in its stream. Raises StoreError."""

    async def waiting(self) -> tuple[int, datetime | None]:
        """How many messages wait, and since when the oldest does. Raises StoreError."""

    async def news(self, within_s: float) -> None:
        """Wait until messages may have come since the last call, also from another process; no longer than this.

        Returns at once where that cannot be told.
        """


class SettlingOutbox(Protocol):
    """Messages that were published and that some group may still need."""

    async def unsettled(self, after: int, limit: int) -> Sequence[PublishedRow]:
        """Those with a number greater than ``after``, by number. Raises StoreError."""

    async def unsettled_by_stream(self) -> Mapping[str, Unsettled]:
        """How many there are of each stream. Raises StoreError."""

    async def settle(self, numbers: Sequence[int], lost: Sequence[int]) -> None:
        """Everybody has acknowledged the first; the queue has lost the second, so they wait to be published again.

        Raises StoreError.
        """


@dataclass(frozen=True, slots=True)
class Effect:
    """What makes an effect happen once: who handles, and the handled message's idempotency key.

    ``cause``: that message's id.
    """

    group: str
    key: str
    cause: str | None = None


class IncidentStore(Protocol):
    """Where decisions on incidents become facts."""

    async def decide(
        self, incident_id: IncidentId, decision: Callable[[Situation], Outcome], once: Effect | None = None
    ) -> Outcome | None:
        """Load the situation, decide, and store the outcome with its messages, in one durable transaction.

        Returns None if the effect ``once`` is stored already. Raises KeyError for an unknown incident, whatever
        ``decision`` raises (then nothing is stored), StoreError.
        """

    async def decide_together(
        self, incident_ids: Sequence[IncidentId], decision: Callable[[Sequence[Situation]], Sequence[Outcome]]
    ) -> Sequence[Outcome]:
        """Decide on several incidents, in the given order, at once, and store all outcomes in one durable transaction.

        An alert belongs, from then on, to the incident of the outcomes that lists it and is not merged into another.
        Raises what ``decide`` raises.
        """

    async def decide_board(
        self,
        incident_id: IncidentId,
        decision: Callable[[Board], Sequence[Outcome]],
        once: Effect | None = None,
        unit_id: UnitId | None = None,
    ) -> Sequence[Outcome] | None:
        """Decide on an incident that asks for units together with all that wait, as ``decide`` does on one.

        ``unit_id``: also with whatever this unit is on.
        """

    async def situation(self, incident_id: IncidentId) -> Situation:
        """An incident as it is now, to be looked at only: others may decide on it meanwhile.

        Raises KeyError for an unknown incident, StoreError.
        """


class DutyStore(Protocol):
    """What units do and where they are, apart from any incident. Each raises StoreError."""

    async def all_duties(self) -> Sequence[Duty]:
        """Every configured unit's."""

    async def place(self, decision: Callable[[Mapping[UnitId, Duty]], Sequence[Duty]]) -> None:
        """Store where units are, of many at once; what else the decision says of them is left alone.

        A power cut may undo it: the next position comes soon. ``decision`` may be made more than once; the last counts.
        """

    async def change(
        self,
        decision: Callable[[Sequence[Duty]], Sequence[Duty]],
        who: str,
        why: str,
        at: datetime,
        deed: Deed | None = None,
    ) -> Sequence[Duty]:
        """Store what units do, where no order is concerned, and who changed it and why, in one durable transaction.

        ``deed``: a person's, if it is one's.

        Returns those that were stored. Raises what ``decision`` raises; then nothing is.
        """


class DeedLog(Protocol):
    """What people did. Each raises StoreError."""

    async def note(self, who: str, action: Action, subject: str, detail: str = "", asking: Asking = NOT_KNOWN) -> int:
        """Keep one that goes with no decision, durably, as of now. Returns its number.

        Raises DoneBefore where its request was done.
        """

    async def came_of(self, number: int, led_to: str) -> None:
        """Keep with the deed of that number what came of it."""

    async def done(self, who: str, request: str) -> Deed | None:
        """What was done for a request of theirs that named itself so; None: nothing yet."""

    async def latest(self, limit: int, before: int | None = None) -> Sequence[tuple[int, Deed]]:
        """The newest ones, newest first, with their numbers; ``before``: only those with lower numbers."""


class PasswordHasher(Protocol):
    """Makes of a password what may be kept of it. Takes a processor for some 100 ms."""

    def hash(self, password: str) -> str:
        """What is kept: with its own salt, and how it was made."""

    def is_right(self, kept: str, password: str) -> bool:
        """Whether this was made of that password. What cannot be read was not."""

    def is_outdated(self, kept: str) -> bool:
        """Whether it would be made otherwise today."""


class AccountStore(Protocol):
    """Accounts, their tokens, and who is signed in. Each raises StoreError; what changes something notes its deed."""

    async def any_account(self) -> bool:
        """Whether there is one, disabled or not."""

    async def account(self, name: str) -> Account | None:
        """By any spelling of its name."""

    async def accounts(self) -> Sequence[Account]:
        """All, by name."""

    async def add(self, account: Account, deed: Deed) -> None:
        """Raises InputError if that name is taken."""

    async def change(self, account: Account, deed: Deed, *, keeping: str | None = None) -> None:
        """Another role or password, or disabled: whoever is signed in by it is not any more, but for one sign-in.

        Raises InputError if there is none of that name.
        """

    async def rehash(self, account: Account, password: str) -> None:
        """The same password, kept in another way; nothing where it was changed meanwhile."""

    async def failures(self, keys: Collection[str]) -> Mapping[str, Failures]:
        """Wrong passwords in a row, where there are some."""

    async def note_failures(self, keys: Collection[str], deed: Deed) -> None:
        """One more, at the time of the deed. Those of long ago are forgotten."""

    async def knows_browser(self, key: str, since: datetime) -> bool:
        """Whether somebody was signed in there since then. ``key``: see ``browser_key``."""

    async def sign_in(
        self, sign_in: SignIn, account: Account, browser: str, forgiven: Collection[str], deed: Deed
    ) -> bool:
        """Keep it, and the browser's key, and forget these wrong passwords.

        False, and nothing is kept, if the account is another by now.
        """

    async def signed_in(self, sign_in_id: str) -> tuple[SignIn, Account] | None:
        """One that has not been ended, and whose it is."""

    async def note_seen(self, sign_in_id: str, at: datetime) -> None:
        """Somebody was there. A power cut may undo it."""

    async def sign_out(self, sign_in_id: str, deed: Deed) -> None:
        """End it; one that is over is fine."""

    async def add_token(self, token: ApiToken, deed: Deed) -> None:
        """Raises InputError if its account is none."""

    async def token(self, token_id: str) -> tuple[ApiToken, Account] | None:
        """One that has not been revoked, and whose it is."""

    async def tokens(self) -> Sequence[ApiToken]:
        """All, the oldest first."""

    async def revoke_token(self, token_id: str, deed: Deed) -> None:
        """Raises InputError if there is none."""


class SignInDesk(Protocol):
    """Where people sign in and out. Each raises StoreError."""

    async def has_accounts(self) -> bool:
        """Whether anybody could sign in; else the room is open, or shut."""

    async def sign_in(self, name: str, password: str, source: str, browser: str | None = None) -> SignedIn:
        """``source``: the address. ``browser``: its secret, where it has one. Raises SignInRefused."""

    async def visitor(self, secret: str) -> Visitor | None:
        """Who has this cookie; None where that is over. To ask is to be there."""

    async def machine(self, token: str) -> Visitor | None:
        """What has this token."""

    async def sign_out(self, secret: str, source: str) -> None:
        """End it; one that is over is fine."""

    async def change_password(self, visitor: Visitor, old: str, new: str, source: str) -> None:
        """All other sign-ins of theirs end. Raises SignInRefused, InputError for a new one that is not good enough."""


class MaintenanceStore(Protocol):
    """Where incidents of the class maintenance begin, and are found again."""

    async def begin(self, outcome: Outcome) -> Incident:
        """Store a new incident, which no alert opened, with its messages, in one durable transaction.

        The same incident id again changes nothing and gives what is stored. Raises StoreError.
        """

    async def open_maintenance(self) -> frozenset[IncidentId]:
        """Those that are open. Raises StoreError."""

    async def latest_maintenance(self, closed_since: datetime) -> Sequence[Incident]:
        """Those that are open or were closed no earlier than ``closed_since``. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Incidents with all their orders. ``incidents`` newest first; ``orders`` oldest first."""

    incidents: tuple[Incident, ...]
    orders: tuple[Order, ...]
    duties: tuple[Duty, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts since the store was made."""

    alerts_accepted: int
    alerts_delivered: int
    alerts_acknowledged: int


class IncidentReader(Protocol):
    """Where incidents are looked up."""

    async def open_ledger(self) -> Ledger:
        """All open incidents with their orders, and every unit's duty. Raises StoreError."""

    async def latest_closed(self, limit: int, before: ClosedPlace | None = None) -> Ledger:
        """The incidents closed last, with their orders; no duties. ``before``: only those behind that place.

        Raises StoreError.
        """

    async def one(self, incident_id: IncidentId) -> Ledger:
        """That incident with its orders; no duties. Raises KeyError where there is none, and StoreError."""

    async def totals(self) -> Totals:
        """Counts of alerts. Raises StoreError."""

    async def gone_evidence(self, ids: Collection[EvidenceId]) -> Mapping[EvidenceId, Gone]:
        """Which of these pictures and clips are not there any more, and why. Raises StoreError."""


class MessagesRefusedError(QueueError):
    """The queue answered for every message, and took some of them at most.

    ``refused``: the index of each one that was not taken, and why; ``taken``: of the others, where they lie.
    """

    def __init__(self, refused: Mapping[int, str], taken: Mapping[int, EntryId]) -> None:
        self.refused = refused
        self.taken = taken
        super().__init__(next(iter(refused.values())))


class Publisher(Protocol):
    """Gives messages to the queue."""

    async def publish(self, messages: Sequence[Message], position: int = 0) -> Sequence[EntryId]:
        """Append each to its stream, in order; returns where each lies. A stream that refuses holds up no other.

        ``position``: so far, at least, the store's outbox is published with them. The queue keeps that, from before
        the first of them is out there. Raises MessagesRefusedError, which says of each whether it arrived; any other
        QueueError: any of them may have.
        """


class StreamKeeper(Protocol):
    """Looks after the streams themselves."""

    async def look(self, streams: Sequence[str]) -> QueueState:
        """The queue as it is now, and these streams. Raises QueueError."""

    async def bodies(self, places: Sequence[tuple[str, EntryId]]) -> Sequence[bytes | None]:
        """What lies at each place of a stream, in order; None where there is nothing. Raises QueueError."""

    async def trim(self, before: Mapping[str, EntryId]) -> int:
        """Let go of what lies before these places, or a little less. Returns how many entries. Raises QueueError."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it was delivered. ``attempt`` counts deliveries, 1 for the first."""

    stream: str
    entry_id: str
    body: bytes
    attempt: int


class Subscription(Protocol):
    """One consumer of one group on some streams."""

    async def receive(self, limit: int, wait_s: float) -> Sequence[Delivery]:
        """Own unfinished deliveries first, then those of dead consumers, then new ones; empty after ``wait_s``.

        Raises QueueError.
        """

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Their effects are stored. Raises QueueError."""

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """Move a message that cannot be handled to the dead letters and acknowledge it. Raises QueueError."""


class DeadLetters(Protocol):
    """What could not be handled."""

    async def latest(self, limit: int, before: str | None = None) -> Sequence[DeadLetter]:
        """The newest ones, newest first; ``before``: only those older than this one, by id. Raises QueueError."""

    async def replay(self, letter_id: str, operator: str) -> DeadLetter:
        """Put the message back on its stream, under the same id; it is a dead letter no more, and that is counted.

        Raises KeyError if there is none of that id, MessageError if it does not say where it belongs, QueueError.
        """

    async def drop(self, letter_id: str) -> None:
        """Forget one for good. Raises KeyError if there is none of that id, QueueError."""


class Heartbeats(Protocol):
    """Where heartbeats begin and where they end. However many there were, little of them is kept."""

    async def beat(self, heartbeat_id: str, now: datetime) -> bool:
        """Put the next heartbeat into the outbox, in one durable transaction; those that were published are forgotten.

        Returns False, and writes nothing, while one still waits there or another process wrote one just now. Raises
        StoreError.
        """

    async def arrive(self, group: str, heartbeat: Heartbeat, at: datetime) -> bool:
        """A group has got one; only the newest is kept. Returns False if it is no news. Raises StoreError."""

    async def newest(self, group: str) -> Arrival | None:
        """The newest one that a group has got. Raises StoreError."""


class AuditSource(Protocol):
    """Where it stands what is where, and since when."""

    async def look(self, at: datetime, late_after_s: float, *, disturbed: bool, dead_letters: int | None) -> AuditView:
        """What stands where it is for longer than ``late_after_s``; the rest is what the auditor knows itself.

        Raises StoreError.
        """


class Audits(Protocol):
    """Where the auditor's last look is kept: that it looked, and what it found."""

    async def keep_audit(self, audit: Audit) -> None:
        """Keep this instead of the last. Raises StoreError."""

    async def latest_audit(self) -> Audit | None:
        """The last look; None if there was none yet. Raises StoreError."""


Recover = Callable[[Mapping[IncidentId, Stored]], Sequence[Recovered]]
"""Incidents as the queue tells of them, from what the store has of them."""


class RecoverableStore(Protocol):
    """A store that may have been put back to an older state. Each raises StoreError."""

    async def reached(self) -> tuple[Reached, datetime | None]:
        """How far it has come, and when its newest heartbeat was begun; None before the first."""

    async def behind(self) -> Reached | None:
        """How far the queue has seen it come, while the store is behind; else None."""

    async def note_behind(self, seen: Reached) -> None:
        """Nothing is decided from now on, by no process, until ``recover``."""

    async def sequences(self, ids: Sequence[IncidentId]) -> Mapping[IncidentId, int]:
        """How far these incidents are, those that it has."""

    async def recover(
        self, ids: Sequence[IncidentId], recover: Recover, restoration: Restoration
    ) -> Restoration | None:
        """Make these incidents again, in one durable transaction; from then on it is not behind.

        Returns what was done; None where it was not behind any more.
        """


class ToldMessages(Protocol):
    """What the queue still holds of what was told. Each raises QueueError."""

    async def seen(self) -> tuple[Reached, int | None]:
        """How far it has seen a store come, and the lowest number of a heartbeat that it holds; None without any."""

    async def page(self, stream: str, after: EntryId | None, limit: int) -> Sequence[tuple[EntryId, bytes]]:
        """The next entries of a stream."""

    async def bury(self, stream: str, entry: EntryId, body: bytes, reason: str) -> None:
        """Put a copy into the dead letters: what could not be made again is for people to see."""


class TourReports(Protocol):
    """How the tour tells the room about itself, also from another process."""

    async def report(self, status: TourStatus) -> None:
        """Show this; the newest wins. Raises QueueError."""

    async def latest(self) -> TourStatus | None:
        """The newest report, or None if there is none younger than some seconds. Raises QueueError."""


class TourRequests(Protocol):
    """What the room asks of the tour, also in another process. A request that nobody takes soon is forgotten."""

    async def ask(self, request: TourRequest) -> None:
        """Ask this of the tour. Raises QueueError."""

    async def take(self) -> Sequence[TourRequest]:
        """What was asked for since the last time, oldest first. Raises QueueError."""


class CameraHistory(Protocol):
    """How long cameras were unseen, span by span. Each raises StoreError."""

    async def keep(self, spans: Sequence[CameraSpan], before: datetime) -> None:
        """Write these down, with what is there of the same spans; of these cameras forget what began before then."""

    async def spans(self, camera_id: CameraId, since: datetime) -> Sequence[CameraSpan]:
        """One camera's, that began no earlier than ``since``, the oldest first."""

    async def worst(self, cameras: Sequence[CameraId], since: datetime) -> Mapping[CameraId, Worst]:
        """Of each of them, of which there is any span since then, the one in which it was unseen longest, relative to
        its bound."""


class VisitRecords(Protocol):
    """What the tour remembers of a camera that somebody looks at, also in another process. Each raises QueueError.

    Nothing is told of others; a record that nobody fetches soon is gone.
    """

    async def want(self, camera_id: CameraId) -> None:
        """Somebody wants to know; the newest wishes are kept for some seconds, not many."""

    async def wanted(self) -> Sequence[CameraId]:
        """What was wanted since the last time, each once."""

    async def show(self, record: VisitRecord) -> None:
        """Tell of one."""

    async def latest(self, camera_id: CameraId) -> VisitRecord | None:
        """The newest record of the camera, or None if there is none younger than some seconds."""


class CameraView(Protocol):
    """What people who look after cameras see of them. Each raises StoreError; KeyError where there is no such one."""

    async def cameras(self) -> Sequence[CameraOverview]:
        """Every camera as it stands, in the order of the configuration."""

    async def history(self, camera_id: CameraId, since: datetime) -> Sequence[CameraSpan]:
        """Its spans since then, oldest first, the running one among them where the tour tells of it."""

    async def troubles(self, camera_id: CameraId, since: datetime) -> Sequence[CameraTrouble]:
        """What technicians were told of it: what lasts first, then what ended since then, newest first."""

    async def visits(self, camera_id: CameraId) -> VisitRecord | None:
        """Its latest visits; None where the tour does not tell of them in time."""


class Arriving(Protocol[_Arrived_co]):
    """What is told by others, as long as somebody listens."""

    async def next(self, within_s: float) -> _Arrived_co | None:
        """The next one, or None where there is none within so long. What cannot be read is left out.

        Raises QueueError.
        """


class Wall(Protocol):
    """Between whoever looks at the tour wall and the tour, also in another process. Nothing is kept anywhere.

    What is told reaches those who listen at that moment, and may be lost. Each raises QueueError.
    """

    async def wish(self, cameras: Collection[CameraId]) -> None:
        """Somebody has these in sight; see WISHED_FOR_S."""

    async def show(self, still: WallStill) -> None:
        """This is what the tour saw."""

    def wishes(self) -> AbstractAsyncContextManager[Arriving[Sequence[CameraId]]]:
        """Listen to what is in sight."""

    def stills(self) -> AbstractAsyncContextManager[Arriving[WallStill]]:
        """Listen to what the tour saw."""


class DiskWatch(Protocol):
    """How much room there is."""

    async def spaces(self) -> Sequence[DiskSpace]:
        """Of each place, the disk it lies on, as far as that can be told."""


class StorageWatch(Protocol):
    """What is stored on this machine, seen from outside of what stores it."""

    async def status(self) -> StorageStatus:
        """As it is now."""


class RoomView(Protocol):
    """What the feed shows."""

    async def snapshot(self) -> RoomSnapshot:
        """The room as it is now. Raises StoreError."""

    async def past(self, limit: int, before: ClosedPlace | None = None) -> ListedIncidents:
        """The incidents closed last; ``before``: only those behind that place. Raises StoreError."""

    async def open(self, limit: int, before: OpenPlace | None = None) -> ListedIncidents:
        """The open incidents accepted last; ``before``: only those behind that place. Raises StoreError."""

    async def one(self, incident_id: IncidentId) -> ListedIncidents:
        """That one, open or not. Raises KeyError where there is none, and StoreError."""


class RecordView(Protocol):
    """What happened with each incident."""

    async def record(self, incident_id: IncidentId) -> IncidentRecord:
        """What became of its orders, and what people did. Raises KeyError where there is none, and StoreError."""


class RoomDesk(Protocol):
    """What an operator can do in the feed. Each raises StoreError; KeyError for an unknown incident."""

    def asked(self, asking: Asking) -> RoomDesk:
        """This desk, for one request. Where that names itself, what it asks for is done once, however often it comes.

        What is done already raises DoneBefore, and changes nothing; what was asked of the queue is asked again.
        """

    async def displayed(self, incident_id: IncidentId, seat: str) -> None:
        """A seat has shown this incident to a person (t4)."""

    async def confirm(self, incident_id: IncidentId, operator: str) -> None:
        """An operator looked and says it is real (t5)."""

    async def acknowledge(self, incident_id: IncidentId, operator: str) -> None:
        """An operator has taken on what is late: it is told no farther up until something else gets late."""

    async def close(
        self,
        incident_id: IncidentId,
        disposition: Disposition,
        operator: str,
        reason: str,
        reason_code: FalseAlarmReason | None = None,
        duplicate_of: IncidentId | None = None,
    ) -> bool:
        """Feedback: close with a disposition (t11, t12). Returns whether it is closed, or waits for a second person.

        ``duplicate_of``: of a duplicate, the incident that is the same thing.

        Raises IllegalTransition if it is closed already, NotAsAsked.
        """

    async def withdraw_closing(self, incident_id: IncidentId, operator: str) -> None:
        """The feedback that waits for a second person does not count. Raises NotAsAsked."""

    async def change_level(
        self, incident_id: IncidentId, level: Level, operator: str, reason: str, seen_at: datetime | None = None
    ) -> None:
        """An operator says how urgent it is. Raises NotAsAsked.

        ``seen_at``: when the room was as the operator saw it.
        """

    async def note(self, incident_id: IncidentId, operator: str, text: str) -> None:
        """Somebody writes something down about it, open or closed."""

    async def reopen(self, incident_id: IncidentId, operator: str, reason: str) -> None:
        """Open it again. Raises NotAsAsked."""

    async def merge(self, incident_id: IncidentId, other_id: IncidentId, operator: str) -> IncidentId:
        """Make one of two: the id of the one that goes on. Raises NotTogether."""

    async def split(self, incident_id: IncidentId, alert_id: AlertId, operator: str) -> IncidentId:
        """Take the camera with this alert out: the id of its own incident. Raises NotTogether."""

    async def order_unit(
        self, incident_id: IncidentId, unit_id: UnitId, operator: str, seen_at: datetime | None = None
    ) -> None:
        """Send this unit, whatever it was ordered to do before it was on scene. Raises NotToBeSent.

        ``seen_at``: when the room was as the dispatcher saw it.
        """

    async def take_back(self, incident_id: IncidentId, order_id: OrderId, operator: str) -> None:
        """Take an order back whose unit is not on scene yet. Raises NotToBeSent."""

    async def pin(self, pin: Pin) -> None:
        """Ask the tour to hold a camera in focus. Raises QueueError."""

    async def skip(self, skip: Skip) -> None:
        """Have the tour leave a camera out for a while, or no longer. Raises QueueError."""

    async def accept_view(self, acceptance: ViewAcceptance) -> None:
        """Tell the tour that a camera shows what it shall show. Raises QueueError."""

    async def dead_letters(self, limit: int, before: str | None = None) -> Sequence[DeadLetter]:
        """What could not be handled, newest first; ``before``: only what is older than that one. Raises QueueError."""

    async def replay(self, letter_id: str, operator: str) -> None:
        """Put a dead letter back on its stream; see DeadLetters. Raises KeyError, MessageError, QueueError."""


class Judgements(Protocol):
    """What people's feedback says of the rules."""

    async def judged(self, since: datetime, until: datetime) -> Sequence[Precision]:
        """By camera and rule, of incidents that people closed since then and before ``until``. Raises StoreError.

        Only those of which people said whether it was so, in no order.
        """


class PrecisionView(Protocol):
    """How often the rules were right, and what might help."""

    async def precision(self) -> PrecisionReport:
        """As of now, or of a minute ago. Raises StoreError."""


class HeatSource(Protocol):
    """Where incidents were."""

    async def cells(self, since: datetime, least: Level | None) -> Sequence[HeatCell]:
        """Of those accepted since then, of this level and more urgent ones (None: of all). Raises StoreError.

        The fullest first, MOST_CELLS at most; see Heat for what counts.
        """


class HeatView(Protocol):
    """Where incidents were over the last hours."""

    async def heat(self, span: Span, least: Level | None) -> Heat:
        """As of now, or of some seconds ago. Raises StoreError."""


class TileStore(Protocol):
    """Map tiles."""

    async def tile(self, zoom: int, column: int, row: int) -> MapTile | None:
        """One of them; None where there is none. Raises TilesAway."""


class UnitDesk(Protocol):
    """What is told of units from outside the queue."""

    async def report(self, positions: Sequence[PositionData]) -> None:
        """Give these to dispatch, which judges them. Raises MessageError where one cannot be converted, QueueError."""

    async def set_state(
        self, unit_id: UnitId, state: UnitState, operator: str, reason: str, asking: Asking = NOT_KNOWN
    ) -> UnitState:
        """An operator says what a unit does. Returns what it is from now on. ``asking``: see ``RoomDesk.asked``.

        Raises KeyError for an unknown unit, UnitBusy while it is on an order, IllegalTransition, DoneBefore,
        StoreError.
        """


class EvidenceStore(Protocol):
    """Keeps the pictures and the clips that go with alerts."""

    async def put(self, evidence_id: EvidenceId, jpeg: bytes) -> None:
        """Keep a JPEG under its id, durably. Raises StoreError."""

    async def get(self, evidence_id: EvidenceId) -> bytes | None:
        """The JPEG, or None if there is none. Raises StoreError."""

    async def remove(self, evidence_id: EvidenceId) -> None:
        """Forget a JPEG that no alert needs; one that is not there is fine. Raises StoreError."""

    async def put_clip(self, clip_id: EvidenceId, webm: bytes) -> None:
        """Keep a WebM under its id, durably. Raises StoreError."""

    async def get_clip(self, clip_id: EvidenceId) -> bytes | None:
        """The WebM, or None if there is none, or not yet. Raises StoreError."""


class EvidenceFiles(Protocol):
    """The files of evidence, to look after."""

    async def stored(self, after: EvidenceId | None, limit: int) -> Sequence[StoredFile]:
        """The files of the next ids after this one, in order, all of the last id; fewer than ``limit`` at the end.

        Raises StoreError.
        """

    async def sizes(self, wanted: Sequence[tuple[EvidenceId, Medium]]) -> Mapping[EvidenceId, int]:
        """Bytes of those that are there. Raises StoreError."""

    async def delete(self, files: Sequence[tuple[EvidenceId, Medium | None]]) -> None:
        """Delete them; one that is not there is fine. None: what was never finished. Raises StoreError."""


class EvidenceIndex(Protocol):
    """What evidence there is, of which alert, and what became of it. Each raises StoreError."""

    async def usage(self) -> Mapping[EvidenceClass, Usage]:
        """How much is kept of each class; of those of which there is any."""

    async def oldest(self, evidence_class: EvidenceClass, limit: int, until: datetime) -> Sequence[KeptEvidence]:
        """The oldest of a class, accepted by then, that belong to no open incident."""

    async def let_go(self, deletions: Sequence[Deletion], at: datetime) -> Sequence[Deletion]:
        """Take note that these go, before their files do. Gives those that are to go, by now: no open incident's."""

    async def note_absent(self, absent: Sequence[Deletion], at: datetime) -> Sequence[Deletion]:
        """Take note that these are not there. Gives those that were not known to be gone."""

    async def take_back(self, ids: Collection[EvidenceId]) -> None:
        """What was found to be gone is there again."""

    async def measure(self, sizes: Mapping[EvidenceId, int]) -> None:
        """Take note of sizes, in bytes."""

    async def unmeasured(self, limit: int) -> Sequence[IndexRow]:
        """Those whose size nobody knows yet, the newest first."""

    async def after(self, evidence_id: EvidenceId | None, limit: int) -> Sequence[IndexRow]:
        """The next ones by id, kept and gone."""

    async def look_up(self, ids: Collection[EvidenceId]) -> Mapping[EvidenceId, IndexRow]:
        """What is known of these."""

    async def adopt(self, after: AlertId | None, limit: int) -> AlertId | None:
        """Take note of the evidence of the next alerts by id, where an older version did not; None at the end."""


class EvidenceFates(Protocol):
    """What became of evidence that is not there."""

    async def why_gone(self, evidence_id: EvidenceId) -> Gone | None:
        """Why there is no such file; None where it may still come, or was never to be. Raises StoreError."""


class TravelTimes(Protocol):
    """Knows how long ways take. Asked before a transaction, never inside one."""

    async def table(self, starts: Sequence[Start], destinations: Sequence[Place]) -> TravelTable:
        """Seconds from each start to each destination; None where it does not know, or cannot say in time.

        Nobody is there sooner than by flying straight, and drones fly: their seconds are always known. Does not raise
        for what a network does.
        """


class LiveSource(Protocol):
    """Streams of cameras, for people to look at."""

    async def read(
        self, camera: Camera, on_open: Callable[[LiveWay], None], on_picture: Callable[[LivePicture], None]
    ) -> None:
        """Tell of every picture until cancelled, then give the camera's session back.

        Raises CaptureError; LiveRefused for pictures out of order, and whatever ``on_open`` raises.
        """


class PeerState(StrEnum):
    """Where a browser's connection stands."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    OVER = "over"


class LivePeer(Protocol):
    """One browser's connection."""

    @property
    def answer(self) -> str:
        """The SDP for the browser."""

    @property
    def state(self) -> PeerState:
        """Where it stands."""

    async def heard(self) -> int:
        """Changes whenever anything comes from the browser."""

    async def close(self) -> None:
        """Give it up."""


class LivePeers(Protocol):
    """Connections to browsers."""

    async def answered(self, offer: str, next_picture: Callable[[], Awaitable[LivePicture]]) -> LivePeer:
        """A connection for an offer. ``next_picture``: asked for pictures, one after another, once it stands.

        Raises LiveRefused BROWSER.
        """


@dataclass(frozen=True, slots=True)
class Looker:
    """Who wants to look. ``key``: the same for all views of one sign-in. ``is_let_in``: whether they still are."""

    key: str
    is_let_in: Callable[[], Awaitable[bool]]


class LiveDesk(Protocol):
    """What the console does about live views."""

    async def open(self, camera_id: CameraId, offer: str, looker: Looker) -> LiveView:
        """One more view. Raises LiveRefused; KeyError where there is no such camera."""

    async def leave(self, viewer_id: str, key: str) -> bool:
        """Nobody looks any more; false where ``key`` has no such view."""

    def status(self, viewer_id: str, key: str) -> LiveStatus | None:
        """How a view stands, or stood until it ended; None where ``key`` has no such view."""


class StillDesk(Protocol):
    """Pictures of cameras for whoever asks."""

    async def still(self, camera_id: CameraId) -> Glance:
        """A picture of now, or of a moment ago. Raises CaptureError; KeyError where there is no such camera."""


class SceneChange(Protocol):
    """A scene that is ready to take the place of the one before it."""

    @property
    def before(self) -> WrittenScene: ...

    @property
    def after(self) -> WrittenScene: ...

    def apply(self) -> None:
        """From now on the file has it. Raises OSError."""


class SceneBook(Protocol):
    """What is drawn in cameras' pictures, as the configuration has it. Blocks: called in threads."""

    def changed(self) -> DrawnScenes | None:
        """All scenes, where the file is another one than was given last, and at rest; None where it is not."""

    def scene(self, camera_id: CameraId) -> WrittenScene:
        """One camera's. Raises KeyError, FileUnusable."""

    def checked(self, camera_id: CameraId, scene: DrawnScene) -> SceneVerdict:
        """What is to be said of a scene. Raises KeyError, FileUnusable."""

    def changing(
        self, camera_id: CameraId, scene: DrawnScene, version: str
    ) -> AbstractContextManager[SceneChange | None]:
        """A scene that is ready, as long as nobody else writes; None where the file says the same already.

        Raises KeyError, FileUnusable, ConfigError with the scene's problems, FileChanged, NotWritten.
        """


class SceneDesk(Protocol):
    """Where people draw in cameras' pictures. Each raises KeyError where there is no such camera,
    FileUnusable where the configuration cannot be used as it is now."""

    async def scene(self, camera_id: CameraId) -> WrittenScene:
        """What is drawn, as the configuration has it."""

    async def standing(self) -> tuple[bool, SceneStanding | None]:
        """Whether a tour reports, and how far it has taken up what is drawn. None: it does not say."""

    async def check(self, camera_id: CameraId, scene: DrawnScene) -> SceneVerdict:
        """What is to be said of a scene; nothing changes."""

    async def draw(
        self, camera_id: CameraId, scene: DrawnScene, version: str, operator: str, source: str = ""
    ) -> WrittenScene:
        """This scene instead of the one of that ``version``, as a deed. What is so already changes nothing.

        Raises ConfigError with the scene's problems, FileChanged, NotWritten, StoreError.
        """


class UnitHolder(Protocol):
    """Where the units are held by whose shifts and crews everything is decided."""

    @property
    def units(self) -> Sequence[Unit]:
        """All of them, as they are now."""

    def replace_units(self, changed: Sequence[Unit]) -> None:
        """These instead of those with the same ids, from the next decision on."""


class RosterReports(Protocol):
    """How dispatch tells the room up to where it has taken up the rosters, also from another process."""

    async def report(self, standing: RosterStanding) -> None:
        """Show this; the newest wins. Raises QueueError."""

    async def latest(self) -> RosterStanding | None:
        """The newest report, or None if there is none younger than some seconds. Raises QueueError."""


class RosterChange(Protocol):
    """A roster that is ready to take the place of the one before it."""

    @property
    def before(self) -> WrittenRoster: ...

    @property
    def after(self) -> WrittenRoster: ...

    @property
    def apply(self) -> Callable[[], None]:
        """From now on the file has it. Raises OSError."""


class RosterBook(Protocol):
    """Units' shifts and crews, as the configuration has them. Blocks: called in threads."""

    def changed(self) -> ReadUnits | None:
        """All units, where the file is another one than was given last, and at rest; None where it is not."""

    def roster(self, unit_id: UnitId) -> WrittenRoster:
        """One unit's. Raises KeyError, FileUnusable."""

    def changing(
        self, unit_id: UnitId, roster: UnitRoster, version: str
    ) -> AbstractContextManager[RosterChange | None]:
        """A roster that is ready, as long as nobody else writes; None where the file says the same already.

        Raises KeyError, FileUnusable, ConfigError with the roster's problems, FileChanged, NotWritten.
        """


class RosterDesk(Protocol):
    """Where people change when units are on duty, and how many officers they have. Each raises KeyError where there is
    no such unit, FileUnusable where the configuration cannot be used as it is now."""

    async def roster(self, unit_id: UnitId) -> WrittenRoster:
        """What the configuration says."""

    async def standing(self) -> RosterStanding | None:
        """How far dispatch has taken it up; None where no dispatch tells of itself."""

    async def staff(
        self, unit_id: UnitId, roster: UnitRoster, version: str, operator: str, source: str = ""
    ) -> WrittenRoster:
        """This roster instead of the one of that ``version``, as a deed. What is so already changes nothing.

        Raises ConfigError with the roster's problems, FileChanged, NotWritten, StoreError.
        """


class HealthCheck(Protocol):
    """Whether one part is fit for work."""

    @property
    def name(self) -> str:
        """What is checked: ``store``, ``queue``, ``tour`` ..."""

    async def problem(self) -> str | None:
        """What is wrong, in words, or None. Answers within a second."""

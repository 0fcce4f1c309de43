"""Alerting: confirmed events become alerts, each with its picture, in one durable transaction.

Red ones have a lane of their own: in a storm they wait for each other, and for nobody else.

Nothing is lost here: what the store refuses is kept on the local disk, over a kill, and put to the store again, in
order, until it takes it. What comes meanwhile waits behind it. Where the local disk refuses, too, events wait in
memory, the lanes fill, and the detector waits behind them. Only at the very end, when both refuse and no time is left,
events are given up, each counted and named in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial

from patrol.domain.alerts import Acceptance, Candidate, Verdict, fingerprint
from patrol.domain.camera import Ring, RingName
from patrol.domain.clips import ClipOrder
from patrol.domain.detections import Detections
from patrol.domain.errors import PatrolError, StoreError, StoreFailure
from patrol.domain.events import Event, Level
from patrol.domain.frame import Frame
from patrol.domain.ids import make_id
from patrol.domain.incidents import AlertId, EvidenceId, IncidentId
from patrol.domain.levels import LevelPolicy, rate
from patrol.domain.rules import Rule
from patrol.domain.tracing import trace_id
from patrol.domain.zones import RuleId, Zone
from patrol.metrics import Metrics
from patrol.pipeline.confirming import Sighting
from patrol.pipeline.filming import FilmSide, NotFilming
from patrol.pipeline.lanes import Lane
from patrol.pipeline.stopping import pause
from patrol.ports import AlertStore, Clock, EvidenceStore, Spool

_log = logging.getLogger(__name__)

DrawEvidence = Callable[[Frame, Detections, Zone, Event], bytes]

WAITING_EVENTS = 256  # red ones
# Of the others a whole storm may wait. Once their pictures are so large together, the next ones are drawn at once.
WAITING_OTHERS = 8192
WAITING_BYTES = 384 * 2**20
# Pictures are drawn and kept for so many at the same time: a disk takes several in nearly the time of one.
AHEAD = 4
GIVE_WAY_S = 0.5  # while red ones wait the others do, each so long at most
RETRY_S = (0.1, 0.5, 1.0, 2.0, 5.0)
# What contradicts what is stored is tried so often, then it stands in the way of the others no longer.
MOST_TRIES_ALONE = 3


@dataclass(slots=True)
class _Case:
    """An event on its way to the store. ``picture``: drawn when it is needed, and kept for the tries that follow.

    ``sighting``: until it is drawn. ``in_store``: the picture is kept already. ``cools_down``: the store says so.
    ``refused``: the store did so, and that was counted.
    """

    sighting: Sighting | None
    candidate: Candidate
    picture: bytes | None = None
    in_store: bool = False
    cools_down: bool = False
    refused: bool = False


class Alerting:
    """Takes sightings in order and has them accepted."""

    def __init__(
        self,
        store: AlertStore,
        evidence: EvidenceStore,
        draw: DrawEvidence,
        levels: LevelPolicy,
        rings: Mapping[RingName, Ring],
        rules: Mapping[RuleId, Rule],
        clock: Clock,
        metrics: Metrics,
        film: FilmSide | None = None,
        spool: Spool | None = None,
        timezone: tzinfo = UTC,
    ) -> None:
        """``timezone``: the station's, in which the hours of levels are meant."""
        self._store = store
        self._evidence = evidence
        self._draw = draw
        self._levels = levels
        self._timezone = timezone
        self._rings = rings
        self._rules = rules
        self._clock = clock
        self._metrics = metrics
        self._film = film or NotFilming()
        self._spool = spool
        self._kept, self._ended = asyncio.Event(), asyncio.Event()
        self._abandoned = asyncio.Event()
        self._refusing = False
        self._store_away = False
        self._conflicts = 0
        self._red: Lane[_Case] = Lane(WAITING_EVENTS, WAITING_BYTES)
        self._others: Lane[_Case] = Lane(WAITING_OTHERS, WAITING_BYTES)

    async def submit(self, sighting: Sighting) -> None:
        """See AlertSide."""
        self._metrics.alerts.waiting.inc()
        case = _Case(sighting, self._candidate(sighting, self._clock.now()))
        if case.candidate.level is Level.RED:
            await self._red.put(case, sighting.frame)
        elif self._others.has_room_for(sighting.frame):
            await self._others.put(case, sighting.frame)
        else:
            await self._draw_picture(case)
            await self._others.put(case, None)

    async def close(self) -> None:
        """End of stream: what waits is still accepted, then ``run`` returns."""
        await self._red.close()
        await self._others.close()

    def abandon(self) -> None:
        """Too little time is left: what the store refuses from now on is given up, loudly."""
        self._abandoned.set()

    async def run(self) -> None:
        """Accept until the end of the stream, and what an earlier process left on the local disk first."""
        async with asyncio.TaskGroup() as tasks:
            if self._spool is not None:
                self._show_spool(self._spool)
                tasks.create_task(self._empty(self._spool))
            async with asyncio.TaskGroup() as lanes:
                for lane in (self._red, self._others):
                    lanes.create_task(self._serve(lane))
            self._ended.set()
            self._kept.set()

    async def _serve(self, lane: Lane[_Case]) -> None:
        """Accept one after the other, in order, while the pictures of the next ones are made ready."""
        ahead: deque[tuple[_Case, asyncio.Task[None] | None]] = deque()
        async with asyncio.TaskGroup() as preparing:
            while (case := await lane.take()) is not None:
                ahead.append((case, None))
                while ahead:
                    if lane is self._others:
                        await self._give_way()
                    self._look_ahead(lane, ahead, preparing)
                    case, prepared = ahead.popleft()
                    if prepared is not None:
                        await prepared
                    await self._accept_for_sure(case)
                    self._metrics.alerts.waiting.dec()

    async def _give_way(self) -> None:
        if not self._red.calm.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GIVE_WAY_S):
                    await self._red.calm.wait()

    def _look_ahead(
        self, lane: Lane[_Case], ahead: deque[tuple[_Case, asyncio.Task[None] | None]], preparing: asyncio.TaskGroup
    ) -> None:
        while len(ahead) < AHEAD and (case := lane.take_if_any()) is not None:
            # What is the same thing as one before it most likely cools down, which shows once that one is accepted.
            same = any(fingerprint(case.candidate.event) == fingerprint(one.candidate.event) for one, _ in ahead)
            at_once = not same and not (self._spool is not None and self._spool.waiting)
            ahead.append((case, preparing.create_task(self._prepare(case)) if at_once else None))

    async def _prepare(self, case: _Case) -> None:
        """All that can be done before its turn. What the store refuses is told, and tried again, then."""
        with contextlib.suppress(StoreError):
            if case.picture is None and await self._store.cools_down(case.candidate, self._clock.now()):
                case.cools_down = True
                return
            await self._evidence.put(case.candidate.evidence_id, await self._draw_picture(case))
            case.in_store = True

    async def _accept_for_sure(self, case: _Case) -> None:
        candidate = case.candidate
        failures = 0
        while not (self._refusing and self._abandoned.is_set()):
            try:
                acceptance = await self._place(case)
            except StoreError as error:
                self._metrics.stages.errors.labels("accept").inc()
                if failures == 0:
                    _log.error("alert %s is refused and waits: %s", candidate.alert_id, error)
                self._refusing = True
                await pause(self._clock, self._abandoned, RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1
                continue
            if failures:
                _log.info("alert %s: the store is back after %d refusals", candidate.alert_id, failures)
            self._refusing = False
            if acceptance is not None:
                self._count(candidate, acceptance)
            if acceptance is None or acceptance.alert is not None:
                self._order_clip(candidate)
            return
        self._metrics.alerts.lost.inc()
        _log.error("alert %s is lost, the store refused it to the end: %s", candidate.alert_id, candidate.event)

    async def _place(self, case: _Case) -> Acceptance | None:
        """The store's answer; None: it is kept on the local disk. Raises StoreError: neither takes it now."""
        spool = self._spool
        is_red = case.candidate.level is Level.RED
        # What waits there came first; but no red one waits behind others once the store takes them again.
        if spool is None or not spool.waiting or (is_red and not self._store_away):
            try:
                return await self._try(case)
            except StoreError as error:
                self._refuse(case, error)
                if spool is None:
                    raise
        await spool.keep(case.candidate, await self._draw_picture(case))
        self._metrics.spool.passed.labels("kept").inc()
        self._show_spool(spool)
        self._kept.set()
        return None

    def _refuse(self, case: _Case, error: StoreError) -> None:
        self._store_away = True
        if case.refused:
            return
        case.refused = True
        self._metrics.spool.refused.labels(error.failure.value).inc()
        if self._spool is not None:
            _log.error("alerts are refused, and kept on the local disk until that is over: %s", error)

    async def _empty(self, spool: Spool) -> None:
        """Put what is kept to the store, in order. Ends with the stream, once the store refuses or nothing is left."""
        failures = 0
        while not self._ended.is_set() or (spool.waiting and not self._abandoned.is_set()):
            if not spool.waiting:
                self._kept.clear()
                await self._kept.wait()
                continue
            try:
                await self._put_oldest(spool)
            except StoreError as error:
                self._metrics.stages.errors.labels("accept").inc()
                if failures == 0:
                    _log.warning("%d alerts wait on the local disk: %s", spool.waiting, error)
                if await pause(self._clock, self._ended, RETRY_S[min(failures, len(RETRY_S) - 1)]):
                    return  # the next start finds them
                failures += 1
                continue
            failures = 0
            self._show_spool(spool)
            if not spool.waiting:
                _log.info("no alert waits on the local disk any more")

    async def _put_oldest(self, spool: Spool) -> None:
        spooled = await spool.oldest()
        if spooled is None:
            return
        candidate = spooled.candidate
        try:
            acceptance = await self._put(candidate, spooled.jpeg)
        except PatrolError as error:
            if isinstance(error, StoreError) and error.failure is not StoreFailure.CONFLICT:
                raise
            self._conflicts += 1
            if isinstance(error, StoreError) and self._conflicts < MOST_TRIES_ALONE:
                raise
            self._conflicts = 0
            await spool.set_aside(spooled)
            self._metrics.spool.passed.labels("set_aside").inc()
            _log.error(
                "alert %s is set aside until the next start, the store never takes it: %s", candidate.alert_id, error
            )
            return
        self._conflicts = 0
        await spool.done(spooled)
        is_accepted = acceptance.alert is not None
        self._metrics.spool.passed.labels("accepted" if is_accepted else "cooled_down").inc()
        self._count(candidate, acceptance)

    def _show_spool(self, spool: Spool) -> None:
        self._metrics.spool.waiting.set(spool.waiting)
        self._metrics.spool.size.set(spool.size)

    async def _try(self, case: _Case) -> Acceptance:
        candidate = case.candidate
        # Never asked again: after a try whose answer was lost, the alert would be what it cools down from.
        if case.cools_down or (case.picture is None and await self._store.cools_down(candidate, self._clock.now())):
            return Acceptance(Verdict.COOLING_DOWN)
        return await self._put(candidate, None if case.in_store else await self._draw_picture(case))

    async def _put(self, candidate: Candidate, picture: bytes | None) -> Acceptance:
        # The picture first: an accepted alert always has its evidence.
        if picture is not None:
            await self._evidence.put(candidate.evidence_id, picture)
        acceptance = await self._store.accept(candidate, self._clock.now())
        self._store_away = False
        if acceptance.verdict is Verdict.COOLING_DOWN:
            await self._evidence.remove(candidate.evidence_id)
        return acceptance

    async def _draw_picture(self, case: _Case) -> bytes:
        if case.picture is None:
            sighting = case.sighting
            assert sighting is not None
            zone = next(zone for zone in sighting.camera.zones if zone.id == sighting.event.zone_id)
            draw = partial(self._draw, sighting.frame, sighting.detections, zone, sighting.event)
            case.picture = await asyncio.to_thread(draw)
            case.sighting = None  # what waits on holds no frame
        return case.picture

    def _order_clip(self, candidate: Candidate) -> None:
        # Only now: what cools down needs none, and no alert waits for its clip. Of what is kept for later it is made at
        # once: by then its film is forgotten.
        if candidate.clip_id is not None:
            event = candidate.event
            self._film.order(ClipOrder(candidate.clip_id, event.camera_id, event.confirmed_at))

    def _candidate(self, sighting: Sighting, detected_at: datetime) -> Candidate:
        event, camera = sighting.event, sighting.camera
        local = event.confirmed_at.astimezone(self._timezone)
        rating = rate(event, camera, camera.ring, self._levels, local)

        def new_id(prefix: str) -> str:
            return make_id(prefix, detected_at, secrets.randbits(48))

        return Candidate(
            alert_id=AlertId(new_id("A")),
            incident_id=IncidentId(new_id("I")),
            evidence_id=EvidenceId(new_id("V")),
            event=event,
            camera=camera,
            ring=self._rings[camera.ring],
            level=rating.level,
            cool_down_s=self._rules[event.rule_id].cool_down_s,
            detected_at=detected_at,
            clip_id=EvidenceId(new_id("V")) if sighting.in_focus else None,
            level_why_zh=rating.why_zh,
            level_why_en=rating.why_en,
        )

    def _count(self, candidate: Candidate, acceptance: Acceptance) -> None:
        ring = candidate.ring.name
        self._metrics.alerts.verdicts.labels(ring.value, acceptance.verdict.value).inc()
        if acceptance.alert is None:
            return
        self._metrics.alerts.accepted.labels(ring.value, candidate.level.value).inc()
        since_frame = acceptance.alert.accepted_at - acceptance.alert.frame_at
        self._metrics.stages.took("accept", ring, since_frame.total_seconds(), candidate.level)
        alert = acceptance.alert
        _log.info("alert %s accepted: %s [trace %s]", alert.id, alert.words_en, trace_id(alert.incident_id))

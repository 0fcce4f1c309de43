"""Pictures of RTSP cameras, one key frame a visit; see docs/adr/010-rtsp.md.

What the light client cannot read is left to the source behind it, for an hour at a time; if that one sees nothing
either, the light client goes on alone for a while.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from patrol.adapters.rtsp.connection import Dialler
from patrol.adapters.rtsp.decoding import Pixels, decoded
from patrol.adapters.rtsp.focused import FocusedStream, FocusedStreams
from patrol.adapters.rtsp.session import Seen, Session
from patrol.adapters.rtsp.warm import WarmSession, WarmSessions
from patrol.adapters.sources import ClosableSource, Deadline, ScaleTo, Workers, box_of
from patrol.domain.camera import Camera, CameraId, Strategy
from patrol.domain.errors import CaptureError, CaptureFailure
from patrol.domain.frame import Frame
from patrol.domain.strategies import NO_FACTS, CameraFacts, Choice, Demand, Reason, choose
from patrol.ports import Clock, FrameSource, OnUnconfirmed

# A visit that found nothing keeps a little of its time to tear its session down properly.
GOODBYE_SHARE = 0.1
LONGEST_GOODBYE_S = 1.0
# A key frame that came whole and cannot be decoded is bad luck once; twice, it is something FFmpeg may know better.
MOST_UNDECODABLE = 2
FALL_BACK_FOR_S = 3600.0
# A damaged stream that FFmpeg cannot read either costs it twice the light client's time, and leaves holes in the memory
# that the C library cannot give back: after a few visits in vain it is asked again only later.
MOST_FALL_BACKS_IN_VAIN = 3
ALONE_FOR_S = 600.0
OF_THE_STREAM = frozenset({CaptureFailure.NO_KEY_FRAME, CaptureFailure.UNSUPPORTED, CaptureFailure.BROKEN})


def _nobody(_: Camera, _held_s: float) -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True)
class _Visit:
    """``ends_at``: by the loop's clock."""

    camera: Camera
    deadline_s: float
    ends_at: float

    def left_s(self) -> float:
        return max(0.0, self.ends_at - asyncio.get_running_loop().time())

    def waited_s(self) -> float:
        return self.deadline_s - self.left_s()

    @property
    def looks_until(self) -> float:
        return self.ends_at - min(LONGEST_GOODBYE_S / 2, GOODBYE_SHARE * self.deadline_s)


@dataclass(slots=True)
class _Known:
    """What is remembered of one camera from visit to visit. ``opening``: one warm session at a time is opened.

    ``fall_back_until``, ``alone_until``, ``in_focus_until``: monotonic seconds. ``fell_back_in_vain``: how often since
    the fallback last brought a picture.
    """

    facts: CameraFacts = NO_FACTS
    choice: Choice | None = None
    fall_back_until: float = float("-inf")
    alone_until: float = float("-inf")
    in_focus_until: float = float("-inf")
    fell_back_in_vain: int = 0
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


class RtspSource:
    """``rtsp`` and ``rtsps``, video over TCP: H.264 and H.265.

    A camera is opened for each visit (cold), kept open (warm), or asked for a snapshot: as it is configured or, if that
    is ``auto``, as what was measured of it says (domain/strategies.py). Remembered per camera, so bounded by the
    configuration.
    """

    def __init__(
        self,
        scale_to: ScaleTo,
        clock: Clock,
        decoders: int,
        fallback: ClosableSource,
        *,
        snapshots: FrameSource | None = None,
        verify: ssl.SSLContext | bool = True,
        on_unconfirmed: OnUnconfirmed = _nobody,
        warm_sessions: int = 64,
        warm_on_host: Callable[[Camera], int] = lambda _: 16,
        warm_idle_s: float = 120.0,
    ) -> None:
        """``scale_to``: what pictures are scaled down into; ``decoders``: threads.

        ``fallback``: for what is not read here; closed with this one. ``snapshots``: for cameras with an address for
        them; not closed here. ``verify``: whom to believe over ``rtsps``. ``on_unconfirmed``: told of each session
        that the camera may still hold after it was closed here, and for how many seconds; not of the fallback's.
        ``warm_sessions``: how many may be kept open at most; ``warm_on_host``: how many of them on one camera's host;
        ``warm_idle_s``: for how long without a visit.
        """
        self._scale_to = scale_to
        self._clock = clock
        self._decoders = Workers("rtsp-decode", decoders)
        self._dialler = Dialler(verify)
        self._fallback = fallback
        self._snapshots = snapshots
        self._on_unconfirmed = on_unconfirmed
        self._warm = WarmSessions(warm_sessions, warm_on_host, warm_idle_s, self._warm_ended)
        self._focused = FocusedStreams()
        self._known: dict[CameraId, _Known] = {}

    @property
    def warm_count(self) -> int:
        """How many sessions are kept open now."""
        return len(self._warm)

    @property
    def kept_open(self) -> frozenset[CameraId]:
        """The cameras whose sessions are kept open now."""
        return frozenset(self._warm) | frozenset(self._focused)

    @property
    def passing(self) -> frozenset[CameraId]:
        """See OpenSessions."""
        return frozenset(self._focused)

    def hold(self, camera_id: CameraId, seconds: float) -> None:
        """See OpenSessions."""
        known = self._known.setdefault(camera_id, _Known())
        known.in_focus_until = self._clock.monotonic() + seconds

    def longest_wait_s(self, camera_id: CameraId) -> float:
        """See OpenSessions."""
        known = self._known.get(camera_id)
        choice = known.choice if known is not None else None
        # One that is kept open only to learn how far its key frames are apart is opened anew soon.
        is_opened_anew = choice is not None and (choice.strategy is Strategy.COLD or choice.reason is Reason.LEARNING)
        return known.facts.key_frame_wait_s if known is not None and is_opened_anew else 0.0

    def facts_of(self, camera_id: CameraId) -> CameraFacts:
        """What visits measured of a camera; nothing yet for one that was never visited."""
        known = self._known.get(camera_id)
        return known.facts if known is not None else NO_FACTS

    def choice_of(self, camera_id: CameraId) -> Choice | None:
        """How a camera is looked at, and why; None before its first visit."""
        known = self._known.get(camera_id)
        return known.choice if known is not None else None

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        """A key frame of the camera. Raises CaptureError, at the latest after ``deadline_s``."""
        visit = _Visit(camera, deadline_s, asyncio.get_running_loop().time() + deadline_s)
        known = self._known.setdefault(camera.id, _Known())
        if visit.left_s() <= 0:
            raise CaptureError(CaptureFailure.TIMED_OUT, "no time")
        strategy = self._chosen(camera, known)
        if strategy is Strategy.SNAPSHOT or self._clock.monotonic() >= known.fall_back_until:
            try:
                return await self._captured(visit, known, strategy)
            except CaptureError as error:
                failed_at = self._clock.monotonic()
                known.facts = known.facts.failed(strategy, error.failure, failed_at)
                is_unsupported = error.failure is CaptureFailure.UNSUPPORTED and strategy is not Strategy.SNAPSHOT
                if not is_unsupported or failed_at < known.alone_until:
                    raise
            known.fall_back_until = failed_at + FALL_BACK_FOR_S
        return await self._fallen_back(visit, known)

    async def aclose(self) -> None:
        """Close everything, the fallback included."""
        await self._warm.aclose()
        await self._focused.aclose()
        await self._dialler.aclose()
        await self._decoders.aclose()
        await self._fallback.aclose()

    def _chosen(self, camera: Camera, known: _Known) -> Strategy:
        has_snapshot = camera.snapshot is not None and self._snapshots is not None
        demand = Demand(camera.revisit_bound_s, has_snapshot, self._warm.has_room(camera))
        known.choice = choose(camera.strategy, known.facts, demand, known.choice, self._clock.monotonic())
        return known.choice.strategy

    async def _captured(self, visit: _Visit, known: _Known, strategy: Strategy) -> Frame:
        if strategy is not Strategy.SNAPSHOT and self._is_to_be_focused(visit.camera, known):
            return await self._in_focus(visit, known)
        if strategy is Strategy.WARM:
            return await self._kept_open(visit, known)
        await self._warm.drop(visit.camera.id, visit.left_s())
        if strategy is Strategy.SNAPSHOT:
            return await self._snapshot(visit, known)
        return await self._cold(visit, known)

    async def _snapshot(self, visit: _Visit, known: _Known) -> Frame:
        assert self._snapshots is not None
        assert visit.camera.snapshot is not None
        there = replace(visit.camera, stream=visit.camera.snapshot)
        frame = await self._snapshots.capture(there, visit.left_s())
        known.facts = known.facts.snapshot_came()
        return frame

    async def _fallen_back(self, visit: _Visit, known: _Known) -> Frame:
        try:
            frame = await self._fallback.capture(visit.camera, visit.left_s())
        except CaptureError as error:
            known.fell_back_in_vain += error.failure in OF_THE_STREAM
            if known.fell_back_in_vain >= MOST_FALL_BACKS_IN_VAIN:
                known.fell_back_in_vain, known.fall_back_until = 0, float("-inf")
                known.alone_until = self._clock.monotonic() + ALONE_FOR_S
            raise
        known.fell_back_in_vain = 0
        return frame

    # --- cold -------------------------------------------------------------------------------------------------------

    async def _cold(self, visit: _Visit, known: _Known) -> Frame:
        async with self._session_of(visit) as session:
            async with _in_time(visit, session, known):
                await _open(session, visit, known)
                seen = await _first_seen(session, known)
            is_kept = self._is_worth_keeping(visit.camera, known)
            if not is_kept:
                session.say_goodbye()  # it is answered while the picture is decoded
            frame = await self._frame_of(seen, visit)
            if is_kept and frame is not None and self._warm.has_room(visit.camera):
                self._warm.add(visit.camera, session)
        return frame if frame is not None else await self._carefully(visit, known)

    def _is_worth_keeping(self, camera: Camera, known: _Known) -> bool:
        """A later visit would join at another moment, and might wait for the next key frame beyond the bound."""
        may_be_warm = camera.strategy is Strategy.AUTO and known.choice is not None
        return may_be_warm and known.facts.is_to_be_learned and self._chosen(camera, known) is Strategy.WARM

    async def _carefully(self, visit: _Visit, known: _Known) -> Frame:
        """Once more, for a camera whose key frame was damaged: with no goodbye before one is decoded."""
        async with self._session_of(visit) as session, _in_time(visit, session, known):
            await session.open(visit.camera.stream, visit.left_s())
            return await self._first_whole(session.next_key_frame, visit)

    @asynccontextmanager
    async def _session_of(self, visit: _Visit) -> AsyncIterator[Session]:
        """A session that is torn down whatever becomes of the visit, unless it is kept; if cancelled, at once."""
        session = self._session(visit.camera)
        try:
            yield session
        except CaptureError:
            await session.leave(min(LONGEST_GOODBYE_S, visit.left_s()))
            raise
        else:
            if not self._warm.holds(visit.camera.id, session):
                await session.leave(min(LONGEST_GOODBYE_S, visit.left_s()))
        finally:
            if not self._warm.holds(visit.camera.id, session):
                session.abandon()

    # --- warm -------------------------------------------------------------------------------------------------------

    async def _kept_open(self, visit: _Visit, known: _Known) -> Frame:
        warm, is_new = await self._warm_session(visit, known)
        before = warm.session.progress
        try:
            return await self._newest(warm, visit, known)
        except CaptureError as error:
            is_unreadable = error.failure is CaptureFailure.UNSUPPORTED
            if is_new or is_unreadable or not warm.session.is_over:
                # Where no picture comes any more, the session may be whole all the same; the next visit opens another.
                if is_unreadable or warm.session.progress == before:
                    await self._warm.drop(visit.camera.id, visit.left_s())
                raise
        warm, _ = await self._warm_session(visit, known)  # it had broken since the last visit
        return await self._newest(warm, visit, known)

    async def _newest(self, warm: WarmSession, visit: _Visit, known: _Known) -> Frame:
        async with _in_time(visit, warm.session, known):
            frame = await self._first_whole(warm.next_key_frame, visit)
        _learn(warm.session, known)
        return frame

    async def _warm_session(self, visit: _Visit, known: _Known) -> tuple[WarmSession, bool]:
        """The camera's session, and whether it was opened only now."""
        session = self._session(visit.camera)
        async with _in_time(visit, session, known), known.opening:
            warm = self._warm.of(visit.camera.id)
            if warm is not None:
                return warm, False
            with self._warm.place_for(visit.camera):
                await self._open_to_keep(session, visit, known)
            return self._warm.add(visit.camera, session), True

    async def _open_to_keep(self, session: Session, visit: _Visit, known: _Known) -> None:
        with ExitStack() as otherwise:
            otherwise.callback(session.abandon)
            try:
                await _open(session, visit, known)
            except CaptureError:
                await session.leave(min(LONGEST_GOODBYE_S, visit.left_s()))
                raise
            otherwise.pop_all()

    def _warm_ended(self, camera_id: CameraId, held: bool) -> None:
        known = self._known[camera_id]
        known.facts = known.facts.warm_held() if held else known.facts.warm_broke(self._clock.monotonic())

    # --- in focus ---------------------------------------------------------------------------------------------------

    def _is_held(self, known: _Known) -> bool:
        return self._clock.monotonic() < known.in_focus_until

    def _is_to_be_focused(self, camera: Camera, known: _Known) -> bool:
        return self._is_held(known) and (self._focused.of(camera.id) is not None or self._focused.has_room)

    async def _in_focus(self, visit: _Visit, known: _Known) -> Frame:
        """The newest picture, key frame or not, of a stream that is decoded in full."""
        stream, is_new = await self._focused_stream(visit, known)
        try:
            async with _in_time(visit, stream.session, known):
                arrived, pixels = await stream.newest(
                    lambda decode: self._decoders.run(lambda _: decode(), visit.left_s())
                )
        except CaptureError:
            if not is_new or stream.session.is_over:  # else its first key frame may be there when the next visit comes
                await self._focused.drop(visit.camera.id, visit.left_s())  # the next visit opens another
            raise
        return Frame(visit.camera.id, arrived.captured_at, pixels, arrived.clock)

    async def _focused_stream(self, visit: _Visit, known: _Known) -> tuple[FocusedStream, bool]:
        """The camera's stream, and whether it was opened only now."""
        stream = self._focused.of(visit.camera.id)
        if stream is not None:
            return stream, False
        await self._warm.drop(visit.camera.id, visit.left_s())  # one session of a camera is enough
        session = self._session(visit.camera)
        stream = FocusedStream(session, box_of(self._scale_to, visit.camera), lambda: self._is_held(known))
        async with _in_time(visit, session, known):
            await self._open_to_keep(session, visit, known)
        self._focused.add(visit.camera.id, stream)
        return stream, True

    # --- both -------------------------------------------------------------------------------------------------------

    def _session(self, camera: Camera) -> Session:
        return Session(self._dialler, self._clock, lambda held_s: self._on_unconfirmed(camera, held_s))

    async def _first_whole(self, next_key_frame: Callable[[], Awaitable[Seen]], visit: _Visit) -> Frame:
        """The first that can be decoded. Raises CaptureError UNSUPPORTED after several that cannot."""
        for _ in range(MOST_UNDECODABLE):
            frame = await self._frame_of(await next_key_frame(), visit)
            if frame is not None:
                return frame
        raise CaptureError(CaptureFailure.UNSUPPORTED, "its key frames cannot be decoded")

    async def _frame_of(self, seen: Seen, visit: _Visit) -> Frame | None:
        def decode(_: Deadline) -> Pixels | None:
            return decoded(seen.key_frame, box_of(self._scale_to, visit.camera))

        pixels = await self._decoders.run(decode, visit.left_s())
        return None if pixels is None else Frame(visit.camera.id, seen.captured_at, pixels, seen.clock)


async def _open(session: Session, visit: _Visit, known: _Known) -> None:
    await session.open(visit.camera.stream, visit.left_s())
    known.facts = known.facts.opened(session.set_up_s or 0.0)


async def _first_seen(session: Session, known: _Known) -> Seen:
    seen = await session.next_key_frame()
    _learn(session, known)
    return seen


def _learn(session: Session, known: _Known) -> None:
    """What a session measured; how long its first key frame took, once."""
    if session.first_key_frame_s is not None:
        known.facts = known.facts.first_seen(session.first_key_frame_s)
        session.first_key_frame_s = None
    if session.key_frame_distance_s is not None:
        known.facts = known.facts.distance_measured(session.key_frame_distance_s)


@asynccontextmanager
async def _in_time(visit: _Visit, session: Session, known: _Known) -> AsyncIterator[None]:
    """Raises CaptureError for what takes too long. Only pictures that came meanwhile say anything of key frames."""
    before = session.packets
    try:
        async with asyncio.timeout_at(visit.looks_until):
            yield
    except TimeoutError:
        packets, waited_s = session.packets - before, min(visit.waited_s(), session.played_s())
        if packets:
            known.facts = known.facts.in_vain(waited_s)
        raise _too_late(visit, packets, waited_s) from None


def _too_late(visit: _Visit, packets: int, waited_s: float) -> CaptureError:
    if packets:
        words = f"{packets} packets and no new key frame in {waited_s:.1f} s"
        return CaptureError(CaptureFailure.NO_KEY_FRAME, words)
    return CaptureError(CaptureFailure.TIMED_OUT, f"no picture within {visit.deadline_s:g} s")

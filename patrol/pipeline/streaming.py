"""Streaming: live views of cameras. One stream for all who look at a camera, and a queue for each of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import traceback
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

from patrol.domain.camera import Camera, CameraId
from patrol.domain.errors import CaptureError, LiveRefusal, LiveRefused
from patrol.domain.hosts import host_of
from patrol.domain.live import (
    LastPictures,
    LiveEnd,
    LiveLoad,
    LivePicture,
    LiveSettings,
    LiveStatus,
    LiveView,
    LiveWay,
    ViewerQueue,
    refusal_of,
    way_of,
)
from patrol.live_metrics import LiveMetrics
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, LivePeer, LivePeers, LiveSource, Looker, PeerState

_log = logging.getLogger(__name__)

OPENED_WITHIN_S = 6.0
TENDED_EVERY_S = 1.0
CONNECTED_WITHIN_S = 10.0
# A browser reports on what it gets about once a second, also where nothing comes.
HEARD_WITHIN_S = 10.0
LET_IN_EVERY_S = 5.0
SESSIONS_TOLD_EVERY_S = 5.0
KEPT_OPEN_S = 5.0  # after the last viewer has gone: who comes back, or the next one, need not wait
CLOSED_WITHIN_S = 2.0
MOST_ENDED = 64  # of which it is known why they ended


class Streaming:
    """All views and streams there are. Nothing runs, and nothing is held, while nobody looks."""

    def __init__(
        self,
        cameras: Mapping[CameraId, Camera],
        source: LiveSource,
        peers: LivePeers,
        settings: LiveSettings,
        sessions_on: Callable[[str], int],
        clock: Clock,
        metrics: LiveMetrics,
        on_session: Callable[[CameraId], Awaitable[None]],
    ) -> None:
        """``sessions_on``: how many sessions a host bears. ``on_session``: told every 5 s of each that is taken."""
        self._cameras = cameras
        self._source = source
        self._peers = peers
        self._settings = settings
        self._sessions_on = sessions_on
        self._clock = clock
        self._metrics = metrics
        self._on_session = on_session
        self._streams: dict[CameraId, _Stream] = {}
        self._viewers: dict[str, _Viewer] = {}
        self._ended: OrderedDict[str, tuple[str, LiveStatus]] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()  # connections
        self._left = asyncio.Event()  # somebody has
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Look after all of them until ``stopping``; then they end."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            telling = tasks.create_task(self._tell_sessions())
            try:
                while not await pause(self._clock, stopping, TENDED_EVERY_S):
                    await self._tend()
            finally:
                self._tasks = None
            telling.cancel()
            for stream in self._streams.values():
                stream.failed(LiveRefused(LiveRefusal.STOPPING))  # for who is being let in just now
            await self._end_all(list(self._viewers.values()), LiveEnd.STOPPING)
            for stream in list(self._streams.values()):
                self._close(stream)
            await self._be_gone()

    async def open(self, camera_id: CameraId, offer: str, looker: Looker) -> LiveView:
        """One more view. Raises LiveRefused; KeyError where there is no such camera."""
        camera = self._cameras[camera_id]
        try:
            return await self._open(camera, offer, looker)
        except LiveRefused as refused:
            self._metrics.refused(refused.reason)
            raise

    async def leave(self, viewer_id: str, key: str) -> bool:
        """The page says that nobody looks any more; false where ``key`` has no such view."""
        viewer = self._viewers.get(viewer_id)
        if viewer is None or viewer.looker.key != key:
            return False
        await self._end(viewer, LiveEnd.LEFT)
        return True

    def status(self, viewer_id: str, key: str) -> LiveStatus | None:
        """How a view stands, or stood until it ended; None where ``key`` has no such view."""
        viewer = self._viewers.get(viewer_id)
        if viewer is not None:
            return viewer.status(None) if viewer.looker.key == key else None
        owner, status = self._ended.get(viewer_id, ("", None))
        return status if owner == key else None

    def redrawn(self, before: Camera, after: Camera) -> None:
        """See redrawing.Redrawn. No picture that is masked otherwise goes out any more: the views end."""
        stream = self._streams.get(after.id)
        if before.masks == after.masks or stream is None:
            return
        self._close(stream)
        stream.redraw()
        if self._tasks is not None:
            viewers = [viewer for viewer in self._viewers.values() if viewer.stream is stream]
            self._tasks.create_task(self._end_all(viewers, LiveEnd.REDRAWN))

    # --- opening ----------------------------------------------------------------------------------------------------

    async def _open(self, camera: Camera, offer: str, looker: Looker) -> LiveView:
        tasks = self._tasks
        if tasks is None:
            raise LiveRefused(LiveRefusal.STOPPING)
        self._check_room(camera, looker)
        stream = self._streams.get(camera.id)
        if stream is None:
            stream = self._streams[camera.id] = _Stream(camera, self._clock)
            stream.reading = tasks.create_task(self._read(stream), name=f"live {camera.id}")
        viewer = _Viewer(secrets.token_urlsafe(12), stream, looker, self._clock.monotonic())
        with contextlib.ExitStack() as otherwise:
            self._add(viewer)
            otherwise.callback(self._forget, viewer)
            way = await stream.opened()
            peer = await self._peers.answered(offer, viewer.next)
            if stream.refused is not None:  # it ended meanwhile
                await self._hang_up(peer)
                raise LiveRefused(stream.refused.reason, stream.refused.failure)
            viewer.peer = peer
            otherwise.pop_all()
        return LiveView(viewer.id, peer.answer, way, camera.zones)

    def _check_room(self, camera: Camera, looker: Looker) -> None:
        way = way_of(camera)
        if way is None:
            raise LiveRefused(LiveRefusal.NO_STREAM)
        host = host_of(camera)
        refusal = refusal_of(
            LiveLoad(
                viewers=len(self._viewers),
                own=sum(viewer.looker.key == looker.key for viewer in self._viewers.values()),
                has_stream=camera.id in self._streams,
                host_streams=sum(host_of(stream.camera) == host for stream in self._streams.values()),
                host_sessions=None if host is None else self._sessions_on(host),
                encodings=self._encodings(),
                needs_encoding=way is LiveWay.ENCODED,
            ),
            self._settings,
        )
        if refusal is not None:
            raise LiveRefused(refusal)

    def _encodings(self) -> int:
        """Those that are not open yet count as what they are thought to be."""
        ways = (stream.way or way_of(stream.camera) for stream in self._streams.values())
        return sum(way is LiveWay.ENCODED for way in ways)

    async def _read(self, stream: _Stream) -> None:
        """A stream's whole life. What it ends by is told to all who look."""
        refused: LiveRefused | None = None
        try:
            await self._source.read(stream.camera, lambda way: self._opened(stream, way), stream.take)
        except CaptureError as error:
            refused = LiveRefused(LiveRefusal.CAMERA, error.failure)
        except LiveRefused as error:
            refused = LiveRefused(error.reason, error.failure)
        except Exception as error:  # noqa: BLE001  (one camera's oddity must not end the tour of all)
            # Not in its own words: they may hold the address.
            last = traceback.extract_tb(error.__traceback__, limit=-1)[-1]
            _log.error(
                "camera %s: a fault in its live stream: %s at %s:%s",
                stream.camera.id,
                type(error).__name__,
                last.filename,
                last.lineno,
            )
        finally:
            if self._streams.get(stream.camera.id) is stream:
                del self._streams[stream.camera.id]
            self._show()
        refused = refused or LiveRefused(LiveRefusal.CAMERA)
        _log.info("camera %s is seen live no longer: %s", stream.camera.id, refused)
        stream.failed(refused)
        end = LiveEnd.REORDERED if refused.reason is LiveRefusal.REORDERED else LiveEnd.BROKEN
        await self._end_all([viewer for viewer in self._viewers.values() if viewer.stream is stream], end)

    def _opened(self, stream: _Stream, way: LiveWay) -> None:
        """Raises LiveRefused where it turns out that it would have to be encoded, and there is no room for that."""
        was_thought = way_of(stream.camera)
        if way is LiveWay.ENCODED and was_thought is not way and self._encodings() >= self._settings.encodings:
            raise LiveRefused(LiveRefusal.ENCODINGS)
        stream.began(way)
        self._show()

    # --- looking after ----------------------------------------------------------------------------------------------

    async def _tend(self) -> None:
        now = self._clock.monotonic()
        for viewer in list(self._viewers.values()):
            end = await viewer.over(now)
            if end is not None:
                await self._end(viewer, end)
        for viewer in [each for each in self._viewers.values() if each.is_to_be_asked(now)]:
            if not await viewer.looker.is_let_in():
                await self._end(viewer, LiveEnd.SIGNED_OUT)
        for stream in [each for each in self._streams.values() if each.is_left(now)]:
            self._close(stream)
        for viewer in self._viewers.values():
            self._metrics.passed(*viewer.uncounted())

    def _close(self, stream: _Stream) -> None:
        """Whoever asks for the camera from now on gets another."""
        del self._streams[stream.camera.id]
        stream.stop()

    async def _tell_sessions(self) -> None:
        while self._tasks is not None:  # a command of redis-py may miss that it was cancelled, but not this
            for camera in [stream.camera for stream in self._streams.values() if host_of(stream.camera) is not None]:
                await self._on_session(camera.id)
            await self._clock.sleep(SESSIONS_TOLD_EVERY_S)

    async def _end_all(self, viewers: list[_Viewer], end: LiveEnd) -> None:
        await asyncio.gather(*(self._end(viewer, end) for viewer in viewers))

    async def _end(self, viewer: _Viewer, end: LiveEnd) -> None:
        if self._viewers.get(viewer.id) is not viewer:
            return
        if viewer.peer is None:
            return  # it is being opened, and fails by itself
        self._forget(viewer)
        self._ended[viewer.id] = (viewer.looker.key, viewer.status(end))
        if len(self._ended) > MOST_ENDED:
            self._ended.popitem(last=False)
        self._metrics.ended(end)
        await self._hang_up(viewer.peer)

    async def _hang_up(self, peer: LivePeer) -> None:
        """Close a connection. It is closed to its end, also where whoever wanted that waits no longer."""
        closing = asyncio.create_task(peer.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSED_WITHIN_S):
                await asyncio.shield(closing)

    async def _be_gone(self) -> None:
        """Wait for who was being let in as it ended, and for what is being closed: or sockets outlive the loop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSED_WITHIN_S):
                while self._viewers:
                    self._left.clear()
                    await self._left.wait()
                while self._closing:
                    await asyncio.wait(set(self._closing))
        for closing in self._closing:
            closing.cancel()

    def _add(self, viewer: _Viewer) -> None:
        self._viewers[viewer.id] = viewer
        viewer.stream.viewers.add(viewer)
        self._show()

    def _forget(self, viewer: _Viewer) -> None:
        self._viewers.pop(viewer.id, None)
        self._left.set()
        viewer.stream.viewers.discard(viewer)
        viewer.stream.left_at = self._clock.monotonic()
        self._metrics.passed(*viewer.uncounted())
        self._show()

    def _show(self) -> None:
        self._metrics.show(len(self._viewers), [stream.way for stream in self._streams.values()])


class _Stream:
    """One camera's stream, for as long as anybody looks, and a little longer."""

    def __init__(self, camera: Camera, clock: Clock) -> None:
        self.camera = camera
        self.viewers: set[_Viewer] = set()
        self.left_at = clock.monotonic()
        self.way: LiveWay | None = None
        self.last = LastPictures()
        self.reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.refused: LiveRefused | None = None

    async def opened(self) -> LiveWay:
        """How pictures come, once they can. Raises LiveRefused."""
        try:
            async with asyncio.timeout(OPENED_WITHIN_S):
                await self._changed.wait()
        except TimeoutError:
            raise LiveRefused(LiveRefusal.CAMERA) from None
        if self.way is None or self.refused is not None:
            refused = self.refused or LiveRefused(LiveRefusal.CAMERA)
            raise LiveRefused(refused.reason, refused.failure)
        return self.way

    def began(self, way: LiveWay) -> None:
        """It is open."""
        self.way = way
        self._changed.set()

    def failed(self, refused: LiveRefused) -> None:
        """Nothing more will come."""
        self.refused = refused
        self._changed.set()

    def take(self, picture: LivePicture) -> None:
        """For all who look, and who comes later."""
        self.last.take(picture)
        for viewer in self.viewers:
            viewer.offer(picture)

    def redraw(self) -> None:
        """Nothing that is still on its way is sent."""
        self.failed(LiveRefused(LiveRefusal.CAMERA))
        for viewer in self.viewers:
            viewer.queue.clear()
        self.last = LastPictures()
        self.viewers = set()

    def is_left(self, now: float) -> bool:
        """Whether nobody has looked for a while."""
        return not self.viewers and now - self.left_at >= KEPT_OPEN_S

    def stop(self) -> None:
        """Its session is given back."""
        if self.reading is not None:
            self.reading.cancel()


class _Viewer:
    """One who looks. Until the browser is there nothing waits for it: it begins with what is newest then."""

    def __init__(self, viewer_id: str, stream: _Stream, looker: Looker, now: float) -> None:
        self.id = viewer_id
        self.stream = stream
        self.looker = looker
        self.queue = ViewerQueue()
        self.peer: LivePeer | None = None
        self.sent = 0
        self._since = self._asked_at = self._heard_at = now
        self._heard = (0, 0)  # how much came, and how much had been sent
        self._sent_bytes = 0
        self._counted = (0, 0, 0)
        self._has_begun = False
        self._news = asyncio.Event()

    async def next(self) -> LivePicture:
        """The next picture to send. Waits without bound; called for the first time once the browser is there."""
        if not self._has_begun:
            self._has_begun = True
            self.queue.begin(self.stream.last.squeezed())
        while (picture := self.queue.take()) is None:
            self._news.clear()
            await self._news.wait()
        self.sent += 1
        self._sent_bytes += len(picture.data)
        return picture

    def offer(self, picture: LivePicture) -> None:
        """One more of the stream."""
        if self._has_begun:
            self.queue.offer(picture)
            self._news.set()

    async def over(self, now: float) -> LiveEnd | None:
        """Why it is over, as far as its connection goes."""
        if self.peer is None:
            return None
        if self.peer.state is PeerState.OVER:
            return LiveEnd.GONE if self._has_begun else LiveEnd.NEVER_CAME
        if self.peer.state is PeerState.CONNECTING:
            return LiveEnd.NEVER_CAME if now - self._since >= CONNECTED_WITHIN_S else None
        heard = await self.peer.heard()
        # Where nothing was sent there is nothing to report on.
        if heard != self._heard[0] or self.sent == self._heard[1]:
            self._heard, self._heard_at = (heard, self.sent), now
        return LiveEnd.GONE if now - self._heard_at >= HEARD_WITHIN_S else None

    def is_to_be_asked(self, now: float) -> bool:
        """Whether it is time to ask again whether they are let in."""
        if self.peer is None or now - self._asked_at < LET_IN_EVERY_S:
            return False
        self._asked_at = now
        return True

    def uncounted(self) -> tuple[int, int, int]:
        """Pictures and bytes sent, and pictures dropped, since this was asked last."""
        before, now = self._counted, (self.sent, self._sent_bytes, self.queue.dropped)
        self._counted = now
        return now[0] - before[0], now[1] - before[1], now[2] - before[2]

    def status(self, end: LiveEnd | None) -> LiveStatus:
        """How it stands."""
        return LiveStatus(end, self.sent, self.queue.dropped)

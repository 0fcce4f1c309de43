"""Sessions that are kept open, so that a camera's newest key frame is there when a visit asks for it.

Between visits a session is read a few times a second, not whenever something comes: the operating system gathers what
the camera sends, and one look takes it all. Nothing is decoded, and nothing kept but the newest key frame.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from patrol.adapters.rtsp.session import Seen, Session
from patrol.domain.camera import Camera, CameraId
from patrol.domain.errors import CaptureError

# How often a session is looked at between visits. A socket's buffer takes about 64 kB before it has to grow, so what
# gathers between two looks should stay below; 512 kbit/s are 32 kB in half a second.
LONGEST_REST_S, SHORTEST_REST_S = 0.5, 0.02
GATHERED_BYTES = 40_000
# No camera pauses its video for so long: the connection is dead, or the stream has stopped. Answers and RTCP reports go
# on to come where only the pictures have.
SILENT_AFTER_S = 10.0
KEEP_ALIVE_SHARE = 0.4  # of the server's time-out, so that one question that is late does not end the session
ANSWER_WITHIN_S = 5.0
GOODBYE_S = 1.0


class WarmSession:
    """One session between its opening and its end. ``visitors``: visits that wait for a key frame now."""

    def __init__(self, session: Session) -> None:
        """``session``: open already, and read all the time."""
        now = asyncio.get_running_loop().time()
        self.session = session
        self._visitors = 0
        self._visited_at = now
        self._alive_at = now
        self._rest_s = LONGEST_REST_S / 2
        self._bytes_before = session.bytes_read

    async def next_key_frame(self) -> Seen:
        """See Session; a waiting visit has the session read all the time."""
        with self._visited():
            return await self.session.next_key_frame()

    async def keep(self, idle_after_s: float) -> bool:
        """Look after it until it ends, is silent, or was not visited for ``idle_after_s``; then close it.

        Whether it held as long as it was wanted.
        """
        try:
            self._relax()
            while not (self.session.is_over or self._is_silent() or self._is_idle(idle_after_s)):
                await asyncio.sleep(self._rest_s)
                await self._keep_alive()
                self._look()
            held = not self.session.is_over and not self._is_silent()
            await self.session.leave(GOODBYE_S)
        except (CaptureError, TimeoutError):  # it answers no more; the next visit opens another
            held = False
        finally:
            self.session.abandon()
        return held

    async def close(self, longest_s: float = GOODBYE_S) -> None:
        """Say goodbye and wait a little for the answer."""
        await self.session.leave(min(GOODBYE_S, longest_s))

    @contextmanager
    def _visited(self) -> Iterator[None]:
        self._visitors += 1
        self.session.read_lazily(False)
        try:
            yield
        finally:
            self._visitors -= 1
            self._visited_at = asyncio.get_running_loop().time()
            self._relax()

    def _relax(self) -> None:
        if not self._visitors and not self.session.is_over:
            self.session.read_lazily(True)

    def _look(self) -> None:
        gathered = self.session.bytes_read - self._bytes_before
        self._bytes_before = self.session.bytes_read
        self._rest_s = rest_after(self._rest_s, gathered)
        self.session.look()

    async def _keep_alive(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._alive_at < KEEP_ALIVE_SHARE * self.session.timeout_s:
            return
        self._alive_at = now
        self.session.read_lazily(False)
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await self.session.keep_alive()
        self._relax()

    def _is_idle(self, idle_after_s: float) -> bool:
        return not self._visitors and asyncio.get_running_loop().time() - self._visited_at > idle_after_s

    def _is_silent(self) -> bool:
        return asyncio.get_running_loop().time() - self.session.last_video_at > SILENT_AFTER_S


class WarmSessions:
    """All that are kept open, each with the task that looks after it; no more than the budget and each host allow."""

    def __init__(
        self,
        most: int,
        on_host: Callable[[Camera], int],
        idle_after_s: float,
        on_end: Callable[[CameraId, bool], None],
    ) -> None:
        """``on_host``: how many sessions may be kept open on a camera's host, as far as that camera is concerned.

        ``on_end``: told of every session that ended, and whether it held as long as it was wanted.
        """
        self._most = most
        self._on_host = on_host
        self._idle_after_s = idle_after_s
        self._on_end = on_end
        self._sessions: dict[CameraId, WarmSession] = {}
        self._opening: dict[CameraId, str] = {}
        self._hosts: Counter[str] = Counter()
        self._keepers: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[CameraId]:
        return iter(self._sessions)

    def has_room(self, camera: Camera) -> bool:
        """Whether the camera may be kept open; true for one that is."""
        if camera.id in self._sessions or camera.id in self._opening:
            return True
        taken = len(self._sessions) + len(self._opening)
        return taken < self._most and self._hosts[camera.stream.host_name] < self._on_host(camera)

    def of(self, camera_id: CameraId) -> WarmSession | None:
        """The camera's session, if it has one that goes on."""
        warm = self._sessions.get(camera_id)
        return warm if warm is not None and not warm.session.is_over else None

    def holds(self, camera_id: CameraId, session: Session) -> bool:
        """Whether this is the session that is kept open for the camera."""
        warm = self._sessions.get(camera_id)
        return warm is not None and warm.session is session

    @contextmanager
    def place_for(self, camera: Camera) -> Iterator[None]:
        """Hold a place in the budget while the camera's session is being opened."""
        host = camera.stream.host_name
        self._opening[camera.id] = host
        self._hosts[host] += 1
        try:
            yield
        finally:
            del self._opening[camera.id]
            self._hosts[host] -= 1

    def add(self, camera: Camera, session: Session) -> WarmSession:
        """Keep a session that was just opened."""
        warm = WarmSession(session)
        self._sessions[camera.id] = warm
        self._hosts[camera.stream.host_name] += 1
        keeper = asyncio.create_task(self._keep(camera, warm), name=f"warm {camera.id}")
        self._keepers.add(keeper)
        keeper.add_done_callback(self._keepers.discard)
        return warm

    async def drop(self, camera_id: CameraId, longest_s: float) -> None:
        """Close the camera's session, if it has one, within ``longest_s``."""
        warm = self._sessions.pop(camera_id, None)
        if warm is not None:
            await warm.close(longest_s)

    async def aclose(self) -> None:
        """Close all, at the same time."""
        await asyncio.gather(*(warm.close() for warm in self._sessions.values()))
        keepers = list(self._keepers)
        for keeper in keepers:
            keeper.cancel()
        if keepers:
            await asyncio.wait(keepers)

    async def _keep(self, camera: Camera, warm: WarmSession) -> None:
        try:
            self._on_end(camera.id, await warm.keep(self._idle_after_s))
        finally:
            self._hosts[camera.stream.host_name] -= 1
            if self._sessions.get(camera.id) is warm:
                del self._sessions[camera.id]


def rest_after(rest_s: float, gathered: int) -> float:
    """How long to rest next, when ``gathered`` bytes came in the last ``rest_s``."""
    fitting_s = rest_s * GATHERED_BYTES / max(gathered, 1)
    return min(LONGEST_REST_S, max(SHORTEST_REST_S, min(fitting_s, 1.5 * rest_s)))

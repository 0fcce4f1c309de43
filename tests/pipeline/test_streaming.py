"""Streaming: one stream for all who look at a camera, freed when nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from patrol.adapters.memory import FakeClock
from patrol.domain.camera import Camera, CameraId, StreamAddress
from patrol.domain.errors import CaptureError, CaptureFailure, LiveRefusal, LiveRefused
from patrol.domain.live import LiveEnd, LivePicture, LiveSettings, LiveWay
from patrol.pipeline.streaming import CONNECTED_WITHIN_S, HEARD_WITHIN_S, KEPT_OPEN_S, Streaming
from patrol.ports import Looker, PeerState
from tests.builders import NOON, camera
from tests.pipeline.parts import counted, fresh_metrics

OFFER = "v=0"
ONE, TWO, MADE_UP = CameraId("C-1"), CameraId("C-2"), CameraId("C-3")
CAMERAS = {
    ONE: camera("C-1", stream=StreamAddress("rtsp://10.0.0.1/1")),
    TWO: camera("C-2", stream=StreamAddress("rtsp://10.0.0.1/2")),
    MADE_UP: camera("C-3", stream=StreamAddress("synthetic:3")),
    CameraId("C-4"): camera("C-4", stream=StreamAddress("http://10.0.0.4/still.jpg")),
    CameraId("C-5"): camera("C-5", stream=StreamAddress("synthetic:5")),
    CameraId("C-6"): camera("C-6", stream=StreamAddress("rtsp://10.0.0.1/6")),
}


def key_picture(number: int = 0) -> LivePicture:
    return LivePicture(bytes(10), number * 3600, is_key=True)


@dataclass
class Cameras:
    """A LiveSource whose pictures the test sends. ``failures``: by camera, on opening."""

    failures: dict[CameraId, CaptureError] = field(default_factory=dict)
    ways: dict[CameraId, LiveWay] = field(default_factory=dict)
    opened: list[CameraId] = field(default_factory=list)
    open_now: dict[CameraId, Callable[[LivePicture], None]] = field(default_factory=dict)
    breaking: dict[CameraId, asyncio.Future[None]] = field(default_factory=dict)
    answers: asyncio.Event | None = None

    async def read(
        self, camera: Camera, on_open: Callable[[LiveWay], None], on_picture: Callable[[LivePicture], None]
    ) -> None:
        self.opened.append(camera.id)
        if self.answers is not None:
            await self.answers.wait()
        if camera.id in self.failures:
            raise self.failures[camera.id]
        on_open(self.ways.get(camera.id, LiveWay.PASSED if camera.stream.scheme == "rtsp" else LiveWay.ENCODED))
        self.open_now[camera.id] = on_picture
        self.breaking[camera.id] = asyncio.get_running_loop().create_future()
        try:
            await self.breaking[camera.id]
        finally:
            del self.open_now[camera.id]

    def fail(self, camera_id: CameraId, error: Exception) -> None:
        self.breaking[camera_id].set_exception(error)


@dataclass
class Peer:
    """A browser that is there when the test says so."""

    next_picture: Callable[[], Awaitable[LivePicture]]
    answer: str = "answer"
    state: PeerState = PeerState.CONNECTING
    came: int = 0
    closed: int = 0
    closes: asyncio.Event | None = None  # it takes until then

    async def heard(self) -> int:
        return self.came

    async def close(self) -> None:
        if self.closes is not None:
            await self.closes.wait()
        self.closed += 1
        self.state = PeerState.OVER


@dataclass
class Browsers:
    peers: list[Peer] = field(default_factory=list)
    understands: bool = True
    agrees: asyncio.Event | None = None  # it takes until then

    async def answered(self, offer: str, next_picture: Callable[[], Awaitable[LivePicture]]) -> Peer:
        if self.agrees is not None:
            await self.agrees.wait()
        if not self.understands:
            raise LiveRefused(LiveRefusal.BROWSER)
        self.peers.append(Peer(next_picture))
        return self.peers[-1]


class Room:
    def __init__(self, settings: LiveSettings) -> None:
        self.clock, self.metrics = FakeClock(NOON), fresh_metrics()
        self.cameras, self.browsers = Cameras(), Browsers()
        self.let_in = True
        self.told: list[CameraId] = []
        self.streaming = Streaming(
            CAMERAS, self.cameras, self.browsers, settings, lambda _: 8, self.clock, self.metrics.live, self._tell
        )

    async def _tell(self, camera_id: CameraId) -> None:
        self.told.append(camera_id)

    async def _is_let_in(self) -> bool:
        return self.let_in

    async def look(self, camera_id: str = "C-1", key: str = "wang", *, is_there: bool = True) -> tuple[str, Peer]:
        view = await self.streaming.open(CameraId(camera_id), OFFER, Looker(key, self._is_let_in))
        peer = self.browsers.peers[-1]
        if is_there:
            peer.state = PeerState.CONNECTED
        return view.viewer_id, peer

    async def refusal(self, camera_id: str = "C-1", key: str = "wang") -> LiveRefused:
        with pytest.raises(LiveRefused) as refused:
            await self.look(camera_id, key)
        return refused.value

    def counted(self, name: str, **labels: str) -> float:
        return counted(self.metrics, f"patrol_live_{name}", **labels)


@asynccontextmanager
async def running(settings: LiveSettings | None = None) -> AsyncIterator[Room]:
    room, stopping = Room(settings or LiveSettings()), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(room.streaming.run(stopping))
        await asyncio.sleep(0)
        yield room
        stopping.set()


async def until(condition: Callable[[], bool]) -> None:
    """Let others have their turns until it is so."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never was so")


def checked(check: Callable[[Room], Awaitable[None]], settings: LiveSettings | None = None) -> None:
    async def go() -> None:
        async with running(settings) as room:
            await check(room)

    asyncio.run(go())


def test_two_who_look_at_a_camera_share_one_stream() -> None:
    async def check(room: Room) -> None:
        (_, one), (_, other) = await room.look(), await room.look(key="li")
        assert room.cameras.opened == [ONE]
        wanted = [asyncio.ensure_future(peer.next_picture()) for peer in (one, other)]
        await asyncio.sleep(0)
        room.cameras.open_now[ONE](key_picture())
        assert [picture.is_key for picture in await asyncio.gather(*wanted)] == [True, True]
        assert room.counted("viewers") == 2
        assert room.counted("streams", way="passed") == 1

    checked(check)


def test_the_stream_is_given_back_a_little_after_the_last_has_gone() -> None:
    async def check(room: Room) -> None:
        (first, one), (second, _) = await room.look(), await room.look()
        assert await room.streaming.leave(first, "wang")
        assert one.closed == 1
        await room.clock.sleep(3 * KEPT_OPEN_S)
        assert list(room.cameras.open_now) == [ONE]
        assert await room.streaming.leave(second, "wang")
        await room.clock.sleep(KEPT_OPEN_S - 2)
        assert list(room.cameras.open_now) == [ONE]
        await room.clock.sleep(4)
        assert list(room.cameras.open_now) == []
        assert room.counted("streams", way="passed") == 0
        assert room.counted("ends_total", end="left") == 2

    checked(check)


def test_who_comes_back_soon_finds_the_stream_still_open() -> None:
    async def check(room: Room) -> None:
        viewer, _ = await room.look()
        await room.streaming.leave(viewer, "wang")
        await room.clock.sleep(KEPT_OPEN_S - 2)
        await room.look()
        await room.clock.sleep(2 * KEPT_OPEN_S)
        assert room.cameras.opened == [ONE]

    checked(check)


def test_who_comes_later_begins_with_the_last_key_picture() -> None:
    async def check(room: Room) -> None:
        await room.look()
        room.cameras.open_now[ONE](key_picture())
        room.cameras.open_now[ONE](LivePicture(b"x", 3600, is_key=False))
        _, peer = await room.look()
        pictures = [await peer.next_picture() for _ in range(2)]
        assert [picture.is_key for picture in pictures] == [True, False]
        assert pictures[-1].ticks == 3600

    checked(check)


def test_a_slow_viewer_loses_pictures_and_nobody_else_does() -> None:
    async def check(room: Room) -> None:
        (slow, slow_peer), (_, quick) = await room.look(), await room.look()
        room.cameras.open_now[ONE](key_picture())
        await asyncio.gather(slow_peer.next_picture(), quick.next_picture())
        for number in range(1, 200):
            room.cameras.open_now[ONE](LivePicture(b"x", 3600 * number, is_key=False))
            assert (await quick.next_picture()).ticks == 3600 * number
        room.cameras.open_now[ONE](key_picture(200))
        assert (await slow_peer.next_picture()).ticks == 200 * 3600
        status = room.streaming.status(slow, "wang")
        assert status is not None
        assert (status.sent, status.dropped) == (2, 199)
        await room.clock.sleep(2)
        assert room.counted("pictures_total", outcome="dropped") == 199
        assert room.counted("pictures_total", outcome="sent") == 202

    checked(check)


@pytest.mark.parametrize(
    ("settings", "looks", "camera_id", "reason"),
    [
        (LiveSettings(peers=2), [("C-1", "a"), ("C-1", "b")], "C-1", LiveRefusal.VIEWERS),
        (LiveSettings(peers_of_one=1), [("C-1", "wang")], "C-2", LiveRefusal.OWN_VIEWERS),
        (LiveSettings(encodings=1), [("C-3", "a")], "C-5", LiveRefusal.ENCODINGS),
        (LiveSettings(), [], "C-4", LiveRefusal.NO_STREAM),
    ],
)
def test_caps(settings: LiveSettings, looks: list[tuple[str, str]], camera_id: str, reason: LiveRefusal) -> None:
    async def check(room: Room) -> None:
        for each, key in looks:
            await room.look(each, key)
        assert (await room.refusal(camera_id)).reason is reason
        assert room.counted("refusals_total", reason=reason.value) == 1
        assert room.counted("viewers") == len(looks)

    checked(check, settings)


def test_places_are_taken_before_anything_is_waited_for() -> None:
    async def check(room: Room) -> None:
        room.cameras.answers = asyncio.Event()
        asked = [asyncio.ensure_future(room.look(key=f"{number}")) for number in range(3)]
        await asyncio.sleep(0.01)
        room.cameras.answers.set()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [isinstance(each, LiveRefused) for each in answers] == [False, False, True]
        assert room.cameras.opened == [ONE]

    checked(check, LiveSettings(peers=2))


def test_no_more_than_a_quarter_of_a_hosts_sessions_are_taken() -> None:
    async def check(room: Room) -> None:
        await room.look("C-1")
        await room.look("C-2")
        assert (await room.refusal("C-6")).reason is LiveRefusal.HOST

    checked(check)


def test_the_tour_is_told_of_each_session_that_is_taken() -> None:
    async def check(room: Room) -> None:
        await room.look("C-1")
        await room.look("C-3")
        room.told.clear()
        await room.clock.sleep(11)
        assert room.told == [ONE, ONE]

    checked(check)


def test_a_camera_that_turns_out_to_need_encoding_is_refused_where_there_is_no_room_for_that() -> None:
    async def check(room: Room) -> None:
        room.cameras.ways = {ONE: LiveWay.ENCODED}
        await room.look("C-3")
        assert (await room.refusal("C-1")).reason is LiveRefusal.ENCODINGS
        assert list(room.cameras.open_now) == [MADE_UP]

    checked(check, LiveSettings(encodings=1))


def test_a_camera_that_cannot_be_opened_holds_no_place_and_can_be_tried_again() -> None:
    async def check(room: Room) -> None:
        room.cameras.failures = {ONE: CaptureError(CaptureFailure.UNAUTHORIZED, "no")}
        refused = await room.refusal()
        assert (refused.reason, refused.failure) == (LiveRefusal.CAMERA, CaptureFailure.UNAUTHORIZED)
        assert room.counted("viewers") == 0
        room.cameras.failures = {}
        await room.look()
        assert room.cameras.opened == [ONE, ONE]

    checked(check, LiveSettings(peers=1))


def test_a_browser_that_cannot_show_it_holds_no_place() -> None:
    async def check(room: Room) -> None:
        room.browsers.understands = False
        assert (await room.refusal()).reason is LiveRefusal.BROWSER
        assert room.counted("viewers") == 0
        await room.clock.sleep(2 * KEPT_OPEN_S)
        assert list(room.cameras.open_now) == []

    checked(check)


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (CaptureError(CaptureFailure.BROKEN, "gone"), LiveEnd.BROKEN),
        (LiveRefused(LiveRefusal.REORDERED), LiveEnd.REORDERED),
        (ZeroDivisionError("a mistake, with rtsp://admin:password@host in its words"), LiveEnd.BROKEN),
    ],
)
def test_a_stream_that_breaks_ends_all_its_views_and_says_why(
    error: Exception, end: LiveEnd, caplog: pytest.LogCaptureFixture
) -> None:
    async def check(room: Room) -> None:
        (viewer, peer), (other, _) = await room.look("C-1"), await room.look("C-2")
        room.cameras.fail(ONE, error)
        await room.clock.sleep(1.5)
        assert peer.closed == 1
        status, still = room.streaming.status(viewer, "wang"), room.streaming.status(other, "wang")
        assert status is not None
        assert still is not None
        assert (status.end, still.end) == (end, None)
        assert room.counted("ends_total", end=end.value) == 1
        assert "password" not in caplog.text

    checked(check)


def test_who_never_comes_is_freed() -> None:
    async def check(room: Room) -> None:
        _, peer = await room.look(is_there=False)
        await room.clock.sleep(CONNECTED_WITHIN_S - 2)
        assert peer.closed == 0
        await room.clock.sleep(4)
        assert peer.closed == 1
        assert room.counted("ends_total", end="never_came") == 1
        assert room.counted("viewers") == 0

    checked(check)


def test_whose_connection_fails_is_freed() -> None:
    async def check(room: Room) -> None:
        _, peer = await room.look()
        room.cameras.open_now[ONE](key_picture())
        await peer.next_picture()
        peer.state = PeerState.OVER
        await room.clock.sleep(2)
        assert room.counted("ends_total", end="gone") == 1

    checked(check)


def test_who_is_sent_pictures_and_says_nothing_is_freed() -> None:
    async def check(room: Room) -> None:
        (_, silent), (_, talking) = await room.look(), await room.look()
        for second in range(round(HEARD_WITHIN_S) + 3):
            room.cameras.open_now[ONE](key_picture(second))
            for peer in (silent, talking):
                if not peer.closed:
                    await peer.next_picture()
            talking.came += 1
            await room.clock.sleep(1)
        assert (silent.closed, talking.closed) == (1, 0)
        assert room.counted("ends_total", end="gone") == 1

    checked(check)


def test_who_is_sent_nothing_has_nothing_to_report_on() -> None:
    async def check(room: Room) -> None:
        _, peer = await room.look()
        await room.clock.sleep(3 * HEARD_WITHIN_S)
        assert peer.closed == 0

    checked(check)


def test_a_view_ends_with_its_sign_in() -> None:
    async def check(room: Room) -> None:
        viewer, peer = await room.look()
        await room.clock.sleep(20)
        assert peer.closed == 0
        room.let_in = False
        await room.clock.sleep(7)
        assert peer.closed == 1
        status = room.streaming.status(viewer, "wang")
        assert status is not None
        assert status.end is LiveEnd.SIGNED_OUT

    checked(check)


def test_a_view_is_nobody_elses() -> None:
    async def check(room: Room) -> None:
        viewer, peer = await room.look()
        assert not await room.streaming.leave(viewer, "li")
        assert room.streaming.status(viewer, "li") is None
        assert peer.closed == 0
        await room.streaming.leave(viewer, "wang")
        assert room.streaming.status(viewer, "li") is None
        assert room.streaming.status(viewer, "wang") is not None

    checked(check)


def test_the_end_frees_everybody() -> None:
    async def go() -> Room:
        async with running() as room:
            await room.look("C-1")
            await room.look("C-2")
        return room

    room = asyncio.run(go())
    assert [peer.closed for peer in room.browsers.peers] == [1, 1]
    assert room.cameras.open_now == {}
    assert room.counted("ends_total", end="stopping") == 2


def test_who_is_being_let_in_as_it_ends_is_turned_away_and_waited_for() -> None:
    async def go() -> Room:
        room, stopping = Room(LiveSettings()), asyncio.Event()
        room.browsers.agrees = asyncio.Event()
        running = asyncio.create_task(room.streaming.run(stopping))
        await asyncio.sleep(0)
        looking = asyncio.create_task(room.refusal())
        await until(lambda: ONE in room.cameras.open_now)
        stopping.set()
        await until(lambda: not room.cameras.open_now)
        assert not running.done()
        room.browsers.agrees.set()
        await running
        assert [peer.closed for peer in room.browsers.peers] == [1]
        assert (await looking).reason is LiveRefusal.STOPPING
        return room

    assert asyncio.run(go()).counted("viewers") == 0


def test_a_connection_that_is_being_closed_is_waited_for_also_where_whoever_closed_it_is_gone() -> None:
    async def go() -> Peer:
        room, stopping, closes = Room(LiveSettings()), asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(room.streaming.run(stopping))
        await asyncio.sleep(0)
        viewer, peer = await room.look()
        peer.closes = closes
        leaving = asyncio.create_task(room.streaming.leave(viewer, "wang"))
        await until(lambda: room.counted("viewers") == 0)
        leaving.cancel()  # its request, as the server stops
        await asyncio.wait([leaving])
        stopping.set()
        await until(lambda: not room.cameras.open_now)
        assert not running.done()
        closes.set()
        await running
        return peer

    assert asyncio.run(go()).closed == 1


def test_before_it_runs_and_after_its_end_nobody_may_look() -> None:
    room = Room(LiveSettings())
    assert asyncio.run(room.refusal()).reason is LiveRefusal.STOPPING


def test_no_picture_that_was_masked_otherwise_goes_out_once_masks_are_changed() -> None:
    half = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0))
    before, after = CAMERAS[ONE], replace(CAMERAS[ONE], masks=(half,))

    async def check(room: Room) -> None:
        (viewer, peer), (_, other) = await room.look(), await room.look("C-2")
        room.cameras.open_now[ONE](key_picture())
        room.streaming.redrawn(before, replace(before, name="another name"))  # nothing that anybody sees
        assert peer.closed == 0
        wanted = asyncio.ensure_future(peer.next_picture())
        room.streaming.redrawn(before, after)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not wanted.done()
        wanted.cancel()
        assert ONE not in room.cameras.open_now
        assert peer.closed == 1
        assert other.closed == 0
        status = room.streaming.status(viewer, "wang")
        assert status is not None
        assert status.end is LiveEnd.REDRAWN
        await room.look()
        assert room.cameras.opened == [ONE, TWO, ONE]
        assert room.counted("ends_total", end="redrawn") == 1

    checked(check)

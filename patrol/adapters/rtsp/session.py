"""One RTSP session: described, set up, playing, torn down (RFC 2326), with the video interleaved in its connection."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from patrol.adapters.rtsp.authentication import Authentication
from patrol.adapters.rtsp.connection import HUNG_UP, Connection, Dialler, Ending
from patrol.adapters.rtsp.depacketizing import KeyFrame, KeyFrames, Picture, key_frames_of
from patrol.adapters.rtsp.rtcp import SenderReport, capture_time, sender_report_in, ticks_between
from patrol.adapters.rtsp.sdp import Description, VideoTrack, description_of
from patrol.adapters.rtsp.targets import Target, failure_of_status, redirected, target_of
from patrol.adapters.rtsp.wire import Message, request
from patrol.domain.camera import StreamAddress
from patrol.domain.errors import CaptureError, CaptureFailure
from patrol.domain.frame import CaptureClock
from patrol.ports import Clock

REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
USUAL_TIMEOUT_S = 60.0  # RFC 2326, 12.37
MOST_CHALLENGES = 2  # the first, and one because its nonce had grown old
SHORTEST_TIMEOUT_S, LONGEST_TIMEOUT_S = 5.0, 120.0
LET_GO = frozenset({200, 454})  # to TEARDOWN: done, or no such session


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A key frame with the time it was taken at (aware UTC), and by whose clock."""

    key_frame: KeyFrame
    captured_at: datetime
    clock: CaptureClock


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """A picture of a stream in focus, with the time it was taken at (aware UTC), and by whose clock."""

    picture: Picture
    captured_at: datetime
    clock: CaptureClock


class Session:
    """Opened once, closed once; keeps no more than the newest key frame.

    ``packets``: how many of video came. ``set_up_s``: seconds from the first connection to PLAY's answer.
    ``first_key_frame_s``: seconds from then to the first whole key frame, until somebody took note of it.
    ``key_frame_distance_s``: between the last two. Each None until known. ``last_read_at``: when anything came;
    ``last_video_at``: when video came (until then, when it began to play); by the loop's clock.
    """

    def __init__(self, dialler: Dialler, clock: Clock, on_unconfirmed: Callable[[float], None]) -> None:
        """``on_unconfirmed``: told, if it was closed without the server's word, for how many seconds it may be held."""
        self._dialler = dialler
        self._clock = clock
        self._on_unconfirmed = on_unconfirmed
        self._connection: Connection | None = None
        self._authentication = Authentication(None)
        self._number = 0
        self._id = ""
        self._control = ""
        self._may_be_held = False
        self._goodbye: asyncio.Future[Message] | None = None
        self._track: VideoTrack | None = None
        self._key_frames: KeyFrames | None = None
        self._video_channel = -1
        self._report: SenderReport | None = None
        self._whole: KeyFrame | None = None
        self._newest: Seen | None = None
        self._news = asyncio.Event()
        self._unreadable: Ending | None = None
        self._previous_rtp_time: int | None = None
        self._playing_since = 0.0
        self._is_lazy = False
        self._on_picture: Callable[[Arrived], None] | None = None
        self._keep_alive_by = "GET_PARAMETER"
        self.timeout_s = USUAL_TIMEOUT_S
        self.last_read_at = 0.0
        self.last_video_at = 0.0
        self.packets = 0
        self._packets_before = 0
        self._given_out = 0
        self.set_up_s: float | None = None
        self.first_key_frame_s: float | None = None
        self.key_frame_distance_s: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self._goodbye is not None or self._connection is None or self._connection.ending is not None

    @property
    def video(self) -> VideoTrack:
        """The track that plays. Not before the camera has described it."""
        assert self._track is not None, "open comes before"
        return self._track

    @property
    def progress(self) -> tuple[int, int]:
        """Changes with every packet of video that comes, and with every key frame that is given out."""
        return self.packets, self._given_out

    @property
    def bytes_read(self) -> int:
        """Of the connection, so far."""
        return self._connection.bytes_read if self._connection is not None else 0

    async def open(self, address: StreamAddress, longest_s: float) -> None:
        """Describe, set up and play. Raises CaptureError; bounded by the caller, a name's look-up by ``longest_s``."""
        began = asyncio.get_running_loop().time()
        description = await self._described(target_of(address), longest_s)
        self._track, self._control = description.video, description.control
        self._key_frames = key_frames_of(description.video)
        self._key_frames.wants_every = self._on_picture is not None
        await self._set_up(description.video)
        _checked(await self._asked("PLAY", self._control, ("Range", "npt=0.000-")))
        self._playing_since = self.last_video_at = asyncio.get_running_loop().time()
        self.set_up_s = self._playing_since - began

    async def next_key_frame(self) -> Seen:
        """The newest key frame that was not given out yet, or the next. Waits without bound; raises CaptureError."""
        while self._newest is None:
            await self.wait_for_news()
        seen, self._newest = self._newest, None
        self._given_out += 1
        return seen

    def follow(self, on_picture: Callable[[Arrived], None]) -> None:
        """Every picture that can be decoded is told, in order, besides the key frames. To be called before ``open``.

        The first key frame often comes along with the answer to PLAY. Missed, it is as long to the next as they are
        apart, and what comes meanwhile cannot be decoded.
        """
        assert self._key_frames is None, "open comes after"
        self._on_picture = on_picture

    async def wait_for_news(self) -> None:
        """Until something may have come. Raises CaptureError once nothing more will."""
        self._check_going_on()
        self._news.clear()
        await self._news.wait()

    def played_s(self) -> float:
        """Seconds since PLAY was answered; 0 before."""
        return asyncio.get_running_loop().time() - self._playing_since if self._playing_since else 0.0

    def read_lazily(self, lazily: bool) -> None:
        """See Connection."""
        self._is_lazy = lazily
        if self._connection is not None:
            self._connection.read_lazily(lazily)

    def look(self) -> None:
        """See Connection."""
        if self._connection is not None:
            self._connection.look()

    async def keep_alive(self) -> None:
        """Tell the server that somebody is there. Raises CaptureError if it knows nothing of the session."""
        answer = await self._asked(self._keep_alive_by, self._control)
        if answer.status == 200:
            return
        if answer.status == 454 or self._keep_alive_by == "OPTIONS":
            raise failure_of_status(answer.status or 0)
        self._keep_alive_by = "OPTIONS"  # older cameras know no GET_PARAMETER
        _checked(await self._asked(self._keep_alive_by, self._control))

    def say_goodbye(self) -> None:
        """Send TEARDOWN, if there is anything to tear down; its answer is for ``left``."""
        if self._goodbye is None and self._id and self._connection is not None and self._connection.ending is None:
            self.read_lazily(False)
            self._goodbye = self._connection.ask(self._request("TEARDOWN", self._control))

    async def leave(self, longest_s: float) -> None:
        """Say goodbye, wait for the answer at most ``longest_s``, close."""
        ends_at = asyncio.get_running_loop().time() + longest_s
        self.say_goodbye()
        await self._goodbye_answered(ends_at)
        if self._is_goodbye_challenged() and self._connection is not None:
            self._goodbye = self._connection.ask(self._request("TEARDOWN", self._control))
            await self._goodbye_answered(ends_at)
        self.abandon()

    def abandon(self) -> None:
        """Close without waiting; a second time changes nothing.

        A server that hangs up instead of answering has let go of the session as well.
        """
        self.say_goodbye()
        if self._may_be_held and not self._is_let_go():
            self._on_unconfirmed(self.timeout_s)
        self._may_be_held = False
        if self._connection is not None:
            self._connection.close()

    async def _goodbye_answered(self, ends_at: float) -> None:
        if self._goodbye is not None:
            await asyncio.wait([self._goodbye], timeout=max(0.0, ends_at - asyncio.get_running_loop().time()))

    def _is_goodbye_challenged(self) -> bool:
        """Whether it has to be said again with the password: the nonce has grown old since the session was set up."""
        answer = self._answer_to_goodbye()
        if answer is None or answer.status != 401:
            return False
        return self._authentication.challenged(answer.headers_named("www-authenticate"), known_good=True)

    def _is_let_go(self) -> bool:
        answer = self._answer_to_goodbye()
        answered = answer is not None and answer.status in LET_GO
        return answered or (self._connection is not None and self._connection.ending is HUNG_UP)

    def _answer_to_goodbye(self) -> Message | None:
        if self._goodbye is None or not self._goodbye.done() or self._goodbye.exception() is not None:
            return None
        return self._goodbye.result()

    # --- asking -----------------------------------------------------------------------------------------------------

    async def _described(self, target: Target, longest_s: float) -> Description:
        answer = await self._asked_at(target, longest_s)
        if answer.status in REDIRECTIONS and self._connection is not None:
            target = redirected(target, answer.header("location"))
            self._connection.close()
            answer = await self._asked_at(target, longest_s)
        _checked(answer)
        base = answer.header("content-base") or answer.header("content-location") or target.url
        return description_of(answer.body, base if "://" in base else target.url)

    async def _asked_at(self, target: Target, longest_s: float) -> Message:
        self._authentication = Authentication(target.credentials)
        self._connection = await self._dialler.connected(target, longest_s)
        self._connection.listen(self._packet, self._read, self._ended)
        return await self._asked("DESCRIBE", target.url, ("Accept", "application/sdp"))

    async def _set_up(self, track: VideoTrack) -> None:
        self._may_be_held = True  # from now on, whatever the answer
        answer = await self._asked("SETUP", track.control, ("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1"))
        if answer.status != 200:
            self._may_be_held = False
        _checked(answer)
        self._id, _, parameters = answer.header("session").partition(";")
        timeout = re.search(r"timeout\s*=\s*(\d{1,5})", parameters)
        wanted_s = float(timeout[1]) if timeout else USUAL_TIMEOUT_S
        self.timeout_s = min(max(wanted_s, SHORTEST_TIMEOUT_S), LONGEST_TIMEOUT_S)
        channels = re.search(r"interleaved\s*=\s*(\d{1,3})", answer.header("transport"))
        self._video_channel = int(channels[1]) if channels else 0

    async def _asked(self, method: str, url: str, *headers: tuple[str, str]) -> Message:
        """The answer to a request, made again with the password where the camera asks for one."""
        assert self._connection is not None
        answer = await self._connection.ask(self._request(method, url, *headers))
        for _ in range(MOST_CHALLENGES):
            challenges = answer.headers_named("www-authenticate")
            if answer.status != 401 or not self._authentication.challenged(challenges):
                break
            answer = await self._connection.ask(self._request(method, url, *headers))
        return answer

    def _request(self, method: str, url: str, *headers: tuple[str, str]) -> bytes:
        self._number += 1
        authorization = self._authentication.header(method, url)
        known = [("User-Agent", "Patrol")]
        known += [("Session", self._id)] if self._id else []
        known += [("Authorization", authorization)] if authorization else []
        return request(method, url, self._number, [*known, *headers])

    # --- listening --------------------------------------------------------------------------------------------------

    def _packet(self, channel: int, data: bytes, start: int, end: int) -> None:
        if self._key_frames is None or self._goodbye is not None:
            return
        if channel == self._video_channel:
            self.packets += 1
            try:
                key_frame = self._key_frames.take(data, start, end)
            except CaptureError as error:
                self._unreadable = Ending(error.failure, "its packets are not read here")
                self._news.set()
                return
            if key_frame is not None:
                self._whole = key_frame
                self._measure(key_frame)
        elif channel == self._video_channel + 1:
            self._report = sender_report_in(data[start:end]) or self._report

    def _read(self) -> None:
        """After every read: when a key frame came in it arrived, as far as can be known."""
        now = asyncio.get_running_loop().time()
        waited_s, self.last_read_at = now - self.last_read_at if self._is_lazy else 0.0, now
        if self.packets > self._packets_before:
            self.last_video_at, self._packets_before = now, self.packets
        self._tell_pictures()
        if self._whole is None or self._track is None or self._key_frames is None:
            return
        key_frame, self._whole = self._whole, None
        # A lazy reader finds it when it has already lain there for as long as the pictures behind it took to come.
        behind_s = ticks_between(key_frame.rtp_time, self._key_frames.newest_time) / self._track.clock_rate
        arrived_at = self._clock.now() - timedelta(seconds=min(max(behind_s, 0.0), waited_s))
        captured_at, clock = capture_time(self._report, key_frame.rtp_time, self._track.clock_rate, arrived_at)
        self._newest = Seen(key_frame, captured_at, clock)
        self._news.set()

    def _tell_pictures(self) -> None:
        if self._on_picture is None or self._track is None or self._key_frames is None:
            return
        pictures, self._key_frames.gathered = self._key_frames.gathered, []
        for picture in pictures:
            taken = capture_time(self._report, picture.rtp_time, self._track.clock_rate, self._clock.now())
            self._on_picture(Arrived(picture, *taken))
        if pictures:
            self._news.set()

    def _measure(self, key_frame: KeyFrame) -> None:
        """Of each one that comes: one look of a lazy reader may take several, and only the newest is kept."""
        if self._previous_rtp_time is None:
            now = asyncio.get_running_loop().time()
            self.first_key_frame_s = max(0.0, now - (self._playing_since or now))
        else:
            ticks = ticks_between(self._previous_rtp_time, key_frame.rtp_time)
            self.key_frame_distance_s = ticks / self.video.clock_rate if ticks > 0 else self.key_frame_distance_s
        self._previous_rtp_time = key_frame.rtp_time

    def _ended(self, _: Ending) -> None:
        self._news.set()

    def _check_going_on(self) -> None:
        ending = self._unreadable or (self._connection.ending if self._connection is not None else None)
        if ending is HUNG_UP:
            failure = CaptureFailure.NO_KEY_FRAME if self.packets else CaptureFailure.BROKEN
            raise CaptureError(failure, f"the stream ended after {self.packets} packets")
        if ending is not None:
            raise ending.error()


def _checked(answer: Message) -> None:
    """Raises CaptureError for an answer that is no success."""
    if answer.status != 200:
        raise failure_of_status(answer.status or 0)

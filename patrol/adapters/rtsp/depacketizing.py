"""Whole pictures out of RTP packets: H.264 (RFC 6184) and H.265 (RFC 7798).

Of most streams only key frames are put together; all other packets cost no more than a look at their headers. Of a
stream in focus every picture is. Over TCP packets come in order, so a missing sequence number is a packet that the
camera itself dropped: a picture that misses one is damaged, and the next key frame is waited for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from patrol.adapters.rtsp.sdp import MOST_PARAMETER_SET_BYTES, MOST_PARAMETER_SETS, Codec, VideoTrack
from patrol.domain.errors import CaptureError, CaptureFailure

START_CODE = b"\0\0\0\1"
RTP_HEADER_BYTES = 12
MOST_KEY_FRAME_BYTES = 8 * 2**20  # a 4K key frame has 1 to 2 million
MOST_GATHERED = 128  # pictures that nobody took yet; they are taken after every read
RECOVERY_POINT = 6  # type of an SEI message, H.264 D.1.8


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """One key frame that can be decoded by itself.

    ``data``: its access unit with the parameter sets in front, each NAL unit behind a start code. ``rtp_time``: in
    ticks of the track's clock.
    """

    codec: Codec
    data: bytes
    rtp_time: int


@dataclass(frozen=True, slots=True)
class OtherPicture:
    """One picture that needs the ones before it. As KeyFrame, without parameter sets."""

    codec: Codec
    data: bytes
    rtp_time: int


Picture = KeyFrame | OtherPicture


class _Stage(Enum):
    """How far the present access unit has come."""

    BEGUN = auto()  # no slice yet: it may become a key frame
    KEY = auto()
    OTHER = auto()
    SKIPPED = auto()  # not wanted, or damaged: nothing more of it matters


WHOLE_AT_THE_END = frozenset({_Stage.KEY, _Stage.OTHER})


class KeyFrames(ABC):
    """Takes the packets of one track in order, and gives each whole key frame.

    ``wants_every``: the other pictures are put together, too. All lie in ``gathered`` then, in order, for whoever takes
    them from there: each can be decoded after those before it, from a key frame on.
    """

    def __init__(self, track: VideoTrack) -> None:
        self._codec = track.codec
        self._payload_type = track.payload_type
        self._sets: dict[bytes, int] = {}
        self._expected = -1
        self._time = b""
        self._stage = _Stage.SKIPPED
        self._unit = bytearray()
        self._fragment: bytearray | None = None
        self._is_chain_broken = True
        self.wants_every = False
        self.gathered: list[Picture] = []
        for parameter_set in track.parameter_sets:
            self._remember(parameter_set)

    @property
    def newest_time(self) -> int:
        """The RTP time of the last packet."""
        return int.from_bytes(self._time, "big")

    def take(self, data: bytes, start: int, end: int) -> KeyFrame | None:
        """The packet ``data[start:end]``; the key frame that it makes whole.

        Raises CaptureError UNSUPPORTED for what no camera should send, and FFmpeg may know.
        """
        if end - start < RTP_HEADER_BYTES or data[start] & 0xC0 != 0x80:
            return None
        number = data[start + 2] << 8 | data[start + 3]
        in_order, self._expected = number == self._expected, (number + 1) & 0xFFFF
        if data[start + 1] & 0x7F != self._payload_type:
            return None
        time = data[start + 4 : start + 8]
        self._is_chain_broken |= not in_order
        finished = None
        if time != self._time:
            finished = self._finished() if in_order else None  # the end of a picture without a marker
            self._begin(time)
        elif self._stage is _Stage.SKIPPED:
            return None
        elif not in_order:
            self._skip()
            return None
        self._payload(data, *_payload_bounds(data, start, end))
        return (self._finished() if data[start + 1] & 0x80 else None) or finished

    @abstractmethod
    def _payload(self, data: bytes, start: int, end: int) -> None:
        """The payload of one packet: one NAL unit, several, or a piece of one."""

    @abstractmethod
    def _nal(self, nal: bytes) -> None:
        """One whole NAL unit."""

    @abstractmethod
    def _is_wanted(self, kind: int) -> bool:
        """Whether a NAL unit of this type can belong to a key frame."""

    def _begin(self, time: bytes) -> None:
        self._time, self._stage = time, _Stage.BEGUN
        self._unit.clear()
        self._fragment = None

    def _skip(self) -> None:
        """Leave out the present picture: what comes after it cannot be decoded either, up to the next key frame."""
        self._is_chain_broken = True
        self._reset()

    def _reset(self) -> None:
        self._stage = _Stage.SKIPPED
        self._unit.clear()
        self._fragment = None

    def _finished(self) -> KeyFrame | None:
        """The key frame, if the access unit that ends here is a whole one. A marker too early ends nothing else."""
        if self._stage not in WHOLE_AT_THE_END:
            return None
        if self._fragment is not None:
            self._skip()
            return None
        key_frame = None
        if self._stage is _Stage.KEY:
            data = b"".join((*self._sets_in_order(), bytes(self._unit)))
            key_frame = KeyFrame(self._codec, data, self.newest_time)
        if self.wants_every:
            self._gather(key_frame or OtherPicture(self._codec, bytes(self._unit), self.newest_time))
        self._reset()
        return key_frame

    def _gather(self, picture: Picture) -> None:
        """Keep what can be decoded. Where nobody takes it, the oldest are of no use without those behind them."""
        if isinstance(picture, KeyFrame):
            self._is_chain_broken = False
        elif self._is_chain_broken:
            return
        if len(self.gathered) >= MOST_GATHERED:
            self.gathered.clear()
            self._is_chain_broken = not isinstance(picture, KeyFrame)
            if self._is_chain_broken:
                return
        self.gathered.append(picture)

    def _aggregate(self, data: bytes, start: int, end: int) -> None:
        """Several NAL units in one packet, each behind its length."""
        while start + 2 < end and self._stage is not _Stage.SKIPPED:
            after = start + 2 + (data[start] << 8 | data[start + 1])
            if after > end:
                self._skip()
                return
            self._nal(data[start + 2 : after])
            start = after

    def _piece(self, header: bytes, kind: int, flags: int, piece: bytes) -> None:
        """A piece of one NAL unit. ``header``: that of the unit; ``flags``: 0x80 for its first, 0x40 for its last."""
        if flags & 0x80:
            if not self._is_wanted(kind):
                self._skip()
                return
            self._fragment = bytearray(header)
        if self._fragment is None:
            self._skip()  # its beginning is missing
            return
        self._fragment += piece
        if len(self._fragment) > MOST_KEY_FRAME_BYTES:
            self._skip()
        elif flags & 0x40:
            whole, self._fragment = bytes(self._fragment), None
            self._nal(whole)

    def _slice(self, nal: bytes, is_key: bool, is_first: bool) -> None:
        """``is_first``: whether the picture begins with it; a key frame that does not has lost its beginning."""
        if not (is_key or self.wants_every) or (self._stage is _Stage.BEGUN and not is_first):
            self._skip()
            return
        self._stage = _Stage.KEY if is_key else _Stage.OTHER
        self._keep(nal)

    def _keep(self, nal: bytes) -> None:
        self._unit += START_CODE
        self._unit += nal
        if len(self._unit) > MOST_KEY_FRAME_BYTES:
            self._skip()

    def _remember(self, parameter_set: bytes) -> None:
        """Parameter sets hold until others come; the newest of each type stand last, so that they are in force."""
        if not 0 < len(parameter_set) <= MOST_PARAMETER_SET_BYTES:
            return
        self._sets.pop(parameter_set, None)
        self._sets[parameter_set] = self._kind_of(parameter_set)
        if len(self._sets) > MOST_PARAMETER_SETS:
            self._sets.pop(next(iter(self._sets)))

    @abstractmethod
    def _kind_of(self, nal: bytes) -> int:
        """The type in a NAL unit's header."""

    def _sets_in_order(self) -> Iterator[bytes]:
        # By type, because each refers to the one before: VPS, SPS, PPS ascend in both formats.
        return (START_CODE + each for each in sorted(self._sets, key=lambda each: self._sets[each]))


class H264KeyFrames(KeyFrames):
    """RFC 6184: single NAL units, STAP-A, FU-A."""

    _is_recovery_point = False

    def _begin(self, time: bytes) -> None:
        super()._begin(time)
        self._is_recovery_point = False

    def _payload(self, data: bytes, start: int, end: int) -> None:
        if end <= start:
            return
        kind = data[start] & 0x1F
        if kind == 28:
            if end - start < 2:
                return
            flags = data[start + 1]
            header = bytes((data[start] & 0xE0 | flags & 0x1F,))
            self._piece(header, flags & 0x1F, flags, data[start + 2 : end])
        elif kind == 24:
            self._aggregate(data, start + 1, end)
        elif 1 <= kind <= 23:
            if self._is_wanted(kind):
                self._nal(data[start:end])
            else:
                self._skip()
        elif kind in (25, 26, 27, 29):
            raise CaptureError(CaptureFailure.UNSUPPORTED, "NAL units out of order")

    def _is_wanted(self, kind: int) -> bool:
        return self.wants_every or not 1 <= kind <= 4 or (kind == 1 and self._is_recovery_point)

    def _kind_of(self, nal: bytes) -> int:
        return nal[0] & 0x1F

    def _nal(self, nal: bytes) -> None:
        kind = nal[0] & 0x1F if nal else 0
        if 1 <= kind <= 5:
            is_key = kind == 5 or (kind == 1 and self._is_recovery_point)
            self._slice(nal, is_key, is_first=len(nal) > 1 and nal[1] & 0x80 != 0)  # first_mb_in_slice is 0
        elif kind in (7, 8):
            self._remember(nal)
        elif kind == 6:
            self._is_recovery_point |= _recovers_at_once(nal)
            self._keep(nal)


class H265KeyFrames(KeyFrames):
    """RFC 7798: single NAL units, AP, FU; without DONL fields, which the description would announce."""

    def _payload(self, data: bytes, start: int, end: int) -> None:
        if end - start < 3 or data[start] & 1 or data[start + 1] & 0xF8:  # another layer than the base
            return
        kind = data[start] >> 1 & 0x3F
        if kind == 49:
            flags = data[start + 2]
            header = bytes((data[start] & 0x81 | (flags & 0x3F) << 1, data[start + 1]))
            self._piece(header, flags & 0x3F, flags, data[start + 3 : end])
        elif kind == 48:
            self._aggregate(data, start + 2, end)
        elif kind < 48:
            if self._is_wanted(kind):
                self._nal(data[start:end])
            else:
                self._skip()
        elif kind == 50:
            raise CaptureError(CaptureFailure.UNSUPPORTED, "packets of the PACI kind")

    def _is_wanted(self, kind: int) -> bool:
        return self.wants_every or kind >= 16  # below are the pictures that need others

    def _kind_of(self, nal: bytes) -> int:
        return nal[0] >> 1 & 0x3F

    def _nal(self, nal: bytes) -> None:
        if len(nal) < 3:
            return
        kind = nal[0] >> 1 & 0x3F
        if kind < 32:
            self._slice(nal, is_key=16 <= kind <= 21, is_first=nal[2] & 0x80 != 0)  # BLA, IDR, CRA
        elif kind <= 34:
            self._remember(nal)


def key_frames_of(track: VideoTrack) -> KeyFrames:
    """What puts the key frames of a track together."""
    return {Codec.H264: H264KeyFrames, Codec.H265: H265KeyFrames}[track.codec](track)


def _payload_bounds(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the payload of an RTP packet begins and ends: contributing sources, extension and padding left out."""
    first = data[start]
    at = start + RTP_HEADER_BYTES
    if first == 0x80:
        return at, end
    at += 4 * (first & 0x0F)
    if first & 0x10 and at + 4 <= end:
        at += 4 + 4 * (data[at + 2] << 8 | data[at + 3])
    if first & 0x20:
        end -= data[end - 1]
    return (at, end) if at <= end else (end, end)


def _recovers_at_once(nal: bytes) -> bool:
    """Whether an SEI unit begins with a recovery point at this very picture (recovery_frame_cnt, ue(v), is 0)."""
    return len(nal) > 3 and nal[1] == RECOVERY_POINT and nal[3] & 0x80 != 0

"""What a camera says of its streams (SDP, RFC 8866), as far as one video track needs it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from patrol.domain.errors import CaptureError, CaptureFailure

MOST_PARAMETER_SETS = 16
MOST_PARAMETER_SET_BYTES = 8 * 2**10
USUAL_CLOCK_RATE = 90_000
MOST_PAYLOAD_TYPE_DIGITS, MOST_CLOCK_RATE_DIGITS = 3, 9


class Codec(StrEnum):
    """Video formats that are read here, by FFmpeg's names of their decoders."""

    H264 = "h264"
    H265 = "hevc"


CODECS = {"H264": Codec.H264, "H265": Codec.H265, "HEVC": Codec.H265}


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """One track of pictures. ``control``: the absolute address to set it up by. ``clock_rate``: RTP ticks a second.

    ``parameter_sets``: NAL units without start codes, in the order in which a decoder wants them.
    """

    codec: Codec
    control: str
    payload_type: int
    clock_rate: int
    parameter_sets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """``control``: the absolute address of the whole, to play and tear it down by."""

    control: str
    video: VideoTrack


@dataclass(frozen=True, slots=True)
class _Section:
    """The lines of the session, or of one medium: ``media`` is its m= line."""

    media: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]

    def attribute(self, name: str, begins: str = "") -> str:
        return next((value for key, value in self.attributes if key == name and value.startswith(begins)), "")


def description_of(sdp: bytes, base: str) -> Description:
    """The first video track that can be read here.

    ``base``: the address that relative ones are relative to. Raises CaptureError: BROKEN without any video,
    UNSUPPORTED where the light client cannot read what there is.
    """
    session, *media = _sections_of(sdp.decode("latin-1"))
    videos = [section for section in media if section.media[:1] == ("video",)]
    if not videos:
        raise CaptureError(CaptureFailure.BROKEN, "no video in it")
    named = session.attribute("control")
    whole = named if _is_absolute(named) else base
    for section in videos:
        track = _track_of(section, whole)
        if track is not None:
            return Description(whole, track)
    raise CaptureError(CaptureFailure.UNSUPPORTED, "a video format that is not read here")


def resolved(base: str, control: str) -> str:
    """``control`` as an absolute address.

    Cameras mean what FFmpeg and live555 make of it, not RFC 3986: a relative one is put behind the base, its query
    included. ``*`` and nothing mean the base itself.
    """
    if control in ("", "*"):
        return base
    if _is_absolute(control):
        return control
    if control.startswith("/"):
        return "/".join(base.split("/", 3)[:3]) + control
    return f"{base}{control}" if base.endswith("/") else f"{base}/{control}"


def _is_absolute(control: str) -> bool:
    return control.lower().startswith(("rtsp://", "rtsps://"))


def _sections_of(text: str) -> Sequence[_Section]:
    sections: list[tuple[tuple[str, ...], list[tuple[str, str]]]] = [((), [])]
    for line in text.splitlines():
        kind, _, value = line.strip().partition("=")
        if kind == "m":
            sections.append((tuple(value.split()), []))
        elif kind == "a":
            name, _, rest = value.partition(":")
            sections[-1][1].append((name.lower(), rest.strip()))
    return [_Section(media, tuple(attributes)) for media, attributes in sections]


def _track_of(section: _Section, base: str) -> VideoTrack | None:
    payload_type = section.media[3] if len(section.media) > 3 else ""
    name, _, rate = section.attribute("rtpmap", f"{payload_type} ").partition(" ")[2].strip().partition("/")
    codec = CODECS.get(name.upper())
    parameters = _parameters_of(section.attribute("fmtp", f"{payload_type} ").partition(" ")[2])
    number = _number_in(payload_type, MOST_PAYLOAD_TYPE_DIGITS)
    if codec is None or number is None or _is_interleaved(parameters):
        return None
    clock_rate = _number_in(rate, MOST_CLOCK_RATE_DIGITS) or USUAL_CLOCK_RATE
    sets = tuple(_parameter_sets_in(parameters))[:MOST_PARAMETER_SETS]
    return VideoTrack(codec, resolved(base, section.attribute("control")), number, clock_rate, sets)


def _number_in(text: str, most_digits: int) -> int | None:
    """None if it is no number, or one of more digits than makes sense; Python itself refuses to read thousands."""
    return int(text) if text.isdecimal() and len(text) <= most_digits else None


def _parameters_of(fmtp: str) -> Mapping[str, str]:
    pairs = (item.partition("=") for item in fmtp.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _is_interleaved(parameters: Mapping[str, str]) -> bool:
    """Whether NAL units may come in another order than they are decoded in; no camera does, and FFmpeg neither."""
    return parameters.get("packetization-mode") == "2" or parameters.get("sprop-max-don-diff", "0") != "0"


def _parameter_sets_in(parameters: Mapping[str, str]) -> Iterator[bytes]:
    for name in ("sprop-vps", "sprop-sps", "sprop-pps", "sprop-parameter-sets"):
        for text in parameters.get(name, "").split(","):
            try:
                decoded = base64.b64decode(text + "=" * (-len(text) % 4))
            except (binascii.Error, ValueError):
                continue  # they also come within the stream
            if 0 < len(decoded) <= MOST_PARAMETER_SET_BYTES:
                yield decoded

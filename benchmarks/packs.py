"""Clips as the RTSP server needs them: groups of pictures that begin with a key frame, ready to be sent.

Read by Debian's own Python, where only the standard library and GStreamer are to be had.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

LENGTH_BYTES = 4  # before each NAL unit, as in MP4
H264_HEADER_BYTES = 1
H265_HEADER_BYTES = 2


@dataclass(frozen=True, slots=True)
class Pack:
    """An encoded clip. ``frames``: NAL units with their length before them, one picture each, no B-frames.

    ``codec``: h264 or h265. ``codec_data``: the avcC or hvcC box, with the parameter sets. ``keys``: the indexes of the
    key frames, ascending, the first of them 0.
    """

    codec: str
    codec_data: bytes
    width: int
    height: int
    fps: int
    keys: tuple[int, ...]
    frames: tuple[bytes, ...]

    @property
    def gops(self) -> tuple[tuple[bytes, ...], ...]:
        """The frames from one key frame to the next."""
        ends = (*self.keys[1:], len(self.frames))
        return tuple(self.frames[begin:end] for begin, end in zip(self.keys, ends, strict=True))

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.frames) / self.fps

    @property
    def kbit_per_s(self) -> float:
        """How much it sends, without the network's headers."""
        return sum(map(len, self.frames)) * 8 / 1000 / self.seconds


def write_pack(pack: Pack, file: Path) -> None:
    """One line of JSON, then the frames one after the other; the file appears whole or not at all."""
    head = {
        "codec": pack.codec,
        "codec_data": pack.codec_data.hex(),
        "width": pack.width,
        "height": pack.height,
        "fps": pack.fps,
        "keys": pack.keys,
        "sizes": [len(frame) for frame in pack.frames],
    }
    unfinished = file.with_name(f".{file.name}")
    unfinished.write_bytes(json.dumps(head).encode() + b"\n" + b"".join(pack.frames))
    unfinished.replace(file)


def read_pack(file: Path) -> Pack:
    """What ``write_pack`` wrote."""
    first_line, _, payload = file.read_bytes().partition(b"\n")
    head = json.loads(first_line)
    return Pack(
        codec=head["codec"],
        codec_data=bytes.fromhex(head["codec_data"]),
        width=head["width"],
        height=head["height"],
        fps=head["fps"],
        keys=tuple(head["keys"]),
        frames=tuple(_pieces(payload, head["sizes"])),
    )


def _pieces(payload: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    begin = 0
    for size in sizes:
        yield payload[begin : begin + size]
        begin += size


def corrupted(pack: Pack, seed: int, share: float = 0.01) -> Pack:
    """The same clip with that share of the bytes inside its NAL units changed; lengths and headers stay."""
    chance = random.Random(seed)
    header = H264_HEADER_BYTES if pack.codec == "h264" else H265_HEADER_BYTES
    return replace(pack, frames=tuple(_with_flips(frame, header, share, chance) for frame in pack.frames))


def _with_flips(frame: bytes, header: int, share: float, chance: random.Random) -> bytes:
    result = bytearray(frame)
    for begin, end in nal_units(frame):
        for _ in range(round(share * (end - begin))):
            result[chance.randrange(min(begin + header, end - 1), end)] ^= chance.randrange(1, 256)
    return bytes(result)


def nal_units(frame: bytes) -> Iterator[tuple[int, int]]:
    """Where each NAL unit of a frame begins and ends, its length left out."""
    at = 0
    while at < len(frame):
        size = int.from_bytes(frame[at : at + LENGTH_BYTES], "big")
        yield at + LENGTH_BYTES, at + LENGTH_BYTES + size
        at += LENGTH_BYTES + size


@dataclass(frozen=True, slots=True)
class Moment:
    """Where an endless film is: which group of pictures, and how far in it, in frames."""

    gop: int
    frame: int


def moment_of(scene_s: float, gops: int, gop_frames: int, fps: int) -> Moment:
    """Where a film of ``gops`` groups of ``gop_frames`` is at ``scene_s``, seconds of its camera's own clock."""
    frame = int(scene_s * fps)
    return Moment(gop=frame // gop_frames % gops, frame=frame % gop_frames)

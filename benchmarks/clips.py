"""The clips the benchmarks' cameras show: people, moving, at 640x360, 12 frames/s, a key frame every 2 s, 512 kbit/s.

Made once, into a folder that git ignores. From recorded clips where they are to be had; else from the demo's films,
which are drawn from a photograph that comes with Ultralytics. ``Clips.made_of`` says which, and every result repeats
it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.packs import Pack, read_pack, write_pack

Pixels = npt.NDArray[np.uint8]

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "var" / "benchmarks"
WIDTH, HEIGHT, FPS, GOP_S, KBIT_PER_S = 640, 360, 12, 2, 512
GOP_FRAMES = FPS * GOP_S
LONG_GOP_S = 20
GREY = 114

# A short clip goes on, backwards and forwards, until it is this long: a camera that shows the very same picture again
# at every visit would look frozen. No bound of the tour's rings is near 34 s.
LOOP_GOPS = 17
NOISE = 1.5  # of 255, standard deviation, on every pass but the first

PASSERS_BY = "people/one-by-one-person-detection.mp4"
PASSERS_BY_PIECES = 6
NOBODY_YET_S = 6.0  # its beginning
WALKWAYS = ("ped2/02", "ped2/04")
WALKWAY_FPS = 10.0
FEWEST_CLIPS = 12

# Somebody is where a picture differs by that much (of 255) from the scene's median.
DIFFERENT = 14
GROWN_PX = 21


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a clip: ``count`` groups of pictures from ``first`` on. ``clip``: the name of the file."""

    clip: str
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Scene:
    """A place with people, and the same place without them: stretches whose GOPs are still to be looked at.

    ``empty_is``: how the empty one came about.
    """

    name: str
    people: Stretch
    empty: Stretch
    empty_is: str


@dataclass(frozen=True, slots=True)
class Clips:
    """All clips, in ``folder``. ``ordinary``: what cameras show, each a scene of its own with people in it.

    ``long_gop``: a key frame every 20 s. ``h265``: the first ordinary clip in H.265. ``scenes``: for onsets.
    """

    folder: Path
    made_of: str
    ordinary: tuple[Stretch, ...]
    long_gop: Stretch
    h265: Stretch
    scenes: tuple[Scene, ...]

    def pack(self, clip: str) -> Pack:
        """A clip's encoded pictures."""
        return read_pack(self.folder / clip)

    @property
    def kbit_per_s(self) -> float:
        """The mean over the ordinary clips."""
        rates = [self.pack(clip).kbit_per_s for clip in {stretch.clip for stretch in self.ordinary}]
        return sum(rates) / len(rates)


def shared_data() -> Path | None:
    """The folder with the recorded clips, or None: PATROL_SHARED_DATA, else ``../shared/data`` beside the checkout."""
    folder = Path(os.environ.get("PATROL_SHARED_DATA", ROOT / "../shared/data")).resolve()
    return folder if (folder / "truth.jsonl").is_file() else None


def have_clips(cache: Path = CACHE, progress: Callable[[str], None] | None = None) -> Clips:
    """The clips, made now if they are not there yet (a minute or two)."""
    tell = progress or (lambda line: print(line, file=sys.stderr, flush=True))
    recorded = shared_data()
    folder = cache / f"clips-{_version(recorded)}"
    index = folder / "index.json"
    if not index.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        tell(f"making clips in {folder} ...")
        clips = _recorded_clips(recorded, folder, tell) if recorded is not None else _drawn_clips(cache, folder, tell)
        unfinished = index.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(clips), default=str, indent=1))
        unfinished.replace(index)
    return _read_index(index)


def _version(recorded: Path | None) -> str:
    made_of = hashlib.sha256(Path(__file__).read_bytes() + str(recorded).encode())
    return made_of.hexdigest()[:12]


def _read_index(index: Path) -> Clips:
    said = json.loads(index.read_text())
    scenes = tuple(
        Scene(scene["name"], Stretch(**scene["people"]), Stretch(**scene["empty"]), scene["empty_is"])
        for scene in said["scenes"]
    )
    ordinary = tuple(Stretch(**stretch) for stretch in said["ordinary"])
    long_gop, h265 = Stretch(**said["long_gop"]), Stretch(**said["h265"])
    return Clips(index.parent, said["made_of"], ordinary, long_gop, h265, scenes)


# --- recorded -----------------------------------------------------------------------------------------------------


def _recorded_clips(recorded: Path, folder: Path, tell: Callable[[str], None]) -> Clips:
    passers_by = list(_fitted(_played(recorded / PASSERS_BY)))
    whole = _write(folder, "passers-by", passers_by)
    tell(f"  {whole.clip}: {whole.count * GOP_S} s")
    step = (whole.count - LOOP_GOPS) // (PASSERS_BY_PIECES - 1)
    pieces = [Stretch(whole.clip, piece * step, LOOP_GOPS) for piece in range(PASSERS_BY_PIECES)]
    others: list[Stretch] = []
    nobody = _write(folder, "passers-by-empty", lengthened(passers_by[: int(NOBODY_YET_S * FPS)]))
    scenes = [Scene("passers-by", whole, nobody, "the beginning of the same recording, before anybody comes")]
    for name, pictures in _other_scenes(recorded):
        people = _write(folder, name, lengthened(pictures))
        others.append(people)
        empty = _write(folder, f"{name}-empty", lengthened(without_people(pictures)))
        scenes.append(Scene(name, people, empty, "derived: whoever moves was replaced by the scene's median"))
        tell(f"  {name}: {people.count * GOP_S} s")
    return Clips(
        folder,
        made_of=f"{len(pieces) + len(others)} recorded clips of {1 + len(others)} real scenes, scaled and encoded anew"
        " (short ones played forwards and backwards)",
        ordinary=(*pieces, *others),
        long_gop=_write(folder, "long-gop", passers_by[: 2 * LONG_GOP_S * FPS], gop_s=LONG_GOP_S),
        h265=_write(folder, "h265", passers_by[: 10 * GOP_FRAMES], codec="h265"),
        scenes=tuple(scenes),
    )


def lengthened(pictures: Sequence[Pixels], gops: int = LOOP_GOPS) -> list[Pixels]:
    """Forwards, backwards and so on up to ``gops`` GOPs; every pass but the first with noise of its own."""
    result = list(pictures[: gops * GOP_FRAMES])
    chance = np.random.default_rng(len(pictures))
    for number in range(len(result), gops * GOP_FRAMES):
        turn, at = divmod(number, len(pictures))
        result.append(_noisy(pictures[-1 - at if turn % 2 else at], NOISE, chance))
    return result


def _noisy(picture: Pixels, deviation: float, chance: np.random.Generator) -> Pixels:
    noise = chance.standard_normal(picture.shape, np.float32) * deviation
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def _other_scenes(recorded: Path) -> Iterator[tuple[str, list[Pixels]]]:
    for clip in sorted((recorded / "fall").glob("*.mp4")):
        yield f"room-{clip.stem}", list(_fitted(_played(clip)))
    for walkway in WALKWAYS:
        pictures = (_picture(file) for file in sorted((recorded / walkway).glob("*.jpg")))
        timed = ((number / WALKWAY_FPS, picture) for number, picture in enumerate(pictures))
        yield f"walkway-{Path(walkway).name}", list(_fitted(timed))


def _played(clip: Path) -> Iterator[tuple[float, Pixels]]:
    """The BGR pictures of a recording with their times, seconds from the first."""
    first_s: float | None = None
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            first_s = frame.time if first_s is None else first_s
            yield frame.time - first_s, frame.to_ndarray(format="bgr24")


def _picture(file: Path) -> Pixels:
    picture = cv2.imread(str(file))
    if picture is None:
        raise ValueError(f"{file}: not a picture")
    return np.asarray(picture, np.uint8)


def _fitted(timed: Iterable[tuple[float, Pixels]]) -> Iterator[Pixels]:
    """At 12 frames/s and 640x360: each moment shows the last picture before it; grey where the shape is another."""
    number = 0
    last: Pixels | None = None
    for time_s, picture in timed:
        while last is not None and number / FPS < time_s - 1e-6:
            yield last
            number += 1
        last = padded(picture)
    if last is not None:
        yield last


def padded(picture: Pixels) -> Pixels:
    """Scaled into 640x360, in the middle of grey."""
    height, width = picture.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height)
    size = (round(width * scale), round(height * scale))
    canvas = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    left, top = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2
    canvas[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return canvas


def without_people(pictures: Sequence[Pixels]) -> list[Pixels]:
    """The same pictures with everything that differs from their median replaced by it; the rest keeps its noise."""
    sample = pictures[:: max(1, len(pictures) // 48)]
    median = np.median(np.stack(sample), axis=0).astype(np.uint8)
    return [_as_median_where_different(picture, median) for picture in pictures]


def _as_median_where_different(picture: Pixels, median: Pixels) -> Pixels:
    difference = cv2.absdiff(cv2.GaussianBlur(picture, (5, 5), 0), cv2.GaussianBlur(median, (5, 5), 0)).max(axis=2)
    mask = cv2.dilate((difference > DIFFERENT).astype(np.uint8), np.ones((GROWN_PX, GROWN_PX), np.uint8))
    return np.where(mask[:, :, None] > 0, median, picture)


# --- drawn --------------------------------------------------------------------------------------------------------


def _drawn_clips(cache: Path, folder: Path, tell: Callable[[str], None]) -> Clips:
    from patrol.demo.scenes import render_scenes

    ordinary: list[Stretch] = []
    scenes: list[Scene] = []
    longest: list[Pixels] = []
    for film in render_scenes(cache / "scenes", lambda done, of: tell(f"  drawn {done} of {of}")):
        for number, (begin_s, end_s) in enumerate(_runs(film.feet, somebody=True)[:2]):
            pictures = _between(film.file, begin_s, end_s)
            if len(pictures) < GOP_FRAMES:
                continue
            ordinary.append(_write(folder, f"{film.name}-{number}", lengthened(pictures)))
            longest = max(longest, pictures, key=len)
            nobody = [run for run in _runs(film.feet, somebody=False) if run[1] - run[0] >= GOP_S]
            if nobody:
                empty = _write(folder, f"{film.name}-{number}-empty", lengthened(_between(film.file, *nobody[0])))
                scenes.append(Scene(film.name, ordinary[-1], empty, "drawn, while nobody is there"))
    if len(ordinary) < FEWEST_CLIPS:
        raise ValueError(f"only {len(ordinary)} drawn clips show people; expected {FEWEST_CLIPS} or more")
    repeated = lengthened(longest, 2 * LONG_GOP_S // GOP_S)
    return Clips(
        folder,
        made_of=f"{len(ordinary)} drawn clips of people cut out of a photograph (no recorded clips are to be had here)",
        ordinary=tuple(ordinary),
        long_gop=_write(folder, "long-gop", repeated, gop_s=LONG_GOP_S),
        h265=_write(folder, "h265", repeated[: 5 * GOP_FRAMES], codec="h265"),
        scenes=tuple(scenes),
    )


def _runs(feet: Sequence[Sequence[tuple[float, float]]], somebody: bool) -> list[tuple[int, int]]:
    """The stretches [begin, end) of seconds in which somebody, or nobody, is in the picture; 40 s each at most."""
    runs: list[tuple[int, int]] = []
    for second, there in enumerate(feet):
        if bool(there) is not somebody:
            continue
        if runs and runs[-1][1] == second and second - runs[-1][0] < 2 * LONG_GOP_S:
            runs[-1] = (runs[-1][0], second + 1)
        else:
            runs.append((second, second + 1))
    return runs


def _between(film: Path, begin_s: float, end_s: float) -> list[Pixels]:
    """What a film shows from ``begin_s`` up to ``end_s``."""
    pictures: list[Pixels] = []
    for time_s, picture in _played(film):
        if time_s >= end_s:
            break
        if time_s >= begin_s:
            pictures.append(padded(picture))
    return pictures


# --- encoding -----------------------------------------------------------------------------------------------------


def _write(folder: Path, name: str, pictures: Sequence[Pixels], codec: str = "h264", gop_s: int = GOP_S) -> Stretch:
    file = folder / f"{name}.clip"
    pack = encoded(pictures, codec, gop_s)
    write_pack(pack, file)
    return Stretch(file.name, 0, len(pack.keys))


def encoded(pictures: Sequence[Pixels], codec: str = "h264", gop_s: int = GOP_S) -> Pack:
    """BGR pictures of 640x360 in closed GOPs of ``gop_s``, without B-frames; what is left over of the last is cut.

    Raises ValueError where there are fewer pictures than one GOP holds.
    """
    gop_frames = gop_s * FPS
    whole = pictures[: len(pictures) // gop_frames * gop_frames]
    if not whole:
        raise ValueError(f"expected at least {gop_frames} pictures, got {len(pictures)}")
    film = io.BytesIO()
    with av.open(film, "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264" if codec == "h264" else "libx265", rate=FPS, options=_options(codec, gop_frames)
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = KBIT_PER_S * 1000
        stream.codec_context.gop_size = gop_frames
        stream.codec_context.time_base = Fraction(1, FPS)
        for picture in whole:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return _demuxed(film, codec)


def _options(codec: str, gop_frames: int) -> dict[str, str]:
    shape = f"keyint={gop_frames}:min-keyint={gop_frames}:scenecut=0:bframes=0:open-gop=0"
    rate = f"vbv-maxrate={KBIT_PER_S}:vbv-bufsize={2 * KBIT_PER_S}"
    if codec == "h264":
        return {"preset": "veryfast", "x264-params": f"{shape}:{rate}:sliced-threads=0:log-level=0"}
    return {"preset": "ultrafast", "x265-params": f"{shape}:{rate}:log-level=none"}


def _demuxed(film: io.BytesIO, codec: str) -> Pack:
    film.seek(0)
    with av.open(film) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        return Pack(
            codec=codec,
            codec_data=bytes(stream.codec_context.extradata),
            width=stream.width,
            height=stream.height,
            fps=FPS,
            keys=tuple(number for number, packet in enumerate(packets) if packet.is_keyframe),
            frames=tuple(bytes(packet) for packet in packets),
        )


def key_pictures(pack: Pack) -> Iterator[Pixels]:
    """The pack's key frames decoded, (360, 640, 3) BGR: what a visit sees."""
    context = av.CodecContext.create("h264" if pack.codec == "h264" else "hevc", "r")
    context.extradata = pack.codec_data
    context.thread_count = 1
    for gop in pack.gops:
        frames = context.decode(av.Packet(gop[0])) or context.decode(None)
        yield frames[0].to_ndarray(format="bgr24")
        context.flush_buffers()

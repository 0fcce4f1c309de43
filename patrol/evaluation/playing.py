"""Playing items: each as a camera would show it, through the same detector and rules as live."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from patrol.adapters.stream import duration_of, frames_of
from patrol.adapters.tracking import ByteTracker
from patrol.domain.camera import Camera, CameraId, Place, RingName, StreamAddress
from patrol.domain.errors import InputError
from patrol.domain.events import Event
from patrol.domain.rules import Rule
from patrol.domain.watching import Watcher
from patrol.domain.zones import Zone
from patrol.evaluation.picturing import Shot, draw
from patrol.evaluation.ruling import Watched
from patrol.evaluation.scoring import TOLERANCE_S, Interval, Told, merged
from patrol.evaluation.truth import Item, Media
from patrol.pipeline.looking_closer import Networks
from patrol.pipeline.replaying import NO_NETWORKS, Shown, TimedPixels, in_seconds, show
from patrol.ports import Detector, ProcessorUse

FRAMES_A_SECOND = 4.0  # as `patrol replay` looks at recordings, and a focus at a camera
REVISIT_S = 5.0  # between two visits of a camera of the core
RECORDING = CameraId("recording")
# A shorter clip is over before a rule may confirm anything: it is played several times in a row.
SHORT_S, TIMES = 3.0, 3
# A clip that is played backwards is held in memory: 4 frames a second of 640x384 are 3 MB.
MOST_BACKWARDS_S = 300.0
MOST_SHOTS = 24  # of what is told of one item; the rest is counted, not shown
PICTURES = (".jpg", ".jpeg", ".png", ".bmp")
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """An event that was told, with its picture, unless too many came."""

    kind: str
    told: Told
    count: int
    words_zh: str
    words_en: str
    shot: Shot | None


@dataclass(frozen=True, slots=True)
class Performance:
    """What came of playing an item.

    ``intervals``: the item's, in the time as it was played. ``moments``: a picture from the middle of each, or of the
    item. ``seconds``: for how long it was played, 0 for a picture. ``processor_s``: all that it cost, with decoding.
    ``visit_s``: seconds between its pictures, where those stand for visits.
    """

    intervals: tuple[Interval, ...]
    events: tuple[ShownEvent, ...]
    moments: tuple[Shot, ...]
    suspected: frozenset[str]
    frames: int
    seconds: float
    processor_s: float
    visit_s: float | None = None


def size_of(item: Item) -> Size:
    """(width, height) of the picture in the file. Raises InputError."""
    if item.size is not None:
        return item.size
    file = pictures_in(item.file)[0] if item.media is Media.FRAMES else item.file
    first = next(frames_of(file, None, None))[2]
    return int(first.shape[1]), int(first.shape[0])


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, in the order of their names. Raises InputError where there are none."""
    found = sorted(file for file in folder.iterdir() if file.suffix.lower() in PICTURES)
    if not found:
        raise InputError(f"{folder}: no pictures in it; expected {', '.join(PICTURES)}")
    return found


async def play(
    item: Item,
    watched: Watched,
    detector: Detector,
    scale_to: Size,
    processor: ProcessorUse,
    networks: Networks = NO_NETWORKS,
) -> Performance:
    """Show an item to the rules, from the first frame to the last. Raises InputError."""
    began_s = processor.used_s()
    watcher = Watcher({rule.id: rule for rule in watched.rules}, new_tracker=ByteTracker)
    reel = Reel(item, watched.rules, scale_to)
    audience = _Audience(item, watched)
    async for shown in show(reel.frames(), recording_camera(zones=watched.zones), watcher, detector, networks):
        audience.see(shown)
    events = [*audience.ended, *watcher.finish()]
    return Performance(
        intervals=played_intervals(item, reel),
        events=tuple(audience.shown_event(event) for event in sorted(events, key=lambda each: each.confirmed_at)),
        moments=tuple(audience.moments),
        suspected=frozenset(audience.suspected),
        frames=audience.frames,
        seconds=0.0 if item.media is Media.IMAGE else reel.length_s * reel.times,
        processor_s=processor.used_s() - began_s,
    )


def recording_camera(
    ring: RingName = RingName.CORE, revisit_bound_s: float = REVISIT_S, zones: tuple[Zone, ...] = ()
) -> Camera:
    """A camera that shows a recording. It is not calibrated: nothing but its zones is known of it."""
    return Camera(
        id=RECORDING,
        name="录像",
        name_en="recording",
        site="录像",
        ring=ring,
        revisit_bound_s=revisit_bound_s,
        place=Place(0.0, 0.0),
        heading_deg=0.0,
        view_deg=90.0,
        stream=StreamAddress("file:///recording"),
        zones=zones,
    )


@dataclass(slots=True)
class Reel:
    """The frames of an item in the order and at the times they are shown.

    ``length_s``: of playing it once; ``times``: how often it is played; both known once all frames were taken.
    """

    item: Item
    rules: Sequence[Rule]
    scale_to: Size
    length_s: float = field(default=0.0, init=False)
    times: int = field(default=1, init=False)

    def frames(self) -> Iterator[TimedPixels]:
        """Raises InputError, naming the file."""
        if self.item.media is Media.IMAGE:
            return self._visits()
        recorded = self._recorded()
        return self._repeated_if_short(self._backwards(recorded) if self.item.reverse else recorded)

    def _visits(self) -> Iterator[TimedPixels]:
        """One picture, at three visits so far apart that a rule that still holds may say so."""
        _, _, pixels = next(frames_of(self.item.file, None, self.scale_to))
        again_s = max([REVISIT_S, *(rule.for_s for rule in self.rules)])
        yield 0.0, 0, pixels
        yield again_s, 1, pixels
        yield 2 * again_s, 2, pixels

    def _recorded(self) -> Iterator[TimedPixels]:
        if self.item.media is Media.VIDEO:
            yield from frames_of(self.item.file, FRAMES_A_SECOND, self.scale_to)
            return
        fps = self.item.fps or FRAMES_A_SECOND
        for index, file in enumerate(pictures_in(self.item.file)):
            if _is_due(index / fps, (index - 1) / fps):
                yield index / fps, index, next(frames_of(file, None, self.scale_to))[2]

    def _backwards(self, frames: Iterable[TimedPixels]) -> Iterator[TimedPixels]:
        held = []
        for frame in frames:
            if frame[0] > MOST_BACKWARDS_S:
                raise InputError(f"{self.item.file}: expected at most {MOST_BACKWARDS_S:g} s to be played backwards")
            held.append(frame)
        return ((held[-1][0] - t_s, index, pixels) for t_s, index, pixels in reversed(held))

    def _repeated_if_short(self, frames: Iterator[TimedPixels]) -> Iterator[TimedPixels]:
        held: list[TimedPixels] = []
        last_s = 0.0
        for frame in frames:
            last_s = frame[0]
            if last_s < SHORT_S:
                held.append(frame)
            yield frame
        self.length_s = last_s + 1 / FRAMES_A_SECOND
        if last_s >= SHORT_S:
            return
        self.times = TIMES
        for time in range(1, TIMES):
            for t_s, index, pixels in held:
                yield time * self.length_s + t_s, index, pixels


def _is_due(t_s: float, before_s: float) -> bool:
    """Whether a moment at which a frame is looked at lies after the frame before and not after this one."""
    return before_s < 0 or math.floor(t_s * FRAMES_A_SECOND + 1e-6) > math.floor(before_s * FRAMES_A_SECOND + 1e-6)


def played_intervals(item: Item, reel: Reel) -> tuple[Interval, ...]:
    """The item's intervals each time that it is played; what then goes on without a break is one."""
    if reel.times == 1:
        return item.intervals
    length_s = reel.length_s
    again = [
        Interval(time * length_s + each.start_s, time * length_s + min(each.end_s, length_s))
        for time in range(reel.times)
        for each in item.intervals
    ]
    return merged(again, within_s=TOLERANCE_S)


class _Audience:
    """Sees all frames; keeps what the report wants to show of them, as small pictures."""

    def __init__(self, item: Item, watched: Watched) -> None:
        self._zones = watched.zones
        self._wanted_s = sorted(_middles(item))
        self._shots: dict[Event, Shot] = {}
        self.ended: list[Event] = []
        self.moments: list[Shot] = []
        self.suspected: set[str] = set()
        self.frames = 0

    def see(self, shown: Shown) -> None:
        """Take one frame."""
        self.frames += 1
        findings = shown.findings
        self.ended += findings.ended
        self.suspected |= {rule.kind.value for rule in (*findings.suspected, *findings.worth_a_focus)}
        self.suspected |= {event.kind.value for event in findings.confirmed}
        while len(self.moments) < len(self._wanted_s) and shown.t_s >= self._wanted_s[len(self.moments)]:
            self.moments.append(self._drawn(shown, None))
        for event in findings.confirmed:
            if len(self._shots) < MOST_SHOTS:
                self._shots[_as_confirmed(event)] = self._drawn(shown, event)

    def _drawn(self, shown: Shown, event: Event | None) -> Shot:
        counted = event.evidence.boxes if event is not None else ()
        shot = draw(shown.frame.pixels, shown.detections, self._zones, counted, shown.t_s)
        if event is None:
            return shot
        return replace(shot, words_zh=event.evidence.words_zh, words_en=event.evidence.words_en)

    def shown_event(self, event: Event) -> ShownEvent:
        """An event once it has ended, with its picture."""
        times = in_seconds(event)
        return ShownEvent(
            kind=event.kind.value,
            told=Told(Interval(times.start_s, times.end_s), times.confirmed_s, event.score),
            count=event.evidence.count,
            words_zh=event.evidence.words_zh,
            words_en=event.evidence.words_en,
            shot=self._shots.get(_as_confirmed(event)),
        )


def _as_confirmed(event: Event) -> Event:
    return replace(event, ended_at=None)


def _middles(item: Item) -> list[float]:
    """The moments worth a picture: the middle of each interval, or of the whole."""
    if item.media is Media.IMAGE:
        return [0.0]
    if item.intervals:
        return [(each.start_s + each.end_s) / 2 for each in item.intervals]
    length_s = item.seconds or (duration_of(item.file) if item.media is Media.VIDEO else None) or 0.0
    return [length_s / 2]

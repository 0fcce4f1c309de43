"""``make bench-onset``: something appears before a camera; how long until Patrol suspects it?

All 476 cameras are toured with the rings' bounds. Many of them show a place with nobody in it, and at random times,
spread over some minutes and over all rings, somebody appears there for a while. The clock stops in the moment in which
a rule begins to hold (a suspicion), and it is started twice. At the *onset*: somebody is there. At the *first key
frame* with somebody in it, up to 2 s later: before, no picture that Patrol takes can show anybody, and how far a
camera's key frames are apart is not Patrol's doing. Both are held against the ring's bound and a second. How long
pictures lay between being taken and the suspicion is told apart.

What shows people and what does not was looked at before with Patrol's own detector: an empty stretch has nobody in any
of its key frames, a stretch with people has somebody in every one. So what is measured is how long it takes, and not
how good the detector is. ``Scene.empty_is`` says how the empty place came about.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.bench_peers import own_detector
from benchmarks.clips import GOP_S, Clips, Scene, Stretch, have_clips, key_pictures
from benchmarks.figures import Relation, Report, Spread, Table, Target
from benchmarks.patrol_under_test import BOUNDS, Plan, Story, addresses_on, patrol
from benchmarks.serving import Server, Spot, missing_parts, mounts_of, playing, rtsp_server, spots

WARM_UP_S = 35.0
AFTER_BOUND_S = 1.0
RULE = {"kind": "intrusion", "at_least": 1, "min_confidence": 0.45, "for_s": 3, "clear_after_s": 2, "cool_down_s": 120}
SURELY_SOMEBODY, SURELY_NOBODY = 0.6, 0.25  # on either side of what the rule asks for
FEWEST_GOPS = 3
STAYS_S = 6.0  # longer than the ring's bound and the second after it
# How often somebody appears at each camera of a ring, and at how many of them.
TIMES_PER_CAMERA = {"core": 2, "periphery": 1, "far": 1}
SHARE_OF_CAMERAS = {"core": 1.0, "periphery": 0.5, "far": 0.5}


@dataclass(frozen=True, slots=True)
class Shown:
    """A place without and with people, both looked at."""

    scene: Scene
    empty: Stretch
    people: Stretch


@dataclass(frozen=True, slots=True)
class Onset:
    """Somebody is before a camera from ``at`` on, seconds since the epoch.

    ``begin``: of the first group of pictures that shows it; ``end``: of the first that does not any more.
    """

    camera: Spot
    at: float
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A rule began to hold ``at`` for a picture that was ``captured``; seconds since the epoch."""

    camera_id: str
    at: float
    captured: float


def runs_of(labels: Sequence[bool | None], wanted: bool, clip: str) -> list[Stretch]:
    """The stretches of groups of pictures that are all ``wanted``; None stands for one that is unclear."""
    runs, first = [], 0
    for label, group in groupby(labels):
        count = len(list(group))
        if label is wanted and count >= FEWEST_GOPS:
            runs.append(Stretch(clip, first, count))
        first += count
    return runs


def label_of(confidences: Sequence[float]) -> bool | None:
    """Whether somebody is in a picture, by how sure the detector is of each person; None where it is not clear."""
    surest = max(confidences, default=0.0)
    if surest >= SURELY_SOMEBODY:
        return True
    return False if surest < SURELY_NOBODY else None


def looked_at(clips: Clips) -> list[Shown]:
    """The scenes in which the detector sees people where there are some, and none where there are none."""
    labels: dict[str, list[bool | None]] = {}
    with own_detector() as detector:
        for clip in {stretch.clip for scene in clips.scenes for stretch in (scene.people, scene.empty)}:
            labels[clip] = asyncio.run(_labels(detector, clips, clip))
    shown = []
    for scene in clips.scenes:
        empty = runs_of(labels[scene.empty.clip], False, scene.empty.clip)
        people = runs_of(labels[scene.people.clip], True, scene.people.clip)
        shown += [Shown(scene, empty[n % len(empty)], run) for n, run in enumerate(people) if empty]
    # The server tells a client once how pictures are coded: only what is coded alike can follow each other.
    return [pair for pair in shown if _coding(clips, pair.empty) == _coding(clips, pair.people)]


def _coding(clips: Clips, stretch: Stretch) -> bytes:
    return clips.pack(stretch.clip).codec_data


async def _labels(detector: Any, clips: Clips, clip: str) -> list[bool | None]:
    from patrol.adapters.clock import SystemClock
    from patrol.domain.camera import CameraId
    from patrol.domain.frame import Frame

    now = SystemClock().now()
    labels = []
    for picture in key_pictures(clips.pack(clip)):
        found = (await detector.detect([Frame(CameraId("looked-at"), now, picture)]))[0]
        labels.append(label_of([float(confidence) for confidence in found.of("person").confidence]))
    return labels


# --- when ---------------------------------------------------------------------------------------------------------


def planned(
    cameras: Sequence[Spot], offsets: Mapping[str, float], begin: float, span_s: float, seed: int = 7
) -> list[Onset]:
    """Random onsets within ``span_s`` from ``begin``, those of a camera apart.

    ``offsets``: how far each camera's clock is ahead of the wall clock, as the server has it.
    """
    chance = random.Random(seed)
    onsets = []
    for camera in cameras:
        times = TIMES_PER_CAMERA[camera.ring]
        part_s = span_s / times
        stays_s = BOUNDS[camera.ring] + STAYS_S
        for part in range(times):
            # The last quarter of a part is for the place to be empty again, and seen so.
            latest_s = max(0.0, 0.75 * part_s - stays_s) if times > 1 else max(0.0, span_s - stays_s)
            at = begin + part * part_s + chance.uniform(0, latest_s)
            onsets.append(_shown(camera, at, at + stays_s, offsets[camera.camera_id]))
    return onsets


def _shown(camera: Spot, begin: float, end: float, offset_s: float) -> Onset:
    def next_key_frame(at: float) -> float:
        return math.ceil((at + offset_s) / GOP_S) * GOP_S - offset_s

    return Onset(camera, begin, next_key_frame(begin), next_key_frame(end))


def chosen(cameras: Sequence[Spot], share_of: Mapping[str, float]) -> list[Spot]:
    """That share of each ring's cameras, spread evenly."""
    members = {ring: [camera for camera in cameras if camera.ring == ring] for ring in share_of}
    return [
        camera
        for ring, share in share_of.items()
        for n, camera in enumerate(members[ring])
        if int((n + 1) * share) > int(n * share)
    ]


def first_suspicions(onsets: Sequence[Onset], suspected: Sequence[Suspicion]) -> list[Suspicion | None]:
    """For each onset the first suspicion from a picture that was taken while somebody was there; None: missed."""
    by_camera: dict[str, list[Suspicion]] = {}
    for suspicion in sorted(suspected, key=lambda each: each.at):
        by_camera.setdefault(suspicion.camera_id, []).append(suspicion)
    return [
        next((each for each in by_camera.get(onset.camera.camera_id, ()) if _is_of(each, onset)), None)
        for onset in onsets
    ]


def _is_of(suspicion: Suspicion, onset: Onset) -> bool:
    """A picture shows where its group begins, so that the last one with somebody in it may be taken after the end."""
    return onset.begin <= suspicion.captured <= onset.end + GOP_S


def by_ring(onsets: Sequence[Onset], values: Sequence[float]) -> dict[str, Spread]:
    """How a value of each onset is spread in each ring."""
    pairs = list(zip(onsets, values, strict=True))
    return {ring: Spread.of([value for onset, value in pairs if onset.camera.ring == ring]) for ring in BOUNDS}


def unprovoked(onsets: Sequence[Onset], suspected: Sequence[Suspicion], since: float) -> int:
    """Suspicions at cameras that had onsets, from pictures taken when nobody was before them."""
    own: dict[str, list[Onset]] = {}
    for onset in onsets:
        own.setdefault(onset.camera.camera_id, []).append(onset)
    return sum(
        each.camera_id in own
        and each.captured >= since
        and not any(_is_of(each, onset) for onset in own[each.camera_id])
        for each in suspected
    )


@dataclass(frozen=True, slots=True)
class Stage:
    """What is shown where. ``onset_cameras``: those before which somebody appears; ``offsets``: see ``planned``."""

    clips: Clips
    cameras: Sequence[Spot]
    onset_cameras: Sequence[Spot]
    shown: Sequence[Shown]
    mounts: Mapping[str, dict[str, Any]]
    offsets: Mapping[str, float]


def staged(join: str) -> Stage | None:
    """Clips and cameras, ready for the server; None where the detector tells people from nobody in none of them."""
    clips, cameras = have_clips(), spots()
    shown = looked_at(clips)
    if not shown:
        return None
    onset_cameras = chosen(cameras, SHARE_OF_CAMERAS)
    mounts = mounts_of(cameras, clips, join)
    for number, camera in enumerate(onset_cameras):
        pair = shown[number % len(shown)]
        mounts[f"/{camera.camera_id}"] |= playing(clips, pair.empty) | {"other": playing(clips, pair.people)}
    offsets = {camera.camera_id: mounts[f"/{camera.camera_id}"]["offset_s"] for camera in cameras}
    return Stage(clips, cameras, onset_cameras, shown, mounts, offsets)


# --- measuring ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Findings:
    """What was measured. ``first``: the suspicion of each onset. ``samples``: since the onsets began."""

    story: Story
    onsets: Sequence[Onset]
    first: Sequence[Suspicion | None]
    unprovoked: int
    shown: Sequence[Shown]
    samples: Sequence[Mapping[str, Any]]
    look_every: int

    @property
    def from_onset(self) -> dict[str, Spread]:
        """Seconds from each onset to its suspicion, by ring; infinite for one that was missed."""
        pairs = zip(self.onsets, self.first, strict=True)
        return by_ring(self.onsets, [found.at - onset.at if found else math.inf for onset, found in pairs])

    @property
    def from_picture(self) -> dict[str, Spread]:
        """The same from the first key frame with somebody in it."""
        pairs = zip(self.onsets, self.first, strict=True)
        return by_ring(self.onsets, [found.at - onset.begin if found else math.inf for onset, found in pairs])

    @property
    def from_capture(self) -> dict[str, Spread]:
        """What of it lies behind the taking of the picture: decoding, waiting for the detector, detecting, rules."""
        return by_ring(self.onsets, [found.at - found.captured if found else math.inf for found in self.first])

    @property
    def missed(self) -> int:
        """Onsets that nobody suspected."""
        return sum(found is None for found in self.first)

    @property
    def stretch(self) -> float:
        """The largest that was announced."""
        return max(float(sample["stretch"]) for sample in self.samples)

    @property
    def idle_tests(self) -> dict[str, int]:
        """What the test for idle scenes said, and how often."""
        first, last = self.samples[0]["idle_tests"], self.samples[-1]["idle_tests"]
        return {verdict: last[verdict] - first[verdict] for verdict in last}

    @property
    def ms_per_visit(self) -> float:
        """Processor time of Patrol's own process for each frame that was judged."""
        first, last = self.samples[0], self.samples[-1]
        spent_s = sum(last["threads"].values()) - sum(first["threads"].values())
        processed = int(last["counts"]["processed"] - first["counts"]["processed"])
        return 1000 * float(spent_s) / max(1, processed)


def measured(
    server: Server,
    stage: Stage,
    span_s: float,
    warm_up_s: float,
    folder: Path,
    look_every: int,
    rule: Mapping[str, Any] = RULE,
) -> Findings:
    """The tour with onsets in it. Its files lie in ``folder``/onset."""
    plan = Plan(stage.cameras, addresses_on(server, stage.cameras), rule=rule, detector={"look_every": look_every})
    with patrol(plan, folder / "onset") as running:
        running.sleep_until(time.monotonic() + warm_up_s)
        began = time.time()
        onsets = planned(stage.onset_cameras, stage.offsets, began + 3.0, span_s)
        spans: dict[str, list[tuple[float, float]]] = {}
        for onset in onsets:
            spans.setdefault(onset.camera.camera_id, []).append((onset.begin, onset.end))
        server.schedule(spans)
        last = max(onset.end for onset in onsets)
        running.sleep_until(time.monotonic() + last - time.time() + AFTER_BOUND_S)
        story = running.stop()
    suspected = [Suspicion(*each) for each in story.suspected]
    return Findings(
        story=story,
        onsets=onsets,
        first=first_suspicions(onsets, suspected),
        unprovoked=unprovoked(onsets, suspected, began),
        shown=stage.shown,
        samples=[sample for sample in story.samples if sample["now"] >= began],
        look_every=look_every,
    )


def targets(found: Findings) -> list[Target]:
    """What is promised of an onset."""
    starts = (("onset", found.from_onset), ("first key frame", found.from_picture))
    held = [
        Target(f"{start} to suspicion, p99 {ring}, s", spreads[ring].p99, bound_s + AFTER_BOUND_S)
        for start, spreads in starts
        for ring, bound_s in BOUNDS.items()
    ]
    return [
        *held,
        Target("onsets missed", found.missed, 0, Relation.EXACTLY),
        Target("suspicions while nobody was there", found.unprovoked, 0, Relation.EXACTLY),
        Target("stretch factor throughout", found.stretch, 1.0, Relation.EXACTLY),
    ]


def report(found: Findings, clips: Clips, join: str) -> Report:
    """All of it, for people and for programs."""
    ways = {
        "onset": found.from_onset,
        "first key frame with somebody in it": found.from_picture,
        "taking the picture": found.from_capture,
    }
    scenes = Counter(f"{shown.scene.name} ({shown.scene.empty_is})" for shown in found.shown)
    besides = [
        ("onsets missed", found.missed),
        ("suspicions while nobody was there", found.unprovoked),
        ("largest stretch", found.stretch),
        ("processor-ms a visit, Patrol's own process", found.ms_per_visit),
    ]
    if found.look_every > 1:
        besides += [(f"visits: {verdict}", count) for verdict, count in found.idle_tests.items()]
    return Report(
        "onset" if found.look_every == 1 else f"onset-look-every-{found.look_every}",
        {
            "join": join,
            "clips": clips.made_of,
            "scenes": scenes,
            "precision": found.story.precision,
            "onsets": len(found.onsets),
            "missed": found.missed,
            "seconds_from": {way: {ring: asdict(each) for ring, each in by.items()} for way, by in ways.items()},
            "suspicions_while_nobody_was_there": found.unprovoked,
            "stretch": found.stretch,
            "visits": found.story.samples[-1]["counts"]["processed"],
            "processor_ms_per_visit": found.ms_per_visit,
            "look_every": found.look_every,
            "idle_tests": found.idle_tests,
        },
        [
            *(_delays_table(f"from {way} to suspicion, s", spreads) for way, spreads in ways.items()),
            Table("scenes: pairs of stretches, looked at with the detector", ("", "pairs"), list(scenes.items())),
            Table("besides", ("", ""), besides),
        ],
        targets(found),
        _summary(found),
    )


def _delays_table(title: str, spreads: Mapping[str, Spread]) -> Table:
    rows = [
        (ring, each.count, each.p50, each.p99, each.max, BOUNDS[ring], BOUNDS[ring] + AFTER_BOUND_S)
        for ring, each in spreads.items()
    ]
    return Table(title, ("ring", "onsets", "p50", "p99", "max", "bound", "target"), rows)


def _summary(found: Findings) -> str:
    def told(spreads: Mapping[str, Spread]) -> str:
        return ", ".join(f"{ring} {spreads[ring].p50:.1f}/{spreads[ring].p99:.1f} s" for ring in BOUNDS)

    summary = (
        f"{len(found.onsets)} onsets, {found.missed} missed, p50/p99 {told(found.from_onset)}"
        f" (from the first key frame {told(found.from_picture)})"
    )
    if found.look_every == 1:
        return summary
    skipped = found.idle_tests["skipped"] / max(1, sum(found.idle_tests.values()))
    return f"{summary}; idle scenes looked at every {found.look_every} visits: {skipped:.0%} of all visits skipped"


def arguments_of(description: str | None) -> argparse.ArgumentParser:
    """What all who measure onsets may be told. ``description``: the module's; its first line is shown."""
    arguments = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=5.0, help="over which the onsets are spread")
    arguments.add_argument("--warm-up", type=float, default=WARM_UP_S, help="seconds before that")
    arguments.add_argument("--join", choices=("key-frame", "mid-gop"), default="key-frame", help="see rtsp_server.py")
    return arguments


def performed(
    name: str,
    options: argparse.Namespace,
    report_of: Callable[[Findings, Clips, Path], Report],
    look_every: int = 1,
    rule: Mapping[str, Any] = RULE,
) -> int:
    """Measure as ``arguments_of`` was told, and tell. The exit code says whether all targets are kept; 2: not measured.

    ``report_of``: given the folder with the tour's files, too, which is deleted afterwards.
    """
    if (missing := missing_parts()) is not None:
        return _not_measured(name, missing)
    stage = staged(options.join)
    if stage is None:
        return _not_measured(name, "the detector tells people from nobody in none of the scenes")
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as temporary:
        folder = Path(temporary)
        with rtsp_server(stage.mounts, folder) as server:
            found = measured(server, stage, 60 * options.minutes, options.warm_up, folder, look_every, rule)
        told = report_of(found, stage.clips, folder)
    return told.tell()


def _not_measured(name: str, why: str) -> int:
    print(f"{name}: not measured: {why}", file=sys.stderr)
    return 2


def main() -> int:
    """Measure, tell, and say by the exit code whether all targets are kept."""
    arguments = arguments_of(__doc__)
    arguments.add_argument("--look-every", type=int, default=1, help="of so many visits to an idle scene; 1: no test")
    options = arguments.parse_args()
    return performed(
        "bench-onset", options, lambda found, clips, _: report(found, clips, options.join), options.look_every
    )


if __name__ == "__main__":
    sys.exit(main())

"""``make bench-onset``: something appears before a camera; how long until Patrol suspects it?

All 476 cameras are toured with the rings' bounds. Many of them show a place with nobody in it, and at random times,
spread over some minutes and over all rings, somebody appears there for a while. The time is taken from the beginning of
the first group of pictures with somebody in it to the moment in which a rule begins to hold (a suspicion).

What shows people and what does not was looked at before with Patrol's own detector: an empty stretch has nobody in any
of its key frames, a stretch with people has somebody in every one. So what is measured is how long it takes, and not
how good the detector is. ``Scene.empty_is`` says how the empty place came about.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import math
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
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
    """Somebody is before a camera from ``begin`` to ``end``, seconds since the epoch."""

    camera: Spot
    begin: float
    end: float


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
    """Random onsets within ``span_s`` from ``begin``, each where a group of pictures begins, those of a camera apart.

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
            onsets.append(_at_key_frames(camera, at, at + stays_s, offsets[camera.camera_id]))
    return onsets


def _at_key_frames(camera: Spot, begin: float, end: float, offset_s: float) -> Onset:
    def next_one(at: float) -> float:
        return math.ceil((at + offset_s) / GOP_S) * GOP_S - offset_s

    return Onset(camera, next_one(begin), next_one(end))


def chosen(cameras: Sequence[Spot], share_of: Mapping[str, float]) -> list[Spot]:
    """That share of each ring's cameras, spread evenly."""
    members = {ring: [camera for camera in cameras if camera.ring == ring] for ring in share_of}
    return [
        camera
        for ring, share in share_of.items()
        for n, camera in enumerate(members[ring])
        if int((n + 1) * share) > int(n * share)
    ]


def delays(onsets: Sequence[Onset], suspected: Sequence[tuple[str, float]]) -> dict[str, list[float]]:
    """Seconds from each onset to the first suspicion before the camera while somebody was there, by ring.

    Infinite where there was none.
    """
    times: dict[str, list[float]] = {}
    for camera_id, at in sorted(suspected, key=lambda each: each[1]):
        times.setdefault(camera_id, []).append(at)
    found: dict[str, list[float]] = {ring: [] for ring in BOUNDS}
    for onset in onsets:
        own = times.get(onset.camera.camera_id, [])
        index = bisect.bisect_left(own, onset.begin)
        there = index < len(own) and own[index] <= onset.end + BOUNDS[onset.camera.ring]
        found[onset.camera.ring].append(own[index] - onset.begin if there else math.inf)
    return found


# --- measuring ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Findings:
    """What was measured."""

    story: Story
    onsets: Sequence[Onset]
    delays: Mapping[str, Spread]
    unprovoked: int
    stretch: float
    shown: Sequence[Shown]
    samples: Sequence[Mapping[str, Any]]
    look_every: int

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
    cameras: Sequence[Spot],
    onset_cameras: Sequence[Spot],
    offsets: Mapping[str, float],
    span_s: float,
    warm_up_s: float,
    folder: Path,
    shown: Sequence[Shown],
    look_every: int,
) -> Findings:
    """The tour with onsets in it."""
    plan = Plan(cameras, addresses_on(server, cameras), rule=RULE, detector={"look_every": look_every})
    with patrol(plan, folder / "onset") as running:
        running.sleep_until(time.monotonic() + warm_up_s)
        began = time.time()
        onsets = planned(onset_cameras, offsets, began + 3.0, span_s)
        spans: dict[str, list[tuple[float, float]]] = {}
        for onset in onsets:
            spans.setdefault(onset.camera.camera_id, []).append((onset.begin, onset.end))
        server.schedule(spans)
        last = max(onset.end for onset in onsets)
        running.sleep_until(time.monotonic() + last - time.time() + AFTER_BOUND_S)
        story = running.stop()
    found = delays(onsets, story.suspected)
    samples = [sample for sample in story.samples if sample["now"] >= began]
    return Findings(
        story=story,
        onsets=onsets,
        delays={ring: Spread.of(values) for ring, values in found.items()},
        unprovoked=_unprovoked(onsets, story, began),
        stretch=max(sample["stretch"] for sample in samples),
        shown=shown,
        samples=samples,
        look_every=look_every,
    )


def _unprovoked(onsets: Sequence[Onset], story: Story, since: float) -> int:
    """Suspicions at cameras that had onsets, at times when nobody was before them."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for onset in onsets:
        spans.setdefault(onset.camera.camera_id, []).append((onset.begin, onset.end + GOP_S))
    return sum(
        who in spans and at >= since and not any(begin <= at <= end for begin, end in spans[who])
        for who, at in story.suspected
    )


def report(found: Findings, clips: Clips, join: str) -> Report:
    """All of it, for people and for programs."""
    rows = [
        (ring, spread.count, spread.p50, spread.p99, spread.max, BOUNDS[ring], BOUNDS[ring] + AFTER_BOUND_S)
        for ring, spread in found.delays.items()
    ]
    scenes = Counter(f"{shown.scene.name} ({shown.scene.empty_is})" for shown in found.shown)
    targets = [
        Target(f"onset to suspicion, p99 {ring}, s", found.delays[ring].p99, bound_s + AFTER_BOUND_S)
        for ring, bound_s in BOUNDS.items()
    ]
    summary = f"{len(found.onsets)} onsets, p50/p99 " + ", ".join(
        f"{ring} {found.delays[ring].p50:.1f}/{found.delays[ring].p99:.1f} s" for ring in BOUNDS
    )
    besides = [
        ("suspicions while nobody was there", found.unprovoked),
        ("largest stretch", found.stretch),
        ("processor-ms a visit, Patrol's own process", found.ms_per_visit),
    ]
    if found.look_every > 1:
        besides += [(f"visits: {verdict}", count) for verdict, count in found.idle_tests.items()]
        skipped = found.idle_tests["skipped"] / max(1, sum(found.idle_tests.values()))
        summary += f"; idle scenes looked at every {found.look_every} visits: {skipped:.0%} of all visits skipped"
    return Report(
        "onset" if found.look_every == 1 else f"onset-look-every-{found.look_every}",
        {
            "join": join,
            "clips": clips.made_of,
            "scenes": scenes,
            "precision": found.story.precision,
            "onsets": len(found.onsets),
            "seconds": {ring: asdict(spread) for ring, spread in found.delays.items()},
            "suspicions_while_nobody_was_there": found.unprovoked,
            "stretch": found.stretch,
            "visits": found.story.samples[-1]["counts"]["processed"],
            "processor_ms_per_visit": found.ms_per_visit,
            "look_every": found.look_every,
            "idle_tests": found.idle_tests,
        },
        [
            Table("from onset to suspicion, s", ("ring", "onsets", "p50", "p99", "max", "bound", "target"), rows),
            Table("scenes: pairs of stretches, looked at with the detector", ("", "pairs"), list(scenes.items())),
            Table("besides", ("", ""), besides),
        ],
        [*targets, Target("stretch factor throughout", found.stretch, 1.0, Relation.EXACTLY)],
        summary,
    )


def main() -> int:
    """Measure, tell, and say by the exit code whether all targets are kept."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=5.0, help="over which the onsets are spread")
    arguments.add_argument("--warm-up", type=float, default=WARM_UP_S, help="seconds before that")
    arguments.add_argument("--join", choices=("key-frame", "mid-gop"), default="key-frame", help="see rtsp_server.py")
    arguments.add_argument("--look-every", type=int, default=1, help="of so many visits to an idle scene; 1: no test")
    options = arguments.parse_args()
    if (missing := missing_parts()) is not None:
        print(f"bench-onset: not measured: {missing}", file=sys.stderr)
        return 2
    clips, cameras = have_clips(), spots()
    shown = looked_at(clips)
    if not shown:
        print("bench-onset: not measured: the detector tells people from nobody in none of the scenes", file=sys.stderr)
        return 2
    onset_cameras = chosen(cameras, SHARE_OF_CAMERAS)
    mounts = mounts_of(cameras, clips, options.join)
    for number, camera in enumerate(onset_cameras):
        pair = shown[number % len(shown)]
        mounts[f"/{camera.camera_id}"] |= playing(clips, pair.empty) | {"other": playing(clips, pair.people)}
    offsets = {camera.camera_id: mounts[f"/{camera.camera_id}"]["offset_s"] for camera in cameras}
    with tempfile.TemporaryDirectory(prefix="bench-onset-") as name:
        folder = Path(name)
        with rtsp_server(mounts, folder) as server:
            found = measured(
                server,
                cameras,
                onset_cameras,
                offsets,
                60 * options.minutes,
                options.warm_up,
                folder,
                shown,
                options.look_every,
            )
    return report(found, clips, options.join).tell()


if __name__ == "__main__":
    sys.exit(main())

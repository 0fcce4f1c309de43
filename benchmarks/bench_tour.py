"""``make bench-tour``: 476 cameras on a real RTSP server, toured by the whole of Patrol on the same machine.

Held against the bounds of the rings, against a floor measured in the same run, and against memory; see ``targets``.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.clips import FPS, HEIGHT, KBIT_PER_S, WIDTH, Clips, have_clips
from benchmarks.figures import Relation, Report, Spread, Table, Target, median, nearest_rank, slope
from benchmarks.gaps import gaps_by_ring, rounds
from benchmarks.patrol_under_test import (
    BOUNDS,
    INFERENCE_THREADS,
    STAGE_FUNCTIONS,
    Floor,
    Plan,
    Story,
    addresses_on,
    floor,
    patrol,
)
from benchmarks.processes import Use, Watch, watched
from benchmarks.serving import Server, Spot, missing_parts, mounts_of, rtsp_server, spots

WARM_UP_S = 30.0
ROUND_TARGET_S, ROUND_STRIVEN_FOR_S = 11.0, 9.5
ROUND_BOUND_S = 6.0  # for all cameras: more than the machine can do, so that it goes round as fast as it can
ROUNDS, ROUNDS_WITHIN_S, ROUNDS_WARM_UP_S = 5, 110.0, 12.0
FLOOR_S, FLOOR_AT_ONCE = 30.0, 32
MOST_MS_OF_FLOOR = 1.25
MOST_MB, MOST_MB_A_MINUTE = 1000.0, 1.0
GROWTH_NEEDS_S = 300.0  # of a shorter run growth tells what comes and goes
TOO_SHORT = "not told by so short a run"
MEDIAN_OVER_S = 60.0
FEWEST_BARE_VISITS = 100


@dataclass(frozen=True, slots=True)
class Tour:
    """A tour that was measured from ``begin`` to ``end``, by the wall clock; ``looks`` and ``samples`` are of then.

    ``up_at``: when the warm-up began. ``most_mb``: the largest memory of Patrol's processes together, from their start.
    """

    story: Story
    up_at: float
    begin: float
    end: float
    looks: Sequence[Use]
    samples: Sequence[Mapping[str, Any]]
    most_mb: float
    server_ms_per_visit: float
    server_cores: float

    @property
    def seconds(self) -> float:
        """How long it was measured."""
        return self.end - self.begin

    def counted(self, what: str) -> int:
        """By how much a counter of Patrol's grew."""
        return int(self.samples[-1]["counts"][what] - self.samples[0]["counts"][what])

    def spent_s(self, group: str) -> dict[str, float]:
        """Processor seconds by name, of ``threads`` or of ``stages``."""
        first, last = self.samples[0][group], self.samples[-1][group]
        return {name: last[name] - first.get(name, 0.0) for name in last}

    @property
    def visits(self) -> int:
        """Frames that went through the detector and the rules."""
        return self.counted("processed")

    @property
    def ms_per_visit(self) -> float:
        """Processor time of Patrol's processes for each of them, everything included."""
        return 1000 * (self.looks[-1].processor_s - self.looks[0].processor_s) / max(1, self.visits)

    @property
    def visit_s(self) -> float:
        """How long a visit took from its start until it had a picture, mean."""
        took_s = self.samples[-1]["visits_took_s"] - self.samples[0]["visits_took_s"]
        return float(took_s) / max(1, self.counted("visits"))

    @property
    def most_stretch(self) -> float:
        """The largest factor that was announced."""
        return max(float(sample["stretch"]) for sample in self.samples)

    @property
    def mb_grown(self) -> float:
        """By how much the memory's median rose from the first minute to the last.

        Medians, because memory comes and goes by some MB within seconds; over the whole run, because the slope of a
        part of it is mostly that coming and going.
        """
        first, last = self.looks[0].at + MEDIAN_OVER_S, self.looks[-1].at - MEDIAN_OVER_S
        at_first = median([look.resident_mb for look in self.looks if look.at <= first])
        return median([look.resident_mb for look in self.looks if look.at >= last]) - at_first


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What became of the promises before anything was measured. ``worst_share``: of its bound, of the longest gap."""

    seconds: float
    worst_share: float
    stretch: float
    failures: int

    @classmethod
    def of(cls, tour: Tour, cameras: Sequence[Spot]) -> WarmUp:
        """From the start, so that a camera's first gap is the time until its first look."""
        ring_of = {camera.camera_id: camera.ring for camera in cameras}
        gaps = gaps_by_ring(tour.story.seen, ring_of, tour.up_at, tour.begin)
        stretches = [float(each["stretch"]) for each in tour.story.samples if each["now"] < tour.begin]
        return cls(
            seconds=tour.begin - tour.up_at,
            worst_share=max(gap / BOUNDS[ring] for ring, values in gaps.items() for gap in values),
            stretch=max(stretches, default=1.0),
            failures=sum(at < tour.begin for _, _, at in tour.story.failed),
        )


def measured_tour(
    server: Server, cameras: Sequence[Spot], seconds: float, warm_up_s: float, folder: Path, warm_rings: Sequence[str]
) -> Tour:
    """The whole of Patrol on all cameras with the rings' bounds, for so long after a warm-up."""
    plan = Plan(cameras, addresses_on(server, cameras), strategies=dict.fromkeys(warm_rings, "warm"))
    with patrol(plan, folder / "tour") as running, watched(running.pid) as watch:
        up_at = time.time()
        running.sleep_until(time.monotonic() + warm_up_s)
        begin, server_before = (time.monotonic(), time.time()), server.processor_s()
        running.sleep_until(begin[0] + seconds)
        end, server_after = (time.monotonic(), time.time()), server.processor_s()
        story = running.stop()
    return _tour(story, watch, up_at, begin, end, server_after - server_before)


def _tour(
    story: Story,
    watch: Watch,
    up_at: float,
    begin: tuple[float, float],
    end: tuple[float, float],
    server_processor_s: float,
) -> Tour:
    samples = story.between(begin[0], end[0])
    looks = watch.between(samples[0]["at"] - 0.5, samples[-1]["at"] + 0.5)
    visits = samples[-1]["counts"]["processed"] - samples[0]["counts"]["processed"]
    return Tour(
        story=story,
        up_at=up_at,
        begin=begin[1],
        end=end[1],
        looks=looks,
        samples=samples,
        most_mb=max(look.resident_mb for look in watch.looks if look.at <= end[0]),
        server_ms_per_visit=1000 * server_processor_s / max(1, visits),
        server_cores=server_processor_s / (end[0] - begin[0]),
    )


def plain_rounds(server: Server, cameras: Sequence[Spot], folder: Path, count: int = ROUNDS) -> list[float]:
    """Seconds of each of ``count`` rounds over all cameras, made as fast as the machine can."""
    bounds = dict.fromkeys(BOUNDS, ROUND_BOUND_S)
    ids = [camera.camera_id for camera in cameras]
    with patrol(Plan(cameras, addresses_on(server, cameras), bounds=bounds), folder / "rounds") as running:
        up_at = time.monotonic()
        running.sleep_until(up_at + ROUNDS_WARM_UP_S)
        begin = time.time()
        while len(rounds(running.story().seen, ids, begin)) < count and time.monotonic() < up_at + ROUNDS_WITHIN_S:
            running.sleep_until(time.monotonic() + 2.0)
        story = running.stop()
    return rounds(story.seen, ids, begin)[:count]


# --- telling ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was measured."""

    tour: Tour
    warm_up: WarmUp
    gaps: Mapping[str, Spread]
    floor: Floor
    rounds: Sequence[float]
    rounds_asked: int
    clips: Clips
    join: str
    warm_rings: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Of the result: other ways to measure do not take the place of the usual one."""
        joined = () if self.join == "key-frame" else (self.join,)
        return "-".join(("tour", *joined, *(f"warm-{ring}" for ring in self.warm_rings)))

    @property
    def ratio(self) -> float:
        """A visit's processor time as a multiple of its floor."""
        return self.tour.ms_per_visit / self.floor.ms

    @property
    def mb_a_minute(self) -> float:
        """The slope of the memory in the later half; of what it tells, see ``Tour.mb_grown``."""
        later = self.tour.looks[len(self.tour.looks) // 2 :]
        return 60 * slope([look.at for look in later], [look.resident_mb for look in later])

    @property
    def shows_growth(self) -> bool:
        """Whether it was measured for long enough to tell growth from what comes and goes."""
        return self.tour.seconds >= GROWTH_NEEDS_S


def targets(found: Findings) -> list[Target]:
    """What the tour promises; and that what it is held against was measured as the tour was."""
    tour, floor = found.tour, found.floor
    held = [Target(f"gap p99.9 {ring}, s", found.gaps[ring].p999, bound_s) for ring, bound_s in BOUNDS.items()]
    may_grow_mb = MOST_MB_A_MINUTE * tour.seconds / 60
    growth = Target("memory growth from the first minute to the last, MB", tour.mb_grown, may_grow_mb)
    return [
        *held,
        Target("stretch factor throughout", tour.most_stretch, 1.0, Relation.EXACTLY),
        Target("plain rounds made", len(found.rounds), found.rounds_asked, Relation.EXACTLY),
        Target("plain round of all cameras, median s", median(found.rounds), ROUND_TARGET_S),
        Target("processor-ms a visit / floor", found.ratio, MOST_MS_OF_FLOOR),
        Target("floor: bare visits", floor.visits, FEWEST_BARE_VISITS, Relation.AT_LEAST),
        Target("floor: bare visits that failed", floor.failed, 0, Relation.EXACTLY),
        Target("floor: in the tour's precision", int(floor.precision == tour.story.precision), 1, Relation.EXACTLY),
        Target("memory at most since the start, MB", tour.most_mb, MOST_MB),
        *([growth] if found.shows_growth else []),
    ]


def report(found: Findings) -> Report:
    """All of it, for people and for programs."""
    tour = found.tour
    visits_per_s = tour.visits / tour.seconds
    summary = (
        f"{visits_per_s:.1f} visits/s, p99.9 "
        + "/".join(f"{found.gaps[ring].p999:.2f}" for ring in BOUNDS)
        + f" s, round {median(found.rounds):.2f} s (strive for {ROUND_STRIVEN_FOR_S:g}),"
        f" {tour.ms_per_visit:.1f} ms a visit = {found.ratio:.2f} x floor, {tour.most_mb:.0f} MB,"
        f" {tour.story.precision}"
    )
    return Report(found.name, _figures(found), _tables(found), targets(found), summary)


def _tables(found: Findings) -> list[Table]:
    tour = found.tour
    gap_rows = [
        (ring, spread.count, spread.p50, spread.p99, spread.p999, spread.max, BOUNDS[ring])
        for ring, spread in found.gaps.items()
    ]
    said = [
        ("server joins", found.join),
        ("clips", found.clips.made_of),
        ("precision", tour.story.precision),
        ("measured for, s", tour.seconds),
        ("visits/s", tour.visits / tour.seconds),
        ("of them in focus", tour.counted("focus")),
        ("a visit takes, s", tour.visit_s),
        ("streams kept open at the end", tour.samples[-1]["kept_open"]),
        ("visits that failed", tour.counted("failures")),
        ("suspicions / alerts", f"{tour.counted('suspicions')} / {tour.counted('alerts')}"),
        ("largest stretch", tour.most_stretch),
        ("memory at start / end / most, MB", "{:.0f} / {:.0f} / {:.0f}".format(*_memory(found))),
        ("memory, MB from the first minute to the last", tour.mb_grown if found.shows_growth else TOO_SHORT),
        ("memory in the later half, MB a minute", found.mb_a_minute if found.shows_growth else TOO_SHORT),
        ("descriptors / threads at the end", f"{tour.looks[-1].descriptors} / {tour.looks[-1].threads}"),
        (f"rounds of {found.rounds_asked} made", len(found.rounds)),
        ("rounds, s: median / worst", f"{median(found.rounds):.2f} / {max(found.rounds, default=float('nan')):.2f}"),
        ("the server's own: ms a visit / cores", f"{tour.server_ms_per_visit:.1f} / {tour.server_cores:.2f}"),
    ]
    warm_up = [
        ("for, s", found.warm_up.seconds),
        ("longest gap, first looks included, of its bound", found.warm_up.worst_share),
        ("largest stretch", found.warm_up.stretch),
        ("visits that failed", found.warm_up.failures),
    ]
    return [
        Table(
            "gaps, s (the still open ones included)", ("ring", "gaps", "p50", "p99", "p99.9", "max", "bound"), gap_rows
        ),
        Table("the tour", ("", ""), said),
        Table("the warm-up before it, held against nothing", ("", ""), warm_up),
        _costs_table(found),
    ]


def stage_ms(tour: Tour) -> dict[str, float]:
    """Processor-ms a visit by what it was for. What is left is the loop, the tour itself, relay, store and console."""
    per_visit = 1000 / max(1, tour.visits)
    spent = {stage: seconds * per_visit for stage, seconds in tour.spent_s("stages").items()}
    stages = {stage: spent.get(stage, 0.0) for stage in STAGE_FUNCTIONS}
    stages["infer (OpenVINO's own threads)"] = tour.spent_s("threads").get(INFERENCE_THREADS, 0.0) * per_visit
    return stages | {"everything else": tour.ms_per_visit - sum(stages.values())}


def _costs_table(found: Findings) -> Table:
    tour, own = found.tour, found.floor
    per_visit = 1000 / max(1, tour.visits)
    threads = [(f"threads: {name}", spent_s * per_visit) for name, spent_s in sorted(tour.spent_s("threads").items())]
    return Table(
        "processor-ms a visit: all of it by stages, then Patrol's own process by threads, then the floor",
        ("", "ms"),
        [
            ("everything", tour.ms_per_visit),
            *((f"stage: {name}", ms) for name, ms in stage_ms(tour).items()),
            *threads,
            ("floor: connection and decoding", own.connect_and_decode_ms),
            (f"floor: inference ({own.precision})", own.inference_ms),
            ("floor", own.ms),
            (f"floor: of {own.visits + own.failed} bare visits failed", own.failed),
        ],
    )


def _memory(found: Findings) -> tuple[float, float, float]:
    looks = [look.resident_mb for look in found.tour.looks]
    return median(looks[:5]), median(looks[-5:]), found.tour.most_mb


def _figures(found: Findings) -> dict[str, Any]:
    tour, (start_mb, end_mb, most_mb) = found.tour, _memory(found)
    return {
        "server": {
            "what": "GStreamer's RTSP server, a process of its own on the same machine, RTP over TCP",
            "clips": found.clips.made_of,
            "picture": f"{WIDTH}x{HEIGHT}, {FPS} frames/s, key frame every 2 s, {KBIT_PER_S} kbit/s",
            "measured_kbit_per_s": found.clips.kbit_per_s,
            "join": found.join,
            "processor_ms_per_visit": tour.server_ms_per_visit,
            "cores": tour.server_cores,
        },
        "precision": tour.story.precision,
        "seconds": tour.seconds,
        "kept_open": tour.samples[-1]["kept_open"],
        "gaps": {ring: asdict(spread) | {"bound_s": BOUNDS[ring]} for ring, spread in found.gaps.items()},
        "stretch": tour.most_stretch,
        "visits": tour.visits,
        "visits_per_s": tour.visits / tour.seconds,
        "counted": {name: tour.counted(name) for name in tour.samples[-1]["counts"]},
        "failures": Counter(why for _, why, at in tour.story.failed if tour.begin <= at <= tour.end),
        # These two are what `patrol check --measured` reads.
        "visit_cost_ms": tour.ms_per_visit,
        "visit_s": tour.visit_s,
        "processor_s_by_threads": tour.spent_s("threads"),
        "processor_ms_by_stages": stage_ms(tour),
        "floor": asdict(found.floor) | {"ms": found.floor.ms},
        "ratio_to_floor": found.ratio,
        "memory_mb": {"start": start_mb, "end": end_mb, "most": most_mb}
        | {"grown": tour.mb_grown, "a_minute_in_the_later_half": found.mb_a_minute},
        "warm_up": asdict(found.warm_up),
        "rounds_asked": found.rounds_asked,
        "rounds_s": list(found.rounds),
        "round_s": {"median": median(found.rounds), "worst": nearest_rank(found.rounds, 1.0)},
    }


def main() -> int:
    """Measure, tell, and say by the exit code whether all targets are kept."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=10.0, help="how long the tour is measured")
    arguments.add_argument("--warm-up", type=float, default=WARM_UP_S, help="seconds before that")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument(
        "--floor-seconds", type=float, default=FLOOR_S, help="for each of its two parts, half before and half after"
    )
    arguments.add_argument("--join", choices=("key-frame", "mid-gop"), default="key-frame", help="see rtsp_server.py")
    arguments.add_argument(
        "--warm",
        action="append",
        default=[],
        choices=tuple(BOUNDS),
        metavar="RING",
        help="kept open all the time",
    )
    options = arguments.parse_args()
    if (missing := missing_parts()) is not None:
        print(f"bench-tour: not measured: {missing}", file=sys.stderr)
        return 2
    clips, cameras = have_clips(), spots()
    with tempfile.TemporaryDirectory(prefix="bench-tour-") as name:
        folder = Path(name)
        with rtsp_server(mounts_of(cameras, clips, options.join), folder) as server:
            # Before and after: what else the machine does changes within the quarter of an hour between.
            shuffled = random.Random(1).sample(list(addresses_on(server, cameras).values()), len(cameras))
            before = floor(shuffled, FLOOR_AT_ONCE, options.floor_seconds / 2, folder)
            tour = measured_tour(server, cameras, 60 * options.minutes, options.warm_up, folder, options.warm)
            after = floor(shuffled, FLOOR_AT_ONCE, options.floor_seconds / 2, folder)
            round_times = plain_rounds(server, cameras, folder, options.rounds)
    ring_of = {camera.camera_id: camera.ring for camera in cameras}
    gaps = gaps_by_ring(tour.story.seen, ring_of, tour.begin, tour.end)
    spreads = {ring: Spread.of(values) for ring, values in gaps.items()}
    both, warm_up = before.and_then(after), WarmUp.of(tour, cameras)
    return report(
        Findings(tour, warm_up, spreads, both, round_times, options.rounds, clips, options.join, options.warm)
    ).tell()


if __name__ == "__main__":
    sys.exit(main())

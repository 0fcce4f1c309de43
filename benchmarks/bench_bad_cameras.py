"""``make bench-bad-cameras``: what bad cameras do to good ones, and what they cost.

Run 1: 476 cameras with the rings' bounds, of which some are bad in every way (``SHARES``), spread over all rings. No
healthy camera passes its bound. Healthy, as the tour promises it: answers, decodes, is itself, and sends a key frame
more often than its bound. So H.265 and streams that stop after 3 s are healthy, and a key frame every 20 s is so in the
far ring alone.

Run 2: every camera fails, in all these ways, and is tried again after 0.1 s at most: what does a failed visit leave
behind?
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from benchmarks.bad_servers import Ports, bad_servers
from benchmarks.clips import Clips, have_clips
from benchmarks.figures import Relation, Report, Spread, Table, Target, median, slope
from benchmarks.gaps import gaps_by_ring
from benchmarks.patrol_under_test import BOUNDS, Plan, RunningPatrol, Story, patrol, retries_per_s_allowed
from benchmarks.processes import Use, watched
from benchmarks.serving import Server, Spot, missing_parts, mounts_of, playing, rtsp_server, spots

PASSWORD, WRONG_PASSWORD = "viewer:right-one", "viewer:wrong-one"
WARM_UP_S = 75.0  # every camera was visited twice, and what a visit learns of its stream is known
LEAST_FAILED_VISITS, FAILING_WITHIN_S = 20_000, 900.0
MOST_MB_PER_1000 = 0.1
MOST_DESCRIPTORS_MORE, MOST_THREADS_MORE = 16.0, 4.0  # the visits under way come and go
WINDOW_S = 10.0
QUICK_BACK_OFF = {"backoff_base_s": 0.1, "backoff_cap_s": 0.1, "retries_per_s": 1000, "retries_per_host_per_s": 20}
QUICK_DEADLINE_S = 2.0


class Way(StrEnum):
    """How a camera is."""

    GOOD = "good"
    H265 = "H.265"
    STOPS = "stops after 3 s"
    SELDOM = "key frame every 20 s"
    DEAD = "refused"
    BLACK_HOLE = "accepts, says nothing"
    FULL = "answers no SYN"
    CORRUPT = "corrupt"
    LOCKED = "wrong password"
    UNKNOWN = "no such stream"


# Of each ring's cameras; what is left is good.
SHARES = {
    Way.DEAD: 0.10,
    Way.BLACK_HOLE: 0.03,
    Way.FULL: 0.02,
    Way.STOPS: 0.05,
    Way.SELDOM: 0.02,
    Way.CORRUPT: 0.01,
    Way.H265: 0.01,
    Way.LOCKED: 0.02,
}
FAILING_WAYS = (Way.DEAD, Way.BLACK_HOLE, Way.FULL, Way.SELDOM, Way.CORRUPT, Way.LOCKED, Way.UNKNOWN)
ANSWERING = frozenset({Way.GOOD, Way.H265, Way.STOPS})
SELDOM_KEY_FRAME_S = 20.0


def shared_out(cameras: Sequence[Spot], shares: Mapping[Way, float]) -> dict[str, Way]:
    """What each camera is like, by id: the share of each way in each ring, spread evenly over it."""
    ways: dict[str, Way] = {}
    for ring in dict.fromkeys(camera.ring for camera in cameras):
        members = [camera.camera_id for camera in cameras if camera.ring == ring]
        wanted = [way for way, share in shares.items() for _ in range(round(share * len(members)))]
        spread = (
            {(2 * n + 1) * len(members) // (2 * len(wanted)): way for n, way in enumerate(wanted)} if wanted else {}
        )
        ways |= {camera_id: spread.get(n, Way.GOOD) for n, camera_id in enumerate(members)}
    return ways


def is_healthy(way: Way, bound_s: float) -> bool:
    """Whether the tour's promise holds for such a camera."""
    return way in ANSWERING or (way is Way.SELDOM and bound_s > SELDOM_KEY_FRAME_S)


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers, and where each camera is."""

    server: Server
    addresses: Mapping[str, str]


@contextlib.contextmanager
def stage(cameras: Sequence[Spot], ways: Mapping[str, Way], clips: Clips, join: str, folder: Path) -> Iterator[Stage]:
    """Good and bad cameras, all of them up."""
    mounts = mounts_of(cameras, clips, join)
    for camera in cameras:
        mounts[f"/{camera.camera_id}"] |= _mount_changes(ways[camera.camera_id], clips)
    locked = folder / "locked"
    locked.mkdir()
    with (
        rtsp_server(mounts, folder) as server,
        rtsp_server(mounts, locked, PASSWORD) as locked_server,
        bad_servers() as ports,
    ):
        addresses = {c.camera_id: _address(c, ways[c.camera_id], server, locked_server, ports) for c in cameras}
        yield Stage(server, addresses)


def _mount_changes(way: Way, clips: Clips) -> dict[str, Any]:
    if way is Way.H265:
        return playing(clips, clips.h265)
    if way is Way.SELDOM:
        return playing(clips, clips.long_gop) | {"join": "mid-gop"}
    if way is Way.STOPS:
        return {"stop_after_s": 3.0}
    return {"corrupt": True} if way is Way.CORRUPT else {}


def _address(camera: Spot, way: Way, server: Server, locked_server: Server, ports: Ports) -> str:
    port = {Way.DEAD: ports.refusing, Way.BLACK_HOLE: ports.black_hole, Way.FULL: ports.full}.get(way)
    if port is not None:
        return f"rtsp://{camera.host}:{port}/{camera.camera_id}"
    if way is Way.LOCKED:
        return locked_server.address(camera, WRONG_PASSWORD)
    return server.address(camera) + ("-elsewhere" if way is Way.UNKNOWN else "")


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was measured from ``begin`` to ``end``, by the wall clock; ``looks`` and ``samples`` are of then."""

    story: Story
    begin: float
    end: float
    looks: Sequence[Use]
    samples: Sequence[Mapping[str, Any]]

    @property
    def most_failed_a_second(self) -> float:
        """Failed visits a second, in the worst ten seconds."""
        windows = Counter(
            int((at - self.begin) / WINDOW_S) for _, _, at in self.story.failed if self.begin <= at <= self.end
        )
        return max(windows.values(), default=0) / WINDOW_S

    def grown(self, what: str) -> float:
        """By how much the median of a look's figure rose from the first fifth of the looks to the last."""
        values = [getattr(look, what) for look in self.looks]
        fifth = max(1, len(values) // 5)
        return median(values[-fifth:]) - median(values[:fifth])

    @property
    def failed_visits(self) -> int:
        """How many."""
        return int(self.samples[-1]["counts"]["failures"] - self.samples[0]["counts"]["failures"])

    @property
    def mb_per_1000_failed(self) -> float:
        """By how much the memory grew over 1,000 failed visits, in the later half."""
        half = len(self.samples) // 2
        points = [(sample["counts"]["failures"], self._mb_at(sample["at"])) for sample in self.samples[half:]]
        return 1000 * slope([failures for failures, _ in points], [mb for _, mb in points])

    def _mb_at(self, at: float) -> float:
        return min(self.looks, key=lambda look: abs(look.at - at)).resident_mb


def _watched_run(plan: Plan, folder: Path, warm_up_s: float, go_on: Any) -> Run:
    """Run Patrol until ``go_on(patrol, since)`` is false, asked every second after the warm-up."""
    with patrol(plan, folder) as running, watched(running.pid) as watch:
        running.sleep_until(time.monotonic() + warm_up_s)
        begin, since = time.time(), time.monotonic()
        while go_on(running, since):
            running.sleep_until(time.monotonic() + 1.0)
        end, until = time.time(), time.monotonic()
        story = running.stop()
    return Run(story, begin, end, watch.between(since, until), story.between(since, until))


# --- run 1 --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held:
    """Gaps of the cameras that are alike. ``late``: how many of them passed their bound."""

    way: Way
    ring: str
    cameras: int
    healthy: bool
    late: int
    spread: Spread
    failures: int


def held_bounds(run: Run, cameras: Sequence[Spot], ways: Mapping[str, Way]) -> list[Held]:
    """What became of the bounds, by way and ring."""
    gaps = gaps_by_ring(run.story.seen, {c.camera_id: c.camera_id for c in cameras}, run.begin, run.end)
    failures = Counter(camera_id for camera_id, _, at in run.story.failed if run.begin <= at <= run.end)
    groups = dict.fromkeys((ways[camera.camera_id], camera.ring) for camera in cameras)
    result = []
    for way, ring in sorted(groups):
        ids = [c.camera_id for c in cameras if (ways[c.camera_id], c.ring) == (way, ring)]
        late = sum(max(gaps[camera_id]) > BOUNDS[ring] for camera_id in ids)
        spread = Spread.of([gap for camera_id in ids for gap in gaps[camera_id]])
        failed = sum(failures[camera_id] for camera_id in ids)
        result.append(Held(way, ring, len(ids), is_healthy(way, BOUNDS[ring]), late, spread, failed))
    return result


def mixed_run(
    cameras: Sequence[Spot], clips: Clips, join: str, seconds: float, warm_up_s: float, folder: Path
) -> tuple[Run, list[Held]]:
    """Run 1."""
    folder.mkdir()
    ways = shared_out(cameras, SHARES)
    with stage(cameras, ways, clips, join, folder) as there:
        plan = Plan(cameras, there.addresses)
        run = _watched_run(plan, folder / "patrol", warm_up_s, lambda _, since: time.monotonic() < since + seconds)
    return run, held_bounds(run, cameras, ways)


# --- run 2 --------------------------------------------------------------------------------------------------------


def failing_run(cameras: Sequence[Spot], clips: Clips, visits: int, warm_up_s: float, folder: Path) -> Run:
    """Run 2: until so many visits have failed."""
    folder.mkdir()
    ways = {camera.camera_id: FAILING_WAYS[camera.number % len(FAILING_WAYS)] for camera in cameras}

    def go_on(running: RunningPatrol, since: float) -> bool:
        samples = running.story_since(since)
        failed = samples[-1]["counts"]["failures"] - samples[0]["counts"]["failures"] if samples else 0
        return failed < visits and time.monotonic() < since + FAILING_WITHIN_S

    with stage(cameras, ways, clips, "key-frame", folder) as there:
        tour = QUICK_BACK_OFF | {"longest_visit_s": QUICK_DEADLINE_S}
        return _watched_run(Plan(cameras, there.addresses, tour=tour), folder / "patrol", warm_up_s, go_on)


# --- telling ------------------------------------------------------------------------------------------------------


def targets(mixed: Run, held: Sequence[Held], failing: Run, least_failed: int) -> list[Target]:
    """What bad cameras must not do."""
    late = sum(each.late for each in held if each.healthy)
    return [
        Target("healthy cameras that passed their bound", late, 0, Relation.EXACTLY),
        Target("stretch factor throughout", max(sample["stretch"] for sample in mixed.samples), 1.0, Relation.EXACTLY),
        Target("failed visits a second, in the worst 10 s", mixed.most_failed_a_second, retries_per_s_allowed()),
        Target("descriptors more at the end", mixed.grown("descriptors"), MOST_DESCRIPTORS_MORE),
        Target("threads more at the end", mixed.grown("threads"), MOST_THREADS_MORE),
        Target("all failing: visits that failed", failing.failed_visits, least_failed, Relation.AT_LEAST),
        Target("all failing: MB per 1,000 of them, later half", abs(failing.mb_per_1000_failed), MOST_MB_PER_1000),
        Target("all failing: descriptors more at the end", failing.grown("descriptors"), MOST_DESCRIPTORS_MORE),
        Target("all failing: threads more at the end", failing.grown("threads"), MOST_THREADS_MORE),
    ]


def report(mixed: Run, held: Sequence[Held], failing: Run, least_failed: int, join: str, made_of: str) -> Report:
    """Both runs, for people and for programs."""
    rows = [
        (
            f"{each.way}, {each.ring}",
            each.cameras,
            "yes" if each.healthy else "no",
            each.spread.p50,
            each.spread.p999,
            each.spread.max,
            BOUNDS[each.ring],
            each.late,
            each.failures,
        )
        for each in held
    ]
    headings = ("cameras", "", "healthy", "gap p50", "p99.9", "max", "bound", "late", "failed visits")
    healthy = [each for each in held if each.healthy]
    worst = max((each.spread.max / BOUNDS[each.ring] for each in healthy), default=float("nan"))
    summary = (
        f"{sum(each.late for each in healthy)} of {sum(each.cameras for each in healthy)} healthy cameras late"
        f" (worst gap {worst:.2f} x its bound), {mixed.most_failed_a_second:.1f} failed visits/s at most;"
        f" {failing.failed_visits} failed visits: {failing.mb_per_1000_failed:+.3f} MB per 1,000"
    )
    figures = {
        "join": join,
        "clips": made_of,
        "seconds": mixed.end - mixed.begin,
        "by_way": [
            {"way": each.way, "ring": each.ring, "cameras": each.cameras, "healthy": each.healthy, "late": each.late}
            | {"gap_p50": each.spread.p50, "gap_p999": each.spread.p999, "gap_max": each.spread.max}
            | {"failed_visits": each.failures}
            for each in held
        ],
        "mixed": _run_figures(mixed),
        "all_failing": _run_figures(failing) | {"mb_per_1000_failed": failing.mb_per_1000_failed},
    }
    runs = [(name, *_run_figures(run).values()) for name, run in (("mixed", mixed), ("all failing", failing))]
    tables = [
        Table("run 1: gaps by what cameras are like, s (the still open ones included)", headings, rows),
        Table("both runs", ("", *_run_figures(mixed)), runs),
    ]
    return Report("bad-cameras", figures, tables, targets(mixed, held, failing, least_failed), summary)


def _run_figures(run: Run) -> dict[str, Any]:
    return {
        "failed_visits": run.failed_visits,
        "most_failed_a_second": run.most_failed_a_second,
        "descriptors_most": max(look.descriptors for look in run.looks),
        "descriptors_more": run.grown("descriptors"),
        "threads_most": max(look.threads for look in run.looks),
        "threads_more": run.grown("threads"),
        "mb_begin": run.looks[0].resident_mb,
        "mb_end": run.looks[-1].resident_mb,
        "why": ", ".join(f"{why} {count}" for why, count in Counter(w for _, w, _ in run.story.failed).most_common()),
    }


def main() -> int:
    """Measure, tell, and say by the exit code whether all targets are kept."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=5.0, help="how long run 1 is measured")
    arguments.add_argument("--warm-up", type=float, default=WARM_UP_S, help="seconds before each run is")
    arguments.add_argument("--failed-visits", type=int, default=LEAST_FAILED_VISITS, help="how many run 2 waits for")
    arguments.add_argument("--join", choices=("key-frame", "mid-gop"), default="key-frame", help="see rtsp_server.py")
    options = arguments.parse_args()
    if (missing := missing_parts()) is not None:
        print(f"bench-bad-cameras: not measured: {missing}", file=sys.stderr)
        return 2
    clips, cameras = have_clips(), spots()
    with tempfile.TemporaryDirectory(prefix="bench-bad-") as name:
        folder = Path(name)
        mixed, held = mixed_run(cameras, clips, options.join, 60 * options.minutes, options.warm_up, folder / "mixed")
        failing = failing_run(cameras, clips, options.failed_visits, options.warm_up, folder / "failing")
    return report(mixed, held, failing, options.failed_visits, options.join, clips.made_of).tell()


if __name__ == "__main__":
    sys.exit(main())

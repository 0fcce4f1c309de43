"""``make bench-bad-cameras``: what bad cameras do to good ones, and what they cost.

Run 1: 476 cameras with the rings' bounds, of which some are bad in every way (``SHARES``), spread over all rings. No
healthy camera passes its bound. Healthy, as the tour promises it: answers, decodes, is itself, and sends a key frame
more often than its bound. So H.265 is healthy: it is in the list because others trip over it. So are streams that stop
after 3 s, and half of them are kept open, for a visit that opens its own stream is over long before; and a key frame
every 20 s is healthy in the far ring alone.

Reconnects are bounded twice: failed visits, and connections that were really made, as the servers of the bad cameras
counted them (those of the good ones have a server of their own). A failed visit may connect twice: what came damaged
is looked at again with more care. The worst 10 s count, wherever they begin; while everything is new, in the warm-up,
nothing is known to fail yet, so its worst are told and held against nothing.

Run 2: every camera fails, in all these ways and in some more, and is tried again after 0.1 s at most: what does a
failed visit leave behind? It lasts until 40,000 visits have failed, so that memory is told by the last 20,000, and so
long that FFmpeg, which is not asked for ten minutes once it has brought nothing three times, is asked again.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from benchmarks.bad_servers import BadServers, Ports, bad_servers
from benchmarks.clips import Clips, have_clips
from benchmarks.figures import Relation, Report, Spread, Table, Target, median, slope
from benchmarks.gaps import gaps_by_ring, most_counted_within, most_within
from benchmarks.patrol_under_test import BOUNDS, Plan, RunningPatrol, Story, patrol, retries_per_s_allowed
from benchmarks.processes import Use, watched
from benchmarks.serving import Server, Spot, missing_parts, mounts_of, playing, rtsp_server, spots

PASSWORD, WRONG_PASSWORD = "viewer:right-one", "viewer:wrong-one"
WARM_UP_S = 75.0  # every camera was visited twice, and what a visit learns of its stream is known
FAILED_VISITS, FAILING_AT_LEAST_S, FAILING_WITHIN_S = 40_000, 660.0, 900.0
MOST_MB_PER_1000 = 0.1
MOST_DESCRIPTORS_MORE, MOST_THREADS_MORE = 16.0, 4.0  # the visits under way come and go
WINDOW_S = 10.0
CONNECTIONS_A_FAILED_VISIT = 2
QUICK_BACK_OFF = {"backoff_base_s": 0.1, "backoff_cap_s": 0.1, "retries_per_s": 1000, "retries_per_host_per_s": 20}
QUICK_DEADLINE_S = 2.0


class Way(StrEnum):
    """How a camera is."""

    GOOD = "good"
    H265 = "H.265"
    STOPS = "stops after 3 s"
    STOPS_WARM = "stops after 3 s, kept open"
    SELDOM = "key frame every 20 s"
    DEAD = "refused"
    BLACK_HOLE = "accepts, says nothing"
    FULL = "answers no SYN"
    CORRUPT = "corrupt"
    LOCKED = "wrong password"
    UNKNOWN = "no such stream"
    FALLS_SILENT = "half a key frame, then silence"
    BREAKS_OFF = "half a key frame, then the end"


# Of each ring's cameras; what is left is good.
SHARES = {
    Way.DEAD: 0.10,
    Way.BLACK_HOLE: 0.03,
    Way.FULL: 0.02,
    Way.STOPS: 0.025,
    Way.STOPS_WARM: 0.025,
    Way.SELDOM: 0.02,
    Way.CORRUPT: 0.01,
    Way.H265: 0.01,
    Way.LOCKED: 0.02,
}
FAILING_WAYS = (
    Way.DEAD,
    Way.BLACK_HOLE,
    Way.FULL,
    Way.SELDOM,
    Way.CORRUPT,
    Way.LOCKED,
    Way.UNKNOWN,
    Way.FALLS_SILENT,
    Way.BREAKS_OFF,
)
ANSWERING = frozenset({Way.GOOD, Way.H265, Way.STOPS, Way.STOPS_WARM})
WITH_THE_GOOD = frozenset({Way.GOOD, Way.H265, Way.STOPS})  # on one server
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

    good: Server
    bad: Server
    locked: Server
    others: BadServers
    addresses: Mapping[str, str]

    def connected(self) -> Connections:
        """How many connections were made until now."""
        at_bad = int(self.bad.counted()["connected"] + self.locked.counted()["connected"]) + self.others.connected()
        return Connections(time.time(), int(self.good.counted()["connected"]), at_bad)


@dataclass(frozen=True, slots=True)
class Connections:
    """What the servers counted since their start, ``at`` seconds since the epoch."""

    at: float
    good: int
    bad: int


@contextlib.contextmanager
def stage(cameras: Sequence[Spot], ways: Mapping[str, Way], clips: Clips, join: str, folder: Path) -> Iterator[Stage]:
    """Good and bad cameras, all of them up."""
    mounts = mounts_of(cameras, clips, join)
    for camera in cameras:
        mounts[f"/{camera.camera_id}"] |= _mount_changes(ways[camera.camera_id], clips)
    with contextlib.ExitStack() as stack:

        def server(name: str, password: str | None = None) -> Server:
            (folder / name).mkdir()
            return stack.enter_context(rtsp_server(mounts, folder / name, password))

        good, bad, locked = server("good"), server("bad"), server("locked", PASSWORD)
        others = stack.enter_context(bad_servers())
        addresses = {}
        for camera in cameras:
            way = ways[camera.camera_id]
            playing_it = locked if way is Way.LOCKED else good if way in WITH_THE_GOOD else bad
            addresses[camera.camera_id] = _address(camera, way, playing_it, others.ports)
        yield Stage(good, bad, locked, others, addresses)


def _mount_changes(way: Way, clips: Clips) -> dict[str, Any]:
    if way is Way.H265:
        return playing(clips, clips.h265)
    if way is Way.SELDOM:
        return playing(clips, clips.long_gop) | {"join": "mid-gop"}
    if way in (Way.STOPS, Way.STOPS_WARM):
        return {"stop_after_s": 3.0}
    return {"corrupt": True} if way is Way.CORRUPT else {}


def _address(camera: Spot, way: Way, server: Server, ports: Ports) -> str:
    port = {
        Way.DEAD: ports.refusing,
        Way.BLACK_HOLE: ports.black_hole,
        Way.FULL: ports.full,
        Way.FALLS_SILENT: ports.falls_silent,
        Way.BREAKS_OFF: ports.breaks_off,
    }.get(way)
    if port is not None:
        return f"rtsp://{camera.host}:{port}/{camera.camera_id}"
    if way is Way.LOCKED:
        return server.address(camera, WRONG_PASSWORD)
    return server.address(camera) + ("-elsewhere" if way is Way.UNKNOWN else "")


@dataclass(frozen=True, slots=True)
class Worst:
    """Each a second, in the worst ten seconds: visits that failed, connections to the servers of bad and of good."""

    failed: float
    to_bad: float
    to_good: float


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was measured from ``begin`` to ``end``, by the wall clock; ``looks`` and ``samples`` are of then.

    ``connections``: from the very start, as ``story`` is.
    """

    story: Story
    begin: float
    end: float
    looks: Sequence[Use]
    samples: Sequence[Mapping[str, Any]]
    connections: Sequence[Connections] = ()

    @property
    def worst(self) -> Worst:
        """While it was measured."""
        return self._worst(self.begin, self.end)

    @property
    def worst_of_warm_up(self) -> Worst:
        """Before."""
        return self._worst(float("-inf"), self.begin)

    def _worst(self, begin: float, end: float) -> Worst:
        failed = [at for _, _, at in self.story.failed if begin <= at <= end]
        within = [each for each in self.connections if begin <= each.at <= end]
        bad, good = [(each.at, each.bad) for each in within], [(each.at, each.good) for each in within]
        return Worst(
            failed=most_within(failed, WINDOW_S) / WINDOW_S,
            to_bad=most_counted_within(bad, WINDOW_S) / WINDOW_S,
            to_good=most_counted_within(good, WINDOW_S) / WINDOW_S,
        )

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
    def later(self) -> Sequence[Mapping[str, Any]]:
        """The samples in which the later half of the visits failed."""
        half = self.samples[0]["counts"]["failures"] + self.failed_visits / 2
        begin = max(n for n, sample in enumerate(self.samples) if n == 0 or sample["counts"]["failures"] <= half)
        return self.samples[begin:]

    @property
    def failed_later(self) -> int:
        """How many visits failed in the later half: those that memory is told by."""
        return int(self.later[-1]["counts"]["failures"] - self.later[0]["counts"]["failures"])

    @property
    def left_to_ffmpeg_later(self) -> int:
        """How many of the visits in the later half were left to FFmpeg."""
        return sum(self.later[0]["now"] <= at <= self.later[-1]["now"] for _, at in self.story.fell_back)

    @property
    def mb_per_1000_failed(self) -> float:
        """By how much the memory grew over 1,000 failed visits, in the later half."""
        points = [(sample["counts"]["failures"], self._mb_at(sample["at"])) for sample in self.later]
        return 1000 * slope([failures for failures, _ in points], [mb for _, mb in points])

    def _mb_at(self, at: float) -> float:
        return min(self.looks, key=lambda look: abs(look.at - at)).resident_mb


@dataclass(slots=True)
class Census:
    """Lets a Patrol run, and asks the servers every second."""

    running: RunningPatrol
    ask: Callable[[], Connections]
    connections: list[Connections] = field(default_factory=list)

    def run_while(self, go_on: Callable[[], bool]) -> None:
        """For as long as that is so, asked every second."""
        while go_on():
            self.connections.append(self.ask())
            self.running.sleep_until(time.monotonic() + 1.0)


def _watched_run(
    plan: Plan, there: Stage, folder: Path, warm_up_s: float, go_on: Callable[[RunningPatrol, float], bool]
) -> Run:
    """Run Patrol until ``go_on(patrol, since)`` is false, asked every second after the warm-up."""
    with patrol(plan, folder) as running, watched(running.pid) as watch:
        census, since = Census(running, there.connected), time.monotonic() + warm_up_s
        census.run_while(lambda: time.monotonic() < since)
        begin, since = time.time(), time.monotonic()
        census.run_while(lambda: go_on(running, since))
        end, until = time.time(), time.monotonic()
        story = running.stop()
    looks, samples = watch.between(since, until), story.between(since, until)
    return Run(story, begin, end, looks, samples, census.connections)


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
        kept_open = {camera_id: "warm" for camera_id, way in ways.items() if way is Way.STOPS_WARM}
        plan = Plan(cameras, there.addresses, own_strategies=kept_open)

        def go_on(_running: RunningPatrol, since: float) -> bool:
            return time.monotonic() < since + seconds

        run = _watched_run(plan, there, folder / "patrol", warm_up_s, go_on)
    return run, held_bounds(run, cameras, ways)


# --- run 2 --------------------------------------------------------------------------------------------------------


def failing_run(
    cameras: Sequence[Spot], clips: Clips, visits: int, at_least_s: float, warm_up_s: float, folder: Path
) -> Run:
    """Run 2: until so many visits have failed, and for so long; but not for ever."""
    folder.mkdir()
    ways = {camera.camera_id: FAILING_WAYS[camera.number % len(FAILING_WAYS)] for camera in cameras}

    def go_on(running: RunningPatrol, since: float) -> bool:
        lasts_s = time.monotonic() - since
        if lasts_s < at_least_s:
            return True
        samples = running.story_since(since)
        failed = samples[-1]["counts"]["failures"] - samples[0]["counts"]["failures"] if samples else 0
        return failed < visits and lasts_s < FAILING_WITHIN_S

    with stage(cameras, ways, clips, "key-frame", folder) as there:
        tour = QUICK_BACK_OFF | {"longest_visit_s": QUICK_DEADLINE_S}
        plan = Plan(cameras, there.addresses, tour=tour)
        return _watched_run(plan, there, folder / "patrol", warm_up_s, go_on)


# --- telling ------------------------------------------------------------------------------------------------------


def targets(mixed: Run, held: Sequence[Held], failing: Run, failed_visits: int) -> list[Target]:
    """What bad cameras must not do. ``failed_visits``: how many run 2 waited for."""
    late = sum(each.late for each in held if each.healthy)
    retries = retries_per_s_allowed(WINDOW_S)
    return [
        Target("healthy cameras that passed their bound", late, 0, Relation.EXACTLY),
        Target("stretch factor throughout", max(sample["stretch"] for sample in mixed.samples), 1.0, Relation.EXACTLY),
        Target("failed visits a second, in the worst 10 s", mixed.worst.failed, retries),
        Target(
            "connections a second to bad cameras, in the worst 10 s",
            mixed.worst.to_bad,
            CONNECTIONS_A_FAILED_VISIT * retries,
        ),
        Target("descriptors more at the end", mixed.grown("descriptors"), MOST_DESCRIPTORS_MORE),
        Target("threads more at the end", mixed.grown("threads"), MOST_THREADS_MORE),
        Target("all failing: visits that failed", failing.failed_visits, failed_visits, Relation.AT_LEAST),
        Target("all failing: of them left to FFmpeg, later half", failing.left_to_ffmpeg_later, 1, Relation.AT_LEAST),
        Target("all failing: MB per 1,000 of them, later half", abs(failing.mb_per_1000_failed), MOST_MB_PER_1000),
        Target("all failing: descriptors more at the end", failing.grown("descriptors"), MOST_DESCRIPTORS_MORE),
        Target("all failing: threads more at the end", failing.grown("threads"), MOST_THREADS_MORE),
    ]


def report(mixed: Run, held: Sequence[Held], failing: Run, failed_visits: int, join: str, made_of: str) -> Report:
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
        f" (worst gap {worst:.2f} x its bound), at most {mixed.worst.failed:.1f} failed visits/s and"
        f" {mixed.worst.to_bad:.1f} connections/s to bad cameras; all failing: {failing.mb_per_1000_failed:+.3f} MB per"
        f" 1,000 of the last {failing.failed_later} of {failing.failed_visits} failed visits,"
        f" {failing.left_to_ffmpeg_later} of them left to FFmpeg"
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
        "all_failing": _run_figures(failing)
        | {"mb_per_1000_failed": failing.mb_per_1000_failed, "failed_later": failing.failed_later}
        | {"left_to_ffmpeg_later": failing.left_to_ffmpeg_later, "seconds": failing.end - failing.begin},
        "worst_a_second": {name: asdict(worst) for name, worst in _worsts(mixed, failing).items()},
    }
    runs = [(name, *_run_figures(run).values()) for name, run in (("mixed", mixed), ("all failing", failing))]
    tables = [
        Table("run 1: gaps by what cameras are like, s (the still open ones included)", headings, rows),
        Table(
            "a second, in the worst 10 s",
            ("", "failed visits", "connections to bad", "to good"),
            [(name, *asdict(worst).values()) for name, worst in _worsts(mixed, failing).items()],
        ),
        Table("both runs", ("", *_run_figures(mixed)), runs),
    ]
    return Report("bad-cameras", figures, tables, targets(mixed, held, failing, failed_visits), summary)


def _worsts(mixed: Run, failing: Run) -> dict[str, Worst]:
    return {
        "mixed, warm-up": mixed.worst_of_warm_up,
        "mixed": mixed.worst,
        "all failing, warm-up": failing.worst_of_warm_up,
        "all failing": failing.worst,
    }


def _run_figures(run: Run) -> dict[str, Any]:
    return {
        "failed_visits": run.failed_visits,
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
    arguments.add_argument("--failed-visits", type=int, default=FAILED_VISITS, help="how many run 2 waits for")
    arguments.add_argument(
        "--failing-seconds", type=float, default=FAILING_AT_LEAST_S, help="how long run 2 is measured at least"
    )
    arguments.add_argument("--join", choices=("key-frame", "mid-gop"), default="key-frame", help="see rtsp_server.py")
    options = arguments.parse_args()
    if (missing := missing_parts()) is not None:
        print(f"bench-bad-cameras: not measured: {missing}", file=sys.stderr)
        return 2
    clips, cameras = have_clips(), spots()
    with tempfile.TemporaryDirectory(prefix="bench-bad-") as name:
        folder = Path(name)
        mixed, held = mixed_run(cameras, clips, options.join, 60 * options.minutes, options.warm_up, folder / "mixed")
        failing = failing_run(
            cameras, clips, options.failed_visits, options.failing_seconds, options.warm_up, folder / "failing"
        )
    return report(mixed, held, failing, options.failed_visits, options.join, clips.made_of).tell()


if __name__ == "__main__":
    sys.exit(main())

"""``make bench-alerts``: somebody appears before a camera; how long until the alert is accepted?

The stage is that of ``make bench-onset``: 476 cameras toured with the rings' bounds, and at random times somebody
appears before many of them. Here the rule is an intrusion rule as it ships, but for its cool-down, which is off, so
that a camera's second onset is an alert, too. Times come from where they are kept: the alerts in the store of the
service, with when the confirming frame had gone through the detector (t2) and when the alert was accepted (t3).

Told by ring are: from the onset, and from the first key frame that shows it, to the accepted alert; from the suspicion
to the confirmation, which is what a focus is for; and how soon the clip was kept.
"""

from __future__ import annotations

import json
import math
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.bench_onset import Findings, Onset, arguments_of, performed
from benchmarks.clips import GOP_S, Clips
from benchmarks.figures import Relation, Report, Table, Target, nearest_rank
from benchmarks.patrol_under_test import BOUNDS

P90_AFTER_BOUND_S, P99_AFTER_BOUND_S = 3.0, 4.0
CONFIRMED_WITHIN_S = 3.0
CORE = "core"


def rule_as_it_ships() -> dict[str, Any]:
    """An intrusion rule with nothing set but that it never cools down."""
    from patrol.config.rule_models import IntrusionModel

    shipped = IntrusionModel(kind="intrusion", name="区域入侵", name_en="intrusion", cool_down_s=0)
    return shipped.model_dump(exclude_none=True, exclude={"hours"})


@dataclass(frozen=True, slots=True)
class Kept:
    """An alert in the store; times are seconds since the epoch.

    ``began``: its event's first frame; ``confirmed``: when the frame that confirmed it had gone through the detector.
    ``clip_after_s``: how long after its acceptance its clip was kept; infinite for one that was lost, None for none.
    """

    camera_id: str
    began: float
    confirmed: float
    accepted: float
    clip_after_s: float | None


def kept_alerts(var: Path) -> list[Kept]:
    """All alerts of a service that has stopped, from its folder, in the order of their acceptance."""
    with closing(sqlite3.connect(f"file:{var / 'patrol.db'}?mode=ro", uri=True)) as store:
        bodies = [json.loads(body) for (body,) in store.execute("select body from alerts")]
    clips = {file.stem: file.stat().st_mtime for file in (var / "evidence").rglob("*.webm")}
    return sorted((_kept(body, clips) for body in bodies), key=lambda alert: alert.accepted)


def _kept(body: Mapping[str, Any], clips: Mapping[str, float]) -> Kept:
    accepted = _seconds(body["accepted_at"])
    clip_id = body.get("clip_id")
    after_s = clips.get(clip_id, math.inf) - accepted if clip_id is not None else None
    return Kept(body["camera_id"], _seconds(body["began_at"]), _seconds(body["detected_at"]), accepted, after_s)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def first_alerts(onsets: Sequence[Onset], alerts: Sequence[Kept]) -> list[Kept | None]:
    """For each onset the first alert whose event began in a picture that was taken while somebody was there."""
    by_camera: dict[str, list[Kept]] = {}
    for alert in alerts:
        by_camera.setdefault(alert.camera_id, []).append(alert)
    return [
        next((each for each in by_camera.get(onset.camera.camera_id, ()) if _is_of(each, onset)), None)
        for onset in onsets
    ]


def _is_of(alert: Kept, onset: Onset) -> bool:
    return onset.begin <= alert.began <= onset.end + GOP_S


def unprovoked(onsets: Sequence[Onset], alerts: Sequence[Kept], since: float) -> int:
    """Alerts at cameras that had onsets, of what began when nobody was before them."""
    own: dict[str, list[Onset]] = {}
    for onset in onsets:
        own.setdefault(onset.camera.camera_id, []).append(onset)
    return sum(
        alert.camera_id in own
        and alert.began >= since
        and not any(_is_of(alert, onset) for onset in own[alert.camera_id])
        for alert in alerts
    )


@dataclass(frozen=True, slots=True)
class Delays:
    """How long something took; nearest rank, nan for no values, infinite where it never came."""

    count: int
    p50: float
    p90: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Delays:
        """Of these seconds."""
        return cls(len(values), *(nearest_rank(values, share) for share in (0.5, 0.9, 0.99, 1.0)))


@dataclass(frozen=True, slots=True)
class Told:
    """What was measured. ``alerts``: of each onset the first, None where there was none. ``stray``: see unprovoked."""

    found: Findings
    alerts: Sequence[Kept | None]
    stray: int

    @classmethod
    def of(cls, found: Findings, alerts: Sequence[Kept]) -> Told:
        """From the tour's findings and the alerts in the store."""
        began = min(onset.at for onset in found.onsets)
        return cls(found, first_alerts(found.onsets, alerts), unprovoked(found.onsets, alerts, began))

    def from_onset(self) -> dict[str, Delays]:
        """To the accepted alert, by ring."""
        pairs = zip(self.found.onsets, self.alerts, strict=True)
        return self._by_ring([alert.accepted - onset.at if alert else math.inf for onset, alert in pairs])

    def from_picture(self) -> dict[str, Delays]:
        """The same from the first key frame with somebody in it."""
        pairs = zip(self.found.onsets, self.alerts, strict=True)
        return self._by_ring([alert.accepted - onset.begin if alert else math.inf for onset, alert in pairs])

    def from_suspicion(self) -> dict[str, Delays]:
        """To the confirmation: what the focus took."""
        pairs = zip(self.found.first, self.alerts, strict=True)
        return self._by_ring([alert.confirmed - first.at if alert and first else math.inf for first, alert in pairs])

    def from_confirmation(self) -> dict[str, Delays]:
        """To the acceptance: drawing the picture, keeping it, the store."""
        return self._by_ring([alert.accepted - alert.confirmed if alert else math.inf for alert in self.alerts])

    def between_pictures(self) -> Delays:
        """From each picture of a camera to its next, from a suspicion to its confirmation, by when they were taken."""
        taken: dict[str, list[float]] = {}
        for camera_id, captured, _ in self.found.story.seen:
            taken.setdefault(camera_id, []).append(captured)
        return Delays.of(
            [
                later - earlier
                for first, alert in zip(self.found.first, self.alerts, strict=True)
                if first and alert
                for earlier, later in pairwise(sorted(taken.get(alert.camera_id, ())))
                if first.captured <= earlier and later <= alert.confirmed
            ]
        )

    @property
    def missed(self) -> int:
        """Onsets of which no alert came."""
        return sum(alert is None for alert in self.alerts)

    @property
    def clips(self) -> Delays:
        """From the acceptance to the clip, of all alerts that were to have one."""
        return Delays.of([each.clip_after_s for each in self.alerts if each and each.clip_after_s is not None])

    @property
    def without_clip(self) -> int:
        """Alerts that visits alone confirmed."""
        return sum(each is not None and each.clip_after_s is None for each in self.alerts)

    def _by_ring(self, values: Sequence[float]) -> dict[str, Delays]:
        pairs = list(zip(self.found.onsets, values, strict=True))
        return {ring: Delays.of([value for onset, value in pairs if onset.camera.ring == ring]) for ring in BOUNDS}


def targets(told: Told) -> list[Target]:
    """What is promised of an alert."""
    onset, bound_s = told.from_onset()[CORE], BOUNDS[CORE]
    return [
        Target("onset to accepted alert, p90 core, s", onset.p90, bound_s + P90_AFTER_BOUND_S),
        Target("onset to accepted alert, p99 core, s", onset.p99, bound_s + P99_AFTER_BOUND_S),
        *(
            Target(f"suspicion to confirmation, p99 {ring}, s", delays.p99, CONFIRMED_WITHIN_S)
            for ring, delays in told.from_suspicion().items()
        ),
        Target("onsets without an alert", told.missed, 0, Relation.EXACTLY),
        Target("alerts while nobody was there", told.stray, 0, Relation.EXACTLY),
        Target("stretch factor throughout", told.found.stretch, 1.0, Relation.EXACTLY),
    ]


def report(told: Told, made_of: str, join: str) -> Report:
    """All of it, for people and for programs."""
    ways = {
        "onset to accepted alert": told.from_onset(),
        "first key frame with somebody in it to accepted alert": told.from_picture(),
        "suspicion to confirmation": told.from_suspicion(),
        "confirmation to acceptance": told.from_confirmation(),
    }
    clips, pictures = told.clips, told.between_pictures()
    besides = [
        ("onsets without an alert", told.missed),
        ("alerts while nobody was there", told.stray),
        ("from picture to picture of a suspicion, s, p50", pictures.p50),
        ("from picture to picture of a suspicion, s, p90", pictures.p90),
        ("alerts that visits alone confirmed: no clip", told.without_clip),
        ("clips", clips.count),
        ("acceptance to clip, s, p50", clips.p50),
        ("acceptance to clip, s, p99", clips.p99),
        ("largest stretch", told.found.stretch),
        ("processor-ms a visit, Patrol's own process", told.found.ms_per_visit),
    ]
    return Report(
        "alerts",
        {
            "join": join,
            "clips": made_of,
            "precision": told.found.story.precision,
            "rule": rule_as_it_ships(),
            "onsets": len(told.alerts),
            "missed": told.missed,
            "seconds": {way: {ring: asdict(each) for ring, each in by.items()} for way, by in ways.items()},
            "from_picture_to_picture_s": asdict(pictures),
            "clip_after_s": asdict(clips),
            "without_clip": told.without_clip,
            "alerts_while_nobody_was_there": told.stray,
            "stretch": told.found.stretch,
            "processor_ms_per_visit": told.found.ms_per_visit,
        },
        [*(_table(f"from {way}, s", by) for way, by in ways.items()), Table("besides", ("", ""), besides)],
        targets(told),
        _summary(told),
    )


def _table(title: str, delays: Mapping[str, Delays]) -> Table:
    rows = [(ring, each.count, each.p50, each.p90, each.p99, each.max, BOUNDS[ring]) for ring, each in delays.items()]
    return Table(title, ("ring", "onsets", "p50", "p90", "p99", "max", "bound"), rows)


def _summary(told: Told) -> str:
    onset, focus = told.from_onset(), told.from_suspicion()
    accepted = ", ".join(f"{ring} {each.p50:.1f}/{each.p90:.1f}/{each.p99:.1f} s" for ring, each in onset.items())
    confirmed = ", ".join(f"{ring} {each.p50:.1f}/{each.p99:.1f} s" for ring, each in focus.items())
    return (
        f"{len(told.alerts)} onsets, {told.missed} without an alert; onset to accepted alert p50/p90/p99 {accepted};"
        f" suspicion to confirmation p50/p99 {confirmed}"
    )


def main() -> int:
    """Measure, tell, and say by the exit code whether all targets are kept."""
    options = arguments_of(__doc__).parse_args()

    def report_of(found: Findings, clips: Clips, folder: Path) -> Report:
        return report(Told.of(found, kept_alerts(folder / "onset" / "var")), clips.made_of, options.join)

    return performed("bench-alerts", options, report_of, rule=rule_as_it_ships())


if __name__ == "__main__":
    sys.exit(main())

"""How every camera stands, for people who look after them: what the tour says of it, and what technicians were told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from patrol.domain.camera import Camera, CameraId
from patrol.domain.incidents import ClockName, Incident, IncidentId
from patrol.domain.room import CameraStatus, TourStatus
from patrol.domain.troubles import Trouble


class CameraHealth(StrEnum):
    """A camera's state in one word: the first of these that holds."""

    UNKNOWN = "unknown"  # no tour reports
    SKIPPED = "skipped"  # a person has the tour leave it out
    TROUBLED = "troubled"  # technicians were told of it, or its pictures show nothing
    LATE = "late"  # unseen for longer than its bound, as it is stretched
    FAILING = "failing"  # its last visit failed
    NEVER = "never"  # not seen yet since the tour began
    OK = "ok"


class SourceKind(StrEnum):
    """What kind of address a camera has; never the address itself, which may hold a password."""

    RTSP = "rtsp"
    HTTP = "http"
    FILE = "file"
    SYNTHETIC = "synthetic"
    OTHER = "other"


_SCHEMES = {
    "rtsp": SourceKind.RTSP,
    "rtsps": SourceKind.RTSP,
    "http": SourceKind.HTTP,
    "https": SourceKind.HTTP,
    "file": SourceKind.FILE,
    "synthetic": SourceKind.SYNTHETIC,
}


@dataclass(frozen=True, slots=True)
class CameraTrouble:
    """One trouble of a camera, of the maintenance incident that tells of it. ``detail``: a closed word, or nothing."""

    incident_id: IncidentId
    trouble: Trouble
    detail: str
    since: datetime
    returned_at: datetime | None
    unsteady: bool


@dataclass(frozen=True, slots=True)
class Worst:
    """How long a camera was unseen at most in some time, and its bound then; seconds."""

    blind_age_s: float
    bound_s: float

    @property
    def share(self) -> float:
        """Of the bound: above 1 it was passed."""
        return self.blind_age_s / self.bound_s


@dataclass(frozen=True, slots=True)
class CameraOverview:
    """One camera now. ``blind_age_s``: None until it is seen, or while no tour reports; ``stretch``: None likewise.

    ``troubles``: those that last. ``worst``: of the last day, relative to its bound; None where nobody remembers.
    """

    camera: Camera
    health: CameraHealth
    blind_age_s: float | None
    bound_s: float
    stretch: float | None
    failing: str | None
    people: int | None
    skipped_until: datetime | None
    troubles: tuple[CameraTrouble, ...]
    worst: Worst | None = None


def source_kind(camera: Camera) -> SourceKind:
    """What kind of address it has."""
    return _SCHEMES.get(camera.stream.scheme, SourceKind.OTHER)


def overviews(
    cameras: Iterable[Camera],
    tour: TourStatus | None,
    troubles: Mapping[CameraId, Sequence[CameraTrouble]],
    worst: Mapping[CameraId, Worst],
) -> tuple[CameraOverview, ...]:
    """Every camera, in the order given."""
    statuses = {status.id: status for status in tour.cameras} if tour is not None else {}
    skipped = {skip.id: skip.until for skip in (tour.skipped or ())} if tour is not None else {}
    stretch = tour.stretch if tour is not None else None
    return tuple(
        _overview(
            camera,
            statuses.get(camera.id),
            stretch,
            skipped.get(camera.id),
            tuple(each for each in troubles.get(camera.id, ()) if each.returned_at is None),
            worst.get(camera.id),
        )
        for camera in cameras
    )


def _overview(
    camera: Camera,
    status: CameraStatus | None,
    stretch: float | None,
    skipped_until: datetime | None,
    troubles: tuple[CameraTrouble, ...],
    worst: Worst | None,
) -> CameraOverview:
    if status is None:
        status = CameraStatus(camera.id, None, None, None)
        stretch = None
    bound_s = status.bound_s or camera.revisit_bound_s
    is_troubled = bool(troubles) or status.blinded is not None
    health = _health(status, bound_s, stretch, is_skipped=skipped_until is not None, is_troubled=is_troubled)
    return CameraOverview(
        camera,
        health,
        status.blind_age_s,
        bound_s,
        stretch,
        status.failing,
        status.people,
        skipped_until,
        troubles,
        worst,
    )


def _health(
    status: CameraStatus, bound_s: float, stretch: float | None, *, is_skipped: bool, is_troubled: bool
) -> CameraHealth:
    age_s = status.blind_age_s
    if stretch is None:
        return CameraHealth.UNKNOWN
    if is_skipped:
        return CameraHealth.SKIPPED
    if is_troubled:
        return CameraHealth.TROUBLED
    if age_s is not None and age_s > bound_s * stretch:
        return CameraHealth.LATE
    if status.failing is not None:
        return CameraHealth.FAILING
    return CameraHealth.NEVER if age_s is None else CameraHealth.OK


def troubles_of(incidents: Iterable[Incident]) -> dict[CameraId, list[CameraTrouble]]:
    """Of each camera, what incidents of the class maintenance tell of it: what lasts first, then the newest.

    What belongs to a closed incident lasts no longer than that.
    """
    found: defaultdict[CameraId, list[CameraTrouble]] = defaultdict(list)
    for incident in incidents:
        if incident.maintenance is None:
            continue
        for each in incident.maintenance.cameras:
            ended = each.returned_at or _closed_at(incident)
            trouble = CameraTrouble(incident.id, each.trouble, each.detail, each.since, ended, each.unsteady)
            found[each.id].append(trouble)
    for camera_troubles in found.values():
        camera_troubles.sort(key=lambda each: each.since, reverse=True)
        camera_troubles.sort(key=lambda each: each.returned_at is not None)
    return dict(found)


def _closed_at(incident: Incident) -> datetime | None:
    stamp = None if incident.is_open else incident.clocks.get(ClockName.CLOSED)
    return stamp.at if stamp is not None else None

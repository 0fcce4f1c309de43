"""How a camera stands, in one word, and what technicians were told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from patrol.domain.camera import CameraId, StreamAddress
from patrol.domain.camera_overview import CameraHealth, SourceKind, Worst, overviews, source_kind, troubles_of
from patrol.domain.incidents import Cause, ClockName, Incident, IncidentState, Maintenance, TroubledCamera
from patrol.domain.room import CameraStatus, SkippedCamera, TourStatus
from patrol.domain.troubles import Trouble
from tests.builders import NOON, at, camera, maintenance_incident

ONE = CameraId("C-1")


def tour(status: CameraStatus, *, stretch: float = 1.0, skipped_until: datetime | None = None) -> TourStatus:
    skipped = (SkippedCamera(ONE, skipped_until, "wang", "works"),) if skipped_until else ()
    return TourStatus(NOON, stretch, 43.0, (), (status,), (), 0, 0, 0, skipped=skipped)


def told_of(trouble: Trouble, since: datetime, returned_at: datetime | None = None) -> Incident:
    camera = TroubledCamera(ONE, trouble, "", since, returned_at)
    return maintenance_incident(maintenance=Maintenance(Cause.CAMERA, "", trouble, (camera,)))


SEEN = CameraStatus(ONE, 4.0, None, 2)


@pytest.mark.parametrize(
    ("told", "health"),
    [
        (tour(SEEN), CameraHealth.OK),
        (tour(replace(SEEN, blind_age_s=5.1)), CameraHealth.LATE),
        (tour(replace(SEEN, blind_age_s=5.1, failing="busy")), CameraHealth.LATE),
        (tour(replace(SEEN, blind_age_s=5.1), stretch=1.2), CameraHealth.OK),
        (tour(replace(SEEN, blind_age_s=5.1, bound_s=15.0)), CameraHealth.OK),
        (tour(replace(SEEN, failing="timed_out")), CameraHealth.FAILING),
        (tour(replace(SEEN, blinded=Trouble.COVERED)), CameraHealth.TROUBLED),
        (tour(replace(SEEN, blind_age_s=None)), CameraHealth.NEVER),
        (tour(replace(SEEN, blind_age_s=99.0), skipped_until=at(60)), CameraHealth.SKIPPED),
        (tour(replace(SEEN, id=CameraId("C-2"))), CameraHealth.UNKNOWN),
        (None, CameraHealth.UNKNOWN),
    ],
)
def test_a_camera_stands_as_the_tour_says(told: TourStatus | None, health: CameraHealth) -> None:
    (found,) = overviews([camera()], told, {}, {ONE: Worst(6.0, 5.0)})
    assert found.health is health
    assert found.worst == Worst(6.0, 5.0)
    assert (found.stretch is None) is (health is CameraHealth.UNKNOWN)


def test_what_technicians_were_told_goes_before_what_the_tour_says_and_ends_with_its_camera() -> None:
    lasting = told_of(Trouble.FROZEN, at(-60))
    (found,) = overviews([camera()], tour(SEEN), troubles_of([lasting]), {})
    assert found.health is CameraHealth.TROUBLED
    assert [(one.trouble, one.since, one.returned_at) for one in found.troubles] == [(Trouble.FROZEN, at(-60), None)]
    over = told_of(Trouble.FROZEN, at(-60), at(-9))
    (found,) = overviews([camera()], tour(SEEN), troubles_of([over]), {})
    assert found.health is CameraHealth.OK
    assert found.troubles == ()


def test_what_lasts_comes_first_and_a_closed_incident_ends_what_it_told_of() -> None:
    old = told_of(Trouble.BLACK, at(-500))
    new = told_of(Trouble.MOVED, at(-90))
    closed = new.to(IncidentState.CLOSED).stamped(ClockName.CLOSED, at(-30), "wang")
    found = troubles_of([closed, old])[ONE]
    assert [(one.trouble, one.returned_at) for one in found] == [(Trouble.BLACK, None), (Trouble.MOVED, at(-30))]


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("rtsps://u:p@10.0.0.1/1", SourceKind.RTSP),
        ("https://u:p@10.0.0.1/1.jpg", SourceKind.HTTP),
        ("file:///x.mp4", SourceKind.FILE),
        ("synthetic:1", SourceKind.SYNTHETIC),
        ("p@ss:word", SourceKind.OTHER),
    ],
)
def test_of_an_address_only_its_kind_is_told(address: str, kind: SourceKind) -> None:
    assert source_kind(camera(stream=StreamAddress(address))) is kind

"""What the file says of the tour and of the detector."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from patrol.config.settings import DetectorSettings, Precision, SiteKind
from patrol.config.values import (
    BOUND,
    NAME,
    NAME_EN,
    Edge,
    Host,
    Id,
    Name,
    Number,
    PerSecond,
    Seconds,
    SecondsFromZero,
    Share,
    WholeNumber,
    WindowModel,
)
from patrol.domain.camera import RingName
from patrol.domain.visits import TourSettings

TOUR = TourSettings()
DETECTOR = DetectorSettings()


class ScheduleModel(Edge):
    """Hours in which cameras must be seen sooner, or may be seen later, than at other times."""

    name: Name = Field(description=NAME)
    name_en: Name | None = Field(default=None, description=NAME_EN)
    revisit_bound_s: Seconds = Field(description=BOUND + ", in these hours")
    windows: Annotated[list[WindowModel], Field(min_length=1, max_length=16)] = Field(description="when")
    rings: Annotated[list[RingName], Field(max_length=3)] = Field(default=[], description="the cameras of these rings")
    sites: Annotated[list[Name], Field(max_length=1_000)] = Field(
        default=[], description="the cameras of these sites, by name or name_en"
    )
    site_kinds: Annotated[list[SiteKind], Field(max_length=16)] = Field(
        default=[], description="the cameras of all sites of these kinds"
    )
    cameras: Annotated[list[Id], Field(max_length=10_000)] = Field(default=[], description="these cameras, by id")


class HostModel(Edge):
    """What one host bears."""

    sessions: Annotated[WholeNumber, Field(ge=1, le=512)] = Field(description="sessions at once on this host")


class TourModel(Edge):
    """How the tour works."""

    workers: Annotated[WholeNumber, Field(ge=1, le=4096)] = Field(
        default=TOUR.workers, description="visits of cameras that are due, at the same time"
    )
    visit_deadline_s: Seconds = Field(
        default=TOUR.visit_deadline_s,
        description="what every visit is given; a camera that answers within it is seen within its bound; seconds",
    )
    longest_visit_s: Seconds = Field(
        default=TOUR.longest_visit_s, description="what a visit of a camera that was slow lately is given, seconds"
    )
    lead_s: SecondsFromZero = Field(
        default=TOUR.lead_s,
        description="added to the time before its bound at which a camera becomes due, for a busy machine, seconds",
    )
    sessions_per_host: Annotated[WholeNumber, Field(ge=1, le=512)] = Field(
        default=TOUR.sessions_per_host, description="sessions at once on one host, such as a recorder"
    )
    hosts: Annotated[dict[Host, HostModel], Field(max_length=10_000)] = Field(
        default={}, description="hosts that bear another number of sessions: host: {sessions: 8}"
    )
    warm_sessions: Annotated[WholeNumber, Field(ge=0, le=4096)] = Field(
        default=TOUR.warm_sessions, description="streams kept open at most"
    )
    focus_at_once: Annotated[WholeNumber, Field(ge=1, le=512)] = Field(
        default=TOUR.focus_at_once,
        description="looks for focus under way at the same time, until the detector is through with them",
    )
    opens_per_s: PerSecond = Field(
        default=TOUR.opens_per_s, description="sessions begun a second while the tour is behind"
    )
    retries_per_s: PerSecond = Field(
        default=TOUR.retries_per_s, description="tries a second of cameras that failed last time"
    )
    retries_per_host_per_s: PerSecond = Field(default=TOUR.retries_per_host_per_s, description="of them on one host")
    backoff_base_s: Seconds = Field(default=TOUR.backoff_base_s, description="a failing camera's first wait, seconds")
    backoff_cap_s: Seconds = Field(default=TOUR.backoff_cap_s, description="a failing camera's longest wait, seconds")


class DetectorModel(Edge):
    """How people are found in pictures."""

    model: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        default=DETECTOR.model, description="the model's name"
    )
    input_px: Annotated[
        list[Annotated[WholeNumber, Field(ge=32, le=4096, multiple_of=32)]], Field(min_length=2, max_length=2)
    ] = Field(default=list(DETECTOR.input_px), description="[width, height] that the model sees, multiples of 32")
    min_confidence: Share = Field(default=DETECTOR.min_confidence, description="what the model must be sure of, 0..1")
    precision: Precision = Field(default=DETECTOR.precision, description="auto, f32, bf16 or int8")
    batch: Annotated[WholeNumber, Field(ge=1, le=256)] = Field(
        default=DETECTOR.batch, description="frames per call at most"
    )
    close_after_s: Annotated[Number, Field(ge=0, le=10)] = Field(
        default=DETECTOR.close_after_s, description="how long a batch waits for more frames, seconds"
    )
    look_every: Annotated[WholeNumber, Field(ge=1, le=100)] = Field(
        default=DETECTOR.look_every,
        description="of so many visits to an idle scene at least one goes through the model; 1: all do",
    )
    density_model: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        default=DETECTOR.density_model or "none",
        description="the model that counts people who hide each other, where it is installed; none: nothing does",
    )

"""The shape of the file, as pydantic sees it. Nothing outside this package touches these models.

Every field's description is the editor's help, and the "expected ..." of an error about it.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, model_validator

from patrol.config.camera_models import CameraModel, SiteModel, TemplateModel
from patrol.config.dispatch_models import DispatchModel, PositionsModel, TravelModel, UnitModel
from patrol.config.incident_models import LevelsModel, MergingModel
from patrol.config.map_models import MapModel
from patrol.config.rule_models import RuleModel
from patrol.config.settings import USUAL_SPOOL_BYTES, USUAL_TIMEZONE, WebSettings
from patrol.config.tour_models import DetectorModel, ScheduleModel, TourModel
from patrol.config.values import (
    AT,
    BOUND,
    NAME,
    NAME_EN,
    At,
    Edge,
    Host,
    Id,
    Name,
    Number,
    Seconds,
    WholeNumber,
)
from patrol.domain.live import LiveSettings
from patrol.domain.retention import EvidenceClass, Retention
from patrol.domain.storage import FreeFloor

WEB = WebSettings()
RETENTION = Retention()
FLOOR = FreeFloor()
LIVE = LiveSettings()
GB = 10**9


class StationModel(Edge):
    """The police station whose command room this is."""

    name: Name = Field(description=NAME)
    name_en: Name | None = Field(default=None, description=NAME_EN)
    at: At = Field(description=AT + ", the centre of the rings")
    timezone: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        default=USUAL_TIMEZONE, description="the time zone in which schedules are meant, as in Asia/Shanghai"
    )


class RingModel(Edge):
    """A ring's promises."""

    revisit_bound_s: Seconds = Field(description=BOUND)
    response_target_s: Seconds = Field(description="how soon the first unit is on scene, seconds")
    accept_within_s: Seconds = Field(
        description="after how long an order nobody accepted goes to the next unit, seconds"
    )
    out_to_m: Annotated[Number, Field(gt=0)] | None = Field(
        default=None,
        description="how far from the station the ring reaches, metres; cameras beyond it are warned about",
    )


class RingsModel(Edge):
    """The three rings, from the inside out."""

    core: RingModel = Field(description="the inner ring")
    periphery: RingModel = Field(description="the ring around it")
    far: RingModel = Field(description="the outer ring, to the edge of the area")


KeepDays = Annotated[Number, Field(gt=0, le=36_500)]


def _keep(what: str, name: EvidenceClass) -> Any:
    return Field(default=RETENTION.keep[name] / timedelta(days=1), description=f"days for {what}")


class KeepDaysModel(Edge):
    """How long evidence is kept, by class."""

    red: KeepDays = _keep("that of red alerts", EvidenceClass.RED)
    yellow: KeepDays = _keep("that of yellow alerts", EvidenceClass.YELLOW)
    blue: KeepDays = _keep("that of blue alerts", EvidenceClass.BLUE)
    green: KeepDays = _keep("that of green alerts", EvidenceClass.GREEN)
    maintenance: KeepDays = _keep("that of maintenance", EvidenceClass.MAINTENANCE)
    simulated: KeepDays = _keep("that of drills and simulated cameras", EvidenceClass.SIMULATED)


class StorageModel(Edge):
    """What is kept on disk."""

    evidence_quota_gb: Annotated[Number, Field(gt=0, le=1_000_000)] = Field(
        default=RETENTION.quota_bytes / GB, description="pictures and clips of alerts at most, 10^9 bytes"
    )
    keep_days: KeepDaysModel = Field(
        default=KeepDaysModel(), description="how long pictures and clips are kept, by class"
    )
    free_floor_percent: Annotated[Number, Field(ge=0, le=90)] = Field(
        default=FLOOR.share * 100, description="of each disk so much is to stay free, percent; below it people are told"
    )
    free_floor_gb: Annotated[Number, Field(ge=0, le=1_000_000)] = Field(
        default=FLOOR.size / GB, description="and so much, 10^9 bytes"
    )
    spool_gb: Annotated[Number, Field(gt=0, le=1_000)] = Field(
        default=USUAL_SPOOL_BYTES / GB,
        description="alerts that wait on the local disk while the database takes none at most, 10^9 bytes",
    )


WebFile = Annotated[str, Field(min_length=1, max_length=4_096)]


class WebModel(Edge):
    """Where the console listens."""

    host: Name = Field(default=WEB.host, description="an address of this machine")
    port: Annotated[WholeNumber, Field(ge=1, le=65_535)] = Field(default=WEB.port, description="a port, 1..65535")
    hosts: Annotated[list[Host], Field(max_length=64)] = Field(
        default=[], description="names with a dot under which the console may be opened; addresses always may"
    )
    certificate: WebFile | None = Field(default=None, description="for HTTPS: a PEM file with the certificate's chain")
    key: WebFile | None = Field(default=None, description="for HTTPS: a PEM file with the certificate's key")
    plain_http: bool = Field(
        default=WEB.plain_http,
        description="true: people sign in over plain HTTP from elsewhere, too; only where nobody else is on the way",
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> WebModel:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("has one of certificate and key; expected both or none")
        return self


class LiveModel(Edge):
    """Who may look at cameras live, all at once."""

    peers: Annotated[WholeNumber, Field(ge=0, le=256)] = Field(
        default=LIVE.peers, description="live views at once, in all; 0: none, stills only"
    )
    peers_of_one: Annotated[WholeNumber, Field(ge=1, le=256)] = Field(
        default=LIVE.peers_of_one, description="live views at once with one sign-in"
    )
    encodings: Annotated[WholeNumber, Field(ge=0, le=64)] = Field(
        default=LIVE.encodings, description="streams at once that have to be encoded here; each takes much of a core"
    )


class FileModel(Edge):
    """A Patrol configuration."""

    station: StationModel = Field(description="the police station: name, name_en, at")
    rings: RingsModel = Field(description="the rings core, periphery and far")
    rules: Annotated[
        dict[Id, Annotated[RuleModel, Field(discriminator="kind")]], Field(min_length=1, max_length=64)
    ] = Field(description="the rules, by id")
    levels: LevelsModel = Field(description="how urgent what is where: by_kind, otherwise")
    templates: Annotated[dict[Id, TemplateModel], Field(max_length=64)] = Field(
        default={}, description="templates, by name"
    )
    sites: Annotated[list[SiteModel], Field(max_length=10_000)] = Field(
        default=[], description="places with their cameras"
    )
    cameras: Annotated[list[CameraModel], Field(max_length=10_000)] = Field(
        default=[], description="cameras outside of sites"
    )
    units: Annotated[list[UnitModel], Field(min_length=1, max_length=1_000)] = Field(description="who can be sent")
    schedules: Annotated[dict[Id, ScheduleModel], Field(max_length=32)] = Field(
        default={}, description="hours with other revisit bounds, by id"
    )
    tour: TourModel = Field(default=TourModel(), description="how the tour works")
    detector: DetectorModel = Field(default=DetectorModel(), description="how people are found in pictures")
    storage: StorageModel = Field(default=StorageModel(), description="what is kept on disk")
    merging: MergingModel = Field(default=MergingModel(), description="when what several cameras see is one incident")
    dispatch: DispatchModel = Field(
        default=DispatchModel(), description="who is sent, what waits for people's word, what is late, who is told"
    )
    travel: TravelModel = Field(default=TravelModel(), description="how long units take from place to place")
    positions: PositionsModel = Field(
        default=PositionsModel(), description="how old units' positions may be, and how near is on scene"
    )
    map: MapModel = Field(default=MapModel(), description="what lies under the map's marks: base, tiles or pmtiles")
    web: WebModel = Field(default=WebModel(), description="where the console listens")
    live: LiveModel = Field(default=LiveModel(), description="who may look at cameras live, all at once")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a configuration file, for editors."""
    schema = FileModel.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_without_titles(schema)}


def schema_text() -> str:
    """`json_schema` as the text of ``configs/cameras.schema.json``."""
    return json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n"


def _without_titles(node: Any) -> Any:
    """Drops the titles that pydantic makes of field names: editors show the name already, beside the help."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: _without_titles(value) for key, value in node.items() if key != "title" or not isinstance(value, str)}

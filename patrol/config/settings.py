"""What a configuration is once it has been read: frozen values that the rest of Patrol is handed one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from patrol.domain.board import Sending
from patrol.domain.camera import Camera, CameraId, Place, Ring, RingName
from patrol.domain.closeness import MergePolicy
from patrol.domain.errors import ConfigProblem
from patrol.domain.escalating import FollowUpPolicy
from patrol.domain.events import Level
from patrol.domain.fixes import FixSettings
from patrol.domain.levels import LevelPolicy
from patrol.domain.live import LiveSettings
from patrol.domain.map_settings import NO_MAP, MapSettings
from patrol.domain.retention import Retention
from patrol.domain.rules import Rule
from patrol.domain.storage import FreeFloor
from patrol.domain.travel_settings import TravelSettings
from patrol.domain.units import Unit
from patrol.domain.visits import TourSettings
from patrol.domain.zones import RuleId

USUAL_SPOOL_BYTES = 10**9  # some 5,000 alerts with their pictures
USUAL_TIMEZONE = "Asia/Shanghai"


class Precision(StrEnum):
    """The arithmetic of the detector; ``auto`` takes the fastest that the processor and the model file offer."""

    AUTO = "auto"
    F32 = "f32"
    BF16 = "bf16"
    INT8 = "int8"


class SiteKind(StrEnum):
    """What kind of place a group of cameras guards."""

    CONTROLLED_PLACE = "controlled_place"
    KEY_SITE = "key_site"
    SCHOOL = "school"
    STREET = "street"
    SQUARE = "square"
    POLICE_ROOM = "police_room"
    ENTRANCE = "entrance"


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """How people are found in pictures.

    ``input_px``: (width, height) that the model sees, multiples of 32. ``batch``: frames per call at most;
    ``close_after_s``: how long a batch waits for more frames before it goes as it is (see docs/adr/012).
    ``look_every``: of so many visits to an idle scene at least one goes through the model; 1: all do.
    ``density_model``: what counts people who hide each other, where it is installed; None: nothing does.
    """

    model: str = "yolov8n"
    input_px: tuple[int, int] = (640, 384)
    min_confidence: float = 0.35
    precision: Precision = Precision.AUTO
    batch: int = 16
    close_after_s: float = 0.2
    look_every: int = 1
    density_model: str | None = "mcnn-a"

    @property
    def finer_px(self) -> tuple[int, int]:
        """(width, height) of a look that is twice as fine: four times the work."""
        return 2 * self.input_px[0], 2 * self.input_px[1]


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where the console listens.

    ``hosts``: names with a dot under which it may be opened, besides addresses and names without one. ``certificate``,
    ``key``: files for HTTPS, both or none. ``plain_http``: people sign in over plain HTTP from elsewhere, too.
    """

    host: str = "127.0.0.1"
    port: int = 8476
    hosts: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    plain_http: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """A named place with its cameras, as the file groups them."""

    name: str
    name_en: str
    kind: SiteKind
    cameras: tuple[CameraId, ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything the file says, checked.

    ``template_of``: the template each camera was made from, where it has one. ``timezone``: the station's own time, in
    which schedules are meant. ``sessions_of_host``: hosts, by name without port, that bear another number of sessions
    than ``tour.sessions_per_host``. ``spool_bytes``: alerts that wait for the store on the local disk, at most;
    ``merging``: when what several cameras see is one incident; ``sending``: who is sent, and what waits for people's
    word; ``second_person``: which levels it takes two people to close; ``follow_up``: when what is late, and who is
    told; ``travel``: what says how long ways take; ``positions``: which positions of units are believed, and for how
    long; ``live``: how many may look at cameras live; ``map``: what lies under the map's marks; ``written_rules``: the
    rules as the file writes them; ``warnings``: what is allowed and still looks like a mistake; they carry no secrets.
    """

    station: str
    station_en: str
    centre: Place
    rings: Mapping[RingName, Ring]
    rules: Mapping[RuleId, Rule]
    levels: LevelPolicy
    cameras: tuple[Camera, ...]
    units: tuple[Unit, ...]
    tour: TourSettings
    detector: DetectorSettings
    web: WebSettings
    live: LiveSettings = field(default_factory=LiveSettings)
    map: MapSettings = NO_MAP
    sites: tuple[Site, ...] = ()
    retention: Retention = field(default_factory=Retention)
    spool_bytes: int = USUAL_SPOOL_BYTES
    free_floor: FreeFloor = field(default_factory=FreeFloor)
    merging: MergePolicy = field(default_factory=MergePolicy)
    sending: Sending = field(default_factory=Sending)
    follow_up: FollowUpPolicy = field(default_factory=FollowUpPolicy)
    travel: TravelSettings = field(default_factory=TravelSettings)
    second_person: frozenset[Level] = frozenset()
    positions: FixSettings = field(default_factory=FixSettings)
    template_of: Mapping[CameraId, str] = field(default_factory=dict)
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo(USUAL_TIMEZONE))
    sessions_of_host: Mapping[str, int] = field(default_factory=dict)
    written_rules: Mapping[RuleId, Mapping[str, object]] = field(default_factory=dict)
    warnings: tuple[ConfigProblem, ...] = ()

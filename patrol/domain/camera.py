"""Cameras, rings and places."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

from patrol.domain.ground import GroundPlane
from patrol.domain.schedules import ScheduledBound
from patrol.domain.vocabulary import CameraId as CameraId
from patrol.domain.vocabulary import Place as Place
from patrol.domain.vocabulary import RingName as RingName
from patrol.domain.zones import Polygon, Zone


@dataclass(frozen=True, slots=True)
class Ring:
    """A ring's two promises: how soon a camera is seen again, how soon a unit is on scene; all in seconds.

    ``accept_within_s``: an order that no unit accepted for that long goes to the next best unit.
    """

    name: RingName
    revisit_bound_s: float
    response_target_s: float
    accept_within_s: float


class StreamAddress:
    """Where a camera's pictures come from. Shows itself only without user, password and query."""

    __slots__ = ("_address",)

    def __init__(self, address: str) -> None:
        self._address = address

    def reveal(self) -> str:
        """The address with its credentials, for the one call that opens it."""
        return self._address

    @property
    def scheme(self) -> str:
        """``rtsp``, ``http``, ``file``, ``synthetic`` ..., lower case."""
        return urlsplit(self._address).scheme.lower()

    @property
    def host(self) -> str:
        """Host and port; empty for files."""
        parts = urlsplit(self._address)
        return parts.netloc.rpartition("@")[2]

    @property
    def host_name(self) -> str:
        """The host without its port: channels of one recorder share it. Empty for files."""
        return urlsplit(self._address).hostname or ""

    def __str__(self) -> str:
        parts = urlsplit(self._address)
        netloc = parts.netloc.rpartition("@")[2]
        hidden = f"***@{netloc}" if "@" in parts.netloc else netloc
        return urlunsplit((parts.scheme, hidden, parts.path, "***" if parts.query else "", ""))

    def __repr__(self) -> str:
        return f"StreamAddress({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StreamAddress) and other._address == self._address

    def __hash__(self) -> int:
        return hash(self._address)


class Strategy(StrEnum):
    """How a camera is looked at."""

    AUTO = "auto"  # whichever of the others measures best
    COLD = "cold"  # open, take the first key frame, tear down
    WARM = "warm"  # kept open; the newest key frame is decoded on a visit
    SNAPSHOT = "snapshot"  # a JPEG over HTTP


@dataclass(frozen=True, slots=True)
class Camera:
    """One video source.

    ``heading_deg``: where it looks, clockwise from north; ``view_deg``: its horizontal angle of view.
    ``revisit_bound_s``: its own bound, already resolved (the ring's unless the camera overrides it); ``bounds``: other
    bounds by the hour. ``snapshot``: where still pictures can be had, if not from ``stream`` itself.
    ``masks``: polygons, as shares of the picture, that are blackened before anything sees it.
    ``ground``: from its picture to metres on the ground; None where it is not calibrated.
    ``shared_view``: other cameras show the same place in the same way, so that its pictures being like theirs is no
    sign of a mix-up. ``simulated``: its pictures are made up (the demo); shown wherever its alerts are. ``fine``:
    every visit looks twice as finely. ``site_en``: the site's English name; empty where it has none of its own.
    ``group``: with which others people look at it on the tour wall; empty: with none.
    """

    id: CameraId
    name: str
    name_en: str
    site: str
    ring: RingName
    revisit_bound_s: float
    place: Place
    heading_deg: float
    view_deg: float
    stream: StreamAddress
    zones: tuple[Zone, ...] = ()
    simulated: bool = False
    strategy: Strategy = Strategy.AUTO
    snapshot: StreamAddress | None = None
    masks: tuple[Polygon, ...] = ()
    bounds: tuple[ScheduledBound, ...] = ()
    shared_view: bool = False
    ground: GroundPlane | None = None
    fine: bool = False
    site_en: str = ""
    group: str = ""

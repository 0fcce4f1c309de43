"""The district under the sample's cameras: streets, buildings, a river and parks, made up to fit where those stand.

``python -m patrol.demo.district`` writes configs/district.geojson anew: the same each time, from the sites of the
sample. Nothing here is surveyed, and nothing is anybody's data.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import shapely
from shapely import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from patrol.config import Configuration, load
from patrol.config.settings import Site, SiteKind
from patrol.domain.map_settings import BaseKind
from patrol.domain.vocabulary import EARTH_RADIUS_M, Place

SAMPLE = Path("configs/cameras.yaml")
WRITTEN_TO = Path("configs/district.geojson")

SEED = 20261123
REACH_M = 2400.0
CALM_M = 520.0  # streets are straight so far out, and bend a little beyond
BEND_M = 16.0
DIGITS = 6

At = tuple[float, float]
"""(east, north) of the station, metres."""


@dataclass(frozen=True, slots=True)
class Street:
    """``begins``, ``ends``: along its axis; ``at``: on the other one. ``is_upright``: it runs from south to north."""

    name: str
    name_en: str
    at: float
    begins: float
    ends: float
    size: str
    is_upright: bool


def _upright(name: str, name_en: str, at: float, begins: float, ends: float, size: str = "street") -> Street:
    return Street(name, name_en, at, begins, ends, size, is_upright=True)


def _across(name: str, name_en: str, at: float, begins: float, ends: float, size: str = "street") -> Street:
    return Street(name, name_en, at, begins, ends, size, is_upright=False)


# Those of the inner rings stand where the sample's cameras stand along them; the others keep clear of its sites.
STREETS = (
    _upright("西环路", "West Ring Road", -1650, -1540, 1640, "main"),
    _upright("凤栖路", "Fengqi Road", -1180, -1540, 2000),
    _upright("白水路", "Baishui Road", -880, -1950, 1640),
    _upright("府西路", "Fuxi Road", -152, -1540, 1640),
    _upright("泽州路", "Zezhou Road", 125, -2400, 2400, "main"),
    _upright("物贸东路", "Wumao East Road", 344, -970, 1010),
    _upright("丹水路", "Danshui Road", 660, -1540, 1640),
    _upright("新泽路", "Xinze Road", 1080, -1950, 1640),
    _upright("泽园路", "Zeyuan Road", 1480, -1275, 1640),
    _upright("东环路", "East Ring Road", 1850, -1540, 1290, "main"),
    _across("北苑街", "Beiyuan Street", 2000, -1180, 125),
    _across("北环路", "North Ring Road", 1640, -1650, 1480, "main"),
    _across("金匮街", "Jingui Street", 1290, -1180, 1850),
    _across("丹河街", "Danhe Street", 1010, -1650, 1850),
    _across("晨光街", "Chenguang Street", 700, -1650, 1480),
    _across("电视台北街", "Dianshitai North Street", 286, -880, 1080),
    _across("府后街", "Fuhou Street", 105, -1650, 2400, "main"),
    _across("府前街", "Fuqian Street", -128, -2400, 1850, "main"),
    _across("会堂南街", "Huitang South Street", -298, -880, 1080),
    _across("档案馆街", "Archives Street", -549, -1650, 1850),
    _across("法院街", "Courthouse Street", -970, -1650, 1480),
    _across("南苑街", "Nanyuan Street", -1275, -1180, 1480),
    _across("南环路", "South Ring Road", -1540, -1650, 1850, "main"),
    _across("水厂街", "Waterworks Street", -1950, -880, 1080),
)
SLIP = ("东北连接线", "North-east Link", ((1480.0, 1520.0), (1560.0, 1600.0), (1900.0, 2050.0)))
LANE = ("物贸步行街", "Wumao Shopping Lane", ((286.0, -298.0), (280.0, -200.0)))
WALK = ("滨河步道", "Riverside Walk", ((-402.0, -549.0), (-402.0, 700.0)))
WIDE_M = {"main": 26.0, "street": 16.0, "lane": 7.0}

DANHE: tuple[At, ...] = (
    (-380, 2450),
    (-430, 1700),
    (-485, 1200),
    (-458, 700),
    (-446, 250),
    (-446, -250),
    (-505, -450),
    (-548, -800),
    (-562, -1120),
    (-610, -1700),
    (-560, -2450),
)
BAISHUI: tuple[At, ...] = (
    (-1480, 2350),
    (-1270, 1500),
    (-1090, 900),
    (-980, 420),
    (-860, -150),
    (-650, -500),
    (-602, -850),
    (-562, -1120),
)
# Corners, south-west and north-east.
PARKS = (
    ("市民公园", "Citizens' Park", (-388, 121), (-168, 272)),
    ("凤鸣体育公园", "Fengming Sports Park", (-1440, -1230), (-1230, -1000)),
    ("丹河湿地公园", "Danhe Wetland Park", (-440, 1310), (-180, 1620)),
    ("新泽公园", "Xinze Park", (840, 320), (1060, 560)),
    ("泽园", "Zeyuan Garden", (1120, -520), (1330, -320)),
    ("南苑公园", "Nanyuan Park", (420, -1250), (630, -1000)),
    ("白水绿地", "Baishui Green", (-1150, 730), (-1000, 990)),
)
COMMUNITIES = (
    ("凤栖社区", "Fengqi", (-640, 850)),
    ("丹水社区", "Danshui", (880, 860)),
    ("晨晖社区", "Chenhui", (-760, -760)),
    ("泽园社区", "Zeyuan", (1280, -760)),
    ("北苑", "Beiyuan", (400, 1460)),
    ("南苑", "Nanyuan", (-20, -1120)),
)


def district(configuration: Configuration) -> dict[str, Any]:
    """The base map as a GeoJSON FeatureCollection in WGS-84."""
    ground = _Ground(configuration.centre)
    places = {camera.id: ground.metres(camera.place) for camera in configuration.cameras}
    sites = [(site, [places[camera] for camera in site.cameras]) for site in configuration.sites]
    water = [_river(DANHE, 25.0), _river(BAISHUI, 11.0)]
    parks = [shapely.box(*south_west, *north_east) for _, _, south_west, north_east in PARKS]
    streets = [(street.name, street.name_en, street.size, _line(street)) for street in STREETS]
    streets.append((SLIP[0], SLIP[1], "main", LineString(SLIP[2])))
    streets += [(*named, "lane", LineString(points)) for *named, points in (LANE, WALK)]
    own = [(site, shape) for site, at in sites if (shape := _footprint(site, at)) is not None]
    taken = shapely.union_all(
        [
            *water,
            *parks,
            *(line.buffer(WIDE_M[size] / 2 + 7) for _, _, size, line in streets),
            *(shape.buffer(12) for _, shape in own),
            *(Point(at).buffer(9) for at in places.values()),
            *(shapely.box(*at) for at in ((-85, -112, 85, 66), (178, -202, 300, -90), (-334, -240, -255, -172))),
        ]
    )
    features = [
        *_of_shapes(ground, zip(("丹河", "白水"), ("Danhe", "Baishui"), water, strict=True), BaseKind.WATER),
        *_of_shapes(
            ground, ((name, en, shape) for (name, en, *_), shape in zip(PARKS, parks, strict=True)), BaseKind.GREEN
        ),
        *(_feature(ground, BaseKind.ROADS, line, name, en, size) for name, en, size, line in streets),
        *(_feature(ground, BaseKind.BUILDINGS, block) for block in _blocks(taken)),
        *(_feature(ground, BaseKind.BUILDINGS, shape) for _, shape in own),
        *(_feature(ground, BaseKind.PLACES, Point(at), name, en, "main") for name, en, at in COMMUNITIES),
        *(
            _feature(ground, BaseKind.PLACES, _middle(at), site.name, site.name_en, "street")
            for site, at in sites
            if site.kind in {SiteKind.CONTROLLED_PLACE, SiteKind.KEY_SITE, SiteKind.SCHOOL}
        ),
    ]
    return {"type": "FeatureCollection", "features": features}


@dataclass(frozen=True, slots=True)
class _Ground:
    """Metres around a place, and back."""

    centre: Place

    @property
    def _degree_m(self) -> At:
        north = math.radians(1) * EARTH_RADIUS_M
        return north * math.cos(math.radians(self.centre.latitude)), north

    def metres(self, place: Place) -> At:
        east, north = self._degree_m
        return (place.longitude - self.centre.longitude) * east, (place.latitude - self.centre.latitude) * north

    def degrees(self, shape: BaseGeometry) -> BaseGeometry:
        east, north = self._degree_m
        at = self.centre.longitude, self.centre.latitude
        return shapely.transform(shape, lambda points: points / (east, north) + at)


def _feature(
    ground: _Ground, kind: BaseKind, shape: BaseGeometry, name: str = "", name_en: str = "", size: str = ""
) -> dict[str, Any]:
    told = {"kind": kind.value, "name": name, "name_en": name_en, "size": size}
    geometry = json.loads(shapely.to_geojson(ground.degrees(shape)))
    geometry["coordinates"] = _rounded(geometry["coordinates"])
    properties = {key: value for key, value in told.items() if value}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _of_shapes(
    ground: _Ground, named: Iterable[tuple[str, str, BaseGeometry]], kind: BaseKind
) -> Iterator[dict[str, Any]]:
    return (_feature(ground, kind, shape, name, en) for name, en, shape in named)


def _rounded(value: Any) -> Any:
    return [_rounded(each) for each in value] if isinstance(value, list) else round(value, DIGITS)


def _line(street: Street) -> LineString:
    """Straight near the station; beyond it a street follows the land."""
    steps = max(2, round((street.ends - street.begins) / 120))
    along = [street.begins + (street.ends - street.begins) * step / steps for step in range(steps + 1)]
    return LineString([_bent((street.at, each) if street.is_upright else (each, street.at)) for each in along])


def _bent(at: At) -> At:
    east, north = at
    share = min(1.0, max(0.0, math.hypot(east, north) - CALM_M) / 900)
    return (
        round(east + BEND_M * share * math.sin(north / 410 + 0.7), 1),
        round(north + BEND_M * share * math.sin(east / 460 + 2.1), 1),
    )


def _river(points: Sequence[At], half_m: float) -> BaseGeometry:
    """A river along these points, its bends rounded."""
    for _ in range(3):  # each corner is cut, a quarter of the way before and behind it
        cut = [points[0]]
        for (x, y), (to_x, to_y) in pairwise(points):
            cut += [(0.75 * x + 0.25 * to_x, 0.75 * y + 0.25 * to_y), (0.25 * x + 0.75 * to_x, 0.25 * y + 0.75 * to_y)]
        points = [*cut, points[-1]]
    return LineString(points).buffer(half_m).simplify(1.0)


def _middle(at: Sequence[At]) -> Point:
    return shapely.MultiPoint(at).envelope.centroid


def _footprint(site: Site, at: Sequence[At]) -> BaseGeometry | None:
    """The building that a site's cameras look at."""
    if site.name == "政府大楼":
        return shapely.union_all(
            [shapely.box(-46, 8, 46, 34), shapely.box(-46, -20, -28, 8), shapely.box(28, -20, 46, 8)]
        )
    if site.name == "泽州会堂":
        return Polygon([(-48, -268), (28, -268), (28, -228), (16, -216), (-36, -216), (-48, -228)])
    if site.name == "广播电视台":
        return shapely.union_all([shapely.box(203, 125, 262, 141), shapely.box(222, 141, 246, 155)])
    if site.name == "物贸广场":
        return shapely.union_all([shapely.box(200, -194, 228, -148), shapely.box(262, -194, 294, -172)])
    if site.kind not in {SiteKind.KEY_SITE, SiteKind.SCHOOL, SiteKind.POLICE_ROOM} or site.name.endswith("桥"):
        return None
    if site.name == "凤鸣体育场":
        return Point(_middle(at)).buffer(34, quad_segs=6).difference(Point(_middle(at)).buffer(20, quad_segs=6))
    centre, half = _middle(at), 14.0 if len(at) < 4 else 22.0
    return shapely.box(centre.x - half, centre.y - half * 0.6, centre.x + half, centre.y + half * 0.6)


def _blocks(taken: BaseGeometry) -> Iterator[BaseGeometry]:
    """The buildings between the streets, a block's together."""
    chance = random.Random(SEED)
    columns = sorted({-2050.0, 2150.0, *(street.at for street in STREETS if street.is_upright)})
    rows = sorted({-2200.0, 2250.0, *(street.at for street in STREETS if not street.is_upright)})
    shapely.prepare(taken)
    for west, east in pairwise(columns):
        for south, north in pairwise(rows):
            built = [shape for shape in _built(west, south, east, north, chance) if not taken.intersects(shape)]
            if built:
                yield shapely.MultiPolygon(built)


def _built(west: float, south: float, east: float, north: float, chance: random.Random) -> Iterator[Polygon]:
    """Rows of houses, or larger buildings; fewer the farther out, and none beyond the district."""
    out = math.hypot((west + east) / 2, (south + north) / 2) / REACH_M
    long, deep, gap = chance.choice(((46.0, 13.0, 21.0), (62.0, 14.0, 24.0), (34.0, 26.0, 16.0), (28.0, 12.0, 17.0)))
    keeps = 0.92 - 0.55 * max(0.0, out - 0.25)
    y = south + 24
    while y + deep < north - 18:
        x = west + 22 + chance.random() * 10
        while x + long < east - 18:
            width = long * (0.75 + 0.5 * chance.random())
            if chance.random() < keeps and math.hypot(x, y) < REACH_M - 130:
                yield Polygon([_bent(each) for each in ((x, y), (x + width, y), (x + width, y + deep), (x, y + deep))])
            x += width + gap * (0.5 + chance.random())
        y += deep + gap


def written() -> str:
    """The file's text, a feature a line."""
    features = district(load(SAMPLE, {}, variables_required=False))["features"]
    lines = ",\n".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in features)
    return f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'


if __name__ == "__main__":
    WRITTEN_TO.write_text(written(), encoding="utf-8")

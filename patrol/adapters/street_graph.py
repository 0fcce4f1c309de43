"""Travel times over the streets of a file.

A place belongs to the street that is nearest to it; from the one to the other the straight line counts, made longer by
the detour factor, and along the street its metres, in the directions that are open. From crossing to crossing a search
runs backwards from a destination, and so serves everybody who may go there.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from patrol.adapters.street_files import Street, read_streets
from patrol.domain.units import TravelMode
from patrol.domain.vocabulary import EARTH_RADIUS_M, Place
from patrol.domain.ways import DETOUR_FACTOR, Fallback, Start, TravelTable, WaySource

SPACING_M = 10.0  # between the points by which the street that is nearest to a place is found
AT_CROSSING_M = 15.0  # as near to a crossing, one may be in any of its streets: positions are no better
FARTHEST_M = 20_000.0  # a way is not looked for any farther: nobody is sent who takes half an hour
NO_STREET_NEAR_M = 500.0  # farther from every street than this, the file does not know the place
SHORTEST_M = 0.01  # scipy takes a way of no length for none
CACHED_BYTES = 64 * 2**20
FEWEST_CACHED = 8

# Who may not go where, by OpenStreetMap's words. On foot and on scooters nobody goes on motorways; cars need a road.
_MOTORWAY = frozenset({"motorway", "motorway_link"})
_INDOORS = frozenset({"steps", "corridor", "elevator", "platform", "via_ferrata"})
_CLOSED = {
    TravelMode.FOOT: _MOTORWAY,
    TravelMode.SCOOTER: _MOTORWAY | _INDOORS,
    TravelMode.CAR: _INDOORS | {"footway", "pedestrian", "path", "cycleway", "bridleway"},
}
_IGNORE_ONEWAY = frozenset({TravelMode.FOOT})

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]
"""(crossings,) metres from each crossing to one of them; infinite where there is no way."""


class StreetGraph:
    """Who can get where, and how far it is, on foot, by scooter and by car."""

    def __init__(self, streets: Iterable[Street], detour: float = DETOUR_FACTOR) -> None:
        """Takes a second or so for a district. ``detour``: of the stretches between a place and its street."""
        streets = list(streets)
        self._flat = _Flat.around(streets)
        self._networks = {mode: _Network(mode, _open_to(mode, streets), self._flat) for mode in _CLOSED}
        self._detour = detour
        self._searched = _Searched(max(network.crossings for network in self._networks.values()))
        self._one_at_a_time = threading.Lock()

    @classmethod
    def read(cls, path: Path, detour: float = DETOUR_FACTOR) -> StreetGraph:
        """From a file. Blocks for seconds. Raises InputError."""
        return cls(read_streets(path), detour)

    async def table(self, starts: Sequence[Start], destinations: Sequence[Place]) -> TravelTable:
        """See TravelTimes. Searches in a thread."""
        return await asyncio.to_thread(self._table, tuple(starts), tuple(destinations))

    def _table(self, starts: tuple[Start, ...], destinations: tuple[Place, ...]) -> TravelTable:
        rows: dict[int, tuple[float | None, ...]] = {}
        with self._one_at_a_time:  # a thread goes on when whoever waits for it has given up
            for mode in TravelMode:
                of_mode = [index for index, start in enumerate(starts) if start.mode is mode]
                found = self._metres(mode, [starts[index].place for index in of_mode], destinations)
                for index, metres in zip(of_mode, found, strict=True):
                    rows[index] = _seconds(metres, starts[index].speed_m_s)
        seconds = tuple(rows[index] for index in range(len(starts)))
        return TravelTable(WaySource.GRAPH, seconds, (Fallback.NO_WAY,) * len(starts))

    def _metres(self, mode: TravelMode, places: Sequence[Place], destinations: Sequence[Place]) -> Floats:
        """(starts, destinations) metres; infinite where there is no way."""
        if mode is TravelMode.DRONE or not places or not destinations:
            flown = [place.distance_m(destination) for place in places for destination in destinations]
            return np.array(flown, np.float64).reshape(len(places), len(destinations))
        network = self._networks[mode]
        begins, ends = self._flat.of(places), self._flat.of(destinations)
        here, there = network.nearest(begins), network.nearest(ends)
        on_streets = np.minimum(self._over_crossings(network, here, there), network.along_one_street(here, there))
        off_streets = here.off_m[:, None] + there.off_m[None, :]
        ways = on_streets + off_streets * self._detour
        # Two who are nearer to each other than to any street are in one square or yard, and need no street.
        direct = np.hypot(begins[:, 0, None] - ends[None, :, 0], begins[:, 1, None] - ends[None, :, 1])
        together = np.isfinite(off_streets) & (direct <= off_streets)
        return np.where(together, np.minimum(ways, direct * self._detour), ways)

    def _over_crossings(self, network: _Network, here: _Spots, there: _Spots) -> Floats:
        """(starts, destinations) metres by way of at least one crossing."""
        (leave_m, leave_by), (arrive_m, arrive_by) = network.leaving(here), network.arriving(there)
        found = np.full((len(here.off_m), len(there.off_m)), np.inf)
        for column in range(len(there.off_m)):
            for last_m, crossing in zip(arrive_m[column], arrive_by[column], strict=True):
                if math.isfinite(last_m):
                    field = self._field(network, int(crossing))
                    ways = (leave_m + field[leave_by]).min(axis=1) + last_m
                    found[:, column] = np.minimum(found[:, column], ways)
        return found

    def _field(self, network: _Network, crossing: int) -> Field:
        return self._searched.get((network.mode, crossing), lambda: network.metres_to(crossing))


def _seconds(metres: Floats, speed_m_s: float) -> tuple[float | None, ...]:
    return tuple(float(way) / speed_m_s if math.isfinite(way) else None for way in metres)


@dataclass(frozen=True, slots=True)
class _Flat:
    """Degrees as metres east and north, true to a thousandth within some twenty kilometres of one latitude."""

    latitude: float

    @classmethod
    def around(cls, streets: Sequence[Street]) -> _Flat:
        return cls(sum(street.points[0][1] for street in streets) / len(streets) if streets else 0.0)

    def __call__(self, points: Sequence[tuple[float, float]]) -> Floats:
        """(n, 2) metres of longitudes and latitudes."""
        degree_m = math.radians(EARTH_RADIUS_M)
        scale = (degree_m * math.cos(math.radians(self.latitude)), degree_m)
        return np.array(points, np.float64).reshape(-1, 2) * scale

    def of(self, places: Sequence[Place]) -> Floats:
        return self([(place.longitude, place.latitude) for place in places])


def _open_to(mode: TravelMode, streets: Iterable[Street]) -> list[Street]:
    """Where this kind of traffic may go."""
    return [street for street in streets if not street.highway & _CLOSED[mode]]


@dataclass(frozen=True, slots=True)
class _Spots:
    """Where places are in the streets, each: in which street, how far along it, and how far off it. Metres.

    ``off_m`` is infinite for a place that is near no street.
    """

    street: Whole
    along_m: Floats
    off_m: Floats


class _Network:
    """The streets of one kind of traffic."""

    def __init__(self, mode: TravelMode, streets: Sequence[Street], flat: _Flat) -> None:
        self.mode = mode
        numbers: dict[Hashable, int] = {}
        for street in streets:
            for crossing in (street.begins, street.ends):
                numbers.setdefault(crossing, len(numbers))
        self.crossings = len(numbers)
        self._begins = np.array([numbers[street.begins] for street in streets], np.int64)
        self._ends = np.array([numbers[street.ends] for street in streets], np.int64)
        self._length_m = np.array([street.length_m for street in streets], np.float64)
        free = mode in _IGNORE_ONEWAY
        self._forth = np.array([street.forth or free for street in streets], bool)
        self._back = np.array([street.back or free for street in streets], bool)
        self._against: Any = self._backwards() if streets else None
        self._points, self._street, self._along_m = _known_points(streets, flat)
        self._tree: Any = cKDTree(self._points) if streets else None

    def nearest(self, places: Floats) -> _Spots:
        """Where they are."""
        if self._tree is None:
            none = np.zeros(len(places), np.int64)
            return _Spots(none, np.zeros(len(places)), np.full(len(places), np.inf))
        off_m, point = self._tree.query(places)
        along_m = self._along_m[point]
        for neighbour in (point - 1, point + 1):
            off_m, along_m = self._between(places, point, neighbour, (off_m, along_m))
        return _Spots(self._street[point], along_m, np.where(off_m <= NO_STREET_NEAR_M, off_m, np.inf))

    def _between(
        self, places: Floats, point: Whole, neighbour: Whole, known: tuple[Floats, Floats]
    ) -> tuple[Floats, Floats]:
        """(off, along) in metres on the line to the next point of the same street, where that is nearer than known."""
        neighbour = neighbour.clip(0, len(self._points) - 1)
        line = self._points[neighbour] - self._points[point]
        square = np.maximum((line**2).sum(axis=1), SHORTEST_M**2)
        share = (((places - self._points[point]) * line).sum(axis=1) / square).clip(0.0, 1.0)
        off_m = np.hypot(*(places - self._points[point] - line * share[:, None]).T)
        along_m = self._along_m[point] + (self._along_m[neighbour] - self._along_m[point]) * share
        nearer = (self._street[neighbour] == self._street[point]) & (off_m < known[0])
        return np.where(nearer, off_m, known[0]), np.where(nearer, along_m, known[1])

    def leaving(self, spots: _Spots) -> tuple[Floats, Whole]:
        """(n, 2) metres to the crossings at either end of one's street, infinite where that way is closed; which."""
        return self._to_either_end(spots, to_begin=self._back, to_end=self._forth)

    def arriving(self, spots: _Spots) -> tuple[Floats, Whole]:
        """(n, 2) metres from the crossings at either end of one's street."""
        return self._to_either_end(spots, to_begin=self._forth, to_end=self._back)

    def along_one_street(self, here: _Spots, there: _Spots) -> Floats:
        """(starts, destinations) metres between two in one street, as far as its direction allows; else infinite."""
        on_m = there.along_m[None, :] - here.along_m[:, None]
        same = here.street[:, None] == there.street[None, :]
        if self._tree is None:
            return np.full(on_m.shape, np.inf)
        is_open = np.where(on_m >= 0, self._forth[here.street][:, None], self._back[here.street][:, None])
        return np.where(same & (is_open | (on_m == 0)), np.abs(on_m), np.inf)

    def metres_to(self, crossing: int) -> Field:
        """From every crossing to this one; no farther than anybody is sent."""
        found = dijkstra(self._against, directed=True, indices=crossing, limit=FARTHEST_M)
        return np.asarray(found, np.float32)

    def _to_either_end(self, spots: _Spots, to_begin: Flags, to_end: Flags) -> tuple[Floats, Whole]:
        if self._tree is None:
            return np.full((len(spots.off_m), 2), np.inf), np.zeros((len(spots.off_m), 2), np.int64)
        street, begin_m = spots.street, spots.along_m
        end_m = self._length_m[street] - begin_m
        begin_m = np.where(to_begin[street] | (begin_m <= AT_CROSSING_M), begin_m, np.inf)
        end_m = np.where(to_end[street] | (end_m <= AT_CROSSING_M), end_m, np.inf)
        far = ~np.isfinite(spots.off_m)
        metres = np.where(far[:, None], np.inf, np.stack([begin_m, end_m], axis=1))
        return metres, np.stack([self._begins[street], self._ends[street]], axis=1)

    def _backwards(self) -> Any:
        """All streets as a matrix, from where they lead to where they come from."""
        begins = np.concatenate([self._begins[self._forth], self._ends[self._back]])
        ends = np.concatenate([self._ends[self._forth], self._begins[self._back]])
        metres = np.concatenate([self._length_m[self._forth], self._length_m[self._back]])
        order = np.lexsort((metres, begins, ends))  # of several streets between the same crossings the shortest counts
        begins, ends, metres = begins[order], ends[order], metres[order]
        first = np.ones(len(order), bool)
        first[1:] = (begins[1:] != begins[:-1]) | (ends[1:] != ends[:-1])
        against = (ends[first].astype(np.int32), begins[first].astype(np.int32))
        return csr_array((np.maximum(metres[first], SHORTEST_M), against), shape=(self.crossings, self.crossings))


def _known_points(streets: Sequence[Street], flat: _Flat) -> tuple[Floats, Whole, Floats]:
    """Points of all streets, some metres apart: where each is, in which street, and how far along it, metres.

    A street's length is spread over its line, which is a little shorter where it was simplified.
    """
    if not streets:
        return np.empty((0, 2)), np.empty(0, np.int64), np.empty(0)
    found = [_known_points_of(street, flat(street.points)) for street in streets]
    counts = [len(points) for points, _ in found]
    return (
        np.concatenate([points for points, _ in found]),
        np.repeat(np.arange(len(streets)), counts),
        np.concatenate([along_m for _, along_m in found]),
    )


def _known_points_of(street: Street, line: Floats) -> tuple[Floats, Floats]:
    drawn_m = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    count = max(1, math.ceil(max(street.length_m, drawn_m[-1]) / SPACING_M)) + 1
    at_m = np.linspace(0.0, drawn_m[-1], count)
    points = np.stack([np.interp(at_m, drawn_m, line[:, axis]) for axis in (0, 1)], axis=1)
    return points, np.linspace(0.0, street.length_m, count)


class _Searched:
    """The searches made last; the one that was wanted longest ago goes when there is no room for another."""

    def __init__(self, crossings: int) -> None:
        self._most = max(FEWEST_CACHED, CACHED_BYTES // (4 * max(1, crossings)))
        self._kept: OrderedDict[tuple[TravelMode, int], Field] = OrderedDict()

    def get(self, key: tuple[TravelMode, int], search: Callable[[], Field]) -> Field:
        """What was found before, or is now."""
        found = self._kept.pop(key, None)
        if found is None:
            found = search()
        self._kept[key] = found
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return found

"""The sample that is shipped: what it promises at its top and in the documents."""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from datetime import datetime
from random import Random

import pytest
from shapely import Polygon

from patrol.config import Configuration, SiteKind, load
from patrol.config.measuring import ASSUMED_COST_MS, ASSUMED_VISIT_S
from patrol.domain.admission import admission, bounds_at, times_that_differ
from patrol.domain.camera import Camera, RingName
from patrol.domain.events import Kind, Level
from patrol.domain.schedules import ScheduledBound, bound_at
from patrol.domain.sessions import host_demands, total_demand
from patrol.domain.tour import Tour
from patrol.domain.units import Unit, UnitKind
from patrol.domain.zones import RuleId
from tests.config.files import CREDENTIALS, SAMPLE

CORE_PLACES = {"Government Building", "Zezhou Hall", "Radio and Television Station", "Wumao Plaza"}
STREETS_ARE_NOT_STRAIGHT = 1.3
ACCEPTED_AFTER_S = 5


@pytest.fixture(scope="module")
def sample() -> Configuration:
    return load(SAMPLE, CREDENTIALS)


def test_it_has_no_warnings(sample: Configuration) -> None:
    assert sample.warnings == ()


def test_it_loads_well_under_a_second() -> None:
    began = time.process_time()
    load(SAMPLE, CREDENTIALS)

    assert time.process_time() - began < 1


def test_476_cameras_in_three_rings(sample: Configuration) -> None:
    assert Counter(camera.ring for camera in sample.cameras) == {
        RingName.CORE: 64, RingName.PERIPHERY: 200, RingName.FAR: 212,
    }  # fmt: skip
    assert len({camera.id for camera in sample.cameras}) == 476
    assert len({camera.name for camera in sample.cameras}) == 476
    assert len({camera.name_en for camera in sample.cameras}) == 476


def test_key_sites_schools_and_police_rooms(sample: Configuration) -> None:
    kinds = Counter(site.kind for site in sample.sites)

    assert (kinds[SiteKind.KEY_SITE], kinds[SiteKind.SCHOOL], kinds[SiteKind.POLICE_ROOM]) == (32, 7, 4)
    assert {site.name_en for site in sample.sites if site.kind is SiteKind.CONTROLLED_PLACE} == CORE_PLACES
    assert sum("Zezhou Road" in site.name_en for site in sample.sites) == 3, "north, central and south section"


def test_the_rings_promise_what_the_documents_say(sample: Configuration) -> None:
    promises = {
        name: (ring.revisit_bound_s, ring.response_target_s, ring.accept_within_s)
        for name, ring in sample.rings.items()
    }

    assert promises == {
        RingName.CORE: (5, 60, 10), RingName.PERIPHERY: (15, 180, 20), RingName.FAR: (30, 300, 30),
    }  # fmt: skip
    assert all(camera.revisit_bound_s == sample.rings[camera.ring].revisit_bound_s for camera in sample.cameras)


def test_periphery_ends_at_500_m_and_far_begins_there(sample: Configuration) -> None:
    distances = {name: [] for name in RingName}  # type: dict[RingName, list[float]]
    for camera in sample.cameras:
        distances[camera.ring].append(sample.centre.distance_m(camera.place))

    assert max(distances[RingName.CORE]) < 400
    assert 450 < max(distances[RingName.PERIPHERY]) <= 500 < min(distances[RingName.FAR])
    assert 1500 < max(distances[RingName.FAR]) <= 2500


def test_the_rules_and_levels(sample: Configuration) -> None:
    crowd, intrusion = sample.rules[RuleId("crowd")], sample.rules[RuleId("intrusion")]

    assert (crowd.condition.at_least, crowd.for_s, crowd.clear_after_s, crowd.cool_down_s) == (5, 3, 12, 120)
    assert (intrusion.condition.at_least, intrusion.for_s, intrusion.clear_after_s, intrusion.cool_down_s) == (
        1,
        1,
        10,
        120,
    )
    assert [sample.levels.level_of(Kind.CROWD, ring) for ring in RingName] == [Level.RED, Level.YELLOW, Level.BLUE]
    assert [sample.levels.level_of(Kind.INTRUSION, ring) for ring in RingName] == [
        Level.RED, Level.YELLOW, Level.YELLOW,
    ]  # fmt: skip
    assert sample.levels.level_of(Kind.FALL, RingName.CORE) is Level.GREEN


def test_what_raises_levels_and_who_closes_what_is_red(sample: Configuration) -> None:
    school_hours, large = sample.levels.raises
    schools = {site.name for site in sample.sites if site.kind is SiteKind.SCHOOL}
    assert (school_hours.to, school_hours.sites) == (Level.YELLOW, schools)
    assert (large.to, large.count) == (Level.RED, 40)
    assert sample.second_person == {Level.RED}


def test_every_camera_watches_something_that_its_template_promises(sample: Configuration) -> None:
    kinds: dict[str, set[Kind]] = {}
    for camera in sample.cameras:
        seen = {sample.rules[rule].kind for zone in camera.zones for rule in zone.rules}
        kinds.setdefault(sample.template_of[camera.id], set()).update(seen)

    assert all(camera.zones for camera in sample.cameras)
    assert kinds == {
        "square": {Kind.CROWD},
        "gate": {Kind.CROWD, Kind.INTRUSION},
        "street": {Kind.CROWD},
        "school": {Kind.CROWD},
        "restricted": {Kind.INTRUSION},
    }


def test_every_address_is_private_distinct_and_takes_its_credentials_from_the_environment(
    sample: Configuration,
) -> None:
    hosts = [camera.stream.host.rpartition(":")[0] for camera in sample.cameras]

    assert all(ipaddress.ip_address(host) in ipaddress.ip_network("10.0.0.0/8") for host in hosts)
    assert len({camera.stream for camera in sample.cameras}) == 476
    assert all(camera.stream.reveal().startswith("rtsp://patrol:canary-3f9a@10.") for camera in sample.cameras)
    assert "canary-3f9a" not in SAMPLE.read_text(encoding="utf-8")


def test_schools_markets_and_an_assembly_are_seen_more_often_at_their_hours(sample: Configuration) -> None:
    kinds = {camera: site.kind for site in sample.sites for camera in site.cameras}
    concerned = {bound.name_en: [c for c in sample.cameras if bound in c.bounds] for bound in scheduled(sample)}
    school, market, assembly = (concerned[name] for name in ("School hours", "Market days", "New Year assembly"))

    assert {camera.id for camera in school} == {camera for camera, kind in kinds.items() if kind is SiteKind.SCHOOL}
    assert {camera.site for camera in market} == {"新泽农贸市场", "城北农贸市场"}
    assert {camera.ring for camera in assembly} == {RingName.CORE, RingName.PERIPHERY}
    assert bound_of(school[0], "2026-11-23T07:30") == 10, "a Monday"
    assert bound_of(school[0], "2026-11-22T07:30") == 30, "a Sunday"
    assert bound_of(market[0], "2026-11-25T06:00") == 10, "a Wednesday"
    assert [bound_of(assembly[0], f"2027-01-01T0{hour}:59") for hour in (1, 2)] == [3, 5]


def scheduled(sample: Configuration) -> set[ScheduledBound]:
    return {bound for camera in sample.cameras for bound in camera.bounds}


def bound_of(camera: Camera, local: str) -> float:
    return bound_at(camera.revisit_bound_s, camera.bounds, datetime.fromisoformat(local))


def test_all_of_it_can_be_kept_at_every_hour_on_two_cores(sample: Configuration) -> None:
    since = datetime.fromisoformat("2026-12-25T00:00")
    found = admission(sample.cameras, sample.rings, 2 * 1000 / ASSUMED_COST_MS, since)
    hosts = host_demands(
        sample.cameras,
        since,
        visit_s=ASSUMED_VISIT_S,
        settings=sample.tour,
        sessions_of=sample.sessions_of_host,
    )

    assert found.kept
    assert [bound.name_en for bound in found.worst.in_force] == ["New Year assembly", "School hours"]
    assert [host.host for host in hosts if not host.kept_at_most] == []
    assert sum(host.cameras > 1 for host in hosts) == 7, "the schools' recorders"
    assert set(sample.sessions_of_host) == {host.host for host in hosts if host.cameras > 1}
    assert total_demand(sample.cameras, since, visit_s=ASSUMED_VISIT_S, settings=sample.tour).kept_at_most


def test_the_tour_itself_finds_slots_enough_for_the_sample_at_every_hour(sample: Configuration) -> None:
    since = datetime.fromisoformat("2026-12-25T00:00")
    tour = Tour(sample.cameras, sample.tour, 0.0, Random(1).random, sample.sessions_of_host)
    for number, at in enumerate(times_that_differ(sample.cameras, since)):
        tour.set_bounds({camera.id: bound_s for camera, bound_s in bounds_at(sample.cameras, at)}, 100.0 * number)
        for camera in sample.cameras:  # slow ones all of them
            tour.captured(camera.id, 9.0)
        tour.review(100.0 * number)
        assert tour.not_admitted == ()


def test_a_mask_hides_homes_and_no_zone(sample: Configuration) -> None:
    (masked,) = [camera for camera in sample.cameras if camera.masks]

    assert sample.template_of[masked.id] == "street"
    assert not any(Polygon(mask).intersects(Polygon(zone.polygon)) for mask in masked.masks for zone in masked.zones)


def test_it_says_that_it_is_a_sample_and_names_its_schema() -> None:
    head = SAMPLE.read_text(encoding="utf-8").splitlines()[:5]

    assert head[0] == "# yaml-language-server: $schema=cameras.schema.json"
    assert "SAMPLE DATA" in "".join(head)


def test_units_of_every_kind_none_of_them_taken_for_real(sample: Configuration) -> None:
    assert 20 <= len(sample.units) <= 28
    assert {unit.kind for unit in sample.units} == set(UnitKind)
    assert all(unit.simulated for unit in sample.units)


@pytest.mark.parametrize("ring", list(RingName))
def test_units_stand_where_the_response_target_can_be_met(sample: Configuration, ring: RingName) -> None:
    cameras = [camera for camera in sample.cameras if camera.ring is ring]
    units = [unit for unit in sample.units if ring in unit.rings]
    target = sample.rings[ring].response_target_s
    met = sum(min(_arrival_s(unit, camera) for unit in units) <= target for camera in cameras)

    assert met / len(cameras) >= 0.95


def _arrival_s(unit: Unit, camera: Camera) -> float:
    detour = 1.0 if unit.kind is UnitKind.DRONE_GROUP else STREETS_ARE_NOT_STRAIGHT
    metres = unit.home.distance_m(camera.place) * detour
    return ACCEPTED_AFTER_S + unit.mobilise_s + metres / unit.speed_m_s

"""What says how long ways take, as the file says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patrol.config import load
from patrol.domain.camera import StreamAddress
from patrol.domain.travel_settings import ON_STREETS, ServiceKind, ServiceSettings, TravelSettings
from patrol.domain.ways import DETOUR_FACTOR, TravelMode
from tests.config.files import CREDENTIALS, loaded, problems_of, sound, written_to

CANARY = "canary-3f9a"


def travel(**content: Any) -> dict[str, Any]:
    return sound() | {"travel": content}


def service(**content: Any) -> dict[str, Any]:
    return travel(service={"kind": "osrm", "url": "http://10.0.0.9:5000"} | content)


def test_left_out_ways_are_straight_lines(tmp_path: Path) -> None:
    assert loaded(tmp_path, sound()).travel == TravelSettings(None, None, DETOUR_FACTOR)
    assert loaded(tmp_path, travel(detour=1.5)).travel == TravelSettings(detour=1.5)


def test_a_file_of_streets_is_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    assert loaded(tmp_path, travel(graph="maps/town.graphml")).travel.graph == tmp_path / "maps" / "town.graphml"
    assert loaded(tmp_path, travel(graph="/maps/town.geojson")).travel.graph == Path("/maps/town.geojson")


def test_a_service_knows_everybody_on_the_ground_and_has_half_a_second(tmp_path: Path) -> None:
    assert loaded(tmp_path, service()).travel.service == ServiceSettings(
        ServiceKind.OSRM, StreamAddress("http://10.0.0.9:5000"), within_s=0.5, modes=ON_STREETS
    )


def test_a_service_can_be_given_more_time_and_fewer_modes(tmp_path: Path) -> None:
    found = loaded(tmp_path, service(kind="valhalla", within_s=1, modes=["car"])).travel.service
    assert found is not None
    assert (found.kind, found.within_s, found.modes) == (ServiceKind.VALHALLA, 1.0, frozenset({TravelMode.CAR}))


def test_the_credentials_of_a_service_come_from_the_environment_and_are_never_printed(tmp_path: Path) -> None:
    given = service(url="https://${CAMERA_USER}:${CAMERA_PASSWORD}@routes.example/osrm?key=${CAMERA_PASSWORD}")
    configuration = loaded(tmp_path, given)
    assert configuration.travel.service is not None
    address = configuration.travel.service.address
    assert address.reveal() == f"https://patrol:{CANARY}@routes.example/osrm?key={CANARY}"
    assert CANARY not in repr(configuration)


def test_a_variable_that_is_not_set_is_told_and_is_a_warning_where_variables_may_be_missing(tmp_path: Path) -> None:
    given = service(url="https://routes.example/?key=${ROUTES_KEY}")
    problems = problems_of(tmp_path, given)
    assert list(problems) == ["travel.service.url"]
    assert "needs the environment variable ROUTES_KEY, which is not set" in problems["travel.service.url"].message
    checked = load(written_to(tmp_path, given), CREDENTIALS, variables_required=False)
    assert [warning.path for warning in checked.warnings] == ["travel.service.url"]


@pytest.mark.parametrize(
    ("content", "path", "expected"),
    [
        ({"graph": "town.shp"}, "travel.graph", "ends in .graphml, .geojson, .json, got 'town.shp'"),
        ({"graph": 5}, "travel.graph", "expected text"),
        ({"graph": ""}, "travel.graph", "expected at least 1 character"),
        ({"detour": 0.9}, "travel.detour", "expected 1 or more"),
        ({"detour": 3.1}, "travel.detour", "expected 3 or less"),
        ({"detour": "1.3"}, "travel.detour", "expected a number"),
        ({"grpah": "town.graphml"}, "travel.grpah", "did you mean `graph`?"),
        ({"service": {"url": "http://h"}}, "travel.service.kind", "is missing; expected what it is: osrm or valhalla"),
        ({"service": {"kind": "osrm"}}, "travel.service.url", "is missing; expected its address"),
        ({"service": {"kind": "orsm", "url": "http://h"}}, "travel.service.kind", "did you mean `osrm`?"),
        ({"service": {"kind": "osrm", "url": "http://h", "within_s": 0}}, "travel.service.within_s", "more than 0"),
        ({"service": {"kind": "osrm", "url": "http://h", "within_s": 6}}, "travel.service.within_s", "5 or less"),
        ({"service": {"kind": "osrm", "url": "http://h", "modes": []}}, "travel.service.modes", "at least 1"),
        ({"service": {"kind": "osrm", "url": "http://h", "modes": ["fly"]}}, "travel.service.modes[0]", "one of"),
        ({"service": {"kind": "osrm", "url": "http://h", "modes": ["drone"]}}, "travel.service", "drones fly straight"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(
    tmp_path: Path, content: dict[str, Any], path: str, expected: str
) -> None:
    problems = problems_of(tmp_path, travel(**content))
    assert list(problems) == [path]
    assert expected in problems[path].message
    assert problems[path].line is not None


def test_streets_come_from_one_place(tmp_path: Path) -> None:
    both = travel(graph="town.graphml", service={"kind": "osrm", "url": "http://h"})
    problems = problems_of(tmp_path, both)
    assert list(problems) == ["travel"]
    assert "has both graph and service; expected one of them" in problems["travel"].message


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"rtsp://u:{CANARY}@h/", "begins with http:// or https://"),
        (f"u:{CANARY}@h/", "begins with http:// or https://"),
        (f"http://u:{CANARY}@h:99999/", "has a host or port that cannot be read"),
        (f"http://u:{CANARY} @h/", "has a space"),
        ("http://{host}:5000", "has a {...}; expected the address as it is"),
        ("http://h/${CAMERA_PASSWORD}/osrm", "has a variable in its path"),
        ("http://${CAMERA_USER@h/", "has a ${ that is not closed"),
        ([f"http://u:{CANARY}@h/"], "expected text, got a value"),
    ],
)
def test_an_address_that_is_wrong_is_told_and_never_shown(tmp_path: Path, url: object, expected: str) -> None:
    problems = problems_of(tmp_path, service(url=url))
    assert list(problems) == ["travel.service.url"]
    message = problems["travel.service.url"].message
    assert expected in message
    assert CANARY not in message

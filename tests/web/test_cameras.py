"""Cameras over HTTP: every one as it stands, its day, its visits; a page at a time, and no address of any."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from patrol.domain.camera import CameraId
from patrol.domain.troubles import Trouble
from patrol.web.paging import cursor_of

from .conftest import Site
from .fake_cameras import FakeCameras
from .fake_room import CANARY
from .test_describing import asked, complaints

BAD = ("0", "501", "-1", "1.5", "x", "٣", "99999999")


def items(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_every_camera_is_told_a_page_at_a_time_in_the_configurations_order(site: Site) -> None:
    first = asked(site, "GET", "/api/v1/cameras?limit=300")
    assert len(items(first)) == 300
    second = asked(site, "GET", f"/api/v1/cameras?limit=300&cursor={first.json()['next']}")
    assert (len(items(second)), second.json()["next"]) == (176, None)
    told = [one["id"] for one in items(first) + items(second)]
    assert told == [camera.id for camera in site.room.cameras]
    assert len(items(asked(site, "GET", "/api/v1/cameras"))) == 50
    assert complaints("get", "/api/v1/cameras", first) == []


def test_filters_go_together(site: Site) -> None:
    site.room.never = frozenset({CameraId("P-004")})
    core = items(asked(site, "GET", "/api/v1/cameras?ring=core&limit=500"))
    assert {one["ring"] for one in core} == {"core"}
    assert len(core) == 64
    (never,) = items(asked(site, "GET", "/api/v1/cameras?ring=periphery&health=never"))
    assert (never["id"], never["blind_age_s"]) == ("P-004", None)
    site_name = never["site"]
    there = items(asked(site, "GET", f"/api/v1/cameras?site={site_name}&limit=500"))
    assert {one["site"] for one in there} == {site_name}
    named = items(asked(site, "GET", "/api/v1/cameras?q=P-004%20" + never["name_en"].split()[0]))
    assert [one["id"] for one in named] == ["P-004"]
    assert items(asked(site, "GET", "/api/v1/cameras?group=nobodys")) == []


def test_a_camera_in_trouble_says_since_when_and_by_which_incident(site: Site) -> None:
    site.room.trouble(170, cameras=2, returned=1, what=Trouble.FROZEN, accepted_s_ago=60)
    one = asked(site, "GET", "/api/v1/cameras/F-001").json()["camera"]
    assert one["health"] == "troubled"
    assert one["troubles"][0]["trouble"] == "frozen"
    assert one["troubles"][0]["incident_id"] == "I-20261123-000170"


def test_a_cameras_day_is_told_span_by_span(site: Site) -> None:
    answer = asked(site, "GET", "/api/v1/cameras/C-006")
    detail = answer.json()
    assert complaints("get", "/api/v1/cameras/{camera_id}", answer) == []
    assert len(detail["spans"]) in {144, 145}
    assert detail["span_s"] == 600
    bad = [span for span in detail["spans"] if span["failures"]]
    assert bad
    assert bad[0]["failures"][0]["failure"] == "timed_out"
    assert all(span["blind_age_s"] > span["bound_s"] for span in bad)
    short = asked(site, "GET", "/api/v1/cameras/C-006?hours=1").json()["spans"]
    assert 6 <= len(short) <= 7


def test_its_visits_are_told_newest_first_a_page_at_a_time(site: Site) -> None:
    path = "/api/v1/cameras/C-006/visits"
    first = asked(site, "GET", f"{path}?limit=25")
    assert complaints("get", "/api/v1/cameras/{camera_id}/visits", first) == []
    second = asked(site, "GET", f"{path}?limit=25&cursor={first.json()['next']}")
    assert second.json()["next"] is None
    assert [one["number"] for one in items(first) + items(second)] == list(range(40, 0, -1))
    assert items(first)[0]["end"] == "detecting"


def test_its_latest_failures_are_told_in_its_own_words(site: Site) -> None:
    site.room.dead = frozenset({CameraId("C-006")})
    answer = asked(site, "GET", "/api/v1/cameras/C-006/visits?limit=1")
    assert complaints("get", "/api/v1/cameras/{camera_id}/visits", answer) == []
    newest, older = answer.json()["errors"]
    assert (newest["failure"], newest["detail"], newest["count"]) == ("timed_out", "no picture within 1.5 s", 29)
    assert newest["since"] < newest["at"]
    assert (older["failure"], older["detail"], older["count"]) == ("unauthorized", "RTSP 401", 1)


def test_a_tour_that_tells_nothing_is_said(site: Site) -> None:
    site.cameras = silent = FakeCameras(site.room)
    silent.is_silent = True
    answer = asked(site, "GET", "/api/v1/cameras/C-006/visits")
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(":tour_silent")
    assert complaints("get", "/api/v1/cameras/{camera_id}/visits", answer) == []
    site.room.toured = False
    assert {one["health"] for one in items(asked(site, "GET", "/api/v1/cameras"))} == {"unknown"}


@pytest.mark.parametrize("path", ["/api/v1/cameras/none", "/api/v1/cameras/none/visits", "/api/v1/cameras/no%20id"])
def test_there_may_be_no_such_camera(site: Site, path: str) -> None:
    assert asked(site, "GET", path).status_code == 404


@pytest.mark.parametrize("number", BAD)
def test_numbers_out_of_bounds_are_refused(site: Site, number: str) -> None:
    for path in (f"/api/v1/cameras?limit={number}", f"/api/v1/cameras/C-006/visits?limit={number}"):
        assert asked(site, "GET", path).status_code == 400
    assert asked(site, "GET", f"/api/v1/cameras/C-006?hours={number}").status_code == 400


def test_a_cursor_that_stands_for_nothing_is_refused(site: Site) -> None:
    assert asked(site, "GET", "/api/v1/cameras?cursor=none").status_code == 400
    of_core = cursor_of("cameras", "C-001")
    assert asked(site, "GET", f"/api/v1/cameras?cursor={of_core}").status_code == 200
    assert asked(site, "GET", f"/api/v1/cameras?ring=far&cursor={of_core}").status_code == 400


def test_nothing_of_an_address_is_told(site: Site) -> None:
    async def all_answers() -> list[str]:
        async with site.client() as client:
            paths = ["/api/v1/cameras?limit=500", "/api/v1/cameras/C-006", "/api/v1/cameras/C-006/visits"]
            return [(await client.get(path)).text for path in paths]

    for text in asyncio.run(all_answers()):
        assert not any(secret in text for secret in (CANARY, "admin", "10.0.0.", "rtsp:"))


def test_a_store_that_is_away_is_said(site: Site) -> None:
    site.room.away = "database: locked"
    answer = asked(site, "GET", "/api/v1/cameras")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:patrol:problem:store_away")

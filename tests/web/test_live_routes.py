"""Live views and stills over HTTP: what is asked, what is answered, and whose a view is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from patrol.domain.camera import CameraId
from patrol.domain.errors import CaptureError, CaptureFailure, LiveRefusal, LiveRefused
from patrol.domain.live import Glance, LiveEnd, LiveStatus, LiveView, LiveWay
from patrol.domain.zones import Zone, ZoneId
from patrol.ports import Looker
from patrol.web.live_routes import AGE_HEADER

from .conftest import Site, code_of
from .test_describing import complaints

LIVE, VIEW, STILL = "/api/v1/cameras/C-001/live", "/api/v1/live/v1", "/api/v1/cameras/C-001/still"
ZONE = Zone(ZoneId("z"), "广场", "Square", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)), ())
OFFER = {"offer": "v=0"}


@dataclass
class Desk:
    """A LiveDesk and a StillDesk that do as they are told."""

    refuses: LiveRefused | None = None
    fails: CaptureError | None = None
    asked: list[tuple[CameraId, str]] = field(default_factory=list)
    lookers: list[Looker] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    async def open(self, camera_id: CameraId, offer: str, looker: Looker) -> LiveView:
        if camera_id == "none":
            raise KeyError(camera_id)
        if self.refuses is not None:
            raise self.refuses
        self.asked.append((camera_id, offer))
        self.lookers.append(looker)
        return LiveView("v1", "the answer", LiveWay.PASSED, (ZONE,))

    async def leave(self, viewer_id: str, key: str) -> bool:
        self.left.append(viewer_id)
        return viewer_id == "v1"

    def status(self, viewer_id: str, key: str) -> LiveStatus | None:
        return LiveStatus(LiveEnd.BROKEN, 7, 2) if viewer_id == "v1" else None

    async def still(self, camera_id: CameraId) -> Glance:
        if camera_id == "none":
            raise KeyError(camera_id)
        if self.fails is not None:
            raise self.fails
        return Glance(b"\xff\xd8", datetime.now(UTC) - timedelta(seconds=3))


def answered(desk: Desk, ask: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]) -> httpx.Response:
    async def go() -> httpx.Response:
        async with Site(live=desk, stills=desk).client() as client:
            return await ask(client)

    return asyncio.run(go())


def test_an_offer_is_answered_with_what_is_watched_in_the_picture() -> None:
    desk = Desk()
    answer = answered(desk, lambda client: client.post(LIVE, json=OFFER))
    assert answer.status_code == 200
    assert complaints("post", "/api/v1/cameras/{camera_id}/live", answer) == []
    assert answer.json()["zones"] == [{"name": "广场", "name_en": "Square", "outline": [[0, 0], [1, 0], [1, 1]]}]
    assert desk.asked == [("C-001", "v=0")]
    assert asyncio.run(desk.lookers[0].is_let_in())


@pytest.mark.parametrize(
    ("refused", "code", "failure"),
    [
        (LiveRefused(LiveRefusal.VIEWERS), "live_viewers", None),
        (LiveRefused(LiveRefusal.CAMERA, CaptureFailure.UNAUTHORIZED), "live_camera", "unauthorized"),
    ],
)
def test_who_may_not_look_is_told_why(refused: LiveRefused, code: str, failure: str | None) -> None:
    answer = answered(Desk(refuses=refused), lambda client: client.post(LIVE, json=OFFER))
    assert answer.status_code == 503
    assert complaints("post", "/api/v1/cameras/{camera_id}/live", answer) == []
    assert code_of(answer) == code
    assert answer.json().get("failure") == failure


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/v1/cameras/none/live", OFFER, 404),
        (LIVE, {}, 400),
        (LIVE, {"offer": ""}, 400),
        (LIVE, {"offer": "x" * 12_001}, 400),
        (LIVE, {"offer": "x" * 20_000}, 413),
        (LIVE, {"offer": "v=0", "more": 1}, 400),
    ],
)
def test_what_makes_no_sense_is_refused(path: str, body: dict[str, object], status: int) -> None:
    assert answered(Desk(), lambda client: client.post(path, json=body)).status_code == status


def test_another_site_can_neither_open_nor_end_a_view() -> None:
    desk, elsewhere = Desk(), {"Origin": "https://elsewhere.example"}
    assert answered(desk, lambda client: client.post(LIVE, json=OFFER, headers=elsewhere)).status_code == 403
    assert answered(desk, lambda client: client.delete(VIEW, headers=elsewhere)).status_code == 403
    assert (desk.asked, desk.left) == ([], [])


def test_a_view_says_how_it_stands_and_is_left() -> None:
    desk = Desk()
    answer = answered(desk, lambda client: client.get(VIEW))
    assert complaints("get", "/api/v1/live/{viewer_id}", answer) == []
    assert answer.json() == {"end": "broken", "sent": 7, "dropped": 2}
    assert answered(desk, lambda client: client.delete(VIEW)).json() == {"done": True}
    assert desk.left == ["v1"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_view_that_is_not_there_is_not_found(method: str) -> None:
    assert answered(Desk(), lambda client: client.request(method, "/api/v1/live/other")).status_code == 404


def test_a_still_says_how_old_it_is() -> None:
    answer = answered(Desk(), lambda client: client.get(STILL))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert 3.0 <= float(answer.headers[AGE_HEADER]) < 30
    assert answer.headers["cache-control"] == "no-store"


def test_without_a_picture_the_camera_says_why() -> None:
    desk = Desk(fails=CaptureError(CaptureFailure.TIMED_OUT, "no picture"))
    answer = answered(desk, lambda client: client.get(STILL))
    assert answer.status_code == 503
    assert complaints("get", "/api/v1/cameras/{camera_id}/still", answer) == []
    assert answer.json()["failure"] == "timed_out"
    assert answered(Desk(), lambda client: client.get("/api/v1/cameras/none/still")).status_code == 404

"""Routing services: how they are asked, and what becomes of it when they do not answer."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from patrol.adapters import routing_service
from patrol.adapters.routing_service import REST_S, RoutingService
from patrol.domain.camera import StreamAddress
from patrol.domain.errors import InputError
from patrol.domain.travel_settings import ServiceKind, ServiceSettings
from patrol.domain.vocabulary import Place
from patrol.domain.ways import Fallback, Start, TravelMode, TravelTable, WaySource
from tests.adapters.looking import StandingClock
from tests.adapters.streets import (
    Answer,
    Asked,
    Reply,
    Service,
    as_json,
    corner,
    osrm,
    service,
    spot,
    start,
    valhalla,
)
from tests.stopwatch import stopwatch

CANARY = "Canary-Pa55word"
OSRM, VALHALLA = ServiceKind.OSRM, ServiceKind.VALHALLA
HERE, THERE = corner(0, 0), corner(1, 1)
ONE = [start(HERE)]


def settings(running: Service, kind: ServiceKind = OSRM, path: str = "", user: str = "") -> ServiceSettings:
    return ServiceSettings(kind, StreamAddress(f"http://{user}127.0.0.1:{running.port}{path}"), within_s=20.0)


def tables(
    of: ServiceSettings,
    *asked: tuple[Sequence[Start], Sequence[Place]],
    clock: StandingClock | None = None,
    between: Callable[[], None] = lambda: None,
) -> list[TravelTable]:
    """One client asks all of this, one after the other."""

    async def ask() -> list[TravelTable]:
        travel = RoutingService(of, clock or StandingClock())
        found = []
        try:
            for starts, places in asked:
                found.append(await travel.table(starts, places))
                between()
        finally:
            await travel.aclose()
        return found

    return asyncio.run(ask())


class TestHowItIsAsked:
    def test_osrm_gets_all_places_longitude_first_and_who_of_them_goes_where(self) -> None:
        with service(osrm) as running:
            tables(
                settings(running), ([start(Place(35.49, 112.85)), start(Place(35.5, 112.86))], [Place(35.51, 112.87)])
            )
        (asked,) = running.asked
        assert asked.path == "/table/v1/foot/112.850000,35.490000;112.860000,35.500000;112.870000,35.510000"
        assert asked.query == {
            "sources": ["0;1"],
            "destinations": ["2"],
            "annotations": ["distance"],
            "generate_hints": ["false"],
        }

    def test_valhalla_gets_sources_and_targets(self) -> None:
        with service(valhalla) as running:
            tables(settings(running, VALHALLA), ([start(Place(35.49, 112.85), TravelMode.CAR)], [Place(35.51, 112.87)]))
        (asked,) = running.asked
        assert asked.path == "/sources_to_targets"
        assert asked.body == {
            "sources": [{"lat": 35.49, "lon": 112.85}],
            "targets": [{"lat": 35.51, "lon": 112.87}],
            "costing": "auto",
            "units": "kilometers",
            "verbose": False,
        }

    @pytest.mark.parametrize(
        ("kind", "answer", "of", "expected"),
        [
            (OSRM, osrm, lambda asked: asked.path.split("/")[3], ["foot", "bike", "car"]),
            (VALHALLA, valhalla, lambda asked: asked.body["costing"], ["pedestrian", "motor_scooter", "auto"]),
        ],
    )
    def test_each_kind_of_traffic_is_asked_for_by_itself_and_drones_by_nobody(
        self, kind: ServiceKind, answer: Answer, of: Callable[[Asked], str], expected: list[str]
    ) -> None:
        starts = [start(HERE, mode) for mode in TravelMode]
        with service(answer) as running:
            (table,) = tables(settings(running, kind), (starts, [THERE]))
        assert sorted(map(of, running.asked)) == sorted(expected)
        assert [row[0] is None for row in table.seconds] == [False] * 4

    @pytest.mark.parametrize(("kind", "answer"), [(OSRM, osrm), (VALHALLA, valhalla)])
    def test_what_stands_before_in_the_path_and_behind_in_the_query_stays(
        self, kind: ServiceKind, answer: Answer
    ) -> None:
        def under_routes(asked: Asked) -> Reply:
            assert asked.path.startswith("/routes/")
            return answer(replace(asked, path=asked.path.removeprefix("/routes")))

        with service(under_routes) as running:
            (table,) = tables(settings(running, kind, "/routes/?key=abc"), (ONE, [THERE]))
        assert running.asked[0].query["key"] == ["abc"]
        assert table.seconds[0][0] == pytest.approx(100, rel=0.01)

    def test_so_many_places_that_one_request_would_be_refused_are_asked_about_in_several(self) -> None:
        starts = [start(spot(index, 0)) for index in range(120)]
        with service(osrm) as running:
            tables(settings(running), (starts, [corner(0, index) for index in range(60)]))
        assert len(running.asked) == 3 * 2

    def test_units_that_stand_together_are_asked_about_once(self) -> None:
        starts = [start(HERE, speed_m_s=speed) for speed in (1.0, 2.0, 3.0)]
        with service(osrm) as running:
            (table,) = tables(settings(running), (starts, [THERE, THERE]))
        assert running.asked[0].path.count(";") == 1
        assert [row[1] for row in table.seconds] == pytest.approx([200, 100, 200 / 3], rel=0.01)

    def test_nothing_is_asked_where_nobody_wants_to_know(self) -> None:
        with service(osrm) as running:
            tables(settings(running), ([], [THERE]), (ONE, []), ([start(HERE, TravelMode.DRONE)], [THERE]))
        assert running.asked == []

    def test_a_service_that_knows_cars_only_is_asked_for_cars_only(self) -> None:
        starts = [start(HERE), start(HERE, TravelMode.CAR)]
        with service(osrm) as running:
            cars = replace(settings(running), modes=frozenset({TravelMode.CAR}))
            (table,) = tables(cars, (starts, [THERE]))
        assert len(running.asked) == 1
        assert table.seconds[0] == (None,)
        assert table.seconds[1][0] == pytest.approx(100, rel=0.01)
        assert table.why == (Fallback.NOT_ASKED, Fallback.NO_WAY)


class TestWhatItSays:
    def test_a_way_shorter_than_the_straight_line_is_not_believed(self) -> None:
        with service(lambda _: as_json({"code": "Ok", "distances": [[3.0]]})) as running:
            (table,) = tables(settings(running), (ONE, [THERE]))
        assert table.seconds[0][0] == pytest.approx(HERE.distance_m(THERE) / 2.0)

    def test_miles_are_understood(self) -> None:
        miles = {"sources_to_targets": {"distances": [[1.0]], "durations": [[60]]}, "units": "miles"}
        with service(lambda _: as_json(miles)) as running:
            (table,) = tables(settings(running, VALHALLA), (ONE, [THERE]))
        assert table.seconds[0][0] == pytest.approx(1609.344 / 2)

    def test_valhallas_word_for_no_way_at_all_is_an_answer(self, caplog: pytest.LogCaptureFixture) -> None:
        no_path = Reply(json.dumps({"error_code": 442, "error": "No path could be found for input"}).encode(), 400)
        with service(lambda _: no_path) as running:
            (table,) = tables(settings(running, VALHALLA), (ONE, [THERE]))
        assert table.seconds == ((None,),)
        assert table.why == (Fallback.NO_WAY,)
        assert caplog.records == []


def is_silent(table: TravelTable, caplog: pytest.LogCaptureFixture) -> str:
    """That nothing came of it, and the one line that was said of it."""
    assert table == TravelTable(WaySource.SERVICE, ((None,),), (Fallback.NO_ANSWER,))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    return record.getMessage()


WRONG = {
    "HTTP 500": (OSRM, Reply(b"{}", 500), "HTTP 500"),
    "HTTP 400": (OSRM, Reply(b'{"code": "NoSegment"}', 400), "HTTP 400"),
    "a redirect": (OSRM, Reply(b"", 302, {"Location": "http://127.0.0.1:1/"}), "HTTP 302"),
    "another place": (OSRM, Reply(b"<html>", 404), "HTTP 404"),
    "no JSON": (OSRM, Reply(b"<html>"), "not in its format"),
    "deep JSON": (OSRM, Reply(b"[" * 100_000), "not in its format"),
    "another JSON": (OSRM, as_json([]), "not in its format"),
    "no table": (OSRM, as_json({"code": "NoTable"}), "not in its format"),
    "an OSRM too old": (OSRM, as_json({"code": "Ok", "durations": [[3.0]]}), "not in its format"),
    "too few rows": (OSRM, as_json({"code": "Ok", "distances": []}), "not in its format"),
    "too few columns": (OSRM, as_json({"code": "Ok", "distances": [[]]}), "not in its format"),
    "a length below zero": (OSRM, as_json({"code": "Ok", "distances": [[-1]]}), "not in its format"),
    "a length that is none": (OSRM, Reply(b'{"code": "Ok", "distances": [[NaN]]}'), "not in its format"),
    "a length without end": (OSRM, Reply(b'{"code": "Ok", "distances": [[1e999]]}'), "not in its format"),
    "a word for a length": (OSRM, as_json({"code": "Ok", "distances": [["3"]]}), "not in its format"),
    "other units": (VALHALLA, as_json({"sources_to_targets": [[{"distance": 1}]], "units": "li"}), "not in its format"),
    "no matrix": (VALHALLA, as_json({"sources_to_targets": None, "units": "km"}), "not in its format"),
    "a word in a matrix": (
        VALHALLA,
        as_json({"sources_to_targets": [[{"distance": "1"}]], "units": "km"}),
        "not in its format",
    ),
    "something compressed": (
        OSRM,
        Reply(gzip.compress(b'{"code": "Ok", "distances": [[3.0]]}'), 200, {"Content-Encoding": "gzip"}),
        "compressed",
    ),
    "half an answer": (OSRM, Reply(b'{"code"', 200, {"Content-Length": "500"}), "RemoteProtocolError"),
}


class TestWhenItDoesNotAnswer:
    @pytest.mark.parametrize(("kind", "reply", "said"), WRONG.values(), ids=WRONG)
    def test_nothing_is_known_and_one_line_says_why(
        self, kind: ServiceKind, reply: Reply, said: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with service(lambda _: reply) as running:
            (table,) = tables(settings(running, kind), (ONE, [THERE]))
        assert said in is_silent(table, caplog)

    def test_an_answer_without_end_is_not_read_to_its_end(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(routing_service, "LARGEST_BYTES", 1000)
        with service(lambda _: Reply(b" " * 100_000)) as running:
            (table,) = tables(settings(running), (ONE, [THERE]))
        assert "more than 1000 bytes" in is_silent(table, caplog)

    def test_one_that_is_late_is_not_waited_for(self, caplog: pytest.LogCaptureFixture) -> None:
        gone = threading.Event()

        def late(_: Asked) -> Reply:
            gone.wait(30)
            return as_json({})

        with service(late) as running, stopwatch() as watch:
            (table,) = tables(replace(settings(running), within_s=0.2), (ONE, [THERE]))
            took_s = watch.took_s
            gone.set()
        assert "no answer within 0.2 s" in is_silent(table, caplog)
        assert took_s < 15

    def test_one_that_is_not_there(self, caplog: pytest.LogCaptureFixture) -> None:
        with socket.socket() as held:  # bound, and nobody listens
            held.bind(("127.0.0.1", 0))
            (table,) = tables(settings(Service(held.getsockname()[1])), (ONE, [THERE]))
        assert "ConnectError" in is_silent(table, caplog)

    def test_one_block_without_an_answer_makes_the_whole_table_unknown(self) -> None:
        def half(asked: Asked) -> Reply:
            return osrm(asked) if len(running.asked) == 1 else Reply(b"", 500)

        starts = [start(spot(index, 0)) for index in range(60)]
        with service(half) as running:
            (table,) = tables(settings(running), (starts, [THERE]))
        assert {seconds for row in table.seconds for seconds in row} == {None}
        assert set(table.why) == {Fallback.NO_ANSWER}

    def test_drones_fly_all_the_same(self) -> None:
        with service(lambda _: Reply(b"", 500)) as running:
            (table,) = tables(settings(running), ([start(HERE), start(HERE, TravelMode.DRONE, 10.0)], [THERE]))
        assert table.seconds[0] == (None,)
        assert table.seconds[1][0] == pytest.approx(HERE.distance_m(THERE) / 10)

    def test_it_has_some_seconds_rest_and_both_changes_are_said_once(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        clock, replies = StandingClock(), iter([Reply(b"", 500), Reply(b"", 503), *[None] * 9])

        def failing_at_first(asked: Asked) -> Reply:
            return next(replies) or osrm(asked)

        def wait() -> None:
            clock.shown += timedelta(seconds=REST_S / 2)

        with service(failing_at_first) as running:
            found = tables(settings(running), *[(ONE, [THERE])] * 7, clock=clock, between=wait)
        assert len(running.asked) == 5, "not asked at the second and the fourth time"
        assert [table.why[0] for table in found] == [Fallback.NO_ANSWER] * 4 + [Fallback.NO_WAY] * 3
        lines = [record.getMessage() for record in caplog.records if record.name == routing_service.__name__]
        assert len(lines) == 2
        assert "HTTP 500; ways are straight lines until it answers" in lines[0]
        assert "answers again" in lines[1]


class TestCredentials:
    def test_user_and_password_are_sent_with_every_request(self) -> None:
        with service(osrm) as running:
            tables(settings(running, user=f"patrol:{CANARY}@"), (ONE, [THERE]))
        wanted = base64.b64encode(f"patrol:{CANARY}".encode()).decode()
        assert [asked.authorization for asked in running.asked] == [f"Basic {wanted}"]

    @pytest.mark.parametrize("reply", [Reply(b"", 401), Reply(b"{}", 200, {"Content-Length": "500"})])
    def test_they_are_never_told(self, reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        with service(lambda _: reply) as running:
            given = settings(running, path=f"/?key={CANARY}", user=f"patrol:{CANARY}@")
            tables(given, (ONE, [THERE]))
        assert len(running.asked) == 1, "else this test tests nothing"
        assert f"http://***@127.0.0.1:{running.port}/" in caplog.text
        assert CANARY not in caplog.text
        assert CANARY not in repr(given)

    def test_an_address_that_cannot_be_one_is_refused_without_being_shown(self) -> None:
        address = StreamAddress(f"http://u:{CANARY}@127.0.0.1:port/")
        with pytest.raises(InputError, match="address cannot be read") as caught:
            RoutingService(ServiceSettings(OSRM, address), StandingClock())
        assert CANARY not in str(caught.value)
        assert caught.value.__cause__ is None

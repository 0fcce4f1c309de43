"""The routes: what a page gets, what an operator can do, and what nobody else can."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from starlette.requests import Request

from patrol.domain.camera import CameraId
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import (
    ClockName,
    Disposition,
    EscalationStep,
    EvidenceId,
    FalseAlarmReason,
    IncidentId,
)
from patrol.domain.precision import Precision
from patrol.domain.retention import Gone
from patrol.domain.zones import RuleId
from patrol.web.assets import load_assets
from patrol.web.reading import MAX_BODY

from .conftest import Check, Site, code_of
from .fake_room import CANARY

INCIDENT = IncidentId("I-20261123-000147")
OPERATOR = {"X-Patrol-Operator": "%E6%9D%8E%E6%98%8E"}  # 李明
OTHER = {"X-Patrol-Operator": "wang"}
PIN = "/api/v1/cameras/C-017/pin"
SKIP = "/api/v1/cameras/C-017/skip"
ACCEPT_VIEW = "/api/v1/cameras/C-017/accept-view"
CLOSE = {"disposition": "false_alarm", "reason": "散场人流"}


def get(site: Site, path: str, **more: object):
    async def ask():
        async with site.client() as client:
            return await client.get(path, **more)

    return asyncio.run(ask())


def post(site: Site, path: str, body: object, **headers: str):
    async def ask():
        async with site.client() as client:
            return await client.post(path, json=body, headers=headers)

    return asyncio.run(ask())


@pytest.mark.usefixtures("built_page")
def test_the_page_comes_whole_with_a_policy_that_forbids_everything_foreign(site: Site) -> None:
    page = get(site, "/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "http" + "://" not in page.text
    assert "https://" not in page.text


@pytest.mark.usefixtures("built_page")
def test_the_page_names_files_of_this_build_which_are_kept_for_good_and_not_sent_twice(site: Site) -> None:
    page = get(site, "/")
    assert page.headers["cache-control"] == "no-store"
    named = set(re.findall(r'"(/static/[^"]+)"', page.text))
    assert {Path(name).suffix for name in named} == {".js", ".css", ".svg"}
    for name in named:
        first = get(site, name)
        assert first.status_code == 200
        assert first.headers["cache-control"] == "public, max-age=31536000, immutable"
        again = get(site, name, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304
        assert again.content == b""


def test_a_page_that_is_not_built_is_said_at_the_start_and_in_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    page = load_assets(tmp_path)["index.html"]
    answer = asyncio.run(page.response(Request({"type": "http", "headers": []})))
    assert answer.status_code == 503
    assert b"<code>make page</code>" in answer.body
    assert "run `make page`" in caplog.text


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/app.py", "/static/"])
def test_no_other_file_can_be_had(site: Site, path: str) -> None:
    assert get(site, path).status_code == 404


def test_the_layout_holds_all_476_cameras_and_no_address_of_any(site: Site) -> None:
    answer = get(site, "/api/v1/layout")
    layout = answer.json()
    assert len(layout["cameras"]) == 476
    assert layout["cameras"][0]["ring"] == "core"
    assert layout["rings"][0] == {"name": "core", "revisit_bound_s": 5.0, "response_target_s": 60.0}
    assert {unit["id"] for unit in layout["units"]} >= {"U-JP1", "U-DRONE"}
    assert CANARY not in answer.text
    assert "rtsp" not in answer.text


def test_the_state_tells_the_room_with_its_per_camera_numbers_in_the_layouts_order(site: Site) -> None:
    layout, state = get(site, "/api/v1/layout").json(), get(site, "/api/v1/state").json()
    room = state["room"]
    assert room["layout"] == layout["version"]
    assert len(room["tour"]["blind_ages_s"]) == len(room["tour"]["people"]) == 476
    failing = [camera["id"] for index, camera in enumerate(layout["cameras"]) if index % 79 == 40]
    assert sorted(room["tour"]["failing"]) == sorted(failing)
    incident = next(one for one in room["incidents"] if one["id"] == INCIDENT)
    assert incident["clocks"]["t3"]["source"] == "store"
    assert room["incident_stages"][INCIDENT] == "follow_up"
    assert room["orders"][INCIDENT][0]["candidates"][0]["unit_id"] == "U-JP1"
    assert next(unit for unit in room["units"] if unit["id"] == "U-JP1")["incident_id"] == INCIDENT


def test_the_state_tells_the_cover_of_each_ring_and_whom_to_move(site: Site) -> None:
    cover = get(site, "/api/v1/state").json()["room"]["cover"]
    assert list(cover["shares"]) == ["core", "periphery", "far"]
    assert cover["shares"]["periphery"] == pytest.approx(0.745)
    move_up = cover["move_up"]
    assert (move_up["unit_id"], move_up["post"]["name"]) == ("U-P3", "联勤1组驻点")
    assert move_up["post"]["place"].keys() == {"latitude", "longitude"}
    assert move_up["after"]["periphery"] == pytest.approx(1.0)
    site.room.cover = None
    assert get(site, "/api/v1/state").json()["room"]["cover"] is None


def test_the_per_camera_part_stays_small_enough_for_once_a_second(site: Site) -> None:
    tour = get(site, "/api/v1/state").json()["room"]["tour"]
    assert len(json.dumps([tour["blind_ages_s"], tour["people"], tour["failing"]])) < 8_000


def test_json_is_compressed_for_a_browser_that_takes_it(site: Site) -> None:
    answer = get(site, "/api/v1/layout", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["cameras"]) == 476


def test_displayed_needs_no_operator_and_stamps_t4_with_the_seat(site: Site) -> None:
    assert post(site, f"/api/v1/incidents/{INCIDENT}/displayed", {"seat": "seat-1"}).status_code == 200
    assert site.room.incidents[INCIDENT].clocks[ClockName.DISPLAYED].source == "seat-1"


def test_an_operators_chinese_name_arrives_as_it_was_typed(site: Site) -> None:
    assert post(site, f"/api/v1/incidents/{INCIDENT}/confirm", {}, **OPERATOR).status_code == 200
    assert site.room.incidents[INCIDENT].clocks[ClockName.CONFIRMED].source == "李明"


def test_what_is_late_is_acknowledged_by_somebody_with_a_name(site: Site) -> None:
    site.room.escalate(INCIDENT, EscalationStep.ROOM, "没有人签收", "nobody has accepted")
    assert post(site, f"/api/v1/incidents/{INCIDENT}/acknowledge", {}, **OPERATOR).status_code == 200
    shown = next(one for one in get(site, "/api/v1/state").json()["room"]["incidents"] if one["id"] == INCIDENT)
    assert (shown["escalation"]["step"], shown["escalation"]["acknowledged_by"]) == ("room", "李明")
    assert post(site, f"/api/v1/incidents/{INCIDENT}/acknowledge", {}, **OPERATOR).status_code == 200, "and again"


def test_closing_keeps_disposition_operator_and_reason(site: Site) -> None:
    assert post(site, f"/api/v1/incidents/{INCIDENT}/close", CLOSE, **OPERATOR).status_code == 200
    closed = site.room.incidents[INCIDENT]
    assert (closed.disposition, closed.closed_by, closed.reason) == (Disposition.FALSE_ALARM, "李明", "散场人流")


def test_closing_twice_is_a_conflict(site: Site) -> None:
    post(site, f"/api/v1/incidents/{INCIDENT}/close", CLOSE, **OPERATOR)
    again = post(site, f"/api/v1/incidents/{INCIDENT}/close", CLOSE, **OPERATOR)
    assert again.status_code == 409
    assert code_of(again) == "closed_already"


def test_a_false_alarms_reason_may_be_a_code_alone(site: Site) -> None:
    body = {"disposition": "false_alarm", "reason_code": "poster"}
    answer = post(site, f"/api/v1/incidents/{INCIDENT}/close", body, **OPERATOR)
    assert (answer.status_code, answer.json()) == (200, {"done": True, "closed": True})
    closed = site.room.incidents[INCIDENT]
    assert (closed.disposition, closed.reason_code) == (Disposition.FALSE_ALARM, FalseAlarmReason.POSTER)


def test_a_duplicate_names_an_incident_that_there_is_and_needs_no_more_words(site: Site) -> None:
    other = site.room.alert(900)
    for original, code in (("I-nobody", "unknown"), (INCIDENT, "itself")):
        body = {"disposition": "duplicate", "duplicate_of": original}
        answer = post(site, f"/api/v1/incidents/{INCIDENT}/close", body, **OPERATOR)
        assert (answer.status_code, code_of(answer)) == (409, f"not_as_asked_original_{code}")
        assert original in answer.json()["detail"]
    body = {"disposition": "duplicate", "duplicate_of": other}
    assert post(site, f"/api/v1/incidents/{INCIDENT}/close", body, **OPERATOR).status_code == 200
    shown = {one["id"]: one["duplicate_of"] for one in get(site, "/api/v1/state").json()["room"]["incidents"]}
    assert (shown[INCIDENT], shown[other]) == (other, None)


@pytest.mark.parametrize(
    "body",
    [
        {"disposition": "duplicate", "reason": "the same"},
        {"disposition": "duplicate", "duplicate_of": ""},
        {"disposition": "handled", "reason": "x", "duplicate_of": "I-2"},
    ],
)
def test_a_duplicate_of_nothing_and_an_original_of_anything_else_are_refused(site: Site, body: object) -> None:
    answer = post(site, f"/api/v1/incidents/{INCIDENT}/close", body, **OPERATOR)
    assert (answer.status_code, code_of(answer)) == (400, "bad_request")
    assert "duplicate_of" in answer.json()["detail"]
    assert site.room.calls == []


@pytest.mark.parametrize(
    "body",
    [
        {"disposition": "false_alarm"},
        {"disposition": "false_alarm", "reason_code": "other"},
        {"disposition": "false_alarm", "reason_code": "other", "reason": " "},
        {"disposition": "false_alarm", "reason_code": "bored", "reason": "x"},
        {"disposition": "handled", "reason_code": "poster", "reason": "x"},
    ],
)
def test_a_false_alarm_without_its_reason_and_a_code_of_anything_else_are_refused(site: Site, body: object) -> None:
    answer = post(site, f"/api/v1/incidents/{INCIDENT}/close", body, **OPERATOR)
    assert (answer.status_code, code_of(answer)) == (400, "bad_request")
    assert "reason" in answer.json()["detail"]
    assert site.room.calls == []


def test_a_red_one_is_closed_by_two_people_who_are_not_the_same(site: Site) -> None:
    site.room.second_person = frozenset({Level.RED})
    red = site.room.alert(901, "C-017")
    path, body = f"/api/v1/incidents/{red}/close", {"disposition": "handled", "reason": "settled"}
    assert post(site, path, body, **OPERATOR).json() == {"done": True, "closed": False}
    shown = next(one for one in get(site, "/api/v1/state").json()["room"]["incidents"] if one["id"] == red)
    assert (shown["state"], shown["closing"]["operator"], shown["closing"]["disposition"]) == ("new", "李明", "handled")
    again = post(site, path, body, **OPERATOR)
    assert (again.status_code, code_of(again)) == (409, "not_as_asked_same_person")
    assert post(site, path, body, **OTHER).json() == {"done": True, "closed": True}
    assert (site.room.incidents[red].closed_by, site.room.incidents[red].reason) == ("wang", "settled")


def test_feedback_that_waits_for_a_second_person_can_be_withdrawn(site: Site) -> None:
    site.room.second_person = frozenset({Level.RED})
    red = site.room.alert(901, "C-017")
    post(site, f"/api/v1/incidents/{red}/close", {"disposition": "handled", "reason": "settled"}, **OPERATOR)
    path = f"/api/v1/incidents/{red}/withdraw-closing"
    assert post(site, path, {}, **OTHER).json() == {"done": True}
    assert site.room.incidents[red].closing is None
    again = post(site, path, {}, **OTHER)
    assert (again.status_code, code_of(again)) == (409, "not_as_asked_not_closing")


def test_an_operator_changes_the_level_and_says_why(site: Site) -> None:
    path = f"/api/v1/incidents/{INCIDENT}/level"
    assert post(site, path, {"level": "blue", "reason": "一场婚礼"}, **OPERATOR).json() == {"done": True}
    shown = next(one for one in get(site, "/api/v1/state").json()["room"]["incidents"] if one["id"] == INCIDENT)
    assert (shown["level"], shown["level_by"]) == ("blue", "李明")
    assert "一场婚礼" in shown["level_why_zh"]
    post(site, f"/api/v1/incidents/{INCIDENT}/close", CLOSE, **OPERATOR)
    closed = post(site, path, {"level": "red", "reason": "x"}, **OPERATOR)
    assert (closed.status_code, code_of(closed)) == (409, "not_as_asked_closed")


def test_what_somebody_writes_down_is_shown_with_who_and_when(site: Site) -> None:
    path = f"/api/v1/incidents/{INCIDENT}/note"
    assert post(site, path, {"text": " 店主来电：两人 "}, **OPERATOR).json() == {"done": True}
    assert post(site, path, {"text": "店主来电：两人"}, **OPERATOR).json() == {"done": True}
    shown = next(one for one in get(site, "/api/v1/state").json()["room"]["incidents"] if one["id"] == INCIDENT)
    assert [(note["operator"], note["text"]) for note in shown["notes"]] == [("李明", "店主来电：两人")]
    assert datetime.fromisoformat(shown["notes"][0]["at"]).tzinfo is not None


def test_what_is_closed_is_opened_again_in_another_life(site: Site) -> None:
    path = f"/api/v1/incidents/{INCIDENT}/reopen"
    still_open = post(site, path, {"reason": "they are back"}, **OPERATOR)
    assert (still_open.status_code, code_of(still_open)) == (409, "not_as_asked_open")
    post(site, f"/api/v1/incidents/{INCIDENT}/close", CLOSE, **OPERATOR)
    assert post(site, path, {"reason": "they are back"}, **OTHER).json() == {"done": True}
    shown = next(one for one in get(site, "/api/v1/state").json()["room"]["incidents"] if one["id"] == INCIDENT)
    assert (shown["state"], shown["life"], shown["disposition"]) == ("new", 2, None)
    assert (shown["history"][0]["closed_by"], shown["history"][0]["reopened_by"]) == ("李明", "wang")


@pytest.mark.parametrize(
    ("action", "body", "wrong"),
    [
        ("level", {"level": "red", "reason": "x"}, {"level": "purple", "reason": "x"}),
        ("level", {"level": "red", "reason": "x"}, {"level": "red", "reason": " "}),
        ("note", {"text": "x"}, {"text": " "}),
        ("reopen", {"reason": "x"}, {}),
        ("withdraw-closing", {}, {"reason": "x"}),
    ],
)
def test_what_people_say_of_an_incident_is_guarded_like_every_action(
    site: Site, action: str, body: object, wrong: object
) -> None:
    path = f"/api/v1/incidents/{INCIDENT}/{action}"
    assert post(site, path, body).status_code == 400
    assert post(site, path, wrong, **OPERATOR).status_code == 400
    assert post(site, path, body, **OPERATOR, Origin="https://elsewhere.example").status_code == 403
    assert post(site, f"/api/v1/incidents/I-nobody/{action}", body, **OPERATOR).status_code == 404
    assert get(site, path).status_code == 405
    assert site.room.calls == []


def test_how_often_each_rule_was_right_is_told_the_worst_first_with_what_might_help(site: Site) -> None:
    site.room.told = [
        Precision(CameraId("C-018"), RuleId("crowd"), Kind.CROWD, 19, 1),
        Precision(CameraId("C-017"), RuleId("crowd"), Kind.CROWD, 1, 11),
    ]
    answer = get(site, "/api/v1/precision")
    assert answer.status_code == 200
    worst, best = answer.json()["rules"]
    assert (worst["camera_id"], worst["right"], worst["wrong"]) == ("C-017", 1, 11)
    assert worst["low"] < worst["share"] < worst["high"] < 0.5 < best["low"]
    (proposal,) = answer.json()["proposals"]
    assert (proposal["camera_id"], proposal["parameter"], proposal["now"], proposal["proposed"]) == (
        "C-017",
        "at_least",
        3.0,
        4.0,
    )
    assert "C-017" in proposal["words_zh"]


def test_while_the_store_is_away_nobody_says_how_often_a_rule_was_right(site: Site) -> None:
    site.room.away = "disk is full"
    assert get(site, "/api/v1/precision").status_code == 503


def test_two_incidents_are_merged_and_one_camera_is_split_off_again_by_somebody_with_a_name(site: Site) -> None:
    first, other = site.room.alert(901, "C-017", accepted_s_ago=9), site.room.alert(902, "C-018")
    merged = post(site, f"/api/v1/incidents/{other}/merge", {"with": first}, **OPERATOR)
    assert (merged.status_code, merged.json()) == (200, {"done": True, "incident_id": first})
    ended = site.room.incidents[other]
    assert (ended.merged_into, ended.closed_by) == (first, "李明")
    shown = next(one for one in get(site, "/api/v1/state").json()["room"]["incidents"] if one["id"] == first)
    assert [witness["camera_id"] for witness in shown["witnesses"]] == ["C-017", "C-018"]
    alert_id = shown["witnesses"][1]["alert_ids"][0]
    split = post(site, f"/api/v1/incidents/{first}/split", {"alert_id": alert_id}, **OPERATOR)
    assert split.status_code == 200
    assert site.room.incidents[split.json()["incident_id"]].split_by == "李明"
    assert site.room.incidents[first].alert_ids == ("A-000901-0",)


def test_what_cannot_be_merged_or_split_is_a_conflict_with_a_code_for_each_reason(site: Site) -> None:
    first, closed = site.room.alert(901, "C-017"), site.room.alert(902, "C-018")
    post(site, f"/api/v1/incidents/{closed}/close", CLOSE, **OPERATOR)
    repair = site.room.trouble(903)
    for other, code in ((first, "itself"), (closed, "closed"), (repair, "maintenance")):
        answer = post(site, f"/api/v1/incidents/{first}/merge", {"with": other}, **OPERATOR)
        assert (answer.status_code, code_of(answer)) == (409, f"not_together_{code}")
    for alert_id, code in (("A-000901-0", "first"), ("A-7", "no_such_alert")):
        answer = post(site, f"/api/v1/incidents/{first}/split", {"alert_id": alert_id}, **OPERATOR)
        assert (answer.status_code, code_of(answer)) == (409, f"not_together_{code}")
    assert post(site, f"/api/v1/incidents/{first}/merge", {"with": "I-nobody"}, **OPERATOR).status_code == 404


@pytest.mark.parametrize(("action", "body"), [("merge", {"with": "I-1"}), ("split", {"alert_id": "A-1"})])
def test_merging_and_splitting_are_guarded_like_every_action(site: Site, action: str, body: object) -> None:
    path = f"/api/v1/incidents/{INCIDENT}/{action}"
    assert post(site, path, body).status_code == 400
    assert post(site, path, body, **OPERATOR, Origin="https://elsewhere.example").status_code == 403
    assert post(site, path, {}, **OPERATOR).status_code == 400
    assert post(site, path, {"with": "../x", "alert_id": "<b>"}, **OPERATOR).status_code == 400


def test_an_incident_that_one_camera_saw_lists_no_witnesses(site: Site) -> None:
    only = site.room.alert(901, "C-017")
    shown = next(one for one in get(site, "/api/v1/state").json()["room"]["incidents"] if one["id"] == only)
    assert shown["witnesses"] == []


@pytest.mark.parametrize("action", ["displayed", "confirm", "acknowledge", "close"])
def test_an_unknown_incident_is_not_found(site: Site, action: str) -> None:
    bodies = {"displayed": {"seat": "s"}, "confirm": {}, "acknowledge": {}, "close": CLOSE}
    for incident_id in ("I-nobody", "..", "a b", "%2e%2e"):
        answer = post(site, f"/api/v1/incidents/{incident_id}/{action}", bodies[action], **OPERATOR)
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("action", "body", "says"),
    [
        ("displayed", {}, "seat"),
        ("displayed", {"seat": "<b>"}, "seat"),
        ("confirm", {"extra": 1}, "extra"),
        ("acknowledge", {"step": "room"}, "step"),
        ("close", {"disposition": "gone", "reason": "x"}, "disposition"),
        ("close", {"disposition": "handled", "reason": "   "}, "reason"),
        ("close", {"disposition": "handled", "reason": "x" * 501}, "reason"),
        ("close", [], "body"),
    ],
)
def test_a_bad_body_is_refused_with_the_field_that_is_wrong(site: Site, action: str, body: object, says: str) -> None:
    answer = post(site, f"/api/v1/incidents/{INCIDENT}/{action}", body, **OPERATOR)
    assert answer.status_code == 400
    assert code_of(answer) == "bad_request"
    assert says in answer.json()["detail"]
    assert site.room.calls == []


@pytest.mark.parametrize("name", ["", "%20", "%ff", "a" * 65, "a%00b", "a%0Ab"])
def test_who_acts_must_have_a_name(site: Site, name: str) -> None:
    answer = post(site, f"/api/v1/incidents/{INCIDENT}/confirm", {}, **{"X-Patrol-Operator": name})
    assert answer.status_code == 400
    assert "X-Patrol-Operator" in answer.json()["detail"]
    assert site.room.calls == []


def test_a_pinned_camera_is_asked_for_with_who_and_how_and_usually_for_a_minute(site: Site) -> None:
    assert post(site, PIN, {}, **OPERATOR).status_code == 200
    assert post(site, PIN, {"seconds": 600, "every_s": 0.25}, **OPERATOR).status_code == 200
    assert post(site, PIN, {"seconds": 0}, **OPERATOR).status_code == 200
    assert site.room.calls == [
        ("pin", "C-017", "60", "1", "李明"),
        ("pin", "C-017", "600", "0.25", "李明"),
        ("pin", "C-017", "0", "1", "李明"),
    ]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"seconds": 601}, "seconds: expected 0 to 600, got 601"),
        ({"seconds": -1}, "seconds: expected 0 to 600, got -1"),
        ({"every_s": 0.1}, "every_s: expected 0.25 to 600, got 0.1"),
        ({"seconds": 60, "every_s": 1e9}, "every_s: expected 0.25 to 600, got 1e+09"),
    ],
)
def test_a_pin_out_of_range_is_refused_with_the_range(site: Site, body: object, says: str) -> None:
    answer = post(site, PIN, body, **OPERATOR)
    assert (answer.status_code, code_of(answer), answer.json()["detail"]) == (422, "out_of_range", says)
    assert site.room.calls == []


@pytest.mark.parametrize("body", [{"seconds": "60"}, {"seconds": True}, {"seconds": None}, {"rate": 1}, []])
def test_a_pin_that_is_not_one_is_refused(site: Site, body: object) -> None:
    assert post(site, PIN, body, **OPERATOR).status_code == 400
    assert site.room.calls == []


def test_a_number_that_is_none_pins_nothing(site: Site) -> None:
    async def ask():
        async with site.client() as client:
            headers = {**OPERATOR, "Content-Type": "application/json"}
            return await client.post(PIN, content=b'{"seconds": NaN}', headers=headers)

    assert asyncio.run(ask()).status_code in {400, 422}
    assert site.room.calls == []


@pytest.mark.parametrize("camera_id", ["C-999", "c-017", "..", "%2e%2e", "a b", "C-017%00"])
def test_of_a_camera_that_is_not_in_the_room_nothing_can_be_asked(site: Site, camera_id: str) -> None:
    for action, body in (("pin", {}), ("accept-view", {}), ("skip", {"seconds": 0})):
        answer = post(site, f"/api/v1/cameras/{camera_id}/{action}", body, **OPERATOR)
        assert (answer.status_code, code_of(answer)) == (404, "not_found")
    assert site.room.calls == []


def test_a_view_is_accepted_by_whom_and_of_which_camera(site: Site) -> None:
    assert post(site, ACCEPT_VIEW, {}, **OPERATOR).status_code == 200
    assert site.room.calls == [("accept-view", "C-017", "李明")]


@pytest.mark.parametrize("body", [{"camera_id": "C-018"}, [], 1])
def test_accepting_a_view_says_nothing_but_that(site: Site, body: object) -> None:
    assert post(site, ACCEPT_VIEW, body, **OPERATOR).status_code == 400
    assert site.room.calls == []


def test_a_camera_is_skipped_by_whom_for_how_long_and_why_and_visited_again(site: Site) -> None:
    assert post(site, SKIP, {"seconds": 300, "reason": " 正在检修 "}, **OPERATOR).status_code == 200
    assert post(site, SKIP, {"seconds": 0}, **OPERATOR).status_code == 200
    assert site.room.calls == [("skip", "C-017", "300", "李明", "正在检修"), ("skip", "C-017", "0", "李明", "")]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"seconds": 901, "reason": "x"}, 422, "seconds: expected 0 to 900, got 901"),
        ({"seconds": -1, "reason": "x"}, 422, "seconds: expected 0 to 900, got -1"),
        ({"seconds": 60}, 422, "reason: expected why the camera is left out"),
        ({"seconds": 60, "reason": "x" * 201}, 400, "reason"),
        ({"seconds": "60", "reason": "x"}, 400, "seconds"),
        ({}, 400, "seconds"),
    ],
)
def test_a_skip_that_is_none_is_refused_with_what_was_expected(
    site: Site, body: object, status: int, says: str
) -> None:
    answer = post(site, SKIP, body, **OPERATOR)
    assert answer.status_code == status
    assert says in answer.json()["detail"]
    assert site.room.calls == []


@pytest.mark.parametrize("path", [PIN, ACCEPT_VIEW, SKIP])
def test_what_is_asked_of_the_tour_is_guarded_like_every_action(site: Site, path: str) -> None:
    assert post(site, path, {"seconds": 0} if path == SKIP else {}).status_code == 400
    assert post(site, path, {}, **OPERATOR, Origin="http://elsewhere.example").status_code == 403
    assert get(site, path).status_code == 405
    assert site.room.calls == []


@pytest.mark.parametrize("path", [PIN, ACCEPT_VIEW, SKIP])
def test_without_the_queue_nobody_is_told_that_the_tour_was_asked(site: Site, path: str) -> None:
    site.room.queue_away = "redis does not answer"
    answer = post(site, path, {"seconds": 0} if path == SKIP else {}, **OPERATOR)
    assert (answer.status_code, code_of(answer)) == (503, "queue_away")
    assert "redis does not answer" in answer.json()["detail"]


def test_the_tours_pins_its_capacity_and_the_bounds_of_the_hour_come_to_the_page(site: Site) -> None:
    post(site, PIN, {}, **OPERATOR)
    site.room.capacity = (48.0, 33.0)
    site.room.bounds_of_the_hour = {CameraId("F-001"): 10.0, CameraId("F-002"): 30.0}
    tour = get(site, "/api/v1/state").json()["room"]["tour"]
    (pin,) = tour["pinned"]
    assert (pin["id"], pin["operator"]) == ("C-017", "李明")
    assert (tour["capacity_per_s"], tour["needed_per_s"]) == (48.0, 33.0)
    assert tour["bounds_s"] == {"F-001": 10.0}
    assert [(ring["name"], ring["past_bound"]) for ring in tour["rings"]] == [("core", 1), ("periphery", 2), ("far", 3)]


def test_when_the_tour_last_reported_is_told_while_it_does_not(site: Site) -> None:
    site.room.tour_reported_at = site.room.now()
    assert get(site, "/api/v1/state").json()["room"]["tour_reported_at"] is None
    site.room.toured = False
    room = get(site, "/api/v1/state").json()["room"]
    assert room["tour"] is None
    assert datetime.fromisoformat(room["tour_reported_at"]) == site.room.tour_reported_at


def test_a_form_from_another_page_is_refused_by_its_content_type(site: Site) -> None:
    async def ask():
        async with site.client() as client:
            return await client.post(f"/api/v1/incidents/{INCIDENT}/confirm", data={"a": "b"}, headers=OPERATOR)

    assert asyncio.run(ask()).status_code == 415
    assert site.room.calls == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_cannot_act_in_an_operators_browser(site: Site, headers: dict[str, str]) -> None:
    answer = post(site, f"/api/v1/incidents/{INCIDENT}/confirm", {}, **OPERATOR, **headers)
    assert answer.status_code == 403
    assert site.room.calls == []


def test_our_own_page_behind_a_tls_proxy_can_act(site: Site) -> None:
    own = {"Origin": "https://127.0.0.1:8476", "Sec-Fetch-Site": "same-origin"}
    assert post(site, f"/api/v1/incidents/{INCIDENT}/confirm", {}, **OPERATOR, **own).status_code == 200


def test_a_name_that_is_not_ours_gets_nothing_but_the_probes(site: Site) -> None:
    foreign = {"Host": "rebound.example"}
    for path in ("/", "/api/v1/state", "/api/v1/layout", "/api/v1/events", "/evidence/E-000147.jpg"):
        assert get(site, path, headers=foreign).status_code == 421
    for path in ("/healthz", "/readyz"):
        assert get(site, path, headers=foreign).status_code == 200
    assert get(site, "/metrics", headers=foreign).status_code == 403  # without accounts; else a token opens it


def test_a_name_we_were_given_is_ours(site: Site) -> None:
    named = {"Host": "patrol.example:8476"}
    assert get(site, "/sign-in", headers=named).status_code == 421
    site.hosts = ("Patrol.Example",)
    assert get(site, "/sign-in", headers=named).status_code == 200


def test_a_body_without_end_is_cut_off(site: Site) -> None:
    body = {"disposition": "handled", "reason": "x" * MAX_BODY}
    assert post(site, f"/api/v1/incidents/{INCIDENT}/close", body, **OPERATOR).status_code == 413


def test_a_store_that_is_away_is_said_to_be_away(site: Site) -> None:
    site.room.away = "database is locked"
    for answer in (
        get(site, "/api/v1/state"),
        get(site, "/evidence/E-000147.jpg"),
        post(site, f"/api/v1/incidents/{INCIDENT}/close", CLOSE, **OPERATOR),
    ):
        assert answer.status_code == 503
        assert code_of(answer) == "store_away"
        assert "database is locked" in answer.json()["detail"]


def test_evidence_is_a_picture_that_stays_in_this_browser(site: Site) -> None:
    picture = get(site, "/evidence/E-000147.jpg")
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content[:2] == b"\xff\xd8"
    assert "private" in picture.headers["cache-control"]
    assert picture.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("name", ["E-none", "..", "%2e%2e%2fetc", "a%00", "x" * 200])
def test_there_is_no_other_picture(site: Site, name: str) -> None:
    assert get(site, f"/evidence/{name}.jpg").status_code == 404


CLIP = "/evidence/E-clip.webm"


def test_a_clip_is_served_as_its_picture_is_and_in_parts(site: Site) -> None:
    site.room.clips[EvidenceId("E-clip")] = bytes(range(200)) * 20
    clip = get(site, CLIP)
    assert (clip.status_code, clip.headers["content-type"], len(clip.content)) == (200, "video/webm", 4000)
    assert "private" in clip.headers["cache-control"]
    assert clip.headers["accept-ranges"] == "bytes"
    assert "content-encoding" not in clip.headers
    part = get(site, CLIP, headers={"Range": "bytes=100-109"})
    assert (part.status_code, part.content) == (206, bytes(range(100, 110)))
    assert part.headers["content-range"] == "bytes 100-109/4000"
    behind = get(site, CLIP, headers={"Range": "bytes=4000-"})
    assert (code_of(behind), behind.headers["content-range"]) == ("no_such_part", "bytes */4000")


def test_a_clip_that_is_not_there_yet_is_not_remembered_as_missing(site: Site) -> None:
    missing = get(site, CLIP)
    assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store")


def test_a_clip_is_guarded_as_everything_is(site: Site) -> None:
    site.room.clips[EvidenceId("E-clip")] = b"clip"
    assert get(site, CLIP, headers={"Host": "rebound.example"}).status_code == 421
    site.room.away = "database is locked"
    assert get(site, CLIP).status_code == 503


def test_what_tells_of_people_is_not_kept_by_caches(site: Site) -> None:
    assert get(site, "/api/v1/state").headers["cache-control"] == "no-store"


def test_alive_says_nothing_about_fitness(site: Site) -> None:
    site.checks.append(Check("store", "away"))
    assert get(site, "/healthz").status_code == 200


def test_ready_when_every_check_is_content(site: Site) -> None:
    site.checks += [Check("store"), Check("queue")]
    answer = get(site, "/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "failing": []})


def test_not_ready_names_each_failing_check_even_one_that_never_answers(site: Site) -> None:
    site.checks += [Check("store"), Check("queue", "refused"), Check("tour", slow=True)]
    answer = get(site, "/readyz")
    assert answer.status_code == 503
    assert answer.json()["failing"] == [
        {"name": "queue", "problem": "refused"},
        {"name": "tour", "problem": "no answer within 1 s"},
    ]


def test_not_ready_while_stopping(site: Site) -> None:
    site.stopping.set()
    assert get(site, "/readyz").status_code == 503


@pytest.mark.parametrize(
    ("accept", "kind"), [("text/plain", "text/plain"), ("application/openmetrics-text", "application/openmetrics-text")]
)
def test_metrics_of_the_given_registry_in_the_format_asked_for(site: Site, accept: str, kind: str) -> None:
    answer = get(site, "/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(kind)
    assert "visits_total 3.0" in answer.text
    assert ("# EOF" in answer.text) == (kind != "text/plain")


def test_what_is_nowhere_and_what_is_done_otherwise_are_problems_too(site: Site) -> None:
    nowhere, otherwise = get(site, "/nothing"), get(site, f"/api/v1/incidents/{INCIDENT}/close")
    assert (nowhere.status_code, code_of(nowhere)) == (404, "not_found")
    assert (otherwise.status_code, code_of(otherwise), otherwise.headers["allow"]) == (
        405,
        "method_not_allowed",
        "POST",
    )


def test_a_maintenance_incident_tells_how_many_cameras_it_has_and_lists_no_more_than_a_page_shows(site: Site) -> None:
    lost = site.room.trouble(7, cameras=200, returned=30)
    room = get(site, "/api/v1/state").json()["room"]
    (incident,) = [one for one in room["incidents"] if one["id"] == lost]
    assert room["camera_counts"][lost] == {"troubled": 170, "returned": 30}
    assert room["maintenance"] == {"incidents": 2, "cameras": 176}
    assert len(incident["maintenance"]["cameras"]) == 60
    assert {camera["returned_at"] for camera in incident["maintenance"]["cameras"]} == {None}
    assert (incident["target_s"], incident["evidence_id"]) == (None, None)
    assert sum(stage["count"] for stage in room["stages"]) == 5
    assert CANARY not in json.dumps(room)


def test_a_closed_maintenance_incident_costs_the_page_nothing(site: Site) -> None:
    lost = site.room.trouble(7, cameras=200)
    assert post(site, f"/api/v1/incidents/{lost}/close", CLOSE, **OPERATOR).status_code == 200
    room = get(site, "/api/v1/state").json()["room"]
    (incident,) = [one for one in room["incidents"] if one["id"] == lost]
    assert incident["maintenance"]["cameras"] == []
    assert room["camera_counts"][lost] == {"troubled": 200, "returned": 0}


REPLAY = "/api/v1/dead-letters/1777999900001-0/replay"


def test_dead_letters_are_told_with_what_they_say_of_themselves(site: Site) -> None:
    site.room.bury(1)
    site.room.bury(2, body=b"\xff", reason="expected JSON", at=None, replays=2, replayed_by="李明")
    newest, oldest = get(site, "/api/v1/dead-letters").json()["items"]
    assert (oldest["message_id"], oldest["incident_id"], oldest["attempts"]) == ("A-1", "I-1", 5)
    assert (newest["message_id"], newest["at"], newest["replays"], newest["replayed_by"]) == (None, None, 2, "李明")
    assert "body" not in newest


def test_a_dead_letter_is_put_back_by_somebody_with_a_name(site: Site) -> None:
    site.room.bury(1)
    assert post(site, REPLAY, {}, **OPERATOR).status_code == 200
    assert site.room.calls == [("replay", "1777999900001-0", "李明")]
    gone = post(site, REPLAY, {}, **OPERATOR)
    assert (gone.status_code, code_of(gone)) == (404, "not_found")


def test_putting_back_is_guarded_like_every_action(site: Site) -> None:
    site.room.bury(1)
    assert post(site, REPLAY, {}).status_code == 400
    assert post(site, REPLAY, {"stream": "elsewhere"}, **OPERATOR).status_code == 400
    assert post(site, REPLAY, {}, **OPERATOR, Origin="http://elsewhere.example").status_code == 403
    assert get(site, REPLAY).status_code == 405
    assert post(site, "/api/v1/dead-letters/%2e%2e/replay", {}, **OPERATOR).status_code == 404
    assert site.room.calls == []


def test_a_letter_that_belongs_nowhere_and_a_queue_that_is_away_are_told(site: Site) -> None:
    site.room.bury(1, stream="somewhere")
    answer = post(site, REPLAY, {}, **OPERATOR)
    assert (answer.status_code, code_of(answer)) == (409, "not_replayable")
    site.room.queue_away = "redis does not answer"
    for answer in (post(site, REPLAY, {}, **OPERATOR), get(site, "/api/v1/dead-letters")):
        assert (answer.status_code, code_of(answer)) == (503, "queue_away")


def test_what_is_gone_says_why_instead_of_being_unknown(site: Site) -> None:
    site.room.gone = {EvidenceId("E-old"): Gone.EXPIRED, EvidenceId("E-oldclip"): Gone.BY_HAND}
    for path, code in (("/evidence/E-old.jpg", "gone_expired"), ("/evidence/E-oldclip.webm", "gone_by_hand")):
        answer = get(site, path)
        assert (answer.status_code, code_of(answer)) == (410, code)
    assert get(site, "/evidence/E-none.jpg").status_code == 404
    assert get(site, "/api/v1/state").json()["room"]["gone"] == {"E-old": "expired", "E-oldclip": "by_hand"}

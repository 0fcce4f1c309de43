"""Lists that grow are given a page at a time, and nothing is left out or told twice while they do."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.incidents import Disposition, IncidentId
from patrol.web.paging import MOST, Asked, cursor_of, page_of

from .conftest import Site, code_of

LETTERS, CLOSED, OPEN = "/api/v1/dead-letters", "/api/v1/incidents/closed", "/api/v1/incidents"


def get(site: Site, path: str, **params: str | int) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with site.client() as client:
            return await client.get(path, params=params)

    return asyncio.run(ask())


def close(site: Site, incident_id: IncidentId) -> None:
    asyncio.run(site.room.close(incident_id, Disposition.HANDLED, "wang", "settled"))


def test_the_letters_are_given_page_by_page_while_others_come(site: Site) -> None:
    for number in range(5):
        site.room.bury(number)
    newest = get(site, LETTERS, limit=2).json()
    site.room.bury(9)
    middle = get(site, LETTERS, limit=2, cursor=newest["next"]).json()
    oldest = get(site, LETTERS, limit=2, cursor=middle["next"]).json()
    told = [
        int(letter["message_id"].removeprefix("A-")) for page in (newest, middle, oldest) for letter in page["items"]
    ]
    assert told == [4, 3, 2, 1, 0]
    assert oldest["next"] is None


def test_what_is_over_is_given_page_by_page_with_what_the_room_tells_of_it(site: Site) -> None:
    closed = [site.room.alert(600 + number) for number in range(5)]
    before = {one["id"] for one in get(site, CLOSED, limit=MOST).json()["items"]}
    for incident_id in closed:
        close(site, incident_id)
    told, cursor = [], {}
    while True:
        page = get(site, CLOSED, limit=2, **cursor).json()
        told += [one["id"] for one in page["items"]]
        assert page["orders"].keys() <= set(told)
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert told[:5] == closed[::-1]
    assert len(told) == len(set(told)) == 5 + len(before)


def test_what_is_open_is_given_page_by_page_while_others_come_also_what_the_room_does_not_list(site: Site) -> None:
    site.room.incidents.clear()
    there = [site.room.alert(number, accepted_s_ago=100 - number) for number in range(5)]
    site.room.untold = set(there[:3])
    newest = get(site, OPEN, limit=2).json()
    site.room.alert(9)
    close(site, there[1])
    others, cursor = [], newest["next"]
    while cursor is not None:
        page = get(site, OPEN, limit=1, cursor=cursor).json()
        others += [one["id"] for one in page["items"]]
        cursor = page["next"]
    assert [one["id"] for one in newest["items"]] == [there[4], there[3]]
    assert others == [there[2], there[0]]


def test_one_incident_is_told_alone_open_or_closed(site: Site) -> None:
    one = site.room.alert(600)
    site.room.send(one, "U-JP1", eta_s=30)
    site.room.untold = {one}
    told = get(site, f"{OPEN}/{one}").json()
    assert (told["incident"]["id"], [order["unit_id"] for order in told["orders"]]) == (one, ["U-JP1"])
    close(site, one)
    assert get(site, f"{OPEN}/{one}").json()["incident"]["state"] == "closed"
    assert (get(site, f"{OPEN}/I-nothing").status_code, code_of(get(site, f"{OPEN}/I-nothing"))) == (404, "not_found")


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", "1e3", "", "１"])
def test_a_limit_that_cannot_be_meant_is_refused(site: Site, limit: str) -> None:
    answer = get(site, LETTERS, limit=limit)
    assert (answer.status_code, code_of(answer)) == (400, "bad_request")
    assert answer.json()["errors"][0]["path"] == "limit"


@pytest.mark.parametrize("path", [LETTERS, CLOSED, OPEN])
@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%%%",
        "é",
        cursor_of("deeds", "7"),
        cursor_of("dead-letters", "0-0)"),
        cursor_of("closed", "now then I-1"),
        cursor_of("closed", "2026-01-01 2026-01-01 I-1"),
        cursor_of("open", "now I-1"),
        cursor_of("open", "2026-01-01 I-1"),
        cursor_of("open", "9999-12-31T23:59:59-14:00 I-1"),
        cursor_of("closed", "9999-12-31T23:59:59-14:00 9999-12-31T23:59:59-14:00 I-1"),
        "A" * 5000,
    ],
)
def test_a_cursor_that_no_page_gave_is_refused(site: Site, path: str, cursor: str) -> None:
    answer = get(site, path, cursor=cursor)
    assert (answer.status_code, code_of(answer)) == (400, "bad_request")
    assert answer.json()["errors"] == [{"path": "cursor", "detail": "expected what the page before gave as next"}]


@given(st.integers(0, 30), st.integers(1, 7))
def test_the_pages_are_the_list(length: int, limit: int) -> None:
    whole = list(range(length))
    told: list[int] = []
    asked = Asked(limit, None)
    while True:
        start = 0 if asked.after is None else int(asked.after) + 1
        shown, following = page_of(whole[start : start + asked.with_one_more], asked, "numbers", str)
        told += shown
        if following is None:
            break
        asked = Asked(limit, str(shown[-1]))
    assert told == whole

"""What the feedback of the last months says of each rule, on the real store."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from patrol.adapters.sql_precision import SqlJudgements
from patrol.domain.camera import CameraId
from patrol.domain.errors import StoreError
from patrol.domain.feedback import RULE, close_by_rule
from patrol.domain.incidents import Disposition, IncidentId
from patrol.domain.precision import LOOKED_BACK, Precision, WrittenChange
from patrol.domain.zones import RuleId
from patrol.pipeline.appraising import STAYS_TRUE_S, Appraising
from tests.builders import NOON, at, candidate, event, rule
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room

RULES = {RuleId("crowd"): rule(at_least=5)}
FIRST = IncidentId("I-1")
SAID = ("handled", "false_alarm", "referred", "unfounded", "duplicate", "drill")


async def judged(room: DispatchRoom, number: int, disposition: Disposition, camera_id: str = "C-1") -> IncidentId:
    """An incident of its own, some time after the last, and what a person said of it."""
    room.clock.advance(600)
    since = (room.clock.now() - NOON).total_seconds()
    seen = event(camera_id=CameraId(camera_id), began_at=at(since - 4), confirmed_at=at(since - 1))
    accepted = await room.store.accept(candidate(number, event=seen, detected_at=at(since - 0.5)), room.clock.now())
    assert accepted.incident is not None
    original = FIRST if disposition is Disposition.DUPLICATE else None
    await room.desk.close(accepted.incident.id, disposition, "Li", "said so", duplicate_of=original)
    return accepted.incident.id


def counts(rules: tuple[Precision, ...]) -> dict[str, tuple[int, int]]:
    return {one.camera_id: (one.right, one.wrong) for one in rules}


def test_feedback_is_counted_by_camera_and_rule_and_what_says_neither_is_not(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            for number, said in enumerate((*SAID, "handled"), start=1):
                await judged(room, number, Disposition(said))
            await judged(room, 20, Disposition.FALSE_ALARM, "C-2")
            await judged(room, 21, Disposition.DUPLICATE, "C-3")
            report = await Appraising(SqlJudgements(room.store), RULES, room.clock).precision()
            assert counts(report.rules) == {"C-1": (3, 2), "C-2": (0, 1)}
            assert {one.rule_id for one in report.rules} == {"crowd"}
            assert report.proposals == ()

    asyncio.run(check())


def test_where_a_rule_is_hardly_ever_right_a_change_is_proposed_and_none_is_made(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            for number in range(6):
                await judged(room, number, Disposition.FALSE_ALARM)
            report = await Appraising(SqlJudgements(room.store), RULES, room.clock).precision()
            (proposal,) = report.proposals
            assert (proposal.camera_id, proposal.parameter, proposal.now, proposal.proposed) == (
                "C-1",
                "at_least",
                5,
                6,
            )
            assert {RuleId("crowd"): rule(at_least=5)} == RULES

    asyncio.run(check())


def test_what_is_proposed_says_how_it_is_written_and_what_cannot_be_written_is_not_proposed(tmp_path: Path) -> None:
    change = WrittenChange(RuleId("crowd-C-1"), "rules: ...", "zones: ...")

    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            for number in range(6):
                await judged(room, number, Disposition.FALSE_ALARM)
            judgements = SqlJudgements(room.store)
            report = await Appraising(judgements, RULES, room.clock, lambda _: change).precision()
            assert [proposal.written for proposal in report.proposals] == [change]
            assert report.names == {"crowd": (RULES[RuleId("crowd")].name, RULES[RuleId("crowd")].name_en)}
            report = await Appraising(judgements, RULES, room.clock, lambda _: None).precision()
            assert report.proposals == ()
            assert counts(report.rules) == {"C-1": (0, 6)}

    asyncio.run(check())


def test_an_incident_counts_once_however_many_alerts_a_rule_told_of_it(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            room.clock.advance(200)
            seen = event(began_at=at(190), confirmed_at=at(199))
            again = await room.store.accept(candidate(2, event=seen, detected_at=at(199.5)), room.clock.now())
            assert again.incident is not None
            assert len(again.incident.alert_ids) == 2
            await room.desk.close(again.incident.id, Disposition.UNFOUNDED, "Li", "nobody there")
            report = await Appraising(SqlJudgements(room.store), RULES, room.clock).precision()
            assert counts(report.rules) == {"C-1": (0, 1)}

    asyncio.run(check())


def test_what_is_open_what_a_rule_closed_and_what_nobody_saw_on_a_camera_counts_for_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            opened_again = await judged(room, 1, Disposition.FALSE_ALARM)
            await room.desk.reopen(opened_again, "Wang", "it was real")
            by_rule = await room.alert(2)
            await room.store.decide(
                by_rule, lambda s: close_by_rule(s, Disposition.UNFOUNDED, RULE, "not confirmed", room.clock.now())
            )
            appraising = Appraising(SqlJudgements(room.store), RULES, room.clock)
            assert (await appraising.precision()).rules == ()
            await room.desk.close(opened_again, Disposition.HANDLED, "Wang", "it was real")
            room.clock.advance(STAYS_TRUE_S)
            assert counts((await appraising.precision()).rules) == {"C-1": (1, 0)}, "the last word counts"

    asyncio.run(check())


def test_only_the_last_months_count(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await judged(room, 1, Disposition.FALSE_ALARM)
            room.clock.advance(LOOKED_BACK.total_seconds() - 10)
            appraising = Appraising(SqlJudgements(room.store), RULES, room.clock)
            assert counts((await appraising.precision()).rules) == {"C-1": (0, 1)}
            room.clock.advance(STAYS_TRUE_S)
            report = await appraising.precision()
            assert report.rules == ()
            assert report.at - report.since == LOOKED_BACK

    asyncio.run(check())


class Counting:
    """Judgements of which each asking is noted."""

    def __init__(self) -> None:
        self.asked: list[tuple[datetime, datetime]] = []
        self.away = False

    async def judged(self, since: datetime, until: datetime) -> list[Precision]:
        if self.away:
            raise StoreError("away")
        self.asked.append((since, until))
        return []


def test_it_is_asked_for_in_pieces_without_a_gap_and_once_a_minute_for_all_who_look(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            judgements = Counting()
            appraising = Appraising(judgements, RULES, room.clock)
            first, second = await asyncio.gather(appraising.precision(), appraising.precision())
            assert first is second
            pieces = judgements.asked
            assert [since for since, _ in pieces[1:]] == [until for _, until in pieces[:-1]]
            assert pieces[0][0] == NOON - LOOKED_BACK
            assert pieces[-1][1] > NOON
            assert max(until - since for since, until in pieces) <= timedelta(days=7)
            room.clock.advance(STAYS_TRUE_S - 1)
            assert await appraising.precision() is first
            room.clock.advance(1)
            assert await appraising.precision() is not first

    asyncio.run(check())


def test_a_store_that_was_away_is_asked_again(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            judgements = Counting()
            judgements.away = True
            appraising = Appraising(judgements, RULES, room.clock)
            try:
                await appraising.precision()
            except StoreError:
                judgements.away = False
            assert (await appraising.precision()).rules == ()

    asyncio.run(check())

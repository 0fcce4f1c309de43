"""What people say of an incident: real or not, how urgent, how it ended, that it goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain import dispatch, feedback, receiving
from patrol.domain.board import Crews
from patrol.domain.confirmation import ConfirmPolicy, Then, Waiting
from patrol.domain.dispatch import Outcome, Situation
from patrol.domain.errors import IllegalTransition, NotAsAsked, Objection
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import (
    LEVEL_CHANGES_KEPT,
    ClockName,
    Disposition,
    FalseAlarmReason,
    Incident,
    IncidentId,
    IncidentState,
    LoopStage,
    OrderId,
    StageTimes,
    Stamp,
    stage_of,
)
from patrol.domain.notes import NOTES_KEPT, Note
from patrol.domain.orders import OrderState, Receipt, ReceiptKind
from patrol.domain.units import UnitState
from patrol.domain.vocabulary import RingName
from patrol.domain.witnesses import together, with_witnesses, witnesses_of
from tests.builders import at, duty, incident, maintenance_incident, sent, situation

RED = frozenset({Level.RED})
HANDLED, FALSE_ALARM = Disposition.HANDLED, Disposition.FALSE_ALARM


def after(before: Situation, outcome: Outcome) -> Situation:
    """The situation once an outcome has been stored."""
    orders = {o.id: o for o in (*before.orders, *outcome.orders)}
    duties = {d.unit.id: d for d in (*before.duties, *outcome.duties)}
    return Situation(outcome.incident or before.incident, tuple(orders.values()), tuple(duties.values()))


def ordered() -> Situation:
    start = situation()
    return after(start, sent(start, "O-1", at(1)))


def closed(**changes: Any) -> Situation:
    start = situation(incident=incident(**changes))
    return after(start, feedback.close(start, HANDLED, "li", "settled", at(30)))


def told(outcome: Outcome) -> dict[str, Any]:
    """What the message about the incident says."""
    data = json.loads(outcome.messages[0].body)["data"]
    assert isinstance(data, dict)
    return data


class TestConfirming:
    def test_only_the_first_word_is_stamped(self) -> None:
        confirmed = feedback.confirm(situation(), "li", at(3))
        assert confirmed.incident is not None
        assert confirmed.incident.clocks[ClockName.CONFIRMED] == Stamp(at(3), "li")
        assert feedback.confirm(situation(incident=confirmed.incident), "wang", at(4)).incident is None

    def test_what_is_closed_is_not_confirmed(self) -> None:
        assert feedback.confirm(closed(), "wang", at(40)).reason == "already confirmed"


class TestHolding:
    policy = ConfirmPolicy({Kind.LOITERING: {Level.BLUE: Waiting(60, Then.SEND), Level.GREEN: Waiting(60, Then.CLOSE)}})

    def waiting(self, level: Level = Level.BLUE) -> Situation:
        return situation(incident=incident(kind=Kind.LOITERING, level=level, ring=RingName.PERIPHERY))

    def test_it_says_until_when_it_waits_and_says_so_once(self) -> None:
        start = self.waiting()
        held = feedback.hold(start, self.policy, at(1))
        assert held is not None
        assert told(held)["held_until"] == "2026-01-01T12:01:00.000+00:00"
        again = feedback.hold(after(start, held), self.policy, at(2))
        assert again == Outcome(reason=feedback.HELD)

    def test_what_waits_for_nobody_and_what_has_waited_long_enough_may_be_sent(self) -> None:
        assert feedback.hold(situation(), self.policy, at(1)) is None
        assert feedback.hold(self.waiting(), self.policy, at(60)) is None

    def test_an_operators_word_ends_it(self) -> None:
        start = self.waiting()
        held = feedback.hold(start, self.policy, at(1))
        assert held is not None
        confirmed = feedback.confirm(after(start, held), "li", at(5))
        assert told(confirmed)["held_until"] is None
        assert feedback.hold(after(start, confirmed), self.policy, at(6)) is None

    def test_where_nobody_said_a_word_the_rule_closes_it_and_says_so(self) -> None:
        outcome = feedback.hold(self.waiting(Level.GREEN), self.policy, at(60))
        assert outcome is not None
        assert outcome.incident is not None
        assert outcome.incident.disposition is Disposition.UNFOUNDED
        assert outcome.incident.closed_by == feedback.RULE
        assert outcome.incident.clocks[ClockName.CLOSED] == Stamp(at(60), "rule")
        assert "nobody confirmed it in time" in (outcome.incident.reason or "")

    @pytest.mark.parametrize("level", [Level.RED, Level.BLUE])
    def test_who_says_how_urgent_it_is_has_looked_and_so_it_waits_no_longer(self, level: Level) -> None:
        start = self.waiting(Level.GREEN)
        held = feedback.hold(start, self.policy, at(1))
        assert held is not None
        changed = feedback.change_level(after(start, held), level, "li", "knives", at(2))
        assert told(changed)["held_until"] is None
        assert feedback.hold(after(start, changed), self.policy, at(3)) is None

    def test_what_is_lowered_to_a_level_that_the_rule_closes_is_not_closed_by_it(self) -> None:
        red = situation(incident=incident(kind=Kind.LOITERING, level=Level.RED, ring=RingName.PERIPHERY))
        lowered = after(red, feedback.change_level(red, Level.GREEN, "li", "looks smaller", at(90)))
        assert feedback.hold(lowered, self.policy, at(91)) is None
        assert lowered.incident.is_open

    def test_the_rule_closes_nothing_that_was_of_a_level_that_two_people_close(self) -> None:
        red = situation(incident=incident(level=Level.RED))
        lowered = after(red, feedback.change_level(red, Level.GREEN, "li", "looks smaller", at(90)))
        by_rule = (Disposition.UNFOUNDED, feedback.RULE, "nobody came", at(91))
        with pytest.raises(IllegalTransition, match="two people close"):
            feedback.close_by_rule(lowered, *by_rule, RED)
        again = feedback.reopen(closed(), "wang", "not over", at(600)).incident
        assert again is not None
        assert again.highest_level is again.level
        with pytest.raises(IllegalTransition, match="two people close"):
            feedback.close_by_rule(lowered, *by_rule, [Level.YELLOW])  # which it may have been on the way
        ended = feedback.close_by_rule(situation(incident=incident(level=Level.GREEN)), *by_rule, RED).incident
        assert ended is not None
        assert not ended.is_open


class TestLevels:
    def test_an_operators_level_is_told_with_who_and_why_and_what_it_was(self) -> None:
        outcome = feedback.change_level(
            situation(incident=incident(level=Level.BLUE)), Level.YELLOW, "李", "人多", at(5)
        )
        assert outcome.incident is not None
        assert (outcome.incident.level, outcome.incident.level_by) == (Level.YELLOW, "李")
        data = told(outcome)
        assert (data["level"], data["level_by"]) == ("yellow", "李")
        assert data["why"] == {
            "zh": "由 李 认定（原为蓝色）：人多",
            "en": "李 says so (it was blue): 人多",
        }
        (change,) = outcome.incident.level_changes
        assert (change.at, change.operator, change.before, change.level) == (at(5), "李", Level.BLUE, Level.YELLOW)
        assert json.loads(outcome.messages[0].body)["severitytext"] == "yellow"

    def test_no_witness_that_joins_later_changes_it(self) -> None:
        lowered = feedback.change_level(situation(), Level.GREEN, "li", "a wedding", at(5)).incident
        assert lowered is not None
        (first,) = witnesses_of(lowered)
        more = replace(first, fingerprint="C-2/crowd/crowd/ground", level=Level.RED, level_why_en="crowd of 90")
        joined = with_witnesses(lowered, together((first,), (more,)))
        assert joined.level is Level.GREEN
        assert "a wedding" in joined.level_why_en
        assert len(joined.witnesses) == 2

    def test_without_an_operators_word_the_most_urgent_witness_says_why(self) -> None:
        (first,) = witnesses_of(incident(level=Level.BLUE, level_why_en="crowd of 5"))
        more = replace(first, fingerprint="C-2/crowd/crowd/ground", level=Level.RED, level_why_en="crowd of 90")
        joined = with_witnesses(incident(level=Level.BLUE), (first, more))
        assert (joined.level, joined.level_why_en) == (Level.RED, "crowd of 90")
        later = together((first,), (replace(first, level=Level.RED, level_why_en="crowd of 60"),))
        assert (later[0].level, later[0].level_why_en) == (Level.RED, "crowd of 60"), "of the same camera"

    @pytest.mark.parametrize(("level", "missing"), [(Level.RED, 2), (Level.BLUE, 0)])
    def test_how_many_crews_are_missing_is_told_with_the_level(self, level: Level, missing: int) -> None:
        yellow = situation(incident=incident(level=Level.YELLOW, target_s=60.0))
        one_of_two = after(yellow, sent(yellow, crews=1))
        crews = Crews({Level.RED: 3, Level.YELLOW: 2})
        outcome = feedback.change_level(one_of_two, level, "li", "a knife", at(20), crews)
        assert told(outcome)["crews_missing"] == missing

    def test_the_same_level_again_is_a_word_the_first_time_only(self) -> None:
        kept = feedback.change_level(situation(), Level.RED, "li", "yes", at(5))
        assert kept.incident is not None
        assert kept.incident.level_by == "li"
        assert (
            feedback.change_level(situation(incident=kept.incident), Level.RED, "wang", "yes", at(6)).incident is None
        )

    def test_who_refused_is_asked_again_once_it_is_red(self) -> None:
        yellow = situation(incident=incident(level=Level.YELLOW))
        raised = feedback.change_level(yellow, Level.RED, "li", "knives", at(5)).incident
        assert raised is not None
        assert raised.urged_at == at(5)
        blue = feedback.change_level(yellow, Level.BLUE, "li", "calm", at(5)).incident
        assert blue is not None
        assert blue.urged_at is None

    def test_of_what_is_closed_nobody_changes_the_level(self) -> None:
        with pytest.raises(NotAsAsked, match="is closed") as caught:
            feedback.change_level(closed(), Level.GREEN, "li", "over", at(40))
        assert caught.value.why is Objection.CLOSED

    def test_the_first_change_stays_on_record_however_many_there_are(self) -> None:
        now = situation(incident=incident(level=Level.RED))
        for number in range(3 * LEVEL_CHANGES_KEPT):
            level = Level.YELLOW if number % 2 == 0 else Level.BLUE
            now = after(now, feedback.change_level(now, level, "li", str(number), at(number)))
        changes = now.incident.level_changes
        assert len(changes) == LEVEL_CHANGES_KEPT
        assert (changes[0].before, changes[-1].reason) == (Level.RED, str(3 * LEVEL_CHANGES_KEPT - 1))

    def test_maintenance_keeps_an_operators_level(self) -> None:
        outcome = feedback.change_level(situation(incident=maintenance_incident()), Level.GREEN, "li", "spare", at(5))
        assert outcome.incident is not None
        assert outcome.incident.level_by == "li"


class TestNotes:
    def test_what_is_written_down_is_kept_with_who_and_when_and_nobody_is_told(self) -> None:
        noted = feedback.note(ordered(), "li", "caller says two men", at(5))
        assert noted.incident is not None
        assert noted.incident.notes == (Note(at(5), "li", "caller says two men"),)
        assert (noted.messages, noted.orders, noted.incident.sequence) == ((), (), ordered().incident.sequence)

    def test_the_same_again_is_nothing_more_and_another_ones_same_words_are(self) -> None:
        once = after(situation(), feedback.note(situation(), "li", "seen", at(5)))
        assert feedback.note(once, "li", "seen", at(6)).incident is None
        assert feedback.note(once, "wang", "seen", at(6)).incident is not None

    def test_what_is_closed_is_written_about_too_and_keeps_it_when_it_is_opened_again(self) -> None:
        noted = after(closed(), feedback.note(closed(), "li", "the shop has called back", at(60)))
        again = after(noted, feedback.reopen(noted, "wang", "they are back", at(70)))
        assert [note.text for note in again.incident.notes] == ["the shop has called back"]

    def test_the_last_ones_are_kept_however_many_there_are(self) -> None:
        now = situation()
        for second in range(NOTES_KEPT + 3):
            now = after(now, feedback.note(now, "li", f"note {second}", at(second)))
        assert [note.text for note in now.incident.notes][:1] == ["note 3"]
        assert len(now.incident.notes) == NOTES_KEPT


class TestClosing:
    def test_it_records_who_and_why_and_calls_units_back(self) -> None:
        outcome = feedback.close(ordered(), FALSE_ALARM, "li", "树影", at(30), FalseAlarmReason.SHADOW)
        assert outcome.incident is not None
        assert outcome.incident.disposition is FALSE_ALARM
        assert outcome.incident.reason_code is FalseAlarmReason.SHADOW
        assert (outcome.incident.closed_by, outcome.incident.reason) == ("li", "树影")
        assert outcome.orders[0].state is OrderState.RECALLED
        assert outcome.duties[0].state is UnitState.AVAILABLE
        assert stage_of(outcome.incident) is None
        assert [json.loads(m.body)["type"] for m in outcome.messages] == [
            "cn.patrol.incident.v1",
            "cn.patrol.order.recall.v1",
        ]

    def test_what_is_closed_is_closed_once(self) -> None:
        with pytest.raises(IllegalTransition, match="closed -> closed"):
            feedback.close(closed(), HANDLED, "li", "", at(31))

    @pytest.mark.parametrize(
        ("code", "words", "kept"),
        [
            (None, "a poster of a crowd", FalseAlarmReason.OTHER),
            (FalseAlarmReason.OTHER, "a poster of a crowd", FalseAlarmReason.OTHER),
            (FalseAlarmReason.POSTER, "", FalseAlarmReason.POSTER),
        ],
    )
    def test_a_false_alarm_has_a_code_or_words(
        self, code: FalseAlarmReason | None, words: str, kept: FalseAlarmReason
    ) -> None:
        ended = feedback.close(situation(), FALSE_ALARM, "li", words, at(30), code).incident
        assert ended is not None
        assert (ended.reason_code, ended.reason) == (kept, words)

    @pytest.mark.parametrize("code", [None, FalseAlarmReason.OTHER])
    def test_a_false_alarm_without_its_reason_is_refused(self, code: FalseAlarmReason | None) -> None:
        with pytest.raises(NotAsAsked) as caught:
            feedback.close(situation(), FALSE_ALARM, "li", "  ", at(30), code)
        assert caught.value.why is Objection.REASON_MISSING

    def test_a_code_is_of_false_alarms_only(self) -> None:
        ended = feedback.close(situation(), HANDLED, "li", "done", at(30), FalseAlarmReason.ANIMAL).incident
        assert ended is not None
        assert ended.reason_code is None


class TestTwoPeople:
    def asked(self, start: Situation | None = None, operator: str = "li") -> Situation:
        start = start or ordered()
        return after(start, feedback.close(start, HANDLED, operator, "settled", at(30), None, RED))

    def test_the_first_ones_feedback_is_stamped_told_and_changes_nothing_else(self) -> None:
        start = ordered()
        outcome = feedback.close(start, HANDLED, "li", "settled", at(30), None, RED)
        assert outcome.reason == feedback.CLOSING_ASKED
        assert outcome.incident is not None
        assert outcome.incident.state is IncidentState.ORDERED
        assert outcome.incident.clocks[ClockName.FEEDBACK] == Stamp(at(30), "li")
        assert stage_of(outcome.incident) is LoopStage.FEED_BACK
        assert (outcome.orders, outcome.duties) == ((), ())
        assert told(outcome)["closing"] == {
            "disposition": "handled",
            "reason_code": None,
            "reason": "settled",
            "operator": "li",
            "at": "2026-01-01T12:00:30.000+00:00",
            "duplicate_of": None,
        }

    def test_the_second_one_closes_it_by_saying_the_same_and_only_then_units_are_called_back(self) -> None:
        outcome = feedback.close(self.asked(), HANDLED, "wang", "", at(60), None, RED)
        ended = outcome.incident
        assert ended is not None
        assert ended.state is IncidentState.CLOSED
        assert (ended.closed_by, ended.reason) == ("wang", "settled")
        assert ended.clocks[ClockName.FEEDBACK] == Stamp(at(30), "li")
        assert ended.clocks[ClockName.CLOSED] == Stamp(at(60), "wang")
        assert ended.closing is not None
        assert ended.closing.operator == "li"
        assert outcome.orders[0].state is OrderState.RECALLED

    @pytest.mark.parametrize(
        ("second", "kept"),
        [("", "settled"), (" settled ", "settled"), ("went home", "settled · went home")],
    )
    def test_the_words_of_both_are_kept(self, second: str, kept: str) -> None:
        ended = feedback.close(self.asked(), HANDLED, "wang", second, at(60), None, RED).incident
        assert ended is not None
        assert ended.reason == kept

    @pytest.mark.parametrize("second", [None, *FalseAlarmReason])
    def test_whose_reason_for_a_false_alarm_is_another_does_not_agree(self, second: FalseAlarmReason | None) -> None:
        start = ordered()
        asked = feedback.close(start, FALSE_ALARM, "li", "", at(30), FalseAlarmReason.SHADOW, RED)
        outcome = feedback.close(after(start, asked), FALSE_ALARM, "wang", "seen it", at(60), second, RED)
        assert outcome.incident is not None
        if second in (None, FalseAlarmReason.SHADOW):
            assert (outcome.reason, outcome.incident.reason_code) == ("closed", FalseAlarmReason.SHADOW)
        else:
            assert outcome.reason == feedback.CLOSING_ASKED
            assert told(outcome)["closing"] | {"at": None} == {
                "disposition": "false_alarm",
                "reason_code": second,
                "reason": "seen it",
                "operator": "wang",
                "at": None,
                "duplicate_of": None,
            }

    def test_who_lowers_it_does_not_close_it_alone_however_often_the_level_is_changed_after_that(self) -> None:
        now = situation(incident=incident(level=Level.GREEN))
        now = after(now, feedback.change_level(now, Level.RED, "wang", "knives", at(1)))
        for number in range(2 * LEVEL_CHANGES_KEPT):
            level = Level.YELLOW if number % 2 == 0 else Level.BLUE
            now = after(now, feedback.change_level(now, level, "li", str(number), at(10 + number)))
        assert all(change.before is not Level.RED for change in now.incident.level_changes), "that is forgotten"
        assert feedback.close(now, HANDLED, "li", "", at(300), None, RED).reason == feedback.CLOSING_ASKED
        assert feedback.close(now, HANDLED, "li", "", at(300)).reason == "closed"

    def test_a_duplicate_says_of_what_and_that_is_told(self) -> None:
        start, other = ordered(), incident(2)
        asked = feedback.close(start, Disposition.DUPLICATE, "li", "", at(30), None, RED, other)
        assert told(asked)["closing"]["duplicate_of"] == "I-2"
        assert told(asked)["duplicate_of"] is None, "not yet"
        elsewhere = feedback.close(
            after(start, asked), Disposition.DUPLICATE, "wang", "", at(40), None, RED, incident(3)
        )
        assert told(elsewhere)["closing"]["duplicate_of"] == "I-3", "that is not the same"
        agreed = feedback.close(after(start, asked), Disposition.DUPLICATE, "wang", "", at(40), None, RED, other)
        assert told(agreed)["duplicate_of"] == "I-2"
        again = feedback.reopen(after(start, agreed), "wang", "it is not", at(50)).incident
        assert again is not None
        assert (again.duplicate_of, again.history[0].duplicate_of) == (None, "I-2")

    @pytest.mark.parametrize(
        ("original", "why"),
        [
            (None, Objection.ORIGINAL_MISSING),
            (incident(1), Objection.ORIGINAL_ITSELF),
            (incident(2, simulated=True), Objection.ORIGINAL_NOT_ALIKE),
            (maintenance_incident(2), Objection.ORIGINAL_NOT_ALIKE),
            (incident(2, state=IncidentState.CLOSED, duplicate_of="I-1"), Objection.ORIGINAL_ENDS_IN_IT),
            (incident(2, state=IncidentState.CLOSED, merged_into="I-1"), Objection.ORIGINAL_ENDS_IN_IT),
        ],
    )
    def test_of_what_it_cannot_be_a_duplicate_is_said(self, original: Incident | None, why: Objection) -> None:
        with pytest.raises(NotAsAsked, match="I-1") as caught:
            feedback.close(ordered(), Disposition.DUPLICATE, "li", "", at(30), original=original)
        assert caught.value.why is why

    @pytest.mark.parametrize("name", ["li", "LI ", " Li"])
    def test_nobody_is_the_second_of_themselves(self, name: str) -> None:
        with pytest.raises(NotAsAsked) as caught:
            feedback.close(self.asked(), HANDLED, name, "", at(60), None, RED)
        assert caught.value.why is Objection.SAME_PERSON

    def test_who_says_otherwise_takes_the_first_ones_place_and_is_waited_for_in_turn(self) -> None:
        start = self.asked()
        otherwise = feedback.close(start, FALSE_ALARM, "wang", "", at(60), FalseAlarmReason.WORKS, RED)
        assert otherwise.incident is not None
        assert otherwise.incident.is_open
        now = after(start, otherwise)
        with pytest.raises(NotAsAsked):
            feedback.close(now, FALSE_ALARM, "wang", "", at(61), FalseAlarmReason.WORKS, RED)
        agreed = feedback.close(now, FALSE_ALARM, "li", "", at(62), None, RED).incident
        assert agreed is not None
        assert (agreed.disposition, agreed.reason_code) == (FALSE_ALARM, FalseAlarmReason.WORKS)
        assert agreed.clocks[ClockName.FEEDBACK] == Stamp(at(30), "li")

    def test_withdrawn_it_goes_on_as_if_nobody_had_spoken(self) -> None:
        outcome = feedback.withdraw(self.asked(), "wang", at(60))
        assert outcome.incident is not None
        assert (outcome.incident.closing, outcome.incident.state) == (None, IncidentState.ORDERED)
        assert ClockName.FEEDBACK not in outcome.incident.clocks
        assert told(outcome)["closing"] is None
        with pytest.raises(NotAsAsked) as caught:
            feedback.withdraw(situation(incident=outcome.incident), "wang", at(61))
        assert caught.value.why is Objection.NOT_CLOSING

    def test_after_it_is_closed_there_is_nothing_to_withdraw(self) -> None:
        start = self.asked()
        now = after(start, feedback.close(start, HANDLED, "wang", "", at(60), None, RED))
        with pytest.raises(NotAsAsked) as caught:
            feedback.withdraw(now, "zhao", at(61))
        assert caught.value.why is Objection.CLOSED

    def test_of_other_levels_drills_and_maintenance_one_person_is_enough(self) -> None:
        for one in (
            incident(level=Level.YELLOW),
            incident(drill=True, simulated=True),
            maintenance_incident(level=Level.RED),
        ):
            ended = feedback.close(situation(incident=one), HANDLED, "li", "done", at(30), None, RED).incident
            assert ended is not None
            assert not ended.is_open

    def test_a_drill_is_closed_as_one_and_needs_no_reason(self) -> None:
        drill = situation(incident=incident(drill=True, simulated=True))
        ended = feedback.close(drill, FALSE_ALARM, "li", "", at(30), None, RED).incident
        assert ended is not None
        assert (ended.disposition, ended.reason_code) == (Disposition.DRILL, None)

    def test_who_lowers_a_red_one_cannot_close_it_alone_and_another_can(self) -> None:
        start = situation()
        lowered = after(start, feedback.change_level(start, Level.GREEN, "li", "calm", at(5)))
        alone = feedback.close(lowered, HANDLED, "li", "over", at(6), None, RED)
        assert alone.reason == feedback.CLOSING_ASKED
        other = feedback.close(lowered, HANDLED, "wang", "over", at(6), None, RED)
        assert other.reason == "closed"

    def test_lowered_meanwhile_by_somebody_else_the_next_one_closes_it_with_their_own_words(self) -> None:
        start = self.asked()
        lowered = after(start, feedback.change_level(start, Level.BLUE, "zhao", "calm", at(40)))
        ended = feedback.close(lowered, Disposition.REFERRED, "wang", "to traffic", at(60), None, RED).incident
        assert ended is not None
        assert (ended.disposition, ended.reason, ended.closing) == (Disposition.REFERRED, "to traffic", None)
        assert ended.clocks[ClockName.FEEDBACK] == Stamp(at(60), "wang")

    def test_a_rule_closes_alone(self) -> None:
        ended = feedback.close_by_rule(self.asked(), Disposition.UNFOUNDED, "patrol", "gone", at(60)).incident
        assert ended is not None
        assert (ended.is_open, ended.closed_by, ended.closing) == (False, "patrol", None)


class TestReopening:
    def test_it_is_new_again_in_another_life_with_what_ended_the_last_one_on_record(self) -> None:
        outcome = feedback.reopen(closed(), "wang", "they came back", at(600))
        again = outcome.incident
        assert again is not None
        assert (again.state, again.life, again.reopened_at) == (IncidentState.NEW, 2, at(600))
        assert (again.disposition, again.closed_by, again.reason) == (None, None, None)
        (before,) = again.history
        assert (before.life, before.disposition, before.closed_by, before.reason) == (1, HANDLED, "li", "settled")
        assert (before.reopened_by, before.reopened_why, before.reopened_at) == ("wang", "they came back", at(600))
        assert before.clocks[ClockName.CLOSED] == Stamp(at(30), "li")
        data = told(outcome)
        assert (data["state"], data["life"], data["disposition"]) == ("new", 2, None)
        assert data["reopened_at"] == "2026-01-01T12:10:00.000+00:00"

    def test_a_unit_is_awaited_from_then_on_and_the_response_target_is_not_restarted(self) -> None:
        again = feedback.reopen(closed(), "wang", "not over", at(600)).incident
        assert again is not None
        assert (again.due_at, again.response_due_at) == (at(660), at(60))
        assert again.overdue, "nobody has ever been there"

    def test_who_arrived_in_the_first_life_is_history_and_still_the_first_on_scene(self) -> None:
        now = ordered()
        for kind, seconds in ((ReceiptKind.ACCEPTED, 5), (ReceiptKind.ON_SCENE, 40), (ReceiptKind.DONE, 50)):
            receipt = Receipt("O-1", 1, "units", "U-1", kind, at(seconds))
            now = after(now, receiving.receive(now, receipt, 1, at(seconds)))
        now = after(now, feedback.close(now, HANDLED, "li", "", at(60)))
        again = feedback.reopen(now, "wang", "not over", at(600)).incident
        assert again is not None
        assert set(again.clocks) == {ClockName.BEGAN, ClockName.ACCEPTED}
        assert again.history[0].clocks[ClockName.ON_SCENE].at == at(40)
        there = again.stamped(ClockName.ON_SCENE, at(640), "unit U-1")
        assert (there.clocks[ClockName.ON_SCENE].at, there.first_on_scene) == (at(640), Stamp(at(40), "unit U-1"))
        assert not again.overdue

    def test_nothing_that_was_sent_before_has_to_do_with_it(self) -> None:
        start = ordered()
        now = after(start, feedback.close(start, HANDLED, "li", "", at(30)))
        now = after(now, feedback.reopen(now, "wang", "not over", at(600)))
        assert not now.incident.is_of_this_life(at(599))
        assert now.incident.is_of_this_life(at(600))
        for kind in ReceiptKind:
            late = receiving.receive(now, Receipt("O-1", 9, "units", "U-1", kind, at(601)), 1, at(601))
            assert late.incident is None

    def test_who_refused_before_is_asked_again(self) -> None:
        again = feedback.reopen(closed(), "wang", "not over", at(600)).incident
        assert again is not None
        assert again.urged_at == at(600)

    def test_it_can_be_closed_and_opened_again_as_often_as_it_takes(self) -> None:
        now = closed()
        for life in range(2, 5):
            now = after(now, feedback.reopen(now, "wang", "not over", at(100 * life)))
            assert now.incident.life == life
            now = after(now, feedback.close(now, HANDLED, "li", str(life), at(100 * life + 50)))
            assert now.incident.clocks[ClockName.CLOSED] == Stamp(at(100 * life + 50), "li")
        assert [before.life for before in now.incident.history] == [1, 2, 3]

    @pytest.mark.parametrize(
        ("one", "why"),
        [
            (incident(), Objection.OPEN),
            (incident(state=IncidentState.CLOSED, merged_into=IncidentId("I-7")), Objection.MERGED),
            (maintenance_incident(state=IncidentState.CLOSED), Objection.MAINTENANCE),
        ],
    )
    def test_what_cannot_be_opened_again_says_why(self, one: Any, why: Objection) -> None:
        with pytest.raises(NotAsAsked) as caught:
            feedback.reopen(situation(incident=one), "wang", "not over", at(600))
        assert caught.value.why is why
        if why is Objection.MERGED:
            assert "I-7" in str(caught.value)

    def test_it_wants_all_its_crews_anew_and_had_wanted_none_while_it_was_closed(self) -> None:
        assert closed().incident.crews_missing == 0
        outcome = feedback.reopen(closed(), "wang", "not over", at(600), Crews({Level.RED: 2}))
        assert told(outcome)["crews_missing"] == 2


ACTIONS = ("assign", "receive", "close", "withdraw", "reopen", "level", "confirm", "hold", "doubt", "overdue")


@given(st.data())
def test_whatever_people_do_two_of_them_close_a_red_one_and_every_message_is_told_in_turn(data: st.DataObject) -> None:
    policy = ConfirmPolicy({Kind.CROWD: {Level.BLUE: Waiting(30, Then.CLOSE), Level.GREEN: Waiting(30, Then.SEND)}})
    ring, stages = data.draw(st.sampled_from([RingName.CORE, RingName.FAR])), StageTimes(LoopStage.COLLECT, at(0))
    start = incident(ring=ring, stages=stages)
    now = situation(incident=start, duties=tuple(duty(f"U-{n}", 50.0 * n) for n in range(1, 3)))
    for step in range(data.draw(st.integers(1, 25))):
        before = now.incident
        action = data.draw(st.sampled_from(ACTIONS))
        operator = data.draw(st.sampled_from(["li", "wang", "LI "]))
        try:
            outcome = _act(data, action, now, policy, operator, step)
        except IllegalTransition:
            continue
        sequences = [int(json.loads(m.body)["sequence"]) for m in outcome.messages]
        assert sequences == list(range(before.sequence + 1, before.sequence + 1 + len(sequences)))
        now = after(now, outcome)
        _check(before, now, action)


def _act(data: st.DataObject, action: str, now: Situation, policy: ConfirmPolicy, operator: str, step: int) -> Outcome:
    when = at(5.0 * step)
    match action:
        case "assign":
            return feedback.hold(now, policy, when) or sent(now, f"O-{step}", when)
        case "receive":
            known = [order.id for order in now.orders] or [OrderId("O-none")]
            kind = data.draw(st.sampled_from(list(ReceiptKind)))
            receipt = Receipt(data.draw(st.sampled_from(known)), 1, "units", "U-1", kind, when)
            return receiving.receive(now, receipt, 1, when)
        case "close":
            disposition = data.draw(st.sampled_from(list(Disposition)))
            return feedback.close(now, disposition, operator, "why", when, None, RED, incident(2))
        case "withdraw":
            return feedback.withdraw(now, operator, when)
        case "reopen":
            return feedback.reopen(now, operator, "not over", when)
        case "level":
            return feedback.change_level(now, data.draw(st.sampled_from(list(Level))), operator, "why", when)
        case "confirm":
            return feedback.confirm(now, operator, when)
        case "hold":
            return feedback.hold(now, policy, when) or Outcome()
        case "doubt":
            return dispatch.doubt(now, 10, 1, when)
        case _:
            return dispatch.mark_overdue(now, when)


def _check(before: Any, now: Situation, action: str) -> None:
    incident = now.incident
    assert incident.clocks[ClockName.ACCEPTED] == before.clocks[ClockName.ACCEPTED]
    assert incident.life - before.life == (1 if action == "reopen" else 0)
    assert len(incident.history) == incident.life - 1
    if before.level_by is not None and action != "level":
        assert incident.level is before.level
    if before.is_open and not incident.is_open and before.level is Level.RED:
        assert action == "close"
        assert incident.closing is not None
        assert incident.closing.operator.strip().lower() != (incident.closed_by or "").strip().lower()
    assert incident.stages.now is stage_of(incident)
    if not incident.is_open:
        assert not any(order.is_open for order in now.orders)
        assert incident.held_until is None
    if before.is_open and not incident.is_open and action == "hold":
        assert before.level_by is None, "nobody has said a word"
    if incident.level is Level.RED or incident.ring is RingName.CORE:
        assert incident.held_until is None

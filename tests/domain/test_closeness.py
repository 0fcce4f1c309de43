"""When what several cameras see is one thing, and that no red alert ever waits for it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.alerts import Acceptance, Candidate, History, Verdict, accept
from patrol.domain.camera import CameraId, RingName
from patrol.domain.closeness import FAMILY_OF, NEVER, USUAL, Closeness, KindFamily, MergePolicy, likeness
from patrol.domain.dispatch import Situation
from patrol.domain.events import IncidentClass, Kind, Level, class_of
from patrol.domain.incidents import ClockName, Incident, IncidentId, IncidentState
from patrol.domain.orders import OrderState
from tests.builders import at, camera, candidate, duty, event, north, order, ring, sent

USUALLY = MergePolicy()
NAMES = st.sampled_from(list(Kind))


def seen_by(number: int, metres: float = 40.0, seconds: float = 8.0, **changes: object) -> Candidate:
    """Another camera so far north of the first one, that began to see it so much later."""
    kind = changes.pop("kind", Kind.CROWD)
    plain = candidate(
        number,
        event=event(
            camera_id=CameraId(f"C-{number}"), kind=kind, began_at=at(seconds - 4), confirmed_at=at(seconds - 1)
        ),
        camera=camera(f"C-{number}", name=f"东门{number}", name_en=f"East gate {number}", place=north(metres)),
        detected_at=at(seconds),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def first(**changes: object) -> Incident:
    """The incident that the first camera opened, which began at -4 s."""
    opened = accept(seen_by(1, 0.0, 0.0, **changes), History(None, None), at(0)).incident
    assert opened is not None
    return opened


def second(incident: Incident, other: Candidate, policy: MergePolicy = USUALLY) -> Acceptance:
    return accept(other, History(None, None, nearby=(incident,)), at(20), policy)


def test_what_a_second_camera_sees_of_the_same_crowd_joins_with_its_own_alert_and_evidence_and_says_why() -> None:
    decided = second(first(), seen_by(2))
    assert decided.verdict is Verdict.MERGED
    assert decided.alert is not None
    assert decided.incident is not None
    assert (decided.alert.id, decided.alert.incident_id) == ("A-2", "I-1")
    incident = decided.incident
    assert incident.alert_ids == ("A-1", "A-2")
    assert incident.accepted_at == at(0)
    assert [witness.camera_id for witness in incident.witnesses] == ["C-1", "C-2"]
    assert [witness.evidence_id for witness in incident.witnesses] == [
        "V-20260101-120000-000000000001",
        "V-20260101-120000-000000000002",
    ]
    assert incident.witnesses[0].why_en == ""
    assert incident.witnesses[1].why_en == "merged: camera East gate 2, 40 m away, same site, 8 s later"
    assert incident.witnesses[1].why_zh == "合并：东门2，相距 40 米，同一站点，晚 8 秒"


def test_kinds_of_one_family_join_and_those_of_others_do_not() -> None:
    assert second(first(), seen_by(2, kind=Kind.GATHERING)).verdict is Verdict.MERGED
    assert second(first(), seen_by(2, kind=Kind.FALL)).verdict is Verdict.NEW_INCIDENT


def test_every_kind_for_which_units_are_sent_has_a_family_and_every_family_a_usual_closeness() -> None:
    sent_for = {kind for kind in Kind if class_of(kind) is IncidentClass.SECURITY}
    assert set(FAMILY_OF) == sent_for
    assert set(FAMILY_OF.values()) == set(KindFamily) == set(USUAL)
    assert likeness(Kind.CAMERA_HEALTH, simulated=False, drill=False) is None


@pytest.mark.parametrize(
    ("metres", "seconds", "site", "joins"),
    [
        (79, 8, "东站", True),
        (82, 8, "东站", False),
        (149, 8, "会堂", True),  # of one site: farther is still close
        (152, 8, "会堂", False),
        (40, 121, "会堂", True),  # began 120 s after the first was seen last
        (40, 125, "会堂", False),
        (40, -119, "会堂", True),
        (40, -130, "会堂", False),  # it was over before: kept on the local disk, and accepted late
    ],
)
def test_close_is_metres_and_seconds_between_when_it_was_seen(
    metres: float, seconds: float, site: str, joins: bool
) -> None:
    other = seen_by(2, metres, seconds)
    other = replace(other, camera=replace(other.camera, site=site))
    assert (second(first(), other).verdict is Verdict.MERGED) is joins


def test_of_several_incidents_the_nearest_takes_it() -> None:
    far = first()
    near = accept(seen_by(3, 60.0, 2.0), History(None, None), at(5)).incident
    assert near is not None
    decided = accept(seen_by(2, 45.0), History(None, None, nearby=(far, near)), at(20), USUALLY)
    assert decided.incident is not None
    assert decided.incident.id == "I-3"


def test_a_thing_does_not_spread_from_camera_to_camera() -> None:
    """Measured from the first camera: the third is near the second, and far from the first."""
    two = second(first(), replace(seen_by(2, 70.0), camera=replace(seen_by(2, 70.0).camera, site="a"))).incident
    assert two is not None
    third = replace(seen_by(3, 140.0), camera=replace(seen_by(3, 140.0).camera, site="a"))
    assert second(two, third).verdict is Verdict.NEW_INCIDENT


def test_while_it_is_seen_again_and_again_others_may_join_it() -> None:
    again = accept(seen_by(1, 0.0, 200.0), History(at(0), first()), at(201)).incident
    assert again is not None
    assert second(again, seen_by(2, 40.0, 250.0)).verdict is Verdict.MERGED
    assert second(first(), seen_by(2, 40.0, 250.0)).verdict is Verdict.NEW_INCIDENT


def test_one_camera_with_two_rules_of_a_family_has_one_incident() -> None:
    other = seen_by(1, 0.0, 3.0, kind=Kind.GATHERING)
    decided = second(first(), replace(other, alert_id=candidate(2).alert_id))
    assert decided.verdict is Verdict.MERGED
    assert decided.incident is not None
    assert len(decided.incident.witnesses) == 2


def test_a_camera_that_joined_joins_again_under_its_own_share() -> None:
    two = second(first(), seen_by(2)).incident
    assert two is not None
    again = accept(replace(seen_by(2, 40.0, 150.0), alert_id=candidate(9).alert_id), History(at(20), two), at(150))
    assert again.verdict is Verdict.JOINED
    assert again.incident is not None
    assert [witness.alert_ids for witness in again.incident.witnesses] == [("A-1",), ("A-2", "A-9")]
    assert again.incident.witnesses[1].why_en.startswith("merged: ")
    assert again.incident.alert_ids == ("A-1", "A-2", "A-9")


def test_the_incident_takes_the_highest_level_the_innermost_ring_and_the_shortest_target() -> None:
    far = seen_by(1, 0.0, 0.0, level=Level.BLUE, ring=ring(RingName.FAR, response_target_s=300.0))
    opened = accept(far, History(None, None), at(0)).incident
    assert opened is not None
    raised = second(opened, seen_by(2, level=Level.RED)).incident
    assert raised is not None
    assert (raised.level, raised.ring, raised.target_s) == (Level.RED, RingName.CORE, 60.0)
    assert raised.accepted_at == at(0), "no merge restarts the clock"
    lower = second(first(), seen_by(2, level=Level.GREEN)).incident
    assert lower is not None
    assert lower.level is Level.RED


def test_real_simulated_and_drill_never_mix_and_drills_are_each_for_themselves() -> None:
    real, simulated = seen_by(2), seen_by(2)
    simulated = replace(simulated, camera=replace(simulated.camera, simulated=True))
    of_simulated = replace(seen_by(1, 0.0, 0.0), camera=replace(camera(), simulated=True))
    made_up = accept(of_simulated, History(None, None), at(0)).incident
    assert made_up is not None
    assert second(first(), simulated).verdict is Verdict.NEW_INCIDENT
    assert second(made_up, real).verdict is Verdict.NEW_INCIDENT
    assert second(made_up, simulated).verdict is Verdict.MERGED
    drill = replace(real, drill=True)
    of_drill = accept(replace(drill, alert_id=candidate(1).alert_id), History(None, None), at(0)).incident
    assert of_drill is not None
    for incident in (first(), made_up, of_drill):
        assert second(incident, drill).verdict is Verdict.NEW_INCIDENT
    assert second(of_drill, simulated).verdict is Verdict.NEW_INCIDENT


@pytest.mark.parametrize("state", list(IncidentState))
@pytest.mark.parametrize("level", [Level.RED, Level.YELLOW])
@pytest.mark.parametrize("own", [Level.RED, Level.YELLOW])
def test_what_is_over_takes_nobody_and_a_red_alert_waits_for_no_unit_that_has_not_answered(
    state: IncidentState, level: Level, own: Level
) -> None:
    incident = replace(first(level=own), state=state)
    over = state in (IncidentState.HANDLED, IncidentState.CLOSED)
    would_wait = level is Level.RED and own is not Level.RED and state is IncidentState.ORDERED
    joined = second(incident, seen_by(2, level=level)).verdict is Verdict.MERGED
    assert joined is not (over or would_wait)


def test_who_refused_is_asked_again_when_another_camera_tells_of_something_red() -> None:
    refused = order(state=OrderState.REJECTED)
    raised = second(first(level=Level.YELLOW), seen_by(2)).incident
    assert raised is not None
    outcome = sent(Situation(raised, (refused,), (duty(),)), "O-9", at(21))
    assert [one.unit_id for one in outcome.orders] == ["U-1"]
    not_red = second(first(level=Level.YELLOW), seen_by(2, level=Level.YELLOW)).incident
    assert not_red is not None
    assert sent(Situation(not_red, (refused,), (duty(),)), "O-9", at(21)).orders == ()


def test_with_no_policy_nothing_joins_and_what_is_left_out_never_does() -> None:
    assert second(first(), seen_by(2), NEVER).verdict is Verdict.NEW_INCIDENT
    others = MergePolicy({family: close for family, close in USUAL.items() if family is not KindFamily.CROWD})
    assert second(first(), seen_by(2), others).verdict is Verdict.NEW_INCIDENT


def test_what_was_stored_before_there_were_witnesses_takes_others_too() -> None:
    old = replace(first(), witnesses=())
    decided = second(old, replace(seen_by(2), camera=replace(seen_by(2).camera, site="")))
    assert decided.incident is not None
    assert [witness.camera_id for witness in decided.incident.witnesses] == ["C-1", "C-2"]
    assert decided.incident.alert_ids == ("A-1", "A-2")


@given(
    kinds=st.tuples(NAMES, NAMES).filter(lambda both: Kind.CAMERA_HEALTH not in both),
    metres=st.floats(0, 500),
    seconds=st.floats(-400, 400),
    levels=st.tuples(st.sampled_from(list(Level)), st.sampled_from(list(Level))),
    state=st.sampled_from(list(IncidentState)),
    simulated=st.tuples(st.booleans(), st.booleans()),
    drill=st.booleans(),
    limits=st.tuples(st.floats(0, 500), st.floats(0, 500), st.floats(0, 400)),
    same_site=st.booleans(),
)
def test_whatever_is_seen_what_joins_is_alike_close_and_not_later_ordered_and_nothing_is_lost(
    kinds: tuple[Kind, Kind],
    metres: float,
    seconds: float,
    levels: tuple[Level, Level],
    state: IncidentState,
    simulated: tuple[bool, bool],
    drill: bool,
    limits: tuple[float, float, float],
    same_site: bool,
) -> None:
    within_m, more_m, within_s = limits
    policy = MergePolicy(dict.fromkeys(KindFamily, Closeness(within_m, within_m + more_m, within_s)))
    one = seen_by(1, 0.0, 0.0, kind=kinds[0], level=levels[0])
    one = replace(one, camera=replace(one.camera, simulated=simulated[0]))
    opened = accept(one, History(None, None), at(0)).incident
    assert opened is not None
    before = replace(opened, state=state)
    other = seen_by(2, metres, seconds, kind=kinds[1], level=levels[1], drill=drill)
    other = replace(other, camera=replace(other.camera, simulated=simulated[1], site="会堂" if same_site else "x"))
    decided = accept(other, History(None, None, nearby=(before,)), at(20), policy)
    assert decided.alert is not None
    assert decided.incident is not None
    assert decided.alert.id == "A-2"
    assert decided.alert.incident_id == decided.incident.id
    assert "A-2" in decided.incident.alert_ids
    alike = FAMILY_OF[kinds[0]] is FAMILY_OF[kinds[1]] and simulated[0] == simulated[1] and not drill
    reach_m = within_m + more_m if same_site else within_m
    near = other.camera.place.distance_m(before.place) <= reach_m
    apart_s = max((seconds - 4) - (-1), -4 - (seconds - 1), 0.0)
    if math.isclose(apart_s, within_s, abs_tol=0.001):
        return  # times have microseconds
    open_ended = state not in (IncidentState.HANDLED, IncidentState.CLOSED)
    waits = levels[1] is Level.RED and levels[0] is not Level.RED and state is IncidentState.ORDERED
    expected = alike and near and apart_s <= within_s and open_ended and not waits
    assert (decided.verdict is Verdict.MERGED) is expected
    if expected:
        after = decided.incident
        assert (after.id, after.state, after.sequence) == (before.id, before.state, before.sequence)
        assert after.clocks == before.clocks
        assert list(Level).index(after.level) == min(list(Level).index(level) for level in levels)
    else:
        assert decided.incident.id == IncidentId("I-2")
        assert decided.incident.clocks[ClockName.ACCEPTED].at == at(20)

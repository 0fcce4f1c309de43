"""What becomes an alert, and of which incident."""

from __future__ import annotations

from dataclasses import replace

from patrol.domain.alerts import History, Verdict, accept, fingerprint
from patrol.domain.camera import CameraId, RingName
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import ClockName, EvidenceId
from patrol.domain.levels import LevelPolicy
from patrol.domain.zones import RuleId, ZoneId
from tests.builders import at, candidate, event, incident

NOTHING_KNOWN = History(None, None)


def test_a_first_event_opens_an_incident_with_its_clock_running() -> None:
    decided = accept(candidate(), NOTHING_KNOWN, at(0))
    assert decided.verdict is Verdict.NEW_INCIDENT
    assert decided.alert is not None
    assert decided.incident is not None
    assert decided.alert.incident_id == decided.incident.id
    assert decided.incident.alert_ids == (decided.alert.id,)
    clocks = {name: stamp.at for name, stamp in decided.incident.clocks.items()}
    assert clocks == {
        ClockName.BEGAN: at(-4),
        ClockName.FIRST_FRAME: at(-4),
        ClockName.DETECTED: at(-0.5),
        ClockName.ACCEPTED: at(0),
    }
    assert decided.incident.due_at == at(60)


def test_the_same_thing_is_quiet_while_it_cools_down_and_not_a_moment_longer() -> None:
    history = History(at(0), None)
    assert accept(candidate(), history, at(59.999)).verdict is Verdict.COOLING_DOWN
    assert accept(candidate(), history, at(60)).verdict is Verdict.NEW_INCIDENT


def test_a_cooled_down_event_joins_the_incident_that_is_still_open() -> None:
    decided = accept(candidate(2), History(at(-100), incident()), at(0))
    assert decided.verdict is Verdict.JOINED
    assert decided.alert is not None
    assert decided.incident is not None
    assert decided.alert.incident_id == decided.incident.id == "I-1"
    assert decided.incident.alert_ids == ("A-1", "A-2")
    assert decided.incident.accepted_at == incident().accepted_at  # the ring's clock is never restarted


def test_an_incident_shows_the_first_clip_there_is() -> None:
    first, later = EvidenceId("V-first"), EvidenceId("V-later")
    history = History(at(-100), incident())
    joined = accept(candidate(2, clip_id=later), history, at(0))
    assert joined.alert is not None
    assert joined.incident is not None
    assert (joined.alert.clip_id, joined.incident.clip_id) == (later, later)
    kept = accept(candidate(2, clip_id=later), History(at(-100), incident(clip_id=first)), at(0))
    assert kept.incident is not None
    assert kept.incident.clip_id == first
    opened = accept(candidate(clip_id=first), NOTHING_KNOWN, at(0))
    assert opened.incident is not None
    assert opened.incident.clip_id == first


def test_another_camera_rule_or_zone_is_another_thing() -> None:
    others = [
        replace(event(), camera_id=CameraId("C-2")),
        replace(event(), rule_id=RuleId("other")),
        replace(event(), zone_id=ZoneId("other")),
        replace(event(), kind=Kind.INTRUSION),
    ]
    assert len({fingerprint(found) for found in [event(), *others]}) == 5


def test_levels_follow_kind_and_ring_and_fall_back() -> None:
    policy = LevelPolicy({Kind.CROWD: {RingName.CORE: Level.RED}}, Level.GREEN)
    assert policy.level_of(Kind.CROWD, RingName.CORE) is Level.RED
    assert policy.level_of(Kind.CROWD, RingName.FAR) is Level.GREEN
    assert policy.level_of(Kind.INTRUSION, RingName.CORE) is Level.GREEN


def test_why_it_has_its_level_goes_along_to_the_alert_and_its_incident() -> None:
    why = {"level_why_zh": "核心圈层的人员聚集，9 人", "level_why_en": "crowd of 9 in the core ring"}
    accepted = accept(candidate(**why), NOTHING_KNOWN, at(0))
    for each in (accepted.alert, accepted.incident, accepted.incident and accepted.incident.witnesses[0]):
        assert each is not None
        assert {name: getattr(each, name) for name in why} == why


def test_an_alert_from_before_the_clock_was_set_back_mutes_nothing() -> None:
    assert accept(candidate(), History(at(3600), None), at(0)).verdict is Verdict.NEW_INCIDENT

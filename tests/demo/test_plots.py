"""Which incident of the demo gets which plot, and by which limits its follow-up goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from patrol.demo import plots as module
from patrol.demo.plots import DEMO_CONFIRM, PROGRAMME, Plot, Plots, hurried, mate_of
from patrol.domain.escalating import FollowUpPolicy
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import EscalationStep, Incident, IncidentState
from patrol.domain.vocabulary import Place, RingName
from tests.builders import SQUARE, incident


def told(number: int, level: Level = Level.RED, **changes: Any) -> Incident:
    changes.setdefault("ring", RingName.FAR)
    return incident(number, level=level, simulated=True, **changes)


def test_each_plot_is_dealt_once_to_the_first_incident_that_it_suits_and_then_they_begin_anew() -> None:
    plots = Plots(DEMO_CONFIRM, (Plot.RAISED, Plot.LEFT_TO_RULE, Plot.WITHDRAWN, Plot.USUAL))
    levels = (Level.RED, Level.BLUE, Level.YELLOW, Level.RED, Level.YELLOW)
    dealt = [plots.deal(told(number, level), ()) for number, level in enumerate(levels)]
    assert dealt == [Plot.WITHDRAWN, Plot.LEFT_TO_RULE, Plot.RAISED, Plot.USUAL, Plot.RAISED]
    in_the_core = told(9, Level.BLUE, ring=RingName.CORE)
    assert Plots(DEMO_CONFIRM, (Plot.LEFT_TO_RULE, Plot.RAISED)).deal(in_the_core, ()) is Plot.RAISED, "nothing waits"


def test_an_incident_keeps_its_plot_also_when_its_level_changes() -> None:
    plots = Plots(DEMO_CONFIRM, (Plot.RAISED, Plot.WITHDRAWN))
    assert plots.of(told(1).id) is Plot.USUAL
    assert plots.deal(told(1, Level.YELLOW), ()) is Plot.RAISED
    assert plots.deal(told(1, Level.RED), ()) is Plot.RAISED
    assert plots.of(told(1).id) is Plot.RAISED


def test_what_suits_nobody_waits_and_nobody_is_left_without() -> None:
    plots = Plots(DEMO_CONFIRM, (Plot.MERGED, Plot.WITHDRAWN))
    green = told(1, Level.GREEN)
    assert plots.deal(green, [green]) is Plot.USUAL
    assert plots.deal(told(2), [told(2), green]) is Plot.MERGED


def test_only_so_many_are_remembered(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "INCIDENTS_REMEMBERED", 2)
    plots = Plots(DEMO_CONFIRM, (Plot.FALSE_ALARM, Plot.USUAL, Plot.USUAL, Plot.USUAL))
    for number in range(3):
        plots.deal(told(number), ())
    assert plots.of(told(0).id) is Plot.USUAL


def test_a_mate_is_the_nearest_of_its_kind_that_nobody_has_reached() -> None:
    near, nearer = Place(SQUARE.latitude + 0.002, SQUARE.longitude), Place(SQUARE.latitude + 0.001, SQUARE.longitude)
    far = Place(SQUARE.latitude + 0.02, SQUARE.longitude)
    one = told(1)
    others = [
        one,
        told(2, place=near),
        told(3, place=nearer, state=IncidentState.ON_SCENE),
        told(4, place=nearer, kind=Kind.INTRUSION),
    ]
    found = mate_of(one, others)
    assert found is not None
    assert found.id == "I-2"
    assert mate_of(one, [one, told(2, place=far)]) is None


def test_a_hurried_follow_up_reaches_every_step_in_a_minute_and_leaves_accepting_as_it_is() -> None:
    usual = FollowUpPolicy()
    usual = replace(usual, late_after=replace(usual.late_after, accept_s=dict.fromkeys(usual.late_after.accept_s, 7.0)))
    policy = hurried(usual)
    assert policy.late_after.accept_s == usual.late_after.accept_s
    red = policy.steps[Level.RED]
    assert [step.step for step in red] == list(EscalationStep)
    assert policy.late_after.handled_s[Level.RED] + red[-1].after_s <= 60
    assert all(policy.remind_every_s[level] < usual.remind_every_s[level] for level in Level)


def test_the_programme_holds_every_plot() -> None:
    assert set(PROGRAMME) == set(Plot)

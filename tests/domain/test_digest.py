"""A flood is told in one line that counts; what is red, or taken up, is told by itself."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.camera import RingName
from patrol.domain.digest import LINES, MOST_ONE_BY_ONE, digest
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import AlertId, ClockName, Incident, IncidentState, Stamp
from tests.builders import at, incident, maintenance_incident


def came(number: int, seconds: float, **changes: object) -> Incident:
    plain = incident(number, level=Level.YELLOW, clocks={ClockName.ACCEPTED: Stamp(at(seconds), "store")})
    return replace(plain, **changes)  # type: ignore[arg-type]


def flood(count: int = MOST_ONE_BY_ONE + 1, every_s: float = 1.0, first: int = 1) -> list[Incident]:
    return [came(first + number, number * every_s) for number in range(count)]


def test_as_many_as_can_be_read_are_told_one_by_one_and_one_more_is_a_flood() -> None:
    assert digest([]) is None
    assert digest(flood(MOST_ONE_BY_ONE)) is None
    found = digest(flood())
    assert found is not None
    assert found.incidents == MOST_ONE_BY_ONE + 1
    assert found.since == at(0)
    assert found.folded == tuple(f"I-{number}" for number in range(1, MOST_ONE_BY_ONE + 2))


def test_what_comes_slowly_is_no_flood_however_much_waits() -> None:
    assert digest(flood(100, every_s=60 / MOST_ONE_BY_ONE + 0.01)) is None
    assert digest(flood(100, every_s=60 / MOST_ONE_BY_ONE)) is not None


def test_only_the_flood_is_folded_and_not_what_came_long_before_or_after() -> None:
    before, after = came(901, -3600), came(902, 3600)
    found = digest([after, *flood(20), before])
    assert found is not None
    assert not {"I-901", "I-902"} & set(found.folded)
    assert found.incidents == 20


def test_red_confirmed_closed_and_maintenance_are_never_folded() -> None:
    others = [
        came(901, 3, level=Level.RED),
        came(902, 3).stamped(ClockName.CONFIRMED, at(9), "li"),
        came(903, 3, state=IncidentState.CLOSED),
        maintenance_incident(904),
    ]
    found = digest([*flood(), *others])
    assert found is not None
    assert found.incidents == MOST_ONE_BY_ONE + 1
    assert digest([*flood(MOST_ONE_BY_ONE), *others]) is None


def test_it_counts_by_level_ring_and_kind_the_most_urgent_first_and_then_the_most() -> None:
    alerts = (AlertId("A-1"), AlertId("A-2"), AlertId("A-3"))
    sorts = [
        *(came(number, 1, level=Level.GREEN, ring=RingName.FAR, kind=Kind.RUNNING) for number in range(1, 6)),
        *(came(number, 2, ring=RingName.PERIPHERY) for number in range(6, 14)),
        came(14, 3, kind=Kind.FALL, alert_ids=alerts),
    ]
    found = digest(sorts)
    assert found is not None
    assert [(line.level, line.ring, line.kind, line.incidents, line.alerts) for line in found.lines] == [
        (Level.YELLOW, RingName.PERIPHERY, Kind.CROWD, 8, 8),
        (Level.YELLOW, RingName.CORE, Kind.FALL, 1, 3),
        (Level.GREEN, RingName.FAR, Kind.RUNNING, 5, 5),
    ]
    assert (found.incidents, found.alerts, found.others) == (14, 16, 0)


def test_more_sorts_than_fit_are_counted_together() -> None:
    kinds = [kind for kind in Kind if kind is not Kind.CAMERA_HEALTH]
    many = [
        came(100 * rank + number, 1, ring=ring, kind=kind)
        for rank, ring in enumerate(RingName, start=1)
        for number, kind in enumerate(kinds)
    ]
    found = digest(many)
    assert found is not None
    assert len(found.lines) == LINES
    assert sum(line.incidents for line in found.lines) + found.others == found.incidents == len(many)


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(list(Level)), st.booleans()), max_size=60))
def test_whatever_comes_nothing_is_lost_and_the_order_does_not_matter(
    drawn: list[tuple[int, Level, bool]],
) -> None:
    everything = [
        came(number, seconds, level=level).stamped(ClockName.CONFIRMED, at(500), "li")
        if confirmed
        else came(number, seconds, level=level)
        for number, (seconds, level, confirmed) in enumerate(drawn)
    ]
    found = digest(everything)
    assert found == digest(everything[::-1])
    mine = [one for one in everything if one.level is not Level.RED and ClockName.CONFIRMED not in one.clocks]
    expected = {
        one.id
        for one in mine
        if any(
            sum(start <= other.accepted_at <= start + (at(60) - at(0)) for other in mine) > MOST_ONE_BY_ONE
            and start <= one.accepted_at <= start + (at(60) - at(0))
            for start in {other.accepted_at for other in mine}
        )
    }
    assert set(found.folded if found is not None else ()) == expected
    if found is not None:
        assert sum(line.incidents for line in found.lines) + found.others == len(expected)

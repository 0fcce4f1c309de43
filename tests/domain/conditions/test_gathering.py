"""Groups that grow and stay; not who passes, who was there all the time, or who stands apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.conditions.gathering import Gathering
from tests.builders import at
from tests.domain.conditions.moving import Mover, Played, area, goes, hidden, play, seconds, stays
from tests.examples import examples

BY_VISITS = [5.0 * n for n in range(60)]
SPOTS = [(600.0 + 60 * column, 400.0 + 20 * row) for row in range(3) for column in range(4)]


def played(*movers: Mover, times: list[float] = BY_VISITS, at_least: int = 5) -> Played:
    return play(Gathering(at_least), area(), movers, times, for_s=30.0, clear_after_s=30.0)


def arriving(count: int, every_s: float) -> list[Mover]:
    """People who come to a spot one after the other, and stay."""
    return [Mover(hidden(stays(*SPOTS[n]), (-1, n * every_s))) for n in range(count)]


def test_people_who_come_together_and_stay_are_one_event() -> None:
    (event,) = played(*arriving(8, 10.0)).events
    assert event.began_at == at(40.0)
    assert event.confirmed_at == at(70.0)
    assert event.evidence.words_en == "east: 8 people together (threshold 5), grown from 1, for 30 s"
    assert event.evidence.rising is True
    assert "8 人聚在一起（阈值 5），由 1 人增多" in event.evidence.words_zh


def test_a_group_that_was_there_all_the_time_is_none() -> None:
    assert played(*arriving(8, 0.0)).events == []


def test_too_few_are_none() -> None:
    assert played(*arriving(4, 10.0)).events == []


def test_people_apart_from_each_other_are_none() -> None:
    apart = [Mover(hidden(stays(50 + 170 * n, 400 if n % 2 else 650), (-1, 10.0 * n))) for n in range(7)]
    assert played(*apart).events == []


def test_a_group_that_walks_past_is_none_where_it_is_followed() -> None:
    walking = [Mover(goes((-100 - 40 * n, 400 + 10 * n), (60, 0), 0, 400)) for n in range(7)]
    assert played(*walking, times=seconds(40.0)).events == []


def test_a_group_that_parts_soon_is_none() -> None:
    passing = [Mover(hidden(stays(*SPOTS[n]), (-1, 40), (60, 400))) for n in range(8)]
    assert played(*passing).events == []


@examples(40)
@given(st.permutations(range(8)), st.integers(5, 8))
def test_the_order_in_which_they_come_does_not_matter(order: list[int], count: int) -> None:
    movers = [Mover(hidden(stays(*SPOTS[spot]), (-1, 10.0 * n))) for n, spot in enumerate(order[:count])]
    assert len(played(*movers, times=[5.0 * n for n in range(40)]).events) <= 1
    compact = [
        Mover(hidden(stays(*SPOTS[n]), (-1, 10.0 * order[:count].index(spot))))
        for n, spot in enumerate(sorted(order[:count]))
    ]
    assert len(played(*compact, times=[5.0 * n for n in range(40)]).events) == 1


def test_what_is_remembered_is_bounded() -> None:
    condition, memory = Gathering(), None
    from patrol.domain.scene import Scene
    from tests.domain.conditions.moving import picture

    for n in range(2000):
        found, _ = picture([Mover(stays(600, 400))], 0.25 * n)
        memory = condition.see(area(), Scene.of(at(0.25 * n), found), memory).memory
    assert len(memory) <= 257  # type: ignore[arg-type]

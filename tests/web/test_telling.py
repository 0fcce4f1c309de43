"""Whatever a viewer has seen, and however often he goes and comes back, he ends up with the room as it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from patrol.web.telling import Told, id_of, number_in

LIFE, OTHER = "0123abcd", "0123abce"
FIELDS = ("queue", "tour", "incidents")
rooms = st.fixed_dictionaries({name: st.sampled_from([b"0", b"1", b"2"]) for name in FIELDS})
# What happens next: the room is told, the viewer takes what there is, comes back, or comes back to another server.
happenings = st.lists(st.one_of(rooms, st.sampled_from(["takes", "comes back", "to another"])), max_size=40)


class Viewer:
    """Takes the whole room, or what he has missed, as the page does; and counts what he is told."""

    def __init__(self) -> None:
        self.room: dict[str, bytes] = {}
        self.newest = ""
        self.seen: int | None = None

    def comes_back(self, told: Told[str], life: str) -> None:
        self.seen = number_in(self.newest, told, life)

    def takes(self, told: Told[str], life: str) -> None:
        if told.number == 0 or self.seen == told.number:
            return
        if self.seen is None:
            self.room = dict(told.parts)
        else:
            missed = told.after(self.seen)
            assert {name for name, since in told.since.items() if since > self.seen} == missed.keys()
            self.room |= missed
        self.seen, self.newest = told.number, id_of(life, told.number)


@given(happenings)
def test_he_has_the_room_as_it_is_whenever_he_has_taken_what_there_is(happens: list[dict[str, bytes] | str]) -> None:
    life, viewer = LIFE, Viewer()
    told: Told[str] = Told()
    for each in happens:
        if isinstance(each, dict):
            told = told.and_now(each)
        elif each == "takes":
            viewer.takes(told, life)
            assert told.number == 0 or viewer.room == told.parts
        elif each == "comes back":
            viewer.comes_back(told, life)
        else:
            life = OTHER if life == LIFE else LIFE
            told = Told()
            viewer.comes_back(told, life)


@given(st.lists(rooms, min_size=1, max_size=20), st.data())
def test_nothing_is_told_twice_and_nothing_is_left_out(seen_rooms: list[dict[str, bytes]], data: st.DataObject) -> None:
    history: list[Told[str]] = [Told()]
    for room in seen_rooms:
        history.append(history[-1].and_now(room))
    seen = data.draw(st.integers(1, len(seen_rooms)))
    changed = {
        name
        for before, after in zip(history[seen:], history[seen + 1 :], strict=False)
        for name in FIELDS
        if before.parts[name] != after.parts[name]
    }
    assert history[-1].after(seen).keys() == changed
    assert history[-1].after(history[-1].number) == {}


def test_only_an_id_of_this_very_feed_says_what_was_seen() -> None:
    nothing: Told[str] = Told()
    told = nothing.and_now({"tour": b"1"}).and_now({"tour": b"2"})
    assert number_in(id_of(LIFE, 2), told, LIFE) == 2
    for strange in ("", "2", id_of(OTHER, 2), id_of(LIFE, 3), id_of(LIFE, 0), f"{LIFE}--1", f"{LIFE}-1\n", "x" * 1000):
        assert number_in(strange, told, LIFE) is None

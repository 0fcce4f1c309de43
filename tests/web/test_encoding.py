"""The room in parts: put together again it is the room, and what is as it was is made once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from patrol.domain.incidents import Incident
from patrol.domain.room import RoomSnapshot
from patrol.web import encoding
from patrol.web.answers import StateMessage
from patrol.web.encoding import RoomEncoder, change_message, is_awaited, state_message
from patrol.web.schemas import room_state, shown_of

from .fake_room import FakeRoom


def snapshot_of(room: FakeRoom) -> RoomSnapshot:
    return asyncio.run(room.snapshot())


@pytest.fixture
def room() -> FakeRoom:
    room = FakeRoom()
    room.fill()
    return room


def test_the_parts_together_are_the_room(room: FakeRoom) -> None:
    snapshot = snapshot_of(room)
    state = room_state(snapshot, room.layout, "v", {})
    whole = StateMessage(snapshot.at, replace(state, incidents=tuple(map(shown_of, state.incidents))))
    told = json.loads(state_message(snapshot.at, RoomEncoder(room.layout, "v").parts(snapshot, {})))
    expected = json.loads(TypeAdapter(StateMessage).dump_json(whole))
    assert told["room"] == expected["room"]


def test_what_is_as_it_was_is_not_made_again(room: FakeRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def noted(incident: Incident) -> Incident:
        made.append(incident.id)
        return shown_of(incident)

    monkeypatch.setattr(encoding, "shown_of", noted)
    encoder = RoomEncoder(room.layout, "v")
    before = encoder.parts(snapshot_of(room), {})
    assert len(made) == len(room.incidents)
    incident = next(iter(room.incidents))
    room.incidents[incident] = replace(room.incidents[incident], sequence=99)
    after = encoder.parts(snapshot_of(room), {})
    assert made[len(room.incidents) :] == [incident]
    changed = {part: value for part, value in after.items() if before.get(part) != value}
    assert [part for part in changed if is_awaited(part)] == [("incidents", incident)]
    told = json.loads(change_message(room.now(), changed))
    assert (told["incident_ids"], told["orders"]) == (None, {})
    assert [one["sequence"] for one in told["incidents"]] == [99]
    assert "incidents" not in told["room"]


def test_of_what_is_shown_no_more_nothing_is_kept(room: FakeRoom) -> None:
    encoder = RoomEncoder(room.layout, "v")
    encoder.parts(snapshot_of(room), {})
    gone = next(iter(room.incidents))
    del room.incidents[gone]
    parts = encoder.parts(snapshot_of(room), {})
    assert not {("incidents", gone), ("orders", gone)} & parts.keys()
    assert gone not in json.loads(parts["incident_ids"])
    assert gone not in encoder._incidents._made

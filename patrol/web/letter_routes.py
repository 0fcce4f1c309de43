"""Messages that could not be handled."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from patrol.domain.accounts import Permission
from patrol.domain.errors import MessageError
from patrol.ports import RoomDesk
from patrol.web.answering import done
from patrol.web.entering import DeclaredRoute, asking_of, declared, operator_of
from patrol.web.paging import asked_in, page_of, refuse_cursor
from patrol.web.problems import error_response
from patrol.web.reading import id_in, in_time, read
from patrol.web.schemas import ReplayBody, encode_letters

LETTERS = "dead-letters"
ENTRY = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")


def letter_routes(desk: RoomDesk) -> list[DeclaredRoute]:
    """To look at them, and to put them back."""
    letters = _Letters(desk)
    return [
        declared("/api/v1/dead-letters", letters.latest, Permission.SEE_LETTERS),
        declared("/api/v1/dead-letters/{letter_id}/replay", letters.replay, Permission.REPLAY, "POST"),
    ]


class _Letters:
    """Messages that could not be handled: looked at, and put back by somebody with a name."""

    def __init__(self, desk: RoomDesk) -> None:
        self._desk = desk

    async def latest(self, request: Request) -> Response:
        asked = asked_in(request, LETTERS)
        if asked.after is not None and not ENTRY.fullmatch(asked.after):
            refuse_cursor()
        found = await in_time(self._desk.dead_letters(asked.with_one_more, asked.after))
        letters, following = page_of(found, asked, LETTERS, lambda letter: letter.id)
        return Response(encode_letters(letters, following), media_type="application/json")

    async def replay(self, request: Request) -> Response:
        await read(request, ReplayBody)
        operator, letter_id = operator_of(request), id_in(request, "letter_id")
        try:
            return await done(self._desk.asked(asking_of(request)).replay(letter_id, operator))
        except MessageError as error:
            return error_response(409, "not_replayable", str(error))

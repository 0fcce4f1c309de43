"""Amending: a part of the configuration's file takes another's place, with a deed. See docs/adr/027-zones-edited.md."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

from patrol.domain.deeds import APPLIED, Action, Asking, Deed
from patrol.domain.drawing import WrittenScene
from patrol.domain.errors import FileChanged, NotWritten, StoreError
from patrol.domain.staffing import WrittenRoster
from patrol.ports import DeedLog

LOOKED_BACK = 200  # deeds: for who was quicker

Written = TypeVar("Written", WrittenScene, WrittenRoster)
WrittenThere = TypeVar("WrittenThere", WrittenScene, WrittenRoster, covariant=True)


class Change(Protocol[WrittenThere]):
    """What is ready to take the place of what was before it."""

    @property
    def before(self) -> WrittenThere: ...

    @property
    def after(self) -> WrittenThere: ...

    @property
    def apply(self) -> Callable[[], None]:
        """From now on the file has it. Raises OSError."""


class Amending:
    """One at a time. ``action``: as which it is noted. ``take_up``: has this process look at the file at once."""

    def __init__(self, deeds: DeedLog, action: Action, take_up: Callable[[], Awaitable[None]]) -> None:
        self._deeds = deeds
        self._action = action
        self._take_up = take_up
        self._writing = asyncio.Lock()

    async def amend(
        self,
        subject: str,
        operator: str,
        source: str,
        changing: AbstractContextManager[Change[Written] | None],
        written: Callable[[], Awaitable[Written]],
        said: Callable[[Written], Any],
    ) -> Written:
        """Have the change take place; gives what is written then.

        ``source``: the address it was asked from; empty where not known. ``written``: what is written, as it is now.
        ``said``: of that, the dataclass that its deed tells.

        The deed is noted when the new file lies on the disk, ready, and before it counts: nothing comes about without
        one, and one that came about says so (``APPLIED``), besides the versions in it. Raises what ``changing``
        does, FileChanged with who was quicker, NotWritten, StoreError.
        """
        async with self._writing:
            try:
                change = await asyncio.to_thread(changing.__enter__)
            except FileChanged as error:
                who = await self._who_was_quicker(subject, written)
                raise FileChanged(str(error), *((who.who, who.at) if who else ())) from None
            with contextlib.ExitStack() as stack:
                stack.push(changing)
                if change is not None:
                    told = _told(change.before, change.after, said)
                    number = await self._deeds.note(operator, self._action, subject, told, Asking(source=source))
                    try:
                        await asyncio.to_thread(change.apply)
                    except OSError as error:
                        raise NotWritten(f"{change.before.file} cannot be written: {error.strerror}") from None
                    with contextlib.suppress(StoreError):  # it counts, whether that can be kept or not
                        await self._deeds.came_of(number, APPLIED)
        await self._take_up()
        return change.after if change is not None else await written()

    async def _who_was_quicker(self, subject: str, written: Callable[[], Awaitable[Written]]) -> Deed | None:
        """Of a file that was changed by hand nobody knows."""
        with contextlib.suppress(StoreError):
            now = await written()
            for _, deed in await self._deeds.latest(LOOKED_BACK):
                if deed.action is self._action and deed.subject == subject:
                    return deed if f" -> {now.version}\n" in deed.detail else None
        return None


def _told(before: Written, after: Written, said: Callable[[Written], Any]) -> str:
    versions = f"{before.version} -> {after.version}"
    return f"{versions}\nbefore: {_as_json(said(before))}\nafter: {_as_json(said(after))}"


def _as_json(said: Any) -> str:
    return json.dumps(asdict(said), ensure_ascii=False, separators=(",", ":"))

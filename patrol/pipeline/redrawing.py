"""Redrawing: what people draw in cameras' pictures is taken up while Patrol runs. See docs/adr/027-zones-edited.md."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

from patrol.domain.camera import Camera, CameraId
from patrol.domain.drawing import DrawnScenes, redrawn
from patrol.domain.room import SceneStanding
from patrol.domain.zones import RuleId
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, SceneBook

_log = logging.getLogger(__name__)

LOOKED_EVERY_S = 1.0

Redrawn = Callable[[Camera, Camera], None]
"""Told of a camera as it was, and as it is from now on."""


class Redrawing:
    """Keeps ``cameras`` as the file has them drawn; they are shared with whoever looks at pictures.

    ``rules``: those that this process knows. ``followers``: told of every camera that is another one now, all in one
    go: no frame is looked at in between.
    """

    def __init__(
        self,
        book: SceneBook | None,
        cameras: dict[CameraId, Camera],
        rules: Collection[RuleId],
        clock: Clock,
        followers: Sequence[Redrawn] = (),
    ) -> None:
        self._book = book
        self._cameras = cameras
        self._rules = frozenset(rules)
        self._clock = clock
        self._followers = list(followers)
        self._looking = asyncio.Lock()
        self._standing: SceneStanding | None = None

    @property
    def standing(self) -> SceneStanding | None:
        """How far it is; None before the first look, and where there is no file to look at."""
        return self._standing

    def follow(self, follower: Redrawn) -> None:
        """One more who is told."""
        self._followers.append(follower)

    async def run(self, stopping: asyncio.Event) -> None:
        """Look at the file once a second."""
        await self.look()
        while not await pause(self._clock, stopping, LOOKED_EVERY_S):
            await self.look()

    async def look(self) -> None:
        """Take up what is new, if anything is."""
        if self._book is None:
            return
        async with self._looking:
            drawn = await asyncio.to_thread(self._book.changed)
            if drawn is not None:
                self._take(drawn)

    def _take(self, drawn: DrawnScenes) -> None:
        now = self._clock.now()
        if drawn.problem is not None:  # what was drawn before holds, masks above all
            stood = self._standing
            if stood is None or not stood.is_refused or stood.problem != drawn.problem:
                _log.error("the configuration cannot be read again; cameras stay as they are drawn: %s", drawn.problem)
            version = stood.version if stood else ""
            self._standing = SceneStanding(version, now, drawn.problem, is_refused=True)
            return
        changed, problem = redrawn(self._cameras, drawn, self._rules)
        for after in changed:
            before = self._cameras[after.id]
            self._cameras[after.id] = after
            for follower in self._followers:
                follower(before, after)
            _log.warning("camera %s: %s", after.id, _what_changed(before, after))
        if problem is not None:
            _log.warning("%s", problem)
        self._standing = SceneStanding(drawn.version, now, problem)


def _what_changed(before: Camera, after: Camera) -> str:
    differs = {
        "zones": before.zones != after.zones,
        "masks": before.masks != after.masks,
        "ground": before.ground != after.ground,
    }
    return f"{', '.join(name for name, is_so in differs.items() if is_so)} drawn anew"

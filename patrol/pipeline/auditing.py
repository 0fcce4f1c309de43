"""Auditing: every two seconds somebody asks whether every accepted alert moves, and writes down that they asked."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping

from patrol.domain.auditing import (
    SEEN_TWICE,
    SILENT_AFTER_S,
    Audit,
    AuditBounds,
    AuditView,
    Finding,
    FindingKind,
    audit,
)
from patrol.domain.board import Sending
from patrol.domain.camera import Ring, RingName
from patrol.domain.errors import QueueError, StoreError
from patrol.domain.escalating import FollowUpPolicy
from patrol.metrics import Metrics
from patrol.pipeline.stopping import pause
from patrol.pipeline.viewing import DeadLetters
from patrol.ports import Audits, AuditSource, Clock

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
# For so long after a fault the bounds after a fault hold; a look this late means that the machine stood still.
DISTURBED_FOR_S = 30.0
LATE_S = 1.0
FINDINGS_KEPT = 20


class Auditing:
    """Looks, writes down what it found, and shows it. HealthCheck of itself.

    ``is_disturbed``: whether the way to Redis is known to be disturbed just now.
    """

    name = "auditor"

    def __init__(
        self,
        source: AuditSource,
        audits: Audits,
        dead: DeadLetters,
        rings: Mapping[RingName, Ring],
        clock: Clock,
        metrics: Metrics,
        is_disturbed: Callable[[], bool] = lambda: False,
        bounds: AuditBounds | None = None,
        policy: FollowUpPolicy | None = None,
        sending: Sending | None = None,
    ) -> None:
        self._source = source
        self._audits = audits
        self._dead = dead
        self._rings = rings
        self._clock = clock
        self._metrics = metrics
        self._is_disturbed = is_disturbed
        self._bounds = bounds or AuditBounds()
        self._policy = policy or FollowUpPolicy()
        self._sending = sending or Sending()
        self._looked_at = self._fault_at = clock.monotonic()  # a start may follow a kill
        self._before: tuple[Finding, ...] = ()
        self._suspected: tuple[Finding, ...] = ()
        self._failing = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Look until ``stopping``."""
        while not await pause(self._clock, stopping, LOOK_EVERY_S):
            await self.tick()

    async def tick(self) -> None:
        """One look. A store that is away ends nothing; that nobody looked is seen by the age of the last look."""
        try:
            await self._look()
            self._failing = False
        except StoreError as error:
            self._fault_at = self._clock.monotonic()
            self._metrics.stages.errors.labels("relay").inc()
            if not self._failing:
                _log.error("the auditor waits for the store: %s", error)
            self._failing = True

    async def problem(self) -> str | None:
        """See HealthCheck."""
        silent_s = self._clock.monotonic() - self._looked_at
        return f"the auditor has not looked for {silent_s:.0f} s" if silent_s > SILENT_AFTER_S else None

    async def _look(self) -> None:
        disturbed = self._disturbed(self._clock.monotonic())
        now = self._clock.now()
        view = await self._source.look(
            now, self._bounds.published_s, disturbed=disturbed, dead_letters=await self._dead_letters()
        )
        # Of hundreds that are open it takes some 10 ms, for which the relay would stand still.
        found = self._sure(await asyncio.to_thread(self._audited, view))
        await self._audits.keep_audit(Audit(now, found[:FINDINGS_KEPT], len(found)))
        self._tell(found)
        self._looked_at = self._clock.monotonic()

    def _audited(self, view: AuditView) -> tuple[Finding, ...]:
        before = (*self._before, *self._suspected)
        return audit(view, self._rings, self._bounds, before, policy=self._policy, sending=self._sending)

    def _sure(self, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
        suspected = {(one.kind, one.subject) for one in self._suspected}
        self._suspected = tuple(one for one in found if one.kind in SEEN_TWICE)
        return tuple(one for one in found if one.kind not in SEEN_TWICE or (one.kind, one.subject) in suspected)

    def _disturbed(self, now: float) -> bool:
        if self._is_disturbed() or now - self._looked_at > LOOK_EVERY_S + LATE_S:
            self._fault_at = now
        return now - self._fault_at < DISTURBED_FOR_S

    async def _dead_letters(self) -> int | None:
        try:
            return await self._dead.dead_letters()
        except QueueError:
            return None

    def _tell(self, found: tuple[Finding, ...]) -> None:
        known = {(one.kind, one.subject) for one in self._before}
        for finding in found[:FINDINGS_KEPT]:
            if (finding.kind, finding.subject) not in known:
                _log.error("audit: %s (since %s)", finding.words_en, finding.since.isoformat(timespec="seconds"))
        if self._before and not found:
            _log.info("audit: everything moves again")
        self._before = found
        kinds = Counter(finding.kind for finding in found)
        self._metrics.watch.audited({kind.value: kinds[kind] for kind in FindingKind})

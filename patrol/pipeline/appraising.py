"""Appraising: what the feedback of the last months says of each rule on each camera, for people to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from patrol.domain.precision import LOOKED_BACK, Precision, PrecisionReport, proposals, together
from patrol.domain.rules import Rule
from patrol.domain.vocabulary import RuleId
from patrol.ports import Clock, Judgements

# Asked for in pieces, so that who looks at the room meanwhile never waits for all of it.
AT_ONCE = timedelta(days=7)
STAYS_TRUE_S = 60.0


class Appraising:
    """PrecisionView over the store. Worked out no oftener than once a minute, however many people look."""

    def __init__(self, judgements: Judgements, rules: Mapping[RuleId, Rule], clock: Clock) -> None:
        self._judgements = judgements
        self._rules = rules
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._last: tuple[float, PrecisionReport] | None = None

    async def precision(self) -> PrecisionReport:
        """See PrecisionView."""
        async with self._one_at_a_time:
            if self._last is not None and self._clock.monotonic() - self._last[0] < STAYS_TRUE_S:
                return self._last[1]
            report = await self._work_out()
            self._last = self._clock.monotonic(), report
            return report

    async def _work_out(self) -> PrecisionReport:
        now = self._clock.now()
        since = begins = now - LOOKED_BACK
        found: list[Precision] = []
        while begins <= now:
            # What is closed just now belongs to the last piece.
            ends = begins + AT_ONCE
            found += await self._judgements.judged(begins, ends)
            begins = ends
        rules = together(found)
        return PrecisionReport(now, since, rules, proposals(rules, self._rules))

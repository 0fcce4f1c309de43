"""Appraising: what the feedback of the last months says of each rule on each camera, for people to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from patrol.domain.precision import (
    LOOKED_BACK,
    Precision,
    PrecisionReport,
    Proposal,
    WrittenChange,
    proposals,
    together,
)
from patrol.domain.rules import Rule
from patrol.domain.vocabulary import RuleId
from patrol.ports import Clock, Judgements

# Asked for in pieces, so that who looks at the room meanwhile never waits for all of it.
AT_ONCE = timedelta(days=7)
STAYS_TRUE_S = 60.0

Write = Callable[[Proposal], WrittenChange | None]
"""How a proposal stands in the configuration's file; None where nothing is left to change."""


class Appraising:
    """PrecisionView over the store. Worked out no oftener than once a minute, however many people look.

    What ``write`` cannot write any more has been done, or its camera is gone: it is not proposed.
    """

    def __init__(
        self, judgements: Judgements, rules: Mapping[RuleId, Rule], clock: Clock, write: Write | None = None
    ) -> None:
        self._judgements = judgements
        self._rules = rules
        self._clock = clock
        self._write = write
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
        names = {rule.id: (rule.name, rule.name_en) for rule in self._rules.values()}
        return PrecisionReport(now, since, rules, self._written(proposals(rules, self._rules)), names)

    def _written(self, proposed: Sequence[Proposal]) -> tuple[Proposal, ...]:
        if self._write is None:
            return tuple(proposed)
        changes = ((proposal, self._write(proposal)) for proposal in proposed)
        return tuple(replace(proposal, written=change) for proposal, change in changes if change is not None)

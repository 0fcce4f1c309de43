"""Leads: what a visit is given, how long one may have to wait, and so how long before its bound a camera comes due."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence, Set

from patrol.domain.hosts import Host, worst_wait_on_host_s
from patrol.domain.slots import Demand, worst_wait_s
from patrol.domain.visits import Place, Standing, TourSettings, held_since

# A visit is given three times what visits of its camera took lately: a moment in which the machine is busy must not
# look like a dead camera. In steps of half as much again, so that not every visit changes what the others must expect.
PATIENCE = 3.0
STEP = 1.5
# A stream that is kept open has its newest key frame ready. Asked later, it has a newer one: the gap that is ended is
# longer, and fewer visits do. With key frames 2 s apart and a bound of 5 s it is the difference between 2 s and 4.
KEPT_OPEN_DEADLINE_S = 0.6


class Leads:
    """The leads of all cameras. ``worst_waits_s``: the longest waits for a slot; see ``weigh``."""

    def __init__(self, standings: Collection[Standing], settings: TourSettings) -> None:
        self._standings = standings
        self._settings = settings
        self.worst_waits_s: dict[int, float | None] = {}
        self.weigh()

    def least_s(self, standing: Standing) -> float:
        """What every visit is given, so that there is time for another."""
        deadline_s = self._settings.visit_deadline_s
        if standing.kept_open and not standing.is_passing:
            deadline_s = min(deadline_s, KEPT_OPEN_DEADLINE_S)
        return min(deadline_s, standing.bound_s / 2)

    def _longest_s(self, standing: Standing) -> float:
        return max(self.least_s(standing), min(self._settings.longest_visit_s, standing.bound_s / 2))

    def wanted_s(self, standing: Standing) -> float:
        """What the next visit should be given, by how long visits of this camera took lately."""
        least_s = self.least_s(standing)
        needed_s = PATIENCE * standing.usual_s
        steps = math.ceil(math.log(needed_s / least_s, STEP) - 1e-9) if needed_s > least_s else 0
        return min(self._longest_s(standing), least_s * STEP**steps + standing.waits_s)

    def given_s(self, standing: Standing, now: float) -> float:
        """What a visit is given that begins now, if its camera is due."""
        if not standing.ever_seen and self._waits_for_nobody(standing):
            return self._longest_s(standing)
        given_s = standing.assumed_s if now >= standing.assumed_from else min(standing.given_s, standing.assumed_s)
        return max(given_s, self.least_s(standing))  # its session may have broken since

    def until_due_s(self, standing: Standing, now: float) -> float:
        """How long a look may take so that the camera is visited in time all the same; no longer than any visit."""
        due_at = standing.since + standing.bound_s - self.lead_s(standing)
        return min(self._longest_s(standing), due_at - now)

    def is_late(self, standing: Standing, now: float) -> bool:
        """Whether a visit that begins now could end after the bound."""
        return now + self.given_s(standing, now) - held_since(standing) > standing.bound_s + 1e-9

    def expected_share(self, standing: Standing, now: float) -> float:
        """The share of its bound that will have passed when a visit that begins now ends, by what it usually takes."""
        takes_s = min(standing.usual_s + standing.waits_s, self.given_s(standing, now))
        return (now + takes_s - held_since(standing)) / standing.bound_s

    def _waits_for_nobody(self, standing: Standing) -> bool:
        """Whether there is a slot for each, so that a longer visit makes nobody wait."""
        return self._worst_wait_s(standing, None) == self._worst_wait_s(standing, standing.host) == 0.0

    def review(self, now: float) -> list[Standing]:
        """Slow cameras are given more, quick ones less again. Who has to come due earlier, since it may wait longer."""
        changed = [standing for standing in self._standings if self._is_misjudged(standing)]
        if not changed:
            return []
        # Whoever may have to wait for a longer visit comes due by the new lead once the longest bound is over.
        from_then_on = now + max(standing.bound_s for standing in self._standings)
        for standing in changed:
            standing.given_s, standing.assumed_s = self.given_s(standing, now), self._fitting_s(standing)
            standing.assumed_from = from_then_on
        return self._weighed_anew({id(standing.host) for standing in changed})

    def learn(self, standing: Standing) -> None:
        """A visit told how long visits of the camera take: at once where nobody has to wait for a longer one."""
        if self._is_misjudged(standing) and self._waits_for_nobody(standing):
            standing.given_s = standing.assumed_s = self._fitting_s(standing)

    def _is_misjudged(self, standing: Standing) -> bool:
        fitting_s = self._fitting_s(standing)
        return fitting_s > standing.assumed_s or fitting_s < standing.assumed_s / STEP - 1e-9

    def _fitting_s(self, standing: Standing) -> float:
        """What due visits should be given. While it fails, a camera's visits are retries, and given all they want."""
        return self.least_s(standing) if standing.failures else self.wanted_s(standing)

    def _weighed_anew(self, hosts: Set[int]) -> list[Standing]:
        before = dict(self.worst_waits_s)
        self.weigh(hosts)
        longer = {key for key, wait_s in self.worst_waits_s.items() if (wait_s or 0.0) > (before.get(key) or 0.0)}
        return [standing for standing in self._standings if longer & {0, id(standing.host)}]

    def lead_s(self, standing: Standing) -> float:
        """How long before its bound a camera becomes due, if its visit may take all it is given."""
        wait_s = self._worst_wait_s(standing, None)
        wait_s += 0.0 if standing.kept_open else self._worst_wait_s(standing, standing.host)
        return self._reckoned_s(standing) + wait_s + self._margin_s(standing)

    def spread(self, standings: Iterable[Standing], now: float) -> Iterator[tuple[Standing, float]]:
        """When each is looked at next, spread over its own bound: no rush, and none is late if it answers quickly."""
        by_bound: dict[float, list[Standing]] = {}
        for standing in standings:
            by_bound.setdefault(standing.bound_s, []).append(standing)
        for bound_s, group in by_bound.items():
            for index, standing in enumerate(group):
                lead_s = self.lead_s(standing)
                evenly = now + max(0.0, bound_s - lead_s) * index / len(group)
                yield standing, min(evenly, standing.since + bound_s - lead_s)

    def _reckoned_s(self, standing: Standing) -> float:
        """What its visits may take; a session may have broken since that was reckoned."""
        return max(standing.assumed_s, self.least_s(standing))

    def _margin_s(self, standing: Standing) -> float:
        return min(self._settings.lead_s, standing.bound_s / 4)

    def _worst_wait_s(self, standing: Standing, host: Host[Place] | None) -> float:
        wait_s = self.worst_waits_s.get(id(host) if host is not None else 0, 0.0)
        # Where no wait would surely do, a camera comes due half-way: early enough to have a chance, and no haste.
        return wait_s if wait_s is not None else max(0.0, standing.bound_s / 2 - self._reckoned_s(standing))

    def weigh(self, hosts: Set[int] | None = None) -> None:
        """Work out the longest possible waits for a slot, of the tour's own (0) and of each host's (its id).

        None stands for one that is not to be bounded. ``hosts``: those for which it may have changed; all if None.
        """
        everyone = self._standings
        overall = worst_wait_s([self._demand(s) for s in everyone], self._settings.workers)
        is_another = hosts is None or overall != self.worst_waits_s.get(0)
        waits: dict[int, float | None] = {} if is_another else dict(self.worst_waits_s)
        waits[0] = overall
        by_host: dict[int, list[Standing]] = {}
        for standing in everyone:
            key = id(standing.host)
            if not standing.kept_open and (is_another or hosts is None or key in hosts):
                by_host.setdefault(key, []).append(standing)
        for key, group in by_host.items():
            waits[key] = self._worst_wait_of_host(group, overall or 0.0)
        self.worst_waits_s = waits

    def _worst_wait_of_host(self, group: Sequence[Standing], overall_s: float) -> float | None:
        host = group[0].host
        demands = [self._demand(standing, overall_s) for standing in group]
        return worst_wait_on_host_s(demands, host.for_visits, max(self._longest_s(standing) for standing in group))

    def _demand(self, standing: Standing, besides_s: float = 0.0) -> Demand:
        # Who comes along with others begins that much sooner, and so comes due again sooner.
        bound_s = standing.bound_s - self._margin_s(standing) - self._settings.along_s(standing.bound_s)
        return Demand(self._reckoned_s(standing) + besides_s, bound_s)

    def rebound(self, standing: Standing, now: float) -> None:
        """Its bound is another one. How slow it is stays known; the next review reckons with it."""
        visit_s = max(self.least_s(standing), self.given_s(standing, now))
        standing.given_s = standing.assumed_s = min(visit_s, standing.bound_s / 2)

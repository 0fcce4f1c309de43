"""What follow-up did (盯办), as a vendor's console was told of it, held against the drill's own figures.

Knows nothing of Patrol's code. The clocks by which something gets late are written down here once more, on purpose:
those that surely run, by which nothing may be forgotten, and those that may run, before which nothing may be done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from faults.figures import ACCEPT_S, ESCALATION, FEEDBACK_S, MOBILISE_S, ON_SHORTFALL, REMIND_EVERY_S
from faults.told import OPEN_ORDERS, Line, Told, incidents_in, sent_at_of, unix

GRACE_S = 20.0  # from when something is due until it is done, or from when dispatch was killed or held up last
EARLY_S = 0.5
SENT_WITHIN_S, SETS_OUT_WITHIN_S = 2.0, MOBILISE_S + 10.0
# How far the time in a message may be from the machine's when it is read: the queue is away now and then.
AHEAD_S, BEHIND_S = 3.0, 300.0
MOST_LISTED = 12  # of an incident's orders, in a message

UNREACHED = frozenset({"new", "ordered", "accepted", "en_route"})
WITH_UNITS = frozenset({"ordered", "accepted", "en_route", "on_scene"})
UNANSWERED = frozenset({"sent", "doubted"})
RANK = {"next_unit": 0, "supervisor": 1, "room": 2}


@dataclass(frozen=True)
class FollowUp:
    """What was done, counted, ``steps`` by name; the lists hold what is wrong, each named; empty is right."""

    steps: Mapping[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    doubted: int = 0
    reminders: int = 0
    reopened: int = 0
    wrong_steps: tuple[str, ...] = ()
    without_clock: tuple[str, ...] = ()
    old_timers: tuple[str, ...] = ()
    off_the_clock: tuple[str, ...] = ()


class HeldUp:
    """When dispatch could not work: killed, stopped, or without a store. ``spans``: begin and end, Unix time."""

    def __init__(self, spans: Sequence[tuple[float, float]]) -> None:
        self._spans = sorted(spans)

    def by(self, due_at: float) -> float:
        """Until when what is due must be done: nobody can be back sooner than he was killed last."""
        latest = due_at + GRACE_S
        for begin, end in self._spans:
            if begin > latest:
                break
            if end > due_at:
                latest = max(latest, end + GRACE_S)
        return latest


@dataclass(frozen=True)
class Sent:
    """When an order was sent, and how many seconds it was to take; Unix time.

    ``over_at``: when it was told first that it is over; ``open_until``: until then, or, where a message may be missing
    before that one, until it was told last that it is open.
    """

    at: float
    eta_s: float | None
    open_until: float
    over_at: float | None


def follow_up(
    console: Sequence[Line],
    orders: Sequence[Line],
    held_up: Sequence[tuple[float, float]] = (),
    ended_at: float = 0.0,
) -> FollowUp:
    """All findings. ``held_up``: when dispatch could not work; ``ended_at``: of the drill; all since boot."""
    incidents = incidents_in(console)
    everything = [one for told in incidents.values() for one in told]
    if not everything:
        return FollowUp()
    to_unix_s = median(one.wall - one.heard_at for one in everything)
    held = HeldUp([(begin + to_unix_s, end + to_unix_s) for begin, end in held_up])
    sent = _sent(orders, incidents)
    changes = [(before, after) for told in incidents.values() for before, after in pairwise(told)]
    standing = [one for told in incidents.values() for one in _standing(told, ended_at + to_unix_s)]
    return FollowUp(
        steps=Counter(after.step.name for before, after in changes if _is_taken(before, after) and after.step),
        acknowledged=sum(_is_acknowledged(after) and not _is_acknowledged(before) for before, after in changes),
        doubted=len({order for one in everything for order, state in one.orders.items() if state == "doubted"}),
        reminders=sum(after.life == before.life and after.reminders > before.reminders for before, after in changes),
        reopened=sum(after.life > before.life for before, after in changes),
        wrong_steps=(
            *(wrong for before, after in changes for wrong in _wrong_change(before, after, sent)),
            *(wrong for told in incidents.values() for wrong in _reminded_too_soon(told)),
            *(wrong for one in standing for wrong in _forgotten(one, sent, held)),
        ),
        without_clock=tuple(wrong for one in standing for wrong in _without_clock(one, held)),
        old_timers=tuple(old_timers(incidents, orders)),
        off_the_clock=tuple(off_the_clock(everything)),
    )


def lives_of(incidents: Mapping[str, Sequence[Told]]) -> dict[str, int]:
    """Of which of its incident's lives each order is: of the one in which it was listed first."""
    lives: dict[str, int] = {}
    for told in incidents.values():
        for one in told:
            for order in one.orders:
                lives.setdefault(order, one.life)
    return lives


def _sent(orders: Sequence[Line], incidents: Mapping[str, Sequence[Told]]) -> dict[str, Sent]:
    etas = {line["order"]: line.get("eta_s") for line in orders if "order" in line}
    open_until: dict[str, float] = {}
    over_at: dict[str, float] = {}
    for told in incidents.values():
        before = 0
        for one in told:
            for order, state in one.orders.items():
                is_over = state not in OPEN_ORDERS
                if not is_over or (order not in over_at and one.sequence == before + 1):
                    open_until[order] = one.at
                if is_over:
                    over_at.setdefault(order, one.at)
            before = one.sequence
    return {
        order: Sent(at, etas.get(order), max(at, open_until.get(order, at)), over_at.get(order))
        for order, at in sent_at_of(orders, incidents).items()
    }


@dataclass(frozen=True)
class _Standing:
    """A told state, until when it stood, and when its incident was acknowledged last in this life; Unix time.

    ``was_reached``: somebody was there in an earlier life.
    """

    told: Told
    until: float
    acknowledged_at: float
    was_reached: bool


def _standing(told: Sequence[Told], ended_at: float) -> Iterator[_Standing]:
    """Each state of an open incident."""
    acknowledged_at, life = 0.0, 0
    was_reached = is_reached = False
    for place, one in enumerate(told):
        if one.life != life:
            acknowledged_at, life = 0.0, one.life
            was_reached, is_reached = was_reached or is_reached, False
        is_reached |= one.reached_at is not None
        if one.step is not None and one.step.acknowledged_at is not None:
            acknowledged_at = max(acknowledged_at, one.step.acknowledged_at)
        if one.state != "closed":
            until = told[place + 1].at if place + 1 < len(told) else ended_at
            yield _Standing(one, until, acknowledged_at, was_reached)


def _is_taken(before: Told, after: Told) -> bool:
    """Whether a step was taken between the two."""
    if after.step is None:
        return False
    return before.life != after.life or before.step is None or before.step.at != after.step.at


def _is_acknowledged(told: Told) -> bool:
    return told.step is not None and told.step.acknowledged_at is not None


def _wrong_change(before: Told, after: Told, sent: Mapping[str, Sent]) -> Iterator[str]:
    """What one message says that the one before it does not let it say."""
    if after.life == before.life:
        if before.step is not None and after.step is None:
            yield f"{after.incident}: {before.step.name} was taken, and is forgotten"
        if before.step is not None and after.step is not None and _is_taken(before, after):
            yield from _out_of_order(before, after)
    if _is_taken(before, after) and after.step is not None:
        early_s = _earliest_step(after, sent) - after.step.at
        if early_s > EARLY_S:
            yield f"{after.incident}: {after.step.name} ({after.level}) {early_s:.1f} s too soon"
        if abs(after.step.at - after.at) > EARLY_S:
            yield f"{after.incident}: {after.step.name} told {after.at - after.step.at:.1f} s after it was taken"
    if after.overdue and not before.overdue and after.response_due_at is not None:
        early_s = after.response_due_at - min(after.at, after.reached_at or after.at)
        if early_s > EARLY_S:
            yield f"{after.incident}: overdue {early_s:.1f} s too soon"
    for order, state in after.orders.items():
        if state == "doubted" and before.orders.get(order) != "doubted":
            early_s = sent[order].at + ACCEPT_S - after.at
            if early_s > EARLY_S:
                yield f"{order}: doubted {early_s:.1f} s too soon"


def _out_of_order(before: Told, after: Told) -> Iterator[str]:
    """Steps go up; the same again only for something else, once somebody has taken on what was late."""
    assert before.step is not None
    assert after.step is not None
    lower = RANK[after.step.name] < RANK[before.step.name]
    again = after.step.name == before.step.name and before.step.acknowledged_at is None
    if lower or again or after.step.at < before.step.at:
        yield f"{after.incident}: {before.step.name}, then {after.step.name}{' again' if again else ''}"


def _earliest_step(told: Told, sent: Mapping[str, Sent]) -> float:
    """Before when the step that was taken cannot have been due, Unix time."""
    assert told.step is not None
    after_s = dict(ESCALATION[told.level]).get(told.step.name)
    due = [since + after_s for since in _may_be_late_since(told, sent)] if after_s is not None else []
    if told.step.name == ON_SHORTFALL.get(told.level) or after_s == 0:
        due += list(_may_be_short_since(told, sent))
    return min(due, default=float("inf"))


def _may_be_late_since(told: Told, sent: Mapping[str, Sent]) -> Iterator[float]:
    for order, state in told.open_orders.items():
        if state in UNANSWERED:
            yield sent[order].at + ACCEPT_S
        elif state == "accepted":
            yield sent[order].at + SETS_OUT_WITHIN_S
            if _is_infeasible(sent[order], told):
                yield sent[order].at
    if told.state == "new" and not told.open_orders:  # that nobody else could go may have been found as the last ended
        yield max([told.began_at, *(sent[order].open_until for order in told.orders)])
    if told.state in UNREACHED and told.target_s is not None:
        yield told.began_at + told.target_s
    yield from _may_be_short_since(told, sent) if told.open_orders else ()


def _may_be_short_since(told: Told, sent: Mapping[str, Sent]) -> Iterator[float]:
    """Where no unit can be in time: at once, since waiting mends nothing."""
    if told.state == "new" and not told.open_orders:
        yield told.began_at
    elif told.state in UNREACHED and all(_is_infeasible(sent[order], told) for order in _counted(told.open_orders)):
        # Without a break, as a unit that is late may have been sent instead of another that would have been.
        yield min((sent[order].at for order in told.orders if _is_infeasible(sent[order], told)), default=told.began_at)


def _counted(orders: Mapping[str, str]) -> Sequence[str]:
    """Those whose units may still answer in time, or have: beside them a doubted one is nobody's crew."""
    return [order for order, state in orders.items() if state != "doubted"] or list(orders)


def _is_infeasible(order: Sent, told: Told) -> bool:
    return order.eta_s is None or told.due_at is None or order.at + order.eta_s > told.due_at - EARLY_S


def _unsent_since(told: Told, sent: Mapping[str, Sent]) -> float:
    """Since when nobody is on the way, at the latest: since it was told that the last order is over."""
    return max([told.began_at, *(over_at for order in told.orders if (over_at := sent[order].over_at) is not None)])


def _surely_late_since(told: Told, sent: Mapping[str, Sent]) -> Iterator[float]:
    for order, state in told.open_orders.items():
        if state in UNANSWERED:
            yield sent[order].at + ACCEPT_S
    if told.state == "new" and not told.open_orders:
        yield _unsent_since(told, sent) + SENT_WITHIN_S
    if told.state in UNREACHED and told.reached_at is None and told.target_s is not None:
        yield told.began_at + told.target_s


def _forgotten(standing: _Standing, sent: Mapping[str, Sent], held: HeldUp) -> Iterator[str]:
    """What was due while this state stood, and was not done by when it must be."""
    told = standing.told

    def forgotten(due_at: float) -> bool:
        return held.by(max(due_at, told.at)) < standing.until

    since = [one for one in _surely_late_since(told, sent) if one > standing.acknowledged_at]
    for name, after_s in ESCALATION[told.level] if since else ():
        if RANK[name] > _told_up_to(told) and forgotten(min(since) + after_s):
            yield f"{told.incident}: {name} ({told.level}) was due after {told.state}, and not taken"
            break
    for order, state in told.open_orders.items():
        if state == "sent" and forgotten(sent[order].at + ACCEPT_S):
            yield f"{order}: not accepted, and never doubted"
    unmarked = told.state in UNREACHED and not told.overdue and told.reached_at is None and not standing.was_reached
    if unmarked and told.response_due_at is not None and forgotten(told.response_due_at):
        yield f"{told.incident}: its target has passed, and it is not overdue"
    if told.state == "handled" and not told.reminders and forgotten((told.t10 or told.began_at) + FEEDBACK_S):
        yield f"{told.incident}: handled, and nobody was reminded"


def _told_up_to(told: Told) -> int:
    """The rank of the last step; one less once it is acknowledged, as it may be due again for something else."""
    if told.step is None:
        return -1
    return RANK[told.step.name] - (told.step.acknowledged_at is not None)


def _without_clock(standing: _Standing, held: HeldUp) -> Iterator[str]:
    """No open incident may wait for nothing.

    Each has a target; while it is with units one of its orders is open. What is new and has nobody, what nobody
    accepts, and what is handled, is waited for by the clocks of ``_forgotten``.
    """
    told = standing.told
    if told.due_at is None:
        yield f"{told.incident}: {told.state}, and has no target"
    units_gone = told.state in WITH_UNITS and not told.open_orders and len(told.orders) < MOST_LISTED
    if units_gone and held.by(told.at) < standing.until:
        yield f"{told.incident}: {told.state}, and no order is open"


def _reminded_too_soon(told: Sequence[Told]) -> Iterator[str]:
    reminded_at = 0.0
    for before, after in pairwise(told):
        if after.life != before.life:
            reminded_at = 0.0
            continue
        if after.reminders == before.reminders:
            continue
        due_at = max((after.t10 or after.began_at) + FEEDBACK_S, reminded_at + REMIND_EVERY_S)
        if after.reminders != before.reminders + 1 or not (after.state == "handled" or after.closing):
            yield f"{after.incident}: {after.state}, {before.reminders} reminders, then {after.reminders}"
        elif after.state == "handled" and due_at - after.at > EARLY_S:
            yield f"{after.incident}: reminded {due_at - after.at:.1f} s too soon"
        reminded_at = after.at


def old_timers(incidents: Mapping[str, Sequence[Told]], orders: Sequence[Line]) -> Iterator[str]:
    """What still happened to an incident because of a life that was over when it was opened again."""
    lives, incident_of = lives_of(incidents), {line["order"]: line["incident"] for line in orders if "order" in line}
    reopened_at: dict[tuple[str, int], float] = {}
    for told in incidents.values():
        for one in told:
            for order in one.orders:
                if lives[order] != one.life:
                    yield f"{order}: of life {lives[order]} of {one.incident}, and listed in life {one.life}"
            if one.reopened_at is None:
                continue
            reopened_at.setdefault((one.incident, one.life), one.reopened_at)
            if one.step is not None and one.step.at < one.reopened_at - EARLY_S:
                yield f"{one.incident}: {one.step.name} of before it was opened again still stands"
    for line in orders:
        if "recall" in line and "sent_at" in line and (life := lives.get(line["recall"])) is not None:
            next_life_at = reopened_at.get((incident_of.get(line["recall"], ""), life + 1))
            if next_life_at is not None and unix(line["sent_at"]) > next_life_at + EARLY_S:
                yield f"{line['recall']}: called back ({line.get('reason')}) in a later life of its incident"


def off_the_clock(everything: Sequence[Told]) -> Iterator[str]:
    """Messages whose time is not the machine's, which nobody moved for whoever read them."""
    for one in everything:
        late_s = one.wall - one.at
        if not -AHEAD_S <= late_s <= BEHIND_S:
            yield f"{one.incident}:{one.sequence} says a time {late_s:.0f} s before the one at which it came"

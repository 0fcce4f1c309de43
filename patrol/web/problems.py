"""Problems (RFC 9457): how it is said that something failed, in one shape for whatever it was.

The type is a URN and stays what it is; its last part is the code that programs and the page go by. docs/api.md lists
them all, and tests/web/test_problems.py holds that list against this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import JSONResponse

from patrol.domain.errors import Apart, CaptureFailure, LiveRefusal, Objection, Refusal, Unsendable
from patrol.domain.retention import Gone

PREFIX = "urn:patrol:problem:"
PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemAt:
    """What is wrong with one part of a request. ``path``: where in its body, or which parameter."""

    path: str
    detail: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong. ``type`` for programs, ``title`` what it is in general, ``detail`` what it was this time.

    The others are left out where they say nothing. ``instance``: by which it is found in Patrol's log. ``errors``: of
    a request that cannot be read. ``by``: who was quicker. ``retry_after_s``: when trying again may be of use, seconds.
    ``failure``: what a camera failed by.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: tuple[ProblemAt, ...] | None = None
    by: str | None = None
    retry_after_s: int | None = None
    failure: CaptureFailure | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: with which statuses it is answered, and what it is, in English."""

    statuses: tuple[int, ...]
    title: str


_APART = {
    Apart.ITSELF: "An incident cannot be merged with itself",
    Apart.CLOSED: "One of the incidents is closed",
    Apart.HANDLED: "One of the incidents is handled",
    Apart.MAINTENANCE: "Maintenance is neither merged nor split",
    Apart.NOT_ALIKE: "Real, simulated and drill never mix",
    Apart.BOTH_OUT: "Both incidents have a unit on its way or on scene",
    Apart.REACHED_BEFORE: "One of the incidents was reached before it was opened again",
    Apart.FIRST: "The first camera's share is the incident itself",
    Apart.NO_SUCH_ALERT: "The incident has no such alert",
}
_UNSENDABLE = {
    Unsendable.NO_SUCH_UNIT: "There is no such unit",
    Unsendable.NO_SUCH_ORDER: "There is no such open order",
    Unsendable.NOT_WANTED: "The incident wants no unit",
    Unsendable.NOT_ALIKE: "Real and simulated never mix",
    Unsendable.OUT_OF_SERVICE: "The unit is out of service",
    Unsendable.THERE_ALREADY: "The unit is ordered there already",
    Unsendable.ON_SCENE: "The unit is on scene",
    Unsendable.OVERTAKEN: "Somebody else has just sent the unit elsewhere",
}
_OBJECTIONS = {
    Objection.CLOSED: "The incident is closed",
    Objection.OPEN: "The incident is open",
    Objection.MERGED: "The incident became part of another",
    Objection.MAINTENANCE: "Maintenance begins and ends with its cameras",
    Objection.REASON_MISSING: "A false alarm needs its reason",
    Objection.SAME_PERSON: "Another person has to agree",
    Objection.OVERTAKEN: "Somebody else has just said otherwise",
    Objection.NOT_CLOSING: "Nothing waits for a second person",
    Objection.ORIGINAL_MISSING: "A duplicate needs its original",
    Objection.ORIGINAL_UNKNOWN: "The original is unknown",
    Objection.ORIGINAL_ITSELF: "An incident is no duplicate of itself",
    Objection.ORIGINAL_NOT_ALIKE: "The original is of another kind",
    Objection.ORIGINAL_ENDS_IN_IT: "The original was closed as part of this one",
}
_LIVE = {
    LiveRefusal.VIEWERS: "As many look live as may",
    LiveRefusal.OWN_VIEWERS: "As many views are open as one sign-in may have",
    LiveRefusal.HOST: "The camera's recorder has no session to spare",
    LiveRefusal.ENCODINGS: "As many views are encoded as may be",
    LiveRefusal.NO_STREAM: "The camera has stills only",
    LiveRefusal.BROWSER: "The browser takes no live H.264",
    LiveRefusal.CAMERA: "The camera cannot be opened",
    LiveRefusal.REORDERED: "The camera sends B-frames",
    LiveRefusal.STOPPING: "Patrol is stopping",
}
_SIGN_IN = {
    Refusal.WRONG: (401, "Wrong name or password"),
    Refusal.TOO_OFTEN: (429, "Wrong too often"),
    Refusal.BUSY: (503, "Too many sign in at once"),
}
_GONE = {
    Gone.EXPIRED: "Kept for as long as it had to be",
    Gone.QUOTA: "Deleted to stay within the quota",
    Gone.PRESSURE: "Deleted while the disk was short of room",
    Gone.BY_HAND: "Its file was taken away",
    Gone.NEVER_KEPT: "Its file never came",
    Gone.ORPHAN: "It belonged to no alert",
}

KINDS: Mapping[str, Kind] = {
    "bad_request": Kind((400,), "The request cannot be read"),
    "not_signed_in": Kind((401,), "Nobody is signed in"),
    **{f"sign_in_{why.value}": Kind((status,), title) for why, (status, title) in _SIGN_IN.items()},
    "forbidden": Kind((403,), "Only Patrol's own page may do this"),
    "not_allowed": Kind((403,), "The role may not do this"),
    "no_accounts": Kind((403, 409), "There are no accounts yet"),
    "not_private": Kind((403,), "The connection is not private"),
    "not_found": Kind((404,), "There is no such thing"),
    "method_not_allowed": Kind((405,), "This is not done by that method"),
    "closed_already": Kind((409,), "The incident is closed already"),
    "unit_on_order": Kind((409,), "The unit is on an order"),
    "not_replayable": Kind((409,), "The letter cannot be put back"),
    "scene_changed": Kind((409,), "The camera's scene was changed meanwhile"),
    "roster_changed": Kind((409,), "The unit's roster was changed meanwhile"),
    **{f"not_together_{why.value}": Kind((409,), title) for why, title in _APART.items()},
    **{f"not_to_be_sent_{why.value}": Kind((409,), title) for why, title in _UNSENDABLE.items()},
    **{f"not_as_asked_{why.value}": Kind((409,), title) for why, title in _OBJECTIONS.items()},
    **{f"gone_{why.value}": Kind((410,), title) for why, title in _GONE.items()},
    "too_large": Kind((413,), "The request is too large"),
    "not_json": Kind((415,), "The request is not JSON"),
    "no_such_part": Kind((416,), "The file has no such part"),
    "unknown_host": Kind((421,), "Patrol is not known by this name"),
    "out_of_range": Kind((422,), "A value is outside its range"),
    "scene_unusable": Kind((422,), "The scene cannot be used"),
    "roster_unusable": Kind((422,), "The roster cannot be used"),
    "weak_password": Kind((422,), "The new password is not good enough"),
    "request_reused": Kind((422,), "The key was another request's"),
    "internal": Kind((500,), "A mistake of Patrol's"),
    "store_away": Kind((503,), "The store does not answer"),
    "queue_away": Kind((503,), "The queue does not answer"),
    "too_slow": Kind((503,), "No answer in time"),
    "feed_full": Kind((503,), "As many pages watch as the feed takes"),
    "wall_full": Kind((503,), "As many pages show the wall as it takes"),
    "tour_silent": Kind((503,), "The tour does not tell of its visits"),
    "tiles_away": Kind((503,), "The tile server does not answer"),
    "not_written": Kind((503,), "The configuration cannot be written"),
    "file_unusable": Kind((503,), "The configuration cannot be used as it is now"),
    "no_picture": Kind((503,), "The camera gives no picture"),
    **{f"live_{why.value}": Kind((503,), title) for why, title in _LIVE.items()},
}
"""Every kind of problem, by its code."""


class Refused(Exception):  # noqa: N818  (it names what happened)
    """A request is answered with this problem. ``more``: further members of it."""

    def __init__(self, status: int, code: str, message: str, **more: object) -> None:
        self.status = status
        self.code = code
        self.more = more
        super().__init__(message)


def error_response(status: int, code: str, message: str, **more: object) -> JSONResponse:
    """A problem as an answer. ``code``: one of ``KINDS``; ``more``: further members, left out where None."""
    body: dict[str, object] = {
        "type": PREFIX + code,
        "title": KINDS[code].title,
        "status": status,
        "detail": message,
        **{name: value for name, value in more.items() if value is not None and value != ""},
    }
    return JSONResponse(body, status, media_type=PROBLEM_JSON)


def codes_of(status: int) -> tuple[str, ...]:
    """The codes that are answered with a status."""
    return tuple(code for code, kind in KINDS.items() if status in kind.statuses)


def phrase_of(status: int) -> str:
    """A status in words, with what it may be."""
    return f"{HTTPStatus(status).phrase}: {', '.join(codes_of(status))}"

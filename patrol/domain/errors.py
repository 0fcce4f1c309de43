"""Every error Patrol raises on purpose, split by what the caller can do about it.

PatrolError
├── ConfigError          a person mends the configuration; carries every problem with its path in the file
│   └── FileUnusable     so it is of the file as it lies there now, whatever was to be changed in it
├── FileChanged          the configuration is not what it was when it was read: look again, then decide again
├── NotWritten           the system does not let the configuration be written; a person mends its rights, or its disk
├── ModelError           a person gets, or mends, a model file; the message says how
├── InputError           a person gives another file or argument
├── CaptureError         one visit of one camera failed; the tour backs off and comes again
├── StoreError           the database did not take it; try again, and say so
├── QueueError           Redis did not answer; try again, and say so
├── TilesAway            the tile server did not give a map tile; the map goes on without it
├── SignInRefused        nobody was signed in: wrong, too often, or too many at once; says why in one word
├── LiveRefused          nobody sees this camera live now; says why in one word, and stills are what is left
├── DoneBefore           a request that names itself has been done; what came of it is with the deed
├── MessageError         a message on the queue cannot be read; it goes to the dead letters
└── IllegalTransition    a state machine was asked for a step its table does not hold
    ├── NotTogether      incidents cannot be merged, or one not be split, as they stand; says why in one word
    ├── NotToBeSent      a dispatcher cannot send or take back this unit, as things stand; says why in one word
    ├── NotAsAsked       what an operator says of an incident cannot be taken as it stands; says why in one word
    └── UnitBusy         a unit is on an order, and cannot be set otherwise before that has ended
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PatrolError(Exception):
    """Base of all errors that Patrol raises on purpose. Its text is fit for an operator's eyes: no secrets."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing wrong in a configuration file.

    ``path`` is the path inside the file (``cameras[17].ring``), ``line`` is 1-based or None where unknown.
    """

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        return f"{where}{self.path}: {self.message}"


class ConfigError(PatrolError):
    """The configuration cannot be used; all problems found are listed, not only the first."""

    def __init__(self, file: str, problems: tuple[ConfigProblem, ...]) -> None:
        self.file = file
        self.problems = problems
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__("\n".join([f"{file}: {count}", *(f"  {problem}" for problem in problems)]))


class FileUnusable(ConfigError):  # noqa: N818  (it names what it is)
    """The file as it is now cannot be used: what was to be changed in it is not to blame.

    ``may_pass``: the system did not give it; it may the next time, though nobody touches the file.
    """

    def __init__(self, error: ConfigError, *, may_pass: bool) -> None:
        self.may_pass = may_pass
        super().__init__(error.file, error.problems)


class FileChanged(PatrolError):  # noqa: N818  (it names what happened)
    """What was to be changed is not what it was when it was read: somebody else was quicker.

    ``who``, ``at``: by what is known of that; None where the file was changed by hand. ``at``: aware UTC.
    """

    def __init__(self, message: str, who: str | None = None, at: datetime | None = None) -> None:
        self.who = who
        self.at = at
        super().__init__(message)


class NotWritten(PatrolError):  # noqa: N818
    """The system does not let the configuration be written; the text says why. Nothing was changed."""


class ModelError(PatrolError):
    """A model is missing, has a wrong hash or cannot be loaded; the message says what to do."""


class InputError(PatrolError):
    """A file or an argument given on the command line cannot be used."""


class CaptureFailure(StrEnum):
    """Why a visit brought no frame. Closed set: also the metric's label."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    TIMED_OUT = "timed_out"
    NO_KEY_FRAME = "no_key_frame"
    BUSY = "busy"  # the camera or its recorder has no session left
    UNSUPPORTED = "unsupported"  # a video format that cannot be read
    BROKEN = "broken"
    WRONG_PICTURE = "wrong_picture"  # a picture of another scene than this camera's
    NO_SIGNAL = "no_signal"  # a recorder's picture that says it has none


class CaptureError(PatrolError):
    """One visit of one camera brought no frame. Never carries the address: it may hold a password."""

    def __init__(self, failure: CaptureFailure, detail: str = "") -> None:
        self.failure = failure
        self.detail = detail
        super().__init__(f"{failure.value}: {detail}" if detail else failure.value)


class LiveRefusal(StrEnum):
    """Why a camera is not seen live. Closed set: also the metric's label."""

    VIEWERS = "viewers"  # as many look as may, in all
    OWN_VIEWERS = "own_viewers"  # as many as one sign-in may
    HOST = "host"  # the camera's host has no session to spare
    ENCODINGS = "encodings"  # it would have to be encoded, and as many are as may be
    NO_STREAM = "no_stream"  # a camera of stills
    BROWSER = "browser"  # an offer without H.264, or none at all
    CAMERA = "camera"  # it cannot be opened
    REORDERED = "reordered"  # its pictures come in another order than they are shown in (B-frames)
    STOPPING = "stopping"


class LiveRefused(PatrolError):  # noqa: N818  (it names what happened)
    """A camera is not seen live. ``failure``: what the camera failed by, where it is the camera."""

    def __init__(self, reason: LiveRefusal, failure: CaptureFailure | None = None) -> None:
        self.reason = reason
        self.failure = failure
        super().__init__(f"{reason.value}: {failure.value}" if failure else reason.value)


class StoreFailure(StrEnum):
    """Why the database, or a disk, refused. Closed set: also the metric's label."""

    DISK_FULL = "disk_full"
    BUSY = "busy"  # another process holds it locked
    READ_ONLY = "read_only"
    AWAY = "away"
    DAMAGED = "damaged"
    CONFLICT = "conflict"  # this cannot go with what is stored; all else may
    BEHIND = "behind"  # it was put back to an older state, and is being brought up to date
    TOO_NEW = "too_new"  # a newer version of Patrol has changed its layout
    OTHER = "other"


class StoreError(PatrolError):
    """The database refused or did not answer; nothing was changed."""

    def __init__(self, message: str, failure: StoreFailure = StoreFailure.OTHER) -> None:
        self.failure = failure
        super().__init__(message)


class QueueError(PatrolError):
    """Redis refused or did not answer; what was sent may or may not have arrived."""


class TilesAway(PatrolError):  # noqa: N818  (it names what happened)
    """The tile server did not answer, or with something else; a map goes on without its tiles."""


class Refusal(StrEnum):
    """Why nobody was signed in. Closed set: also the metric's label and the code of the answer."""

    WRONG = "wrong"  # name or password; which of them is nobody's business
    TOO_OFTEN = "too_often"
    BUSY = "busy"  # too many try at once


class SignInRefused(PatrolError):  # noqa: N818  (it names what happened)
    """Nobody was signed in. ``retry_after_s``: trying again before that is of no use."""

    def __init__(self, why: Refusal, retry_after_s: float = 0.0) -> None:
        self.why = why
        self.retry_after_s = retry_after_s
        super().__init__(f"sign-in refused: {why.value}")


class MessageError(PatrolError):
    """A message on the queue is not what its type promises."""


class DoneBefore(PatrolError):  # noqa: N818  (it names what happened)
    """What a request by this key asked for is done already; this one changed nothing. ``number``: of its deed."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


class IllegalTransition(PatrolError):  # noqa: N818  (it names what happened, as StopIteration does)
    """A state machine was asked for a step that its table does not hold. ``by``: who was quicker, where it is known."""

    def __init__(self, message: str, by: str | None = None) -> None:
        self.by = by
        super().__init__(message)


class Apart(StrEnum):
    """Why incidents cannot be merged, or one not be split. Closed set: also the code of the answer."""

    ITSELF = "itself"
    CLOSED = "closed"
    HANDLED = "handled"
    MAINTENANCE = "maintenance"
    NOT_ALIKE = "not_alike"  # real and simulated, or a drill and no drill
    BOTH_OUT = "both_out"  # each has a unit on its way or on scene
    REACHED_BEFORE = "reached_before"  # one was opened again after somebody had been there
    FIRST = "first"  # the first camera's share is what the incident is
    NO_SUCH_ALERT = "no_such_alert"


class NotTogether(IllegalTransition):
    """Two incidents cannot become one, or one not two, as they stand."""

    def __init__(self, why: Apart, message: str, by: str | None = None) -> None:
        self.why = why
        super().__init__(message, by)


class Unsendable(StrEnum):
    """Why a dispatcher cannot send, or take back, a unit. Closed set: also the code of the answer."""

    NO_SUCH_UNIT = "no_such_unit"
    NO_SUCH_ORDER = "no_such_order"
    NOT_WANTED = "not_wanted"  # the incident is handled, closed, or maintenance
    NOT_ALIKE = "not_alike"
    OUT_OF_SERVICE = "out_of_service"
    THERE_ALREADY = "there_already"
    ON_SCENE = "on_scene"  # where it is, or of another incident
    OVERTAKEN = "overtaken"  # somebody else has sent it elsewhere, and the sender had not seen that


class NotToBeSent(IllegalTransition):
    """A dispatcher cannot send, or take back, this unit as things stand."""

    def __init__(self, why: Unsendable, message: str, by: str | None = None) -> None:
        self.why = why
        super().__init__(message, by)


class Objection(StrEnum):
    """Why what an operator says of an incident is not taken. Closed set: also the code of the answer."""

    CLOSED = "closed"
    OPEN = "open"  # only what is closed can be opened again
    MERGED = "merged"  # another incident goes on with it
    MAINTENANCE = "maintenance"  # begins and ends with its cameras
    REASON_MISSING = "reason_missing"  # of a false alarm
    SAME_PERSON = "same_person"  # the second of two people must be another one
    OVERTAKEN = "overtaken"  # somebody else has said otherwise, and whoever says this had not seen that
    NOT_CLOSING = "not_closing"  # there is no feedback that waits for a second person
    ORIGINAL_MISSING = "original_missing"  # of a duplicate: which incident is the same thing
    ORIGINAL_UNKNOWN = "original_unknown"
    ORIGINAL_ITSELF = "original_itself"
    ORIGINAL_NOT_ALIKE = "original_not_alike"  # real and simulated, a drill and no drill, security and maintenance
    ORIGINAL_ENDS_IN_IT = "original_ends_in_it"  # that one was closed as the same thing as this


class NotAsAsked(IllegalTransition):
    """What an operator says of an incident cannot be taken as the incident stands."""

    def __init__(self, why: Objection, message: str, by: str | None = None) -> None:
        self.why = why
        super().__init__(message, by)


class UnitBusy(IllegalTransition):
    """A unit is on an order."""

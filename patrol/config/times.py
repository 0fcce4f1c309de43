"""Days, times of day and time zones, as a file writes them."""

from __future__ import annotations

import zoneinfo
from datetime import date, time

from patrol.config.showing import did_you_mean, shown

TIME_PATTERN = r"^(([01]?[0-9]|2[0-3]):[0-5][0-9]|24:00)$"
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_GROUPS = {"workdays": frozenset(range(5)), "weekend": frozenset({5, 6}), "every_day": frozenset(range(7))}
_DAYS = {name: frozenset({number}) for number, name in enumerate(_WEEK)} | _GROUPS

DAYS_SCHEMA = {
    "anyOf": [
        {"enum": list(_DAYS)},
        {
            "type": "array",
            "minItems": 1,
            "maxItems": 7,
            "items": {"anyOf": [{"enum": list(_DAYS)}, {"type": "integer", "minimum": 1, "maximum": 7}]},
        },
    ]
}
"""The JSON Schema of what `days` reads."""


def days(given: object) -> frozenset[int]:
    """The weekdays, 0 for Monday, of a word (``workdays``) or a list of words and numbers from 1 for Monday.

    Raises ValueError with what was expected.
    """
    each = given if isinstance(given, list) else [given]
    if not each or len(each) > len(_WEEK):
        raise ValueError(f"expected 1 to 7 days, got {shown(given)}")
    return frozenset().union(*(_day(one) for one in each))


def _day(given: object) -> frozenset[int]:
    if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= len(_WEEK):
        return frozenset({given - 1})
    if isinstance(given, str) and given in _DAYS:
        return _DAYS[given]
    near = did_you_mean(given, list(_DAYS)) if isinstance(given, str) and "://" not in given else ""
    hint = near if "did you mean" in near else ""
    raise ValueError(f"expected {', '.join(_DAYS)} or 1 (Monday) to 7 (Sunday), got {shown(given)}{hint}")


def is_date(given: str) -> str:
    """``given``, if there is such a day; else raises ValueError."""
    try:
        date.fromisoformat(given)
    except ValueError:
        raise ValueError(f"expected a day that exists, as in 2026-10-01, got {shown(given)}") from None
    return given


def time_of_day(given: str) -> time:
    """``7:30`` as a time. ``24:00`` is the midnight at which the next day begins."""
    hour, _, minute = given.partition(":")
    return time(int(hour) % 24, int(minute))


def timezone_problem(name: str) -> str | None:
    """What is wrong with the name of a time zone, or None."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # the last for a folder, such as "Asia"
        known = zoneinfo.available_timezones()
    else:
        return None
    if not known:
        return "cannot be read: this machine has no time zone data; install it (the Python package tzdata, or Debian's)"
    near = did_you_mean(name, sorted(known))
    return (
        f"there is no time zone {shown(name)}{near if 'did you mean' in near else '; expected a name as Asia/Shanghai'}"
    )

"""How values of a file are shown in messages, and what stands nearest to a word nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

_LONGEST_SHOWN = 40
_MOST_NAMED = 12


def did_you_mean(given: str, known: Mapping[str, object] | list[str]) -> str:
    """``; did you mean `ring`?`` or, where nothing is near, what there is."""
    near = get_close_matches(given, list(known), n=1, cutoff=0.6)
    if near:
        return f"; did you mean `{near[0]}`?"
    if not known:
        return "; there is none"
    named = sorted(known)
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED + 3 else ""
    return f"; expected one of {', '.join(named[:_MOST_NAMED] if more else named)}{more}"


def shown(value: object) -> str:
    """``value`` for an error message. An address is never shown: it may hold a password."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "keys with values" if value else "no entry"
    if not isinstance(value, str):
        return f"{value}"
    if "://" in value or "@" in value:
        return "an address"
    return f"'{value[:_LONGEST_SHOWN]}…'" if len(value) > _LONGEST_SHOWN else f"'{value}'"

"""Deeds (操作记录): what people did, as it is kept with what it changed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

REFUSALS_TOGETHER = timedelta(minutes=1)
_TRIES = re.compile(r"(\d+) tries, the last at (\S+)")


class Action(StrEnum):
    """What somebody did. Closed set."""

    CONFIRM = "confirm"
    ACKNOWLEDGE = "acknowledge"
    CLOSE = "close"
    WITHDRAW_CLOSING = "withdraw_closing"
    REOPEN = "reopen"
    CHANGE_LEVEL = "change_level"
    NOTE = "note"
    MERGE = "merge"
    SPLIT = "split"
    ORDER_UNIT = "order_unit"
    TAKE_BACK = "take_back"
    SET_UNIT = "set_unit"
    PIN = "pin"
    SKIP = "skip"
    ACCEPT_VIEW = "accept_view"
    DRAW_SCENE = "draw_scene"
    SET_ROSTER = "set_roster"
    REPLAY = "replay"
    SIGN_IN = "sign_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_OUT = "sign_out"
    ADD_ACCOUNT = "add_account"
    CHANGE_ROLE = "change_role"
    CHANGE_PASSWORD = "change_password"
    DISABLE_ACCOUNT = "disable_account"
    ENABLE_ACCOUNT = "enable_account"
    ADD_TOKEN = "add_token"
    REVOKE_TOKEN = "revoke_token"


CLOSED, CLOSING_ASKED = "closed", "closing asked"
"""What feedback leads to; see ``led_to``."""
ASKED, APPLIED = "asked", "applied"
"""What a wish leads to once the queue has it, and a change of the configuration once it counts; see ``led_to``."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How something was asked for, by whomever.

    ``request``: the key by which its request named itself; ``source``: the address it came from. Empty where not known.
    """

    request: str = ""
    source: str = ""


NOT_KNOWN = Asking()


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did what with what, and when. Never holds a password, a token, or what somebody typed in their place.

    ``who``: the account's name, or what a person in a room without accounts calls himself; empty where nobody knows.
    ``subject``: the id of the incident, unit, camera, letter or account. ``detail``: the reason, and what else counts,
    for people. ``source``: the address it came from, where that is known. ``request``: the key by which its request
    named itself, so that it is done once, however often that comes. ``led_to``: what came of it, for who asks again.
    """

    at: datetime
    who: str
    action: Action
    subject: str
    detail: str = ""
    source: str = ""
    request: str = ""
    led_to: str = ""


def with_one_more(kept: Deed, refused: Deed) -> Deed | None:
    """Two refused sign-ins as one deed; None where each is one of its own.

    Of one address at one account there is one deed a minute, with how often and when last: a program that tries words
    all night fills no disk, and hides nothing of how hard it tried.
    """
    same = (kept.action, kept.subject, kept.source) == (refused.action, refused.subject, refused.source)
    if refused.action is not Action.SIGN_IN_REFUSED or not same:
        return None
    if not timedelta(0) <= refused.at - kept.at < REFUSALS_TOGETHER:
        return None
    told = _TRIES.fullmatch(kept.detail)
    tries = int(told[1]) if told is not None else 1
    return replace(kept, detail=f"{tries + 1} tries, the last at {refused.at.isoformat(timespec='seconds')}")

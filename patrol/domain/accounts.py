"""Accounts: who people are, what each role may do, and which passwords are good enough.

A name is the operator id by which everything that somebody does is recorded. Roles are in one order: each may what
those before it may.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from patrol.domain.errors import InputError


class AccountRole(StrEnum):
    """What somebody is in the room, the least first."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    DISPATCHER = "dispatcher"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"

    def includes(self, other: AccountRole) -> bool:
        """Whether it may at least what ``other`` may."""
        return _ORDER[self] >= _ORDER[other]


_ORDER = {role: place for place, role in enumerate(AccountRole)}


class Permission(StrEnum):
    """What a route needs."""

    SEE = "see"  # the room, its evidence, how often rules were right
    ACT = "act"  # say something of an incident: shown, confirmed, how urgent, merged, closed, open again
    LOOK = "look"  # ask the tour for more: pin a camera, accept a view
    DISPATCH = "dispatch"  # send units and take them back, say what they do
    REPORT_POSITIONS = "report_positions"  # of units, as their terminals do: nobody's deed, so no person's to do
    SEE_LETTERS = "see_letters"  # messages that could not be handled
    REPLAY = "replay"
    CONFIGURE = "configure"  # change what Patrol watches and how: what is drawn in a camera's picture
    SEE_DEEDS = "see_deeds"  # what everybody did
    READ_METRICS = "read_metrics"


# The table: the least role that may it. What is not in it is for machines alone.
LEAST_ROLE: Mapping[Permission, AccountRole] = {
    Permission.SEE: AccountRole.VIEWER,
    Permission.ACT: AccountRole.OPERATOR,
    Permission.LOOK: AccountRole.OPERATOR,
    Permission.SEE_LETTERS: AccountRole.OPERATOR,
    Permission.DISPATCH: AccountRole.DISPATCHER,
    Permission.REPLAY: AccountRole.SUPERVISOR,
    Permission.CONFIGURE: AccountRole.SUPERVISOR,
    Permission.SEE_DEEDS: AccountRole.SUPERVISOR,
    Permission.READ_METRICS: AccountRole.ADMINISTRATOR,
}


def permissions_of(role: AccountRole) -> frozenset[Permission]:
    """All that a role may."""
    return frozenset(permission for permission, least in LEAST_ROLE.items() if role.includes(least))


class TokenUse(StrEnum):
    """What a machine's token is for. None of these is done in a person's name."""

    READ = "read"
    METRICS = "metrics"
    POSITIONS = "positions"


PERMISSION_FOR_USE: Mapping[TokenUse, Permission] = {
    TokenUse.READ: Permission.SEE,
    TokenUse.METRICS: Permission.READ_METRICS,
    TokenUse.POSITIONS: Permission.REPORT_POSITIONS,
}


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in. ``password``: its hash, as the library writes it."""

    name: str
    role: AccountRole
    password: str = field(repr=False)
    made_at: datetime
    is_disabled: bool = False

    @property
    def key(self) -> str:
        """What no two accounts share."""
        return account_key(self.name)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A machine's way in. ``id``: the SHA-256 of the token, as hex; nobody has the token itself any more."""

    id: str = field(repr=False)
    account: str
    label: str
    uses: frozenset[TokenUse]
    made_at: datetime

    @property
    def permissions(self) -> frozenset[Permission]:
        """What it may: what its uses need, whatever its account's role."""
        return frozenset(PERMISSION_FOR_USE[use] for use in self.uses)


def account_key(name: str) -> str:
    """The same for all spellings of a name: by this the second of two people is another one (feedback.py)."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


_NAME = re.compile(r"[^\W_][\w.\-·]{1,31}")
RESERVED_NAMES = frozenset({"rule", "patrol"})  # who did something, where no person did: feedback.py, mustering.py


def checked_name(name: str) -> str:
    """A new account's name, in one spelling. Raises InputError."""
    name = unicodedata.normalize("NFKC", name).strip()
    if not _NAME.fullmatch(name):
        raise InputError("name: expected 2 to 32 letters, digits, '.', '-', '_' or '·', a letter or digit first")
    if account_key(name) in RESERVED_NAMES:
        raise InputError(f"name: {name} is what Patrol itself is called in its records; expected another one")
    return name


# NIST SP 800-63B-4, 3.1.1.2: of a password that is the only factor.
SHORTEST_PASSWORD, LONGEST_PASSWORD = 15, 256
FEWEST_CHARACTERS = 5
# What everybody tries first, beside the account's own name: it makes no password longer.
OBVIOUS = (
    "patrol",
    "password",
    "passwort",
    "admin",
    "police",
    "jingcha",
    "mima",
    "welcome",
    "letmein",
    "密码",
    "警察",
    "巡",
)
LONGEST_RUN = 8  # of neighbours in the alphabet, among the digits or on a keyboard
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiopasdfghjklzxcvbnm")


def prepared_password(password: str) -> str:
    """As it is hashed: what two keyboards write in two ways is one password."""
    return unicodedata.normalize("NFC", password)


def checked_password(password: str, account_name: str) -> str:
    """A new password, prepared. Raises InputError that says why it is not good enough, never what it is."""
    prepared = prepared_password(password)
    if not SHORTEST_PASSWORD <= len(prepared) <= LONGEST_PASSWORD:
        raise InputError(
            f"password: expected {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, got {len(prepared)};"
            " four words that have nothing to do with each other are easy to remember"
        )
    if any(unicodedata.category(letter) == "Cc" for letter in prepared):
        raise InputError("password: expected no control characters")
    plain = prepared.casefold()
    for word in (account_key(account_name), *OBVIOUS):
        plain = plain.replace(word, "")
    if len(set(plain)) < FEWEST_CHARACTERS or len(plain) < SHORTEST_PASSWORD // 2:
        raise InputError(
            "password: too easy to guess: the account's name, what everybody tries first, or a few characters again"
        )
    if _is_repeated(plain):
        raise InputError("password: too easy to guess: the same thing again and again")
    if _longest_run(plain) > min(LONGEST_RUN, len(plain) // 2):
        raise InputError("password: too easy to guess: neighbours on a keyboard or in the alphabet")
    return prepared


def _is_repeated(text: str) -> bool:
    """Whether it is one piece again and again, twice or more, the last time perhaps cut."""
    sizes = range(1, (len(text) + 1) // 2 + 1)
    return any(text == (text[:size] * (len(text) // size + 1))[: len(text)] for size in sizes)


def _longest_run(text: str) -> int:
    longest = 0
    for row in (*_RUNS, *(row[::-1] for row in _RUNS)):
        for begin in range(len(text)):
            length = longest + 1
            while begin + length <= len(text) and text[begin : begin + length] in row:
                longest, length = length, length + 1
    return longest

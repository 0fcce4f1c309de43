"""Signing in: how long a sign-in lasts, who a visitor is, and how long somebody who guesses has to wait."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from patrol.domain.accounts import Account, AccountRole, ApiToken, Permission, account_key, permissions_of

# A shift and its hand-over. Who only looks changes nothing: the screen on the wall is signed in once a month.
LASTS = timedelta(hours=13)
VIEWER_LASTS = timedelta(days=30)
# Without any request: an open page asks all the time, so this is how long a closed one may be opened again.
UNSEEN_FOR = timedelta(minutes=30)
SEEN_EVERY = timedelta(minutes=1)  # so often it is written down


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody is signed in, in one browser. ``id``: the SHA-256 of what is in the cookie, as hex."""

    id: str = field(repr=False)
    account: str
    began_at: datetime
    seen_at: datetime
    ends_at: datetime

    def is_over(self, now: datetime) -> bool:
        """Whether it has ended by itself. Presence renews nothing past ``ends_at``."""
        return now >= self.ends_at or now - self.seen_at >= UNSEEN_FOR

    def is_to_be_noted(self, now: datetime) -> bool:
        """Whether that it was seen again is worth writing down."""
        return now - self.seen_at >= SEEN_EVERY


def begun(secret: str, account: Account, now: datetime) -> SignIn:
    """The sign-in of an account that has just shown its password."""
    lasts = VIEWER_LASTS if account.role is AccountRole.VIEWER else LASTS
    return SignIn(fingerprint_of(secret), account.name, now, now, now + lasts)


def fingerprint_of(secret: str) -> str:
    """What is kept of a random secret. It has 256 bits, so that no slow hash is needed."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, and what they may.

    ``name``: of the account; empty in a room without accounts, where people say themselves who they are. ``role``: None
    there, and for machines. ``sign_in``: of a person's browser.
    """

    name: str
    role: AccountRole | None
    permissions: frozenset[Permission]
    sign_in: SignIn | None = None

    def may(self, permission: Permission) -> bool:
        """Whether this is theirs to do."""
        return permission in self.permissions


# In a room without accounts, whoever sits at this machine.
ANYBODY = Visitor("", None, frozenset(Permission))


def person(account: Account, sign_in: SignIn, now: datetime) -> Visitor | None:
    """Whoever is signed in so; None where that is over."""
    if account.is_disabled or sign_in.is_over(now):
        return None
    return Visitor(account.name, account.role, permissions_of(account.role), sign_in)


def machine(account: Account, token: ApiToken) -> Visitor | None:
    """A machine with a token; None where its account is disabled."""
    return None if account.is_disabled else Visitor(account.name, None, token.permissions)


class Bucket(StrEnum):
    """Whose wrong passwords are counted together."""

    PAIR = "pair"  # of one address, at one account
    ADDRESS = "address"
    ACCOUNT = "account"
    BROWSER = "browser"  # one in which the account was signed in before, at that account


@dataclass(frozen=True, slots=True)
class Patience:
    """So many wrong ones are free; the next makes wait for so long, and each after that twice as long."""

    free: int
    first_s: float
    longest_s: float = 900.0


# What strangers do at an account shuts out strangers alone: whoever comes with a browser in which it was signed in
# before counts by that browser, and by nothing else. NIST allows 100 in a row at an account.
PATIENCE: Mapping[Bucket, Patience] = {
    Bucket.PAIR: Patience(free=4, first_s=2.0),
    Bucket.ADDRESS: Patience(free=19, first_s=2.0),
    Bucket.ACCOUNT: Patience(free=49, first_s=30.0),
    Bucket.BROWSER: Patience(free=4, first_s=2.0),
}
FORGOTTEN_AFTER = timedelta(hours=24)
KNOWN_FOR = timedelta(days=90)  # a browser, since the account was last signed in there
_MOST_DOUBLINGS = 32


@dataclass(frozen=True, slots=True)
class Failures:
    """How often in a row it was a wrong password, and when last."""

    count: int
    last_at: datetime

    def and_one_more(self, now: datetime) -> Failures:
        """After one more; those of yesterday are forgotten."""
        return Failures(1 if now - self.last_at >= FORGOTTEN_AFTER else self.count + 1, now)


def wait_s(bucket: Bucket, failures: Failures, now: datetime) -> float:
    """For how long, from now, nobody may try again there."""
    patience = PATIENCE[bucket]
    over = failures.count - patience.free
    elapsed_s = (now - failures.last_at).total_seconds()
    if over <= 0 or elapsed_s >= FORGOTTEN_AFTER.total_seconds():
        return 0.0
    waits_s = min(patience.longest_s, patience.first_s * 2.0 ** min(over - 1, _MOST_DOUBLINGS))
    # The time kept may have been set back: then it is from now on.
    return max(0.0, waits_s - max(0.0, elapsed_s))


def browser_key(name: str, browser: str) -> str:
    """What is kept of a browser in which an account was signed in. ``browser``: the random secret that it keeps."""
    return fingerprint_of(f"{Bucket.BROWSER}\n{account_key(name)}\n{browser}")


def buckets_of(name: str, address: str) -> Mapping[Bucket, str]:
    """Where a stranger's try counts, by what is kept of it: what somebody typed as a name may be a password.

    This machine's own address stands for everybody behind its proxy: one of them shuts out no other.
    """
    named = account_key(name)
    told = {
        Bucket.PAIR: f"{Bucket.PAIR}\n{named}\n{address}",
        Bucket.ADDRESS: f"{Bucket.ADDRESS}\n{address}",
        Bucket.ACCOUNT: f"{Bucket.ACCOUNT}\n{named}",
    }
    if is_loopback(address):
        del told[Bucket.ADDRESS]
    return {bucket: fingerprint_of(text) for bucket, text in told.items()}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try to sign in. ``browser``: see ``browser_key``; ``is_known``: the account was signed in there lately."""

    name: str
    source: str
    browser: str = field(repr=False)
    is_known: bool = False

    @property
    def buckets(self) -> Mapping[Bucket, str]:
        """Where it counts, if the password is wrong, and what makes it wait."""
        if self.is_known:
            return {Bucket.BROWSER: browser_key(self.name, self.browser)}
        return buckets_of(self.name, self.source)

    @property
    def line(self) -> str:
        """With which others it waits for its turn, so that none of them keeps all places for himself."""
        return browser_key(self.name, self.browser) if self.is_known else self.source


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody was let in just now: what goes into the two cookies, and who it is."""

    secret: str = field(repr=False)
    browser: str = field(repr=False)
    visitor: Visitor


def is_loopback(address: str) -> bool:
    """Whether this is the machine itself: an address of its loopback, or ``localhost``."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return address.lower() == "localhost"

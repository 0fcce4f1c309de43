"""Signing in: who is who, as often as somebody asks for something."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NoReturn, TypeVar

from patrol.domain.accounts import Account, checked_password, prepared_password
from patrol.domain.deeds import Action, Deed
from patrol.domain.errors import Refusal, SignInRefused, StoreError
from patrol.domain.signing_in import (
    KNOWN_FOR,
    Attempt,
    SignedIn,
    Visitor,
    begun,
    browser_key,
    fingerprint_of,
    machine,
    person,
    wait_s,
)
from patrol.metrics import SIGNED_IN, Metrics
from patrol.ports import AccountStore, Clock, PasswordHasher

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")

FRESH_S = 5.0  # so long what the store said of somebody is believed: a page asks several times a second
AWAY_S = 600.0  # and so long while the store is away
MOST_REMEMBERED = 1024
MOST_WAITING = 16  # for their password to be looked at; a known browser waits however many strangers do
MOST_WAITING_OF_ONE = 4  # address, or known browser
SECRET_BYTES = 32
TOKEN_PREFIX = "patrol_"  # by which people and programs know one where it should not be


@dataclass(frozen=True, slots=True)
class _Remembered:
    visitor: Visitor
    at: float


class SigningIn:
    """SignInDesk over the store. One password at a time is looked at: each takes 64 MiB and a processor."""

    def __init__(self, store: AccountStore, hasher: PasswordHasher, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._hasher = hasher
        self._clock = clock
        self._metrics = metrics
        self._one_at_a_time = asyncio.Lock()
        self._waiting: Counter[str] = Counter()
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._nobodys_password: str | None = None
        self._has_accounts = False
        self._looked_at: float | None = None

    async def has_accounts(self) -> bool:
        """See SignInDesk. What was true once stays true; what was not is asked again after ``FRESH_S``."""
        now = self._clock.monotonic()
        if self._has_accounts or (self._looked_at is not None and now - self._looked_at < FRESH_S):
            return self._has_accounts
        try:
            self._has_accounts = await self._store.any_account()
        except StoreError:
            if self._looked_at is None:  # nobody knows: nothing is open
                raise
        else:
            self._looked_at = now
        return self._has_accounts

    async def sign_in(self, name: str, password: str, source: str, browser: str | None = None) -> SignedIn:
        """See SignInDesk."""
        try:
            attempt = await self._attempt(name, source, browser)
            await self._check_patience(attempt)  # who has to wait anyway waits in nobody's way
            signed_in = await self._in_turn(attempt, lambda: self._sign_in(attempt, password))
        except SignInRefused as refused:
            self._metrics.sign_ins.outcomes.labels(refused.why.value).inc()
            raise
        self._metrics.sign_ins.outcomes.labels(SIGNED_IN).inc()
        return signed_in

    async def _attempt(self, name: str, source: str, browser: str | None) -> Attempt:
        if browser is None:
            return Attempt(name, source, secrets.token_urlsafe(SECRET_BYTES))
        since = self._clock.now() - KNOWN_FOR
        return Attempt(name, source, browser, await self._store.knows_browser(browser_key(name, browser), since))

    async def _in_turn(self, attempt: Attempt, work: Callable[[], Awaitable[_Answer]]) -> _Answer:
        is_full = self._waiting.total() >= MOST_WAITING and not attempt.is_known
        if is_full or self._waiting[attempt.line] >= MOST_WAITING_OF_ONE:
            raise SignInRefused(Refusal.BUSY, 1.0)
        self._waiting[attempt.line] += 1
        try:
            async with self._one_at_a_time:
                return await work()
        finally:
            self._waiting -= Counter({attempt.line: 1})  # this drops those of whom none waits

    async def _sign_in(self, attempt: Attempt, password: str) -> SignedIn:
        await self._check_patience(attempt)
        account = await self._store.account(attempt.name)
        if self._nobodys_password is None:
            self._nobodys_password = await asyncio.to_thread(self._hasher.hash, secrets.token_urlsafe())
        if account is None or account.is_disabled:
            # As long as with an account: nobody shall find out by the time it takes which names there are.
            await asyncio.to_thread(self._hasher.is_right, self._nobodys_password, prepared_password(password))
            await self._refuse(account, attempt)
        if not await self._is_right(account, password):
            await self._refuse(account, attempt)
        return await self._let_in(attempt, account, password)

    async def _let_in(self, attempt: Attempt, account: Account, password: str) -> SignedIn:
        account = await self._brought_up_to_date(account, password)
        now, secret = self._clock.now(), secrets.token_urlsafe(SECRET_BYTES)
        sign_in = begun(secret, account, now)
        deed = Deed(now, account.name, Action.SIGN_IN, account.name, source=attempt.source)
        browser = browser_key(account.name, attempt.browser)
        # All are forgiven, also the address's: a whole room may have one.
        if not await self._store.sign_in(sign_in, account, browser, tuple(attempt.buckets.values()), deed):
            await self._refuse(account, attempt)  # its password was changed just now
        visitor = person(account, sign_in, now)
        assert visitor is not None
        _log.info("%s signed in from %s", account.name, attempt.source)
        return SignedIn(secret, attempt.browser, visitor)

    async def _check_patience(self, attempt: Attempt) -> None:
        buckets = attempt.buckets
        there, now = await self._store.failures(tuple(buckets.values())), self._clock.now()
        waits = (wait_s(bucket, there[key], now) for bucket, key in buckets.items() if key in there)
        if (longest_s := max(waits, default=0.0)) > 0.0:
            raise SignInRefused(Refusal.TOO_OFTEN, longest_s)

    async def _is_right(self, account: Account, password: str) -> bool:
        return await asyncio.to_thread(self._hasher.is_right, account.password, prepared_password(password))

    async def _refuse(self, account: Account | None, attempt: Attempt) -> NoReturn:
        # A name that nobody has is not kept: it may be a password in the wrong field.
        named = account.name if account is not None else ""
        deed = Deed(self._clock.now(), "", Action.SIGN_IN_REFUSED, named, source=attempt.source)
        await self._store.note_failures(tuple(attempt.buckets.values()), deed)
        _log.warning("a sign-in as %s from %s was refused", named or "nobody who is known", attempt.source)
        raise SignInRefused(Refusal.WRONG)

    async def _brought_up_to_date(self, account: Account, password: str) -> Account:
        if not self._hasher.is_outdated(account.password):
            return account
        kept = await asyncio.to_thread(self._hasher.hash, prepared_password(password))
        await self._store.rehash(account, kept)
        return replace(account, password=kept)

    async def visitor(self, secret: str) -> Visitor | None:
        """See SignInDesk."""
        sign_in_id = fingerprint_of(secret)

        async def look() -> Visitor | None:
            found = await self._store.signed_in(sign_in_id)
            return None if found is None else await self._seen(person(found[1], found[0], self._clock.now()))

        visitor = await self._recalled(sign_in_id, look)
        if visitor is not None and visitor.sign_in is not None and self._clock.now() >= visitor.sign_in.ends_at:
            return None  # remembered for a little longer than it lasts
        return visitor

    async def _seen(self, visitor: Visitor | None) -> Visitor | None:
        now = self._clock.now()
        if visitor is None or visitor.sign_in is None or not visitor.sign_in.is_to_be_noted(now):
            return visitor
        with suppress(StoreError):  # whoever is there is to see what is wrong with it
            await self._store.note_seen(visitor.sign_in.id, now)
        return replace(visitor, sign_in=replace(visitor.sign_in, seen_at=now))

    async def machine(self, token: str) -> Visitor | None:
        """See SignInDesk."""
        token_id = fingerprint_of(token)

        async def look() -> Visitor | None:
            found = await self._store.token(token_id)
            return None if found is None else machine(found[1], found[0])

        return await self._recalled(token_id, look)

    async def _recalled(self, key: str, look: Callable[[], Awaitable[Visitor | None]]) -> Visitor | None:
        now = self._clock.monotonic()
        known = self._remembered.get(key)
        if known is not None and now - known.at < FRESH_S:
            return known.visitor
        try:
            visitor = await look()
        except StoreError:
            if known is None or now - known.at >= AWAY_S:
                raise
            return known.visitor  # what is done by it fails anyway, and what is seen says why
        if visitor is None:
            self._remembered.pop(key, None)
            return None
        self._remembered[key] = _Remembered(visitor, now)
        self._remembered.move_to_end(key)
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return visitor

    async def sign_out(self, secret: str, source: str) -> None:
        """See SignInDesk."""
        visitor = await self.visitor(secret)
        if visitor is None or visitor.sign_in is None:
            return
        deed = Deed(self._clock.now(), visitor.name, Action.SIGN_OUT, visitor.name, source=source)
        try:
            await self._store.sign_out(visitor.sign_in.id, deed)
        finally:  # also while the store is away: nobody is to go on by what is remembered
            self._remembered.pop(visitor.sign_in.id, None)

    async def change_password(self, visitor: Visitor, old: str, new: str, source: str) -> None:
        """See SignInDesk. A wrong old one makes wait as a wrong sign-in does, by nothing but this sign-in."""
        assert visitor.sign_in is not None
        prepared = checked_password(new, visitor.name)
        attempt = Attempt(visitor.name, source, visitor.sign_in.id, is_known=True)
        await self._in_turn(attempt, lambda: self._change_password(attempt, old, prepared))
        self._remembered.clear()

    async def _change_password(self, attempt: Attempt, old: str, prepared: str) -> None:
        """``prepared``: the new one. The sign-in by which it is done goes on; its id stands for the browser."""
        await self._check_patience(attempt)
        account = await self._store.account(attempt.name)
        if account is None or account.is_disabled or not await self._is_right(account, old):
            await self._refuse(account, attempt)
        kept = await asyncio.to_thread(self._hasher.hash, prepared)
        deed = Deed(self._clock.now(), account.name, Action.CHANGE_PASSWORD, account.name, source=attempt.source)
        await self._store.change(replace(account, password=kept), deed, keeping=attempt.browser)

"""Enrolling: accounts and tokens, as an administrator makes, changes and disables them at the terminal."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace

from patrol.domain.accounts import Account, AccountRole, ApiToken, TokenUse, checked_name, checked_password
from patrol.domain.deeds import Action, Deed
from patrol.domain.errors import InputError
from patrol.domain.signing_in import fingerprint_of
from patrol.pipeline.signing_in import SECRET_BYTES, TOKEN_PREFIX
from patrol.ports import AccountStore, Clock, PasswordHasher


class Enrolling:
    """What changes accounts. Each raises StoreError, and InputError for what cannot be.

    ``who``: who does it, for the record.
    """

    def __init__(self, store: AccountStore, hasher: PasswordHasher, clock: Clock, who: str) -> None:
        self._store = store
        self._hasher = hasher
        self._clock = clock
        self._who = who

    async def add(self, name: str, role: AccountRole, password: str) -> Account:
        """A new account."""
        name, now = checked_name(name), self._clock.now()
        account = Account(name, role, self._hasher.hash(checked_password(password, name)), now)
        await self._store.add(account, self._deed(Action.ADD_ACCOUNT, name, role.value))
        return account

    async def set_password(self, name: str, password: str) -> None:
        """Another password; whoever is signed in by the old one is not any more."""
        account = await self.known(name)
        changed = replace(account, password=self._hasher.hash(checked_password(password, account.name)))
        await self._store.change(changed, self._deed(Action.CHANGE_PASSWORD, account.name))

    async def set_role(self, name: str, role: AccountRole) -> None:
        """Another role."""
        account = await self.known(name)
        detail = f"{account.role.value} -> {role.value}"
        await self._store.change(replace(account, role=role), self._deed(Action.CHANGE_ROLE, account.name, detail))

    async def disable(self, name: str, *, is_disabled: bool) -> None:
        """Nobody gets in by it, nor by its tokens, any more; or somebody does again."""
        account = await self.known(name)
        action = Action.DISABLE_ACCOUNT if is_disabled else Action.ENABLE_ACCOUNT
        await self._store.change(replace(account, is_disabled=is_disabled), self._deed(action, account.name))

    async def add_token(self, name: str, uses: Collection[TokenUse], label: str) -> str:
        """A token for a machine: told here once, and never again."""
        account = await self.known(name)
        token = TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        made = ApiToken(fingerprint_of(token), account.name, label, frozenset(uses), self._clock.now())
        said = f"{label}: {' '.join(sorted(uses))}"
        await self._store.add_token(made, self._deed(Action.ADD_TOKEN, account.name, said))
        return token

    async def revoke_token(self, beginning: str) -> ApiToken:
        """The one whose id begins so is worth nothing from now on."""
        found = [token for token in await self._store.tokens() if token.id.startswith(beginning)]
        if len(found) != 1:
            raise InputError(f"{beginning}: expected the id of one token, as the list shows it; {len(found)} begin so")
        deed = self._deed(Action.REVOKE_TOKEN, found[0].account, found[0].label)
        await self._store.revoke_token(found[0].id, deed)
        return found[0]

    async def everybody(self) -> Sequence[Account]:
        """All accounts, by name."""
        return await self._store.accounts()

    async def tokens(self) -> Sequence[ApiToken]:
        """All tokens, the oldest first."""
        return await self._store.tokens()

    async def known(self, name: str) -> Account:
        """The account of that name."""
        account = await self._store.account(name)
        if account is None:
            raise InputError(f"{name}: there is no account of that name")
        return account

    def _deed(self, action: Action, subject: str, detail: str = "") -> Deed:
        return Deed(self._clock.now(), self._who, action, subject, detail)

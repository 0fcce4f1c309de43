"""Accounts, tokens, sign-ins and wrong passwords, in the same database. No secret is in it that somebody could use.

Written also while the database is behind what the queue has seen: people must get in to see that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Integer, Row, String, Table, delete, func, insert, select, update

from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_outbox import METADATA
from patrol.adapters.sql_prepared import put
from patrol.adapters.sql_rows import store_deed
from patrol.adapters.sql_tables import DEEDS
from patrol.adapters.sql_times import text_of, time_of
from patrol.domain.accounts import Account, AccountRole, ApiToken, TokenUse, account_key
from patrol.domain.deeds import Action, Deed, with_one_more
from patrol.domain.errors import InputError
from patrol.domain.signing_in import FORGOTTEN_AFTER, KNOWN_FOR, Failures, SignIn

_ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("key", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("password", String, nullable=False),
    Column("made_at", String, nullable=False),
    Column("is_disabled", Integer, nullable=False),
)
_SIGN_INS = Table(
    "sign_ins",
    METADATA,
    Column("id", String, primary_key=True),
    Column("account_key", String, nullable=False, index=True),
    Column("began_at", String, nullable=False),
    Column("seen_at", String, nullable=False),
    Column("ends_at", String, nullable=False, index=True),
)
_TOKENS = Table(
    "api_tokens",
    METADATA,
    Column("id", String, primary_key=True),
    Column("account_key", String, nullable=False),
    Column("label", String, nullable=False),
    Column("uses", String, nullable=False),
    Column("made_at", String, nullable=False),
)
_FAILURES = Table(
    "sign_in_failures",
    METADATA,
    Column("key", String, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_at", String, nullable=False, index=True),
)
_BROWSERS = Table(
    "known_browsers",
    METADATA,
    Column("key", String, primary_key=True),
    Column("signed_in_at", String, nullable=False, index=True),
)
MOST_FAILURES_KEPT = 10_000
MOST_BROWSERS_KEPT = 10_000
MOST_SIGN_INS = 20  # of one account; the oldest go
LOOKED_BACK_FOR_REFUSALS = 500  # deeds: what a room does in a minute, and a storm of guesses from many addresses


class SqlAccounts:
    """AccountStore in the database of a SqlStore, whose ``open`` makes the tables."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def any_account(self) -> bool:
        """See AccountStore."""
        query = select(_ACCOUNTS.c.key).limit(1)
        return await self._store.read(lambda connection: connection.execute(query).first() is not None)

    async def account(self, name: str) -> Account | None:
        """See AccountStore."""
        return await self._store.read(lambda connection: _account(connection, account_key(name)))

    async def accounts(self) -> Sequence[Account]:
        """See AccountStore."""
        query = select(_ACCOUNTS).order_by(_ACCOUNTS.c.key)
        return await self._store.read(lambda connection: [_account_in(row) for row in connection.execute(query)])

    async def add(self, account: Account, deed: Deed) -> None:
        """See AccountStore."""

        def work(connection: Connection) -> None:
            if _account(connection, account.key) is not None:
                raise InputError(f"{account.name}: there is an account of that name")
            _put_account(connection, account)
            store_deed(connection, deed)

        await self._store.within(work)

    async def change(self, account: Account, deed: Deed, *, keeping: str | None = None) -> None:
        """See AccountStore."""

        def work(connection: Connection) -> None:
            if _account(connection, account.key) is None:
                raise InputError(f"{account.name}: there is no account of that name")
            _put_account(connection, account)
            ended = delete(_SIGN_INS).where(_SIGN_INS.c.account_key == account.key)
            connection.execute(ended if keeping is None else ended.where(_SIGN_INS.c.id != keeping))
            store_deed(connection, deed)

        await self._store.within(work)

    async def rehash(self, account: Account, password: str) -> None:
        """See AccountStore."""
        query = (
            update(_ACCOUNTS)
            .where(_ACCOUNTS.c.key == account.key, _ACCOUNTS.c.password == account.password)
            .values(password=password)
        )
        await self._store.within(lambda connection: connection.execute(query))

    async def failures(self, keys: Collection[str]) -> Mapping[str, Failures]:
        """See AccountStore."""
        return await self._store.read(lambda connection: _failures(connection, keys))

    async def note_failures(self, keys: Collection[str], deed: Deed) -> None:
        """See AccountStore."""

        def work(connection: Connection) -> None:
            there = _failures(connection, keys)
            for key in keys:
                more = there[key].and_one_more(deed.at) if key in there else Failures(1, deed.at)
                put(connection, _FAILURES, key=key, count=more.count, last_at=text_of(more.last_at))
            # The oldest, too, where somebody tries very many names.
            _forget(connection, _FAILURES.c.last_at, deed.at - FORGOTTEN_AFTER, MOST_FAILURES_KEPT)
            _store_refusal(connection, deed)

        await self._store.within(work)

    async def knows_browser(self, key: str, since: datetime) -> bool:
        """See AccountStore."""
        query = select(_BROWSERS.c.key).where(_BROWSERS.c.key == key, _BROWSERS.c.signed_in_at >= text_of(since))
        return await self._store.read(lambda connection: connection.execute(query).first() is not None)

    async def sign_in(
        self, sign_in: SignIn, account: Account, browser: str, forgiven: Collection[str], deed: Deed
    ) -> bool:
        """See AccountStore."""

        def work(connection: Connection) -> bool:
            if _account(connection, account.key) != account:
                return False
            connection.execute(delete(_SIGN_INS).where(_SIGN_INS.c.ends_at < text_of(deed.at)))
            _make_room(connection, account.key)
            row = {
                "id": sign_in.id,
                "account_key": account.key,
                "began_at": text_of(sign_in.began_at),
                "seen_at": text_of(sign_in.seen_at),
                "ends_at": text_of(sign_in.ends_at),
            }
            connection.execute(insert(_SIGN_INS), [row])
            put(connection, _BROWSERS, key=browser, signed_in_at=text_of(deed.at))
            _forget(connection, _BROWSERS.c.signed_in_at, deed.at - KNOWN_FOR, MOST_BROWSERS_KEPT)
            connection.execute(delete(_FAILURES).where(_FAILURES.c.key.in_(forgiven)))
            store_deed(connection, deed)
            return True

        return await self._store.within(work)

    async def signed_in(self, sign_in_id: str) -> tuple[SignIn, Account] | None:
        """See AccountStore."""

        def work(connection: Connection) -> tuple[SignIn, Account] | None:
            row = connection.execute(select(_SIGN_INS).where(_SIGN_INS.c.id == sign_in_id)).first()
            account = _account(connection, row.account_key) if row is not None else None
            if row is None or account is None:
                return None
            times = (time_of(text) for text in (row.began_at, row.seen_at, row.ends_at))
            return SignIn(row.id, account.name, *times), account

        return await self._store.read(work)

    async def note_seen(self, sign_in_id: str, at: datetime) -> None:
        """See AccountStore."""
        query = update(_SIGN_INS).where(_SIGN_INS.c.id == sign_in_id).values(seen_at=text_of(at))
        await self._store.fleeting(lambda connection: connection.execute(query))

    async def sign_out(self, sign_in_id: str, deed: Deed) -> None:
        """See AccountStore."""

        def work(connection: Connection) -> None:
            if connection.execute(delete(_SIGN_INS).where(_SIGN_INS.c.id == sign_in_id)).rowcount:
                store_deed(connection, deed)

        await self._store.within(work)

    async def add_token(self, token: ApiToken, deed: Deed) -> None:
        """See AccountStore."""

        def work(connection: Connection) -> None:
            if _account(connection, account_key(token.account)) is None:
                raise InputError(f"{token.account}: there is no account of that name")
            row = {
                "id": token.id,
                "account_key": account_key(token.account),
                "label": token.label,
                "uses": " ".join(sorted(token.uses)),
                "made_at": text_of(token.made_at),
            }
            connection.execute(insert(_TOKENS), [row])
            store_deed(connection, deed)

        await self._store.within(work)

    async def token(self, token_id: str) -> tuple[ApiToken, Account] | None:
        """See AccountStore."""

        def work(connection: Connection) -> tuple[ApiToken, Account] | None:
            row = connection.execute(select(_TOKENS).where(_TOKENS.c.id == token_id)).first()
            account = _account(connection, row.account_key) if row is not None else None
            return None if row is None or account is None else (_token_in(row, account.name), account)

        return await self._store.read(work)

    async def tokens(self) -> Sequence[ApiToken]:
        """See AccountStore."""
        query = select(_TOKENS, _ACCOUNTS.c.name).join(_ACCOUNTS, _ACCOUNTS.c.key == _TOKENS.c.account_key)
        oldest_first = query.order_by(_TOKENS.c.made_at)
        return await self._store.read(
            lambda connection: [_token_in(row, row.name) for row in connection.execute(oldest_first)]
        )

    async def revoke_token(self, token_id: str, deed: Deed) -> None:
        """See AccountStore."""

        def work(connection: Connection) -> None:
            if not connection.execute(delete(_TOKENS).where(_TOKENS.c.id == token_id)).rowcount:
                raise InputError("there is no such token")
            store_deed(connection, deed)

        await self._store.within(work)


def _account(connection: Connection, key: str) -> Account | None:
    row = connection.execute(select(_ACCOUNTS).where(_ACCOUNTS.c.key == key)).first()
    return None if row is None else _account_in(row)


def _account_in(row: Row[Any]) -> Account:
    return Account(row.name, AccountRole(row.role), row.password, time_of(row.made_at), bool(row.is_disabled))


def _put_account(connection: Connection, account: Account) -> None:
    put(
        connection,
        _ACCOUNTS,
        key=account.key,
        name=account.name,
        role=account.role.value,
        password=account.password,
        made_at=text_of(account.made_at),
        is_disabled=int(account.is_disabled),
    )


def _token_in(row: Row[Any], account: str) -> ApiToken:
    return ApiToken(row.id, account, row.label, frozenset(map(TokenUse, row.uses.split())), time_of(row.made_at))


def _store_refusal(connection: Connection, deed: Deed) -> None:
    """As one row with those of the same minute, by the newest rows alone: the long table has no index for it."""
    newest = select(func.max(DEEDS.c.number)).scalar_subquery()
    same = (DEEDS.c.action == deed.action.value, DEEDS.c.subject == deed.subject, DEEDS.c.source == deed.source)
    query = select(DEEDS).where(DEEDS.c.number > newest - LOOKED_BACK_FOR_REFUSALS, *same)
    row = connection.execute(query.order_by(DEEDS.c.number.desc()).limit(1)).first()
    if row is not None:
        kept = Deed(time_of(row.at), row.who, Action(row.action), row.subject, row.detail, row.source)
        together = with_one_more(kept, deed)
        if together is not None:
            connection.execute(update(DEEDS).where(DEEDS.c.number == row.number).values(detail=together.detail))
            return
    store_deed(connection, deed)


def _failures(connection: Connection, keys: Collection[str]) -> dict[str, Failures]:
    rows = connection.execute(select(_FAILURES).where(_FAILURES.c.key.in_(keys)))
    # By place: "count" is also a row's own method.
    return {key: Failures(number, time_of(last_at)) for key, number, last_at in rows}


def _forget(connection: Connection, at: Column[str], before: datetime, most: int) -> None:
    """What is from before then, and the oldest of more than so many. ``at``: the column that says when."""
    table = at.table
    connection.execute(delete(table).where(at < text_of(before)))
    number = connection.execute(select(func.count()).select_from(table)).scalar_one()
    if number > most:
        oldest = select(table.c.key).order_by(at).limit(number - most)
        connection.execute(delete(table).where(table.c.key.in_(oldest)))


def _make_room(connection: Connection, key: str) -> None:
    newest = select(_SIGN_INS.c.id).where(_SIGN_INS.c.account_key == key).order_by(_SIGN_INS.c.seen_at.desc())
    kept = newest.limit(MOST_SIGN_INS - 1)
    connection.execute(delete(_SIGN_INS).where(_SIGN_INS.c.account_key == key, _SIGN_INS.c.id.not_in(kept)))

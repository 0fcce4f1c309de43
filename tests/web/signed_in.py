"""A site with accounts: the real desk over the real store, with passwords hashed quickly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from patrol.adapters.argon2_passwords import Argon2Passwords
from patrol.adapters.memory import FakeClock
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_accounts import SqlAccounts
from patrol.adapters.sql_deeds import SqlDeeds
from patrol.domain.accounts import AccountRole
from patrol.domain.deeds import Deed
from patrol.pipeline.enrolling import Enrolling
from patrol.pipeline.signing_in import SigningIn
from patrol.ports import Clock
from patrol.web.entering import Gate
from tests.builders import NOON
from tests.pipeline.parts import fresh_metrics

from .conftest import HOST, Site

PASSWORD = "correct horse battery staple"
CANARY = "canary-Kx7 wanders off"
QUICKLY = Argon2Passwords(quick=True)


@dataclass(slots=True)
class Guarded:
    """A site whose people sign in. ``names``: an account of each role, called as the role is."""

    site: Site
    store: SqlStore
    signing_in: SigningIn
    enrolling: Enrolling
    deed_log: SqlDeeds

    async def deeds(self) -> list[Deed]:
        """The newest first."""
        return [deed for _, deed in await self.deed_log.latest(1000)]

    @asynccontextmanager
    async def browser(self, peer: str = "127.0.0.1", base_url: str = HOST) -> AsyncIterator[httpx.AsyncClient]:
        """One with its own cookies, that says where its requests come from, as browsers do."""
        transport = httpx.ASGITransport(app=self.site.app(), client=(peer, 4711))
        headers = {"Origin": base_url}
        async with httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers) as client:
            yield client

    @asynccontextmanager
    async def signed_in(self, name: str) -> AsyncIterator[httpx.AsyncClient]:
        """A browser in which this account is signed in."""
        async with self.browser() as client:
            assert (await sign_in(client, name)).status_code == 200
            yield client


async def sign_in(
    client: httpx.AsyncClient, name: str, password: str = PASSWORD, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """As the page does."""
    return await client.post("/api/v1/sign-in", json={"name": name, "password": password}, headers=headers)


@asynccontextmanager
async def guarded(
    folder: Path, site: Site, clock: Clock | None = None, *, accounts: bool = True, is_open_here: bool = True
) -> AsyncIterator[Guarded]:
    """The site with its gate over a store in this folder; an account of each role, called as the role is."""
    clock = clock or FakeClock(NOON)
    store = SqlStore(f"sqlite:///{folder / 'patrol.db'}", (), clock)
    await store.open()
    try:
        kept = SqlAccounts(store)
        signing_in = SigningIn(kept, QUICKLY, clock, fresh_metrics())
        enrolling = Enrolling(kept, QUICKLY, clock, "tests (terminal)")
        for role in AccountRole if accounts else ():
            await enrolling.add(role.value, role, PASSWORD)
        site.gate = Gate(signing_in, is_open_here=is_open_here)
        site.deeds = SqlDeeds(store, clock)
        yield Guarded(site, store, signing_in, enrolling, site.deeds)
    finally:
        await store.aclose()


def with_site(
    folder: Path, site: Site, story: Callable[[Guarded], Awaitable[None]], clock: FakeClock | None = None, **more: Any
) -> None:
    """Play a story on a site with accounts."""

    async def play() -> None:
        async with guarded(folder, site, clock, **more) as there:
            await story(there)

    asyncio.run(play())

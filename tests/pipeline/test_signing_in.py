"""The desk behind the door, over the real store: bounds, renewal, and what happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from patrol.adapters import sql_accounts
from patrol.adapters.argon2_passwords import Argon2Passwords
from patrol.adapters.memory import FakeClock
from patrol.adapters.sql_accounts import SqlAccounts
from patrol.adapters.sql_deeds import SqlDeeds
from patrol.domain.accounts import AccountRole
from patrol.domain.deeds import Action
from patrol.domain.errors import Refusal, SignInRefused, StoreError
from patrol.domain.signing_in import KNOWN_FOR, SignedIn, browser_key, buckets_of
from patrol.metrics import Metrics
from patrol.pipeline import signing_in
from patrol.pipeline.enrolling import Enrolling
from patrol.pipeline.signing_in import SigningIn
from tests.builders import NOON
from tests.pipeline.parts import counted, fresh_metrics, sql_store

PASSWORD = "correct horse battery staple"
OTHER = "another horse battery staple"
QUICKLY = Argon2Passwords(quick=True)


@dataclass
class Door:
    clock: FakeClock
    accounts: SqlAccounts
    deeds: SqlDeeds
    metrics: Metrics
    desk: SigningIn
    enrolling: Enrolling


@asynccontextmanager
async def door(folder: Path, hasher: Argon2Passwords = QUICKLY) -> AsyncIterator[Door]:
    clock, metrics = FakeClock(NOON), fresh_metrics()
    async with sql_store(folder, clock) as store:
        accounts = SqlAccounts(store)
        desk = SigningIn(accounts, hasher, clock, metrics)
        enrolling = Enrolling(accounts, QUICKLY, clock, "tests (terminal)")
        await enrolling.add("li", AccountRole.OPERATOR, PASSWORD)
        yield Door(clock, accounts, SqlDeeds(store, clock), metrics, desk, enrolling)


def play(folder: Path, story: Callable[[Door], Awaitable[None]], hasher: Argon2Passwords = QUICKLY) -> None:
    async def run() -> None:
        async with door(folder, hasher) as there:
            await story(there)

    asyncio.run(run())


async def refusal_of(attempt: Awaitable[object]) -> Refusal:
    with pytest.raises(SignInRefused) as refused:
        await attempt
    return refused.value.why


def test_sign_ins_and_refusals_are_counted(tmp_path: Path) -> None:
    async def story(there: Door) -> None:
        await there.desk.sign_in("li", PASSWORD, "10.0.0.9")
        for _ in range(5):
            assert await refusal_of(there.desk.sign_in("li", "wrong", "10.0.0.9")) is Refusal.WRONG
        assert await refusal_of(there.desk.sign_in("li", PASSWORD, "10.0.0.9")) is Refusal.TOO_OFTEN
        for outcome, count in (("signed_in", 1), ("wrong", 5), ("too_often", 1), ("busy", 0)):
            assert counted(there.metrics, "patrol_sign_ins_total", outcome=outcome) == count

    play(tmp_path, story)


def test_a_success_forgives_what_went_wrong_before(tmp_path: Path) -> None:
    async def story(there: Door) -> None:
        for _ in range(3):
            for _ in range(4):
                assert await refusal_of(there.desk.sign_in("li", "wrong", "10.0.0.9")) is Refusal.WRONG
            await there.desk.sign_in("li", PASSWORD, "10.0.0.9")

    play(tmp_path, story)


async def at_once(there: Door, sources: list[str], refused: int) -> list[SignedIn | BaseException]:
    """What becomes of who tries at once: nobody's password is looked at before so many were refused."""
    async with there.desk._one_at_a_time:
        tries = [asyncio.create_task(there.desk.sign_in("li", PASSWORD, source)) for source in sources]
        waiting = set(tries)
        while len(tries) - len(waiting) < refused:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    return await asyncio.gather(*tries, return_exceptions=True)


def test_of_many_who_try_at_once_the_last_are_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_in, "MOST_WAITING", 3)

    async def story(there: Door) -> None:
        found = await at_once(there, [f"10.0.0.{n}" for n in range(5)], refused=2)
        refused = [each.why for each in found if isinstance(each, SignInRefused)]
        assert refused == [Refusal.BUSY, Refusal.BUSY]

    play(tmp_path, story)


def test_one_who_tries_again_and_again_keeps_no_place_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_in, "MOST_WAITING_OF_ONE", 2)

    async def story(there: Door) -> None:
        *ones, other = await at_once(there, ["10.0.0.66"] * 6 + ["10.0.0.9"], refused=4)
        assert [each.why for each in ones if isinstance(each, SignInRefused)] == [Refusal.BUSY] * 4
        assert isinstance(other, SignedIn)
        assert isinstance(await there.desk.sign_in("li", PASSWORD, "10.0.0.66"), SignedIn), "all places are free again"

    play(tmp_path, story)


async def locked_by_strangers(there: Door, name: str = "li") -> None:
    """So many wrong ones from everywhere that nobody who is not known may try there."""
    for number in range(50):
        await refusal_of(there.desk.sign_in(name, "wrong", f"10.0.1.{number}"))
    assert await refusal_of(there.desk.sign_in(name, PASSWORD, "10.0.0.9")) is Refusal.TOO_OFTEN


def test_strangers_lock_nobody_out_of_where_he_was_signed_in_before(tmp_path: Path) -> None:
    async def story(there: Door) -> None:
        browser = (await there.desk.sign_in("li", PASSWORD, "10.0.0.9")).browser
        await locked_by_strangers(there)
        again = await there.desk.sign_in("li", PASSWORD, "10.0.0.9", browser)
        assert (again.browser, again.visitor.name) == (browser, "li")
        assert await refusal_of(there.desk.sign_in("li", PASSWORD, "10.0.0.9", "made-up")) is Refusal.TOO_OFTEN
        there.clock.advance(KNOWN_FOR.total_seconds() + 1)
        await locked_by_strangers(there)
        assert await refusal_of(there.desk.sign_in("li", PASSWORD, "10.0.0.9", browser)) is Refusal.TOO_OFTEN

    play(tmp_path, story)


def test_a_known_browser_guesses_no_more_than_others(tmp_path: Path) -> None:
    async def story(there: Door) -> None:
        await there.enrolling.add("wang", AccountRole.OPERATOR, PASSWORD)
        browser = (await there.desk.sign_in("li", PASSWORD, "")).browser
        for _ in range(5):
            assert await refusal_of(there.desk.sign_in("li", "wrong", "", browser)) is Refusal.WRONG
        assert await refusal_of(there.desk.sign_in("li", PASSWORD, "", browser)) is Refusal.TOO_OFTEN
        await locked_by_strangers(there, "wang")
        assert await refusal_of(there.desk.sign_in("wang", PASSWORD, "", browser)) is Refusal.TOO_OFTEN, "known to li"

    play(tmp_path, story)


def test_what_is_wrong_while_somebody_changes_a_password_counts_for_that_sign_in_alone(tmp_path: Path) -> None:
    async def story(there: Door) -> None:
        visitor = (await there.desk.sign_in("li", PASSWORD, "10.0.0.9")).visitor
        await locked_by_strangers(there)
        for _ in range(5):
            assert await refusal_of(there.desk.change_password(visitor, "wrong", OTHER, "")) is Refusal.WRONG
        assert await refusal_of(there.desk.change_password(visitor, PASSWORD, OTHER, "")) is Refusal.TOO_OFTEN
        there.clock.advance(2.0)
        await there.desk.change_password(visitor, PASSWORD, OTHER, "")

    play(tmp_path, story)


def test_who_changes_a_password_again_and_again_keeps_nobody_at_the_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_in, "MOST_WAITING_OF_ONE", 2)

    async def story(there: Door) -> None:
        visitor = (await there.desk.sign_in("li", PASSWORD, "10.0.0.66")).visitor
        changes = [there.desk.change_password(visitor, PASSWORD, PASSWORD, "10.0.0.66") for _ in range(6)]
        *ones, other = await asyncio.gather(
            *changes, there.desk.sign_in("li", PASSWORD, "10.0.0.9"), return_exceptions=True
        )
        assert [each.why for each in ones if isinstance(each, SignInRefused)] == [Refusal.BUSY] * 4
        assert isinstance(other, SignedIn)

    play(tmp_path, story)


def test_so_many_browsers_are_known_and_the_oldest_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_accounts, "MOST_BROWSERS_KEPT", 3)

    async def story(there: Door) -> None:
        browsers = []
        for _ in range(4):
            there.clock.advance(1.0)
            browsers.append((await there.desk.sign_in("li", PASSWORD, "")).browser)
        known = [await there.accounts.knows_browser(browser_key("li", browser), NOON) for browser in browsers]
        assert known == [False, True, True, True]

    play(tmp_path, story)


def test_a_hash_of_weaker_parameters_is_made_anew_when_its_password_is_shown(tmp_path: Path) -> None:
    class Stronger(Argon2Passwords):
        def __init__(self) -> None:
            self._hasher = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)

    async def story(there: Door) -> None:
        before = await there.accounts.account("li")
        secret = (await there.desk.sign_in("li", PASSWORD, "")).secret
        after = await there.accounts.account("li")
        assert before is not None
        assert after is not None
        assert ("m=8,t=1" in before.password, "m=16,t=2" in after.password) == (True, True)
        assert await there.desk.visitor(secret) is not None
        await there.desk.sign_in("li", PASSWORD, "")
        assert await there.accounts.account("li") == after

    play(tmp_path, story, Stronger())


def test_an_account_that_changes_while_its_password_is_looked_at_lets_nobody_in(tmp_path: Path) -> None:
    class Slow(Argon2Passwords):
        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            super().__init__(quick=True)
            self.loop = loop
            self.meanwhile: Callable[[], Awaitable[None]] | None = None

        def is_right(self, kept: str, password: str) -> bool:
            right = super().is_right(kept, password)
            if self.meanwhile is not None:
                asyncio.run_coroutine_threadsafe(self.meanwhile(), self.loop).result(10)
            return right

    async def run() -> None:
        slow = Slow(asyncio.get_running_loop())
        async with door(tmp_path, slow) as there:
            slow.meanwhile = lambda: there.enrolling.set_password("li", OTHER)
            assert await refusal_of(there.desk.sign_in("li", PASSWORD, "")) is Refusal.WRONG
            slow.meanwhile = None
            await there.desk.sign_in("li", OTHER, "")

    asyncio.run(run())


def test_whoever_tries_very_many_names_fills_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_accounts, "MOST_FAILURES_KEPT", 10)

    async def story(there: Door) -> None:
        for number in range(12):
            there.clock.advance(1.0)
            await refusal_of(there.desk.sign_in(f"name-{number}", "wrong", f"10.0.0.{number}"))
        keys = [key for number in range(12) for key in buckets_of(f"name-{number}", f"10.0.0.{number}").values()]
        assert len(await there.accounts.failures(keys)) == 10

    play(tmp_path, story)


def test_an_account_is_signed_in_at_so_many_places_and_the_oldest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_accounts, "MOST_SIGN_INS", 3)

    async def story(there: Door) -> None:
        secrets = []
        for _ in range(4):
            there.clock.advance(1.0)
            secrets.append((await there.desk.sign_in("li", PASSWORD, "")).secret)
        assert [await there.desk.visitor(secret) is not None for secret in secrets] == [False, True, True, True]

    play(tmp_path, story)


def test_signing_out_twice_is_one_deed(tmp_path: Path) -> None:
    async def story(there: Door) -> None:
        secret = (await there.desk.sign_in("li", PASSWORD, "")).secret
        await there.desk.sign_out(secret, "")
        await there.desk.sign_out(secret, "")
        actions = [deed.action for _, deed in await there.deeds.latest(10)]
        assert actions == [Action.SIGN_OUT, Action.SIGN_IN, Action.ADD_ACCOUNT]

    play(tmp_path, story)


def test_who_signs_out_while_the_store_is_away_is_not_gone_on_by_what_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(there: Door) -> None:
        secret = (await there.desk.sign_in("li", PASSWORD, "")).secret
        assert await there.desk.visitor(secret) is not None

        async def away(*_: object) -> None:
            raise StoreError("database: away")

        monkeypatch.setattr(there.accounts, "sign_out", away)
        monkeypatch.setattr(there.accounts, "signed_in", away)
        with pytest.raises(StoreError):
            await there.desk.sign_out(secret, "")
        with pytest.raises(StoreError):
            await there.desk.visitor(secret)

    play(tmp_path, story)


def test_somebody_who_is_there_is_noted_once_a_minute_and_so_stays_over_a_restart(tmp_path: Path) -> None:
    async def story(there: Door) -> None:
        secret = (await there.desk.sign_in("li", PASSWORD, "")).secret
        for _ in range(50):
            there.clock.advance(60.0)
            assert await there.desk.visitor(secret) is not None
        again = SigningIn(there.accounts, QUICKLY, there.clock, fresh_metrics())
        assert await again.visitor(secret) is not None

    play(tmp_path, story)

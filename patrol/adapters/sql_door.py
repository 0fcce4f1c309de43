"""The only door to the database: one thread writes. What waits before it together is committed together.

A commit waits for the disk, so while one does others come, and then share the next: each is answered once the
transaction that holds it is on the disk, as if it had been alone. Where any of them fails, nothing of the group is
kept, and each is done again by itself: so who waits together never shares a failure.

Who only looks has other threads: while another process holds the database, the room is still seen as it is. There are
two, so that whoever wants one row, as the relay does many times a second, never waits behind a look at hundreds.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from patrol.adapters import refusals, sql_version
from patrol.adapters.sql_opening import IS_LASTING, READS_ONLY
from patrol.domain.errors import StoreError, StoreFailure
from patrol.pipeline.steps import Step, passing

_Result = TypeVar("_Result")

MOST_TOGETHER = 64
LOOKING = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What is to be done in a transaction, and its caller's answer. It may be done more than once; the last counts."""

    work: Callable[[Connection], Any]
    answer: asyncio.Future[Any]
    is_lasting: bool


@dataclass(frozen=True, slots=True)
class _Raised:
    """What a transaction's work raised instead of a result."""

    error: BaseException


class Door:
    """Transactions on one database, in the order in which they were asked for. Each raises StoreError.

    For one event loop. ``_is_called``: the thread will come and look at what waits, so that nobody calls it again.
    """

    def __init__(self, engine: Engine, prepare: Callable[[Connection], None]) -> None:
        """``prepare``: what is done to the database before all else, by the first call that gets through to it."""
        self._engine = engine
        self._prepare: Callable[[Connection], None] | None = prepare
        self._reading = engine.execution_options(**{READS_ONLY: True})
        self._fleeting = engine.execution_options(**{IS_LASTING: False})
        self._preparing = Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sql")
        self._looking = ThreadPoolExecutor(max_workers=LOOKING, thread_name_prefix="sql-look")
        self._waiting: deque[_Work] = deque()
        self._is_called = self._is_closing = False

    async def transaction(self, work: Callable[[Connection], _Result], *, is_lasting: bool = True) -> _Result:
        """Do this, and commit it. Nothing but the database may change in it; what it raises undoes it.

        ``is_lasting``: it waits for the disk; without, a power cut may undo it: for what would be found out again.
        """
        answer: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._check_open()
        self._waiting.append(_Work(work, answer, is_lasting))
        if not self._is_called:
            self._call()
        # Once it waits here it is done even if the caller is cancelled: nobody may guess its end.
        return await _answer_of(answer)

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """One look at the database as it is at one moment: no other process is kept from writing, nor waited for."""

        def call() -> _Result:
            self._be_prepared()
            with self._reading.begin() as connection:
                sql_version.check(connection)
                return work(connection)

        self._check_open()
        return await _answer_of(asyncio.shield(asyncio.wrap_future(self._looking.submit(call))))

    async def aclose(self) -> None:
        """Finish what waits and close."""
        self._is_closing = True
        for thread in (self._thread, self._looking):
            await asyncio.to_thread(thread.shutdown, wait=True)
        self._engine.dispose()

    def _check_open(self) -> None:
        if self._is_closing:
            raise StoreError("database: closed")

    def _call(self) -> None:
        self._is_called = True
        try:
            self._thread.submit(self._commit_what_waits)
        except BaseException:
            self._is_called = False  # or nobody would ever call again
            raise

    def _commit_what_waits(self) -> None:
        self._is_called = False  # before looking: who comes from here on is either seen now, or calls
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
            if len(group) > 1 and (results := self._together(group)) is not None:
                _tell(group, results)
            else:
                for each in group:
                    _tell([each], [self._alone(each)])

    def _alone(self, each: _Work) -> Any:
        try:
            self._be_prepared()
            with self._writing([each]).begin() as connection:
                sql_version.check(connection)
                result = each.work(connection)
                passing(Step.STORE_HELD)
        except BaseException as error:  # noqa: BLE001  (it is its caller's)
            return _Raised(error)
        return result

    def _together(self, group: Sequence[_Work]) -> list[Any] | None:
        """The results of all; None where one of them raised something: whose it is is found out by doing each alone."""
        begun = False
        try:
            self._be_prepared()
            with self._writing(group).begin() as connection:
                begun = True
                sql_version.check(connection)
                results = [each.work(connection) for each in group]
                passing(Step.STORE_HELD)
        except BaseException as error:  # noqa: BLE001  (it is its callers')
            # Another process holds the database: once is enough to wait for that.
            return None if begun else [_Raised(error)] * len(group)
        return results

    def _writing(self, group: Sequence[_Work]) -> Engine:
        return self._engine if any(each.is_lasting for each in group) else self._fleeting

    def _be_prepared(self) -> None:
        with self._preparing:
            if self._prepare is not None:
                with self._engine.begin() as connection:
                    sql_version.check(connection)
                    self._prepare(connection)
                self._prepare = None


async def _answer_of(answer: Awaitable[_Result]) -> _Result:
    try:
        return await answer
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None) or error
        # Statement and parameters are left out: they are long, and say nothing to an operator.
        said = type(error).__name__ if isinstance(cause, SQLAlchemyError) else cause
        raise StoreError(f"database: {said}", refusals.of_sqlite(cause)) from error
    except ValidationError as error:
        raise StoreError(
            f"database: a stored {error.title} cannot be read: {error.error_count()} errors", StoreFailure.CONFLICT
        ) from error


def _raisable(error: BaseException) -> BaseException:
    """What a future takes: all but this one, which would end the loop that answers the others."""
    return RuntimeError("StopIteration") if isinstance(error, StopIteration) else error


def _tell(group: Sequence[_Work], results: Sequence[Any]) -> None:
    """Answer all at once: each call into the loop costs as much as an answer."""

    def tell() -> None:
        for each, result in zip(group, results, strict=True):
            if each.answer.done():  # its caller has left
                continue
            if isinstance(result, _Raised):
                each.answer.set_exception(_raisable(result.error))
            else:
                each.answer.set_result(result)

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        group[0].answer.get_loop().call_soon_threadsafe(tell)

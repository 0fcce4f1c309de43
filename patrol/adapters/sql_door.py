"""The only door to the database: one thread. What waits before it together is committed together.

A commit waits for the disk, so while one does others come, and then share the next: each is answered once the
transaction that holds it is on the disk, as if it had been alone. Where any of them fails, nothing of the group is
kept, and each is done again by itself: so who waits together never shares a failure.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from patrol.adapters import refusals, sql_version
from patrol.adapters.sql_opening import READS_ONLY
from patrol.domain.errors import StoreError, StoreFailure
from patrol.pipeline.steps import Step, passing

_Result = TypeVar("_Result")

MOST_TOGETHER = 64


@dataclass(slots=True)
class _Work:
    """What is to be done in a transaction, and its caller's answer. It may be done more than once; the last counts."""

    work: Callable[[Connection], Any]
    answer: Future[Any] = field(default_factory=Future)


class Door:
    """Transactions on one database, in the order in which they were asked for. Each raises StoreError."""

    def __init__(self, engine: Engine, prepare: Callable[[Connection], None]) -> None:
        """``prepare``: what is done to the database before all else, by the first call that gets through to it."""
        self._engine = engine
        self._prepare: Callable[[Connection], None] | None = prepare
        self._reading = engine.execution_options(**{READS_ONLY: True})
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sql")
        self._waiting: deque[_Work] = deque()

    async def transaction(self, work: Callable[[Connection], _Result]) -> _Result:
        """Do this, and commit it. Nothing but the database may change in it; what it raises undoes it."""
        waiting = _Work(work)
        self._waiting.append(waiting)
        self._thread.submit(self._commit_what_waits)
        return await self._answer(waiting.answer)

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """One look at the database as it is at one moment: no other process is kept from writing, nor waited for."""

        def call() -> _Result:
            self._be_prepared()
            with self._reading.begin() as connection:
                sql_version.check(connection)
                return work(connection)

        return await self._answer(self._thread.submit(call))

    async def aclose(self) -> None:
        """Finish what was begun and close."""
        await asyncio.to_thread(self._thread.shutdown, wait=True)
        self._engine.dispose()

    async def _answer(self, answer: Future[_Result]) -> _Result:
        try:
            # A transaction once begun is finished even if the caller is cancelled: nobody may guess its end.
            return await asyncio.shield(asyncio.wrap_future(answer))
        except (SQLAlchemyError, sqlite3.Error) as error:
            cause = getattr(error, "orig", None) or error
            # Statement and parameters are left out: they are long, and say nothing to an operator.
            said = type(error).__name__ if isinstance(cause, SQLAlchemyError) else cause
            raise StoreError(f"database: {said}", refusals.of_sqlite(cause)) from error
        except ValidationError as error:
            raise StoreError(
                f"database: a stored {error.title} cannot be read: {error.error_count()} errors", StoreFailure.CONFLICT
            ) from error

    def _commit_what_waits(self) -> None:
        group: list[_Work] = []
        while self._waiting and len(group) < MOST_TOGETHER:
            group.append(self._waiting.popleft())
        if len(group) > 1 and self._committed_together(group):
            return
        for each in group:  # none, where all came along with others
            try:
                self._be_prepared()
                with self._engine.begin() as connection:
                    sql_version.check(connection)
                    result = each.work(connection)
                    passing(Step.STORE_HELD)
            except BaseException as error:  # noqa: BLE001  (it is its caller's)
                each.answer.set_exception(error)
            else:
                each.answer.set_result(result)

    def _committed_together(self, group: list[_Work]) -> bool:
        begun = False
        try:
            self._be_prepared()
            with self._engine.begin() as connection:
                begun = True
                sql_version.check(connection)
                results = [each.work(connection) for each in group]
                passing(Step.STORE_HELD)
        except Exception as error:  # noqa: BLE001  (whose it is is found out by doing each alone)
            if begun:
                return False
            for each in group:  # another process holds it: once is enough to wait for that
                each.answer.set_exception(error)
            return True
        for each, result in zip(group, results, strict=True):
            each.answer.set_result(result)
        return True

    def _be_prepared(self) -> None:
        if self._prepare is not None:
            with self._engine.begin() as connection:
                sql_version.check(connection)
                self._prepare(connection)
            self._prepare = None

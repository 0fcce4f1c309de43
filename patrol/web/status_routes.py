"""Health and metrics, which every process has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from patrol.domain.accounts import Permission
from patrol.domain.errors import PatrolError
from patrol.ports import HealthCheck
from patrol.web.entering import OPEN, DeclaredRoute, declared, is_local

CHECK_WITHIN_S = 1.0


def status_routes(
    checks: Sequence[HealthCheck], registry: CollectorRegistry, stopping: asyncio.Event
) -> list[DeclaredRoute]:
    """Whether it lives, whether it is fit for work, and its numbers."""
    return [
        declared("/healthz", _healthz, OPEN),
        declared("/readyz", _Readiness(checks, stopping).readyz, OPEN),
        declared("/metrics", partial(_metrics, registry), Permission.READ_METRICS),
    ]


class _Readiness:
    """Whether Patrol is fit for work."""

    def __init__(self, checks: Sequence[HealthCheck], stopping: asyncio.Event) -> None:
        self._checks = tuple(checks)
        self._stopping = stopping

    async def readyz(self, request: Request) -> Response:
        async with asyncio.TaskGroup() as tasks:
            answers = [(check.name, tasks.create_task(_problem_of(check))) for check in self._checks]
        failing = [{"name": name, "problem": task.result()} for name, task in answers if task.result() is not None]
        if not is_local(request.scope):  # what is wrong with it is nobody's business who only asks whether
            failing = [{"name": problem["name"]} for problem in failing]
        if self._stopping.is_set():
            failing.append({"name": "patrol", "problem": "stopping"})
        return JSONResponse({"ready": not failing, "failing": failing}, 503 if failing else 200)


async def _problem_of(check: HealthCheck) -> str | None:
    try:
        async with asyncio.timeout(CHECK_WITHIN_S):
            return await check.problem()
    except TimeoutError:
        return f"no answer within {CHECK_WITHIN_S:g} s"
    except PatrolError as error:
        return str(error)


async def _healthz(request: Request) -> Response:
    return JSONResponse({"alive": True})


async def _metrics(registry: CollectorRegistry, request: Request) -> Response:
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={"Content-Type": content_type})

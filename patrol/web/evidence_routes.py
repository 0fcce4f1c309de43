"""Pictures and clips."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from patrol.domain.accounts import Permission
from patrol.domain.incidents import EvidenceId
from patrol.ports import EvidenceFates, EvidenceStore
from patrol.web.entering import DeclaredRoute, declared
from patrol.web.problems import error_response
from patrol.web.ranging import response_of
from patrol.web.reading import id_in, in_time

# What is kept never changes under its id; an hour keeps the feed quick and little on the disk.
KEPT_HEADERS = {"Cache-Control": "private, max-age=3600, immutable"}


def evidence_routes(store: EvidenceStore, fates: EvidenceFates | None) -> list[DeclaredRoute]:
    """The pictures and clips that go with alerts. ``fates``: why those that were there are not."""
    kept = _Evidence(store, fates)
    return [
        declared("/evidence/{evidence_id}.jpg", kept.picture, Permission.SEE),
        declared("/evidence/{clip_id}.webm", kept.clip, Permission.SEE),
    ]


class _Evidence:
    """The pictures and clips that go with alerts."""

    def __init__(self, store: EvidenceStore, fates: EvidenceFates | None) -> None:
        self._store = store
        self._fates = fates

    async def picture(self, request: Request) -> Response:
        evidence_id = EvidenceId(id_in(request, "evidence_id"))
        jpeg = await in_time(self._store.get(evidence_id))
        if jpeg is None:
            return await self._missing(evidence_id, "there is no such picture")
        return Response(jpeg, media_type="image/jpeg", headers=KEPT_HEADERS)

    async def clip(self, request: Request) -> Response:
        clip_id = EvidenceId(id_in(request, "clip_id"))
        webm = await in_time(self._store.get_clip(clip_id))
        if webm is None:
            return await self._missing(clip_id, "there is no such clip, or not yet")
        return response_of(webm, "video/webm", KEPT_HEADERS, request.headers)

    async def _missing(self, evidence_id: EvidenceId, unknown: str) -> Response:
        gone = await in_time(self._fates.why_gone(evidence_id)) if self._fates is not None else None
        if gone is None:
            raise HTTPException(404, unknown)
        return error_response(410, f"gone_{gone.value}", "this was kept once, and is not there any more")

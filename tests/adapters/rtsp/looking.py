"""What the tests of RtspSource share."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from patrol.adapters.rtsp.source import RtspSource
from patrol.domain.camera import Camera, Strategy, StreamAddress
from patrol.domain.errors import CaptureError
from patrol.domain.frame import Frame
from tests.adapters.looking import StandingClock, camera_at

CANARY = "Canary-Pa55word"
Result = TypeVar("Result")


@dataclass
class OtherSource:
    """A source that notes what was asked of it; its pictures are of a size of their own."""

    failure: CaptureError | None = None
    visited: list[str] = field(default_factory=list)
    closed: int = 0

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        self.visited.append(camera.stream.reveal())
        if self.failure is not None:
            raise self.failure
        return Frame(camera.id, StandingClock().now(), np.zeros((4, 7, 3), np.uint8))

    async def aclose(self) -> None:
        self.closed += 1


@dataclass
class Looked:
    """A source under test with what is around it."""

    source: RtspSource
    fallback: OtherSource
    snapshots: OtherSource
    clock: StandingClock
    unconfirmed: list[str]
    held_s: list[float]

    async def failure(self, camera: Camera, deadline_s: float = 2.0) -> CaptureError:
        """Of a visit that has to fail."""
        try:
            await self.source.capture(camera, deadline_s)
        except CaptureError as error:
            return error
        raise AssertionError("expected a failure")


@asynccontextmanager
async def looking(**options: Any) -> AsyncIterator[Looked]:
    """A source, closed at the end."""
    fallback, snapshots, clock, unconfirmed = OtherSource(), OtherSource(), StandingClock(), list[str]()
    held = list[float]()

    def note(camera: Camera, held_s: float) -> None:
        unconfirmed.append(camera.id)
        held.append(held_s)

    source = RtspSource(
        options.pop("scale_to", None),
        clock,
        2,
        fallback,
        snapshots=snapshots,
        on_unconfirmed=note,
        **options,
    )
    try:
        yield Looked(source, fallback, snapshots, clock, unconfirmed, held)
    finally:
        await source.aclose()


def looked(use: Callable[[Looked], Awaitable[Result]], **options: Any) -> Result:
    """Whatever ``use`` does with a source of its own."""

    async def go() -> Result:
        async with looking(**options) as looked:
            return await use(looked)

    return asyncio.run(go())


def rtsp(port: int, strategy: Strategy = Strategy.COLD, snapshot: str | None = None, mount: str = "cam") -> Camera:
    """A camera on this machine whose password is the canary."""
    camera = replace(camera_at(f"rtsp://admin:{CANARY}@127.0.0.1:{port}/{mount}"), strategy=strategy)
    return replace(camera, snapshot=StreamAddress(snapshot)) if snapshot else camera


def told_by(error: BaseException) -> str:
    """Everything that a log or a crash report could print of an error, whatever is chained to it included."""
    texts = ["".join(traceback.format_exception(error))]
    chained: BaseException | None = error
    while chained is not None:
        texts += [str(chained), repr(chained), repr(chained.args), repr(vars(chained))]
        chained = chained.__cause__ or chained.__context__
    return "\n".join(texts)


async def until(condition: Callable[[], bool], longest_s: float = 30.0) -> None:
    """Wait until it holds."""
    for _ in range(round(longest_s / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not within {longest_s:g} s")

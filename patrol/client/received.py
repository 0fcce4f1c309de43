"""One message as a console has it: its content, and what the console can say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from patrol.domain.errors import MessageError
from patrol.domain.incidents import IncidentId
from patrol.domain.message_data import AlertData, MessageData, OrderData, PlaceData
from patrol.domain.messages import DATA_OF, Envelope
from patrol.domain.orders import ReceiptKind

D = TypeVar("D", bound=MessageData)
D_co = TypeVar("D_co", bound=MessageData, covariant=True)

_ADAPTERS: Mapping[str, TypeAdapter[Any]] = {type_: TypeAdapter(data) for type_, data in DATA_OF.items()}


def read_data(envelope: Envelope) -> MessageData:
    """The content of a message. Unknown fields are left out. Raises MessageError that says what is wrong where."""
    try:
        data: MessageData = _ADAPTERS[envelope.type].validate_python(dict(envelope.data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in ("data", *first["loc"]))
        raise MessageError(f"{where}: {first['msg']}") from None
    return data


class Answering(Protocol):
    """What a message needs of its console."""

    async def answer(
        self,
        subject_id: str,
        incident_id: str,
        kind: ReceiptKind,
        *,
        operator: str | None = None,
        reason: str | None = None,
        place: PlaceData | None = None,
    ) -> None:
        """Store a receipt."""


class Settling(Answering, Protocol):
    """What a message needs of the queue. A receipt that it stores settles it."""

    async def acknowledge(self) -> None:
        """It is done with."""

    async def give_back(self, after_s: float) -> None:
        """Leave it for another try."""

    async def bury(self, reason: str) -> None:
        """Move it to the dead letters."""


@dataclass(eq=False, slots=True)
class Received(Generic[D_co]):
    """A message that is in hand until it is answered, acknowledged, given back or buried.

    ``attempt``: 1 the first time. Where it is more, the work may have been done before by a seat that died: see
    ``key``.
    """

    data: D_co
    envelope: Envelope
    attempt: int
    _console: Answering
    _settling: Settling
    is_settled: bool = field(default=False, init=False)
    is_kept: bool = field(default=False, init=False)

    @property
    def id(self) -> str:
        """Unique within its source."""
        return self.envelope.id

    @property
    def key(self) -> str:
        """The idempotency key: store it together with what you do, and the same thing is never done twice."""
        return f"{self.envelope.source}#{self.envelope.id}"

    @property
    def incident_id(self) -> IncidentId:
        """The incident it is about."""
        return self.envelope.incident_id

    @property
    def sequence(self) -> int:
        """Grows per incident: what is lower than one seen before is old news."""
        return self.envelope.sequence

    def keep(self) -> None:
        """It is worked on elsewhere, in a task; the next message may be taken. Its lease is renewed meanwhile."""
        self.is_kept = True

    async def received(self) -> None:
        """It arrived."""
        await self._answer(ReceiptKind.RECEIVED)

    async def displayed(self, operator: str | None = None) -> None:
        """A person sees it."""
        await self._answer(ReceiptKind.DISPLAYED, operator=operator)

    async def accepted(self, operator: str | None = None, place: PlaceData | None = None) -> None:
        """The unit takes the order."""
        await self._answer(ReceiptKind.ACCEPTED, operator=operator, place=place)

    async def rejected(self, reason: str, operator: str | None = None) -> None:
        """The unit does not; the next one is sent."""
        await self._answer(ReceiptKind.REJECTED, operator=operator, reason=reason)

    async def en_route(self, place: PlaceData | None = None) -> None:
        """The unit moves; may be told again and again, with where it is."""
        await self._answer(ReceiptKind.EN_ROUTE, place=place)

    async def on_scene(self, place: PlaceData | None = None) -> None:
        """The unit is there."""
        await self._answer(ReceiptKind.ON_SCENE, place=place)

    async def done(self, place: PlaceData | None = None) -> None:
        """The unit is done, and free."""
        await self._answer(ReceiptKind.DONE, place=place)

    async def error(self, reason: str) -> None:
        """Taken, and nothing could be done with it."""
        await self._answer(ReceiptKind.ERROR, reason=reason)

    async def acknowledge(self) -> None:
        """Done with, without a receipt: of an incident's state, a recall, a receipt."""
        if not self.is_settled:
            await self._settling.acknowledge()
            self.is_settled = True

    async def nack(self, after_s: float = 1.0) -> None:
        """Leave it for another try, by any seat, after a while. The fifth delivery is a dead letter."""
        if not self.is_settled:
            await self._settling.give_back(after_s)
            self.is_settled = True

    async def dead(self, reason: str) -> None:
        """It can never be handled: to the dead letters, where people see it with the reason."""
        if not self.is_settled:
            await self._settling.bury(reason)
            self.is_settled = True

    async def _answer(
        self,
        kind: ReceiptKind,
        *,
        operator: str | None = None,
        reason: str | None = None,
        place: PlaceData | None = None,
    ) -> None:
        """The receipt first, then the acknowledgement: a crash in between brings the message again."""
        answer = self._console.answer if self.is_settled else self._settling.answer
        await answer(self._subject_id(), self.incident_id, kind, operator=operator, reason=reason, place=place)
        self.is_settled = True

    def _subject_id(self) -> str:
        match self.data:
            case AlertData(alert_id=alert_id):
                return alert_id
            case OrderData(order_id=order_id):
                return order_id
            case _:
                raise MessageError(f"{self.envelope.type} takes no receipt: acknowledge it")

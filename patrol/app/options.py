"""How Patrol is to run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from patrol.adapters.devices import Device
from patrol.domain.errors import InputError


class Role(StrEnum):
    """The parts of Patrol that can run as processes of their own."""

    TOUR = "tour"
    RELAY = "relay"
    DISPATCH = "dispatch"
    CONSOLE = "console"


ALL_ROLES = frozenset(Role)
# Who decides which unit goes where: dispatch, and who acts for people.
SENDING_ROLES = frozenset({Role.DISPATCH, Role.CONSOLE})


# Who looks at cameras' pictures: the tour, and the console for people.
DRAWING_ROLES = frozenset({Role.TOUR, Role.CONSOLE})


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. ``var``: the folder of everything Patrol writes. No ``redis_url``: an embedded Valkey in it.

    No ``database_url``: SQLite in it. ``port`` 0 takes any free one. ``plain_http``: see WebSettings.
    ``config``: the configuration's file, where what is drawn in cameras' pictures can be changed while Patrol runs.
    """

    var: Path
    roles: frozenset[Role] = ALL_ROLES
    redis_url: str | None = None
    database_url: str | None = None
    models: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8476
    device: Device = Device.AUTO
    simulated: bool = False
    plain_http: bool = False
    config: Path | None = None

    @property
    def spool(self) -> Path:
        """Where alerts wait for a store that is away."""
        return self.var / "spool"

    def check(self) -> None:
        """Raises InputError if separate roles would each get a queue and a database of their own."""
        if self.roles != ALL_ROLES and (self.redis_url is None or self.database_url is None):
            raise InputError(
                "roles in processes of their own need the same Redis and the same database:"
                " set REDIS_URL and DATABASE_URL (see the README), or run all roles in one process"
            )

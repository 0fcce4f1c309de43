"""Connections to Redis: one server, over TLS, or whichever Sentinel says is the master; never a replica for long.

redis://user:password@host:6379/0        an ACL user is a user name and a password
rediss://host:6379/0?ssl_ca_certs=/etc/ssl/ca.pem
unix:///run/redis.sock
redis+sentinel://user:password@host-1:26379,host-2:26379/mymaster/0?sentinel_password=...
rediss+sentinel://...                    TLS to the master and to the Sentinels
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from redis.asyncio import Connection, ConnectionPool, Redis, Sentinel, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool, SentinelManagedConnection, SentinelManagedSSLConnection
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, ResponseError

from patrol.domain.errors import ConfigError, ConfigProblem

COMMAND_TIMEOUT_S = 5.0
EXPECTED = (
    "expected redis://[user:password@]host:port/number; rediss:// and unix:// are fine, too, and"
    " redis+sentinel://host:port,host:port/master-name/number"
)
SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
SENTINEL_PORT = 26379


class NotTheMasterError(RedisConnectionError):
    """The server is a replica: it was failed over. The address is asked for anew."""


class _ToTheMaster(AbstractConnection):
    """Leaves a server that is, or has become, a replica: what is written there would be lost, or refused for good."""

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        await super().on_connect_check_health(check_health)
        await self.send_command("ROLE", check_health=False)
        try:
            role = await self.read_response()
        except ResponseError:
            return  # an ACL user that may not ask, or a service that hides it; READONLY tells us then
        if role[0] not in (b"master", "master"):
            await self.disconnect()
            raise NotTheMasterError("a replica")

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*arguments, **options)
        except ReadOnlyError:
            await self.disconnect()
            raise NotTheMasterError("a replica since") from None


class _Plain(_ToTheMaster, Connection):
    pass


class _Tls(_ToTheMaster, SSLConnection):
    pass


class _Unix(_ToTheMaster, UnixDomainSocketConnection):
    pass


class _Found(_ToTheMaster, SentinelManagedConnection):
    pass


class _FoundTls(_ToTheMaster, SentinelManagedSSLConnection):
    pass


class _Pool(SentinelConnectionPool):
    """Closes its connections to the Sentinels, too."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:  # at the end; not after a fail-over
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


_CHECKED: dict[type[AbstractConnection], type[AbstractConnection]] = {
    Connection: _Plain,
    SSLConnection: _Tls,
    UnixDomainSocketConnection: _Unix,
}


def connect(address: str) -> Redis:
    """A client for a Redis URL. Nothing is sent yet; every command has a time-out and is tried three times.

    Raises ConfigError if the address cannot be one.
    """
    try:
        if urlsplit(address).scheme in SENTINEL_SCHEMES:
            return _by_sentinel(address)
        pool = ConnectionPool.from_url(address, **_usual())
        pool.connection_class = _CHECKED[pool.connection_class]
        return Redis.from_pool(pool)
    except ValueError:
        # The cause's text is left out: of an address with a stray "#" or "/" it quotes half the password.
        raise ConfigError("REDIS_URL", (ConfigProblem("REDIS_URL", EXPECTED),)) from None


def _usual() -> dict[str, Any]:
    return {
        "socket_connect_timeout": COMMAND_TIMEOUT_S,
        "socket_timeout": COMMAND_TIMEOUT_S,
        "retry": Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), 2),
        "health_check_interval": 15,
    }


def _by_sentinel(address: str) -> Redis:
    """Raises ValueError. The Sentinels' own user: sentinel_username, sentinel_password in the query."""
    split = urlsplit(address)
    user, _, hosts = split.netloc.rpartition("@")
    service, _, number = split.path.strip("/").partition("/")
    if not service:
        raise ValueError("no master's name")
    query = dict(parse_qsl(split.query))
    of_sentinels = {
        name: query.pop(f"sentinel_{name}") for name in ("username", "password") if f"sentinel_{name}" in query
    }
    is_tls = split.scheme.startswith("rediss")
    scheme, auth = ("rediss" if is_tls else "redis"), f"{user}@" if user else ""
    options: dict[str, Any] = dict(parse_url(f"{scheme}://{auth}master/{number}?{urlencode(query)}"))
    for name in ("host", "port", "connection_class"):
        options.pop(name, None)
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        [_host_and_port(host) for host in hosts.split(",")],
        sentinel_kwargs=_usual() | of_sentinels | tls | ({"ssl": True} if is_tls else {}),
    )
    found: Redis = sentinel.master_for(
        service, connection_pool_class=_Pool, connection_class=_FoundTls if is_tls else _Found, **_usual(), **options
    )
    return found


def _host_and_port(text: str) -> tuple[str, int]:
    split = urlsplit(f"//{text}")
    if not split.hostname:
        raise ValueError("no Sentinel's host")
    return unquote(split.hostname), split.port or SENTINEL_PORT

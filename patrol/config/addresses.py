"""Stream addresses: ``${NAME}`` from the environment, ``{host}`` from the camera. No message shows an address."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from urllib.parse import parse_qs, quote, urlsplit

SCHEMES = ("rtsp://", "rtsps://", "http://", "https://", "file:///", "synthetic:")
PLACEHOLDERS = ("host", "channel", "id")
_NETWORK = ("rtsp", "rtsps", "http", "https")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PLACEHOLDER = re.compile(r"(?<!\$)\{([^{}]*)\}")
_PARTS = re.compile(
    r"(?s)^(?P<scheme>[^/?#@]*://)(?:(?P<user>[^/?#]*)@)?(?P<host>[^/?#]*)(?P<path>[^?#]*)(?P<query>.*)$"
)


def variables(address: str) -> tuple[str, ...]:
    """The names in ``${...}``, each once, in order."""
    return tuple(dict.fromkeys(_VARIABLE.findall(address)))


def placeholders(address: str) -> tuple[str, ...]:
    """The names in ``{...}``, each once, in order."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(address)))


def filled(address: str, values: Mapping[str, str]) -> str:
    """``address`` with every ``{name}`` replaced that ``values`` holds."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), address)


def expanded(address: str, environ: Mapping[str, str]) -> str:
    """``address`` with every ``${NAME}`` replaced that the environment holds.

    Percent-encoded where it becomes a user, a password or part of a query, so that ``p@ss/1`` stays a password.
    """
    parts = _PARTS.match(address)
    if parts is None:
        return _replaced(address, environ, encode=False)
    user = "" if parts["user"] is None else _replaced(parts["user"], environ, encode=True) + "@"
    where = _replaced(parts["scheme"], environ, encode=False)
    host_and_path = _replaced(parts["host"] + parts["path"], environ, encode=False)
    return where + user + host_and_path + _replaced(parts["query"], environ, encode=True)


def is_set(name: str, environ: Mapping[str, str]) -> bool:
    """Whether a variable has a value. An empty one counts as not set: as a password it is always a mistake."""
    return bool(environ.get(name))


def host_name(address: str) -> str:
    """The host without its port, lower case; empty where there is none, or where it cannot be read."""
    try:
        return urlsplit(address).hostname or "" if "://" in address else ""
    except ValueError:
        return ""


def wording_problem(address: str) -> str | None:
    """What is wrong with an address as it is written, before anything is filled in, or None."""
    if "${" in _VARIABLE.sub("", address):
        return "has a ${ that is not closed; expected ${NAME} of letters, digits and _"
    unknown = [name for name in placeholders(address) if name not in PLACEHOLDERS]
    if unknown:
        return "has a {...} that is not known; expected {host}, {channel} or {id}"
    parts = _PARTS.match(address)
    if parts is not None and parts["scheme"][:-3].lower() in _NETWORK and variables(parts["path"]):
        return (
            "has a variable in its path, which pages and logs would show; "
            "expected it before the @ (as user or password) or after the ?"
        )
    return None


def address_problem(address: str) -> str | None:
    """What is wrong with an address once everything is filled in, or None. A None is safe to take apart and show."""
    if not address.isprintable():
        return "has a control character or an unusual space; expected printable characters"
    if address.startswith("synthetic:"):
        return None
    named = re.match(r"([A-Za-z][A-Za-z0-9+.-]{0,20})://", address)  # without the //, "user:password@host" has a scheme
    scheme = named[1].lower() if named is not None else "none"
    if scheme == "file":
        return _file_problem(address)
    if scheme not in _NETWORK:
        return f"expected an address that begins with one of {', '.join(SCHEMES)}; got {scheme}"
    return _network_problem(address)


def _file_problem(address: str) -> str | None:
    if not re.match(r"(?i)file:///[^/]", address):
        return "expected file:///path, an absolute path"
    try:
        offset_s = float(parse_qs(urlsplit(address).query).get("offset", ["0"])[0])
    except ValueError:
        offset_s = math.nan
    return None if math.isfinite(offset_s) else "has an offset that is no number; expected seconds, as in ?offset=12.5"


def _network_problem(address: str) -> str | None:
    advice = "expected scheme://user:password@host:port/path, with / ? # @ in user and password percent-encoded"
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:  # its text may show the password
        return f"has a host or port that cannot be read; {advice}"
    if " " in address:
        return f"has a space; {advice} (a space is %20)"
    if not host:
        return f"has no host; {advice}"
    if "@" in parts.path or "@" in parts.fragment or parts.netloc.count("@") > 1:
        return f"has an @ where none can be; {advice}"
    return None


def _replaced(text: str, environ: Mapping[str, str], encode: bool) -> str:
    def value(found: re.Match[str]) -> str:
        if not is_set(found[1], environ):
            return found[0]
        return quote(environ[found[1]], safe="") if encode else environ[found[1]]

    return _VARIABLE.sub(value, text)

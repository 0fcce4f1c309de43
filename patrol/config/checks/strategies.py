"""How cameras are looked at: whether their addresses bear it, and the sessions it takes on their hosts."""

from __future__ import annotations

from collections.abc import Iterator

from patrol.config import addresses
from patrol.config.checks.addresses import OVER_HTTP
from patrol.config.checks.findings import Finding, listed
from patrol.config.document import Location
from patrol.config.parts import CameraPart, Parts
from patrol.config.showing import did_you_mean
from patrol.domain.camera import Strategy

STILL_PICTURES = OVER_HTTP
NO_STILL_PICTURES = ("rtsp://", "rtsps://", "file:///", "synthetic:")  # a scheme nobody knows is told elsewhere


def unfit_strategies(parts: Parts) -> Iterator[Finding]:
    """One finding for each place where a strategy is written that its cameras' addresses do not bear."""
    blamed: dict[Location, list[CameraPart]] = {}
    for part in parts.cameras:
        if part.camera is not None and parts.stream_of(part) is not None and not _has_fitting_address(parts, part):
            blamed.setdefault(_strategy_location(parts, part), []).append(part)
    for location, cameras in blamed.items():
        strategy = parts.strategy_of(cameras[0])
        yield location, f"is {strategy.value}, but {listed(cameras)} {_NEEDS[strategy]}"
    for part, location, address in parts.addresses():
        if location[-1] == "snapshot" and address.lower().startswith(NO_STILL_PICTURES) and location not in blamed:
            blamed[location] = [part]
            yield location, f"expected an address that begins with {' or '.join(STILL_PICTURES)} (JPEG pictures)"


_NEEDS = {
    Strategy.SNAPSHOT: "have no http or https address; expected snapshot, or stream with such an address",
    Strategy.WARM: "have an http or https stream, which is asked for single pictures; expected rtsp or rtsps",
}


def _strategy_location(parts: Parts, part: CameraPart) -> Location:
    if part.camera is not None and part.camera.strategy is not None:
        return (*part.location, "strategy")
    return ("templates", parts.template_of(part) or "", "strategy")


def _has_fitting_address(parts: Parts, part: CameraPart) -> bool:
    strategy = parts.strategy_of(part)
    stream, snapshot = parts.stream_of(part), parts.snapshot_of(part)
    if strategy is Strategy.SNAPSHOT:
        return snapshot is not None or (stream is not None and not stream[1].lower().startswith(NO_STILL_PICTURES))
    return strategy is not Strategy.WARM or stream is None or not stream[1].lower().startswith(STILL_PICTURES)


def warm_cameras(parts: Parts) -> Iterator[Finding]:
    """More streams that are kept open than there are sessions for, in all or on a host."""
    warm = [part for part in parts.cameras if parts.strategy_of(part) is Strategy.WARM and part.camera is not None]
    tour = parts.tour
    if tour is None:
        return
    if len(warm) > tour.warm_sessions:
        yield (
            ("tour", "warm_sessions"),
            f"{len(warm)} cameras are to be kept open (strategy warm); "
            f"expected {len(warm)} or more, or fewer such cameras, got {tour.warm_sessions}",
        )
    sessions_of = {name.lower(): host.sessions for name, host in tour.hosts.items()}
    others = _by_host(parts, [part for part in parts.cameras if part.camera is not None and part not in warm])
    for host, cameras in _by_host(parts, warm).items():
        sessions = sessions_of.get(host, tour.sessions_per_host)
        needed = len(cameras) + (host in others)
        if host and needed > sessions:
            message = (
                f"{listed(cameras)} are to be kept open (strategy warm) on {host}, which bears {sessions} sessions"
            )
            if host in others:
                message += f", and {listed(others[host])} need one, too"
            message += f"; expected {needed} or more under tour.hosts, or fewer such cameras"
            yield _strategy_location(parts, cameras[sessions - needed]), message


def _by_host(parts: Parts, cameras: list[CameraPart]) -> dict[str, list[CameraPart]]:
    by_host: dict[str, list[CameraPart]] = {}
    for part in cameras:
        by_host.setdefault(_visited_host(parts, part), []).append(part)
    return by_host


def _visited_host(parts: Parts, part: CameraPart) -> str:
    """The host whose sessions its visits use, as domain/hosts.py has it."""
    snapshot = parts.snapshot_of(part) if parts.strategy_of(part) is Strategy.SNAPSHOT else None
    if snapshot is None:
        return _host_name(parts, part)
    return addresses.host_name(addresses.filled(snapshot[1], parts.values_of(part)))


def _host_name(parts: Parts, part: CameraPart) -> str:
    """The host of a camera's stream, without its port; empty where there is none that can be told."""
    stream = parts.stream_of(part)
    filled = addresses.filled(stream[1], parts.values_of(part)) if stream is not None else ""
    return addresses.host_name(filled)


def unknown_hosts(parts: Parts) -> Iterator[Finding]:
    """A host that no camera is on; not told where a host comes from the environment."""
    names = {_host_name(parts, part) for part in parts.cameras}
    from_environment = any("$" in name for name in names) or any(a.startswith("${") for _, _, a in parts.addresses())
    if parts.tour is None or from_environment:
        return
    for host in parts.tour.hosts:
        if host.lower() not in names:
            near = did_you_mean(host.lower(), sorted(names - {""}))
            hint = near if "did you mean" in near else ""
            yield ("tour", "hosts", host), f"no camera is on this host{hint}"

"""What an incident of cameras in trouble tells: its words, its level, its messages, and how it ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from patrol.domain.camera import Camera, RingName
from patrol.domain.dispatch import Outcome, Situation, told
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import (
    Cause,
    ClockName,
    Disposition,
    Incident,
    IncidentState,
    Maintenance,
    TroubledCamera,
)
from patrol.domain.levels import LevelPolicy
from patrol.domain.maintenance import (
    CLOSED_BY,
    INNERMOST_FIRST,
    Action,
    Amend,
    Begin,
    Condition,
    Content,
    End,
    Ending,
    Group,
    Inventory,
    MaintenanceLimits,
    MaintenanceState,
)
from patrol.domain.troubles import WORDS

CLOSED_ALREADY = "closed already"
MANY_CAMERAS = 20


def actions(
    state: MaintenanceState, inventory: Inventory, levels: LevelPolicy, limits: MaintenanceLimits, now: datetime
) -> Iterable[Action]:
    """What the store has to be told of these groups, oldest first."""
    for group in sorted(state.groups.values(), key=lambda group: (group.opened_at, group.id)):
        content = _content(state, group, inventory, levels, limits, now)
        if group.told is None:
            yield Begin(_incident(state, group, content, inventory, now))
        elif group.ending is not None:
            yield End(group.id, content, group.ending)
        elif content.maintenance != group.told and _due(group, limits, now):
            yield Amend(group.id, content)


def _due(group: Group, limits: MaintenanceLimits, now: datetime) -> bool:
    return group.told_at is None or now - group.told_at >= timedelta(seconds=limits.update_every_s)


def _content(
    state: MaintenanceState,
    group: Group,
    inventory: Inventory,
    levels: LevelPolicy,
    limits: MaintenanceLimits,
    now: datetime,
) -> Content:
    cameras = [inventory.cameras[camera_id] for camera_id in group.members]
    maintenance = _maintenance(state, group, limits, now)
    ring = min((camera.ring for camera in cameras), key=INNERMOST_FIRST.__getitem__)
    words_zh, words_en = _words(maintenance, inventory.cameras[group.first])
    simulated = all(camera.simulated for camera in cameras)
    return Content(maintenance, level_of(levels, ring, len(cameras)), ring, words_zh, words_en, simulated)


def _maintenance(state: MaintenanceState, group: Group, limits: MaintenanceLimits, now: datetime) -> Maintenance:
    if group.told is not None and group.ending is not None and group.ending.into is not None:
        return group.told  # from here on the larger one tells of its cameras
    known = [state.cameras[camera_id] for camera_id in sorted(group.members) if camera_id in state.cameras]
    shown = tuple(_shown(condition, limits, now) for condition in known)
    return Maintenance(group.cause, group.where, group.trouble, shown)


def _shown(condition: Condition, limits: MaintenanceLimits, now: datetime) -> TroubledCamera:
    """What people are told of a camera: one that comes and goes is back only once it has stayed."""
    unsteady = condition.is_unsteady(limits)
    back = condition.returned_at if not condition.troubles else None
    if back is not None and unsteady and now - back < timedelta(seconds=limits.steady_unsteady_s):
        back = None
    return replace(condition.shown, returned_at=back, unsteady=unsteady)


def level_of(levels: LevelPolicy, ring: RingName, cameras: int) -> Level:
    """What was configured for camera_health, else by what is blind: never red, since nobody's life hangs on it yet."""
    configured = levels.configured(Kind.CAMERA_HEALTH, ring)
    if configured is not None:
        return configured
    if ring is RingName.CORE or cameras >= MANY_CAMERAS:
        return Level.YELLOW
    return Level.GREEN if ring is RingName.FAR and cameras == 1 else Level.BLUE


_CAUSE_WORDS = {
    Cause.HOST: ("主机 {}", "host {}"),
    Cause.SEGMENT: ("网段 {}", "network {}"),
    Cause.SITE: ("{}", "site {}"),
    Cause.STATION: ("全站", "whole station"),
    Cause.DIGEST: ("零散故障", "scattered"),
}


def _words(maintenance: Maintenance, first: Camera) -> tuple[str, str]:
    what_zh, what_en = WORDS[maintenance.trouble] if maintenance.trouble else ("画面异常", "in trouble")
    count, back = len(maintenance.cameras), maintenance.returned
    if maintenance.cause is Cause.CAMERA:
        zh, en = f"{first.name}：{what_zh}", f"{first.name_en}: {what_en}"
        return (f"{zh}，已恢复", f"{en}, back") if back else (zh, en)
    zh, en = _CAUSE_WORDS[maintenance.cause]
    where_en = first.site_en if maintenance.cause is Cause.SITE and first.site_en else maintenance.where
    cameras_en = f"{count} camera{'s' * (count != 1)}"
    zh, en = f"{zh.format(maintenance.where)}：{count} 路{what_zh}", f"{en.format(where_en)}: {cameras_en} {what_en}"
    return (f"{zh}，已恢复 {back} 路", f"{en}, {back} back") if back else (zh, en)


def _incident(state: MaintenanceState, group: Group, content: Content, inventory: Inventory, now: datetime) -> Incident:
    first = inventory.cameras[group.first]
    incident = Incident(
        id=group.id,
        kind=Kind.CAMERA_HEALTH,
        level=content.level,
        ring=content.ring,
        camera_id=first.id,
        camera_name=first.name,
        camera_name_en=first.name_en,
        place=first.place,
        target_s=None,
        fingerprint=f"maintenance/{group.id}",
        words_zh=content.words_zh,
        words_en=content.words_en,
        evidence_id=None,
        simulated=content.simulated,
        alert_ids=(),
        maintenance=content.maintenance,
    )
    began = min([now, *(camera.since for camera in content.maintenance.cameras)])
    return (
        incident.stamped(ClockName.BEGAN, began, "tour")
        .stamped(ClockName.DETECTED, group.opened_at, "tour")
        .stamped(ClockName.ACCEPTED, now, "store")
    )


def begin(incident: Incident, now: datetime) -> Outcome:
    """A new incident with its first message."""
    return told(Outcome(incident=incident, reason="opened"), now)


def amend(situation: Situation, content: Content, now: datetime) -> Outcome:
    """Tell what has changed, unless it is closed. Its level rises and never falls."""
    if not situation.incident.is_open:
        return Outcome(reason=CLOSED_ALREADY)
    return told(Outcome(incident=_with(situation.incident, content), reason="amended"), now)


def end(situation: Situation, content: Content, ending: Ending, now: datetime) -> Outcome:
    """Close it, unless a person did: its cameras are back, or it is part of a larger one."""
    if not situation.incident.is_open:
        return Outcome(reason=CLOSED_ALREADY)
    incident = _with(situation.incident, content).to(IncidentState.CLOSED)
    if ending.into is None:
        back = [camera.returned_at for camera in content.maintenance.cameras if camera.returned_at is not None]
        incident = incident.stamped(ClockName.HANDLED, max(back, default=now), "tour")
    for clock in (ClockName.FEEDBACK, ClockName.CLOSED):
        incident = incident.stamped(clock, now, CLOSED_BY)
    closed = replace(
        incident,
        disposition=Disposition.HANDLED if ending.into is None else Disposition.DUPLICATE,
        closed_by=CLOSED_BY,
        reason=_reason(content.maintenance, ending),
    )
    return told(Outcome(incident=closed, reason="closed"), now)


def _with(incident: Incident, content: Content) -> Incident:
    return replace(
        incident,
        maintenance=content.maintenance,
        level=incident.level if incident.level_by else min(incident.level, content.level, key=lambda level: level.rank),
        ring=content.ring,
        words_zh=content.words_zh,
        words_en=content.words_en,
        simulated=content.simulated,
    )


def _reason(maintenance: Maintenance, ending: Ending) -> str:
    if ending.into is not None:
        return f"并入 {ending.into} · merged into {ending.into}"
    count = maintenance.returned
    return f"画面已恢复，{count} 路 · pictures are back, {count} camera{'' if count == 1 else 's'}"

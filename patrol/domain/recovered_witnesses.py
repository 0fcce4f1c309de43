"""Who saw an incident that is made again from its messages: what was merged or split took its witnesses along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from patrol.domain.alerts import Alert, witness_of
from patrol.domain.incidents import AlertId, Incident, IncidentId, Witness
from patrol.domain.reading_back import Known
from patrol.domain.told_messages import Told
from patrol.domain.witnesses import opened, together


def witness_of_alert(alert: Alert, known: Known) -> Witness:
    """Who saw what an alert tells. Raises KeyError for a camera that is not configured."""
    camera = known.cameras.get(alert.camera_id)
    if camera is None:
        raise KeyError(f"camera {alert.camera_id} is not configured")
    return witness_of(alert, camera, known.rings[alert.ring])


def all_witnesses(
    incident: Incident, told_of: Mapping[IncidentId, Told], pool: Mapping[IncidentId, tuple[Witness, ...]]
) -> tuple[Witness, ...]:
    """Who saw it: as its newest message lists them, with what came after that, and with all that was merged into it."""
    of_it, own = told_of[incident.id], pool[incident.id]
    if of_it.newest is None:
        return own
    everybody = {alert_id: each for witnesses in pool.values() for each in witnesses for alert_id in each.alert_ids}
    listed = [
        _as_listed(everybody[AlertId(one["alert_id"])], one)
        for one in of_it.newest.data.get("cameras", ())
        if one["alert_id"] in everybody
    ]
    since = {alert_id for alert_id, envelope in of_it.alerts.items() if envelope.sequence > of_it.newest.sequence}
    is_cut = of_it.newest.data.get("cameras_in_all", len(listed)) > len(of_it.newest.data.get("cameras", ()))
    here = {each.fingerprint for each in listed}
    more = [each for each in own if each.fingerprint in here or is_cut or since.intersection(each.alert_ids)]
    merged = [each for one in _merged_into(incident.id, told_of) for each in pool.get(one, ())]
    return together(listed, [*more, *(each for each in merged if each.fingerprint in here)])


def _as_listed(witness: Witness, data: Mapping[str, Any]) -> Witness:
    return replace(
        witness,
        distance_m=witness.distance_m if witness.why_en == data["why"]["en"] else float(data["distance_m"]),
        why_zh=str(data["why"]["zh"]),
        why_en=str(data["why"]["en"]),
        operator=data["operator"],
    )


def _merged_into(incident_id: IncidentId, told_of: Mapping[IncidentId, Told]) -> list[IncidentId]:
    """Those that it goes on with, also those that these went on with before."""
    found: list[IncidentId] = []
    open_ends = [incident_id]
    while open_ends:
        into = open_ends.pop()
        for one, told_of_it in told_of.items():
            if told_of_it.newest and told_of_it.newest.data.get("merged_into") == into and one not in found:
                found.append(one)
                open_ends.append(one)
    return found


def first_listed(
    incident_id: IncidentId, data: Mapping[str, Any], pool: Mapping[IncidentId, tuple[Witness, ...]]
) -> Incident | None:
    """The beginning of what was split off: with a witness of another incident; None where no such witness is known."""
    listed = {one["alert_id"] for one in data.get("cameras", ())[:1]}
    for witnesses in pool.values():
        for each in witnesses:
            if listed.intersection(each.alert_ids):
                return opened(
                    incident_id, each, simulated=bool(data["simulated"]), drill=bool(data.get("drill", False))
                )
    return None

"""A proposed change as it would stand in the file: for a person to copy. Nothing here writes a file."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import yaml

from patrol.domain.camera import Camera, CameraId
from patrol.domain.precision import Proposal, WrittenChange
from patrol.domain.vocabulary import RuleId
from patrol.domain.zones import Zone

WrittenRule = Mapping[str, object]
LONGEST_LINE = 10**6  # never broken


class ProposalWriter:
    """Writes a proposal in the words of the file that was read. ``rules``: as they stand in it, by id.

    The camera gets a rule of its own, under an id that is not taken: others keep theirs, and what was judged of the old
    one is not held against the new one.
    """

    def __init__(self, rules: Mapping[RuleId, WrittenRule], cameras: Collection[Camera]) -> None:
        """``cameras``: looked at anew each time, as they may be drawn anew."""
        self._rules = rules
        self._cameras = cameras

    def __call__(self, proposal: Proposal) -> WrittenChange | None:
        """None where the rule does not watch that camera any more: nothing is left to change."""
        camera = next((each for each in self._cameras if each.id == proposal.camera_id), None)
        rule = self._rules.get(proposal.rule_id)
        if camera is None or rule is None or not any(proposal.rule_id in zone.rules for zone in camera.zones):
            return None
        own_id = self._free_id(proposal.rule_id, proposal.camera_id)
        own = {**rule, proposal.parameter: _number(proposal.proposed)}
        zones = "".join(f"  - {_one_line(_zone(zone, proposal.rule_id, own_id))}\n" for zone in camera.zones)
        return WrittenChange(own_id, f"rules:\n  {own_id}: {_one_line(own)}\n", f"zones:\n{zones}")

    def _free_id(self, rule_id: RuleId, camera_id: CameraId) -> RuleId:
        """``crowd-C-017``, then ``crowd-C-017-2`` and so on."""
        made_here = re.fullmatch(rf"(.+-{re.escape(camera_id)})(?:-\d+)?", rule_id)
        stem = made_here[1] if made_here else f"{rule_id}-{camera_id}"
        taken, number = stem, 1
        while taken in self._rules:
            number += 1
            taken = f"{stem}-{number}"
        return RuleId(taken)


def _zone(zone: Zone, old: RuleId, new: RuleId) -> dict[str, object]:
    shape = "polygon" if zone.line is None else "line"
    written: dict[str, object] = {
        "id": zone.id,
        "name": zone.name,
        "name_en": zone.name_en,
        "rules": [new if rule == old else rule for rule in zone.rules],
        shape: [list(point) for point in zone.outline],
    }
    return written if zone.direction_deg is None else {**written, "direction": _number(zone.direction_deg)}


def _number(value: float) -> float | int:
    """Counts are whole numbers in the file."""
    return int(value) if value == int(value) else value


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True  # the file may hold none


def _one_line(value: object) -> str:
    """In the file's own style: one thing, one line."""
    line = yaml.dump(
        value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, default_flow_style=True, width=LONGEST_LINE
    )
    return str(line).strip()

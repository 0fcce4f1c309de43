"""A proposed change is written so that it can be made: the file loads with it, and only that camera changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from patrol.config import Configuration, load
from patrol.config.building import rule_of
from patrol.config.proposed import ProposalWriter
from patrol.config.rule_models import RULE_MODELS
from patrol.domain.camera import Camera
from patrol.domain.conditions import Crowd
from patrol.domain.precision import Precision, Proposal, WrittenChange, proposals
from patrol.domain.vocabulary import CameraId, RuleId

SHIPPED = Path("configs/cameras.yaml")
CAMERA = CameraId("C-005")


@pytest.fixture(scope="module")
def shipped() -> Configuration:
    return load(SHIPPED, {}, variables_required=False)


def proposed(configuration: Configuration, rule_id: str = "crowd", camera_id: CameraId = CAMERA) -> Proposal:
    """What is proposed where nothing that a rule told of was so."""
    rule = configuration.rules[RuleId(rule_id)]
    (proposal,) = proposals([Precision(camera_id, rule.id, rule.kind, 0, 9)], configuration.rules)
    return proposal


def written(configuration: Configuration, proposal: Proposal) -> WrittenChange:
    change = ProposalWriter(configuration.written_rules, configuration.cameras)(proposal)
    assert change is not None
    return change


def made(folder: Path, change: WrittenChange, camera_id: CameraId = CAMERA) -> Configuration:
    """The shipped file with the change copied into it, as a person would."""
    data = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    data["rules"] |= yaml.safe_load(change.rule)["rules"]
    (camera,) = (camera for camera in every_camera(data) if camera["id"] == camera_id)
    camera |= yaml.safe_load(change.zones)
    changed = folder / "cameras.yaml"
    changed.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return load(changed, {}, variables_required=False)


def every_camera(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [*data.get("cameras", []), *(camera for site in data["sites"] for camera in site["cameras"])]


def rules_of(camera: Camera) -> list[str]:
    return [rule for zone in camera.zones for rule in zone.rules]


def test_made_as_written_the_rule_is_stricter_on_that_camera_and_as_before_on_all_others(
    shipped: Configuration, tmp_path: Path
) -> None:
    after = made(tmp_path, written(shipped, proposed(shipped)))
    own = after.rules[RuleId("crowd-C-005")]
    assert isinstance(own.condition, Crowd)
    assert own.condition.at_least == 6
    before = shipped.rules[RuleId("crowd")]
    assert (own.name, own.name_en, own.for_s, own.cool_down_s) == (
        before.name,
        before.name_en,
        before.for_s,
        before.cool_down_s,
    )
    assert {name: rule for name, rule in after.rules.items() if name != own.id} == dict(shipped.rules)
    for old, new in zip(shipped.cameras, after.cameras, strict=True):
        if old.id != CAMERA:
            assert new == old
            continue
        assert rules_of(new) == [own.id if rule == "crowd" else rule for rule in rules_of(old)]
        assert [zone.outline for zone in new.zones] == [zone.outline for zone in old.zones]


def test_what_has_been_done_is_not_proposed_again_and_the_next_change_has_an_id_of_its_own(
    shipped: Configuration, tmp_path: Path
) -> None:
    proposal = proposed(shipped)
    after = made(tmp_path, written(shipped, proposal))
    assert ProposalWriter(after.written_rules, after.cameras)(proposal) is None
    again = written(after, proposed(after, "crowd-C-005"))
    assert again.rule_id == "crowd-C-005-2"
    assert yaml.safe_load(again.rule)["rules"]["crowd-C-005-2"]["at_least"] == 7


def test_nothing_is_written_for_a_camera_or_a_rule_that_is_gone(shipped: Configuration) -> None:
    proposal = proposed(shipped)
    rules, cameras = shipped.written_rules, shipped.cameras
    assert ProposalWriter(rules, [camera for camera in cameras if camera.id != CAMERA])(proposal) is None
    assert ProposalWriter({name: rule for name, rule in rules.items() if name != "crowd"}, cameras)(proposal) is None


@pytest.mark.parametrize("kind", RULE_MODELS)
def test_of_every_kind_what_is_written_is_a_rule_that_tells_less(shipped: Configuration, kind: str) -> None:
    file = {"kind": kind, "name": "规则"}
    rule = rule_of("crowd", RULE_MODELS[kind].model_validate(file))
    found = proposals([Precision(CAMERA, rule.id, rule.kind, 0, 9)], {rule.id: rule})
    assert found, kind
    for proposal in found:
        change = ProposalWriter({rule.id: file}, shipped.cameras)(proposal)
        assert change is not None
        own = yaml.safe_load(change.rule)["rules"][change.rule_id]
        assert set(own) == {*file, proposal.parameter}
        assert own[proposal.parameter] > proposal.now
        assert rule_of(change.rule_id, RULE_MODELS[kind].model_validate(own)) != rule

"""Names: ids that are taken, and templates, rules, sites, models and classes that are not there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from patrol.config.camera_models import ZoneModel
from patrol.config.checks.findings import Finding, must_be_known
from patrol.config.document import Location, written
from patrol.config.parts import Parts
from patrol.config.rule_models import RuleModel
from patrol.config.showing import did_you_mean, shown

KnownModels = Mapping[str, Collection[str]]
"""The classes that each model can tell, by the model's name."""


def duplicate_ids(parts: Parts) -> Iterator[Finding]:
    """Ids of cameras, units and zones that an earlier one has."""
    yield from _repeated(
        [((*part.location, "id"), part.camera.id) for part in parts.cameras if part.camera is not None]
    )
    yield from _repeated([(("units", i, "id"), unit.id) for i, unit in enumerate(parts.units) if unit is not None])
    for location, zones in parts.zone_lists():
        yield from _repeated([((*location, i, "id"), zone.id) for i, zone in enumerate(zones)])


def _repeated(ids: list[tuple[Location, str]]) -> Iterator[Finding]:
    first: dict[str, Location] = {}
    for location, name in ids:
        if name in first:
            yield location, f"the id '{name}' is taken by {written(first[name][:-1])}; expected an id of its own"
        first.setdefault(name, location)


def references(parts: Parts) -> Iterator[Finding]:
    """Templates and rules that are not there, and rules that cannot watch the zone that names them."""
    for site in parts.sites:
        if site.head is not None and site.head.use is not None:
            yield from must_be_known((*site.location, "use"), "template", site.head.use, parts.templates)
    for part in parts.cameras:
        if part.camera is not None and part.camera.use is not None:
            yield from must_be_known((*part.location, "use"), "template", part.camera.use, parts.templates)
    for location, zones in parts.zone_lists() if parts.rules else ():  # that there is no rule at all is told already
        for i, zone in enumerate(zones):
            for j, rule in enumerate(zone.rules):
                yield from must_be_known((*location, i, "rules", j), "rule", rule, parts.rules)
                model = parts.rules.get(rule)
                problem = _misfit(zone, model) if model is not None else None
                if problem is not None:
                    yield (*location, i, "rules", j), f"'{rule}' {problem}"


def _misfit(zone: ZoneModel, rule: RuleModel) -> str | None:
    """Why a rule cannot watch a zone, or None."""
    if rule.watches_lines and zone.line is None:
        return f"watches lines ({rule.kind}); expected a zone with line: [[x, y], [x, y]] instead of polygon"
    if zone.line is not None and not rule.watches_lines:
        return f"watches areas ({rule.kind}); expected a zone with polygon instead of line"
    if rule.needs_direction and zone.direction is None:
        return f"needs to know which way traffic goes ({rule.kind}); expected direction: right, left, up or down, here"
    return None


def model_and_labels(parts: Parts, model: str, known_models: KnownModels) -> Iterator[Finding]:
    """A model that is not there, and classes in rules that it cannot tell."""
    if model not in known_models:
        yield ("detector", "model"), f"there is no model {shown(model)}{did_you_mean(model, list(known_models))}"
        return
    classes = known_models[model]
    for name, rule in parts.rules.items():
        for key in ("forbid", "allow", "vehicles", "who") if rule is not None else ():
            for index, label in enumerate(getattr(rule, key, None) or ()):
                if label not in classes:
                    message = f"{model} cannot tell {shown(label)}{did_you_mean(label, list(classes))}"
                    yield ("rules", name, key, index), message


def raised_sites(parts: Parts) -> Iterator[Finding]:
    """Sites that raise levels and are not there."""
    if parts.levels is None or not are_all_read(parts):
        return
    sites = site_names(parts)
    for i, each in enumerate(parts.levels.raises):
        for j, site in enumerate(each.sites):
            yield from must_be_known(("levels", "raise", i, "sites", j), "site", site, sites)


def site_names(parts: Parts) -> dict[str, None]:
    """What sites may be called by, in the order of the file."""
    heads = [site.head for site in parts.sites if site.head is not None]
    return dict.fromkeys(name for head in heads for name in (head.name, head.name_en) if name is not None)


def are_all_read(parts: Parts) -> bool:
    """Whether every site and camera can be used: only then is a name surely of none."""
    return all(site.head is not None for site in parts.sites) and all(part.camera is not None for part in parts.cameras)

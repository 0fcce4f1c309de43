"""From a file to a Configuration: read, check everything, then build."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from patrol.config import building, crosschecks, wording
from patrol.config.checks.addresses import missing_variables
from patrol.config.document import Document, read
from patrol.config.models import FileModel
from patrol.config.parts import Parts, parts_of
from patrol.config.settings import Configuration
from patrol.domain.errors import ConfigError, ConfigProblem
from patrol.domain.map_settings import MapSettings


def load(
    path: Path,
    environ: Mapping[str, str],
    *,
    variables_required: bool = True,
    known_models: Mapping[str, Collection[str]] | None = None,
) -> Configuration:
    """Reads the file at ``path``; ``${NAME}`` in stream addresses comes from ``environ``.

    ``variables_required=False``: a variable that is not set becomes a warning and stays in the address as it is
    written, for checking a file on a machine that has no credentials; never open cameras from that.

    ``known_models``: the classes that each model can tell, by its name; None: the model and the labels are not checked.

    Raises ConfigError with every problem found, in the order of the file. No secret is in its text.
    """
    document, problems = read(path)
    return loaded(document, problems, path, environ, variables_required=variables_required, known_models=known_models)


def loaded(
    document: Document,
    problems: list[ConfigProblem],
    path: Path,
    environ: Mapping[str, str],
    *,
    variables_required: bool = True,
    known_models: Mapping[str, Collection[str]] | None = None,
) -> Configuration:
    """What ``load`` gives, of a document that was read, and what was found wrong with it then. Raises ConfigError."""
    file, shape_problems = _validated(document)
    parts = parts_of(document.data)
    problems = [*problems, *shape_problems]
    problems += [document.problem(*finding) for finding in crosschecks.problems(parts, environ, known_models)]
    missing = [document.problem(*finding) for finding in missing_variables(parts, environ)]
    if variables_required:
        problems += missing
    if problems or file is None or not isinstance(document.data, dict):
        raise ConfigError(str(path), _in_order(problems))
    warnings = _in_order([*missing, *_warnings(document, parts)])
    built = building.build(file, parts, environ, warnings, path.parent)
    return replace(built, written_rules=document.data["rules"], map=_with_lines(built.map, document))


def _validated(document: Document) -> tuple[FileModel | None, list[ConfigProblem]]:
    try:
        return FileModel.model_validate(document.data), []
    except ValidationError as error:
        return None, [wording.problem(one, document) for one in error.errors(include_url=False)]


def _warnings(document: Document, parts: Parts) -> list[ConfigProblem]:
    return [document.problem(*finding) for finding in crosschecks.warnings(parts)]


def _with_lines(settings: MapSettings, document: Document) -> MapSettings:
    """What is wrong with these files is found later, and told with the line that names them."""
    base = (
        replace(each, line=document.line(("map", "base", index, "file"))) for index, each in enumerate(settings.base)
    )
    pmtiles = settings.pmtiles
    if pmtiles is not None:
        pmtiles = replace(pmtiles, line=document.line(("map", "pmtiles", "file")))
    return replace(settings, base=tuple(base), pmtiles=pmtiles)


def _in_order(problems: list[ConfigProblem]) -> tuple[ConfigProblem, ...]:
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.line or 0))

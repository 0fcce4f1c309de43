"""pydantic's errors in words for the person who wrote the file: what was wrong, and what was expected."""

from __future__ import annotations

import re
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from patrol.config.document import Document, Location, written
from patrol.config.models import FileModel
from patrol.config.rule_models import RULE_MODELS
from patrol.config.showing import did_you_mean, shown
from patrol.config.times import DATE_PATTERN, TIME_PATTERN
from patrol.config.values import HOST_PATTERN, ID_PATTERN
from patrol.domain.errors import ConfigProblem

_PATTERNS = {
    ID_PATTERN: "an id of up to 64 letters, digits, '.', '_' and '-' that begins with a letter or digit",
    HOST_PATTERN: "a host name or IPv4 address (the port stands in the address)",
    TIME_PATTERN: "a time of day, 00:00 to 24:00",
    DATE_PATTERN: "a day, as in 2026-10-01",
}
_PLAIN = {
    "string_type": "text",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "finite_number": "a finite number",
}
_FROM_CONTEXT = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:g} or less",
    "multiple_of": "a multiple of {multiple_of:g}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "string_too_short": "at least {min_length} character",
    "string_too_long": "at most {max_length} characters",
    "enum": "one of {expected}",
}
NO_SUCH_KIND = frozenset({"union_tag_invalid", "union_tag_not_found"})
_ADDRESSES = {"stream", "snapshot", "url"}


def problem(error: ErrorDetails, document: Document) -> ConfigProblem:
    """One pydantic error as a problem in the file."""
    location = tuple(part for part in error["loc"] if part != "[key]")
    if error["type"] in NO_SUCH_KIND:
        return document.problem((*location, "kind"), _kind_message(error))
    return document.problem(_without_kind(location), _message(error, location))


def _without_kind(location: Location) -> Location:
    """pydantic puts a rule's kind into the way to what is in it; the file does not."""
    return location[:2] + location[3:] if location[:1] == ("rules",) else location


def _message(error: ErrorDetails, location: Location) -> str:
    kind, given = error["type"], error["input"]
    if kind == "missing":
        return f"is missing; expected {_description(location)}"
    if kind == "extra_forbidden":
        return f"is not a key that is known here{did_you_mean(str(location[-1]), _keys(location[:-1]))}"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    got = "a value" if _ADDRESSES & set(location) else shown(given)
    return f"expected {_expected(error)}, got {got}{_hint(error)}"


def _expected(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind == "too_short" and isinstance(error["input"], dict):
        return "at least one entry"
    if kind in _FROM_CONTEXT:
        return _FROM_CONTEXT[kind].format_map(context)
    if kind == "string_pattern_mismatch":
        return _PATTERNS[context["pattern"]]
    return f"something else ({error['msg']})"


def _hint(error: ErrorDetails) -> str:
    kind, given = error["type"], error["input"]
    if kind == "string_type" and isinstance(given, (bool, int, float)):
        return "; put it in quotes"
    if kind == "enum" and isinstance(given, str):
        near = get_close_matches(given, re.findall(r"'([^']*)'", error["ctx"]["expected"]), n=1)
        return f"; did you mean `{near[0]}`?" if near else ""
    return ""


def _kind_message(error: ErrorDetails) -> str:
    known = "one of " + ", ".join(RULE_MODELS)
    if error["type"] == "union_tag_not_found":
        return f"is missing; expected {known}"
    tag = str(error["ctx"]["tag"])
    near = get_close_matches(tag, RULE_MODELS, n=1)
    return f"expected {known}, got {shown(tag)}" + (f"; did you mean `{near[0]}`?" if near else "")


def _description(location: Location) -> str:
    owner = _type_at(location[:-1])
    field = _fields(owner).get(str(location[-1])) if _is_model(owner) else None
    return (field.description if field is not None else None) or written(location[-1:])


def _keys(location: Location) -> list[str]:
    owner = _type_at(location)
    return list(_fields(owner)) if _is_model(owner) else []


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Its fields by the keys that stand in a file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _type_at(location: Location) -> Any:
    """The annotation of what stands at ``location`` in a file."""
    annotation: Any = FileModel
    for part in location:
        annotation = _bare(annotation)
        if location[:1] == ("rules",) and part in RULE_MODELS and annotation in RULE_MODELS.values():
            annotation = RULE_MODELS[str(part)]
        elif _is_model(annotation):
            field = _fields(annotation).get(str(part))
            annotation = field.annotation if field is not None else None
        else:  # list[item] or dict[key, item]
            annotation = (get_args(annotation) or (None,))[-1]
    return _bare(annotation)


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) in (Annotated, Union, UnionType):
        annotation = get_args(annotation)[0]
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)

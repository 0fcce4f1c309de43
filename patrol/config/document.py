"""A YAML file as plain data, with the line of everything in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from patrol.domain.errors import ConfigError, ConfigProblem

Location = tuple[str | int, ...]
"""A way into the file: ``("cameras", 17, "ring")``."""

WHOLE_FILE = "file"
MOST_BYTES = 16 * 2**20
DEEPEST = 24

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times faster, where PyYAML was built with it
_constructor = yaml.constructor.SafeConstructor()
_SCALARS = {
    "tag:yaml.org,2002:null": _constructor.construct_yaml_null,
    "tag:yaml.org,2002:bool": _constructor.construct_yaml_bool,
    "tag:yaml.org,2002:int": _constructor.construct_yaml_int,
    "tag:yaml.org,2002:float": _constructor.construct_yaml_float,
}
_TEXTS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value", "tag:yaml.org,2002:merge"}
_TAGGED = "YAML tags (!name) are not supported; expected a plain value"
_CONTAINERS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


@dataclass(frozen=True, slots=True)
class Document:
    """``data``: dicts with text keys, lists, text, numbers, booleans and None. ``root``: the nodes it came from."""

    data: object
    root: yaml.Node

    def line(self, location: Sequence[str | int]) -> int:
        """The 1-based line of what stands at ``location``, or of the nearest thing around it that exists."""
        node, mark = self.root, self.root.start_mark
        for part in location:
            found = _child(node, part)
            if found is None:
                break
            node, mark = found
        return int(mark.line) + 1

    def problem(self, location: Sequence[str | int], message: str) -> ConfigProblem:
        """``message`` about ``location``, with its line."""
        return ConfigProblem(written(location), message, self.line(location))


def written(location: Sequence[str | int]) -> str:
    """``cameras[17].ring``. A key that looks like an address is not shown: it may hold a password."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + ("(an address)" if "://" in part else part)
    return text or WHOLE_FILE


def read(path: Path) -> tuple[Document, list[ConfigProblem]]:
    """The file's data and what is wrong with its YAML that leaves the rest readable, such as keys given twice.

    Raises ConfigError when nothing can be made of it: missing, unreadable, too large, not UTF-8, not YAML, empty.
    """
    return read_text(text_of(path, whole_bytes(path)), path)


def read_text(text: str, path: Path) -> tuple[Document, list[ConfigProblem]]:
    """What ``read`` gives, of a file's text. ``path``: how the file is called where something is wrong with it."""
    try:
        node = _composed(text)
    except _UnreadableError as error:
        raise _unusable(path, str(error), error.line) from None
    problems: list[ConfigProblem] = []
    data = _Reading(problems).value(node, ())
    return Document(data, node), problems


class _UnreadableError(Exception):
    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def whole_bytes(path: Path) -> bytes:
    """All that a configuration file holds. Raises ConfigError where it cannot be read, or is too large."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}; expected a YAML file") from None
    if len(raw) > MOST_BYTES:
        raise _unusable(path, f"is larger than {MOST_BYTES // 2**20} MiB; expected a configuration file")
    return raw


def text_of(path: Path, raw: bytes) -> str:
    """Its text, without a byte order mark. Raises ConfigError where it is not UTF-8."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _unusable(path, "is not UTF-8 here; save the file as UTF-8", line) from None


def _unusable(path: Path, message: str, line: int | None = None) -> ConfigError:
    return ConfigError(str(path), (ConfigProblem(WHOLE_FILE, message, line),))


def _composed(text: str) -> yaml.Node:
    try:
        _refuse_traps(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else None
        about = " ".join(part for part in (error.context, error.problem) if part)
        raise _UnreadableError(f"is not YAML here: {about}", line) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise _UnreadableError(f"is not YAML here: {error.reason}", line) from None
    if node is None:
        raise _UnreadableError("is empty; expected station, rings, rules, levels, cameras and units")
    return node


def _refuse_traps(text: str) -> None:
    """Looks at the file's events, which need no recursion: libyaml's composer crashes the process on deep nesting.

    Aliases are refused too: templates do that work, and neither a cycle nor a bomb can be built.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = int(event.start_mark.line) + 1 if event.start_mark is not None else None
        if isinstance(event, yaml.AliasEvent):
            raise _UnreadableError("YAML aliases (*name) are not supported; expected a template", line)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise _UnreadableError(f"is nested more than {DEEPEST} deep here", line)


class _Reading:
    """Turns nodes into data; a part that cannot be used becomes None and a problem."""

    def __init__(self, problems: list[ConfigProblem]) -> None:
        self._problems = problems

    def value(self, node: yaml.Node, location: Location) -> object:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, location)
        if node.tag not in _CONTAINERS:
            self._refuse(node, location, _TAGGED)
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        return [self.value(child, (*location, index)) for index, child in enumerate(node.value)]

    def _scalar(self, node: yaml.ScalarNode, location: Location) -> object:
        if node.tag in _TEXTS:
            return node.value
        construct = _SCALARS.get(node.tag)
        if construct is None:
            self._refuse(node, location, _TAGGED)
            return None
        if ":" in node.value:  # YAML 1.1 reads 16:00 as a number to the base of 60: 960
            return node.value
        try:
            return construct(node)
        except (ValueError, KeyError):  # "0x_" looks like a number to YAML's pattern and is none
            return node.value

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, object]:
        data: dict[str, object] = {}
        first: dict[str, int] = {}
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, location, "has a list or a mapping as a key; expected text")
                continue
            name = str(key.value)  # as it is written: "on" and "no" are keys, not booleans
            if name in data:
                message = f"is given twice, first in line {first[name]}; expected each key once"
                self._refuse(key, (*location, name), message)
                continue
            data[name] = self.value(child, (*location, name))
            first[name] = int(key.start_mark.line) + 1
        return data

    def _refuse(self, node: yaml.Node, location: Location, message: str) -> None:
        self._problems.append(ConfigProblem(written(location), message, int(node.start_mark.line) + 1))


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Mark] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((value, key.start_mark) for key, value in _pairs(node) if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item, item.start_mark
    return None


def _pairs(node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    return ((key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode))

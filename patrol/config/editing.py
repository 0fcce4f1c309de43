"""Editing: a configuration file's text with some values changed, and every other byte of it as it was.

Pure; ``writing`` does the reading and writing. YAML libraries that keep comments write the whole file anew, with line
breaks and spaces of their own; here the places of values are taken from the parser, and only those are replaced. What
comes out is parsed again: it says what was asked for, and nothing else, or nothing is changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from patrol.config.document import Document, Location, read_text, written
from patrol.domain.errors import ConfigError, ConfigProblem


class _Removed:
    def __repr__(self) -> str:
        return "REMOVED"


REMOVED = _Removed()
"""The value of a Change that takes a key, or an item of a list, away."""

_UNNAMED = Path("the edited file")
_WIDEST = 10**6  # a line is never broken


@dataclass(frozen=True, slots=True)
class Change:
    """``value`` is to stand at ``location``: plain data, as a Document has it, or ``REMOVED``.

    The last part of the location may be a key that is not there yet, or the index after the last item.
    """

    location: Location
    value: object


def edited(text: str, changes: Iterable[Change]) -> str:
    """The text with the changes made, one after the other.

    Of a list that is given whole, what stayed the same stays as it is written: items are known by their ``id``, or else
    by what they say. Raises ConfigError where a place does not exist, or cannot be edited as it is written there.
    """
    document, problems = read_text(text, _UNNAMED)
    if problems:
        raise ConfigError(str(_UNNAMED), tuple(problems))
    changes = list(changes)
    wanted = changed_data(document, changes)
    splices = list(_Comparing(text, document.root).splices(document.root, document.data, wanted))
    after = _spliced(text, splices)
    if not same(_data_of(after), wanted):
        raise _refused(document, changes[0].location if changes else ())
    return after


def changed_data(document: Document, changes: Iterable[Change]) -> object:
    """What the document would say; it stays as it is. Raises ConfigError where a place does not exist."""
    data = document.data
    for change in changes:
        data = _with(data, change.location, change.value, document, change.location)
    return data


def value_at(data: object, location: Location) -> object:
    """What stands there; None where nothing does."""
    for part in location:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data):
            data = data[part]
        else:
            return None
    return data


def same(one: object, other: object) -> bool:
    """Whether two values say the same. True is not 1; 1 is 1.0; keys have no order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def _with(data: object, location: Location, value: object, document: Document, whole: Location) -> object:
    """A copy, in which only what is on the way is new."""
    if not location:
        return value
    part, rest = location[0], location[1:]
    if isinstance(data, dict) and isinstance(part, str) and (part in data or not rest):
        if not rest and isinstance(value, _Removed):
            return {key: kept for key, kept in data.items() if key != part}
        return {**data, part: _with(data.get(part), rest, value, document, whole)}
    if isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data) + (not rest):
        if not rest and isinstance(value, _Removed):
            return [*data[:part], *data[part + 1 :]]
        before = data[part] if part < len(data) else None
        return [*data[:part], _with(before, rest, value, document, whole), *data[part + 1 :]]
    raise ConfigError(str(_UNNAMED), (document.problem(whole, "is not in the file; expected a place that is"),))


def _data_of(text: str) -> object:
    try:
        document, problems = read_text(text, _UNNAMED)
    except ConfigError:
        return None
    return None if problems else document.data


def _refused(document: Document, location: Location) -> ConfigError:
    message = "cannot be changed from here as it is written; expected plain YAML, or change it in the file by hand"
    return ConfigError(str(_UNNAMED), (ConfigProblem(written(location), message, document.line(location)),))


@dataclass(frozen=True, slots=True)
class _Splice:
    """``text`` takes the place of what stands from ``start`` up to ``end``."""

    start: int
    end: int
    text: str


def _spliced(text: str, splices: Sequence[_Splice]) -> str:
    pieces, at = [], 0
    for splice in sorted(splices, key=lambda one: (one.start, one.end)):  # stable: insertions keep their order
        pieces += [text[at : splice.start], splice.text]
        at = max(at, splice.end)
    return "".join([*pieces, text[at:]])


@dataclass(frozen=True, slots=True)
class _Item:
    """A key with its value, or an item of a list. ``start``: of the key, or of the item itself."""

    start: int
    node: yaml.Node


class _Comparing:
    """Finds the splices that make one value of the other."""

    def __init__(self, text: str, root: yaml.Node) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._step = _list_step(root)

    def splices(self, node: yaml.Node, before: object, after: object) -> list[_Splice]:
        """What is to be spliced so that ``node``, which says ``before``, says ``after``."""
        if same(before, after):
            return []
        if isinstance(node, yaml.MappingNode) and isinstance(before, dict) and isinstance(after, dict) and after:
            return self._of_mapping(node, before, after)
        if isinstance(node, yaml.SequenceNode) and isinstance(before, list) and isinstance(after, list) and after:
            return self._of_list(node, before, after)
        return [self._replaced(node, after)]

    # --- mappings -----------------------------------------------------------------------------------------------------

    def _of_mapping(self, node: yaml.MappingNode, before: dict[str, Any], after: dict[str, Any]) -> list[_Splice]:
        added = [key for key in after if key not in before]
        if not any(key in after for key in before):  # nothing is left to stand beside
            return [self._replaced(node, after)]
        items = [_Item(key.start_mark.index, value) for key, value in node.value]
        made = [
            splice
            for item, key in zip(items, before, strict=True)
            if key in after
            for splice in self.splices(item.node, before[key], after[key])
        ]
        gone = [place for place, key in enumerate(before) if key not in after]
        made += self._without(node, items, gone)
        last = max(place for place, key in enumerate(before) if key in after)
        if node.flow_style:
            at, column = self._end(items[last].node), node.start_mark.column + 1
            made += [self._put(at, "," + self._within(k, after[k], column)) for k in added]
        else:
            column = node.value[0][0].start_mark.column
            at = self._end_of_line(self._end(items[last].node))
            made += [self._put(at, self._newline + " " * column + self._entry(k, after[k], column)) for k in added]
        return made

    def _within(self, key: str, value: object, column: int) -> str:
        """In flow style, behind a comma; each mapping of a list on a line of its own."""
        if not _is_list_of_mappings(value):
            return f" {_flow({key: value})[1:-1]}"
        outer, inner = self._newline + " " * column, self._newline + " " * (column + 2)
        return f"{outer}{_flow(key)}: [{inner}" + f",{inner}".join(_flow(item) for item in value) + f"{outer}]"

    def _entry(self, key: str, value: object, column: int) -> str:
        """In block style; a list of mappings as this file's lists are, each on a line."""
        name = _flow(key)
        if not _is_list_of_mappings(value):
            return f"{name}: {_flow(value)}"
        lead = self._newline + " " * (column + self._step) + "- "
        return f"{name}:" + "".join(lead + _flow(item) for item in value)

    # --- lists --------------------------------------------------------------------------------------------------------

    def _of_list(self, node: yaml.SequenceNode, before: list[Any], after: list[Any]) -> list[_Splice]:
        if not before:
            return [self._replaced(node, after)]
        items = [_Item(item.start_mark.index, item) for item in node.value]
        made: list[_Splice] = []
        gone: list[int] = []
        for word, i1, i2, j1, j2 in _steps(before, after):
            pairs = min(i2 - i1, j2 - j1) if word in ("equal", "replace") else 0
            for offset in range(pairs):
                made += self.splices(items[i1 + offset].node, before[i1 + offset], after[j1 + offset])
            gone += range(i1 + pairs, i2)
            made += self._added(node, items, i1 + pairs, after[j1 + pairs : j2])
        if len(gone) == len(before):
            return [self._replaced(node, after)]
        return made + self._without(node, items, gone)

    def _added(self, node: yaml.SequenceNode, items: list[_Item], place: int, values: list[Any]) -> list[_Splice]:
        """New items before the one at ``place``."""
        if node.flow_style:
            begin = self._begin_of_line(items[0].start)
            is_on_lines = not self._text[begin : items[0].start].strip()
            between = self._newline + self._text[begin : items[0].start] if is_on_lines else " "
            if place == 0:
                return [self._put(items[0].start, f"{_flow(value)},{between}") for value in values]
            return [self._put(self._end(items[place - 1].node), f",{between}{_flow(value)}") for value in values]
        dash = self._dash(items[0])
        column = dash - self._begin_of_line(dash)
        style = items[min(place, len(items) - 1)].node
        lines = [" " * column + "- " + self._like(style, value, column + 2) for value in values]
        if place == 0:
            return [self._put(self._begin_of_line(dash), line + self._newline) for line in lines]
        at = self._end_of_line(self._end(items[place - 1].node))
        return [self._put(at, self._newline + line) for line in lines]

    def _like(self, sibling: yaml.Node, value: object, column: int) -> str:
        """A new item, written as the one beside it is: a key a line, or all on one."""
        if isinstance(value, dict) and value and isinstance(sibling, yaml.MappingNode) and not sibling.flow_style:
            return (self._newline + " " * column).join(self._entry(key, each, column) for key, each in value.items())
        return _flow(value)

    # --- what goes ----------------------------------------------------------------------------------------------------

    def _without(self, node: yaml.CollectionNode, items: list[_Item], gone: list[int]) -> list[_Splice]:
        """The splices that take those items away: with their lines, or with one comma each."""
        runs = [[place for _, place in run] for _, run in groupby(enumerate(gone), lambda pair: pair[1] - pair[0])]
        if node.flow_style:
            return [self._run_cut(items, run[0], run[-1]) for run in runs]
        return [self._lines_cut(node, items[place]) for place in gone]

    def _run_cut(self, items: list[_Item], first: int, last: int) -> _Splice:
        if last + 1 < len(items):
            return _Splice(items[first].start, items[last + 1].start, "")
        return _Splice(self._end(items[first - 1].node), self._end(items[last].node), "")

    def _lines_cut(self, node: yaml.CollectionNode, item: _Item) -> _Splice:
        begin = item.start if isinstance(node, yaml.MappingNode) else self._dash(item)
        start, end = self._begin_of_line(begin), self._end_of_line(self._end(item.node))
        if self._text[start:begin].strip():  # it stands behind the dash of the list around it
            return _Splice(begin, len(self._text) - len(self._text[end:].lstrip()), "")
        if end < len(self._text):
            return _Splice(start, self._after_newline(end), "")
        return _Splice(max(0, start - len(self._newline)), end, "")

    # --- places in the text -------------------------------------------------------------------------------------------

    def _replaced(self, node: yaml.Node, value: object) -> _Splice:
        start, end = node.start_mark.index, self._end(node)
        style = node.style if isinstance(node, yaml.ScalarNode) and isinstance(value, str) else None
        new = _flow(value, style)
        is_glued = start >= end and self._text[start - 1 : start] in (":", "-")  # nothing is written for an empty value
        return _Splice(start, max(start, end), f" {new}" if is_glued else new)

    def _put(self, at: int, text: str) -> _Splice:
        return _Splice(at, at, text)

    def _end(self, node: yaml.Node) -> int:
        """Behind its last character. Of a block the parser says where the next thing begins."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end(last[1] if isinstance(node, yaml.MappingNode) else last)
        start, end = int(node.start_mark.index), int(node.end_mark.index)
        return start + len(self._text[start:end].rstrip())

    def _dash(self, item: _Item) -> int:
        return self._text.rindex("-", 0, item.start)

    def _begin_of_line(self, at: int) -> int:
        return self._text.rfind("\n", 0, at) + 1

    def _end_of_line(self, at: int) -> int:
        """Before its line break: a comment on the line belongs to what stands there."""
        end = self._text.find("\n", at)
        if end < 0:
            return len(self._text)
        return end - 1 if self._text[end - 1 : end] == "\r" else end

    def _after_newline(self, at: int) -> int:
        return self._text.index("\n", at) + 1


def _is_list_of_mappings(value: object) -> TypeGuard[list[dict[str, object]]]:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _steps(before: list[Any], after: list[Any]) -> Sequence[tuple[str, int, int, int, int]]:
    """How one list becomes the other; items are known by their ids, where each has one of its own."""
    for known in (_ids, _contents):
        old, new = known(before), known(after)
        if old is not None and new is not None:
            return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    raise AssertionError("contents are always known")


def _ids(items: list[Any]) -> list[str] | None:
    ids = [item.get("id") if isinstance(item, dict) else None for item in items]
    are_ids = all(isinstance(one, str) for one in ids) and len(set(ids)) == len(ids)
    return [str(one) for one in ids] if are_ids else None


def _contents(items: list[Any]) -> list[str] | None:
    return [json.dumps(item, sort_keys=True, default=str) for item in items]


def _list_step(root: yaml.Node) -> int:
    """By how much this file sets the dashes of a list in from its key."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(value, yaml.SequenceNode) and not value.flow_style and value.value:
                    return max(0, int(value.start_mark.column - key.start_mark.column))
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
    return 2


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True  # the file may hold none


def _flow(value: object, style: str | None = None) -> str:
    """On one line, fit to stand in a list or a mapping of flow style as well as anywhere else."""
    if isinstance(value, str) and any(letter in value for letter in "\n\r\t\x85\u2028\u2029"):
        style = '"'  # in any other style it would take several lines
    if style in ("|", ">"):
        style = None
    line = yaml.dump(
        [value],
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        default_flow_style=True,
        default_style=style if isinstance(value, str) else None,
        width=_WIDEST,
    )
    return str(line).strip()[1:-1]

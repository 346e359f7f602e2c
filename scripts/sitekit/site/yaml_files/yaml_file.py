"""Read a YAML file into Python values, and record the line number of each key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ...base.errors import BadInput, shown
from .yaml_errors import explain_parser_error, explain_unreadable

Key = tuple[str | int, ...]

_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class Document:
    """The values of a parsed YAML file, and the line number (counted from 1) of each key."""

    path: Path
    values: dict[str, Any]
    lines: dict[Key, int]

    def line(self, key: Sequence[str | int]) -> int:
        """Return the line number of `key`; if the file does not contain the key, the line number of
        the nearest parent key."""
        key = tuple(key)
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def where(self, key: Sequence[str | int]) -> str:
        """Return the place of `key` for an error message, in the form `file:line: key.path`."""
        return f"{self.path}:{self.line(key)}" + (f": {dotted(key)}" if key else "")


def dotted(key: Sequence[str | int]) -> str:
    """Convert a key path to text: ('tiers', 1, 'memory') -> `tiers[1].memory`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_yaml(path: Path) -> Document:
    """Read a YAML file that contains one mapping. Raises BadInput with the line of the error."""
    try:
        # read_text would convert a single carriage return into a line end, and the line numbers
        # would be wrong.
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise explain_unreadable(path, error) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise BadInput(
            "this line is not UTF-8 text", f"{path}:{line}", "save the file as UTF-8"
        ) from None
    return parse_yaml(path, text)


def parse_yaml(path: Path, text: str) -> Document:
    """Parse the text of a YAML file that contains one mapping. Raises BadInput with the line of the
    error."""
    parser = YAML(typ="safe", pure=True)
    try:
        node = parser.compose(text)
        lines = dict(_lines(path, node, (), ()))
        values = parser.load(text)
    except YAMLError as error:
        raise explain_parser_error(path, text, error) from None
    except (ValueError, OverflowError) as error:
        what = f"this value looks like a date or a number to YAML, but is not valid: {error}"
        raise BadInput(what, f"{path}:{_misread(parser, node)}", "put it in quotes") from None
    if not isinstance(values, dict):
        found = (
            "is empty"
            if values is None
            else f"contains {shown(values)} in place of keys with values"
        )
        raise BadInput(
            f"the file {found}",
            f"{path}:1",
            "start from one of the complete files in config/sites/",
        )
    return Document(path, values, lines)


def _lines(
    path: Path, node: Node | None, prefix: Key, inside: tuple[int, ...]
) -> Iterator[tuple[Key, int]]:
    """Yield each key path of a mapping or list, with its line number.

    Raises BadInput for a key that is not text or occurs twice, and for an alias that contains
    itself.
    """
    if node is None or isinstance(node, ScalarNode):
        return
    if id(node) in inside:
        line = node.start_mark.line + 1
        raise BadInput(
            "this part contains itself through a '*' alias",
            f"{path}:{line}",
            "write it out instead",
        )
    inside = (*inside, id(node))
    if isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            yield (*prefix, index), value.start_mark.line + 1
            yield from _lines(path, value, (*prefix, index), inside)
        return
    # Yield merged keys first. The keys that the mapping itself contains come later, and therefore
    # override merged keys.
    yield from _merged(path, node, prefix, inside)
    yield from _written(path, node, prefix, inside)


def _merged(
    path: Path, node: Node, prefix: Key, inside: tuple[int, ...]
) -> Iterator[tuple[Key, int]]:
    """Yield the keys that YAML's merge key `<<` adds to a mapping."""
    for key, value in node.value:
        if key.tag == _MERGE:
            for source in reversed(value.value) if isinstance(value, SequenceNode) else [value]:
                yield from _lines(path, source, prefix, inside)


def _written(
    path: Path, node: Node, prefix: Key, inside: tuple[int, ...]
) -> Iterator[tuple[Key, int]]:
    """Yield the keys that a mapping itself contains, without merged keys."""
    seen: dict[str, int] = {}
    for key, value in node.value:
        if key.tag != _MERGE:
            here, line = _key(path, key, prefix), key.start_mark.line + 1
            if key.value in seen:
                where = f"{path}:{line}: {dotted(here)}"
                raise BadInput(
                    f"this key is already in line {seen[key.value]}",
                    where,
                    "keep one of the two",
                )
            seen[key.value] = line
            yield here, line
            yield from _lines(path, value, here, inside)


def _key(path: Path, key: Node, prefix: Key) -> Key:
    """Return the path of a key, such as ('front', 'subdomains'). Raises BadInput for a key that is
    not text."""
    if isinstance(key, ScalarNode) and key.tag == _TEXT:
        return (*prefix, key.value)
    name = shown(key.value) if isinstance(key, ScalarNode) else "this"
    where = f"{path}:{key.start_mark.line + 1}"
    raise BadInput(
        f"{name} is not a word, so it cannot be a key", where, "put it in quotes if it is meant"
    )


def _misread(parser: YAML, node: Node) -> int:
    """Return the line of a value that the YAML parser cannot convert, such as the date
    2026-13-01."""
    if isinstance(node, ScalarNode):
        try:
            parser.constructor.construct_object(node)
        except (ValueError, OverflowError):
            return node.start_mark.line + 1
        return 0
    below = (value for _, value in node.value) if isinstance(node, MappingNode) else node.value
    return next((line for value in below if (line := _misread(parser, value))), 0)

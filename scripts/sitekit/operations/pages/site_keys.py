"""Generate docs/site-keys.md: every key of site.yml, from the schema and config/site.example.yml."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...base.data_files import CHECKOUT
from ...site import Site
from ...site.yaml_files.model_fields import model_in, walk
from ...site.yaml_files.yaml_file import Document, parse_yaml

_EXAMPLE = CHECKOUT / "config" / "site.example.yml"
_HEAD = """\
# The keys of site.yml

This page is generated from the schema and from the comments of `config/site.example.yml`. `make show` prints
your site file with all defaults. `make check_site` prints each error with its line.

The section [Words](../README.md#words) of the README explains *backend*, *catalogue*, *claim*, *drill*, *front*,
*gate*, *ledger*, *prefix*, *publish*, *release* and *tier*.
"""


def page() -> str:
    """Return the page. Raises KeyError for a key of the schema that has no comment."""
    lines = _EXAMPLE.read_text().splitlines()
    everything = "\n".join(re.sub(r"^( *)#(?=[a-z_]+:|- )", r"\1", line) for line in lines)
    places = _places(parse_yaml(_EXAMPLE, everything + "\n"))
    return _HEAD + "\n".join(_rows(lines, places)) + "\n"


def _places(document: Document) -> dict[tuple[str, ...], int]:
    """Return the line number at which each key first occurs in the example file: key -> line
    number. For keys in a list, such as the keys of tiers, the number of the list's item is
    omitted."""
    places: dict[tuple[str, ...], int] = {}
    for key, line in document.lines.items():
        path = tuple(part for part in key if isinstance(part, str))
        if isinstance(key[-1], str):
            places[path] = min(line, places.get(path, line))
    return places


def _rows(lines: list[str], places: dict[tuple[str, ...], int]) -> Iterator[str]:
    """Yield the lines of the page: a heading and a table for each section."""
    for path, field in walk(Site):
        text, default = _comment(lines, places[path])
        if len(path) == 1:
            yield f"\n## {path[0]}\n\n{text}\n\n{default}"
            if model_in(field.annotation):
                yield "\n| key | meaning | default |\n|---|---|---|"
        else:
            cells = (f"`{'.'.join(path)}`", text, default.removeprefix("Default: "))
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _comment(lines: list[str], line: int) -> tuple[str, str]:
    """Return the comment above a line, in two parts: the description of the key, and its
    default."""
    begin = line - 1
    while begin and re.match(r" *# ", lines[begin - 1]):
        begin -= 1
    words = " ".join(text.strip().removeprefix("# ") for text in lines[begin : line - 1])
    text, mark, default = words.rpartition("Default: ")
    if not mark:
        text, mark, default = words.rpartition("Required.")
        default = "Required."
    return _escaped(text.strip()), _escaped(f"Default: {default}" if mark == "Default: " else mark)


def _escaped(text: str) -> str:
    """Escape a text so that Markdown finds no HTML and no emphasis in it. Code in backticks is not
    changed."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [re.sub(r"([*_<\[\]{}])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)

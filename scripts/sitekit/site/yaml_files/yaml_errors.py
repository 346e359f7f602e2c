"""Convert errors of the YAML parser to messages about the line of the file that has to be
corrected."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml.error import YAMLError

from ...base.errors import BadInput, shown

_ALIGN = "give the keys of one section the same number of spaces"
_QUOTE = "put the value in quotes"


class _Fault(NamedTuple):
    """Describe an error of the YAML parser: a `piece` of the parser's message, the fault, and the
    remedy.

    If `begins` is true, the error message names the line where the list, mapping or quote begins.
    """

    piece: str
    what: str
    remedy: str
    begins: bool = False


_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # the parser counts the same line ends

_FAULTS = (
    _Fault(
        "mapping values are not allowed",
        "this line contains a second ':'",
        f"{_QUOTE} if the ':' belongs to it",
    ),
    _Fault(
        "could not find expected ':'",
        "this key has no ':' after it",
        "write it like `key: value`",
        True,
    ),
    _Fault(
        "expected <block end>, but found '?'",
        "this line is not indented like its neighbours",
        _ALIGN,
    ),
    _Fault(
        "expected <block end>, but found", "this line does not continue the lines above it", _ALIGN
    ),
    _Fault("expected ',' or ']'", "this '[' is not closed", "write a list like [one, two]", True),
    _Fault(
        "expected ',' or '}'",
        "this '{' is not closed",
        "write keys in braces like {key: value}",
        True,
    ),
    _Fault(
        "found unexpected end of stream",
        "this quote is not closed",
        "close it on the same line",
        True,
    ),
    _Fault(
        "but found '<stream end>'",
        "the file ends inside a list, a mapping or a quote",
        "close the bracket, or add a value",
    ),
    _Fault(
        "found undefined alias",
        "this '*' refers to a name that is not defined with '&' above",
        _QUOTE,
    ),
    _Fault(
        "could not determine a constructor for the tag",
        "this '!' has no meaning here",
        f"remove it, or {_QUOTE}",
    ),
    _Fault(
        "found another document",
        "a second document starts here after '---'",
        "keep one document in the file",
    ),
    _Fault("that cannot start any token", "a value cannot start with this character", _QUOTE),
)


def explain_unreadable(path: Path, error: OSError) -> BadInput:
    """Return the error for a file that could not be opened, with the reason and the remedy."""
    if isinstance(error, FileNotFoundError):
        return BadInput(
            "this file does not exist",
            str(path),
            "check the path, or write a site file: make new_site. Complete site files are in config/sites/",
        )
    if isinstance(error, PermissionError):
        return BadInput("you may not read this file", str(path), f"see who may: ls -l {path}")
    return BadInput(f"cannot read the file: {error.strerror}", str(path), "check the path")


def explain_parser_error(path: Path, text: str, error: YAMLError) -> BadInput:
    """Return the error for text that is not YAML, with the line that has to be corrected."""
    lines = _LINE_END.split(text)
    begin = getattr(error, "context_mark", None)
    found = getattr(error, "problem_mark", None) or begin
    if found is None:  # an error about a character of the file has no line number
        odd = next((number for number, line in enumerate(lines, 1) if any(map(_control, line))), 1)
        what = "this line has a control character, which YAML does not allow"
        return BadInput(what, f"{path}:{odd}", "remove it, or type the line again")
    number = min(found.line + 1, len(lines))
    while number > 1 and not lines[number - 1].strip():
        number -= 1
    if lines[number - 1].lstrip(" ").startswith("\t"):
        what, remedy = (
            "a tab character indents this line",
            "YAML allows only spaces there; replace the tab by spaces",
        )
        return BadInput(what, f"{path}:{number}", remedy)
    problem = getattr(error, "problem", None) or str(error)
    unknown = _Fault(
        "",
        f"this is not YAML: {problem}",
        "check indentation and quotes here and on the line above",
    )
    fault = next((fault for fault in _FAULTS if fault.piece in problem), unknown)
    if fault.begins and begin:
        number = begin.line + 1
    if fault.piece.startswith("mapping values") and lines[number - 1].count(":") < 2:
        fault = _Fault("", "this line is indented further than its neighbours", _ALIGN)
    return BadInput(
        fault.what,
        f"{path}:{number}",
        f"{fault.remedy}; the line reads {shown(lines[number - 1].strip())}",
    )


def _control(char: str) -> bool:
    """Return whether a character is a control character that YAML does not allow."""
    return not char.isprintable() and char not in "\t\r\x85"

"""Compute the values of expressions in a Python file from its syntax tree, without running the
file.

The functions of this file can compute literals, variables with known values, arithmetic, joined
strings, `dict(...)`, `set(...)` and `"...".format(name=...)`. Every other expression is Unknown. No
result is longer than LONGEST.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LONGEST = 10_000
"""The greatest length of a computed text, list or dictionary."""
_LARGEST = 10**12
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


@dataclass(frozen=True)
class Unknown:
    """A value that is not known without running the file. The field `text` is the source text of
    the expression."""

    text: str


def evaluate(node: ast.expr, names: dict[str, Any]) -> Any:
    """Return the value of an expression. Parts of a list or dictionary can be Unknown.

    `names` maps each variable that the file has already set to its value.
    """
    kinds: dict[type[ast.expr], Callable[[Any, dict[str, Any]], Any]] = {
        ast.Constant: _constant,
        ast.Name: lambda name, known: known.get(name.id, Unknown(name.id)),
        ast.List: _sequence,
        ast.Tuple: _sequence,
        ast.Set: _sequence,
        ast.Dict: _dictionary,
        ast.BinOp: _operation,
        ast.UnaryOp: _negative,
        ast.JoinedStr: _joined,
        ast.Call: _call,
    }
    value = kinds[type(node)](node, names) if type(node) in kinds else None
    return Unknown(_text(node)) if value is None and not _is_none(node) else value


def _text(node: ast.expr) -> str:
    """Return the source text of an expression as one short line."""
    try:
        text = ast.unparse(node)
    except RecursionError:
        text = "an expression of very many parts"
    return text if len(text) <= 60 else text[:57] + "..."


def _is_none(node: ast.expr) -> bool:
    """Return whether an expression is the literal None."""
    return isinstance(node, ast.Constant) and node.value is None


def _constant(node: ast.Constant, _: dict[str, Any]) -> Any:
    """Return the value of a literal: a string, a number, True, False or None."""
    if isinstance(node.value, (str, bool, float)):
        return node.value if len(str(node.value)) <= LONGEST else None
    return node.value if isinstance(node.value, int) and abs(node.value) <= _LARGEST else None


def _sequence(node: ast.List | ast.Tuple | ast.Set, names: dict[str, Any]) -> list[Any] | None:
    """Return a list, tuple or set as a list."""
    items: list[Any] = []
    for part in node.elts:
        value = evaluate(part.value if isinstance(part, ast.Starred) else part, names)
        if isinstance(part, ast.Starred) and not isinstance(value, list):
            return None
        items += value if isinstance(part, ast.Starred) else [value]
        if len(items) > LONGEST:
            return None
    return items


def _dictionary(node: ast.Dict, names: dict[str, Any]) -> dict[str, Any] | None:
    """Return a dictionary whose keys are strings. `**other` adds the items of `other`. The
    result is None if `other` cannot be evaluated."""
    entries: dict[str, Any] = {}
    for key, inner in zip(node.keys, node.values, strict=True):
        value = evaluate(inner, names)
        word = None if key is None else evaluate(key, names)
        if key is None and isinstance(value, dict):
            entries |= value
        elif isinstance(word, str):
            entries[word] = value
        else:
            return None
    return entries if len(entries) <= LONGEST else None


def _operation(node: ast.BinOp, names: dict[str, Any]) -> Any:
    """Return the result of + - * / // for numbers, or of + for strings and lists."""
    left, right = evaluate(node.left, names), evaluate(node.right, names)
    work = _OPERATORS.get(type(node.op))
    if work and all(type(side) in (int, float) for side in (left, right)):
        try:
            result = work(left, right)
        except (ZeroDivisionError, OverflowError):
            return None
        return result if abs(result) <= _LARGEST else None
    if isinstance(node.op, ast.Add) and type(left) is type(right) and type(left) in (str, list):
        return left + right if len(left) + len(right) <= LONGEST else None
    return None


def _negative(node: ast.UnaryOp, names: dict[str, Any]) -> Any:
    """Return the value of a number with a minus sign."""
    value = evaluate(node.operand, names)
    return -value if isinstance(node.op, ast.USub) and type(value) in (int, float) else None


def _joined(node: ast.JoinedStr, names: dict[str, Any]) -> str | None:
    """Return the value of an f-string. Return None if a value in the f-string is not known, or has
    a format after a colon."""
    text = ""
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            if part.format_spec or part.conversion != -1:
                return None
            part = part.value
        value = evaluate(part, names)
        if type(value) not in (str, int) or len(text) + len(str(value)) > LONGEST:
            return None
        text += str(value)
    return text


def _call(node: ast.Call, names: dict[str, Any]) -> Any:
    """Return the result of `dict(a=1)`, `set([...])`, `list(...)` or `"{a}".format(a=1)`."""
    if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return _formatted(evaluate(node.func.value, names), node, names)
    if not isinstance(node.func, ast.Name) or node.func.id in names:
        return None
    if node.func.id == "dict" and not node.args:
        keys: list[ast.expr | None] = [
            ast.Constant(word.arg) if word.arg else None for word in node.keywords
        ]
        return _dictionary(ast.Dict(keys, [word.value for word in node.keywords]), names)
    if node.func.id in ("set", "list", "tuple") and not node.keywords and len(node.args) < 2:
        value = evaluate(node.args[0], names) if node.args else []
        return value if isinstance(value, list) else None
    return None


def _formatted(text: Any, node: ast.Call, names: dict[str, Any]) -> str | None:
    """Return a string in which each `{name}` is replaced by its value. Other forms in braces, such
    as `{0}`, are not computed."""
    values = {word.arg: evaluate(word.value, names) for word in node.keywords}
    if not isinstance(text, str) or node.args or None in values:
        return None
    parts = re.split(r"\{(\w+)\}", text)
    words = [values.get(word) for word in parts[1::2]]
    if any(type(word) not in (str, int) for word in words) or re.search(
        "[{}]", "".join(parts[::2])
    ):
        return None
    parts[1::2] = map(str, words)
    return "".join(parts) if sum(map(len, parts)) <= LONGEST else None

"""Collect the sentences of all cards (the messages to users whose server ended or did not start)
from the source code, for docs/troubleshooting.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]
_ROOMS = ("hub", "backends")
_CLASSES = ("Card", "Explanation")
_TABLES = ("CAUSES", "CRASHES", "REFUSALS")
"""The tables of cards. Each row ends with three texts: the kind of a card, what happened, and what
the user can do."""
_TRANSLATED = ("_", "N_")
UNKNOWN = "..."


@dataclass(frozen=True, order=True)
class CardText:
    """The sentences of one card. `...` in a sentence stands for a value such as a node's name."""

    kind: str
    what: str
    remedy: str


def card_texts() -> list[CardText]:
    """Return the sentences of all cards, sorted by kind."""
    found: set[CardText] = set()
    names: dict[str, ast.expr] = {}
    trees = [ast.parse(path.read_text()) for room in _ROOMS for path in _python_files(room)]
    for tree in trees:
        names |= dict(_assignments(tree.body))
    for tree in trees:
        found |= set(_tables(tree, names))
        for function in ast.walk(tree):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)):
                found |= set(_calls(function, names))
    return sorted(found)


def _python_files(room: str) -> list[Path]:
    """Return the Python files in a folder of the package sitekit, such as `hub`."""
    return sorted((_PACKAGE / room).rglob("*.py"))


def _assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Yield each variable that the statements set, with the expression of its value: (name,
    expression)."""
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield statement.targets[0].id, statement.value


def _before(function: ast.AST, line: int) -> dict[str, ast.expr]:
    """Return the variables that a function has set above the line number `line`: name -> last
    expression."""
    above = [part for part in ast.walk(function) if isinstance(part, ast.Assign)]
    above.sort(key=lambda part: part.lineno)
    return dict(_assignments([part for part in above if part.lineno < line]))


def _tables(tree: ast.Module, names: dict[str, ast.expr]) -> Iterator[CardText]:
    """Yield the cards in the tables of cards, which are constants of a module."""
    for name, value in _assignments(tree.body):
        if name in _TABLES:
            rows = value.values if isinstance(value, ast.Dict) else getattr(value, "elts", [])
            for row in rows:
                yield from _text(_flat(getattr(row, "elts", []), names)[-3:], names)


def _calls(
    function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module, names: dict[str, ast.expr]
) -> Iterator[CardText]:
    """Yield the cards that the code of a function creates. For a module, yield the cards that the
    code outside of all functions creates."""
    outer = isinstance(function, ast.Module)
    for part in (
        [value for _, value in _assignments(function.body)] if outer else ast.walk(function)
    ):
        if isinstance(part, ast.Call) and getattr(part.func, "id", "") in _CLASSES:
            known = names if outer else {**names, **_before(function, part.lineno)}
            yield from _text(_flat(part.args, known)[:3], known)


def _flat(parts: Iterable[ast.expr], names: dict[str, ast.expr]) -> list[ast.expr]:
    """Return the expressions. An expression `*NAME` is replaced by the items of the tuple NAME."""
    flat: list[ast.expr] = []
    for part in parts:
        if isinstance(part, ast.Starred) and isinstance(part.value, ast.Name):
            flat += getattr(names.get(part.value.id), "elts", [])
        else:
            flat.append(part)
    return flat


def _text(parts: list[ast.expr], names: dict[str, ast.expr]) -> Iterator[CardText]:
    """Yield the card whose kind, description and remedy are these three expressions. Yield nothing
    if the kind is not a literal."""
    if len(parts) == 3 and isinstance(parts[0], ast.Constant) and isinstance(parts[0].value, str):
        what, remedy = (
            re.sub(r"\{\w+\}|\.{3,}", UNKNOWN, _sentence(part, names)) for part in parts[1:]
        )
        yield CardText(parts[0].value, what, remedy)


def _sentence(node: ast.expr, names: dict[str, ast.expr]) -> str:
    """Return the sentence that an expression gives, with `...` in place of values."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else UNKNOWN for part in node.values
        )
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in _TRANSLATED and node.args:
        return _sentence(node.args[0], names)
    if isinstance(node, ast.BinOp):
        return _sentence(node.left, names) + _sentence(node.right, names)
    if isinstance(node, ast.Name) and node.id in names:
        return _sentence(names[node.id], {**names, node.id: ast.Constant(UNKNOWN)})
    return UNKNOWN

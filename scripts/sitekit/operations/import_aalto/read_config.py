"""Read the settings in a jupyterhub_config.py from its syntax tree, without running the file."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...base.errors import BadInput
from .evaluate_expressions import Unknown, evaluate
from .read_text_file import read_text

_COMPOUND = "this line is inside of `{0}`, and only a run of the file decides whether it applies"
_NAMES = {
    ast.If: "if",
    ast.For: "for",
    ast.While: "while",
    ast.With: "with",
    ast.Try: "try",
    ast.FunctionDef: "def",
    ast.AsyncFunctionDef: "def",
    ast.ClassDef: "class",
}


@dataclass(frozen=True)
class Setting:
    """One line `c.CLASS.TRAIT = value`, such as `c.JupyterHub.port = 8000`. `name` is
    `CLASS.TRAIT`, such as `JupyterHub.port`.

    If the value is a list, `lines` has the line numbers of its items.
    """

    name: str
    value: Any
    line: int
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class Left:
    """A part of the old configuration that is not converted: its file and line number, a
    description, and the reason."""

    file: str
    line: int
    what: str
    why: str


@dataclass
class Config:
    """The settings in a jupyterhub_config.py, and the lines that could not be converted."""

    path: Path
    settings: dict[str, Setting] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)

    def leave(self, line: int, what: str, why: str) -> None:
        """Record that a part of the configuration is not converted: its line number, what it is,
        and the reason."""
        self.left.append(Left(self.path.name, line, what, why))


def read_config(path: Path) -> Config:
    """Read a jupyterhub_config.py. Raises BadInput if the file cannot be read as Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(read_text(path))
    except SyntaxError as error:
        where = f"{path}:{error.lineno or 1}"
        raise BadInput(f"this is not Python ({error.msg})", where, "correct the line") from None
    except (ValueError, RecursionError, MemoryError) as error:
        what = f"this file cannot be read as Python ({error or type(error).__name__})"
        raise BadInput(what, str(path), "name a folder with another jupyterhub_config.py") from None
    config = Config(path)
    for statement in tree.body:
        try:
            _take(config, statement)
        except RecursionError:
            config.leave(statement.lineno, "an expression of very many parts", "it is not computed")
    return config


def _take(config: Config, statement: ast.stmt) -> None:
    """Read one statement of the file, and add its settings to `config`."""
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            _assign(config, target, statement.value)
    elif isinstance(statement, ast.AnnAssign) and statement.value:
        _assign(config, statement.target, statement.value)
    elif isinstance(statement, (ast.Expr, ast.AugAssign, ast.Delete)):
        _forget_names(config, statement)
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            config.leave(statement.lineno, _first_line(statement), "this is not a plain setting")
    elif not isinstance(statement, (ast.Import, ast.ImportFrom, ast.Pass, ast.AnnAssign)):
        _compound(config, statement)


def _assign(config: Config, target: ast.expr, value: ast.expr) -> None:
    """Record the value of an assignment: to a variable, or to a setting `c.CLASS.TRAIT`."""
    if isinstance(target, ast.Name):
        config.names[target.id] = evaluate(value, config.names)
    elif name := _setting(target):
        lines = tuple(part.lineno for part in getattr(value, "elts", ()))
        found = Setting(name, evaluate(value, config.names), target.lineno, lines)
        config.settings[name] = found
    else:
        _forget_names(config, target)
        if any(isinstance(part, ast.Name) and part.id == "c" for part in ast.walk(target)):
            config.leave(target.lineno, _first_line(target), "this is not a plain setting")


def _compound(config: Config, statement: ast.stmt) -> None:
    """Report each setting inside of a statement such as `if` or `for` as not converted. Because the
    file is not run, the values of the variables in this statement are not known afterwards."""
    word = _NAMES.get(type(statement), type(statement).__name__.lower())
    _forget_names(config, statement)
    settings = list(_settings_in(statement))
    for node, name in settings:
        config.settings.pop(name, None)
        config.leave(node.lineno, f"c.{name}", _COMPOUND.format(word))
    if word in ("def", "class"):
        why = "code of your own can go into config/local.d/, see docs/administrators.md"
        config.leave(statement.lineno, _first_line(statement), why)


def _settings_in(statement: ast.stmt) -> Iterator[tuple[Any, str]]:
    """Yield each setting `c.CLASS.TRAIT` inside of a statement such as `if`, as a pair: its place
    in the syntax tree, and `CLASS.TRAIT`."""
    for node in ast.walk(statement):
        stored = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        if stored and (name := _setting(node)):
            yield node, name


def _forget_names(config: Config, node: ast.AST) -> None:
    """Mark the values of all variables as unknown that a statement sets or can change."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id in config.names:
            stored = isinstance(part.ctx, (ast.Store, ast.Del))
            if stored or isinstance(config.names[part.id], (list, dict)):
                config.names[part.id] = Unknown(part.id)


def _setting(target: ast.AST) -> str:
    """Return `CLASS.TRAIT` if the target of an assignment is `c.CLASS.TRAIT`; else ""."""
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Attribute):
        base = target.value.value
        if isinstance(base, ast.Name) and base.id == "c":
            return f"{target.value.attr}.{target.attr}"
    return ""


def _first_line(node: ast.AST) -> str:
    """Return the beginning of a statement's source text as one short line."""
    text = ast.unparse(node).splitlines()[0]
    return text if len(text) <= 60 else text[:57] + "..."

"""The house keeps its own rules: the rooms stay apart, code and types are clean, a file has one
idea."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
CODE = sorted(
    path for folder in ("scripts/sitekit", "config") for path in (TOP / folder).rglob("*.py")
)
# A string in three quotes that is no docstring, or an import statement with its `\n` in a string.
LONG_STRING = re.compile(r"""[=(,+] *f?("{3}|'{3})|(import|from) [^\n"']*\\n""")


def tool(name: str, *words: str) -> None:
    """Run a tool of the kit's own environment; its complaints are the test's."""
    program = Path(sys.executable).with_name(name)
    environment = {**os.environ, "PYTHONPATH": str(TOP / "scripts"), "NO_COLOR": "1"}
    done = subprocess.run(
        [program, *words], cwd=TOP, capture_output=True, text=True, timeout=900, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rooms_stay_apart() -> None:
    tool("lint-imports", "--no-cache")


@pytest.mark.parametrize(
    "words",
    [("check", "--no-cache"), ("format", "--no-cache", "--check")],
    ids=lambda words: words[0],
)
def test_the_code_is_clean(words: tuple[str, ...]) -> None:
    tool("ruff", *words, "scripts", "config", "tests")


def test_the_types_agree() -> None:
    """With mypy's cache, which saves ten seconds, where it can be written: mypy crashes where it
    cannot."""
    cache = TOP / ".kit/mypy"
    writable = os.access(cache if cache.exists() else cache.parent, os.W_OK)
    tool("mypy", *([] if writable else ["--cache-dir", os.devnull]))


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(TOP)))
def test_a_file_has_one_idea_and_says_which(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 300
    assert not text.strip() or text.startswith(('"""', "#")), (
        "the first line says what the file is for"
    )


def test_a_timeout_is_caught_on_every_python() -> None:
    """In Python 3.10 futures and asyncio raise a TimeoutError of their own, which the built-in name
    does not catch."""
    blocks = [(path, node) for path in CODE for node in ast.walk(ast.parse(path.read_text()))]
    handlers = [
        (path, h)
        for path, node in blocks
        if isinstance(node, ast.Try) and _waits(node.body)
        for h in node.handlers
    ]
    wrong = [
        f"{path}:{h.lineno}"
        for path, h in handlers
        if h.type and ast.unparse(h.type) == "TimeoutError"
    ]
    assert wrong == [], "name the TimeoutError of the future as well"


def _waits(body: list[ast.stmt]) -> bool:
    calls = [
        node for statement in body for node in ast.walk(statement) if isinstance(node, ast.Call)
    ]
    names = [call.func.attr for call in calls if isinstance(call.func, ast.Attribute)]
    return "wait_for" in names or "result" in names


def test_each_command_that_is_named_exists() -> None:
    """Users' cards, remedies and docs: a target of make that is named in backquotes is one of the
    Makefile."""
    targets = set(re.findall(r"^([a-z_]+):", (TOP / "Makefile").read_text(), re.MULTILINE))
    places = [TOP / "README.md", TOP / "CONTRIBUTING.md", TOP / "CHANGELOG.md"]
    for folder in ("scripts", "config", "docs", "kernels", "systemd", "apache"):
        places += [path for path in (TOP / folder).rglob("*") if path.is_file()]
    unknown = {}
    for path in places:
        if "__pycache__" not in path.parts and path.suffix not in (".png", ".svg", ".pyc"):
            named = set(re.findall(r"`(?:sudo )?make ([a-z_]+)", path.read_text(errors="replace")))
            unknown |= {str(path): named - targets} if named - targets else {}
    assert unknown == {}


def test_programs_are_files_and_no_strings() -> None:
    """ruff does not read a Python program in a string literal, so that a renamed function is missed
    there."""
    places = [path for folder in ("scripts", "tests") for path in (TOP / folder).rglob("*.py")]
    long = [path for path in places if LONG_STRING.search(path.read_text())]
    found = [f"{path.relative_to(TOP)}:{line}" for path in long for line in _programs(path)]
    assert found == [], "put the program into a file, in a folder `programs` or `inside` beside it"


def _programs(path: Path) -> list[int]:
    """Return the line numbers of string literals that are programs of eight lines or more."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    texts = [(n.value, n.lineno) for n in nodes if isinstance(n, ast.Constant)]
    return [line for text, line in texts if isinstance(text, str) and _is_program(text)]


def _is_program(text: str) -> bool:
    """Return whether a text is a long Python program with an import, also as a text for `format`."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 8 or not any(re.match(r"(import|from) \w", line) for line in lines):
        return False
    unformatted = re.sub(r"\{\w+(!r)?\}", "0", text.replace("{{", "{").replace("}}", "}"))
    for version in (text, unformatted):
        try:
            ast.parse(version)
        except SyntaxError:
            continue
        return True
    return False

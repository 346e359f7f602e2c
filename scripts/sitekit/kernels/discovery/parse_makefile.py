"""The command lines of envkernel's in a Makefile, found by reading it: nothing in it is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import BadInput

_VARIABLE = re.compile(r"(?:export\s+)?([A-Za-z_][\w.-]*)\s*(\+|\?|::?)?=\s*(.*)")
_RECIPE = re.compile(r"(?:\t|[\w./ -]+:[^=;]*;)(.*)")
_LOOP = re.compile(r"for\s+(\w+)\s+in\s+(.*?)\s*;\s*do\b(.*?);?\s*\bdone\b")
# The names of the loop, with one sign in place of another: no ranges, no classes.
_TRANSLATED = re.compile(
    r"""echo\s+(?P<q>["']?)(?P<text>[^|"'`]+?)(?P=q)\s*\|\s*tr\s+(?P<a>["']?)(?P<old>[^\s"'\\\[-]+)(?P=a)"""
    r"""\s+(?P<b>["']?)(?P<new>[^\s"'\\\[]+)(?P=b)"""
)
# What only a shell or make would know.
SHELL = "$(...)"


@dataclass(frozen=True)
class Line:
    """One command line, as words after `envkernel`; or why it could not be made out. `number` counts from 1.

    `bash` is true of one that installs bash_kernel's own kernel.
    """

    number: int
    text: str
    words: tuple[str, ...] = ()
    fault: str = ""
    bash: bool = False


def command_lines(path: Path) -> list[Line]:
    """Raises BadInput if the file cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"this Makefile cannot be read ({error})", str(path), "name another") from None
    variables: dict[str, str] = {}
    found: list[Line] = []
    for number, line in _logical(text):
        if recipe := _RECIPE.fullmatch(line):
            found += _of_recipe(number, recipe[1].strip(), variables)
        elif match := _VARIABLE.fullmatch(line.split(" #")[0].strip()):
            name, how, value = match.groups()
            if how == "+":
                variables[name] = f"{variables.get(name, '')} {value}".strip()
            elif how != "?" or name not in variables:
                variables[name] = value
    return found


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their continuations; comments are left out."""
    whole, begin = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        begin = begin if whole else number
        if line.endswith("\\"):
            whole += line[:-1] + " "
            continue
        whole += line
        if not whole.lstrip().startswith("#"):
            yield begin, whole
        whole = ""


def _of_recipe(number: int, line: str, variables: dict[str, str]) -> Iterator[Line]:
    script = _expanded(line.lstrip("@-+ "), variables)
    if "envkernel" not in script and "bash_kernel" not in script:
        return
    script = re.sub(r"(?<!\$)\$(\([^()]*\)|\{[^{}]*\})", SHELL, script).replace("$$", "$")
    for piece in _unrolled(script):
        try:
            lexer = shlex.shlex(_substituted(piece).replace(SHELL, "\0"), posix=True, punctuation_chars="();&|<>")
            lexer.whitespace_split, lexer.commenters = True, "#"
            words = [word.replace("\0", SHELL) for word in lexer]
        except ValueError as error:
            yield Line(number, line, fault=f"the shell line cannot be read ({error})")
            continue
        for command in _commands(words):
            bash = command[0] != "envkernel" and command[0].rpartition("/")[2] != "envkernel"
            yield Line(number, shlex.join(command), () if bash else tuple(command[1:]), bash=bash)


def _substituted(script: str) -> str:
    """The script with what its command substitutions print: `echo python/3.11 | tr / _` is known, others are not."""

    def one(match: re.Match[str]) -> str:
        told = _TRANSLATED.fullmatch((match[1] or match[2] or "").strip())
        if not told or len(told["old"]) != len(told["new"]) or "$" in told["text"]:
            return SHELL
        return told["text"].strip().translate(str.maketrans(told["old"], told["new"]))

    return re.sub(r"`([^`]*)`|\$\(([^()]*)\)", one, script.replace(SHELL, "\0")).replace("\0", SHELL)


def _expanded(text: str, variables: dict[str, str], depth: int = 10) -> str:
    """Make's variables filled in; those that the file does not set stay as they are."""

    def one(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return _expanded(variables[name], variables, depth - 1) if name in variables and depth else match[0]

    return re.sub(r"(?<!\$)\$(?:\(([\w.-]+)\)|\{([\w.-]+)\})", one, text)


def _unrolled(script: str) -> list[str]:
    """The script with its `for` loops written out."""
    match = _LOOP.search(script)
    if not match:
        return [script]
    name, words, body = match.groups()
    turns = [re.sub(rf"\$(?:{name}\b|\{{{name}\}})", lambda _, word=word: word, body) for word in words.split()]
    return [script[: match.start()], *turns, *_unrolled(script[match.end() :])]


def _commands(words: list[str]) -> Iterator[list[str]]:
    """The simple commands among the words of a shell line that are envkernel's, or install bash_kernel's kernel."""
    command: list[str] = []
    for word in [*words, ";"]:
        if not re.fullmatch(r"[();&|<>]+", word):
            command.append(word)
            continue
        while command and re.fullmatch(r"[A-Za-z_]\w*=.*", command[0]):
            command.pop(0)
        if command[1:3] == ["-m", "envkernel"]:
            command[:3] = ["envkernel"]
        if command and (command[0].rpartition("/")[2] == "envkernel" or command[1:3] == ["-m", "bash_kernel.install"]):
            yield command
        command = []

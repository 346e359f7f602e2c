"""Find envkernel's command lines in a Makefile, without running any command of the Makefile.

The parser supports variables, recipes, one `for` loop over a list, and `echo NAME | tr / _` in
backquotes. Any other line that may make a kernel is reported.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import BadInput

# This text replaces a value that only make can compute. shlex reads this text as one word, and the
# text contains no variable of make.
UNKNOWN = "${...}"
_LOGICAL = re.compile(r"(?:.*\\\n)*.+")
_VARIABLE = re.compile(r"([A-Za-z_]\w*)\s*([+:?]?)=\s*(.*)")
_TARGETS = re.compile(r"[\w./%$() -]+:[^=;]*")
_REFERENCE = re.compile(r"(?<!\$)\$(?:\(([^()]*)\)|\{([^{}]*)\})")
_LOOP = re.compile(r"for\s+(\w+)\s+in\s+([^;]*);\s*do\b(.*)\bdone\b[\s;]*")
_TRANSLATED = re.compile(r"`echo ([^\s`$]+) *\| *tr ([^\s\\'\"]) ([^\s\\'\"])`")
_BASH = "the bash kernel is part of the hub's environment while environment.yml has bash_kernel"


@dataclass(frozen=True)
class Line:
    """Store a line of the Makefile: the words after `envkernel`, or the reason why the parser
    cannot read the line."""

    number: int
    text: str
    words: tuple[str, ...] = ()
    fault: str = ""


def command_lines(path: Path) -> list[Line]:
    """Return the lines of the Makefile that make kernels. Raises BadInput if the Makefile cannot be
    read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = f"this Makefile cannot be read ({error})"
        raise BadInput(what, str(path), "name another") from None
    recipes: list[tuple[int, str]] = []
    variables: dict[str, str] = {}
    found: list[Line] = []
    for match in _LOGICAL.finditer(text):
        number, line = text.count("\n", 0, match.start()) + 1, match[0].replace("\\\n", " ")
        plain = line.split("#")[0].strip()
        if line.startswith("\t"):
            recipes += [(number, line.strip().lstrip("@-+ "))] if plain else []
        elif assigned := _VARIABLE.fullmatch(plain):
            _assign(variables, *assigned.groups())
        elif plain and not _TARGETS.fullmatch(plain):
            found.append(Line(number, plain, fault="this line of make's is not understood"))
    for number, line in recipes:
        found += _read(number, line, variables)
    return sorted(found, key=lambda line: line.number)


def _assign(variables: dict[str, str], name: str, how: str, value: str) -> None:
    """Set a variable of the Makefile.

    If a variable is set twice, its value counts as unknown, because the value depends on how make
    is called.
    """
    before = variables.get(name)
    again = f"{before} {value}" if how == "+" else UNKNOWN
    variables[name] = value if before is None else again


def _read(number: int, line: str, variables: dict[str, str]) -> Iterator[Line]:
    """Yield the envkernel and bash_kernel commands in one line of a Makefile's recipe."""
    if "bash_kernel.install" in line:
        yield Line(number, line, fault=_BASH)
    try:
        script = _expanded(line, variables)
        if "envkernel" not in script:
            return
        for command in _commands(script.replace("$$", "$")):
            programs = [word.rpartition("/")[2] for word in command]
            if "envkernel" in programs[:-1]:  # the last word names the package that pip installs
                at = programs.index("envkernel")
                if not all(re.match(r"\w+=", word) for word in command[:at]):
                    raise ValueError("it is not plain that envkernel begins a command")
                yield Line(number, shlex.join(command), tuple(command[at + 1 :]))
    except ValueError as error:
        yield Line(number, line, fault=f"this line is not understood ({error})")


def _expanded(text: str, variables: dict[str, str]) -> str:
    """Replace the variables of make in a line by their values.

    Raises ValueError if the command contains a function of make.
    """

    def one(match: re.Match[str]) -> str:
        name = match[1] or match[2] or ""
        if "envkernel" in name or name.startswith("call "):
            raise ValueError("a function of make's writes it")
        return variables.get(name, UNKNOWN)

    for _ in range(10):  # variables may contain other variables, up to this depth
        text = _REFERENCE.sub(one, text)
    return text


def _commands(script: str) -> Iterator[list[str]]:
    """Split a shell command line into commands; repeat the commands of a `for` loop for each value.
    Raises ValueError."""
    if loop := _LOOP.fullmatch(script):
        name, words, body = loop.groups()
        its_name = re.compile(rf"\$(?:{name}\b|\{{{name}\}})")
        script = ";".join(its_name.sub(lambda _, word=word: word, body) for word in words.split())
    script = _TRANSLATED.sub(lambda match: match[1].replace(match[2], match[3]), script)
    if "`" in script or "$(" in script:
        raise ValueError("a command within the command")
    lexer = shlex.shlex(script, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    command: list[str] = []
    for word in [*lexer, ";"]:
        if not re.fullmatch(r"[();&|<>]+", word):
            command.append(word)
        elif "<" in word or ">" in word:
            raise ValueError("it redirects")
        else:
            yield command
            command = []

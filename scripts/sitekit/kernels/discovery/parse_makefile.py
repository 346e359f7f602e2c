"""Find envkernel's command lines in a Makefile, without running any command of the Makefile.

The parser supports variables, recipes, one `for` loop over a list, and `echo NAME | tr / _` in
backquotes. The parser reports each other line that mentions a kernel and that the parser cannot
read.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import BadInput

# The largest allowed length of a line after its variables were replaced by their values, and the
# largest allowed length of all lines about kernels, in characters.
_LONGEST_LINE, _MOST_TEXT = 20_000, 500_000
# This text replaces a value that only make can compute. shlex parses this text as one word. No
# variable of make has the name `...`.
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
    """Hold a line of the Makefile that is about a kernel. The fields contain the words after
    `envkernel`, or the reason why the parser cannot read the line."""

    number: int
    text: str
    words: tuple[str, ...] = ()
    fault: str = ""


def read_makefile(path: Path) -> str:
    """Return the text of a Makefile. Raises BadInput if the file cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = f"this Makefile cannot be read ({error})"
        raise BadInput(what, str(path), "name another") from None


def command_lines(path: Path, text: str) -> list[Line]:
    """Return the lines of the Makefile `path` that are about kernels. `text` is the content of the
    Makefile.

    Raises BadInput if variables of the Makefile make the lines very long.
    """
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
    length = 0
    for number, line in recipes:
        of_this = list(_read(number, line, variables))
        length += sum(len(one.text) for one in of_this)
        found += of_this
        if length > _MOST_TEXT:
            what = "the lines about kernels are too long with the values of their variables"
            raise BadInput(what, f"{path}:{number}", "shorten them in a copy of the Makefile")
    return sorted(found, key=lambda line: line.number)


def _assign(variables: dict[str, str], name: str, how: str, value: str) -> None:
    """Store the value that the Makefile gives to a variable.

    If the Makefile sets a variable twice, the value counts as unknown, because the value depends on
    how make is called.
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
            # if `envkernel` is the last word, as in `pip install envkernel`, it is the name of a
            # package
            if "envkernel" in programs[:-1]:
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

    length = 0

    def one(match: re.Match[str]) -> str:
        nonlocal length
        name = match[1] or match[2] or ""
        if "envkernel" in name or name.startswith("call "):
            raise ValueError("a function of make's writes it")
        value = variables.get(name, UNKNOWN)
        length += len(value)
        if length > _LONGEST_LINE:
            raise ValueError("it is too long with the values of its variables")
        return value

    for _ in range(10):  # variables can contain other variables, up to this depth
        text = _REFERENCE.sub(one, text)
    return text


def _commands(script: str) -> Iterator[list[str]]:
    """Split a shell command line into commands. The commands of a `for` loop are repeated for each
    value. Raises ValueError if the parser cannot split the line."""
    if loop := _LOOP.fullmatch(script):
        name, words, body = loop.groups()
        its_name = re.compile(rf"\$(?:{name}\b|\{{{name}\}})")
        if len(words.split()) * len(body) > _LONGEST_LINE:
            raise ValueError("its loop is too long")
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

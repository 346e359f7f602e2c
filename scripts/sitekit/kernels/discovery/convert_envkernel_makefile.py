"""Convert envkernel's command lines in a Makefile to a kernels.yml (`make kernels_import`)."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...base.errors import BadInput
from ...base.run_program import run
from ...site.yaml_files.model_fields import flow
from .list_candidates import slug
from .parse_makefile import Line, command_lines, read_makefile
from .rules import CONNECTION, Rule

_READER = Path(__file__).with_name("parse_envkernel_commands.py")
_OURS = {"python": ["-m", "ipykernel_launcher"], "R": ["--slave", "-e", "IRkernel::main()"]}
_HEAD = """\
# From {path}. Check it, then put it into config/kernels.yml. `make kernels_diff` shows the kernels that result.
# Here modules are always purged first, with or without --purge. The site file sets where kernels are installed.
# --pwd is omitted: the home directory is always available. Put other folders into options.
"""


@dataclass(frozen=True)
class Conversion:
    """Hold the text of a kernels.yml, and the Makefile's lines that could not be converted."""

    text: str
    left: list[Line]


def convert(makefile: Path, content: str) -> Conversion:
    """Return a kernels.yml that makes the same kernels as a Makefile with this content.

    In the kernels.yml, a comment before each entry contains the Makefile's line. Other comments
    contain the lines that could not be converted. envkernel itself parses the command lines.
    """
    lines = command_lines(makefile, content)
    words = json.dumps([line.words for line in lines if line.words])
    parsed = iter(json.loads(run([sys.executable, "-I", _READER], stdin=words).stdout))
    entries, left = [], []
    for line in lines:
        try:
            if line.fault:
                raise ValueError(line.fault)
            entries.append(_entry(line.number, next(parsed)))
        except ValueError as fault:
            left.append(replace(line, fault=str(fault)))
    text = _HEAD.format(path=_plain(str(makefile))) + (
        "kernels:\n" + "\n".join(entries) if entries else ""
    )
    if left:
        text += "\n# Not translated:\n"
        text += "".join(
            f"# line {line.number}: {_plain(line.text)}\n#     {_plain(line.fault)}\n"
            for line in left
        )
    return Conversion(text, left)


def _plain(text: str) -> str:
    """Return the text with escaped line ends and control characters. The result can be part of a
    comment in YAML."""
    return text if text.isprintable() else ascii(text)[1:-1]


def imported(makefile: Path) -> str:
    """Return the text of a kernels.yml that makes the same kernels as the Makefile.

    Raises BadInput if the Makefile has no command line of envkernel.
    """
    content = read_makefile(makefile)
    if not any("kernel" in line.text for line in command_lines(makefile, content)):
        raise BadInput(
            "no command line of envkernel's is in it",
            str(makefile),
            "name the Makefile that has them",
        )
    return convert(makefile, content).text


def _entry(number: int, parsed: dict[str, Any]) -> str:
    """Return the kernels.yml entry, with a comment, for one envkernel command line. Raises
    ValueError if the line cannot be converted."""
    if "error" in parsed:
        raise ValueError(parsed["error"])
    if "$" in json.dumps(parsed):
        raise ValueError("what it says is only known to a shell, or to make")
    entry = {**_source(parsed), **_shape(parsed)}
    try:
        Rule.model_validate(entry)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    notes = [f"line {number}"]
    if entry["id"] != parsed["name"]:
        notes.append(f"    its name was {_plain(parsed['name'])}, which notebooks remember")
    if parsed["language"] == "python" and not re.match("python|bash|$", parsed["template"]):
        what = "its template is taken for a Python's; if it is none, add language and command"
        notes.append(f"    {what}")
    keys = [f"{key}: {flow(value)}" for key, value in entry.items()]
    return "".join(f"  # {note}\n" for note in notes) + "  - " + "\n    ".join(keys) + "\n"


def _source(parsed: dict[str, Any]) -> dict[str, Any]:
    """Return the part of an entry of kernels.yml that names the modules, environment or image from
    which the kernel is made. `parsed` is one command of envkernel."""
    mode, rest = parsed["mode"], parsed["rest"]
    if mode == "lmod":
        if not rest:
            raise ValueError("it names no module")
        return {"modules": rest}
    if mode in ("singularity", "docker"):
        return {"image": parsed["place"], "engine": mode, **({"options": rest} if rest else {})}
    return {"conda" if mode == "conda" else "virtualenv": parsed["place"]}


def _shape(parsed: dict[str, Any]) -> dict[str, Any]:
    """Return a kernel's entry for kernels.yml: id, title, and the command line that starts the
    kernel."""
    language, argv = parsed["language"], parsed["argv"]
    shape: dict[str, Any] = {"id": slug(parsed["name"])}
    if parsed["title"]:
        shape["name"] = re.sub(r"[{}]", r"\g<0>\g<0>", parsed["title"])
    if parsed["template"] == "bash" and language == "python":
        shape |= {"language": "bash", "command": ["python", "-m", "bash_kernel", "-f", CONNECTION]}
    elif argv[1 : 1 + len(_OURS.get(language, []))] != _OURS.get(language):
        shape |= {"language": language, "command": argv}
    elif language == "R":
        shape["language"] = "R"
    if parsed["env"]:
        shape["environment"] = parsed["env"]
    return shape

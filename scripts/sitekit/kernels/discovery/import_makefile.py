"""`make kernels_import`: envkernel's command lines in a Makefile become the text of a kernels.yml."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...base.command import run
from ...base.errors import BadInput, Problem
from ...site import Site
from ...site.model_fields import flow
from .candidate import slug
from .parse_makefile import Line, command_lines
from .rules import CONNECTION, Rule

_READER = Path(__file__).with_name("read_envkernel.py")
_OURS = {"python": ["-m", "ipykernel_launcher"], "R": ["--slave", "-e", "IRkernel::main()"]}
_BASH = "the bash kernel is part of the hub's environment, as long as environment.yml has bash_kernel"
_HEAD = """\
# From {path}. Look it through, then put it into config/kernels.yml; `make kernels_diff` shows what comes of it.
# Here modules are always purged first, whatever --purge said; where kernels are installed is the site file's to say.
"""


def imported(site: Site, makefile: Path) -> str:
    """The text of a kernels.yml, with comments that name the line of each entry and what could not be translated.

    Raises BadInput if there is nothing to read, Problem without a release: envkernel itself reads its command lines.
    """
    python = site.current / "bin" / "python"
    if not python.exists():
        raise Problem("there is no hub environment yet", str(site.current), "run `make setup_conda install_all` first")
    lines = command_lines(makefile)
    if not lines:
        raise BadInput("no command line of envkernel's is in it", str(makefile), "name the Makefile that has them")
    asked = json.dumps([line.words for line in lines if line.words])
    told = iter(json.loads(run([python, "-I", _READER], stdin=asked).stdout))
    entries, left, there = [], [], []
    for line in lines:
        if line.bash:
            there.append(f"# line {line.number}: {line.text}\n#     {_BASH}\n")
            continue
        try:
            if line.fault:
                raise ValueError(line.fault)
            entries.append(_entry(line, next(told)))
        except ValueError as fault:
            left.append(f"# line {line.number}: {line.text}\n#     {fault}\n")
    text = _HEAD.format(path=makefile) + ("kernels:\n" + "\n".join(entries) if entries else "")
    text += "\n# There already:\n" + "".join(there) if there else ""
    return text + ("\n# Not translated:\n" + "".join(left) if left else "")


def _entry(line: Line, told: dict[str, Any]) -> str:
    """One entry with its comment. Raises ValueError with the reason why there is none."""
    if "error" in told:
        raise ValueError(told["error"])
    notes = [f"line {line.number}"]
    entry = {**_source(told), **_shape(told, notes)}
    try:
        Rule.model_validate(entry)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    keys = [f"{key}: {_mapping(value) if isinstance(value, dict) else flow(value)}" for key, value in entry.items()]
    return "".join(f"  # {note}\n" for note in notes) + "  - " + "\n    ".join(keys) + "\n"


def _mapping(values: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {flow(value)}" for name, value in values.items()) + "}"


def _source(told: dict[str, Any]) -> dict[str, Any]:
    """What the kernel comes from."""
    mode, rest = told["mode"], told["rest"]
    for word in (*rest, told["place"] or ""):
        if "$" in word:
            raise ValueError("what it names is only known to a shell, or to make")
    if mode == "lmod":
        if not rest:
            raise ValueError("it names no module")
        return {"modules": rest}
    if mode in ("singularity", "docker"):
        return {"image": told["place"], "engine": mode, **({"options": rest} if rest else {})}
    return {"conda" if mode == "conda" else "virtualenv": told["place"]}


def _shape(told: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """How it is named and started."""
    shape: dict[str, Any] = {}
    name, language, argv = told["name"], told["language"], told["argv"]
    if "$" in name:
        notes.append("    its --name is worked out by a shell; here it is named after its modules")
    else:
        shape["id"] = slug(name)
        if shape["id"] != name:
            notes.append(f"    its name was {name}, which notebooks remember")
    if told["title"]:
        shape["name"] = re.sub(r"[{}]", r"\g<0>\g<0>", told["title"])
    if told["template"] == "bash" and language == "python":
        shape["language"], shape["command"] = "bash", ["python", "-m", "bash_kernel", "-f", CONNECTION]
    elif argv[1 : 1 + len(_OURS.get(language, []))] != _OURS.get(language):
        shape["language"], shape["command"] = language, argv
    elif language == "R":
        shape["language"] = "R"
    if told["template"] and language == "python" and not told["template"].startswith(("python", "bash")):
        notes.append("    its template is taken for a Python's; if it is none, add language and command")
    if told["pwd"]:
        notes.append("    --pwd is left out: the home directory is there, and what else is needed belongs into options")
    if told["env"]:
        shape["environment"] = told["env"]
    return shape

"""What starts a candidate's kernel: an interpreter on its PATH or inside its image; and what that
says of itself."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.command import run
from ..discovery.candidate import PROGRAMS, Candidate
from ..discovery.rules import CONNECTION
from . import containers
from .launcher import launcher

# A history on Lustre or NFS may wait for its lock for ever, and keep the kernel from starting.
# The connection file comes last: kernels/by_socket.py counts on it.
IPYKERNEL = ("-m", "ipykernel_launcher", "--HistoryManager.hist_file=:memory:", "-f", CONNECTION)
_INSIDE = Path(__file__).parent / "inside"


@dataclass(frozen=True)
class Interpreter:
    """`program` is the full path of what the launcher starts: the interpreter, or the engine of its
    image.

    `words` begin the kernel's command line; `look` are the words to run the interpreter with a
    program of ours.
    """

    language: str
    program: str
    words: tuple[str, ...]
    look: tuple[str, ...]

    def command(self, library: str) -> list[str]:
        """The kernel's command line; `library` is where its Jupyter kernel lies."""
        if self.language == "python":
            return [*self.words, *IPYKERNEL]
        if self.language == "R":
            # An IRkernel in the user's own library would come first otherwise; their other packages
            # stay within reach.
            place = json.dumps(os.path.dirname(library))
            begin = f"loadNamespace('IRkernel', lib.loc = {place}); IRkernel::main()"
            return [*self.words, "--slave", "-e", begin, "--args", CONNECTION]
        return list(self.words)


def find(
    candidate: Candidate, told: Mapping[str, Any], env: Mapping[str, str]
) -> Interpreter | None:
    """What to start in the environment `env`, after the load; `told` is what the launcher is told."""
    rule = candidate.rule
    if rule.image:
        return _in_image(candidate, env["PATH"])
    if rule.command and rule.language:  # a command has its language
        program = shutil.which(rule.command[0], path=env["PATH"])
        return Interpreter(rule.language, program, rule.command, ()) if program else None
    for language in (candidate.language,) if candidate.language else tuple(PROGRAMS):
        for name in PROGRAMS[language]:
            program = shutil.which(name, path=str(rule.bin or env["PATH"]))
            # The machine's own interpreter is not the module's, unless a rule asks for just that.
            if program and (
                rule.bin or rule.language or program != shutil.which(name, path=told["path"])
            ):
                return Interpreter(language, program, (name,), (program,))
    return None


def _in_image(candidate: Candidate, path: str) -> Interpreter | None:
    rule, engine = candidate.rule, shutil.which(candidate.rule.engine, path=path)
    if engine is None:
        return None
    language = rule.language or "python"
    inner = rule.command or (containers.PROGRAMS[language],)
    look = (engine, *containers.words(rule, kernel=False)[1:], inner[0])
    return Interpreter(
        language, engine, (*containers.words(rule), *inner), () if rule.command else look
    )


def missing(candidate: Candidate) -> str:
    """What `find` looked for in vain."""
    rule = candidate.rule
    if rule.image:
        return f"this host has no {rule.engine}"
    wanted = rule.command[:1] if rule.command else PROGRAMS[candidate.language or "python"]
    return f"{rule.place or 'its modules'} {'brings' if rule.place else 'bring'} no {' or '.join(wanted)}"


def ask(
    interpreter: Interpreter, env: Mapping[str, str], user: str | None, timeout: float
) -> dict[str, Any]:
    """What it says: version, interpreter, library, kernel, spec, and paths to watch; or an `error`.

    Raises CommandFailed if it does not run, ValueError if it does not answer.
    """
    if not interpreter.look:
        return {"version": "", "interpreter": "", "spec": {}, "watch": []}
    ways = {"python": _ask_python, "R": _ask_r}
    return ways[interpreter.language](
        interpreter, {**env, "HOME": launcher().NO_HOME}, user, timeout
    )


# What ipykernel can do, by its version. Whether this one works its kernel shows, when it is
# started.
_specs: dict[str, dict[str, Any]] = {}


def _ask_python(
    interpreter: Interpreter, env: dict[str, str], user: str | None, timeout: float
) -> dict[str, Any]:
    source = (_INSIDE / "probe_python.py").read_text()
    known = dict(_specs)
    done = run(
        [*interpreter.look, "-", *known],
        stdin=source,
        env=env,
        user=user,
        cwd=Path("/"),
        timeout=timeout,
    )
    told = json.loads((done.stdout.strip().splitlines() or [""])[-1])
    watch = [*told.pop("libraries"), told.get("library", "")]
    if "error" in told:
        told["error"] = f"Python {told['version']} has no working ipykernel ({told['error']})"
    elif "spec" in told:
        _specs[told["kernel"]] = told["spec"]
    else:
        told["spec"] = known[told["kernel"]]
    return {**told, "watch": watch}


def _ask_r(
    interpreter: Interpreter, env: dict[str, str], user: str | None, timeout: float
) -> dict[str, Any]:
    source = (_INSIDE / "probe.R").read_text().split("\n", 1)[1]
    words = ["--vanilla", "--slave", "-e", " ".join(source.split())]
    done = run([*interpreter.look, *words], env=env, user=user, cwd=Path("/"), timeout=timeout)
    line = next((line for line in done.stdout.splitlines() if line.startswith("sitekit\t")), "")
    _, version, home, where, kernel, libraries = line.split("\t")
    watch = [*libraries.split(":"), where and f"{where}/IRkernel/DESCRIPTION"]
    told = {"version": version, "interpreter": home, "watch": watch}
    if not where:
        return {**told, "error": f"R {version} has no IRkernel"}
    return {**told, "library": f"{where}/IRkernel", "kernel": kernel, "spec": {}}

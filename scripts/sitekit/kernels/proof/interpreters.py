"""Find the interpreter that starts a candidate's kernel, and query its version and libraries.

The interpreter is on the candidate's PATH or inside its image.
"""

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

# IPython's history file would need a lock. On Lustre or NFS, IPython may wait for the lock for ever
# and the kernel would not start. So the history is kept in memory.
# The connection file must be the last word, because kernels/by_socket.py reads it from there.
IPYKERNEL = ("-m", "ipykernel_launcher", "--HistoryManager.hist_file=:memory:", "-f", CONNECTION)
_INSIDE = Path(__file__).parent / "inside"


@dataclass(frozen=True)
class Interpreter:
    """Describe the interpreter of a candidate.

    `program` is the full path of the program that the launcher starts. It is the interpreter, or
    the engine that runs the image. `words` is the beginning of the kernel's command line. `look` is
    the beginning of a command line that runs the interpreter with another program.
    """

    language: str
    program: str
    words: tuple[str, ...]
    look: tuple[str, ...]

    def command(self, library: str) -> list[str]:
        """Return the kernel's command line.

        `library` is the path of the kernel's package, ipykernel or IRkernel.
        """
        if self.language == "python":
            return [*self.words, *IPYKERNEL]
        if self.language == "R":
            # Without `lib.loc`, R would load an IRkernel from the user's own library first. The
            # user's other packages can still be loaded.
            place = json.dumps(os.path.dirname(library))
            begin = f"loadNamespace('IRkernel', lib.loc = {place}); IRkernel::main()"
            return [*self.words, "--slave", "-e", begin, "--args", CONNECTION]
        return list(self.words)


def find(
    candidate: Candidate, launch: Mapping[str, Any], env: Mapping[str, str]
) -> Interpreter | None:
    """Return the interpreter of a candidate, None if there is none.

    `env` is the environment after the modules were loaded. `launch` holds the launcher's
    instructions.
    """
    rule = candidate.rule
    if rule.image:
        return _in_image(candidate, env["PATH"])
    if rule.command and rule.language:  # the rules require a language for each command
        program = shutil.which(rule.command[0], path=env["PATH"])
        return Interpreter(rule.language, program, rule.command, ()) if program else None
    for language in (candidate.language,) if candidate.language else tuple(PROGRAMS):
        for name in PROGRAMS[language]:
            program = shutil.which(name, path=str(rule.bin or env["PATH"]))
            # The system's own interpreter, such as /usr/bin/python3, does not come from the module.
            # It counts only if the rule names a language.
            if program and (
                rule.bin or rule.language or program != shutil.which(name, path=launch["path"])
            ):
                return Interpreter(language, program, (name,), (program,))
    return None


def _in_image(candidate: Candidate, path: str) -> Interpreter | None:
    """Return the interpreter inside an image, None if the host does not have the engine."""
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
    """Return the message for a candidate for which `find` returned None."""
    rule = candidate.rule
    if rule.image:
        return f"this host has no {rule.engine}"
    wanted = rule.command[:1] if rule.command else PROGRAMS[candidate.language or "python"]
    return f"{rule.place or 'its modules'} {'brings' if rule.place else 'bring'} no {' or '.join(wanted)}"


def ask(
    interpreter: Interpreter, env: Mapping[str, str], user: str | None, timeout: float
) -> dict[str, Any]:
    """Run the interpreter to query its version, library, kernel, spec and the paths to watch.

    If the interpreter has no working kernel, the result has an `error`. Raises CommandFailed if the
    interpreter does not run. Raises ValueError if the output cannot be parsed.
    """
    if not interpreter.look:
        return {"version": "", "interpreter": "", "spec": {}, "watch": []}
    ways = {"python": _ask_python, "R": _ask_r}
    return ways[interpreter.language](
        interpreter, {**env, "HOME": launcher().NO_HOME}, user, timeout
    )


# The abilities of ipykernel, by version. They are queried once for each version, because the test
# start of each kernel shows whether its own ipykernel works.
_specs: dict[str, dict[str, Any]] = {}


def _ask_python(
    interpreter: Interpreter, env: dict[str, str], user: str | None, timeout: float
) -> dict[str, Any]:
    """Query a Python with inside/probe_python.py."""
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
    answer = json.loads((done.stdout.strip().splitlines() or [""])[-1])
    watch = [*answer.pop("libraries"), answer.get("library", "")]
    if "error" in answer:
        answer["error"] = f"Python {answer['version']} has no working ipykernel ({answer['error']})"
    elif "spec" in answer:
        _specs[answer["kernel"]] = answer["spec"]
    else:
        answer["spec"] = known[answer["kernel"]]
    return {**answer, "watch": watch}


def _ask_r(
    interpreter: Interpreter, env: dict[str, str], user: str | None, timeout: float
) -> dict[str, Any]:
    """Query an R with inside/probe.R."""
    source = (_INSIDE / "probe.R").read_text().split("\n", 1)[1]
    words = ["--vanilla", "--slave", "-e", " ".join(source.split())]
    done = run([*interpreter.look, *words], env=env, user=user, cwd=Path("/"), timeout=timeout)
    line = next((line for line in done.stdout.splitlines() if line.startswith("sitekit\t")), "")
    _, version, home, where, kernel, libraries = line.split("\t")
    watch = [*libraries.split(":"), where and f"{where}/IRkernel/DESCRIPTION"]
    answer = {"version": version, "interpreter": home, "watch": watch}
    if not where:
        return {**answer, "error": f"R {version} has no IRkernel"}
    return {**answer, "library": f"{where}/IRkernel", "kernel": kernel, "spec": {}}

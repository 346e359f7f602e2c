"""Find the interpreter (such as Python) of a candidate for a kernel, in PATH or in an image, and
get the interpreter's version."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.run_program import run
from ..discovery.list_candidates import PROGRAMS, Candidate
from ..discovery.rules import CONNECTION
from . import container_commands
from .import_launch_program import launcher

# On Lustre or NFS, a kernel can wait for ever for the lock of IPython's history database, and then
# does not start. Therefore the history is kept in memory. The connection file must be the last
# argument, because kernels/by_socket.py requires this.
IPYKERNEL = ("-m", "ipykernel_launcher", "--HistoryManager.hist_file=:memory:", "-f", CONNECTION)
_INSIDE = Path(__file__).parent / "inside"


@dataclass(frozen=True)
class Interpreter:
    """Hold the interpreter of a kernel, and the command lines that start the interpreter.

    `program` is the full path of the program that the launch program starts. This program is the
    interpreter, or the engine that runs the interpreter's image. `words` are the first words of the
    kernel's command line. `look` is the command line with which the interpreter runs a program of
    sitekit.
    """

    language: str
    program: str
    words: tuple[str, ...]
    look: tuple[str, ...]

    def command(self, library: str) -> list[str]:
        """Return the kernel's command line. `library` is the path of the package (ipykernel or
        IRkernel) that the kernel runs."""
        if self.language == "python":
            return [*self.words, *IPYKERNEL]
        if self.language == "R":
            # With lib.loc, R does not use an IRkernel in the user's own library. R can still load
            # other packages of the user's library.
            place = json.dumps(os.path.dirname(library))
            begin = f"loadNamespace('IRkernel', lib.loc = {place}); IRkernel::main()"
            return [*self.words, "--slave", "-e", begin, "--args", CONNECTION]
        return list(self.words)


def find_interpreter(
    candidate: Candidate, instructions: Mapping[str, Any], env: Mapping[str, str]
) -> Interpreter | None:
    """Return the candidate's interpreter in PATH or in the candidate's image. If no interpreter
    exists, return None.

    `instructions` are the instructions for the launch program. `env` has the environment variables
    after the modules were loaded.
    """
    rule = candidate.rule
    if rule.image:
        return _in_image(candidate, env["PATH"])
    if rule.command and rule.language:  # kernels.yml contains both
        program = shutil.which(rule.command[0], path=env["PATH"])
        return Interpreter(rule.language, program, rule.command, ()) if program else None
    for language in (candidate.language,) if candidate.language else tuple(PROGRAMS):
        for name in PROGRAMS[language]:
            program = shutil.which(name, path=str(rule.bin or env["PATH"]))
            # The machine's own interpreter is used only if an entry of kernels.yml names this
            # interpreter.
            if program and (
                rule.bin
                or rule.language
                or program != shutil.which(name, path=instructions["path"])
            ):
                return Interpreter(language, program, (name,), (program,))
    return None


def _in_image(candidate: Candidate, path: str) -> Interpreter | None:
    """Return the interpreter of a container image. If this host does not have the container engine,
    return None."""
    rule, engine = candidate.rule, shutil.which(candidate.rule.engine, path=path)
    if engine is None:
        return None
    language = rule.language or "python"
    inner = rule.command or (container_commands.PROGRAMS[language],)
    look = (engine, *container_commands.words(rule, kernel=False)[1:], inner[0])
    return Interpreter(
        language, engine, (*container_commands.words(rule), *inner), () if rule.command else look
    )


def missing(candidate: Candidate) -> str:
    """Return the text for the table of kernels that explains why find_interpreter() found no
    interpreter."""
    rule = candidate.rule
    if rule.image:
        return f"this host has no {rule.engine}"
    wanted = rule.command[:1] if rule.command else PROGRAMS[candidate.language or "python"]
    programs = " or ".join(wanted)
    if rule.place:
        return f"{rule.place} brings no {programs}"
    return f"its modules bring no {programs}"


def ask_interpreter(
    interpreter: Interpreter, env: Mapping[str, str], user: str | None, timeout: float
) -> dict[str, Any]:
    """Run a program of sitekit with the interpreter. Return the program's report, or {"error":
    reason}.

    The report contains version, path, library, kernel, spec, and the paths of files that change
    when the kernel changes. Raises CommandFailed if the interpreter does not run, or ValueError if
    the program prints no report.
    """
    if not interpreter.look:
        return {"version": "", "interpreter": "", "spec": {}, "watch": []}
    readers = {"python": _ask_python, "R": _ask_r}
    return readers[interpreter.language](
        interpreter, {**env, "HOME": launcher().NO_HOME}, user, timeout
    )


# Maps each version of ipykernel to its kernel spec. sitekit stores the specs here, because reading
# a spec needs a slow import of ipykernel.
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
    report = json.loads((done.stdout.strip().splitlines() or [""])[-1])
    watch = [*report.pop("libraries"), report.get("library", "")]
    if "error" in report:
        report["error"] = f"Python {report['version']} has no working ipykernel ({report['error']})"
    elif "spec" in report:
        _specs[report["kernel"]] = report["spec"]
    else:
        report["spec"] = known[report["kernel"]]
    return {**report, "watch": watch}


def _ask_r(
    interpreter: Interpreter, env: dict[str, str], user: str | None, timeout: float
) -> dict[str, Any]:
    source = (_INSIDE / "probe.R").read_text().split("\n", 1)[1]
    words = ["--vanilla", "--slave", "-e", " ".join(source.split())]
    done = run([*interpreter.look, *words], env=env, user=user, cwd=Path("/"), timeout=timeout)
    line = next((line for line in done.stdout.splitlines() if line.startswith("sitekit\t")), "")
    _, version, home, where, kernel, libraries = line.split("\t")
    watch = [*libraries.split(":"), where and f"{where}/IRkernel/DESCRIPTION"]
    report = {"version": version, "interpreter": home, "watch": watch}
    if not where:
        return {**report, "error": f"R {version} has no IRkernel"}
    return {**report, "library": f"{where}/IRkernel", "kernel": kernel, "spec": {}}

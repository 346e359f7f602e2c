"""Load each candidate's modules in isolation and ask the interpreter what it is, before any kernel is started."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import progress
from ..command import CommandFailed, identity, run
from ..site import Site
from .candidates import PROGRAMS, Candidate
from .kernel import Kernel, Stamp, stamps
from .launcher import launcher, launcher_digest
from .logos import logo_digest
from .rules import CONNECTION, Rules

PATH = "/usr/local/bin:/usr/bin:/bin"
NAMES = {"python": "Python", "matlab": "MATLAB", "r": "R"}
_INSIDE = Path(__file__).parent / "inside"


@dataclass(frozen=True)
class Failure:
    """Why a candidate is no kernel. `broken` tells a module that fails from one that merely has no kernel in it."""

    candidate: Candidate
    reason: str
    broken: bool
    key: str
    watch: dict[str, Stamp]


def instructions(site: Site, rules: Rules, candidate: Candidate) -> dict[str, Any]:
    """What the launcher is told, as far as it is known before the probe."""
    slurm = str(site.slurm.bin)
    return {
        "site": site.title,
        "modules": list(candidate.modules),
        "modulepath": ":".join(map(str, site.kernels.modulepath)),
        "lmod": str(site.kernels.lmod / "libexec" / "lmod"),
        "load_environment": dict(rules.load_environment),
        "path": PATH if slurm in PATH.split(":") else f"{slurm}:{PATH}",
        "environment": dict(candidate.rule.environment),
        "user_site": candidate.rule.user_site,
    }


def key_of(site: Site, rules: Rules, candidate: Candidate) -> str:
    """A digest of all that decides what the kernel will be, apart from the software itself (see Kernel.watch)."""
    rule = candidate.rule
    asked = [rule.name, rule.command, rule.check, rule.language, candidate.language]
    ours = [logo_digest(_logo(candidate)), launcher_digest(), str(site.paths.prefix)]
    parts = [instructions(site, rules, candidate), asked, ours, [str(file) for file in candidate.module.files]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def probe_all(site: Site, rules: Rules, found: list[Candidate], user: str | None) -> list[Kernel | Failure]:
    """Probe in parallel, showing progress, in the order of `found`. Modules and interpreters run as `user`."""
    if not found:
        return []
    with (
        progress.step("Loading and probing modules", total=len(found)) as step,
        ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool,
    ):

        def one(candidate: Candidate) -> Kernel | Failure:
            result = probe(site, rules, candidate, user)
            step.note(candidate.label)
            step.advance()
            return result

        results = list(pool.map(one, found))
        step.done(f"{sum(isinstance(r, Kernel) for r in results)} of {len(found)} have a kernel")
    return results


def probe(site: Site, rules: Rules, candidate: Candidate, user: str | None) -> Kernel | Failure:
    """One candidate: its Kernel, or why there is none."""
    told = instructions(site, rules, candidate)
    key = key_of(site, rules, candidate)
    files = [str(file) for file in candidate.module.files]
    failure = functools.partial(Failure, candidate, key=key)
    start = functools.partial(subprocess.run, cwd="/", stdin=subprocess.DEVNULL, **identity(user))
    try:
        env = launcher().load(told, {"HOME": launcher().NO_HOME, "LANG": "C.UTF-8"}, start)
    except launcher().CannotStart as why:
        return failure(reason=f"{why.what}\n{why.detail}".strip(), broken=True, watch={})
    # Another version beside a module changes what an unversioned dependency means: the folders count as well.
    files += [file for file in env.get("_LMFILES_", "").split(":") if file]
    files += [os.path.dirname(file) for file in files]
    found = _interpreter(candidate, told, env)
    if found is None:
        wanted = (
            candidate.rule.command[0]
            if candidate.rule.command
            else " or ".join(PROGRAMS.get(candidate.language or "python"))
        )
        return failure(reason=f"its modules bring no {wanted}", broken=False, watch=stamps(files))
    language, program = found
    files += [program, os.path.realpath(program)]
    try:
        seen = _ask(language, program, env, user, rules.start_timeout)
    except (CommandFailed, ValueError) as error:
        return failure(reason=f"its interpreter does not run: {error}", broken=True, watch={})
    files += seen.pop("watch")
    if "error" in seen:
        return failure(reason=seen["error"], broken=False, watch=stamps(files))
    return _kernel(candidate, told, env, language, program, seen, key, stamps(files))


def _interpreter(candidate: Candidate, told: dict[str, Any], env: dict[str, str]) -> tuple[str, str] | None:
    if command := candidate.rule.command:
        program = shutil.which(command[0], path=env["PATH"])
        return (candidate.rule.language, program) if program else None
    for language in (candidate.language,) if candidate.language else tuple(PROGRAMS):
        for name in PROGRAMS[language]:
            program = shutil.which(name, path=env["PATH"])
            # The machine's own interpreter is not the module's, unless a rule asks for just that.
            if program and (candidate.rule.language or program != shutil.which(name, path=told["path"])):
                return language, program
    return None


def _ask(language: str, program: str, env: dict[str, str], user: str | None, timeout: float) -> dict[str, Any]:
    """What the interpreter says: version, interpreter, library, kernel, spec, and paths to watch; or an `error`."""
    env = {**env, "HOME": launcher().NO_HOME}
    if language == "python":
        source = (_INSIDE / "probe_python.py").read_text()
        done = run([program, "-"], stdin=source, env=env, user=user, cwd=Path("/"), timeout=timeout)
        told = json.loads(done.stdout.strip().splitlines()[-1])
        watch = [*told.pop("libraries"), told.get("library", "")]
        if "error" in told:
            told["error"] = f"Python {told['version']} has no working ipykernel ({told['error']})"
        return {**told, "watch": watch}
    if language == "R":
        source = (_INSIDE / "probe.R").read_text().split("\n", 1)[1]
        done = run(
            [program, "--vanilla", "--slave", "-e", " ".join(source.split())],
            env=env,
            user=user,
            cwd=Path("/"),
            timeout=timeout,
        )
        line = next((line for line in done.stdout.splitlines() if line.startswith("sitekit\t")), "")
        _, version, home, where, kernel, libraries = line.split("\t")
        told = {
            "version": version,
            "interpreter": home,
            "watch": [*libraries.split(":"), where and f"{where}/IRkernel/DESCRIPTION"],
        }
        if not where:
            return {**told, "error": f"R {version} has no IRkernel"}
        return {**told, "library": f"{where}/IRkernel", "kernel": kernel, "spec": {}}
    return {"version": "", "interpreter": "", "spec": {}, "watch": []}


def _kernel(
    candidate: Candidate, told: dict[str, Any], env: dict[str, str], language: str, program: str,
    seen: dict[str, Any], key: str, watch: dict[str, Stamp],
) -> Kernel:  # fmt: skip
    library = seen.get("library", "")
    expect = {"modules": env.get("LOADEDMODULES", "")}
    if library:
        expect |= {"interpreter": seen["interpreter"], "library": library}
    title = _title(candidate, language, seen["version"])
    runs = {
        "python": f"Python {seen['version']}, ipykernel {seen.get('kernel')}",
        "R": f"R {seen['version']}, IRkernel {seen.get('kernel')}",
    }
    launch = {
        **told,
        "title": title,
        "command": list(candidate.rule.command or _command(language, program, library)),
        "interpreter": program,
        "needs": [library] if library else [],
    }
    return Kernel(
        id=candidate.id,
        label=candidate.label,
        title=title,
        language=language,
        detail=runs.get(language, language),
        logo=_logo(candidate, language),
        key=key,
        check=candidate.rule.check,
        launch=launch,
        spec=seen["spec"],
        expect=expect,
        watch=watch,
    )


def _command(language: str, program: str, library: str) -> tuple[str, ...]:
    name = os.path.basename(program)
    if language == "python":
        return (name, "-m", "ipykernel_launcher", "-f", CONNECTION)
    # An IRkernel in the user's own library would come first otherwise; their other packages stay within reach.
    begin = f"loadNamespace('IRkernel', lib.loc = {json.dumps(os.path.dirname(library))}); IRkernel::main()"
    return (name, "--slave", "-e", begin, "--args", CONNECTION)


def _title(candidate: Candidate, language: str, version: str) -> str:
    module, parents = candidate.module, ", ".join(candidate.modules[:-1])
    short = ".".join(version.split(".")[:2])
    named = NAMES.get(language.lower(), language.capitalize())
    if candidate.rule.name:
        template = candidate.rule.name
    elif not version:
        template = "{module}"
    elif named.lower() == module.name.rpartition("/")[2].lower().rstrip("0123456789") and not parents:
        template = "{language} {language_version}"
    else:
        template = "{module} ({language} {language_version}" + (", {parents})" if parents else ")")
    return template.format(
        module=module.full,
        name=module.name,
        version=module.version,
        language=named,
        language_version=short,
        parents=parents,
    )


def _logo(candidate: Candidate, language: str | None = None) -> str:
    return candidate.rule.logo or (language or candidate.language or candidate.rule.language or "other").lower()

"""Load each candidate's modules in isolation, and query its interpreter without a kernel."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ...base import progress
from ...base.command import CommandFailed, identity
from ...site import Site
from ..discovery.candidate import Candidate
from ..discovery.rules import Rules
from ..generations.kernel import Kernel, Stamp, stamps
from ..generations.logos import logo_digest
from . import containers, interpreters, shell
from .interpreters import Interpreter
from .launcher import launcher, launcher_digest
from .starts import WAYS, another_build

PATH = ("/usr/local/bin", "/usr/bin", "/bin")
NAMES = {"python": "Python", "matlab": "MATLAB", "r": "R"}


@dataclass(frozen=True)
class Failure:
    """Hold the reason why a candidate cannot become a kernel.

    `broken` means that the module fails. Otherwise the module works, but has no kernel in it.
    """

    candidate: Candidate
    reason: str
    broken: bool
    key: str
    watch: dict[str, Stamp]


def instructions(site: Site, rules: Rules, candidate: Candidate) -> dict[str, Any]:
    """Return the launcher's instructions, as far as they are known before the probe."""
    rule, slurm = candidate.rule, str(site.slurm.bin)
    activated = {"CONDA_PREFIX": rule.conda, "VIRTUAL_ENV": rule.virtualenv}
    return {
        "site": site.title,
        "modules": list(candidate.modules),
        "modulepath": ":".join(map(str, site.kernels.modulepath)),
        "lmod": str(site.kernels.lmod / "libexec" / "lmod"),
        "load_environment": dict(rules.load_environment),
        "path": ":".join(PATH if slurm in PATH else (slurm, *PATH)),
        **({"bin": str(rule.bin)} if rule.bin else {}),
        "environment": {
            **{name: str(value) for name, value in activated.items() if value},
            **rule.environment,
        },
        "user_site": rule.user_site,
    }


def key_of(site: Site, rules: Rules, candidate: Candidate) -> str:
    """Return a digest of the rules and settings from which the kernel is made.

    Changes of the kernel's software are found by Kernel.watch.
    """
    rule = candidate.rule
    settings = [rule.name, rule.command, rule.check, rule.language, candidate.language]
    settings += [rule.image and containers.words(rule)]
    ours = [logo_digest(_logo(candidate)), launcher_digest(), str(site.paths.prefix)]
    parts = [
        instructions(site, rules, candidate),
        settings,
        ours,
        [str(file) for file in candidate.module.files],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def probe_all(
    site: Site, rules: Rules, found: list[Candidate], user: str | None
) -> list[Kernel | Failure]:
    """Probe all candidates in parallel, and return the results in the order of `found`.

    Modules and interpreters run as `user`. The progress is shown.
    """
    if not found:
        return []
    with (
        progress.step("Loading and probing candidates", total=len(found)) as step,
        ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool,
    ):

        def probe_one(candidate: Candidate) -> Kernel | Failure:
            try:
                result = probe(site, rules, candidate, user)
            # Whatever error one module causes, the other candidates are still probed.
            except Exception as error:
                result = Failure(candidate, f"it cannot be tried: {error!r}", True, "", {})
            step.note(candidate.label)
            step.advance()
            return result

        results = list(pool.map(probe_one, found))
        step.done(f"{sum(isinstance(r, Kernel) for r in results)} of {len(found)} have a kernel")
    return results


def probe(site: Site, rules: Rules, candidate: Candidate, user: str | None) -> Kernel | Failure:
    """Probe one candidate, and return its Kernel, or a Failure with the reason."""
    launch = instructions(site, rules, candidate)
    key = key_of(site, rules, candidate)
    files = [str(file) for file in candidate.module.files]
    failure = functools.partial(Failure, candidate, key=key)
    start = functools.partial(subprocess.run, cwd="/", stdin=subprocess.DEVNULL, **identity(user))
    with person(user) as environ:
        try:
            before = launcher().prepared(launch, environ)
            env = launcher().with_modules(launch, before, start)
            launch["modules"] = launcher().full_names(
                launch["modules"], launcher().lmod_output.loaded(env)
            )
            if why := shell.needed(launch, before, env, start):
                return failure(reason=why, broken=True, watch={})
            env = launcher().completed(launch, env)
        except launcher().CannotStart as why:
            return failure(reason=f"{why.what}\n{why.detail}".strip(), broken=True, watch={})
    candidate = _as_loaded(candidate, launch["modules"])
    files += module_files(env)
    files += map(str, candidate.rule.marks)
    interpreter = interpreters.find(candidate, launch, env)
    if interpreter is None:
        return failure(reason=interpreters.missing(candidate), broken=False, watch=stamps(files))
    files += [interpreter.program, os.path.realpath(interpreter.program)]
    try:
        seen = interpreters.ask(interpreter, env, user, rules.start_timeout)
    except (CommandFailed, ValueError) as error:
        return failure(reason=f"its interpreter does not run: {error}", broken=True, watch={})
    # The paths inside an image do not exist on this host, so they are not watched.
    files += [] if candidate.rule.image else seen.pop("watch")
    if "error" in seen:
        return failure(reason=seen["error"], broken=False, watch=stamps(files))
    return _kernel(candidate, launch, env, interpreter, seen, key, stamps(files))


@contextmanager
def person(user: str | None) -> Iterator[dict[str, str]]:
    """Create an empty home directory, and return the environment of an account that loads modules.

    The home directory is removed at the end.
    """
    entry = pwd.getpwnam(user) if user else None
    name = entry.pw_name if entry else own_name()
    with tempfile.TemporaryDirectory(prefix="sitekit-probe-") as home:
        if entry:
            os.chown(home, entry.pw_uid, entry.pw_gid)
        yield {"HOME": home, "USER": name, "LOGNAME": name, "LANG": "C.UTF-8"}


def own_name() -> str:
    """Return the name of the account that runs this process."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def module_files(env: Mapping[str, str]) -> list[str]:
    """Return the files of the loaded modules, their folders, and the version files in the folders.

    The version files (.modulerc, .modulerc.lua, .version) decide which version a name without one
    means.
    """
    files = [file for file in env.get("_LMFILES_", "").split(":") if file]
    folders = sorted({os.path.dirname(file) for file in files})
    rules = [
        os.path.join(folder, name)
        for folder in folders
        for name in (".modulerc", ".modulerc.lua", ".version")
    ]
    return [*files, *folders, *(file for file in rules if os.path.exists(file))]


def _as_loaded(candidate: Candidate, modules: list[str]) -> Candidate:
    """Return the candidate with the full name of its module.

    If kernels.yml gives no version, Lmod has chosen the version at the load.
    """
    if not modules or modules[-1] == candidate.modules[-1] or candidate.rule.place:
        return candidate
    return replace(
        candidate, modules=tuple(modules), module=replace(candidate.module, full=modules[-1])
    )


def _kernel(
    candidate: Candidate, launch: dict[str, Any], env: dict[str, str], interpreter: Interpreter,
    seen: dict[str, Any], key: str, watch: dict[str, Stamp],
) -> Kernel:  # fmt: skip
    """Return the kernel of a candidate whose interpreter has answered."""
    library, language = seen.get("library", ""), interpreter.language
    expect = {"modules": env.get("LOADEDMODULES", "")}
    if library:
        expect |= {"interpreter": seen["interpreter"], "library": library}
    title = _title(candidate, language, seen["version"])
    runs = {
        "python": f"Python {seen['version']}, ipykernel {seen.get('kernel')}",
        "R": f"R {seen['version']}, IRkernel {seen.get('kernel')}",
    }
    launch = {
        **launch,
        "title": title,
        "command": interpreter.command(library),
        "interpreter": interpreter.program,
        "needs": _needs(candidate, library),
    }
    if (
        launch["modules"]
        and library
        and not (candidate.rule.place or candidate.rule.command)
        and language in WAYS
    ):
        launch["another_build"] = another_build(language, seen["version"])
    return Kernel(
        id=candidate.id,
        label=candidate.label,
        title=title,
        language=language,
        detail=runs.get(language, language),
        logo=_logo(candidate, language),
        key=key,
        check=candidate.rule.check,
        envkernel=_envkernel(candidate),
        launch=launch,
        spec=seen["spec"],
        expect=expect,
        watch=watch,
        found=candidate.found,
    )


def _needs(candidate: Candidate, library: str) -> list[str]:
    """Return the files without which the launcher does not start the kernel.

    For an image, only the image itself is checked, because the host cannot see the files inside.
    """
    image = candidate.rule.image
    return [path for path in ([image] if image else [library]) if path.startswith("/")]


def _envkernel(candidate: Candidate) -> list[str]:
    """Return the mode and the arguments with which envkernel makes such a kernel."""
    rule = candidate.rule
    if rule.image:
        mode = "singularity" if rule.engine in ("apptainer", "singularity") else "docker"
        return [mode, rule.image, *rule.options]
    if rule.place:
        return ["conda" if rule.conda else "virtualenv", str(rule.place)]
    return ["lmod", *candidate.modules]


def _title(candidate: Candidate, language: str, version: str) -> str:
    """Return the kernel's title, from the rule's `name` or from a default template."""
    module, parents = candidate.module, ", ".join(candidate.modules[:-1])
    short = ".".join(version.split(".")[:2])
    named = NAMES.get(language.lower(), language.capitalize())
    if candidate.rule.name:
        template = candidate.rule.name
    elif not version:
        template = "{module}"
    elif (
        named.lower() == module.name.rpartition("/")[2].lower().rstrip("0123456789") and not parents
    ):
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
    """Return the name of the kernel's logo, from the rule or from the language."""
    return (
        candidate.rule.logo
        or (language or candidate.language or candidate.rule.language or "other").lower()
    )

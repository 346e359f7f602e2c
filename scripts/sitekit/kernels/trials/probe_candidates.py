"""Load the modules of each candidate for a kernel in isolation, and get the version of the
candidate's interpreter.

sitekit starts kernels only after the first test of all candidates has ended.
"""

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
from ...base.run_program import CommandFailed, identity
from ...site import Site
from ..discovery.list_candidates import Candidate
from ..discovery.rules import Rules
from ..generations.find_logos import logo_digest
from ..generations.kernel_record import Kernel, Stamp, stamps
from . import container_commands, find_interpreter, modules_with_shell_commands
from .import_launch_program import launcher, launcher_digest
from .kernel_from_probe import build_kernel, logo

PATH = ("/usr/local/bin", "/usr/bin", "/bin")


@dataclass(frozen=True)
class Failure:
    """Hold the reason why a candidate does not become a kernel.

    `broken` is True if the module cannot be loaded, or if its interpreter fails. `broken` is False
    if the module works but contains no kernel.
    """

    candidate: Candidate
    reason: str
    broken: bool
    key: str
    watch: dict[str, Stamp]


def instructions(site: Site, rules: Rules, candidate: Candidate) -> dict[str, Any]:
    """Return the instructions for the launch program (kernels/launch.py) that are known before the
    first test."""
    rule, slurm = candidate.rule, str(site.slurm.bin)
    activated = {"CONDA_PREFIX": rule.conda, "VIRTUAL_ENV": rule.virtualenv}
    bin_folder = {"bin": str(rule.bin)} if rule.bin else {}
    return {
        "site": site.title,
        "modules": list(candidate.modules),
        "modulepath": ":".join(map(str, site.kernels.modulepath)),
        "lmod": str(site.kernels.lmod / "libexec" / "lmod"),
        "load_environment": dict(rules.load_environment),
        "path": ":".join(PATH if slurm in PATH else (slurm, *PATH)),
        **bin_folder,
        "environment": {
            **{name: str(value) for name, value in activated.items() if value},
            **rule.environment,
        },
        "user_site": rule.user_site,
    }


def key_of(site: Site, rules: Rules, candidate: Candidate) -> str:
    """Return a digest of all rules and settings that determine the kernel.

    The digest does not include the files of the kernel's software. Kernel.watch has their stamps.
    """
    rule = candidate.rule
    asked = [rule.name, rule.command, rule.check, rule.language, candidate.language]
    asked += [rule.image and container_commands.words(rule)]
    ours = [logo_digest(logo(candidate)), launcher_digest(), str(site.paths.prefix)]
    parts = [
        instructions(site, rules, candidate),
        asked,
        ours,
        [str(file) for file in candidate.module.files],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def probe_all(
    site: Site, rules: Rules, found: list[Candidate], user: str | None
) -> list[Kernel | Failure]:
    """Run the first test of all candidates in parallel, and return the results in the order of
    `found`.

    The function shows a progress bar. It loads the modules, and runs the interpreters, under the
    account `user`.
    """
    if not found:
        return []
    with (
        progress.step("Loading and probing candidates", total=len(found)) as step,
        ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool,
    ):

        def one(candidate: Candidate) -> Kernel | Failure:
            try:
                result = probe(site, rules, candidate, user)
            except Exception as error:  # every error of a module becomes one row of the table
                result = Failure(candidate, f"it cannot be tried: {error!r}", True, "", {})
            step.note(candidate.label)
            step.advance()
            return result

        results = list(pool.map(one, found))
        step.done(f"{sum(isinstance(r, Kernel) for r in results)} of {len(found)} have a kernel")
    return results


def probe(site: Site, rules: Rules, candidate: Candidate, user: str | None) -> Kernel | Failure:
    """Probe one candidate. Returns the candidate's Kernel, or a Failure with the reason."""
    launch_data = instructions(site, rules, candidate)
    key = key_of(site, rules, candidate)
    files = [str(file) for file in candidate.module.files]
    failure = functools.partial(Failure, candidate, key=key)
    start = functools.partial(subprocess.run, cwd="/", stdin=subprocess.DEVNULL, **identity(user))
    with person(user) as environ:
        try:
            before = launcher().prepared(launch_data, environ)
            env = launcher().with_modules(launch_data, before, start)
            launch_data["modules"] = launcher().full_names(
                launch_data["modules"], launcher().lmod_output.loaded(env)
            )
            if why := modules_with_shell_commands.needed(launch_data, before, env, start):
                return failure(reason=why, broken=True, watch={})
            env = launcher().completed(launch_data, env)
        except launcher().CannotStart as why:
            return failure(reason=f"{why.what}\n{why.detail}".strip(), broken=True, watch={})
    candidate = _as_loaded(candidate, launch_data["modules"])
    files += module_files(env)
    files += map(str, candidate.rule.marks)
    interpreter = find_interpreter.find_interpreter(candidate, launch_data, env)
    if interpreter is None:
        return failure(
            reason=find_interpreter.missing(candidate), broken=False, watch=stamps(files)
        )
    files += [interpreter.program, os.path.realpath(interpreter.program)]
    try:
        seen = find_interpreter.ask_interpreter(interpreter, env, user, rules.start_timeout)
    except (CommandFailed, ValueError) as error:
        return failure(reason=f"its interpreter does not run: {error}", broken=True, watch={})
    # paths inside an image are not paths of this host
    files += [] if candidate.rule.image else seen.pop("watch")
    if "error" in seen:
        return failure(reason=seen["error"], broken=False, watch=stamps(files))
    return build_kernel(candidate, launch_data, env, interpreter, seen, key, stamps(files))


@contextmanager
def person(user: str | None) -> Iterator[dict[str, str]]:
    """Yield the environment variables for loading modules, with the account's name and the path of
    an empty home."""
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
    """Return the files of the loaded modules, and the files and folders that determine which
    version of a module Lmod loads.

    Lmod chooses the version of a module by the files in its folder, and by files such as
    `.modulerc` in this folder. The result contains the modulefiles, their folders, and files such
    as `.modulerc`.
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
    """If the candidate names a module without a version, return a candidate that names the version
    that Lmod has loaded. In all other cases, return the candidate unchanged."""
    if not modules or modules[-1] == candidate.modules[-1] or candidate.rule.place:
        return candidate
    return replace(
        candidate, modules=tuple(modules), module=replace(candidate.module, full=modules[-1])
    )

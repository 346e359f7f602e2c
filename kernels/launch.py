"""Start one kernel: forget the caller's modules, load the site's, verify, exec. Where that fails,
exec the tombstone.

`make kernels` publishes a copy of this file with the release's `python -I` in its first line, and
calls the same functions when it probes. Standard library only: it must start where nothing else
does. Its other parts lie beside it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

# What a login shell, a loaded module or a batch job may have left behind that decides which program
# runs, or with which libraries. Everything else stays: Slurm's variables, tickets, proxies,
# CUDA_VISIBLE_DEVICES, the user's own settings.
DROPPED_PREFIXES = (
    "LMOD_", "__LMOD_", "_ModuleTable", "MODULE", "PYTHON", "R_", "LUA_", "TCL", "LD_", "CONDA_", "_CE_", "BASH_FUNC_",
    "APPTAINER", "SINGULARITY",
)  # fmt: skip
DROPPED = frozenset(
    [
        "LOADEDMODULES",
        "_LMFILES_",
        "VIRTUAL_ENV",
        "BASH_ENV",
        "ENV",
        "SHELLOPTS",
        "BASHOPTS",
        "JULIA_LOAD_PATH",
        "JULIA_PROJECT",
        "CPATH",
        "C_INCLUDE_PATH",
        "CPLUS_INCLUDE_PATH",
        "LIBRARY_PATH",
        "PKG_CONFIG_PATH",
        "CMAKE_PREFIX_PATH",
        "ACLOCAL_PATH",
        "MANPATH",
        "INFOPATH",
    ]
)
# Any of these in the home may send a module's name elsewhere (Lmod: utils.lua, getModuleRCT;
# ReadLmodRC.lua).
REDIRECTING = (".modulerc", ".modulerc.lua", ".lmodrc.lua")
# What Lmod is told in place of a home that has one of them.
NO_HOME = "/nonexistent"
LOAD_SECONDS = 120
# Where the session's server notes what is loaded in its Software Modules tab
# (sitekit/session/loaded_modules.py).
LOADED = "modules.json"
TAB = "in the Software Modules tab, then Kernel > Restart Kernel"


class CannotStart(Exception):
    """Why a kernel cannot start, and what the user can do about it."""

    def __init__(self, what: str, detail: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.detail, self.remedy = what, detail.strip(), remedy


def cleaned(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without what modules, shells and language set-ups have left in it."""
    return {
        k: v for k, v in environ.items() if k not in DROPPED and not k.startswith(DROPPED_PREFIXES)
    }


# The published path is a link into a generation: its launcher, tombstone and kernels belong
# together.
HERE = os.path.dirname(os.path.realpath(__file__))


def _beside(name: str) -> Any:
    """The module `name` that lies in this file's folder, where `python -I` does not look."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(HERE, f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lmod_output = _beside("lmod_output")


def load(
    kernel: Mapping[str, Any], environ: Mapping[str, str], run: Callable[..., Any] = subprocess.run
) -> dict[str, str]:
    """The environment after `module load` of the kernel's modules, if it has any, from a clean
    start.

    Raises CannotStart.
    """
    return completed(kernel, with_modules(kernel, prepared(kernel, environ), run))


def prepared(kernel: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` as it is before the load."""
    env = cleaned(environ)
    env.update(kernel["load_environment"], PATH=kernel["path"], MODULEPATH=kernel["modulepath"])
    if not kernel["user_site"]:
        env["PYTHONNOUSERSITE"] = "1"
        env["R_PROFILE_USER"] = env["R_ENVIRON_USER"] = os.devnull
    return env


def completed(kernel: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
    """`env` with what comes after the load."""
    env = dict(env)
    if "bin" in kernel:  # of an environment, which may have been made with the Python of a module
        env["PATH"] = f"{kernel['bin']}:{env['PATH']}"
    env.update(kernel["environment"])
    return env


def with_modules(
    kernel: Mapping[str, Any], env: Mapping[str, str], run: Callable[..., Any]
) -> dict[str, str]:
    """`env` after `module load`, done as the person whose HOME, USER and LOGNAME are in it. Raises
    CannotStart."""
    if not kernel["modules"]:
        return dict(env)
    home = env.get("HOME", NO_HOME)
    redirected = any(os.path.exists(os.path.join(home, name)) for name in REDIRECTING)
    done = lmod(kernel, {**env, "HOME": NO_HOME} if redirected else env, "python", run)
    found = lmod_output.changes(done.stdout)
    if redirected:
        found = {name: value and value.replace(NO_HOME, home) for name, value in found.items()}
    after = lmod_output.applied(found, env)
    # A module that only warns makes Lmod end with 1; one whose name Lmod takes for an option makes
    # it end with 0.
    full_names(kernel["modules"], lmod_output.loaded(after), done.stderr.decode(errors="replace"))
    return after


def lmod(
    kernel: Mapping[str, Any], env: Mapping[str, str], language: str, run: Callable[..., Any]
) -> Any:
    """Let Lmod print the load of the kernel's modules in `language`. Raises CannotStart if it does
    not answer."""
    # The cache of a system may lag behind its module tree; for full names it saves nothing.
    argv = [kernel["lmod"], language, "--ignore_cache", "load", *kernel["modules"]]
    try:
        return run(argv, env=env, capture_output=True, timeout=LOAD_SECONDS)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise CannotStart(
            f"Lmod did not answer to `{_words(kernel['modules'])}`.", str(error)
        ) from None


def full_names(modules: list[str], loaded: list[str], said: str = "") -> list[str]:
    """The names by which the `modules` are loaded: `python` may have become python/3.11.

    Raises CannotStart with what Lmod has `said`, if one is not loaded.
    """
    found = []
    for name in modules:
        same = [full for full in loaded if full == name or full.startswith(f"{name}/")]
        if not same:
            raise CannotStart(
                f"`{_words(modules)}` failed: {name} is not among the loaded modules.",
                said.strip() or f"Loaded: {' '.join(loaded) or 'nothing'}",
            )
        found.append(same[-1])
    return found


def _words(modules: list[str]) -> str:
    return "module load " + " ".join(modules)


def with_loaded(kernel: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The kernel with the modules that its user has loaded in this session, and nothing else of
    theirs."""
    try:
        with open(
            os.path.join(environ.get("JUPYTER_RUNTIME_DIR", NO_HOME), LOADED), encoding="utf-8"
        ) as file:
            told = json.load(file)
    except FileNotFoundError:
        told = {}
    if not (modules := [name for name in (told.get("LOADEDMODULES") or "").split(":") if name]):
        raise CannotStart(
            "This kernel runs what you have loaded, and no module is loaded.", remedy=_load(kernel)
        )
    return {
        **kernel,
        "modules": modules,
        "modulepath": told.get("MODULEPATH") or kernel["modulepath"],
    }


def brought(kernel: Mapping[str, Any], env: Mapping[str, str]) -> str:
    """The interpreter that the user's modules bring along. Raises CannotStart if there is none, or
    no kernel in it."""
    asked = kernel["inherit"]
    for name in asked["programs"]:
        program = shutil.which(name, path=env["PATH"])
        if program and program != shutil.which(name, path=kernel["path"]):
            words = [program, *asked["test"]]
            done = subprocess.run(
                words,
                env=env,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LOAD_SECONDS,
            )
            if done.returncode:
                raise CannotStart(
                    f"{program} has no working {asked['package']}.", done.stderr, _load(kernel)
                )
            return program
    loaded = f"Loaded: {' '.join(kernel['modules'])}"
    raise CannotStart(
        f"No module that you have loaded brings {asked['programs'][0]}.", loaded, _load(kernel)
    )


def _load(kernel: Mapping[str, Any]) -> str:
    return f"load {' or '.join(kernel['inherit']['known'])} {TAB}."


def verified(kernel: Mapping[str, Any], env: Mapping[str, str]) -> list[str]:
    """The words to start, the program by its full path. Raises CannotStart unless interpreter and
    files are as proven, or the modules bring another build of the same version that has a working
    kernel."""
    if "inherit" in kernel:
        return [brought(kernel, env), *kernel["command"][1:]]
    name = kernel["command"][0]
    found = shutil.which(name, path=env["PATH"])
    if found != kernel["interpreter"]:
        return another_build(kernel, env, found)
    for path in kernel["needs"]:
        if not os.path.exists(path):
            raise CannotStart("A file that this kernel needs is gone.", path)
    return [found, *kernel["command"][1:]]


def another_build(
    kernel: Mapping[str, Any], env: Mapping[str, str], found: str | None
) -> list[str]:
    """The words to start `found`: a module may choose a build by the node's CPU type. Raises
    CannotStart."""
    other, name = kernel.get("another_build"), kernel["command"][0]
    seen = f"Expected: {kernel['interpreter']}\nFound:    {found or f'no {name!r}'}"
    # the machine's own is never meant
    if other and found and found != shutil.which(name, path=kernel["path"]):
        done = subprocess.run(
            [found, *other["test"]], env=env, capture_output=True, timeout=LOAD_SECONDS
        )
        if done.returncode == 0:
            return [found, *other["command"][1:]]
        seen += "\n" + done.stderr.decode(errors="replace").strip()
    raise CannotStart("The software behind this kernel has changed since it was tested.", seen)


def by_socket(words: list[str], connection_file: str) -> list[str]:
    """The words of a command; by_socket.py for `-m ipykernel_launcher`, if the kernel is reached
    through sockets."""
    with open(connection_file, encoding="utf-8") as file:
        if json.load(file).get("transport") != "ipc":
            return words
    for place in range(len(words)):
        if words[place : place + 2] == ["-m", "ipykernel_launcher"]:
            with open(os.path.join(HERE, "by_socket.py"), encoding="utf-8") as file:
                return [*words[:place], "-c", file.read(), *words[place + 1 :]]
    return words


def filled(words: list[str], connection_file: str) -> list[str]:
    """The words of a command, with what only this start knows."""
    known = {
        "{home}": os.path.expanduser("~"),
        "{uid}": str(os.getuid()),
        "{gid}": str(os.getgid()),
    }
    known["{connection_file}"] = connection_file
    if any("{sockets}" in word for word in words):  # of a container, which sees what it is shown
        with open(connection_file, encoding="utf-8") as file:
            known["{sockets}"] = os.path.dirname(json.load(file)["ip"])
    return [
        re.sub("|".join(map(re.escape, known)), lambda match: known[match[0]], word)
        for word in words
    ]


def read(name: str) -> dict[str, Any]:
    """The instructions for the kernel `name`, written by `make kernels`; those of a user's own
    kernel lie where its kernel.json says, written by sitekit-kernel. Raises CannotStart if there
    are none."""
    if not (os.path.isabs(name) or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name)):
        raise CannotStart(f"'{name}' is not the name of a kernel.")
    path = name if os.path.isabs(name) else os.path.join(HERE, "kernels", name, "launch.json")
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise CannotStart(
            f"The kernel '{name}' is no longer offered here.",
            remedy="Choose another: Kernel > Change Kernel.",
        ) from None


def tombstone(connection_file: str, title: str, site: str, why: CannotStart) -> None:
    """Become a kernel that answers every cell with the reason. One that ended would be restarted;
    this one stays."""
    people = f"the people who run {site}" if site else "the people who run this JupyterHub"
    lines = [
        f"The kernel '{title}' could not start.",
        "",
        why.what,
        *(f"    {line}" for line in why.detail.splitlines()[:40]),
        "",
    ]
    lines.append(
        "What to do: "
        + (
            why.remedy
            or f"choose another kernel (Kernel > Change Kernel), and show this to {people}."
        )
    )
    text = "\n".join(lines)[:8000]
    sys.stderr.write(text + "\n")
    env = {**cleaned(os.environ), "SITEKIT_KERNEL_FAULT": text.encode("utf-8", "replace").decode()}
    os.execve(
        sys.executable,
        [sys.executable, "-I", os.path.join(HERE, "tombstone.py"), "-f", connection_file],
        env,
    )  # noqa: S606


def main(argv: list[str]) -> None:
    """`launch NAME -f CONNECTION_FILE`, as kernel.json has it."""
    name, connection_file = argv[1], argv[-1]
    title, site, remedy = name, "", ""
    try:
        kernel = read(name)
        title, site, remedy = kernel["title"], kernel["site"], kernel.get("remedy", "")
        if "inherit" in kernel:
            kernel = with_loaded(kernel, os.environ)
        env = load(kernel, os.environ)
        program, *words = verified(kernel, env)
        words = filled(by_socket(words, connection_file), connection_file)
        os.execve(program, [program, *words], env)  # noqa: S606
    except CannotStart as why:
        why.remedy = why.remedy or remedy
        tombstone(connection_file, title, site, why)
    except (
        Exception
    ) as error:  # whatever it is, the user shall read it instead of watching restarts
        tombstone(connection_file, title, site, CannotStart("The launcher failed.", repr(error)))


if __name__ == "__main__":
    main(sys.argv)

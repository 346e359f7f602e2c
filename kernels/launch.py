"""Start one kernel with the modules of its instructions, or the tombstone if it cannot start.

The launcher removes the caller's modules from the environment, loads the kernel's modules, checks
the interpreter, and replaces its own process with the kernel (exec).

`make kernels` publishes a copy of this file with the release's `python -I` in its first line. The
probe of `make kernels` calls the same functions. The file imports only the standard library and the
files beside it, so that it starts even if other software is broken.
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

# These variables are removed, because they decide which program runs or which libraries are loaded.
# A login shell, a loaded module or a batch job may have set them. All other variables stay, such as
# those of Slurm, of Kerberos tickets and of web proxies, CUDA_VISIBLE_DEVICES, and the user's own.
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
# Each of these files in the home directory may make Lmod load another module under the same name
# (Lmod: utils.lua, getModuleRCT; ReadLmodRC.lua).
REDIRECTING = (".modulerc", ".modulerc.lua", ".lmodrc.lua")
# Lmod gets this value of HOME if the home directory has one of these files.
NO_HOME = "/nonexistent"
LOAD_SECONDS = 120
# In this file, the session's server stores which modules are loaded in the Software Modules tab
# (sitekit/session/loaded_modules.py).
LOADED = "modules.json"
TAB = "in the Software Modules tab, then Kernel > Restart Kernel"


class CannotStart(Exception):
    """Hold the reason why a kernel cannot start, and what the user can do about it."""

    def __init__(self, what: str, detail: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.detail, self.remedy = what, detail.strip(), remedy


def cleaned(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` without the variables of modules, shells and language installations."""
    return {
        k: v for k, v in environ.items() if k not in DROPPED and not k.startswith(DROPPED_PREFIXES)
    }


# The published path is a symbolic link into a generation. The link is resolved here, so that the
# tombstone and the kernels of the same generation are used.
HERE = os.path.dirname(os.path.realpath(__file__))


def _beside(name: str) -> Any:
    """Import the module `name` from the folder of this file.

    With `-I`, Python does not search this folder for modules.
    """
    spec = importlib.util.spec_from_file_location(name, os.path.join(HERE, f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lmod_output = _beside("lmod_output")


def load(
    kernel: Mapping[str, Any], environ: Mapping[str, str], run: Callable[..., Any] = subprocess.run
) -> dict[str, str]:
    """Return the kernel's environment, with its modules loaded into a clean environment.

    Raises CannotStart if a module cannot be loaded.
    """
    return completed(kernel, with_modules(kernel, prepared(kernel, environ), run))


def prepared(kernel: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the clean environment in which the modules are loaded."""
    env = cleaned(environ)
    env.update(kernel["load_environment"], PATH=kernel["path"], MODULEPATH=kernel["modulepath"])
    if not kernel["user_site"]:
        env["PYTHONNOUSERSITE"] = "1"
        env["R_PROFILE_USER"] = env["R_ENVIRON_USER"] = os.devnull
    return env


def completed(kernel: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` with the variables that are set after the modules are loaded."""
    env = dict(env)
    # The conda or virtual environment may have been made with the Python of a module. Its own
    # programs must come first.
    if "bin" in kernel:
        env["PATH"] = f"{kernel['bin']}:{env['PATH']}"
    env.update(kernel["environment"])
    return env


def with_modules(
    kernel: Mapping[str, Any], env: Mapping[str, str], run: Callable[..., Any]
) -> dict[str, str]:
    """Return `env` after `module load` of the kernel's modules.

    HOME, USER and LOGNAME in `env` belong to the person who starts the kernel. Raises CannotStart
    if a module cannot be loaded.
    """
    if not kernel["modules"]:
        return dict(env)
    home = env.get("HOME", NO_HOME)
    redirected = any(os.path.exists(os.path.join(home, name)) for name in REDIRECTING)
    done = lmod(kernel, {**env, "HOME": NO_HOME} if redirected else env, "python", run)
    changes = lmod_output.changes(done.stdout)
    if redirected:
        changes = {name: value and value.replace(NO_HOME, home) for name, value in changes.items()}
    after = lmod_output.applied(changes, env)
    # The exit code of Lmod is not reliable. It is 1 if a module only warns, and 0 if Lmod takes the
    # name of a module for an option. So the list of loaded modules is checked.
    full_names(kernel["modules"], lmod_output.loaded(after), done.stderr.decode(errors="replace"))
    return after


def lmod(
    kernel: Mapping[str, Any], env: Mapping[str, str], language: str, run: Callable[..., Any]
) -> Any:
    """Run Lmod, which prints the changes of `module load` as a program in `language`.

    Returns the completed process. Raises CannotStart if Lmod does not run or does not end in time.
    """
    # Lmod's system cache may be older than the module tree. For full names, the cache does not save
    # time.
    argv = [kernel["lmod"], language, "--ignore_cache", "load", *kernel["modules"]]
    try:
        return run(argv, env=env, capture_output=True, timeout=LOAD_SECONDS)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise CannotStart(
            f"Lmod did not answer to `{_words(kernel['modules'])}`.", str(error)
        ) from None


def full_names(modules: list[str], loaded: list[str], messages: str = "") -> list[str]:
    """Return the full names of the loaded `modules`, for example python/3.11 for `python`.

    If one of them is not loaded, raises CannotStart with Lmod's `messages`.
    """
    names = []
    for name in modules:
        same = [full for full in loaded if full == name or full.startswith(f"{name}/")]
        if not same:
            raise CannotStart(
                f"`{_words(modules)}` failed: {name} is not among the loaded modules.",
                messages.strip() or f"Loaded: {' '.join(loaded) or 'nothing'}",
            )
        names.append(same[-1])
    return names


def _words(modules: list[str]) -> str:
    """Return the command line that loads the modules, for messages."""
    return "module load " + " ".join(modules)


def with_loaded(kernel: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the kernel's instructions with the modules that the user has loaded in this session.

    Nothing else is taken from the session's environment. Raises CannotStart if no module is loaded.
    """
    try:
        with open(
            os.path.join(environ.get("JUPYTER_RUNTIME_DIR", NO_HOME), LOADED), encoding="utf-8"
        ) as file:
            variables = json.load(file)
    except FileNotFoundError:
        variables = {}
    modules = [name for name in (variables.get("LOADEDMODULES") or "").split(":") if name]
    if not modules:
        raise CannotStart(
            "This kernel runs what you have loaded, and no module is loaded.", remedy=_load(kernel)
        )
    return {
        **kernel,
        "modules": modules,
        "modulepath": variables.get("MODULEPATH") or kernel["modulepath"],
    }


def brought(kernel: Mapping[str, Any], env: Mapping[str, str]) -> str:
    """Return the path of the interpreter that the user's modules put on PATH.

    Raises CannotStart if there is no such interpreter, or if it has no working kernel package.
    """
    inherit = kernel["inherit"]
    for name in inherit["programs"]:
        program = shutil.which(name, path=env["PATH"])
        if program and program != shutil.which(name, path=kernel["path"]):
            words = [program, *inherit["test"]]
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
                    f"{program} has no working {inherit['package']}.", done.stderr, _load(kernel)
                )
            return program
    loaded = f"Loaded: {' '.join(kernel['modules'])}"
    raise CannotStart(
        f"No module that you have loaded brings {inherit['programs'][0]}.", loaded, _load(kernel)
    )


def _load(kernel: Mapping[str, Any]) -> str:
    """Return the advice to load a module that has the kernel's language."""
    return f"load {' or '.join(kernel['inherit']['known'])} {TAB}."


def verified(kernel: Mapping[str, Any], env: Mapping[str, str]) -> list[str]:
    """Return the kernel's command line, with the full path of its program.

    Raises CannotStart if a file is missing, or if the interpreter is not the one that was tested.
    Another build of the interpreter is accepted if it has the same version and a working kernel.
    """
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
    """Return the command line that starts `found`, another build of the tested interpreter.

    A module may choose a build by the node's CPU type. Raises CannotStart if `found` is no such
    build or fails its test.
    """
    other, name = kernel.get("another_build"), kernel["command"][0]
    seen = f"Expected: {kernel['interpreter']}\nFound:    {found or f'no {name!r}'}"
    # The system's own interpreter is never accepted in place of the module's.
    if other and found and found != shutil.which(name, path=kernel["path"]):
        done = subprocess.run(
            [found, *other["test"]], env=env, capture_output=True, timeout=LOAD_SECONDS
        )
        if done.returncode == 0:
            return [found, *other["command"][1:]]
        seen += "\n" + done.stderr.decode(errors="replace").strip()
    raise CannotStart("The software behind this kernel has changed since it was tested.", seen)


def by_socket(words: list[str], connection_file: str) -> list[str]:
    """Return the command line, changed for Unix sockets if the connection file asks for them.

    The text of by_socket.py then replaces `-m ipykernel_launcher`.
    """
    with open(connection_file, encoding="utf-8") as file:
        if json.load(file).get("transport") != "ipc":
            return words
    for place in range(len(words)):
        if words[place : place + 2] == ["-m", "ipykernel_launcher"]:
            with open(os.path.join(HERE, "by_socket.py"), encoding="utf-8") as file:
                return [*words[:place], "-c", file.read(), *words[place + 1 :]]
    return words


def filled(words: list[str], connection_file: str) -> list[str]:
    """Return the command line with its placeholders replaced by the values of this start."""
    known = {
        "{home}": os.path.expanduser("~"),
        "{uid}": str(os.getuid()),
        "{gid}": str(os.getgid()),
    }
    known["{connection_file}"] = connection_file
    # Only the command line of a container has {sockets}, because the folder must be mounted.
    if any("{sockets}" in word for word in words):
        with open(connection_file, encoding="utf-8") as file:
            known["{sockets}"] = os.path.dirname(json.load(file)["ip"])
    return [
        re.sub("|".join(map(re.escape, known)), lambda match: known[match[0]], word)
        for word in words
    ]


def read(name: str) -> dict[str, Any]:
    """Return the instructions for the kernel `name`.

    `make kernels` writes the instructions of the site's kernels. For a user's own kernel, `name` is
    the absolute path of the instructions that `sitekit-kernel` has written. Raises CannotStart if
    the file does not exist.
    """
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
    """Replace this process with the tombstone, a kernel that answers every cell with the reason.

    If the launcher ended instead, Jupyter would start the kernel again and again.
    """
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
    """Start the kernel for the command line `launch NAME -f CONNECTION_FILE` in kernel.json."""
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
    # If an unexpected error ended the launcher, Jupyter would restart the kernel again and again,
    # and the user could not read the error.
    except Exception as error:
        tombstone(connection_file, title, site, CannotStart("The launcher failed.", repr(error)))


if __name__ == "__main__":
    main(sys.argv)

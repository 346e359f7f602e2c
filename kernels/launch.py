"""Start one kernel: remove the caller's modules, load the site's, check the interpreter, exec.

If that fails, start the tombstone, a kernel that shows the reason.

`make kernels` publishes a copy of this file, with the release's `python -I` in its first line. The
probe calls the same functions. The launcher uses the standard library only, and therefore runs even
if other software is broken. The other files that it needs are beside it.
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

# If one of these files is in the home, a module's name may mean another module (Lmod: utils.lua,
# getModuleRCT; ReadLmodRC.lua).
REDIRECTING = (".modulerc", ".modulerc.lua", ".lmodrc.lua")
# HOME for Lmod, if the user's home has one of them.
NO_HOME = "/nonexistent"
LOAD_SECONDS = 120
# The file in which the user's server stores what is loaded in its Software Modules tab
# (sitekit/session/modules/store_loaded_modules.py).
LOADED = "modules.json"
TAB = "in the Software Modules tab, then Kernel > Restart Kernel"


# The published path is a link into a generation. Use the tombstone and the kernels of the same
# generation.
HERE = os.path.dirname(os.path.realpath(__file__))


def _beside(name: str) -> Any:
    """Import the module `name` from this file's folder, where `python -I` does not look."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(HERE, f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lmod_output = _beside("lmod_output")
cleaned = _beside("clean_environment").cleaned
command_line = _beside("command_line")
start_tombstone = _beside("start_tombstone").start


class CannotStart(Exception):
    """A kernel cannot start. The error has the reason, and what the user can do."""

    def __init__(self, what: str, detail: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.detail, self.remedy = what, detail.strip(), remedy


def load(
    kernel: Mapping[str, Any], environ: Mapping[str, str], run: Callable[..., Any] = subprocess.run
) -> dict[str, str]:
    """Return the environment after `module load` of the kernel's modules, if it has any.

    The load begins with a clean environment. Raises CannotStart.
    """
    return completed(kernel, with_modules(kernel, prepared(kernel, environ), run))


def prepared(kernel: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment before the load."""
    env = cleaned(environ)
    env.update(kernel["load_environment"], PATH=kernel["path"], MODULEPATH=kernel["modulepath"])
    if not kernel["user_site"]:
        env["PYTHONNOUSERSITE"] = "1"
        env["R_PROFILE_USER"] = env["R_ENVIRON_USER"] = os.devnull
    return env


def completed(kernel: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` with the variables that are set after the load."""
    env = dict(env)
    if "bin" in kernel:  # of an environment, which may have been made with the Python of a module
        env["PATH"] = f"{kernel['bin']}:{env['PATH']}"
    env.update(kernel["environment"])
    return env


def with_modules(
    kernel: Mapping[str, Any], env: Mapping[str, str], run: Callable[..., Any]
) -> dict[str, str]:
    """Return `env` after `module load`, as the user whose HOME, USER and LOGNAME it has.

    Raises CannotStart.
    """
    if not kernel["modules"]:
        return dict(env)
    home = env.get("HOME", NO_HOME)
    redirected = any(os.path.exists(os.path.join(home, name)) for name in REDIRECTING)
    done = lmod(kernel, {**env, "HOME": NO_HOME} if redirected else env, "python", run)
    found = lmod_output.changes(done.stdout)
    if redirected:
        found = {name: value and value.replace(NO_HOME, home) for name, value in found.items()}
    after = lmod_output.applied(found, env)
    # Lmod's exit code does not tell whether the load worked: it is 1 if a module only warns, and 0 if
    # Lmod takes a module's name for an option.
    full_names(kernel["modules"], lmod_output.loaded(after), done.stderr.decode(errors="replace"))
    return after


def lmod(
    kernel: Mapping[str, Any], env: Mapping[str, str], language: str, run: Callable[..., Any]
) -> Any:
    """Run Lmod, which prints the load of the kernel's modules in `language`.

    Raises CannotStart if it does not answer.
    """
    # Lmod's cache may be older than the module tree, and saves no time for full names.
    argv = [kernel["lmod"], language, "--ignore_cache", "load", *kernel["modules"]]
    try:
        return run(argv, env=env, capture_output=True, timeout=LOAD_SECONDS)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise CannotStart(
            f"Lmod did not answer to `{_command(kernel['modules'])}`.", str(error)
        ) from None


def full_names(modules: list[str], loaded: list[str], said: str = "") -> list[str]:
    """Return the full names of the loaded `modules`: `python` may have become python/3.11.

    Raises CannotStart, with Lmod's message `said`, if one is not loaded.
    """
    found = []
    for name in modules:
        same = [full for full in loaded if full == name or full.startswith(f"{name}/")]
        if not same:
            raise CannotStart(
                f"`{_command(modules)}` failed: {name} is not among the loaded modules.",
                said.strip() or f"Loaded: {' '.join(loaded) or 'nothing'}",
            )
        found.append(same[-1])
    return found


def _command(modules: list[str]) -> str:
    return "module load " + " ".join(modules)


def with_loaded(kernel: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the kernel with the modules that its user has loaded in this session.

    Nothing else of the user's session is used. Raises CannotStart.
    """
    try:
        with open(
            os.path.join(environ.get("JUPYTER_RUNTIME_DIR", NO_HOME), LOADED), encoding="utf-8"
        ) as file:
            content = json.load(file)
    except FileNotFoundError:
        content = {}
    if not (modules := [name for name in (content.get("LOADEDMODULES") or "").split(":") if name]):
        raise CannotStart(
            "This kernel runs what you have loaded, and no module is loaded.",
            remedy=_advice(kernel),
        )
    return {
        **kernel,
        "modules": modules,
        "modulepath": content.get("MODULEPATH") or kernel["modulepath"],
    }


def brought(kernel: Mapping[str, Any], env: Mapping[str, str]) -> str:
    """Return the interpreter that the user's modules bring.

    Raises CannotStart if there is none, or if it has no working kernel.
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
                    f"{program} has no working {inherit['package']}.", done.stderr, _advice(kernel)
                )
            return program
    loaded = f"Loaded: {' '.join(kernel['modules'])}"
    raise CannotStart(
        f"No module that you have loaded brings {inherit['programs'][0]}.", loaded, _advice(kernel)
    )


def _advice(kernel: Mapping[str, Any]) -> str:
    """Return the advice to load a module."""
    return f"load {' or '.join(kernel['inherit']['known'])} {TAB}."


def verified(kernel: Mapping[str, Any], env: Mapping[str, str]) -> list[str]:
    """Return the command line, with the full path of the program.

    Interpreter and files must be as tested. Another build of the same version with a working kernel
    is accepted too. Raises CannotStart.
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
    """Return the command line for `found`, another build of the interpreter.

    A module may choose a build by the node's CPU type. Raises CannotStart.
    """
    other, name = kernel.get("another_build"), kernel["command"][0]
    seen = f"Expected: {kernel['interpreter']}\nFound:    {found or f'no {name!r}'}"
    # the machine's own interpreter is never accepted
    if other and found and found != shutil.which(name, path=kernel["path"]):
        done = subprocess.run(
            [found, *other["test"]], env=env, capture_output=True, timeout=LOAD_SECONDS
        )
        if done.returncode == 0:
            return [found, *other["command"][1:]]
        seen += "\n" + done.stderr.decode(errors="replace").strip()
    raise CannotStart("The software behind this kernel has changed since it was tested.", seen)


def read(name: str) -> dict[str, Any]:
    """Return the instructions for the kernel `name`, which `make kernels` has written.

    For a user's own kernel, `name` is the path of the file that sitekit-kernel has written. Raises
    CannotStart if there is none.
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


def main(argv: list[str]) -> None:
    """Run `launch NAME -f CONNECTION_FILE`, as kernel.json has it."""
    name, connection_file = argv[1], argv[-1]
    title, site, remedy = name, "", ""
    try:
        kernel = read(name)
        title, site, remedy = kernel["title"], kernel["site"], kernel.get("remedy", "")
        if "inherit" in kernel:
            kernel = with_loaded(kernel, os.environ)
        env = load(kernel, os.environ)
        program, *words = verified(kernel, env)
        words = command_line.by_socket(words, connection_file)
        words = command_line.filled(words, connection_file)
        os.execve(program, [program, *words], env)  # noqa: S606
    except CannotStart as why:
        why.remedy = why.remedy or remedy
        start_tombstone(connection_file, title, site, why, cleaned(os.environ))
    # after any other error too, show it to the user: a kernel that ends would be restarted
    except Exception as error:
        why = CannotStart("The launcher failed.", repr(error))
        start_tombstone(connection_file, title, site, why, cleaned(os.environ))


if __name__ == "__main__":
    main(sys.argv)

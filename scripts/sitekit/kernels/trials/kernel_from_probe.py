"""Create the data of a kernel (class Kernel) from the results of its first test."""

from __future__ import annotations

from typing import Any

from ..discovery.list_candidates import Candidate
from ..generations.kernel_record import Kernel, Stamp
from .find_interpreter import Interpreter
from .start_interpreter_found_on_node import WAYS, another_build

NAMES = {"python": "Python", "matlab": "MATLAB", "r": "R"}


def build_kernel(
    candidate: Candidate, launch_data: dict[str, Any], env: dict[str, str], interpreter: Interpreter,
    seen: dict[str, Any], key: str, watch: dict[str, Stamp],
) -> Kernel:  # fmt: skip
    """Return the data of the kernel that is made from a candidate.

    `launch_data` has the instructions for the launch program that are known before the first test.
    `env` has the environment variables after the modules were loaded. `seen` is the report that the
    interpreter printed in the first test.
    """
    library, language = seen.get("library", ""), interpreter.language
    expect = {"modules": env.get("LOADEDMODULES", "")}
    if library:
        expect |= {"interpreter": seen["interpreter"], "library": library}
    title = _title(candidate, language, seen["version"])
    runs = {
        "python": f"Python {seen['version']}, ipykernel {seen.get('kernel')}",
        "R": f"R {seen['version']}, IRkernel {seen.get('kernel')}",
    }
    return Kernel(
        id=candidate.id,
        label=candidate.label,
        title=title,
        language=language,
        detail=runs.get(language, language),
        logo=logo(candidate, language),
        key=key,
        check=candidate.rule.check,
        envkernel=_envkernel(candidate),
        launch={**launch_data, "title": title, **_start(candidate, launch_data, interpreter, seen)},
        spec=seen["spec"],
        expect=expect,
        watch=watch,
        found=candidate.found,
    )


def _start(
    candidate: Candidate,
    launch_data: dict[str, Any],
    interpreter: Interpreter,
    seen: dict[str, Any],
) -> dict[str, Any]:
    """Return the instructions with which the launch program starts the interpreter."""
    library, rule = seen.get("library", ""), candidate.rule
    start: dict[str, Any] = {
        "command": interpreter.command(library),
        "interpreter": interpreter.program,
        "needs": _needs(candidate, library),
    }
    of_modules = launch_data["modules"] and not (rule.place or rule.command)
    if of_modules and library and interpreter.language in WAYS:
        start["another_build"] = another_build(interpreter.language, seen["version"])
    return start


def _needs(candidate: Candidate, library: str) -> list[str]:
    """Return the files that must exist when the launch program starts the kernel.

    Files inside a container image are omitted, because the launch program cannot check files in an
    image.
    """
    image = candidate.rule.image
    return [path for path in ([image] if image else [library]) if path.startswith("/")]


def _envkernel(candidate: Candidate) -> list[str]:
    """Return the arguments with which envkernel creates this kernel."""
    rule = candidate.rule
    if rule.image:
        mode = "singularity" if rule.engine in ("apptainer", "singularity") else "docker"
        return [mode, rule.image, *rule.options]
    if rule.place:
        return ["conda" if rule.conda else "virtualenv", str(rule.place)]
    return ["lmod", *candidate.modules]


def _title(candidate: Candidate, language: str, version: str) -> str:
    """Return the kernel's title, which is made from the template in kernels.yml, or from language
    and version."""
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


def logo(candidate: Candidate, language: str | None = None) -> str:
    """Return the name of the folder in kernels/logos that contains the kernel's logo."""
    return (
        candidate.rule.logo
        or (language or candidate.language or candidate.rule.language or "other").lower()
    )

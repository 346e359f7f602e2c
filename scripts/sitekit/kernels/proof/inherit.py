"""Make one kernel for each language that runs the modules loaded in the Software Modules tab.

To test such a kernel, the modules of the site's newest other kernel of this language are loaded in
the same way as the tab loads modules.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ..discovery.candidate import PROGRAMS
from ..discovery.module_tree import natural
from ..generations.kernel import Kernel
from .launcher import launcher
from .probe import NAMES
from .starts import WAYS


def inheriting(languages: Iterable[str], kernels: Iterable[Kernel]) -> list[Kernel]:
    """Return one kernel for each language for which `kernels` has a kernel made of modules only."""
    new_kernels = []
    for language in languages:
        models = [
            k
            for k in kernels
            if k.language == language and k.launch["modules"] and "library" in k.expect
        ]
        if models:
            models.sort(key=lambda kernel: natural(kernel.label))
            new_kernels.append(_like(models))
    return new_kernels


def _like(models: list[Kernel]) -> Kernel:
    """Return the kernel for one language, modelled on the last and newest of `models`."""
    model = models[-1]
    language = model.language
    way = WAYS[language]
    title = f"{NAMES.get(language, language)} with the modules you loaded"
    inherit = {
        "programs": list(PROGRAMS[language]),
        "test": way["test"],
        "package": way["package"],
        "known": [kernel.label for kernel in models[:-4:-1]],
    }
    nothing = {"modules": [], "environment": {}, "user_site": False, "interpreter": "", "needs": []}
    launch = {
        **model.launch,
        **nothing,
        "title": title,
        "command": way["command"],
        "inherit": inherit,
    }
    launch.pop("another_build", None)
    return Kernel(
        id=f"loaded-{language.lower()}",
        label=f"tried with {model.label}",
        title=title,
        language=language,
        detail=model.detail,
        logo=language.lower(),
        key=model.key,
        check=None,
        envkernel=model.envkernel,
        launch=launch,
        # The abilities of the ipykernel, such as a debugger, are unknown before the modules load.
        spec={},
        expect=model.expect,
        watch=model.watch,
    )


def environment(kernel: Kernel) -> dict[str, str]:
    """Return the environment variables that a test start of the kernel needs.

    `{home}` stands for the home directory that was given to `write`. For a kernel without
    `inherit`, no variable is needed.
    """
    return (
        {"JUPYTER_RUNTIME_DIR": f"{{home}}/session-{kernel.id}"}
        if "inherit" in kernel.launch
        else {}
    )


def write(home: Path, kernels: Iterable[Kernel]) -> None:
    """Write the list of loaded modules for each kernel that has `inherit`.

    The file has the same format as the file that session/loaded_modules.py writes in a session.
    """
    for kernel in kernels:
        if "inherit" in kernel.launch:
            variables = {
                "LOADEDMODULES": kernel.expect["modules"],
                "MODULEPATH": kernel.launch["modulepath"],
            }
            folder = home / f"session-{kernel.id}"
            folder.mkdir()
            (folder / launcher().LOADED).write_text(json.dumps(variables))

"""Make kernels that run with the modules that a user has loaded in JupyterLab's Software Modules
tab.

Each language of the site has one kernel that runs with the user's modules. sitekit tests this
kernel with the modules of the site's newest kernel of the same language.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ..discovery.list_candidates import PROGRAMS
from ..discovery.list_modules import natural
from ..generations.kernel_record import Kernel
from .import_launch_program import launcher
from .kernel_from_probe import NAMES
from .start_interpreter_found_on_node import WAYS


def inheriting(languages: Iterable[str], kernels: Iterable[Kernel]) -> list[Kernel]:
    """Return one kernel that runs with the user's modules, for each language in `languages` of
    which the site has a kernel. `kernels` are the site's kernels. Kernels from environments or
    images are ignored."""
    made = []
    for language in languages:
        models = [
            k
            for k in kernels
            if k.language == language and k.launch["modules"] and "library" in k.expect
        ]
        if models:
            made.append(_like(sorted(models, key=lambda kernel: natural(kernel.label))))
    return made


def _like(models: list[Kernel]) -> Kernel:
    """Return the kernel of one language that runs with the user's modules. `models` are the site's
    kernels of this language, the newest last. The test of the new kernel loads the modules of the
    newest kernel in `models`."""
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
        spec={},  # before the modules are loaded, the features of the ipykernel are unknown
        expect=model.expect,
        watch=model.watch,
    )


def environment(kernel: Kernel) -> dict[str, str]:
    """Return the environment variables for the test of a kernel that runs with the user's modules.

    `{home}` in a value is later replaced by the home directory of the test.
    """
    if "inherit" not in kernel.launch:
        return {}
    return {"JUPYTER_RUNTIME_DIR": f"{{home}}/session-{kernel.id}"}


def write(home: Path, kernels: Iterable[Kernel]) -> None:
    """Write one file for each kernel below `home`. The file lists the kernel's modules as loaded
    modules.

    The files have the format of session/modules/store_loaded_modules.py.
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

"""The kernels that run what their user has loaded in the Software Modules tab: one for each
language of the site.

Each is proven with the modules of one of the site's other kernels, of the newest version, loaded as
the tab would.
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
    """One kernel for each of the languages of which there is one in `kernels` that modules alone
    bring about."""
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
    model = models[-1]
    language = model.language
    way = WAYS[language]
    title = f"{NAMES.get(language, language)} with the modules you loaded"
    asked = {
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
        "inherit": asked,
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
        spec={},  # what an ipykernel can do beyond the rest is not known before it is loaded
        expect=model.expect,
        watch=model.watch,
    )


def environment(kernel: Kernel) -> dict[str, str]:
    """What such a kernel needs in order to be tried, `{home}` standing for the home that `write`
    was given."""
    return (
        {"JUPYTER_RUNTIME_DIR": f"{{home}}/session-{kernel.id}"}
        if "inherit" in kernel.launch
        else {}
    )


def write(home: Path, kernels: Iterable[Kernel]) -> None:
    """Load, for each such kernel, the modules that it is tried with, as session/loaded_modules.py
    notes them."""
    for kernel in kernels:
        if "inherit" in kernel.launch:
            told = {
                "LOADEDMODULES": kernel.expect["modules"],
                "MODULEPATH": kernel.launch["modulepath"],
            }
            folder = home / f"session-{kernel.id}"
            folder.mkdir()
            (folder / launcher().LOADED).write_text(json.dumps(told))

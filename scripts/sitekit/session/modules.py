"""What the user has loaded in the Software Modules tab. It is kept beside the server and changes nothing in it.

New terminals start with it, and so do the kernels "with the modules you loaded" (kernels/launch.py reads the file). All
other kernels, and the server with its own programs, are as they were.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

Changes = dict[str, str | None]
"""Variables that the modules have set; None for those that they have taken away."""


def _file() -> Path:
    return Path(os.environ["JUPYTER_RUNTIME_DIR"]) / "modules.json"


def read() -> Changes:
    """What the loaded modules have changed so far."""
    try:
        return json.loads(_file().read_text())
    except FileNotFoundError:
        return {}


def write(environment: Mapping[str, str]) -> None:
    """Keep what is different in `environment` from the server's own, for whoever starts next. Raises OSError."""
    changes: Changes = {name: value for name, value in environment.items() if os.environ.get(name) != value}
    changes |= {name: None for name in os.environ if name not in environment}
    aside = _file().with_suffix(".new")
    aside.write_text(json.dumps(changes))
    aside.replace(_file())


def applied(changes: Changes, environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with the loaded modules in it."""
    return {name: value for name, value in {**environment, **changes}.items() if value is not None}


def after(output: str, environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` after what `lmod python` printed: a Python program, which knows no name but `os.environ`."""
    told = SimpleNamespace(environ=dict(environment))
    exec(output, {"__builtins__": {"__import__": lambda *_: told}})  # noqa: S102
    return told.environ

"""What the user has loaded in the Software Modules tab. It is kept beside the server and changes
nothing in it.

New terminals start with it, and so do the kernels "with the modules you loaded" (kernels/launch.py
reads the file). All other kernels, and the server with its own programs, are as they were.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from .lmod_output import Changes


def _file() -> Path:
    return Path(os.environ["JUPYTER_RUNTIME_DIR"]) / "modules.json"


def read() -> Changes:
    """What the loaded modules have changed so far."""
    try:
        return json.loads(_file().read_text())
    except FileNotFoundError:
        return {}


def write(environment: Mapping[str, str]) -> None:
    """Keep what is different in `environment` from the server's own, for whoever starts next.
    Raises OSError."""
    changes: Changes = {
        name: value for name, value in environment.items() if os.environ.get(name) != value
    }
    changes |= {name: None for name in os.environ if name not in environment}
    aside = _file().with_suffix(".new")
    aside.write_text(json.dumps(changes))
    aside.replace(_file())

"""Store the changes made by the modules that the user loaded in the Software Modules tab.

New terminals use these changes, and so do the kernels "with the modules you loaded", for which
kernels/launch.py reads the file. The server itself, its programs and all other kernels ignore these
changes.
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
    """Return the changes that the loaded modules have made so far."""
    try:
        return json.loads(_file().read_text())
    except FileNotFoundError:
        return {}


def write(environment: Mapping[str, str]) -> None:
    """Store the differences between `environment` and the server's own environment.

    Terminals and kernels that start later use the stored differences. Raises OSError.
    """
    changes: Changes = {
        name: value for name, value in environment.items() if os.environ.get(name) != value
    }
    changes |= {name: None for name in os.environ if name not in environment}
    aside = _file().with_suffix(".new")
    aside.write_text(json.dumps(changes))
    aside.replace(_file())

"""Store in a file which modules the user has loaded in JupyterLab's Software Modules tab.

New terminals, and the kernels "with the modules you loaded", start with the stored modules
(kernels/launch.py reads the file). The stored modules do not affect other kernels or the server's
own programs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from .lmod_output import Changes


def _file() -> Path:
    return Path(os.environ["JUPYTER_RUNTIME_DIR"]) / "modules.json"


def read_loaded_modules() -> Changes:
    """Read from the file which environment variables the loaded modules have changed, and return
    these changes. If the file is missing, return {}."""
    try:
        return json.loads(_file().read_text())
    except FileNotFoundError:
        return {}


def write_loaded_modules(environment: Mapping[str, str]) -> None:
    """Store the differences between `environment` and the server's own environment variables in the
    file. Raises OSError if the file cannot be written.
    """
    changes: Changes = {
        name: value for name, value in environment.items() if os.environ.get(name) != value
    }
    changes |= {name: None for name in os.environ if name not in environment}
    aside = _file().with_suffix(".new")
    aside.write_text(json.dumps(changes))
    aside.replace(_file())

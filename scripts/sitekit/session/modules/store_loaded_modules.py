"""Store in a file which modules the user has loaded in JupyterLab's Software Modules tab.

New terminals start with the stored modules, and so do the kernels "with the modules you loaded"
(kernels/launch.py reads the file). The modules do not affect other kernels and the server's own
programs.
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
    """Read from the file how the modules that are loaded now change the environment variables."""
    try:
        return json.loads(_file().read_text())
    except FileNotFoundError:
        return {}


def write_loaded_modules(environment: Mapping[str, str]) -> None:
    """Store the differences between `environment` and the server's own environment variables in the
    file. Raises OSError.
    """
    changes: Changes = {
        name: value for name, value in environment.items() if os.environ.get(name) != value
    }
    changes |= {name: None for name in os.environ if name not in environment}
    aside = _file().with_suffix(".new")
    aside.write_text(json.dumps(changes))
    aside.replace(_file())

"""Write the folder PREFIX/share/sitekit/container, with the files of the release that a server in a
container image needs.

Of all files of the release, the container can read only this folder (session/containers/container.py).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from ...base.files import write_atomic
from ...session.containers.container import package

SESSION = Path(__file__).parents[2] / "session"
LAB = "share/jupyter/labextensions"


def write_container_files(prefix: Path, settings: Mapping[str, object], notice: str) -> Path:
    """Write the Python package sitekit.session, sitekit's JupyterLab extension `notice`, and the
    settings. Return the folder.

    `settings` maps paths in the folder to the contents of JSON files.
    """
    top = package(prefix)
    shutil.rmtree(top, ignore_errors=True)
    without = shutil.ignore_patterns("__pycache__", "labextension")
    code = top / "sitekit" / "session"
    shutil.copytree(SESSION, code, ignore=without, copy_function=shutil.copyfile)
    shutil.copytree(SESSION / "labextension", top / LAB / notice, copy_function=shutil.copyfile)
    for path, content in settings.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(top / path, json.dumps(content, indent=2) + "\n")
    return top

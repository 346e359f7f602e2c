"""Set Jupyter's paths and settings for a server that runs inside an image.

A server that runs without an image reads the same settings from files of the release
(environment/release).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

INSIDE = "/opt/sitekit-session"
"""The path in the container at which a folder of the release is mounted. The file
environment/release/write_release_files_for_containers.py writes this folder.

The folder contains the package sitekit.session, sitekit's JupyterLab extension and the settings of
Jupyter Server, and nothing else of the release.
"""

SWITCHES = "jupyter_server_config.d/zz-sitekit.json"
OUTSIDE = "jupyterlmod"
"""The extension for the cluster's modules. sitekit always disables this extension, because an image
does not contain the cluster's modules."""

ALWAYS = (
    "jupyterlab",
    "jupyter_server_terminals",
    "sitekit.session.overrides.activity",
    "sitekit.session.outputs.outputs_for_pages",
)
"""The extensions that every server has, even if the image disables these extensions."""


def set_paths() -> None:
    """Set the paths of programs, kernels and extensions to the paths in the image, and add
    sitekit's JupyterLab extension."""
    os.environ["PATH"] = (
        f"{sys.prefix}/bin:{os.environ.get('PATH', '/usr/local/bin:/usr/bin:/bin')}"
    )
    os.environ["JUPYTER_PATH"] = f"{INSIDE}/share/jupyter"
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    # packages in the user's home were installed for another Python
    os.environ["PYTHONNOUSERSITE"] = "1"
    if not shutil.which(os.environ.get("SHELL", "")):
        os.environ["SHELL"] = shutil.which("bash") or "/bin/sh"


def set_jupyter(runtime: Path) -> None:
    """Make sitekit's settings of Jupyter Server override the image's settings. If the image has an
    extension that sitekit restricts (session/overrides), sitekit's restricted extension is enabled
    in its place.
    """
    guarded = json.loads(Path(INSIDE, "guarded.json").read_text())
    switches = {name: False for name in guarded.values()}
    for guard, name in guarded.items():
        switches[guard] = name != OUTSIDE and find_spec(name) is not None
    switches |= {name: True for name in ALWAYS}
    file = runtime / "config" / SWITCHES
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"ServerApp": {"jpserver_extensions": switches}}))
    os.environ["JUPYTER_CONFIG_PATH"] = f"{runtime}/config:{INSIDE}/etc/jupyter"

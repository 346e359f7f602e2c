"""Start a server even if the user's home is full. The user can then delete files in JupyterLab.

Jupyter and IPython write into the runtime folder in place of the home. The runtime folder is in the
node's temporary space, and is removed when the server ends. JupyterLab then starts without the
user's settings, and the site's links and a course's material are not updated.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDERS = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
    "XDG_CACHE_HOME": "cache",
}
"""Maps variables of Jupyter, JupyterLab, IPython and other programs to names of folders."""


def use_temporary_folders(runtime: Path) -> None:
    """Make the server and its kernels write into folders below the runtime folder."""
    for variable, name in FOLDERS.items():
        folder = runtime / "rescue" / name
        folder.mkdir(parents=True, mode=0o700)
        os.environ[variable] = str(folder)
    os.environ["JUPYTERHUB_ROOT_DIR"] = os.environ["HOME"]

"""Configure a release: enable extensions, write settings for all users, install kernels."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from ...base.errors import Problem
from ...base.files import write_atomic
from ...base.run_program import run
from . import user_commands
from .releases import Release
from .required_package_contents import Piece
from .write_release_files_for_containers import write_container_files

GUARDED = {
    "sitekit.session.overrides.lmod_guard": "jupyterlmod",
    "sitekit.session.overrides.port_guard": "jupyter_server_proxy",
    "sitekit.session.overrides.nbdime_guard": "nbdime",
    "sitekit.session.overrides.find_language_servers_on_request": "jupyter_lsp",
    "sitekit.session.overrides.pull_guard": "nbgitpuller",
    "sitekit.session.overrides.git_guard": "jupyterlab_git",
}
"""Maps each of sitekit's server extensions to the extension that sitekit's extension replaces."""
HIDDEN = "share/jupyter/kernels/python3"
BASH = "share/jupyter/kernels/bash"
HUB = "bin/jupyterhub"
JUPYTERHUB_IMPORT = "from jupyterhub.app import main\n"
OUR_IMPORT = "from sitekit.hub.overrides.unused_imports import main\n"
NOTICE = "@sitekit/notice"
MESSAGE = 200 * 1024**2
"""The longest WebSocket message between browser and kernel, in bytes. Tornado closes the connection
if a message is longer. Tornado's default of 10 MiB is too small for large images and the data of
widgets."""

# The Python of the hub environment is not a kernel for users. Users get the cluster's software as
# kernels.
JUPYTER = {"KernelSpecManager": {"ensure_native_kernel": False}}
SERVER = {
    # Users cannot install extensions into the shared prefix. News about releases of JupyterLab
    # would disturb a class.
    "LabApp": {
        "extension_manager": "readonly",
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    },
    # After the hub has confirmed a cookie, a server accepts the cookie for this number of seconds
    # without another request to the hub, also after a logout. JupyterHub's default is 300.
    # Therefore each open tab causes at most one such request to the hub in this time.
    "HubAuth": {"cache_max_age": 60},
    # Otherwise, each server would read every process of the node in /proc each second, for a metric
    # that nobody can collect. JupyterLab's display of the memory does not need this metric.
    "ResourceUseDisplay": {"enable_prometheus_metrics": False},
    "TerminalsExtensionApp": {"terminal_manager_class": "sitekit.session.terminals.Terminals"},
    "ServerApp": {
        "kernel_spec_manager_class": "sitekit.session.kernels.kernel_sockets.Specs",
        "kernel_websocket_connection_class": "sitekit.session.kernels.kernel_sockets.Channels",
        "tornado_settings": {"websocket_max_message_size": MESSAGE},
    },
    "MappingKernelManager": {
        "kernel_manager_class": "sitekit.session.kernels.kernel_sockets.Kernel"
    },
    # A trash folder would fill the user's home, because nothing empties it.
    "FileContentsManager": {"delete_to_trash": False},
    # On Lustre or NFS, a program can wait for ever for the lock of a SQLite database.
    "NotebookNotary": {"db_file": ":memory:"},
}
# These two extensions are disabled, because each of them would do something a second time.
# jupyterlab-lmod starts its own server-proxy extension, which registers the same commands
# (jupyter-lmod, README: "disable"). sitekit's status bar already shows the memory, as the job's
# cgroup counts it.
_TWICE = {
    "@jupyterhub/jupyter-server-proxy:add-launcher-entries": True,
    "@jupyter-server/resource-usage:status-item": True,
}
# When JupyterLab starts, JupyterLab locks each extension that is disabled but not locked.
# JupyterLab would write the locks to the file with these settings, or to a file in the user's home
# (jupyterlab/commands.py, _maybe_mirror_disabled_in_locked). Therefore these settings already
# contain the locks.
DISABLED = {"disabledExtensions": _TWICE, "lockedExtensions": _TWICE}
OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}

IN_IMAGES = {
    "etc/jupyter/jupyter_server_config.json": SERVER,
    "etc/jupyter/labconfig/default_setting_overrides.json": OVERRIDES,
    "guarded.json": GUARDED,
}
"""The settings of servers inside container images. Such servers offer only the kernels of the
image."""


def configure(release: Release, pieces: list[Piece]) -> dict[str, str]:
    """Write the settings for all users' servers into the release. Return the written files as
    {path: SHA-256}.

    Users' own files below ~/.jupyter can still override the settings of the release.
    """
    written = {f"etc/jupyter/{path}": content for path, content in settings(pieces).items()}
    written["share/jupyter/lab/settings/overrides.json"] = OVERRIDES
    for path, content in written.items():
        _write(release.path / path, content)
    hide_own_kernel(release.path)
    start_light_hub(release.path)
    user_commands.write_programs(release.path, {piece.name for piece in pieces})
    folders = [user_commands.folder(release.path)]
    folders.append(write_container_files(release.path, IN_IMAGES, NOTICE))
    if any(NOTICE in piece.lab for piece in pieces):
        folders.append(install_notice(release.path))
    if any(piece.name == "bash_kernel" for piece in pieces):
        # The conda package of bash_kernel contains no kernel spec. Therefore bash_kernel's own
        # installer is run.
        run(
            [release.python, "-I", "-m", "bash_kernel.install", "--sys-prefix"],
            env=plain_environment(release.path),
        )
        folders.append(release.path / BASH)
        spec = json.loads((release.path / BASH / "kernel.json").read_text())
        started = [
            word.replace("bash_kernel", "sitekit.session.overrides.bash_kernel_without_port")
            for word in spec["argv"]
        ]
        _write(release.path / BASH / "kernel.json", {**spec, "argv": started})
    files = [release.path / path for path in (*written, HUB)] + [
        file for folder in folders for file in folder.rglob("*")
    ]
    return {
        str(file.relative_to(release.path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
    }


def settings(pieces: list[Piece]) -> dict[str, object]:
    """Return the contents of the files below etc/jupyter of the release, as a map of paths to JSON
    values."""
    extensions = {name: True for piece in pieces for name in piece.server}
    extensions |= {guarded: False for guard, guarded in GUARDED.items() if guard in extensions}
    names = {piece.name for piece in pieces}
    files = (
        {"labconfig/page_config.json": DISABLED}
        if {"jupyterlmod", "jupyter-server-proxy"} <= names
        else {}
    )
    return files | {
        # Jupyter reads the files in the order of their names. sitekit's file is the last, and
        # therefore overrides the files of the packages.
        "jupyter_server_config.d/zz-sitekit.json": {
            "ServerApp": {"jpserver_extensions": extensions}
        },
        "jupyter_config.json": JUPYTER,
        "jupyter_server_config.json": SERVER,
    }


def install_notice(prefix: Path) -> Path:
    """Copy sitekit's own JupyterLab extension into the release. The extension is plain JavaScript
    that needs no build."""
    place = prefix / "share/jupyter/labextensions" / NOTICE
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(
        Path(__file__).parents[2] / "session" / "labextension", place, copy_function=shutil.copyfile
    )
    return place


def hide_own_kernel(prefix: Path) -> None:
    """Remove the kernel spec of the hub environment's Python, which ipykernel installs."""
    shutil.rmtree(prefix / HIDDEN, ignore_errors=True)


def start_light_hub(prefix: Path) -> None:
    """Make the program bin/jupyterhub start the hub without unused libraries
    (hub/overrides/unused_imports.py). Raises Problem if the program does not contain the line that
    sitekit replaces.

    Only this program of the release is changed, and not the systemd unit that starts it. Therefore,
    after a rollback to an older release, the unit starts the older release's hub as before.
    """
    program = prefix / HUB
    # if the release needs JupyterHub, the verification reports the missing program
    if not program.exists():
        return
    text = program.read_text()
    if JUPYTERHUB_IMPORT not in text and OUR_IMPORT not in text:
        what = f"this program does not contain the line '{JUPYTERHUB_IMPORT.strip()}'"
        raise Problem(what, str(program), "use the version of JupyterHub of environment.yml")
    mode = program.stat().st_mode & 0o777
    write_atomic(program, text.replace(JUPYTERHUB_IMPORT, OUR_IMPORT), mode)


def plain_environment(prefix: Path, home: Path = Path("/nonexistent")) -> dict[str, str]:
    """Return environment variables for programs of the release. The variables of this process are
    not included."""
    keep = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    own = {"PATH": f"{prefix}/bin:/usr/bin:/bin", "HOME": str(home), "LMOD_CMD": "/bin/false"}
    return {**own, "PYTHONDONTWRITEBYTECODE": "1", **keep}


def _write(path: Path, content: object) -> None:
    """Write `content` to the file `path` as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(content, indent=2) + "\n")

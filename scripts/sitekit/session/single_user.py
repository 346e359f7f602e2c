"""Run this job's single-user server, on a free port, and report the port to the hub.

server.py calls `main`. The server's settings are in environment variables: JUPYTERHUB_* from the
hub, and SITEKIT_SESSION from the gate. Nothing is read from the user's home. If the server runs in
a container image, this module first starts itself again inside the image (container.py).
"""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from . import applications
from .containers import settings_in_container
from .courses.copy_repository import copy_repository
from .courses.prepare_course import kernel_of_course, prepare_course
from .hub_connection.fetch_messages import ask_for_messages
from .hub_connection.limit_unfinished_connections import ask_all
from .hub_connection.report_memory import report_memory
from .hub_connection.report_start import await_hub, tell_hub
from .hub_connection.tls_files_in_memory import Identity, forget_names, take_identity
from .hub_connection.tunnel import take_tunnel
from .imports.release_modules import close_release_modules
from .kernels.ipyparallel_profile import write_profile
from .log_start import log_start, take_start_id
from .overrides.oom_score_of_kernels import end_kernels_first
from .prepare_root_folder import make_root
from .start_with_full_home import use_temporary_folders
from .variables_of_login_shell import LoginShell

KEPT_OF_SLURM = {"SLURM_CONF", "SLURM_CPUS_ON_NODE"}
"""Slurm's variables that the server keeps.

Slurm's other environment variables would affect programs that a user starts in a terminal or a
kernel. With SLURM_JOB_ID, srun would create a step of the server's job instead of a job, and mpirun
would start its processes by srun. docs/servers.md lists the variables that users get.
"""

LONGEST_SOCKET = "k-12345678-s-5"
"""A text that is as long as the longest name of a socket from session/kernels/kernel_sockets.py,
such as k-12345678/s-5."""


def main() -> None:
    """Run the user's server in this job."""
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(0)
    )  # this handler is used until Jupyter Server sets its own handler
    settings = json.loads(os.environ.pop("SITEKIT_SESSION"))
    if "image" in settings:
        from .containers.container import enter

        enter(settings)
    take_start_id()
    job = os.environ.get("SLURM_JOB_ID", "0")
    identity, tunnel = take_identity(), take_tunnel()
    if tunnel and not identity:
        sys.exit("sitekit: a tunnel needs internal TLS; run make apply on the hub's machine")
    log_start(f"job {job} begun on {socket.gethostname()}")
    note_end()
    clean_environment(settings, job)
    # If the gate is from an older release, these keys can be missing, because `make apply` is run
    # only after `make install_all`.
    shell = LoginShell(settings.get("user_variables", ()), settings.get("umask", "0077"))
    if not settings.get("rescue"):
        prepare_home(settings)
    low, high = settings["port_range"]
    listener = bind(low, high, "127.0.0.1" if tunnel else settings.get("address", ""))
    if tunnel:
        tunnel.open(listener.getsockname()[1])
    await_hub(os.environ["JUPYTERHUB_API_URL"], identity)
    log_start("the hub answers")
    runtime = make_runtime_folder(f"jupyter-{job}-")
    os.environ["JUPYTER_RUNTIME_DIR"] = runtime
    if settings.get("rescue"):
        use_temporary_folders(Path(runtime))
    try:
        if "container" in settings:
            settings_in_container.set_jupyter(Path(runtime))
        serve(listener, shell, settings, identity)
    finally:
        shutil.rmtree(runtime, ignore_errors=True)


def prepare_home(settings: dict[str, Any]) -> None:
    """Create files in the user's home: the course's material or the site's repository, the profile
    of ipyparallel, and the site's links."""
    if "repository" in settings:
        copy_repository(settings)
    if "course" in settings:
        prepare_course(settings)
    root, links = settings.get("root", "~"), settings.get("links", {})
    home, user = Path(os.environ["HOME"]), os.environ["USER"]
    read_only = settings.get("root_read_only", False)
    if engines := settings.get("ipyparallel"):
        in_image = (settings.get("engines_inside", ()), settings.get("engines_home", ""))
        write_profile(engines, home, *in_image)
    os.environ["JUPYTERHUB_ROOT_DIR"] = str(make_root(root, links, home, user, read_only))


def note_end() -> None:
    """Set the environment variable JUPYTERHUB_SITEKIT_END to the time at which the job ends, in
    seconds since the epoch. This time is Slurm's SLURM_JOB_END_TIME. If Slurm has not set this
    variable, the time is the current time plus the time limit."""
    length = os.environ.get("JUPYTERHUB_SITEKIT_TIME", "")
    if end := os.environ.get("SLURM_JOB_END_TIME") or (
        length.isdigit() and str(int(time.time()) + int(length))
    ):
        os.environ["JUPYTERHUB_SITEKIT_END"] = end


def clean_environment(settings: dict[str, Any], job: str) -> None:
    """Set the server's environment variables, such as PATH and JUPYTER_PATH, so that the server
    finds the site's programs and kernels. Kernels inherit these variables.

    This function removes the variables of Slurm that would mislead programs.
    """
    for name in list(os.environ):
        if name.startswith(("SLURM", "SBATCH", "SRUN")) and name not in KEPT_OF_SLURM:
            del os.environ[name]
    os.environ["SITEKIT_JOB_ID"] = job
    os.environ.setdefault("TERM", "xterm-256color")
    if "container" in settings:
        return settings_in_container.set_paths()
    os.environ["PATH"] = f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin"
    # Otherwise, jupyter_core prefers ~/.local/share/jupyter, and a user's old kernel hides the
    # site's kernel of the same name.
    os.environ["JUPYTER_PATH"] = settings["kernels"]
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["MODULEPATH"] = settings["modulepath"]
    # jupyterlmod reads these variables when it is imported
    os.environ["LMOD_CMD"] = f"{settings['lmod']}/libexec/lmod"
    os.environ["LMOD_PKG"] = settings["lmod"]


def bind(low: int, high: int, address: str = "") -> socket.socket:
    """Return a socket that listens on a free port from `low` to `high`. If `address` is empty, the
    socket listens on all addresses.

    Because the listening socket is never closed, no other program can take the port
    (jupyterhub#3005).
    """
    for port in random.sample(range(low, high + 1), high + 1 - low):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
            listener.listen(128)
        except OSError:
            listener.close()
            continue
        listener.setblocking(False)
        return listener
    sys.exit(f"sitekit: no free port from {low} to {high} on {socket.gethostname()}")


def make_runtime_folder(prefix: str) -> str:
    """Create a folder of mode 0700 for connection files and the kernels' sockets.

    The runtime folder is below TMPDIR, if Unix sockets work in TMPDIR. A socket's path has at most
    107 bytes (unix(7)), and not every filesystem of a cluster supports sockets.
    """
    for place in (None, "/tmp"):  # noqa: S108  (None: TMPDIR, as tempfile reads it)
        try:
            folder = tempfile.mkdtemp(prefix=prefix, dir=place)
        except OSError:
            continue
        with socket.socket(socket.AF_UNIX) as trial:
            path = os.path.join(folder, LONGEST_SOCKET)
            try:
                trial.bind(path)
                os.unlink(path)
            except OSError:
                os.rmdir(folder)
                continue
        return folder
    sys.exit(
        f"sitekit: no Unix socket can be made below {tempfile.gettempdir()} nor /tmp on {socket.gethostname()}"
    )


def serve(
    listener: socket.socket, shell: LoginShell, settings: dict[str, Any], identity: Identity | None
) -> None:
    """Run JupyterHub's single-user server on this socket, and report its port to the hub."""
    set_address(listener, identity)

    from .overrides.light_imports import import_without_hub

    starting = import_without_hub()
    from jupyter_core import paths
    from jupyter_server.serverapp import ServerApp

    from .atomic_save import save_whole

    save_whole()
    end_kernels_first()
    if "container" not in settings:
        applications.take(settings)
        # do not offer kernels of the distribution's packages, which were not tested on this cluster
        paths.SYSTEM_JUPYTER_PATH.clear()

    def bind_tcp(app: ServerApp) -> bool:
        configure(app, settings)
        # From here on, no setting of the server itself depends on the environment. Therefore the
        # user's variables and umask affect only what the server starts and writes.
        shell.apply()
        listen(app, listener, identity)
        starting.close()
        close_release_modules()
        app.io_loop.add_callback(ask_for_messages, settings, identity)
        return True

    # ServerApp itself would search for a free port, close the port, and bind the port again later
    # (jupyterhub#3005)
    ServerApp._find_http_port = lambda app: None
    ServerApp._bind_http_server_tcp = bind_tcp

    from jupyterhub.singleuser import main as singleuser

    sys.argv = ["jupyterhub-singleuser"]
    singleuser()


def set_address(listener: socket.socket, identity: Identity | None) -> None:
    """Set the environment variables from which JupyterHub's single-user extension reads the
    server's URL and certificate."""
    url, (address, port) = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]), listener.getsockname()
    scheme = "https" if identity else "http"
    os.environ["JUPYTERHUB_SERVICE_URL"] = urlunsplit(
        url._replace(scheme=scheme, netloc=f"{address}:{port}")
    )
    if identity:
        identity.tell_jupyterhub()


def configure(app: Any, settings: dict[str, Any]) -> None:
    """Set Jupyter Server's XSRF cookie, kernels and log, and the settings of sitekit's
    extensions."""
    from .outputs.notebook_outputs import write_outputs_of_closed_pages

    # The front uses only TLS. JupyterHub sets these attributes for its own cookies
    # (cookie_options), but not for Jupyter Server's XSRF cookie.
    app.web_app.settings.setdefault("xsrf_cookie_kwargs", {}).update(secure=True, samesite="Lax")
    app.web_app.settings["sitekit"] = settings  # sitekit's server extensions read these settings
    if "container" not in settings:
        # Add the users' own kernels. JupyterHub's option disable_user_config makes the server
        # ignore these kernels and everything else in the home. Because the folder of these kernels
        # is the last in the list, it hides no kernel of the other folders. Images do not contain
        # the programs of the users' own kernels.
        own = os.path.expanduser("~/.local/share/jupyter/kernels")
        app.kernel_spec_manager.kernel_dirs.append(own)
    default = app.kernel_spec_manager.default()
    app.kernel_manager.default_kernel_name = kernel_of_course(app, settings) or default
    write_outputs_of_closed_pages(app)
    # A card shows the last lines of this log. Otherwise, lines about successful requests would fill
    # the card.
    logging.getLogger("tornado.access").setLevel(logging.WARNING)


def listen(app: Any, listener: socket.socket, identity: Identity | None) -> None:
    """Accept connections on the socket, and report the server's start and end to the hub."""
    from .hub_connection.report_end import tell_at_sigterm

    if identity:
        forget_names()
        # Jupyter Server itself would create a TLS context for each connection
        app.http_server.ssl_options = identity.answering()
        ask_all(app.http_server)
    app.http_server.add_sockets([listener])
    log_start(f"listening on port {listener.getsockname()[1]}")
    app.io_loop.add_callback(tell_hub, listener.getsockname()[1], identity)
    app.io_loop.add_callback(tell_at_sigterm, app.io_loop, identity)
    app.io_loop.add_callback(report_memory, identity)

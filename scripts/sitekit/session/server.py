"""Start the single-user server of this job and send its port to the hub.

The job script runs this as `python -I -m sitekit.session.server`. All settings are in environment
variables: JUPYTERHUB_* come from the hub, and SITEKIT_SESSION comes from the gate. No file in the
user's home is read.
"""

from __future__ import annotations

import http.client
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
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from .overrides.memory import end_kernels_first
from .root_folder import make_root
from .tls import Identity, forget_names, take_identity
from .user_variables import LoginShell

KEPT_OF_SLURM = {"SLURM_CONF", "SLURM_CPUS_ON_NODE"}
"""All other Slurm variables are removed. With SLURM_JOB_ID, srun in a terminal would start a step
of the server's job instead of a new job, and mpirun starts its processes with srun. See
docs/servers.md."""

LONGEST_SOCKET = "k-12345678-s-5"
"""A name as long as those of the sockets in session/kernels.py, such as k-12345678/s-5."""
PATIENCE = 300.0
"""Seconds to wait for the hub, which may be restarting: first until it answers, and later until it
accepts the server's port."""


def main() -> None:
    """Prepare the environment and run the server until it ends."""
    # Jupyter Server later replaces this handler with its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = json.loads(os.environ.pop("SITEKIT_SESSION"))
    job = os.environ.get("SLURM_JOB_ID", "0")
    identity = take_identity()
    note_end()
    clean_environment(settings, job)
    # An older gate does not set these keys, because `make apply` runs after `make install_all`.
    shell = LoginShell(settings.get("user_variables", ()), settings.get("umask", "0077"))
    root, links = settings.get("root", "~"), settings.get("links", {})
    home, user = Path(os.environ["HOME"]), os.environ["USER"]
    read_only = settings.get("root_read_only", False)
    os.environ["JUPYTERHUB_ROOT_DIR"] = str(make_root(root, links, home, user, read_only))
    await_hub(os.environ["JUPYTERHUB_API_URL"], identity)
    listener = bind(*settings["port_range"])
    runtime = make_runtime_folder(f"jupyter-{job}-")
    os.environ["JUPYTER_RUNTIME_DIR"] = runtime
    try:
        serve(listener, shell, settings, identity)
    finally:
        shutil.rmtree(runtime, ignore_errors=True)


def note_end() -> None:
    """Store the end of the job's time in an environment variable, in seconds since the epoch.

    If Slurm does not give the end, it is computed from the length of the job's time.
    """
    length = os.environ.get("JUPYTERHUB_SITEKIT_TIME", "")
    if end := os.environ.get("SLURM_JOB_END_TIME") or (
        length.isdigit() and str(int(time.time()) + int(length))
    ):
        os.environ["JUPYTERHUB_SITEKIT_END"] = end


def clean_environment(settings: dict[str, Any], job: str) -> None:
    """Set the environment variables of the server and its kernels.

    Slurm variables that would mislead the user's programs are removed.
    """
    for name in list(os.environ):
        if name.startswith(("SLURM", "SBATCH", "SRUN")) and name not in KEPT_OF_SLURM:
            del os.environ[name]
    os.environ["SITEKIT_JOB_ID"] = job
    os.environ["PATH"] = f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin"
    # Without this, a user's old kernel would hide the site's kernel of the same name
    # (jupyter_core prefers ~/.local/share/jupyter).
    os.environ["JUPYTER_PATH"] = settings["kernels"]
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["MODULEPATH"] = settings["modulepath"]
    # jupyterlmod reads these variables when it is imported.
    os.environ["LMOD_CMD"] = f"{settings['lmod']}/libexec/lmod"
    os.environ["LMOD_PKG"] = settings["lmod"]
    os.environ.setdefault("TERM", "xterm-256color")


def await_hub(api: str, identity: Identity | None = None, patience: float = PATIENCE) -> None:
    """Wait until the hub answers, because it may be restarting. Exit if it does not answer in time.

    Otherwise a node that cannot reach the hub would run the job for the tier's whole time.
    """
    end, pause, printed = time.monotonic() + patience, 1.0, False
    while trouble := _no_hub(api, identity):
        if time.monotonic() > end:
            sys.exit(_giving_up(api, patience, trouble))
        if not printed:
            print(
                f"sitekit: no answer of the hub yet at {api} ({trouble}); trying again", flush=True
            )
        printed = True
        time.sleep(pause)
        pause = min(15, pause * 1.5)


def _no_hub(api: str, identity: Identity | None) -> str:
    """Return why no hub answers at `api`, or "" if one does. Another program may answer there."""
    tls = [urllib.request.HTTPSHandler(context=identity.calling())] if identity else []
    # The hub is never reached through the HTTP proxy that job.sh may set.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), *tls)
    try:
        with direct.open(f"{api.rstrip('/')}/", timeout=10) as answer:
            content = json.loads(answer.read(10_000))
        if isinstance(content, dict) and "version" in content:
            return ""
        return "what answers there is no JupyterHub"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error)


def _giving_up(api: str, patience: float, trouble: object) -> str:
    """Return the log line that hub/messages/ended_cards.py explains to the user."""
    return (
        f"sitekit: the hub did not answer at {api} within {patience:.0f} s ({trouble}); giving up"
    )


def bind(low: int, high: int) -> socket.socket:
    """Return a listening socket on a free port of the range.

    The socket stays open, so that no other program can take the port (jupyterhub#3005).
    """
    for port in random.sample(range(low, high + 1), high + 1 - low):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("", port))
            listener.listen(128)
        except OSError:
            listener.close()
            continue
        listener.setblocking(False)
        return listener
    sys.exit(f"sitekit: no free port from {low} to {high} on {socket.gethostname()}")


def make_runtime_folder(prefix: str) -> str:
    """Create a directory of mode 0700 for connection files and the kernels' sockets.

    The directory is below TMPDIR if a Unix socket works there, or else below /tmp. The path of a
    Unix socket has at most 107 bytes (unix(7)), and some filesystems of clusters support no
    sockets.
    """
    for place in (None, "/tmp"):  # noqa: S108  (for None, tempfile uses TMPDIR)
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
    """Run JupyterHub's single-user server on our socket until it ends."""
    # None makes the import of this package fail. jsonschema uses it to check one format, and would
    # spend 0.6 s on its grammar at every start. Without it, jsonschema does not check that format
    # (python-jsonschema/jsonschema, _format.py suppresses ImportError).
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    port = listener.getsockname()[1]
    url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    scheme = "https" if identity else "http"
    os.environ["JUPYTERHUB_SERVICE_URL"] = urlunsplit(
        url._replace(scheme=scheme, netloc=f"0.0.0.0:{port}")
    )
    if identity:
        identity.tell_jupyterhub()

    from jupyter_core import paths
    from jupyter_server.serverapp import ServerApp

    from .callers import ask_all
    from .ending import tell_at_sigterm
    from .saving import save_whole

    save_whole()
    end_kernels_first()
    # Kernels of the distribution's packages are hidden, as `make kernels` has not tested them.
    paths.SYSTEM_JUPYTER_PATH.clear()

    def bind_tcp(app: ServerApp) -> bool:
        # The web server uses only TLS. JupyterHub's cookies are marked as secure by default
        # (cookie_options), but this cookie is not.
        app.web_app.settings.setdefault("xsrf_cookie_kwargs", {}).update(
            secure=True, samesite="Lax"
        )
        app.web_app.settings["sitekit"] = settings  # sitekit's server extensions read these
        # disable_user_config also removes the directory of the user's own kernels. It is added at
        # the end of the list, so that it cannot hide other kernels.
        app.kernel_spec_manager.kernel_dirs.append(
            os.path.expanduser("~/.local/share/jupyter/kernels")
        )
        app.kernel_manager.default_kernel_name = app.kernel_spec_manager.default()
        # When a server has died, a card shows the end of its log. Lines about successful requests
        # would be useless there.
        logging.getLogger("tornado.access").setLevel(logging.WARNING)
        # The server is fully configured now, so the user's variables and umask cannot change it.
        # They apply to everything that it starts and writes from here on.
        shell.apply()
        if identity:
            forget_names()
            # Without this, Jupyter Server would create a TLS context for each connection.
            app.http_server.ssl_options = identity.answering()
            ask_all(app.http_server)
        app.http_server.add_sockets([listener])
        app.io_loop.add_callback(tell_hub, port, identity)
        app.io_loop.add_callback(tell_at_sigterm, app.io_loop, identity)
        return True

    # ServerApp finds a free port, closes it, and binds it again later. Another program could take
    # the port in between (jupyterhub#3005).
    ServerApp._find_http_port = lambda app: None
    ServerApp._bind_http_server_tcp = bind_tcp

    from jupyterhub.singleuser import main as singleuser

    sys.argv = ["jupyterhub-singleuser"]
    singleuser()


async def tell_hub(port: int, identity: Identity | None = None, patience: float = PATIENCE) -> None:
    """Send the port to the hub until the hub accepts it.

    End the server if the hub does not wait for this server any more, or does not answer in time.
    """
    import asyncio

    from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

    request = HTTPRequest(
        os.environ["JUPYTERHUB_API_URL"] + "/sitekit/listening",
        method="POST",
        headers={
            "Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}",
            "Content-Type": "application/json",
        },
        body=json.dumps({"port": port}),
        request_timeout=20,
        ssl_options=identity.calling() if identity else None,
    )
    pause, end = 0.5, time.monotonic() + patience
    while True:
        try:
            await AsyncHTTPClient().fetch(request)
            return
        except (HTTPClientError, OSError) as error:
            code, trouble = getattr(error, "code", None), str(error)
        if code == 409:  # the hub already has the port: its first answer was lost in a restart
            return
        if code in (400, 401, 403):  # only the hub sends these codes; other services may send 404
            trouble = f"sitekit: the hub does not want this server any more ({trouble}); ending"
        elif time.monotonic() > end:
            trouble = _giving_up(os.environ["JUPYTERHUB_API_URL"], patience, trouble)
        else:
            print(f"sitekit: telling the hub: {trouble}", flush=True)
            await asyncio.sleep(pause)
            pause = min(15.0, pause * 1.5)
            continue
        print(trouble, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        return


if __name__ == "__main__":
    main()

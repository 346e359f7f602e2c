"""Start this job's single-user server: clean environment, a port of its own, a word to the hub when
it listens.

Run by the job script as `python -I -m sitekit.session.server`. All that it needs comes in
JUPYTERHUB_* variables, from the hub, and in SITEKIT_SESSION, from the gate; nothing is read from
the user's home.
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
"""The rest would steer what a user starts in a terminal or a kernel: with SLURM_JOB_ID, srun makes
a step of the server's own job instead of a job, and mpirun starts its processes by srun.
docs/servers.md tells what users get."""

LONGEST_SOCKET = "k-12345678-s-5"
"""As long as the names that session/kernels.py gives to sockets, k-12345678/s-5."""
PATIENCE = 300.0
"""So many seconds a server that starts waits for the hub, which may be restarting; and until it
takes its port."""


def main() -> None:
    # until Jupyter Server's own handler takes its place
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = json.loads(os.environ.pop("SITEKIT_SESSION"))
    job = os.environ.get("SLURM_JOB_ID", "0")
    identity = take_identity()
    note_end()
    clean_environment(settings, job)
    # a gate that was written before these keys knows nothing of them: `make apply` comes after
    # `make install_all`
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
    """When the job's time is over, in seconds since the epoch: by Slurm's word, or by the length of
    its time."""
    length = os.environ.get("JUPYTERHUB_SITEKIT_TIME", "")
    if end := os.environ.get("SLURM_JOB_END_TIME") or (
        length.isdigit() and str(int(time.time()) + int(length))
    ):
        os.environ["JUPYTERHUB_SITEKIT_END"] = end


def clean_environment(settings: dict[str, Any], job: str) -> None:
    """What the server and its kernels see: the site's kernels and paths, and no Slurm variable that
    would mislead."""
    for name in list(os.environ):
        if name.startswith(("SLURM", "SBATCH", "SRUN")) and name not in KEPT_OF_SLURM:
            del os.environ[name]
    os.environ["SITEKIT_JOB_ID"] = job
    os.environ["PATH"] = f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin"
    # without this a user's stale kernel of the same name hides the site's (jupyter_core prefers
    # ~/.local/share/jupyter)
    os.environ["JUPYTER_PATH"] = settings["kernels"]
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["MODULEPATH"] = settings["modulepath"]
    # jupyterlmod looks for it when it is imported
    os.environ["LMOD_CMD"] = f"{settings['lmod']}/libexec/lmod"
    os.environ["LMOD_PKG"] = settings["lmod"]
    os.environ.setdefault("TERM", "xterm-256color")


def await_hub(api: str, identity: Identity | None = None, patience: float = PATIENCE) -> None:
    """Wait until the hub answers: it may be restarting just now. Ends the job where it does not: a
    node that cannot reach the hub would hold its place for the whole of the tier's time."""
    end, pause, told = time.monotonic() + patience, 1.0, False
    while trouble := _no_hub(api, identity):
        if time.monotonic() > end:
            sys.exit(_giving_up(api, patience, trouble))
        if not told:
            print(
                f"sitekit: no answer of the hub yet at {api} ({trouble}); trying again", flush=True
            )
        told = True
        time.sleep(pause)
        pause = min(15, pause * 1.5)


def _no_hub(api: str, identity: Identity | None) -> str:
    """Why what is at `api` is no hub that answers; empty if it is one. Anything else may answer
    there."""
    tls = [urllib.request.HTTPSHandler(context=identity.calling())] if identity else []
    # whatever http_proxy job.sh sets
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), *tls)
    try:
        with direct.open(f"{api.rstrip('/')}/", timeout=10) as answer:
            told = json.loads(answer.read(10_000))
        return (
            ""
            if isinstance(told, dict) and "version" in told
            else "what answers there is no JupyterHub"
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error)


def _giving_up(api: str, patience: float, trouble: object) -> str:
    """The line of the log by which the hub knows what to tell its user (told/ended.py)."""
    return (
        f"sitekit: the hub did not answer at {api} within {patience:.0f} s ({trouble}); giving up"
    )


def bind(low: int, high: int) -> socket.socket:
    """A listening socket on a free port of the range, held from now on so that none can take it
    (jupyterhub#3005)."""
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
    """A new folder of mode 0700 for connection files and the kernels' sockets: below TMPDIR if a
    socket works there.

    A socket's path has 107 bytes at most (unix(7)), and not every filesystem of a cluster can hold
    one.
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
    """JupyterHub's single-user server on our socket; it tells the hub as soon as its event loop
    runs."""
    # an optional format checker of jsonschema, which takes 0.6 s to build its grammar at every
    # start; without it jsonschema leaves that one format unchecked (python-jsonschema/jsonschema,
    # _format.py suppresses ImportError); None, which the type of sys.modules does not have, makes
    # its import fail
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
    # kernels of the distribution's packages: nobody has proven them on this cluster
    paths.SYSTEM_JUPYTER_PATH.clear()

    def bind_tcp(app: ServerApp) -> bool:
        # the front speaks TLS only; JupyterHub's cookies say so by themselves (cookie_options),
        # this one does not
        app.web_app.settings.setdefault("xsrf_cookie_kwargs", {}).update(
            secure=True, samesite="Lax"
        )
        app.web_app.settings["sitekit"] = settings  # for our server extensions
        # users' own kernels, which disable_user_config leaves out with all else in the home; the
        # last can hide none
        app.kernel_spec_manager.kernel_dirs.append(
            os.path.expanduser("~/.local/share/jupyter/kernels")
        )
        app.kernel_manager.default_kernel_name = app.kernel_spec_manager.default()
        # the log is what a card shows of a server that died: requests that went well tell nothing
        # there
        logging.getLogger("tornado.access").setLevel(logging.WARNING)
        # the server is what it is by now; what it starts and writes from here on is the user's
        shell.apply()
        if identity:
            forget_names()
            # Jupyter Server would build one at each connection
            app.http_server.ssl_options = identity.answering()
            ask_all(app.http_server)
        app.http_server.add_sockets([listener])
        app.io_loop.add_callback(tell_hub, port, identity)
        app.io_loop.add_callback(tell_at_sigterm, app.io_loop, identity)
        return True

    # ServerApp closes the port that it found free before it binds it again (jupyterhub#3005)
    ServerApp._find_http_port = lambda app: None
    ServerApp._bind_http_server_tcp = bind_tcp

    from jupyterhub.singleuser import main as singleuser

    sys.argv = ["jupyterhub-singleuser"]
    singleuser()


async def tell_hub(port: int, identity: Identity | None = None, patience: float = PATIENCE) -> None:
    """POST the port until the hub takes it; end the server when the hub says that nobody waits for
    it, or nothing."""
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
        if code == 409:  # a hub that was restarted had heard it, and its answer was lost
            return
        if code in (400, 401, 403):  # the hub's own; a 404, for one, is some other service's word
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

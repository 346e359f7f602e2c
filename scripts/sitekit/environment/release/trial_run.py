"""Test a release before the hub uses it: load the hub's configuration, and start the proxy and a
user's server."""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ...base.data_files import data
from ...base.module_in_child_process import end_with_this_process
from ...base.run_program import Argv, run
from ...contracts.fake_hub_for_trials import trial_environment, trial_hub
from ...contracts.gate_config import session_settings
from ...site import Site
from ...site.show import dump
from .releases import Release

# Seconds until a program must answer. The first start from a shared filesystem may be slow.
ANSWER_TIMEOUT = 60.0


def hub_reads_the_site(
    site: Site, release: Release, environment: Mapping[str, str], folder: Path, text: str = ""
) -> list[str]:
    """Load the hub's configuration, with the site's config/local.d and a temporary state folder.
    Return the errors.

    `text` is the content of a site file. If `text` is empty, the content is made from `site`, as
    `make apply` does.
    """
    state = folder / "state"
    state.mkdir()
    etc = folder / "etc"
    etc.mkdir()
    (etc / "site.yml").write_text((text or dump(site)).replace(str(site.paths.state), str(state)))
    shutil.copy(data("config/jupyterhub_config.py"), etc)
    with suppress(FileNotFoundError):
        shutil.copytree(data("config/local.d"), etc / "local.d")
    program = (
        "import sys; from jupyterhub.app import JupyterHub\n"
        "app = JupyterHub(); app.load_config_file(sys.argv[1]); app.spawner_class; app.authenticator_class"
    )
    argv: Argv = [release.python, "-I", "-c", program, etc / "jupyterhub_config.py"]
    done = run(argv, env=environment, cwd=state, check=False, timeout=120)
    return (
        []
        if done.returncode == 0
        else [f"the hub's configuration does not load: {_last(done.stderr)}"]
    )


def proxy_routes(release: Release, environment: Mapping[str, str], folder: Path) -> list[str]:
    """Start the proxy on free ports. Request the proxy's list of routes, and then a page of a
    user's server. Return the errors."""
    port, api = _free_ports()
    token = secrets.token_hex(16)
    addresses = [
        "--ip",
        "127.0.0.1",
        "--port",
        str(port),
        "--api-ip",
        "127.0.0.1",
        "--api-port",
        str(api),
    ]
    argv: Argv = [release.path / "bin" / "configurable-http-proxy", *addresses]
    told = " ".join(f"--import={data(f'proxy/{name}.mjs').as_uri()}" for name in ("tls", "owners"))
    loads = {"NODE_OPTIONS": told, "CONFIGPROXY_AUTH_TOKEN": token}
    with _started(argv, {**environment, **loads}, folder / "proxy.log") as (proxy, log):
        asked = urllib.request.Request(
            f"http://127.0.0.1:{api}/api/routes", headers={"Authorization": f"token {token}"}
        )
        return _answers("the proxy", asked, proxy, log) or _asks_whose_server_it_is(port, asked)


def _asks_whose_server_it_is(port: int, routes: urllib.request.Request) -> list[str]:
    """Request a page of a user's server from the proxy, without a login. The proxy must redirect
    this request to the hub. Otherwise, return an error."""
    told = json.dumps({"target": routes.full_url, "user": "u"}).encode()
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    url = f"{routes.full_url}/user/u"
    route = urllib.request.Request(url, told, dict(routes.header_items()))  # noqa: S310 (ours)
    direct.open(route, timeout=ANSWER_TIMEOUT).close()
    caller = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT)
    caller.request("GET", "/user/u/")
    status = caller.getresponse().status
    caller.close()
    return (
        []
        if status == 302
        else [f"the proxy opens a user's server without asking the hub (it answers {status})"]
    )


def server_answers(
    site: Site, release: Release, environment: Mapping[str, str], folder: Path
) -> list[str]:
    """Start a user's server with a minimal hub, as a job does. Return the reasons why the server
    does not answer."""
    with started_server(site, release.python, environment, folder) as (_, faults):
        return faults


@contextmanager
def started_server(
    site: Site, python: Path, environment: Mapping[str, str], folder: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[bytes], list[str]]]:
    """While the `with` block runs, run a user's server with a minimal hub. The server is started
    with the same command and environment as in a user's job.

    `python` is the Python of a release, and `options` are command-line options of Python. Yields
    the process of the server, and the reasons why the server does not answer.
    """
    home = folder / "home"
    home.mkdir()
    argv: Argv = [python, "-I", *options, "-m", "sitekit.session.server"]
    with (
        trial_hub() as (hub, told),
        _started(argv, _session(site, hub, environment, home), folder / "server.log") as (
            server,
            log,
        ),
    ):
        end = time.monotonic() + ANSWER_TIMEOUT
        while not told and server.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        if told:
            request = urllib.request.Request(f"http://127.0.0.1:{told[0]}/user/u/api")
            yield server, _answers("a server", request, server, log)
        else:
            last = _last(log.read()) or "it prints nothing"
            yield server, [f"a server does not come up: {last}"]


def _session(site: Site, hub: int, environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the environment variables that a user's job gets from the gate and the hub."""
    settings = {**session_settings(site), "root": "~", "links": {}, "user_variables": []}
    # This folder is outside of the home, because JupyterHub's disable_user_config ignores files in
    # the home.
    config = home.with_name("config")
    config.mkdir()
    (config / "jupyter_server_config.json").write_text(
        json.dumps({"ServerApp": {"allow_root": True}})
    )
    return {
        **environment,
        "JUPYTER_CONFIG_PATH": str(config),
        "TMPDIR": str(home),
        **trial_environment(hub, str(home), settings),
    }


@contextmanager
def _started(
    argv: Argv, environment: Mapping[str, str], log: Path
) -> Iterator[tuple[subprocess.Popen[bytes], IO[str]]]:
    """While the `with` block runs, run a program. Yield the process and its log."""
    with log.open("w") as out, log.open() as read:
        program = subprocess.Popen(
            end_with_this_process(argv),
            env=dict(environment),
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        try:
            yield program, read
        finally:
            program.kill()
            program.wait()


def _answers(
    what: str, request: urllib.request.Request, program: subprocess.Popen[bytes], log: IO[str]
) -> list[str]:
    """Return the reasons why the program does not answer the request. If the program answers, the
    list is empty."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end, fault = time.monotonic() + ANSWER_TIMEOUT, ""
    while program.poll() is None and time.monotonic() < end:
        try:
            direct.open(request, timeout=5).close()
            return []
        except (OSError, http.client.HTTPException) as error:
            fault = str(error)
            if isinstance(error, urllib.error.HTTPError):
                break
            time.sleep(0.05)
    return [f"{what} does not answer: {_last(log.read()) or fault}"]


def _free_ports() -> tuple[int, int]:
    """Return two TCP ports of 127.0.0.1 that are free."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        return one.getsockname()[1], other.getsockname()[1]


def _last(text: str) -> str:
    """Return the last message in a program's output. The message begins at the last line that has
    no indentation."""
    lines = [line for line in text.splitlines() if line.strip()]
    start = max((number for number, line in enumerate(lines) if not line[0].isspace()), default=0)
    return " ".join(line.strip() for line in lines[start:])[-300:]

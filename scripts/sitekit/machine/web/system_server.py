"""Test, reload and restart the machine's own web server, and report its state.

The machine's web server also serves other websites. Therefore its whole configuration is tested
before each reload, and the web server is restarted only if a reload is not enough. A stopped web
server is never started for this site.
"""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import psutil

from ...base.errors import Problem
from ...base.run_program import CommandFailed, run
from ...site import Site
from ..host.connect_to_web_server import open_tls_connection
from ..host.platform import WebServer
from ..supervisors.control import which_supervisor
from ..supervisors.interface import State
from ..supervisors.service import Service
from ..supervisors.systemd import SystemdSupervisor

ANSWER_SECONDS = 60
RESTART_MODULES = frozenset({"auth_openidc", "shib"})
"""Modules of Apache that a reload can neither load nor remove.

After a reload with mod_auth_openidc 2.4.12, each child process of Apache 2.4.71 crashes. sitekit
also restarts Apache for mod_shib, for which a reload was not tested.
"""
_ANSWER_TIMEOUT = (
    20  # seconds; mod_shib tries for six seconds to connect to a shibd that does not run
)
_RELOAD_SECONDS = 1
_TAIL = 65536
_STOP_SECONDS = 180  # systemd waits 90 seconds for open connections


def state(web: WebServer) -> State:
    """Return the state of the web server, from systemd or from the server's pid file."""
    if which_supervisor() == "systemd":
        return SystemdSupervisor().state(Service(web.service, "", ()))
    with suppress(OSError, ValueError):
        pid = int(web.pid.read_text())
        if _process(pid) == web.program.name:
            return State("running", f"pid {pid}", pid)
    return State("stopped", f"{web.pid} does not contain the id of a process of it")


def test(web: WebServer) -> None:
    """Test the web server's whole configuration (`apachectl configtest`, `nginx -t`).

    The web server is not reloaded. If the web server is not installed, nothing is tested. Raises
    CommandFailed with the output of the test.
    """
    if web.program.exists():
        run(shlex.split(web.control.test))


def cannot_reload(modules: Iterable[Path], before: bytes) -> bool:
    """Return whether Apache must be restarted because a reload cannot apply the changes. `modules`
    are the changed links to modules, and `before` is the old content of the site's configuration
    file.

    For example, if a change removes Apache's cache for OCSP stapling, Apache ends at the reload.
    """
    return any(path.stem in RESTART_MODULES for path in modules) or b"SSLStaplingCache" in before


def take_in(web: WebServer, verb: Literal["restart", "reload"], log: Path | None = None) -> None:
    """Make a running web server load its new configuration, by a reload or a restart.

    If the web server ended at the last reload, this function starts the web server. `log` is the
    site's error log, if the web server serves the site. Raises Problem.
    """
    test(web)
    if state(web).word != "running":
        verb = "restart"
    if which_supervisor() == "systemd":
        try:
            run(["systemctl", verb, f"{web.service}.service"], timeout=_STOP_SECONDS)
        except CommandFailed as failed:
            failed.remedy = (
                f"journalctl --unit {web.service}; and read the end of {_logs(web, log)}"
            )
            raise
    else:
        try:
            if verb == "restart":
                _stop(web)
            run(shlex.split(web.control.reload if verb == "reload" else web.control.start))
        except CommandFailed as failed:
            failed.remedy = f"read the end of {_logs(web, log)}"
            raise
    if verb == "reload":
        # The reload runs in the background. Old worker processes still answer for a moment, even if
        # the reload makes the web server end.
        time.sleep(_RELOAD_SECONDS)


def _logs(web: WebServer, log: Path | None) -> str:
    """Return the paths of the logs that the administrator should read after a failure.

    Apache writes errors of a virtual host, such as a wrong key, only to the log of this virtual
    host.
    """
    return f"{log} and of {web.log}" if log else str(web.log)


def site_log(site: Site) -> Path:
    """Return the path of the error log of the site's virtual host."""
    return site.log / f"{site.front.server}-error.log"


def _stop(web: WebServer) -> None:
    """Stop the web server, and wait until the web server has ended."""
    pid = state(web).pid
    if pid is None:
        return
    run(shlex.split(web.control.stop))
    end = time.monotonic() + _STOP_SECONDS
    while _process(pid):
        if time.monotonic() > end:
            raise Problem("it does not stop", web.service, f"look at process {pid}")
        time.sleep(0.05)


def _process(pid: int) -> str:
    """Return the name of a running process; "" if the process does not exist or is a zombie."""
    try:
        found = psutil.Process(pid)
        return "" if found.status() == psutil.STATUS_ZOMBIE else found.name()
    except psutil.Error:
        return ""


def wait(web: WebServer, site: Site) -> None:
    """Wait until the site's virtual host in the machine's own web server answers a request.

    Raises Problem if the web server does not answer within a minute, or if the web server ends.
    """
    end = time.monotonic() + ANSWER_SECONDS
    while not answers(site):
        if state(web).word != "running":
            remedy = f"read the end of {_logs(web, site_log(site))}"
            raise Problem("ended when it loaded the site", web.service, remedy)
        if time.monotonic() > end:
            remedy = f"another of its sites may have the same name, or another program the port; read {web.log}"
            raise Problem(
                f"does not pass requests for {site.front.url} to this site within {ANSWER_SECONDS} s",
                web.service,
                remedy,
            )
        time.sleep(0.1)


def answers(site: Site) -> bool:
    """Return whether requests for the site's URL reach the site's virtual host.

    The function sends a request to the web server, and looks for this request in the log of the
    virtual host. The function does not check the certificate or the hub. The IP address of the
    site's host name is tried too, because the web server may listen only there.
    """
    mark = f"/sitekit-{secrets.token_hex(8)}"
    return any(_handed_on(site, address, mark) for address in ("127.0.0.1", site.front.host))


def _handed_on(site: Site, address: str, mark: str) -> bool:
    """Send the web server a request that contains the text `mark`, and return whether the site's
    log contains this request."""
    request = f"HEAD {mark} HTTP/1.1\r\nHost: {site.front.host}:{site.front.port}\r\nConnection: close\r\n\r\n"
    try:
        with open_tls_connection(address, site.front.port, _ANSWER_TIMEOUT, site.front.host) as tls:
            tls.sendall(request.encode())
            while tls.recv(4096):
                pass
        with (site.log / f"{site.front.server}-access.log").open("rb") as log:
            log.seek(max(0, log.seek(0, 2) - _TAIL))
            return mark.encode() in log.read()
    except OSError:
        return False


def told(web: WebServer, site: Site) -> State:
    """Return the state of the site in the machine's own web server, for `make status`. Only root
    can use this function."""
    found = state(web)
    if found.word == "running" and not answers(site):
        return State(
            "starting",
            f"{found.detail}; it does not pass requests for {site.front.url} to this site",
        )
    return found

"""The machine's own web server, of which the site may be a part: how it does, and how it takes in
what changed.

It serves others as well. So its whole configuration is tested first, it is never started for the
site's sake, and it restarts only where a reload would not do.
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

from ...base.command import CommandFailed, run
from ...base.errors import Problem
from ...site import Site
from ..host.platform import WebServer
from ..host.tls_client import spoken
from ..supervisors.control import which_supervisor
from ..supervisors.interface import State
from ..supervisors.service import Service
from ..supervisors.systemd import SystemdSupervisor

ANSWER_SECONDS = 60
RESTART_MODULES = frozenset({"auth_openidc", "shib"})
"""Apache's modules that a reload cannot bring or take: once it has loaded mod_auth_openidc 2.4.12,
each child of Apache
2.4.71 crashes; mod_shib was not tried."""
_PATIENCE = 20  # mod_shib tries for six seconds to reach a shibd that does not run
_RELOAD_SECONDS = 1
_TAIL = 65536
_STOP_SECONDS = 180  # systemd lets open connections end for a minute and a half


def state(web: WebServer) -> State:
    """As systemd has it, or else as its own pid file says."""
    if which_supervisor() == "systemd":
        return SystemdSupervisor().state(Service(web.service, "", ()))
    with suppress(OSError, ValueError):
        pid = int(web.pid.read_text())
        if _process(pid) == web.program.name:
            return State("running", f"pid {pid}", pid)
    return State("stopped", f"{web.pid} names no process of it")


def test(web: WebServer) -> None:
    """Have it read its whole configuration, unless it was uninstalled. Raises CommandFailed with
    what it says."""
    if web.program.exists():
        run(shlex.split(web.control.test))


def cannot_reload(modules: Iterable[Path], before: bytes) -> bool:
    """Whether Apache has to restart for these links to modules, or for what stood in the site's
    file before: it ends at a reload that takes its stapling cache away."""
    return any(path.stem in RESTART_MODULES for path in modules) or b"SSLStaplingCache" in before


def take_in(web: WebServer, verb: Literal["restart", "reload"], log: Path | None = None) -> None:
    """Have one that ran read its configuration again; one that did not survive the last is started.
    Raises Problem.

    `log` is that of the site, where it is a part of the web server.
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
        # That is under way by now: those answer yet that have not heard of it, though it may end
        # the whole server.
        time.sleep(_RELOAD_SECONDS)


def _logs(web: WebServer, log: Path | None) -> str:
    """Apache tells of a virtual host's own faults, such as a wrong key, in the log of that host
    alone."""
    return f"{log} and of {web.log}" if log else str(web.log)


def site_log(site: Site) -> Path:
    """Where the web server writes what goes wrong in the site's virtual host."""
    return site.log / f"{site.front.server}-error.log"


def _stop(web: WebServer) -> None:
    pid = state(web).pid
    if pid is None:
        return
    run(shlex.split(web.control.stop))
    end = time.monotonic() + _STOP_SECONDS
    while _process(pid):
        if time.monotonic() > end:
            raise Problem("it does not end", web.service, f"look at process {pid}")
        time.sleep(0.05)


def _process(pid: int) -> str:
    """The name of a process that lives; nothing where there is none, or a dead one that nobody has
    buried."""
    try:
        found = psutil.Process(pid)
        return "" if found.status() == psutil.STATUS_ZOMBIE else found.name()
    except psutil.Error:
        return ""


def wait(web: WebServer, site: Site) -> None:
    """Until the site's virtual host answers. Raises Problem when that takes too long, or the server
    ends."""
    end = time.monotonic() + ANSWER_SECONDS
    while not answers(site):
        if state(web).word != "running":
            remedy = f"read the end of {_logs(web, site_log(site))}"
            raise Problem("ended as it took the site in", web.service, remedy)
        if time.monotonic() > end:
            remedy = f"another of its sites may have the same name, or another program the port; read {web.log}"
            raise Problem(
                f"does not hand {site.front.url} to this site within {ANSWER_SECONDS} s",
                web.service,
                remedy,
            )
        time.sleep(0.1)


def answers(site: Site) -> bool:
    """Whether the virtual host that answers is the site's: it writes what it is asked for into the
    site's log.

    Whose certificate it shows is `make certificate_check`'s question, and whether the hub is behind
    it is the hub's. It may listen on the address of its name alone.
    """
    mark = f"/sitekit-{secrets.token_hex(8)}"
    return any(_handed_on(site, address, mark) for address in ("127.0.0.1", site.front.host))


def _handed_on(site: Site, address: str, mark: str) -> bool:
    request = f"HEAD {mark} HTTP/1.1\r\nHost: {site.front.host}:{site.front.port}\r\nConnection: close\r\n\r\n"
    try:
        with spoken(address, site.front.port, _PATIENCE, site.front.host) as tls:
            tls.sendall(request.encode())
            while tls.recv(4096):
                pass
        with (site.log / f"{site.front.server}-access.log").open("rb") as log:
            log.seek(max(0, log.seek(0, 2) - _TAIL))
            return mark.encode() in log.read()
    except OSError:
        return False


def told(web: WebServer, site: Site) -> State:
    """The state of the site's front in there, for `make status`. What it says needs root."""
    found = state(web)
    if found.word == "running" and not answers(site):
        return State("starting", f"{found.detail}; it does not hand {site.front.url} to this site")
    return found

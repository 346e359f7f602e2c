"""Implement the commands `make start`, `make stop` and `make status`."""

from __future__ import annotations

from pathlib import Path

from ...base.command import CommandFailed, need_root
from ...base.errors import Problem
from ...base.files import write_atomic
from ...base.progress import say
from ...contracts.images import describe_images
from ...contracts.kernel_state import describe_kernel_state, read_kernel_state
from ...site import Site
from ..host.lock import alone
from ..host.platform import this_platform
from ..render import authorities
from ..render.services import running_supervisor, site_services
from ..supervisors import control
from ..supervisors.interface import State
from ..supervisors.service import Service
from ..web import system_server
from ..web.config import server
from . import database
from .page_isolation import administrators, kept_apart
from .site_state import site_state

__all__ = ["renew", "start", "status", "stop"]


def start(site: Site) -> int:
    """Start the site's services in order. Each service is started when the previous service
    answers. Raises Problem.

    If the running hub uses another release than the current one, the hub is restarted. While the
    hub is stopped, its database is upgraded for the current release, or replaced by a backup that
    the current release can read.
    """
    need_root("start")
    if not (site.current / "bin/jupyterhub").exists():
        raise Problem(
            "there is no hub environment to run", str(site.current), "make setup_conda install_all"
        )
    in_use, stamp = str(site.current.resolve()), _stamp(site)
    services, supervisor = site_services(site, this_platform()), running_supervisor(site)
    with alone():
        if hub_release(site) != in_use:
            database.refuse_unknown_schema(site, site.current)
            supervisor.stop(_hub(site))
            database.match_release(site)
        control.start(services, supervisor)
        stamp.parent.mkdir(mode=0o755, parents=True, exist_ok=True)  # /run is empty after a boot
        write_atomic(stamp, in_use)
    for web, state in _machines_own(site).items():
        if state.word != "running":
            say(
                f" !! {web} is not started by sitekit, and users cannot reach {site.front.url}: {state.detail}"
            )
            say(f"    -> systemctl enable --now {web}; if it runs: sudo make apply")
    return 0


def hub_release(site: Site) -> str | None:
    """Return the folder of the release from which the hub was last started; None if the hub has not
    been started since the machine booted."""
    stamp = _stamp(site)
    return stamp.read_text() if stamp.exists() else None


def _stamp(site: Site) -> Path:
    """Return the path of the file that records which release the running hub uses."""
    return site.run / "release"


def renew(site: Site) -> None:
    """Restart the hub with the current release, unless the hub is stopped. Raises Problem.

    All other services of the site keep running.
    """
    if running_supervisor(site).state(_hub(site)).word == "stopped":
        say("The hub is stopped. When it starts (make start), it uses the current release.")
    else:
        start(site)


def _hub(site: Site) -> Service:
    """Return the description (class Service) of the hub's service."""
    name = site.service("hub")
    return next(service for service in site_services(site, this_platform()) if service.name == name)


def stop(site: Site) -> int:
    """Stop the services, the last one first. Users' servers keep running. Raises Problem."""
    need_root("stop")
    with alone():
        control.stop(site_services(site, this_platform()), running_supervisor(site))
    for web in _machines_own(site):
        say(
            f"    {web} also serves other websites and keeps running; users get a page about the stopped hub"
        )
    return 0


def status(site: Site) -> int:
    """Print the state of the services, the isolation of users' pages, the state of the kernels, and
    problems.

    Returns 0 if all is well, else 1.
    """
    need_root("status")
    states = control.status(site_services(site, this_platform()), running_supervisor(site))
    states |= _machines_own(site)
    for name, state in states.items():
        say(f"{name:<32} {state.word:<9} {state.detail}")
    apart, by_what = kept_apart(site, states[site.service("proxy")])
    say(f"{'pages of users':<32} {by_what}")
    say(f"{'administrators':<32} {administrators(site)}")
    say(f"{'internal TLS':<32} {_internal_tls(site)}")
    for number, line in enumerate(describe_kernel_state(read_kernel_state(site))):
        say(f"{'' if number else 'kernels':<32} {line}")
    if line := describe_images(site):
        say(f"{'images':<32} {line}")
    found = list(site_state(site))
    for subject, what, _ in found:
        say(f"{subject:<32} {what}")
    running = all(state.word == "running" for state in states.values())
    return 0 if apart and running and all(well for *_, well in found) else 1


def _internal_tls(site: Site) -> str:
    """Return the line of `make status` about internal TLS and the expiry date of its
    certificates."""
    try:
        return authorities.describe_internal_tls(site)
    except CommandFailed:
        return "its certificates do not exist: sudo make apply"


def _machines_own(site: Site) -> dict[str, State]:
    """Return the state of the machine's own web server, if the site uses that web server."""
    if site.front.instance == "own":
        return {}
    web = server(site, this_platform())
    return {web.service: system_server.told(web, site)}

"""Run the commands `make start` and `make stop`."""

from __future__ import annotations

from pathlib import Path

from ...base.errors import Problem
from ...base.files import write_atomic
from ...base.progress import say
from ...base.run_program import need_root
from ...site import Site
from ..host.lock import hold_machine_lock
from ..host.platform import this_platform
from ..render.services_of_site import running_supervisor, site_services
from ..supervisors import control
from ..supervisors.service import Service
from . import database
from .status_overview import machines_own

__all__ = ["renew", "start", "stop"]


def start(site: Site) -> int:
    """Start the site's services in order. Each service is started when the previous service
    answers. Raises Problem.

    If the running hub uses another release than the current one, the hub is restarted. Before the
    hub starts again, its database is upgraded for the current release, or replaced by a backup that
    the current release can read.
    """
    need_root("start")
    if not (site.current / "bin/jupyterhub").exists():
        raise Problem(
            "there is no hub environment to run", str(site.current), "make setup_conda install_all"
        )
    in_use, stamp = str(site.current.resolve()), _stamp(site)
    services, supervisor = site_services(site, this_platform()), running_supervisor(site)
    with hold_machine_lock():
        if database.load_restored(site) or hub_release(site) != in_use:
            database.refuse_unknown_schema(site, site.current)
            supervisor.stop(_hub(site))
            database.match_release(site)
        control.start(services, supervisor)
        stamp.parent.mkdir(mode=0o755, parents=True, exist_ok=True)  # /run is empty after a boot
        write_atomic(stamp, in_use)
    for web, state in machines_own(site).items():
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
    """Stop the services in the reverse order of their start. Users' servers keep running. Raises
    Problem."""
    need_root("stop")
    with hold_machine_lock():
        control.stop(site_services(site, this_platform()), running_supervisor(site))
    for web in machines_own(site):
        say(
            f"    {web} also serves other websites and keeps running; users get a page about the stopped hub"
        )
    return 0

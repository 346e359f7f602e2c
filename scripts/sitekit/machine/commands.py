"""The room's commands: apply, uninstall, start, stop, status."""

from __future__ import annotations

from ..errors import Problem
from ..progress import say
from ..site import Site
from . import supervise
from .apply import apply, need_root
from .platform import this_platform
from .site_services import running_supervisor, site_services
from .uninstall import uninstall

__all__ = ["apply", "start", "status", "stop", "uninstall"]

READY_SECONDS = 60


def start(site: Site) -> int:
    """Start the site's services in order, each when the one before it answers. Raises Problem."""
    need_root("start")
    if not (site.current / "bin/jupyterhub").exists():
        raise Problem("there is no hub environment to run", str(site.current), "make setup_conda install_all")
    supervise.start(site_services(site, this_platform()), running_supervisor(site), within=READY_SECONDS)
    return 0


def stop(site: Site) -> int:
    """Stop them, the last one first. Users' servers are Slurm's jobs, and stay up. Raises Problem."""
    need_root("stop")
    supervise.stop(site_services(site, this_platform()), running_supervisor(site))
    return 0


def status(site: Site) -> int:
    """Say how each service does. 0 when all of them run and answer, else 1."""
    need_root("status")
    states = supervise.status(site_services(site, this_platform()), running_supervisor(site))
    for name, state in states.items():
        say(f"{name:<32} {state.word:<9} {state.detail}")
    return 0 if all(state.word == "running" for state in states.values()) else 1

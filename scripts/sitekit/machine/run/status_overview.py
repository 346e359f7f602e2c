"""Describe services, isolation of pages, kernels and open problems, for `make status`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from ...base.progress import say
from ...base.run_program import CommandFailed
from ...contracts.image_settings import describe_images
from ...contracts.kernel_state import describe_kernel_state, read_kernel_state
from ...site import Site
from ..host.platform import this_platform
from ..render import certificate_authorities
from ..render.services_of_site import running_supervisor, site_services
from ..supervisors import control
from ..supervisors.interface import State
from ..web import system_server
from ..web.config import server
from .maintenance_and_state_folder import site_state
from .report_page_isolation import administrators, kept_apart


class Line(NamedTuple):
    """One line of the overview. `well` is false if the line describes a problem."""

    subject: str
    text: str
    well: bool = True


def overview(site: Site) -> Iterator[Line]:
    """Yield the lines of the overview. Raises Problem if the program that runs the site's
    services (systemd or supervisord) does not answer.

    Without root, lines that need root's rights are omitted.
    """
    states = service_states(site)
    for name, state in states.items():
        yield Line(name, f"{state.word:<9} {state.detail}", state.word in ("running", "unknown"))
    if os.geteuid() == 0:
        apart, by_what = kept_apart(site, states[site.service("proxy")])
        yield Line("pages of users", by_what, apart)
    yield Line("administrators", administrators(site))
    if os.geteuid() == 0:
        yield Line("internal TLS", _internal_tls(site))
    for number, text in enumerate(describe_kernel_state(read_kernel_state(site))):
        yield Line("" if number else "kernels", text)
    if text := describe_images(site):
        yield Line("images", text)
    yield from (Line(*found) for found in site_state(site))


def print_overview(site: Site) -> bool:
    """Print the overview; return True if no line describes a problem. Raises Problem."""
    lines = list(overview(site))
    for line in lines:
        say(f"{line.subject:<32} {line.text}")
    return all(line.well for line in lines)


def service_states(site: Site) -> dict[str, State]:
    """Return the states of the services, and of the machine's web server if the site uses it.

    Only root can find out whether a service answers. Without root, the result has the state that
    the supervisor reports. Raises Problem.
    """
    services, supervisor = site_services(site, this_platform()), running_supervisor(site)
    if os.geteuid() == 0:
        return control.status(services, supervisor) | machines_own(site)
    return {service.name: supervisor.state(service) for service in services}


def machines_own(site: Site) -> dict[str, State]:
    """Return the state of the machine's own web server, if the site uses that web server."""
    if site.front.instance == "own":
        return {}
    web = server(site, this_platform())
    return {web.service: system_server.told(web, site)}


def _internal_tls(site: Site) -> str:
    """Return the line of the overview about internal TLS."""
    try:
        return certificate_authorities.describe_internal_tls(site)
    except CommandFailed:
        return "its certificates are not there: sudo make apply"

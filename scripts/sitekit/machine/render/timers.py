"""Generate the systemd timers and the path unit of a site, with the services that these units
start.

The timers run `make kernels_check`, `backup` and `certificate_check` each day. When the certificate
changes, the path unit starts a program that reloads the web server.
"""

from __future__ import annotations

from pathlib import Path

from ...base.templates import templates
from ...site import Site
from ..supervisors.systemd import UNITS
from ..web.certificate_reload_program import is_brought

_TITLES = {
    "kernels": "Daily test of the kernels",
    "backup": "Nightly backup",
    "certificate": "Daily check of the certificate",
}


def timers(site: Site) -> tuple[str, ...]:
    """Return the names of the timers and of the path unit.

    The hub's unit has these units in Wants=. When the hub is stopped, systemd also stops the timers
    and the path unit.
    """
    return (
        *(f"{site.service(part)}.timer" for part in _wanted(site)),
        *([_watch(site)] if _is_watched(site) else []),
    )


def nightly(site: Site) -> dict[Path, str]:
    """Return the timer units, the path unit, and the services that these units start: path ->
    text."""
    units, files = templates("systemd"), {}
    for part, at in _wanted(site).items():
        timer = UNITS / f"{site.service(part)}.timer"
        files[timer] = units.get_template("nightly.timer.j2").render(
            site=site, title=_TITLES[part], at=at
        )
        unit = units.get_template(f"{part}.service.j2")
        files[timer.with_suffix(".service")] = unit.render(site=site, watched=_is_watched(site))
    if _is_watched(site):
        files[UNITS / _watch(site)] = units.get_template("renewal.path.j2").render(site=site)
        service = UNITS / f"{site.service('renewal')}.service"
        files[service] = units.get_template("renewal.service.j2").render(site=site)
    return files


def _watch(site: Site) -> str:
    """Return the name of the path unit that starts the reload of the web server when the
    certificate's files change.
    """
    return f"{site.service('renewal')}.path"


def _is_watched(site: Site) -> bool:
    """Return whether the site has a path unit for changes of the certificate's files."""
    return is_brought(site) and site.supervisor == "systemd"


def _wanted(site: Site) -> dict[str, str]:
    """Return the site's timers: name -> time of the day at which the timer starts its service."""
    times = {"kernels": site.kernels.check.at, "backup": site.backup.at, "certificate": "05:00"}
    return {
        part: at for part, at in times.items() if at != "never" and site.supervisor == "systemd"
    }

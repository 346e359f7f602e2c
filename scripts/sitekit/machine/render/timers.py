"""What systemd starts by itself: `make kernels_check`, `backup` and `certificate_check` each day,
by timers, and the program that takes a renewed certificate into use, by a watch over its files."""

from __future__ import annotations

from pathlib import Path

from ...base.templates import templates
from ...site import Site
from ..supervisors.systemd import UNITS
from ..web.renewal import is_brought

_TITLES = {
    "kernels": "Daily test of the kernels",
    "backup": "Nightly backup",
    "certificate": "Daily look at the certificate",
}


def timers(site: Site) -> tuple[str, ...]:
    """The names of the units of the timers and of the watch. The hub's unit wants them, and stops
    them."""
    return (
        *(f"{site.service(part)}.timer" for part in _wanted(site)),
        *([_watch(site)] if _is_watched(site) else []),
    )


def nightly(site: Site) -> dict[Path, str]:
    """The timers, and the services that they start."""
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
    return f"{site.service('renewal')}.path"


def _is_watched(site: Site) -> bool:
    return is_brought(site) and site.supervisor == "systemd"


def _wanted(site: Site) -> dict[str, str]:
    """The parts with a timer, and when each runs."""
    times = {"kernels": site.kernels.check.at, "backup": site.backup.at, "certificate": "05:00"}
    return {
        part: at for part, at in times.items() if at != "never" and site.supervisor == "systemd"
    }

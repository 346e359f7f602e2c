"""The timers that run `make kernels_check`, `backup` and `certificate_check` each day, where systemd is in charge."""

from __future__ import annotations

from pathlib import Path

from ..site import Site
from ..supervisors.systemd import UNITS
from ..templates import templates

_TITLES = {
    "kernels": "Daily test of the kernels",
    "backup": "Nightly backup",
    "certificate": "Daily look at the certificate",
}


def timers(site: Site) -> tuple[str, ...]:
    """The names of the timers' units. The hub's unit wants them, and stops them."""
    return tuple(f"{site.service(part)}.timer" for part in _wanted(site))


def nightly(site: Site) -> dict[Path, str]:
    """The timers, and the services that they start."""
    units, files = templates("systemd"), {}
    for part, at in _wanted(site).items():
        timer = UNITS / f"{site.service(part)}.timer"
        files[timer] = units.get_template("nightly.timer.j2").render(site=site, title=_TITLES[part], at=at)
        files[timer.with_suffix(".service")] = units.get_template(f"{part}.service.j2").render(site=site)
    return files


def _wanted(site: Site) -> dict[str, str]:
    """The parts with a timer, and when each runs."""
    times = {"kernels": site.kernels.check.at, "backup": site.backup.at, "certificate": "05:00"}
    return {part: at for part, at in times.items() if at != "never" and site.supervisor == "systemd"}

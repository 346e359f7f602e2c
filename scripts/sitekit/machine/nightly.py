"""The timer that runs `make kernels_check` each day, where systemd is in charge."""

from __future__ import annotations

from pathlib import Path

from ..site import Site
from .systemd import UNITS
from .templates import templates


def timer(site: Site) -> str | None:
    """The name of the timer's unit; None where the site has none."""
    wanted = site.supervisor == "systemd" and site.kernels.check.at != "never"
    return f"{site.service('kernels')}.timer" if wanted else None


def nightly_check(site: Site) -> dict[Path, str]:
    """The timer and the service that it starts. The hub's unit wants the timer, and stops it."""
    name = timer(site)
    if name is None:
        return {}
    units = templates("systemd")
    return {
        UNITS / name: units.get_template("kernels.timer.j2").render(site=site),
        (UNITS / name).with_suffix(".service"): units.get_template("kernels.service.j2").render(site=site),
    }

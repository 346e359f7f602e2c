"""Generate the gate and the local gate (the root-owned programs with which the hub starts users'
servers) and their configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ...base.data_files import data
from ...contracts.gate_config import gate_config, job_script
from ...contracts.local_gate_config import local_gate_config
from ...site import Site
from ...site.courses.course_files import Course
from ..host.file_to_write import File


def gates(site: Site, courses: Sequence[Course]) -> dict[Path, File]:
    """Return the gate programs that the backends of the site need, and the script that runs a
    user's server."""
    files = {
        site.libexec / "job.sh": _job(site),
        site.libexec / "gate": copy("scripts/gate", 0o755),
    }
    if "slurm" in site.backends:
        text = json.dumps(gate_config(site, courses), indent=2) + "\n"
        files |= {
            site.libexec / "gate.json": File(text),
            site.libexec / "end": copy("scripts/gate", 0o755),
        }
    return files | _local_gate(site, courses)


def _local_gate(site: Site, courses: Sequence[Course]) -> dict[Path, File]:
    """Return the files of the local gate, if tiers run on this host. The local gate imports the
    program `gate`. Because of this import, the result also contains the file `gate`."""
    if not site.local_backends:
        return {}
    programs = ["local_gate", *(["container_service"] if "docker" in site.backends else [])]
    text = json.dumps(local_gate_config(site, courses), indent=2) + "\n"
    return {
        site.libexec / "local_gate.json": File(text),
        **{site.libexec / name: copy(f"scripts/{name}", 0o755) for name in programs},
        **{site.libexec / name: copy(f"scripts/{name}") for name in ("containers.py", "units.py")},
    }


def _job(site: Site) -> File:
    """Return the script that starts a user's server in a Slurm job, a container or a systemd
    unit."""
    return File(job_script(site, data("config/templates/job.sh").read_text(encoding="utf-8")))


def copy(name: str, mode: int = 0o644) -> File:
    """Return a file of the checkout's folder `scripts` as a file to be written to the machine."""
    return File(data(name).read_text(encoding="utf-8"), mode)

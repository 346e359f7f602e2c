"""Check whether the hub's own host has what tiers on `docker` or `systemd` need: systemd or Docker,
memory, and images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ...base.command import CommandFailed, run
from ...site import Site
from ...site.memory_and_time import format_memory
from .finding import Finding, unknown

MEMORY = Path("/proc/meminfo")
SYSTEMD = Path("/run/systemd/system")
PROGRAMS = ("ip", "iptables")


def look(site: Site) -> Iterator[Finding]:
    """Yield a finding (a problem) for everything that a tier needs and that this host does not
    have."""
    yield from _sizes(site)
    if "systemd" in site.backends and not SYSTEMD.is_dir():
        yield Finding(
            "systemd is not PID 1 on this machine, and tiers run on it",
            "tiers",
            "write another backend to runs_on",
        )
    if "docker" in site.backends:
        yield from _docker(site)


def _sizes(site: Site) -> Iterator[Finding]:
    """Yield a finding for each tier that needs more memory or CPUs than this host has."""
    total = int(MEMORY.read_text().split()[1]) // 1024
    cpus = os.cpu_count() or 1
    for place, tier in enumerate(site.tiers):
        if tier.runs_on not in site.local_backends:
            continue
        for what, has, key in ((tier.memory, total, "memory"), (tier.cpus, cpus, "cpus")):
            if what > has:
                sizes = (
                    map(format_memory, (what, has)) if key == "memory" else map(str, (what, has))
                )
                asked, there = sizes
                yield Finding(
                    f"tier '{tier.key}' asks for {key} of {asked}, and this host has {there}",
                    f"tiers[{place}].{key}",
                    "ask for less",
                )


def _docker(site: Site) -> Iterator[Finding]:
    """Yield findings about the Docker engine, its settings and its images."""
    words = [str(site.docker.program), "-H", f"unix://{site.docker.socket}"]
    if not site.docker.program.exists():
        what = f"there is no {site.docker.program}"
        yield Finding(what, "docker.program", "install the package docker.io")
        return
    for program in PROGRAMS:
        if not any(Path(folder, program).exists() for folder in ("/usr/sbin", "/usr/bin")):
            yield Finding(f"there is no {program} on this machine", "docker", f"install {program}")
    try:
        kept = run([*words, "info", "--format", "{{.LiveRestoreEnabled}}"], timeout=20).stdout
    except CommandFailed as failed:
        what = f"Docker does not answer at {site.docker.socket}: {failed.output.strip()[-200:]}"
        yield unknown(what, "systemctl start docker, or run this as root")
        return
    if kept.strip() == "false":
        yield Finding(
            "a restart of Docker ends all servers",
            "docker",
            'write {"live-restore": true} to /etc/docker/daemon.json, and reload Docker',
            refuses=False,
        )
    for place, image in enumerate(site.docker.images):
        try:
            run([*words, "image", "inspect", "--format", "{{.Id}}", image.name], timeout=20)
        except CommandFailed:
            what = f"Docker has no image {image.name}"
            yield Finding(what, f"docker.images[{place}].name", "build or load it", refuses=False)

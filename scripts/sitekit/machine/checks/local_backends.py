"""Check whether the hub's own host has everything that tiers on `docker` or `systemd` need: systemd
or Docker, enough memory, and the images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ...base.finding import Finding, unseen, warning
from ...base.run_program import CommandFailed, run
from ...site import Site
from ...site.types.memory_and_time import format_memory

MEMORY = Path("/proc/meminfo")
SYSTEMD = Path("/run/systemd/system")
PROGRAMS = ("ip", "iptables")
COMPONENTS, PODMAN = "{{range .Server.Components}}{{.Name}}\n{{end}}", "Podman Engine"
"""The format with which `docker version` prints the engine's components, and the component that
only Podman has."""


def check_local_backends(site: Site) -> Iterator[Finding]:
    """Yield a finding for everything that a tier needs and that this host does not have."""
    yield from check_tier_sizes(site)
    if "systemd" in site.backends and not SYSTEMD.is_dir():
        yield Finding(
            "systemd is not PID 1 on this machine, and tiers run on it",
            "tiers",
            "write another backend to runs_on",
        )
    if "docker" in site.backends:
        yield from _docker(site)


def check_tier_sizes(site: Site) -> Iterator[Finding]:
    """Yield a finding for each tier that is larger than this host."""
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
    """Yield findings about the engine, its settings and the images."""
    words = site.docker.command
    if not site.docker.program.exists():
        what = f"there is no {site.docker.program}"
        yield Finding(what, "docker.program", "install the package docker.io")
        return
    for program in PROGRAMS:
        if not any(Path(folder, program).exists() for folder in ("/usr/sbin", "/usr/bin")):
            yield Finding(f"there is no {program} on this machine", "docker", f"install {program}")
    try:
        kept = run([*words, "info", "--format", "{{.LiveRestoreEnabled}}"], timeout=20).stdout
        names = run([*words, "version", "--format", COMPONENTS], timeout=20).stdout
    except CommandFailed as failed:
        what = f"Docker does not answer at {site.docker.socket}: {failed.output.strip()[-200:]}"
        yield unseen(what, "systemctl start docker, or run this as root")
        return
    if PODMAN in names:
        yield warning(
            "this is Podman, which lets containers connect to each other",
            "docker.socket",
            "use the socket of Docker if users' programs must not reach each other's ports",
        )
    elif kept.strip() == "false":
        yield warning(
            "a restart of Docker ends all servers",
            "docker",
            'write {"live-restore": true} to /etc/docker/daemon.json, and reload Docker',
        )
    yield from check_docker_images(site)


def check_docker_images(site: Site) -> Iterator[Finding]:
    """Yield a finding for each image that the engine does not have, or whose Id differs from
    site.yml."""
    argv = [*site.docker.command, "image", "inspect", "--format", "{{.Id}}"]
    for place, image in enumerate(site.docker.images):
        where = f"docker.images[{place}]"
        try:
            number = run([*argv, image.name], timeout=20).stdout.strip()
        except CommandFailed:
            what = f"Docker has no image {image.name}"
            yield warning(what, f"{where}.name", "build or load it")
            continue
        if image.digest and number != image.digest:
            what = f"the image {image.name} has the Id {number}, and not this one"
            yield warning(what, f"{where}.digest", "load the right image, or correct it")

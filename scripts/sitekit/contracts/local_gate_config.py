"""Build local_gate.json, the configuration of the root-owned program that runs servers on this host.

`make apply` writes local_gate.json beside the program. Only root can change local_gate.json.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from ..site import Site
from ..site.courses.course_files import Course
from ..site.sections.tier import Tier
from .gate_config import MIN_UID, course_settings, hub_variables, session_settings


def local_gate_config(site: Site, courses: Iterable[Course] = ()) -> dict[str, Any]:
    """Return the contents of local_gate.json. In this file, a course is a tier with additional
    settings.

    scripts/local_gate and scripts/container_service read exactly these keys.
    """
    mapped = site.login.accounts != "same"
    local = site.local_backends
    tiers = {tier.key: _tier(tier) for tier in site.tiers if tier.runs_on in local}
    taught = {course.key: course for course in courses if course.tier.runs_on in local}
    tiers |= {key: _tier(course.tier) | {"course": key} for key, course in taught.items()}
    return {
        "site": site.name,
        "job_name": site.job_name,
        "engines": list(site.local_backends),
        "groups": list(site.login.allowed_groups),
        "never": ["root", *site.service_accounts],
        "min_uid": MIN_UID,
        "folder": str(site.run / "servers"),
        "slice": f"sitekit-{site.name}.slice",
        "log_dir": site.log_dir,
        "session": json.dumps(session_settings(site)),
        "hub": hub_variables(site),
        "hub_port": site.hub.port,
        "tiers": tiers,
        "courses": {key: course_settings(course) for key, course in taught.items()},
        **({"users": "any"} if mapped else {}),
        **({"docker": _docker(site)} if "docker" in site.local_backends else {}),
    }


def _tier(tier: Tier) -> dict[str, Any]:
    """Return the limits of a tier: memory in MiB, time in seconds."""
    return {
        "runs_on": tier.runs_on,
        "memory": tier.memory,
        "cap": tier.cap,
        "cpus": tier.cpus,
        "seconds": tier.time,
        "images": list(tier.images),
        "group": tier.requires.group,
    }


def _docker(site: Site) -> dict[str, Any]:
    """Return the settings of the container engine (Docker) and of its network."""
    images = {
        image.key: {"name": image.digest or image.name, "python": str(image.python)}
        for image in site.docker.images
    }
    return {
        "program": str(site.docker.program),
        "socket": str(site.docker.socket),
        "network": f"sitekit-{site.name}",
        "bridge": bridge(site),
        "subnet": site.docker.subnet,
        "gateway": site.docker.gateway,
        "prefix": str(site.paths.prefix),
        "images": images,
    }


def bridge(site: Site) -> str:
    """Return the name of the containers' network bridge. Linux allows at most 15 characters."""
    if len(site.name) <= 12:
        return f"sk-{site.name}"
    return f"sk-{hashlib.sha256(site.name.encode()).hexdigest()[:12]}"

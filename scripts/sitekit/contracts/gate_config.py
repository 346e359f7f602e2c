"""Build gate.json, the gate's configuration for this site.

`make apply` writes gate.json beside the gate. Only root can change gate.json.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..site import Site
from ..site.courses.course_files import Course
from .applications import application_settings
from .image_settings import image_settings
from .internal_tls import hub_url

MIN_UID = 1000
"""The lowest uid of a user. Accounts with a lower uid belong to the system (login.defs(5),
UID_MIN)."""

PARTICIPANTS = "participants"
"""The folder in a gateway account's home in which each user has a folder."""


def gate_config(site: Site, courses: Iterable[Course] = ()) -> dict[str, Any]:
    """Return the contents of gate.json. scripts/gate reads exactly these keys.

    The key `users` is "any" if the hub decides under which account a user's servers run. The key
    `accounts` names the gateway account (`login.accounts.gateway`), under which the servers of all
    users run. In the home of the gateway account, each user has a folder.
    """
    gateway, mapped = site.login.gateway, site.login.accounts != "same"
    prefix = servers_prefix(site)
    taught = {course.key: course_settings(course) for course in courses}
    images = {image.key: image_settings(site, image, prefix) for image in site.server.images}
    return {
        "site": site.name,
        "job_name": site.job_name,
        "groups": list(site.login.allowed_groups),
        "never": ["root", *site.service_accounts],
        "min_uid": MIN_UID,
        "slurm_bin": str(site.slurm.bin),
        "slurm_conf": str(site.slurm.conf) if site.slurm.conf else "",
        "log_dir": site.log_dir,
        "session": json.dumps(session_settings(site)),
        "hub": hub_variables(site),
        **({"images": images} if images else {}),
        **({"courses": taught} if taught else {}),
        **(
            {
                "queries": [site.slurm.ssh.account],
                "release": str(prefix / "current" / "release.json"),
            }
            if site.slurm.ssh
            else {}
        ),
        **({"users": "any"} if mapped else {}),
        **({"accounts": [gateway], "participants": PARTICIPANTS} if gateway else {}),
    }


COOKIES = {"secure": True, "samesite": "Lax"}
"""Attributes of the cookies that servers set.

JupyterHub sets these attributes for its login cookies, but not for its _xsrf cookie.
"""


def hub_variables(site: Site) -> dict[str, str]:
    """Return the environment variables for JupyterHub's single-user server that are the same for
    all servers.

    Because the gate sets these environment variables, the hub cannot change them.
    """
    return {
        "JUPYTERHUB_API_URL": f"{hub_url(site)}/hub/api",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_HOST": site.front.url,
        "JUPYTERHUB_PUBLIC_HUB_URL": f"{site.front.url}/hub/",
        "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED": "1" if site.front.subdomains else "0",
        "JUPYTERHUB_COOKIE_OPTIONS": json.dumps(COOKIES),
        "JUPYTERHUB_DISABLE_USER_CONFIG": "1",
    }


def session_settings(site: Site) -> dict[str, Any]:
    """Return the settings of site.yml that a user's server needs.

    The gate passes the settings of a user's server to the job in the variable SITEKIT_SESSION.
    """
    material, engines = site.server.repository, site.server.ipyparallel
    return {
        "port_range": list(site.server.port_range),
        "kernels": str(servers_prefix(site) / "kernels" / "current"),
        "modulepath": ":".join(map(str, site.kernels.modulepath)),
        "lmod": str(site.kernels.lmod),
        "root": site.server.folder,
        "links": site.server.links,
        "root_read_only": site.server.root_read_only,
        "user_variables": list(site.server.user_variables),
        "git_pull": list(site.server.git_pull),
        "umask": site.server.umask,
        **(
            {
                "repository": {
                    "url": material.url,
                    "branch": material.branch or "",
                    "folder": material.name,
                }
            }
            if material
            else {}
        ),
        **({"ipyparallel": dict(engines)} if engines else {}),
        **application_settings(site, servers_prefix(site)),
    }


def course_settings(course: Course) -> dict[str, Any]:
    """Return the settings for the servers of a course: material, first page and kernel."""
    file = course.file
    material: dict[str, Any] = {}
    if file.material and file.material.repository:
        material = {"repository": file.material.repository, "branch": file.material.ref or ""}
    elif file.material:
        material = {"folder": str(file.material.folder)}
    return {
        "key": course.key,
        **material,
        **({"page": file.page} if file.page else {}),
        **({"kernel": file.kernel} if file.kernel else {}),
    }


def job_script(site: Site, template: str) -> str:
    """Return the job script that the gate submits: the template with the site's paths filled in.

    If a release of an older sitekit has no program start-server, the job starts the server directly
    from the release.
    """
    start, folder = site.server.start, shlex.quote(str(site.server.start_folder))
    program = '"$release/share/sitekit/start-server"'
    words = f'[ ! -f {program} ] || exec /bin/sh {program} {start} {folder} "$release"; '
    script = template.replace("{{current}}", str(servers_prefix(site) / "current"))
    return script.replace("{{start}}", "" if start == "direct" else words)


def servers_prefix(site: Site) -> Path:
    """Return the path, on the compute nodes, of the folder with the servers' environment and the
    kernels."""
    return site.slurm.ssh.prefix if site.slurm.ssh else site.paths.prefix

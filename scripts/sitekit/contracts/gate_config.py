"""What the gate knows about its site: a small JSON file beside it, root's, written by `make apply`."""

from __future__ import annotations

import json
from typing import Any

from ..site import Site
from .internal_tls import hub_url

MIN_UID = 1000
"""Accounts below are the system's; login.defs(5), UID_MIN."""


def gate_config(site: Site) -> dict[str, Any]:
    """The contents of gate.json. scripts/gate reads exactly these keys."""
    return {
        "site": site.name,
        "job_name": site.job_name,
        "groups": list(site.login.allowed_groups),
        "never": ["root", site.hub.user, site.proxy.user],
        "min_uid": MIN_UID,
        "slurm_bin": str(site.slurm.bin),
        "slurm_conf": str(site.slurm.conf) if site.slurm.conf else "",
        "log_dir": site.log_dir,
        "session": json.dumps(session_settings(site)),
        "hub": hub_variables(site),
    }


COOKIES = {"secure": True, "samesite": "Lax"}
"""How cookies are marked. JupyterHub marks its login cookies so by itself, but not its _xsrf."""


def hub_variables(site: Site) -> dict[str, str]:
    """Variables of JupyterHub's single-user server that are the same for all servers: the hub
    cannot change them."""
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
    """What a server needs to know of its site; the gate hands it to the job as SITEKIT_SESSION."""
    return {
        "port_range": list(site.server.port_range),
        "kernels": str(site.kernels_current),
        "modulepath": ":".join(map(str, site.kernels.modulepath)),
        "lmod": str(site.kernels.lmod),
        "root": site.server.folder,
        "links": site.server.links,
        "root_read_only": site.server.root_read_only,
        "user_variables": list(site.server.user_variables),
        "git_pull": list(site.server.git_pull),
        "umask": site.server.umask,
    }


def job_script(site: Site, template: str) -> str:
    """The job script that the gate submits: config/templates/job.sh with the site's paths in it."""
    return template.replace("{{current}}", str(site.current))

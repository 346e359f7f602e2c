"""Generate the content of all files that `make apply` writes, except secrets (machine_secrets.py).

The functions of this file return the contents, and write no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ...backends.slurm import ssh_files as ssh
from ...base.data_files import data
from ...contracts import internal_tls, metrics_token, tunnel_paths
from ...site import Site
from ...site.courses.course_files import Course, offered_courses
from ...site.show import dump
from ..host.file_to_write import File, Folder
from ..host.platform import Platform
from ..system_sshd.deny_groups import denied
from ..web.certificate_reload_program import renewal
from ..web.config import front
from ..web.logrotate import log_rotation
from .gate_files import copy, gates
from .monitoring import monitoring_files
from .proxy_preloads import preloaded
from .services_of_site import site_services, site_supervisor
from .ssh import ssh_files
from .sudo_and_pam import pam, sudoers
from .timers import nightly
from .tunnel import tunnel_files

LOCAL_D = "config/local.d"
"""The folder of the checkout with the site's additional configuration of JupyterHub and the web
server."""


def render(site: Site, platform: Platform, found: Sequence[Course] = ()) -> dict[Path, File]:
    """Return all files of the site, in the order in which they are written: path -> file.

    The contents depend only on the site file, the courses in `found` and the distribution, not on
    the time or the host name.
    """
    web = front(site, platform) | renewal(site, platform)
    reached = pam(site, platform) | web | preloaded(site) | services(site, platform)
    before = configuration(site) | (ssh_files(site) if site.slurm.ssh else gates(site, found))
    before |= tunnel_files(site) | courses(site, found) | monitoring_files(site)
    rules = {} if site.slurm.ssh else sudoers(site, platform)
    return before | reached | log_rotation(site, platform) | denied(site) | rules


def configuration(site: Site) -> dict[Path, File]:
    """Return the hub's configuration files: the site file with all defaults, JupyterHub's
    configuration, and the files of local.d."""
    files = {
        site.etc / "site.yml": File(dump(site)),
        site.etc / "jupyterhub_config.py": copy("config/jupyterhub_config.py"),
        site.etc / "culler_config.py": copy("config/culler_config.py"),
    }
    try:
        extras = sorted(path for path in data(LOCAL_D).iterdir() if path.suffix in (".py", ".conf"))
    except FileNotFoundError:
        extras = []
    return files | {
        site.etc / "local.d" / extra.name: copy(f"{LOCAL_D}/{extra.name}") for extra in extras
    }


def courses(site: Site, found: Iterable[Course]) -> dict[Path, File]:
    """Return the course files and their rosters, which only root and the hub can read."""
    texts = {name: text for course in found for name, text in course.texts.items()}
    return {
        offered_courses(site) / name: File(text, 0o640, group_of=site.hub.user)
        for name, text in sorted(texts.items())
    }


def services(site: Site, platform: Platform) -> dict[Path, File]:
    """Return the files that define the site's services: systemd units, or one supervisord.conf."""
    rendered = site_supervisor(site).files(site_services(site, platform)) | nightly(site)
    return {path: File(text) for path, text in rendered.items()}


def folders(site: Site, platform: Platform) -> dict[Path, Folder]:
    """Return the site's directories with owner and mode. A parent comes before its
    subdirectories."""
    own = {
        site.etc: Folder(),
        site.etc / "tls": Folder(0o700),
        internal_tls.folder(site): Folder(),
        site.etc / "local.d": Folder(),
        offered_courses(site): Folder(),
        metrics_token.folder(site): Folder(),
        site.libexec: Folder(),
        site.libexec / "proxy": Folder(),
        site.log: Folder(0o750),
        site.backups: Folder(0o700),
        site.front_state: Folder(),
        site.paths.state: Folder(0o700, site.hub.user),
    }
    if site.slurm.ssh:
        own |= {
            ssh.folder(site): Folder(),
            ssh.sockets(site): Folder(0o700, site.hub.user),
        }
    if site.tunnel:
        own |= {
            tunnel_paths.folder(site): Folder(),
            tunnel_paths.entries(site): Folder(0o2750, site.hub.user, site.tunnel.user),
        }
    if site.login.second_factor == "totp":
        own[site.totp] = Folder(0o700, site.hub.user)
    shared = {
        parent: Folder(shared=True)
        for folder in [*own, *render(site, platform)]
        for parent in folder.parents
    }
    ordered = sorted(shared | own, key=lambda path: len(path.parts))
    return {path: own.get(path) or shared[path] for path in ordered if path != Path("/")}

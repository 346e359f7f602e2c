"""Generate the files for the login node: the gate, and the configuration of sshd for the hub."""

from __future__ import annotations

import json
from pathlib import Path

from ...base.data_files import data
from ...base.templates import templates
from ...contracts.gate_config import gate_config, job_script
from ...site import Site
from ...site.courses.course_files import site_courses
from ...site.sections.slurm import Ssh
from ..host.file_to_write import File

SSHD = Path("/etc/ssh/sshd_config.d")


def login_node_files(site: Site, node: Ssh, hub_key: str, user_authority: str) -> dict[Path, File]:
    """Return all files for the login node: path -> file. The owner of each file is root.

    `hub_key` and `user_authority` are public keys in the format of ssh-keygen(1).
    """
    script = job_script(site, data("config/templates/job.sh").read_text(encoding="utf-8"))
    config = gate_config(site, site_courses(site))
    gate = site.libexec / "gate"
    hub = f'restrict,from="{source(site, node)}",command="{gate}" {hub_key}'
    return {
        site.libexec / "gate.json": File(json.dumps(config, indent=2) + "\n"),
        site.libexec / "job.sh": File(script),
        gate: _program("scripts/gate"),
        site.libexec / "ssh_principals": _program("scripts/ssh_principals"),
        site.libexec / "authorized_keys": File(hub),
        site.libexec / "user_ca.pub": File(user_authority),
        SSHD / f"sitekit-{site.name}.conf": File(_rendered("sshd_config.j2", site, node)),
    }


def instructions(site: Site, node: Ssh, files: dict[Path, File]) -> str:
    """Return the installation instructions for the administrator of the login node, in Markdown."""
    return _rendered("login_node.md.j2", site, node, files=[str(path) for path in files])


def source(site: Site, node: Ssh) -> str:
    """Return the IP address from which the hub connects to the login node."""
    return node.source or site.hub.address


def _program(name: str) -> File:
    """Return a program of the checkout, such as the gate, as a File for the login node."""
    return File(data(name).read_text(encoding="utf-8"), 0o755)


def _rendered(template: str, site: Site, node: Ssh, **words: object) -> str:
    """Return the text of a template, in which the values of this site replace the placeholders."""
    text = templates("config/templates").get_template(template)
    return text.render(site=site, ssh=node, source=source(site, node), **words) + "\n"

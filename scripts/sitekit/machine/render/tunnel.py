"""Generate the configuration, programs and keys of the site's own sshd, for a site with SSH
tunnels."""

from __future__ import annotations

import json
from pathlib import Path

from ...base.data_files import data
from ...base.public_key_path import public_key
from ...base.templates import templates
from ...contracts import tunnel_paths
from ...site import Site
from ..host.file_to_write import File
from ..host.target import Target
from .ssh import key_pair


def tunnel_files(site: Site) -> dict[Path, File]:
    """Return the configuration and the programs of the site's own sshd; {} for a site without
    tunnels."""
    if site.tunnel is None:
        return {}
    text = (
        templates("config/templates")
        .get_template("tunnel_sshd_config.j2")
        .render(
            site=site,
            tunnel=site.tunnel,
            host_key=tunnel_paths.host_key(site),
            authority=public_key(tunnel_paths.authority(site)),
        )
    )
    programs = {
        site.libexec / name: File(data(f"scripts/{name}").read_text(encoding="utf-8"), 0o755)
        for name in ("tunnel_principals", "tunnel_sshd")
    }
    return {
        tunnel_paths.sshd_config(site): File(f"{text}\n"),
        site.libexec / "tunnel.json": File(json.dumps(_settings(site), indent=2) + "\n"),
        **programs,
    }


def _settings(site: Site) -> dict[str, object]:
    """Return the contents of tunnel.json, which the programs tunnel_sshd and tunnel_principals
    read."""
    assert site.tunnel is not None, "tunnel_files() checks it"  # noqa: S101
    return {
        "sshd_config": str(tunnel_paths.sshd_config(site)),
        "entries": str(tunnel_paths.entries(site)),
        "connections": str(tunnel_paths.connections(site)),
        "ports": list(site.tunnel.ports),
        "hub": f"{site.hub_listens_at}:{site.hub.port}",
    }


def tunnel_key_paths(site: Site) -> set[Path]:
    """Return the paths of the SSH keys that tunnel_keys() creates."""
    if site.tunnel is None:
        return set()
    private = (tunnel_paths.host_key(site), tunnel_paths.authority(site))
    return {*private, *map(public_key, private)}


def tunnel_keys(target: Target) -> dict[Path, File]:
    """Return the host key of the site's own sshd and the key that signs jobs' certificates, each
    with its public key.

    Existing keys are kept, because running jobs have a copy of the public host key. Raises
    CommandFailed.
    """
    site = target.site
    if site.tunnel is None:
        return {}
    return key_pair(target, tunnel_paths.host_key(site), "tunnels", site.tunnel.user) | key_pair(
        target, tunnel_paths.authority(site), "certificates of tunnels", site.hub.user
    )

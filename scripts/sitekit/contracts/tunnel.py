"""Define the files of tunnels, and how they are written.

A tunnel is one SSH connection from a server's job to the site's own sshd on the hub's machine. It
forwards one port of 127.0.0.1 there to the server, and a port of the compute node to the hub.
docs/tunnels.md explains tunnels.

The hub keeps one file for each open tunnel. sshd runs a program that reads this file, and accepts a
job's certificate only while it exists.
"""

from __future__ import annotations

from pathlib import Path

from ..site import Site

SENT = "JUPYTERHUB_SITEKIT_TUNNEL"
"""The variable in which a job gets its key and certificate. session/tunnel.py reads it."""


def folder(site: Site) -> Path:
    """Return the folder of sshd_config and the keys."""
    return site.etc / "tunnel"


def sshd_config(site: Site) -> Path:
    """Return the path of the configuration of the site's own sshd."""
    return folder(site) / "sshd_config"


def host_key(site: Site) -> Path:
    """Return the path of sshd's private key, which only sshd's account can read."""
    return folder(site) / "host_key"


def authority(site: Site) -> Path:
    """Return the path of the key that signs jobs' certificates, which only the hub can read.

    It signs nothing else, so that a job's certificate is worth nothing at the login node.
    """
    return folder(site) / "authority"


def entries(site: Site) -> Path:
    """Return the folder with one file for each open tunnel.

    The file has the server's tag as its name, and the server's port on the hub's machine as its
    text. The hub writes the folder, and sshd's account can read it.
    """
    return Path("/var/lib/sitekit-tunnel") / site.name


def connections(site: Site) -> Path:
    """Return the folder in which sshd's account records the connections of each tunnel."""
    return site.run / "tunnel"


def host(site: Site) -> str:
    """Return the address at which compute nodes reach the hub's machine."""
    return (site.tunnel and site.tunnel.host) or site.hub.address

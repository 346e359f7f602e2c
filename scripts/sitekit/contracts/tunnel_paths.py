"""Define the paths of the files for SSH tunnels between the hub's machine and users' servers.

A tunnel is one SSH connection from a server's job to the site's own sshd on the hub's machine. The
tunnel forwards one port of 127.0.0.1 on the hub's machine to the server, and one port of the
compute node to the hub. docs/tunnels.md explains tunnels.

The hub keeps one file for each open tunnel. sshd runs a program that reads this file. sshd accepts
a job's certificate only while the file exists.
"""

from __future__ import annotations

from pathlib import Path

from ..site import Site

SENT = "JUPYTERHUB_SITEKIT_TUNNEL"
"""The environment variable with a job's SSH key and certificate. session/hub_connection/tunnel.py reads this
variable."""


def folder(site: Site) -> Path:
    """Return the folder with the keys and the sshd_config of the site's own sshd."""
    return site.etc / "tunnel"


def sshd_config(site: Site) -> Path:
    """Return the path of the configuration of the site's own sshd."""
    return folder(site) / "sshd_config"


def host_key(site: Site) -> Path:
    """Return the path of the private host key of the site's own sshd. Only the account of the
    site's own sshd can read the private host key."""
    return folder(site) / "host_key"


def authority(site: Site) -> Path:
    """Return the path of the key that signs jobs' certificates. Only the hub can read this key.

    This authority key signs only the SSH certificates of jobs. Because the login node does not
    trust the authority key, a job cannot log in there with its certificate.
    """
    return folder(site) / "authority"


def entries(site: Site) -> Path:
    """Return the folder with one file for each open tunnel.

    The name of each file is a server's tag (the id of its start). The file contains the server's
    port on the hub's machine. The hub writes the files about open tunnels, and the account of the
    site's sshd can read these files.
    """
    return Path("/var/lib/sitekit-tunnel") / site.name


def connections(site: Site) -> Path:
    """Return the folder in which sshd's account records the connections of each tunnel."""
    return site.run / "tunnel"


def host(site: Site) -> str:
    """Return the host name or IP address at which compute nodes connect to the hub's machine."""
    return (site.tunnel and site.tunnel.host) or site.hub.address

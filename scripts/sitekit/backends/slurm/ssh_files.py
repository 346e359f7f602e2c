"""Define the paths of the files, written by `make apply`, with which the hub logs in to the login
node."""

from __future__ import annotations

from pathlib import Path

from ...site import Site
from ...site.sections.slurm import Ssh

HOST = "login-node"
"""The name of the login node in the hub's ssh_config."""


def folder(site: Site) -> Path:
    """Return the folder of ssh_config, known_hosts and the keys."""
    return site.etc / "ssh"


def config(site: Site) -> Path:
    """Return the path of the hub's ssh_config."""
    return folder(site) / "config"


def known_hosts(site: Site) -> Path:
    """Return the path of the file with the login node's host keys."""
    return folder(site) / "known_hosts"


def key(site: Site) -> Path:
    """Return the path of the hub's private key; the public key is beside it with `.pub`."""
    return folder(site) / "key"


def user_authority(site: Site) -> Path:
    """Return the path of the certificate authority's key, which signs certificates for users'
    accounts."""
    return folder(site) / "user_ca"


def sockets(site: Site) -> Path:
    """Return the folder for the sockets of SSH connections, and for certificates.

    Only the hub's account can enter the folder of the sockets.
    """
    return site.paths.state / "ssh"


def known_host(ssh: Ssh) -> str:
    """Return the lines of known_hosts; see sshd(8), SSH_KNOWN_HOSTS FILE FORMAT."""
    name = ssh.host if ssh.port == 22 else f"[{ssh.host}]:{ssh.port}"
    lines = []
    for host_key in ssh.host_keys:
        marker, at, rest = host_key.rpartition("@cert-authority ")
        lines.append(f"{marker}{at}{name} {rest}\n")
    return "".join(lines)

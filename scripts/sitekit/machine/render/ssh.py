"""Generate the hub's ssh_config, known_hosts and SSH keys, for a site with a login node."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...backends.slurm import ssh_files as ssh
from ...base.public_key_path import public_key
from ...base.run_program import run
from ...base.templates import templates
from ...site import Site
from ..host.file_to_write import File
from ..host.target import Target


def ssh_files(site: Site) -> dict[Path, File]:
    """Return the files ssh_config and known_hosts. Return {} for a site without a login node."""
    if site.slurm.ssh is None:
        return {}
    template = templates("config/templates").get_template("ssh_config.j2")
    text = template.render(
        site=site,
        ssh=site.slurm.ssh,
        host=ssh.HOST,
        key=ssh.key(site),
        known_hosts=ssh.known_hosts(site),
        sockets=ssh.sockets(site),
    )
    return {
        ssh.config(site): File(f"{text}\n"),
        ssh.known_hosts(site): File(ssh.known_host(site.slurm.ssh)),
    }


def ssh_key_paths(site: Site) -> set[Path]:
    """Return the paths of the SSH keys that ssh_keys() creates; an empty set for a site without a
    login node."""
    if site.slurm.ssh is None:
        return set()
    private = (ssh.key(site), ssh.user_authority(site))
    return {*private, *map(public_key, private)}


def ssh_keys(target: Target) -> dict[Path, File]:
    """Return the hub's SSH key and the key that signs user certificates, each with its public key.

    Existing keys are kept, because their public keys are installed on the login node. Raises
    CommandFailed.
    """
    if target.site.slurm.ssh is None:
        return {}
    hub = target.site.hub.user
    return key_pair(target, ssh.key(target.site), "hub", hub) | key_pair(
        target, ssh.user_authority(target.site), "user certificates", hub
    )


def key_pair(target: Target, private: Path, comment: str, owner: str) -> dict[Path, File]:
    """Return the files of an SSH key pair: a private key that only `owner` can read, and the public
    key.

    An existing key pair is returned unchanged. Raises CommandFailed.
    """
    secret, public = _kept(target, private) or _new_key(f"sitekit {target.site.name} {comment}")
    return {private: File(secret, 0o400, owner), public_key(private): File(public)}


def _kept(target: Target, private: Path) -> tuple[str, str] | None:
    """Return the existing key pair (private, public) from the machine; None if the key pair does
    not exist."""
    both = [target.on_disk(path) for path in (private, public_key(private))]
    if not all(path.is_file() for path in both):
        return None
    return both[0].read_text(), both[1].read_text()


def _new_key(comment: str) -> tuple[str, str]:
    """Create a key pair with ssh-keygen(1); return the texts of the private key and of the public
    key."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
        return path.read_text(), public_key(path).read_text()

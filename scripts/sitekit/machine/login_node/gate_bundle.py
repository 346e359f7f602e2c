"""Implement `make gate_bundle`: write the files for the login node into one tar file."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from ...backends.slurm import ssh_files as ssh
from ...base.errors import BadInput
from ...base.files import write_atomic
from ...base.progress import say
from ...base.public_key_path import public_key
from ...site import Site
from ..host.file_to_write import File
from .files import instructions, login_node_files

PAGE = Path("sitekit-login-node.md")


def gate_bundle(site: Site, file: str = "") -> int:
    """Write the tar file that the administrator of the login node unpacks.

    `file` is the name of the tar file. Raises BadInput if the site has no login node, or if the hub
    has no SSH key yet.
    """
    if site.slurm.ssh is None:
        raise BadInput(
            "the site names no login node",
            "slurm.ssh",
            "see config/site.example.yml and docs/ssh.md",
        )
    files = login_node_files(
        site,
        site.slurm.ssh,
        _public_key(site, ssh.key(site)),
        _public_key(site, ssh.user_authority(site)),
    )
    page = File(instructions(site, site.slurm.ssh, files))
    place = Path(file or f"sitekit-{site.name}-login-node.tar")
    write_atomic(place, _tar({PAGE: page, **files}))
    say(f"{place} is written. On the login node, read {PAGE} in it first: tar -xOf {place} {PAGE}")
    return 0


def _public_key(site: Site, private: Path) -> str:
    """Return the public key for one of the hub's private SSH keys. Raises BadInput if the key does
    not exist."""
    place = public_key(private)
    if not place.is_file():
        remedy = "run make apply first; it creates the hub's keys"
        raise BadInput(f"{place} does not exist", "slurm.ssh", remedy)
    return place.read_text()


def _tar(files: dict[Path, File]) -> bytes:
    """Return a tar file of the files. All entries have the owner root.

    Because the tar file contains no entries for folders, unpacking changes no existing folder.
    """
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path, file in files.items():
            data = file.content.encode()
            entry = tarfile.TarInfo(str(path).lstrip("/"))
            entry.size, entry.mode, entry.uname, entry.gname = len(data), file.mode, "root", "root"
            tar.addfile(entry, io.BytesIO(data))
    return content.getvalue()

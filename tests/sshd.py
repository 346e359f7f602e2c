"""The sshd of a login node in tests: its configuration and its host key."""

from __future__ import annotations

import subprocess
from pathlib import Path

PORT = 2222
CONFIG = """Port {port}
ListenAddress {address}
HostKey {folder}/host
PidFile {folder}/pid
UsePAM no
MaxStartups 100
Include /etc/ssh/sshd_config.d/sitekit-*.conf
"""


def write_sshd_files(folder: Path, address: str = "127.0.0.1", seen: Path | None = None) -> str:
    """Write `config` and the host key into the folder, and return the public host key.

    `seen` is the path of the folder for sshd, if sshd runs in another file tree.
    """
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host"]
    subprocess.run(words, check=True)
    config = CONFIG.format(port=PORT, address=address, folder=seen or folder)
    (folder / "config").write_text(config)
    return " ".join((folder / "host.pub").read_text().split()[:2])

"""Create the demo cluster's directories, munge key, database and configuration files.

The functions of this file can be called repeatedly, because existing directories, keys and
databases are kept.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
from pathlib import Path

from ...base.files import write_atomic
from ...base.progress import step
from ...base.run_program import run
from ...site import Site
from . import paths_and_ports
from .describe_host import Host
from .record_changes import Made
from .slurm_conf import PROGRAMS, render


def prepare(site: Site, host: Host, made: Made) -> bool:
    """Create missing directories, key and database, and write Slurm's configuration for the machine
    `host`.

    Return whether the configuration has changed. Only root can call this function.
    """
    make_directories(site, made)
    _munge_key()
    _database()
    return write_configuration(site, host)


def make_directories(site: Site, made: Made) -> None:
    """Create the cluster's directories and set their owners.

    This function also has to be called after every boot, because a boot removes the directories
    below /run.
    """
    mine = (
        paths_and_ports.slurm_conf(site).parent,
        paths_and_ports.ETC,
        paths_and_ports.STATE,
        paths_and_ports.RUN,
        paths_and_ports.LOG,
    )
    made.claim("directories", *mine)
    for path in mine:
        _directory(path)
    _directory(paths_and_ports.STATE / "slurmd")
    for parent in (paths_and_ports.STATE, paths_and_ports.RUN, paths_and_ports.LOG):
        _directory(parent / "munge", "munge")
    for path in (
        paths_and_ports.STATE / "slurmctld",
        paths_and_ports.RUN / "slurm",
        paths_and_ports.LOG / "slurm",
    ):
        _directory(path, "slurm")


def _directory(path: Path, owner: str = "root") -> None:
    """Create a directory with mode 0755, whatever the umask is.

    munge and Slurm refuse a directory if other users can write to one of its parent directories.
    """
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
    account = pwd.getpwnam(owner)
    os.chown(path, account.pw_uid, account.pw_gid)


def _munge_key() -> None:
    if not paths_and_ports.MUNGE_KEY.exists():
        account = pwd.getpwnam("munge")
        write_atomic(
            paths_and_ports.MUNGE_KEY,
            secrets.token_bytes(1024),
            mode=0o400,
            owner=(account.pw_uid, account.pw_gid),
        )


def _database() -> None:
    """Create the database, whose only administrator is the Unix account slurm.

    The database needs no password, because MariaDB identifies the account slurm through the Unix
    socket.
    """
    if paths_and_ports.DATABASE.exists():
        return
    fresh = paths_and_ports.DATABASE.with_name("mariadb.new")
    shutil.rmtree(fresh, ignore_errors=True)
    _directory(fresh, "slurm")
    fresh.chmod(0o700)
    with step("Creating the accounting database"):
        run(
            [
                "mariadb-install-db", "--no-defaults", f"--datadir={fresh}", "--skip-test-db",
                "--auth-root-authentication-method=socket", "--auth-root-socket-user=slurm",
            ],
            timeout=180, user="slurm", cwd=Path("/"),
        )  # fmt: skip
    fresh.rename(paths_and_ports.DATABASE)


def write_configuration(site: Site, host: Host) -> bool:
    """Write each of Slurm's configuration files whose content has changed. Return whether a file
    was written."""
    slurm = pwd.getpwnam("slurm")
    changed = False
    for path, content in render(site, host).items():
        if path.exists() and path.read_text() == content:
            continue
        private = path.name == "slurmdbd.conf"
        owner = (slurm.pw_uid, slurm.pw_gid) if private else (0, 0)
        mode = 0o600 if private else 0o755 if path.name in PROGRAMS else 0o644
        write_atomic(path, content, mode=mode, owner=owner)
        changed = True
    return changed

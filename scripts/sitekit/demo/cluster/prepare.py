"""Create the demo cluster's directories, munge key, database and configuration files.

Existing directories, keys and databases are kept, so that these functions can be called again.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
from pathlib import Path

from ...base.command import run
from ...base.files import write_atomic
from ...base.progress import step
from ...site import Site
from . import layout
from .host import Host
from .record import Made
from .slurm_conf import PROGRAMS, render


def prepare(site: Site, host: Host, made: Made) -> bool:
    """Create missing directories, key and database, and write Slurm's configuration for the machine
    `host`.

    Return True if the configuration changed. Only root can call this function.
    """
    make_directories(site, made)
    _munge_key()
    _database()
    return write_configuration(site, host)


def make_directories(site: Site, made: Made) -> None:
    """Create the cluster's directories and set their owners.

    The directories below /run have to be created again after every boot.
    """
    mine = (layout.slurm_conf(site).parent, layout.ETC, layout.STATE, layout.RUN, layout.LOG)
    made.claim("directories", *mine)
    for path in mine:
        _directory(path)
    _directory(layout.STATE / "slurmd")
    for parent in (layout.STATE, layout.RUN, layout.LOG):
        _directory(parent / "munge", "munge")
    for path in (layout.STATE / "slurmctld", layout.RUN / "slurm", layout.LOG / "slurm"):
        _directory(path, "slurm")


def _directory(path: Path, owner: str = "root") -> None:
    """Create a directory with mode 0755, whatever the umask is.

    munge and Slurm refuse a directory whose parents other users can write.
    """
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
    account = pwd.getpwnam(owner)
    os.chown(path, account.pw_uid, account.pw_gid)


def _munge_key() -> None:
    if not layout.MUNGE_KEY.exists():
        account = pwd.getpwnam("munge")
        write_atomic(
            layout.MUNGE_KEY,
            secrets.token_bytes(1024),
            mode=0o400,
            owner=(account.pw_uid, account.pw_gid),
        )


def _database() -> None:
    """Create the database, whose only administrator is the Unix account slurm.

    MariaDB identifies the account slurm through the Unix socket. Therefore the database needs no
    password.
    """
    if layout.DATABASE.exists():
        return
    fresh = layout.DATABASE.with_name("mariadb.new")
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
    fresh.rename(layout.DATABASE)


def write_configuration(site: Site, host: Host) -> bool:
    """Write each of Slurm's configuration files whose content has changed. Return True if a file
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

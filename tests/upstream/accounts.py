"""Unix accounts for the users that other projects' tests invent: on the demo's machine while a test
runs."""

from __future__ import annotations

import grp
import pwd
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sitekit.demo.cluster.slurm_accounts_and_qos import sacctmgr
from sitekit.site import Site

from ..slurm import ask

ACCOUNT = "upstream"  # to which all their jobs are charged


@contextmanager
def accounts(site: Site, names: Sequence[str]) -> Iterator[None]:
    """Each of `names` is a user of the cluster who may have servers. Nobody knows their passwords."""
    group = grp.getgrnam(site.login.allowed_groups[0]).gr_gid
    lines = [
        f"{name}:{secrets.token_hex(16)}::{group}::/home/{name}:/bin/bash\n"
        for name in names
        if not _there(name)
    ]
    subprocess.run(["newusers"], input="".join(lines), text=True, check=True, timeout=300)
    try:
        sacctmgr(site, "add", "account", ACCOUNT, "Description=tests", "Organization=demo")
        sacctmgr(site, "add", "user", ",".join(names), f"account={ACCOUNT}")
        # else Slurm learns who is in AllowGroups after minutes
        ask(site, "scontrol", "reconfigure")
        yield
    finally:
        ask(site, "scancel", f"--account={ACCOUNT}")
        sacctmgr(site, "delete", "user", ",".join(names), check=False)
        sacctmgr(site, "delete", "account", ACCOUNT, check=False)
        for name in (line.partition(":")[0] for line in lines):
            subprocess.run(
                ["userdel", "--remove", "--force", name], capture_output=True, timeout=300
            )


def _there(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True

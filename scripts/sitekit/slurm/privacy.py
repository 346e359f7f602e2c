"""Whether Slurm shows an account other people's jobs. Where PrivateData hides them, it should be an Operator."""

from __future__ import annotations

import re

from ..site import Site
from .say import Silent, say


async def hidden_jobs(site: Site, account: str) -> str:
    """How PrivateData hides other people's jobs from `account`; empty when it sees them. Raises Silent.

    Source: slurm.conf(5), PrivateData: `jobs` hides jobs from all but their owners, SlurmUser, root, and Operators.
    """
    configured = dict(re.findall(r"(?m)^(\w+)\s*= (\S+)", (await say(site, "scontrol", "show", "config")).out))
    if "PrivateData" not in configured:
        raise Silent("scontrol does not show Slurm's configuration")
    private = configured["PrivateData"]
    if not {"jobs", "all"} & set(private.split(",")) or account in ("root", configured["SlurmUser"].split("(")[0]):
        return ""
    words = ("--noheader", "--parsable2", "show", "user", account, "format=AdminLevel")
    level = (await say(site, "sacctmgr", *words)).out.strip()
    return "" if level in ("Operator", "Administrator") else f"PrivateData={private} in slurm.conf hides users' jobs"


def to_see_them(account: str) -> str:
    """The command that makes Slurm show them."""
    return f"sacctmgr modify user {account} set AdminLevel=Operator"

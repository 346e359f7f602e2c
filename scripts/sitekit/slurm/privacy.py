"""Whether Slurm shows the hub other people's jobs. Where PrivateData hides them, its account should be an Operator."""

from __future__ import annotations

import re

from ..site import Site
from .say import say


async def hidden_jobs(site: Site) -> str:
    """What is to be done so that the hub sees its users' jobs; empty when it sees them. Raises Silent.

    Source: slurm.conf(5), PrivateData: `jobs` hides jobs from all but their owners, SlurmUser, root, and Operators.
    """
    configured = await say(site, "scontrol", "show", "config")
    private = re.search(r"(?m)^PrivateData\s*=\s*(\S+)", configured.out)
    if private is None or not {"jobs", "all"} & set(private[1].split(",")):
        return ""
    words = ("--noheader", "--parsable2", "show", "user", site.hub.user, "format=AdminLevel")
    level = (await say(site, "sacctmgr", *words)).out.strip()
    if level in ("Operator", "Administrator"):
        return ""
    return (
        f"PrivateData={private[1]} in slurm.conf hides users' jobs from the hub, which has to read them in the "
        "accounting, where nothing says why a job waits. Run: "
        f"sacctmgr modify user {site.hub.user} set AdminLevel=Operator"
    )

"""Find out whether Slurm's PrivateData hides other users' jobs from an account.

If PrivateData hides jobs from the hub's account, that account should be an Operator of Slurm.
"""

from __future__ import annotations

import re

from ...site import Site
from ..start_and_job_records import NoAnswer
from .transport import ask_slurm


async def hidden_jobs(site: Site, account: str) -> str:
    """Return the setting of Slurm that hides other users' jobs from the Unix account `account`; ""
    if no setting does this.

    With PrivateData=jobs, only root, SlurmUser, Operators and the owner of a job can see the job
    (slurm.conf(5)). Raises NoAnswer.
    """
    answer = await ask_slurm(site, "scontrol", "show", "config")
    configured = dict(re.findall(r"(?m)^(\w+)\s*= (\S+)", answer.out))
    if "PrivateData" not in configured:
        raise NoAnswer("scontrol does not show Slurm's configuration")
    private = configured["PrivateData"]
    if not {"jobs", "all"} & set(private.split(",")) or account in (
        "root",
        configured["SlurmUser"].split("(")[0],
    ):
        return ""
    if await _is_operator(site, account):
        return ""
    return f"PrivateData={private} in slurm.conf hides users' jobs"


async def hidden_associations(site: Site, account: str) -> str:
    """Return the setting of the accounting that hides other users' associations from the Unix
    account `account`; "" if no setting does this.

    PrivateData with `users` or `accounts` in slurmdbd.conf(5) hides associations. Raises NoAnswer.
    """
    answer = (await ask_slurm(site, "sacctmgr", "show", "configuration")).out
    # sacctmgr prints the PrivateData of slurm.conf first, and the PrivateData of slurmdbd.conf last
    private = (re.findall(r"(?m)^PrivateData\s*= (\S+)", answer) or ["none"])[-1]
    if (
        {"users", "accounts"}.isdisjoint(private.split(","))
        or account == "root"
        or await _is_operator(site, account)
    ):
        return ""
    return f"PrivateData={private} in slurmdbd.conf hides users' accounts"


async def _is_operator(site: Site, account: str) -> bool:
    """Return whether the account is an Operator or Administrator of Slurm."""
    words = ("--noheader", "--parsable2", "show", "user", account, "format=AdminLevel")
    return (await ask_slurm(site, "sacctmgr", *words)).out.strip() in ("Operator", "Administrator")


def to_see_them(account: str) -> str:
    """Return the sacctmgr command that makes the account an Operator, from whom Slurm hides no
    jobs."""
    return f"sacctmgr modify user {account} set AdminLevel=Operator"

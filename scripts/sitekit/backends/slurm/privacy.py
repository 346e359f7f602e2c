"""Whether Slurm shows an account other people's jobs. Where PrivateData hides them, it should be an
Operator."""

from __future__ import annotations

import re

from ...site import Site
from ..interface import NoAnswer
from .transport import ask_slurm


async def hidden_jobs(site: Site, account: str) -> str:
    """How PrivateData hides other people's jobs from `account`; empty when it sees them. Raises
    NoAnswer.

    Source: slurm.conf(5), PrivateData: `jobs` hides jobs from all but their owners, SlurmUser,
    root, and Operators.
    """
    configured = dict(
        re.findall(
            r"(?m)^(\w+)\s*= (\S+)", (await ask_slurm(site, "scontrol", "show", "config")).out
        )
    )
    if "PrivateData" not in configured:
        raise NoAnswer("scontrol does not show Slurm's configuration")
    private = configured["PrivateData"]
    if not {"jobs", "all"} & set(private.split(",")) or account in (
        "root",
        configured["SlurmUser"].split("(")[0],
    ):
        return ""
    return (
        ""
        if await _is_operator(site, account)
        else f"PrivateData={private} in slurm.conf hides users' jobs"
    )


async def hidden_associations(site: Site, account: str) -> str:
    """How the accounting hides from `account` what others may charge to; empty when it does not.
    Raises NoAnswer.

    Source: slurmdbd.conf(5), PrivateData: `users` and `accounts`.
    """
    told = (await ask_slurm(site, "sacctmgr", "show", "configuration")).out
    # slurm.conf's comes before slurmdbd's
    private = (re.findall(r"(?m)^PrivateData\s*= (\S+)", told) or ["none"])[-1]
    if (
        {"users", "accounts"}.isdisjoint(private.split(","))
        or account == "root"
        or await _is_operator(site, account)
    ):
        return ""
    return f"PrivateData={private} in slurmdbd.conf hides users' accounts"


async def _is_operator(site: Site, account: str) -> bool:
    words = ("--noheader", "--parsable2", "show", "user", account, "format=AdminLevel")
    return (await ask_slurm(site, "sacctmgr", *words)).out.strip() in ("Operator", "Administrator")


def to_see_them(account: str) -> str:
    """The command that makes Slurm show them."""
    return f"sacctmgr modify user {account} set AdminLevel=Operator"

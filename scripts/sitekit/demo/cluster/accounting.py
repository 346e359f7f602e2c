"""Set up the demo cluster's accounting: which users may use which Slurm account."""

from __future__ import annotations

from ...base.command import run
from ...site import Site
from . import layout


def environment(site: Site) -> dict[str, str]:
    """Return the environment variables with which Slurm's commands use the demo cluster only."""
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "SLURM_CONF": str(layout.slurm_conf(site)),
    }


def sacctmgr(site: Site, *words: str, check: bool = True) -> str:
    """Run sacctmgr without questions; return its output. Raises CommandFailed."""
    return run(
        [site.slurm.bin / "sacctmgr", "-i", "-n", "-P", *words],
        env=environment(site),
        timeout=60,
        check=check,
    ).stdout


def wanted(site: Site) -> list[tuple[str, ...]]:
    """Return every association as arguments of sacctmgr.

    The hub's account submits no jobs of its own and is no Operator. On other clusters it has no
    such right either, and the tests must notice if it needs one.
    """
    words: list[tuple[str, ...]] = [
        ("cluster", "demo"),
        ("qos", "interactive", "Priority=100", "Description=notebooks"),
        ("account", "services", "Description=daemons", "Organization=demo"),
    ]
    for account, members in layout.ACCOUNTS.items():
        words.append(
            (
                "account",
                account,
                f"Description={account}",
                "Organization=demo",
                "QOS=normal,interactive",
            )
        )
        words += [("user", member, f"Account={account}") for member in members]
    words.append(("user", site.hub.user, "Account=services", "MaxSubmitJobs=0"))
    # `make kernels_check` starts kernels on a node as this account
    words.append(("user", "nobody", "Account=services"))
    return words


def ensure_accounts(site: Site) -> None:
    """Add the accounts that are missing. Needs slurmdbd. Raises CommandFailed."""
    clusters = sacctmgr(site, "show", "cluster", "format=cluster").split()
    known = (
        set(sacctmgr(site, "show", "assoc", "format=account,user").split()) if clusters else set()
    )
    qos = sacctmgr(site, "show", "qos", "format=name").split()
    for kind, name, *more in wanted(site):
        there = {
            "cluster": name in clusters,
            "qos": name in qos,
            "account": f"{name}|" in known,
            "user": f"{more[0].removeprefix('Account=')}|{name}" in known if more else False,
        }
        if not there[kind]:
            sacctmgr(site, "add", kind, name, *more)

"""Create the demo cluster's Slurm accounts, users and QOS in slurmdbd."""

from __future__ import annotations

from ...base.run_program import run
from ...site import Site
from . import paths_and_ports


def environment(site: Site) -> dict[str, str]:
    """Return the environment variables with which Slurm's commands use the demo cluster.

    Without these variables, a command could use another cluster that is configured on this machine.
    """
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "SLURM_CONF": str(paths_and_ports.slurm_conf(site)),
    }


def sacctmgr(site: Site, *words: str, check: bool = True) -> str:
    """Run sacctmgr without confirmation prompts, and return its output. Raises CommandFailed if
    sacctmgr fails and `check` is true."""
    return run(
        [site.slurm.bin / "sacctmgr", "-i", "-n", "-P", *words],
        env=environment(site),
        timeout=60,
        check=check,
    ).stdout


def wanted(site: Site) -> list[tuple[str, ...]]:
    """Return every association of the demo cluster as arguments of `sacctmgr add`.

    As on most clusters, the hub's account is not allowed to submit jobs of its own, and is not a
    Slurm Operator. If the hub's account had the rights of an Operator in the demo, the tests would
    not find code that needs these rights.
    """
    associations: list[tuple[str, ...]] = [
        ("cluster", "demo"),
        ("qos", "interactive", "Priority=100", "Description=notebooks"),
        ("account", "services", "Description=daemons", "Organization=demo"),
    ]
    for account, members in paths_and_ports.ACCOUNTS.items():
        associations.append(
            (
                "account",
                account,
                f"Description={account}",
                "Organization=demo",
                "QOS=normal,interactive",
            )
        )
        associations += [("user", member, f"Account={account}") for member in members]
    associations.append(("user", site.hub.user, "Account=services", "MaxSubmitJobs=0"))
    # `make kernels_check` starts kernels on a node as the user nobody.
    associations.append(("user", "nobody", "Account=services"))
    return associations


def ensure_accounts(site: Site) -> None:
    """Add the associations that are missing in slurmdbd. Raises CommandFailed.

    slurmdbd must be running. If no association is missing, this function only sends three queries.
    """
    clusters = sacctmgr(site, "show", "cluster", "format=cluster").split()
    known = (
        set(sacctmgr(site, "show", "assoc", "format=account,user").split()) if clusters else set()
    )
    qos = sacctmgr(site, "show", "qos", "format=name").split()
    for kind, name, *more in wanted(site):
        exists = {
            "cluster": name in clusters,
            "qos": name in qos,
            "account": f"{name}|" in known,
            "user": f"{more[0].removeprefix('Account=')}|{name}" in known if more else False,
        }
        if not exists[kind]:
            sacctmgr(site, "add", kind, name, *more)

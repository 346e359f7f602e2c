"""Check that Slurm's accounting limits, accounts and QOS allow a user to submit a server."""

from __future__ import annotations

from collections.abc import Iterator

from ....base.finding import Finding, Severity, warning
from ..check import Subject
from ..context import Context, Row
from .slurm import local, on_slurm

subject = Subject("limits", "Accounts and limits of Slurm", on_slurm)
_COLUMNS = ("Account", "User", "Partition", "QOS", "MaxJobs", "MaxSubmit", "GrpTRES", "MaxTRES")
_ENFORCED = {"associations", "limits", "qos", "all", "safe"}


def table(text: str, columns: tuple[str, ...]) -> list[Row]:
    """Parse the output of sacctmgr with --noheader and --parsable2; return the rows as mappings:
    column -> value."""
    rows = (line.split("|") for line in text.splitlines())
    return [dict(zip(columns, row, strict=True)) for row in rows if len(row) == len(columns)]


def _associations(here: Context) -> list[Row]:
    """Return the Slurm associations of the user under whose account the checks run."""
    words = ("show", "associations", f"user={here.somebody}", f"format={','.join(_COLUMNS)}")
    return table(here.slurm("sacctmgr", "--noheader", "--parsable2", *words), _COLUMNS)


def _enforced(here: Context) -> bool:
    told = here.config.get("AccountingStorageEnforce", "none")
    return bool(_ENFORCED & set(told.split(",")))


@subject.check(
    "association",
    "whether a user has an association, if AccountingStorageEnforce requires associations",
    "without an association Slurm refuses each job of the user",
    "sacctmgr add user NAME account=ACCOUNT",
    needs=("slurm.controller", "slurm.accounting"),
    applies=local,
)
def association(here: Context) -> Iterator[Finding]:
    if _enforced(here) and not _associations(here):
        what = f"{here.somebody} has no association, and AccountingStorageEnforce asks for one"
        yield Finding(what, "sacctmgr", f"sacctmgr add user {here.somebody} account=ACCOUNT")


@subject.check(
    "default-account",
    "whether a user has a default account",
    "jobs of tiers without an account use the default account; if it is missing, Slurm refuses the job",
    "sacctmgr modify user NAME set DefaultAccount=ACCOUNT",
    needs=("slurm.controller", "slurm.accounting", "limits.association"),
    applies=local,
)
def default_account(here: Context) -> Iterator[Finding]:
    if not _enforced(here) or all(tier.account for tier in here.site.tiers):
        return
    words = ("--noheader", "--parsable2", "show", "user", here.somebody, "format=DefaultAccount")
    found = here.slurm("sacctmgr", *words).split()
    if not found:
        yield warning(f"{here.somebody} has no default account", "sacctmgr")


@subject.check(
    "none-left",
    "limits of 0 for the user: MaxJobs, MaxSubmitJobs, GrpTRES, MaxTRES",
    "with such a limit, Slurm accepts or starts no job of the user",
    "sacctmgr modify user NAME set MaxJobs=-1 MaxSubmitJobs=-1",
    needs=("slurm.controller", "slurm.accounting"),
    applies=local,
)
def none_left(here: Context) -> Iterator[Finding]:
    rows = _associations(here)
    faults = {row["Account"]: zero for row in rows if (zero := _zeros(row))}
    for account, zero in faults.items():
        what = f"{here.somebody} in {account} has a limit of 0: {', '.join(zero)}"
        severity = Severity.ERROR if len(faults) == len(rows) else Severity.WARNING
        yield Finding(what, "sacctmgr", severity=severity)


def _zeros(row: Row) -> list[str]:
    """Return the names of an association's limits that are 0. Such a limit forbids all jobs."""
    zero = [key for key in ("MaxJobs", "MaxSubmit") if row[key] == "0"]
    for key in ("GrpTRES", "MaxTRES"):
        for part in row[key].split(","):
            name, _, value = part.partition("=")
            zero += (
                [f"{key} {name}"] if name in ("cpu", "mem", "node") and value in ("0", "0M") else []
            )
    return zero


@subject.check(
    "accounts-allowed",
    "whether AllowAccounts and DenyAccounts of each partition allow the tier's or the user's accounts",
    "Slurm refuses jobs of other accounts in the partition",
    "AllowAccounts in slurm.conf, or tiers[].account",
    needs=("slurm.controller", "slurm.accounting"),
    applies=local,
)
def accounts_allowed(here: Context) -> Iterator[Finding]:
    own = {row["Account"] for row in _associations(here)}
    for place, tier in enumerate(here.site.tiers):
        charged = {tier.account} if tier.account else own
        for name in tier.partitions:
            if told := _refusal(here.partitions.get(name, {}), "Accounts", charged):
                what = f"{name} has {told}; {here.somebody} has {', '.join(sorted(charged))}"
                yield Finding(what, f"tiers[{place}].partitions")


def _refusal(partition: Row, kind: str, names: set[str]) -> str:
    """Return the settings of a partition that refuse all the accounts or QOS in `names`. If the
    partition allows one of them, return "". `kind` is the end of the settings' names, such as Qos in AllowQos."""
    allowed, denied = partition.get(f"Allow{kind}", "ALL"), partition.get(f"Deny{kind}", "")
    unlisted = allowed != "ALL" and not names & set(allowed.split(","))
    if not names or not (unlisted or (denied and names <= set(denied.split(",")))):
        return ""
    return f"Allow{kind}={allowed}" + (f" Deny{kind}={denied}" if denied else "")


@subject.check(
    "qos-allowed",
    "whether AllowQos and DenyQos of each partition allow the tier's or the user's QOS",
    "Slurm refuses jobs with another quality of service in the partition",
    "AllowQos in slurm.conf, or tiers[].qos",
    needs=("slurm.controller", "slurm.accounting"),
    applies=local,
)
def qos_allowed(here: Context) -> Iterator[Finding]:
    own = {name for row in _associations(here) for name in row["QOS"].split(",") if name}
    for place, tier in enumerate(here.site.tiers):
        wanted = {tier.qos} if tier.qos else own
        for name in tier.partitions:
            if told := _refusal(here.partitions.get(name, {}), "Qos", wanted):
                what = f"{name} has {told}; the job has {', '.join(sorted(wanted))}"
                yield Finding(what, f"tiers[{place}].qos")


@subject.check(
    "named",
    "whether the accounts and QOS that tiers name exist in Slurm",
    "Slurm refuses a job for an account or a QOS that does not exist",
    "sacctmgr show account; sacctmgr show qos",
    needs=("slurm.controller", "slurm.accounting"),
    applies=local,
    before=("apply",),
)
def named(here: Context) -> Iterator[Finding]:
    ask = ("--noheader", "--parsable2", "show")
    for key, what in (("account", "Account"), ("qos", "Name")):
        wanted = [
            (place, name)
            for place, tier in enumerate(here.site.tiers)
            for name in (getattr(tier, key), *(tier.choose.qos if key == "qos" else ()))
            if name
        ]
        if not wanted:
            continue
        # Slurm treats upper and lower case in these names as equal
        known = {
            name.casefold() for name in here.slurm("sacctmgr", *ask, key, f"format={what}").split()
        }
        for place, name in wanted:
            if name.casefold() not in known:
                yield Finding(f"Slurm has no {key} {name}", f"tiers[{place}].{key}")


@subject.check(
    "enforced",
    "EnforcePartLimits in slurm.conf",
    "without EnforcePartLimits Slurm accepts a job that no partition can run, and the user waits for ever",
    "EnforcePartLimits=ALL in slurm.conf",
    needs=("slurm.controller",),
    applies=local,
)
def enforced(here: Context) -> Iterator[Finding]:
    value = here.config.get("EnforcePartLimits", "ALL")
    if value.upper() in ("NO", "NONE"):
        yield warning(f"EnforcePartLimits is {value}", "slurm.conf")


@subject.check(
    "propagated",
    "PropagateResourceLimits in slurm.conf",
    "otherwise, jobs get the limits of the hub's service, such as the number of open files",
    "PropagateResourceLimits=NONE in slurm.conf",
    needs=("slurm.controller",),
    applies=local,
)
def propagated(here: Context) -> Iterator[Finding]:
    value = here.config.get("PropagateResourceLimits", "NONE")
    if value not in ("NONE", "(null)") and "MEMLOCK" not in value:
        what = f"PropagateResourceLimits is {value}"
        if value == "ALL":
            yield warning(what, "slurm.conf")


@subject.check(
    "tracked",
    "ProctrackType in slurm.conf",
    "without cgroups, processes of an ended server can stay on the node",
    "ProctrackType=proctrack/cgroup in slurm.conf",
    needs=("slurm.controller",),
)
def tracked(here: Context) -> Iterator[Finding]:
    value = here.config.get("ProctrackType", "proctrack/cgroup")
    if value in ("proctrack/pgid", "proctrack/linuxproc"):
        yield warning(f"ProctrackType is {value}", "slurm.conf")

"""Check that Slurm's programs, slurmctld, slurmdbd and munge answer requests of the hub."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

from ....backends.slurm.run_local_program import slurm_environment
from ....base.finding import Finding, note, warning
from ....base.run_program import Argv, CommandFailed, run
from ....machine.checks.tiers_fit_cluster import PROGRAMS, check_slurm_programs
from ....site import Site
from ..check import Subject
from ..context import Context, Unanswered

MIN_JOB_AGE = 60
START_DELAYS = (("batch_sched_delay", 3, 1), ("sched_min_interval", 2, 1_000_000))
"""The values in SchedulerParameters that delay each start. Each row has the name, Slurm's default,
and the unit of the value: how many of this unit are one second."""


def on_slurm(site: Site) -> bool:
    """Return whether tiers of the site run on Slurm."""
    return "slurm" in site.backends


subject = Subject("slurm", "Slurm answers", on_slurm)


def local(site: Site) -> bool:
    """Return whether the hub runs Slurm's programs on its own host. With `slurm.ssh`, the gate on
    the login node runs these programs."""
    return site.slurm.ssh is None


@subject.check(
    "programs",
    "whether Slurm's programs are in the folder slurm.bin, and whether slurm.conf exists",
    "the hub uses these programs to submit, list and cancel the jobs of servers",
    "install Slurm's client programs, or correct slurm.bin",
    applies=local,
)
def are_installed(here: Context) -> Iterator[Finding]:
    yield from check_slurm_programs(here.site)


@subject.check(
    "programs-run",
    "whether the hub's account may run Slurm's programs and read slurm.conf",
    "the hub queries Slurm as this account",
    "chmod a+rx on the folders and files",
    needs=("slurm.programs", "accounts.exist"),
    root=True,
    applies=local,
)
def may_run(here: Context) -> Iterator[Finding]:
    wanted = {str(here.site.slurm.bin / program): "x" for program in PROGRAMS}
    if here.site.slurm.conf:
        wanted[str(here.site.slurm.conf)] = "r"
    for account in dict.fromkeys((here.site.hub.user, here.user or here.site.hub.user)):
        for path, fault in here.look_as(account, paths=wanted)["paths"].items():
            if fault:
                yield Finding(f"{account}: {fault}", path)


def _auth_info(here: Context) -> dict[str, str]:
    """Return the settings AuthType and AuthInfo in slurm.conf: name in small letters -> value.
    AuthInfo can contain the path of munge's socket.

    The function reads the file slurm.conf, and does not query slurmctld, which may not answer.
    """
    places = [
        here.site.slurm.conf,
        Path("/etc/slurm/slurm.conf"),
        Path("/etc/slurm-llnl/slurm.conf"),
    ]
    path = next((place for place in places if place and place.is_file()), None)
    text = path.read_text(errors="replace") if path else ""
    return {
        key.lower(): value
        for key, value in re.findall(r"(?mi)^\s*(AuthType|AuthInfo)\s*=\s*(\S+)", text)
    }


@subject.check(
    "munge",
    "whether munge makes and checks a credential on this host",
    "each message of Slurm has a credential from munge; Slurm refuses messages without it",
    "systemctl start munge; the key must be the same on all hosts",
    needs=("slurm.programs",),
    applies=local,
)
def munge(here: Context) -> Iterator[Finding]:
    told = _auth_info(here)
    if told.get("authtype", "auth/munge") != "auth/munge":
        return
    found = re.search(r"socket=([^,;\s]+)", told.get("authinfo", ""))
    path = found[1] if found else "/run/munge/munge.socket.2"
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(3)
        try:
            caller.connect(path)
        except OSError as fault:
            yield Finding(f"munge does not answer: {fault.strerror or fault}", path)
            return
    account = here.site.hub.user if here.root else None
    try:
        made = run(
            ["munge", "-S", path, "-n"], user=account, timeout=5 * here.patience, cwd=Path("/")
        )
        run(
            ["unmunge", "-S", path, "-o", "/dev/null"],
            stdin=made.stdout,
            user=account,
            timeout=5 * here.patience,
        )
    except KeyError:
        return
    except CommandFailed as failed:
        if "is not there" in failed.what:
            return  # munge's programs may be missing: Slurm needs only munge's library
        last = (failed.output.strip().splitlines() or ["no answer"])[-1]
        yield Finding(f"munge makes no valid credential: {last}", path)


@subject.check(
    "controller",
    "whether slurmctld answers (scontrol ping)",
    "without slurmctld no server starts, and the hub cannot find out which servers run",
    "systemctl status slurmctld on the controller's host; read its log",
    needs=("slurm.programs",),
    follows=("slurm.munge", "ssh.login-node"),
)
def controller(here: Context) -> Iterator[Finding]:
    if not local(here.site):
        yield from _silent(here, "scontrol", "show", "config")
        return
    argv: Argv = [here.site.slurm.bin / "scontrol", "ping"]
    try:
        done = run(
            argv,
            env=slurm_environment(here.site),
            timeout=8 * here.patience,
            check=False,
            cwd=Path("/"),
        )
    except CommandFailed as failed:
        yield Finding(failed.what, "slurmctld")
        return
    hosts = re.findall(r"(?m)^Slurmctld\((\w+)\) at (\S+) is (\S+)", done.stdout)
    if not any(state == "UP" for *_, state in hosts):
        last = ((done.stdout + done.stderr).strip().splitlines() or ["no answer"])[-1]
        yield Finding(f"slurmctld does not answer: {last}", "slurmctld")
    for kind, host, state in hosts:
        if state != "UP" and any(other == "UP" for *_, other in hosts):
            yield warning(f"the {kind} controller at {host} is {state}", "slurmctld")


def _silent(here: Context, program: str, *words: str) -> Iterator[Finding]:
    """Run a program of Slurm, and yield an error if it does not answer."""
    try:
        here.slurm(program, *words)
    except Unanswered as silence:
        yield Finding(str(silence), "Slurm")


@subject.check(
    "accounting",
    "whether slurmdbd answers (sacctmgr)",
    "the hub reads from it how a job ended, and which accounts a user may charge",
    "systemctl status slurmdbd on its host; read its log",
    needs=("slurm.programs", "slurm.controller"),
    follows=(
        "system.shared-places",
        "slurm.munge",
    ),
)
def accounting(here: Context) -> Iterator[Finding]:
    kind = here.config.get("AccountingStorageType", "")
    if "slurmdbd" not in kind:
        what = f"AccountingStorageType is {kind or 'not set'}: no accounting"
        yield note(what, "slurm.conf", "AccountingStorageType=accounting_storage/slurmdbd")
        return
    yield from _silent(here, "sacctmgr", "--noheader", "--parsable2", "show", "configuration")
    if local(here.site):
        yield from _silent(here, "sacctmgr", "--noheader", "--parsable2", "show", "cluster")


@subject.check(
    "queue",
    "whether squeue and sinfo answer",
    "the hub lists all servers with one squeue, and the form shows sinfo's figures",
    "read the log of slurmctld",
    needs=("slurm.controller",),
)
def queue(here: Context) -> Iterator[Finding]:
    name = f"--name={here.site.job_name}"
    yield from _silent(here, "squeue", "--noheader", "--all", name, "--format=%i")
    yield from _silent(here, "sinfo", "--noheader", "--all", "--format=%R")


@subject.check(
    "version",
    "the versions of Slurm's programs here and of slurmctld",
    "Slurm's programs must not be newer than slurmctld",
    "install the version of slurmctld on this host",
    needs=("slurm.controller",),
    applies=local,
)
def version(here: Context) -> Iterator[Finding]:
    here_is = run(
        [here.site.slurm.bin / "sinfo", "--version"],
        env=slurm_environment(here.site),
        timeout=8 * here.patience,
    ).stdout.split()[-1]
    there = here.config.get("SLURM_VERSION", here_is)
    if here_is.split(".")[:2] != there.split(".")[:2]:
        yield warning(f"Slurm is {here_is} here, and {there} at slurmctld", "slurm.bin")


@subject.check(
    "other-conf",
    "whether slurm.conf is the same here and at slurmctld (HASH_VAL)",
    "with different files, nodes and users see different limits",
    "copy slurm.conf to all hosts; scontrol reconfigure",
    needs=("slurm.controller",),
)
def same_conf(here: Context) -> Iterator[Finding]:
    value = here.config.get("HASH_VAL", "Match")
    if value.startswith("Different"):
        yield warning(f"HASH_VAL is {value}", "slurm.conf")


@subject.check(
    "job-age",
    "MinJobAge in slurm.conf",
    "the hub reads from squeue that a job has ended, so squeue must list ended jobs for some time",
    f"MinJobAge={MIN_JOB_AGE} or more in slurm.conf",
    needs=("slurm.controller",),
)
def job_age(here: Context) -> Iterator[Finding]:
    seconds = _number(here.config.get("MinJobAge", ""))
    if seconds is not None and seconds < MIN_JOB_AGE:
        yield warning(f"MinJobAge is {seconds} s", "slurm.conf")


@subject.check(
    "start-delay",
    "batch_sched_delay and sched_min_interval in SchedulerParameters",
    "a server waits up to this long before Slurm looks for a node; Slurm's default of "
    "batch_sched_delay is 3 s",
    "SchedulerParameters=batch_sched_delay=0 in slurm.conf, and no sched_min_interval",
    needs=("slurm.controller",),
)
def start_delay(here: Context) -> Iterator[Finding]:
    parameters = here.config.get("SchedulerParameters", "")
    for name, default, per_second in START_DELAYS:
        found = re.search(rf"\b{name}=(\d+)", parameters)
        seconds = (int(found[1]) if found else default) / per_second
        if seconds > 10:
            yield warning(f"{name} is {seconds:g} s", "slurm.conf")
        elif seconds >= 0.5:
            yield note(f"{name} is {seconds:g} s", "slurm.conf")


def _number(text: str) -> int | None:
    """Return the number at the beginning of a text such as `300 sec`."""
    found = re.match(r"\d+", text)
    return int(found[0]) if found else None


@subject.check(
    "private-data",
    "whether PrivateData hides users' jobs and accounts from the hub",
    "the hub would treat a hidden job as ended, or show no accounts",
    "sacctmgr modify user HUB set AdminLevel=Operator",
    needs=("slurm.controller", "slurm.accounting"),
)
def private_data(here: Context) -> Iterator[Finding]:
    hub = here.site.slurm.ssh.account if here.site.slurm.ssh else here.site.hub.user
    hidden = {"jobs", "all"} & set(here.config.get("PrivateData", "").split(","))
    if not hidden or hub == here.config.get("SlurmUser", "").split("(")[0]:
        return
    words = ("--noheader", "--parsable2", "show", "user", hub, "format=AdminLevel")
    if here.slurm("sacctmgr", *words).strip() not in ("Operator", "Administrator"):
        what = f"PrivateData={here.config['PrivateData']} hides users' jobs from {hub}"
        remedy = f"sacctmgr modify user {hub} set AdminLevel=Operator"
        yield warning(what, "slurm.conf", remedy)

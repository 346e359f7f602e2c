"""Render the demo cluster's slurm.conf, cgroup.conf and slurmdbd.conf.

The functions use only the site and the host. Therefore they always return the same files for the
same arguments.
"""

from __future__ import annotations

from pathlib import Path

from ...base.data_files import data
from ...site import Site
from ...site.types.memory_and_time import format_time
from . import paths_and_ports
from .describe_host import Host

CAP_PERCENT = 500
"""AllowedRAMSpace of cgroup.conf(5). If a job uses more than this percentage of its memory request,
Linux kills the job's programs."""

LIFT = "lift-memory-high"
PROGRAMS = (LIFT,)

CPUS = 8
"""The number of CPUs of each virtual node. This number is higher than the machine's number of CPUs.
Notebooks are idle most of the time, and several notebooks should run in the demo."""

# Each entry is name: (nodes, shortest MaxTime in seconds, other options). The partition `batch` has
# OverSubscribe=FORCE:1. The jupyter partitions have nodes in common with `batch`. With Slurm's
# default, NO, a node with a job of `batch` would accept no job of the jupyter partitions. A node
# with a job of the jupyter partitions would accept no job of `batch`. AllowGroups excludes the
# hub's account. Some clusters also reserve such partitions for users.
NOTEBOOKS = "AllowGroups=jupyter-users OverSubscribe=FORCE:10"
PARTITIONS = {
    "jupyter-short": (("demo1", "demo2"), 4 * 3600, f"{NOTEBOOKS} PriorityTier=10"),
    "jupyter-long": (("demo1", "demo2"), 5 * 86400, f"{NOTEBOOKS} PriorityTier=10"),
    "jupyter-overflow": (("demo3",), 5 * 86400, f"{NOTEBOOKS} PriorityTier=5"),
    "batch": (("demo2", "demo3"), 86400, "OverSubscribe=FORCE:1 PriorityTier=1 Default=YES"),
}


def render(site: Site, host: Host) -> dict[Path, str]:
    """Return the content of every configuration file, as a map of paths to texts.

    slurmdbd.conf must belong to the user slurm, with mode 0600. Every user can read the other
    files. The files in the constant `PROGRAMS` are executable.
    """
    folder = paths_and_ports.slurm_conf(site).parent
    return {
        paths_and_ports.slurm_conf(site): slurm_conf(site, host),
        folder / "cgroup.conf": cgroup_conf(host),
        folder / "slurmdbd.conf": slurmdbd_conf(host),
        **({folder / LIFT: data(f"scripts/{LIFT}").read_text()} if host.cgroup == "v2" else {}),
    }


def slurm_conf(site: Site, host: Host) -> str:
    """Return slurm.conf with three virtual nodes on one host.

    The partitions accept every tier of the site.
    """
    head = _HEAD.format(
        host=host,
        layout=paths_and_ports,
        bind="CommunicationParameters=NoInAddrAny,NoCtldInAddrAny\n" if host.loopback_only else "",
        tracking=_WITH_CGROUP if host.cgroup else _WITHOUT_CGROUP,
        health=_health(site) if host.cgroup == "v2" else "",
    )
    nodes = [
        f"NodeName={name} NodeHostname={host.name} NodeAddr={host.address} Port={paths_and_ports.SLURMD_PORT + number}"
        f" CPUs={CPUS} CoresPerSocket={CPUS} RealMemory={host.node_memory} State=UNKNOWN"
        for number, name in enumerate(paths_and_ports.NODES)
    ]
    partitions = [
        f"PartitionName={name} Nodes={','.join(nodes)}"
        f" MaxTime={format_time(_longest(site, name, least))} DefaultTime=1:00:00 {more}"
        for name, (nodes, least, more) in PARTITIONS.items()
    ]
    return head + "\n".join([*nodes, *partitions]) + "\n"


def _health(site: Site) -> str:
    program = paths_and_ports.slurm_conf(site).parent / LIFT
    why = "# With cgroup v2 memory above the request would be given but slowly."
    return f"{why}\nHealthCheckProgram={program}\nHealthCheckInterval=10\n\n"


def _longest(site: Site, partition: str, least: int) -> int:
    return max([least, *(tier.time for tier in site.tiers if partition in tier.partitions)])


def cgroup_conf(host: Host) -> str:
    """Return cgroup.conf, which enforces the memory cap if the host has usable cgroups."""
    if host.cgroup is None:
        # slurmd always loads a cgroup plugin, even if it does not use the plugin. The plugin
        # cgroup/v2 needs a writable cgroup tree, but cgroup/v1 does not.
        return "# No cgroup can be used on this machine: the memory cap is not enforced.\nCgroupPlugin=cgroup/v1\n"
    constrain = (
        f"ConstrainRAMSpace=yes\nAllowedRAMSpace={CAP_PERCENT}\n"
        "ConstrainSwapSpace=no\nConstrainCores=no\nConstrainDevices=no\n"
    )
    if host.cgroup == "v1":
        return "CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\n" + constrain
    # If slurmd does not start with this plugin, bring_up.py starts slurmd without a memory cap.
    return "CgroupPlugin=cgroup/v2\nIgnoreSystemdOnFailure=yes\n" + constrain


def slurmdbd_conf(host: Host) -> str:
    """Return slurmdbd.conf, which contains no password.

    MariaDB identifies the Unix account slurm through the Unix socket.
    """
    # slurmdbd.conf(5) does not list this parameter. But slurmdbd opens its port with the same code
    # as Slurm's other daemons, and this code reads the parameter.
    bind = "CommunicationParameters=NoInAddrAny\n" if host.loopback_only else ""
    return f"""\
AuthType=auth/munge
AuthInfo=socket={paths_and_ports.MUNGE_SOCKET}
DbdHost={host.name}
DbdAddr={host.address}
DbdPort={paths_and_ports.SLURMDBD_PORT}
{bind}SlurmUser=slurm
DebugLevel=info
LogFile={paths_and_ports.LOG}/slurm/slurmdbd.log
PidFile={paths_and_ports.RUN}/slurm/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StorageLoc=sitekit_demo
"""


_HEAD = """\
# The demo cluster, written by `make demo`; a change made here is lost the next time.
ClusterName=demo
SlurmctldHost={host.name}({host.address})
SlurmctldPort={layout.SLURMCTLD_PORT}
{bind}SlurmUser=slurm
AuthType=auth/munge
AuthInfo=socket={layout.MUNGE_SOCKET}

StateSaveLocation={layout.STATE}/slurmctld
SlurmdSpoolDir={layout.STATE}/slurmd/%n
SlurmctldPidFile={layout.RUN}/slurm/slurmctld.pid
SlurmdPidFile={layout.RUN}/slurmd-%n.pid
SlurmctldLogFile={layout.LOG}/slurm/slurmctld.log
SlurmdLogFile={layout.LOG}/slurmd-%n.log
MailProg=/bin/true
MpiDefault=none

# The nodes have more processors than the machine.
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# Slurm's default of 3 s would make the second of two people who start together wait for it.
SchedulerParameters=batch_sched_delay=0
EnforcePartLimits=ALL
PropagateResourceLimits=NONE
DefMemPerNode=200
ReturnToService=2
InactiveLimit=0
KillWait=10
MinJobAge=300

{health}{tracking}JobAcctGatherFrequency=5
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={host.address}
AccountingStoragePort={layout.SLURMDBD_PORT}
# For slurmdbd this is no password, but the socket of the munge that speaks for us. slurm.conf(5)
AccountingStoragePass={layout.MUNGE_SOCKET}
AccountingStorageEnforce=associations,limits,qos

"""

_WITH_CGROUP = """\
ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup,task/affinity
JobAcctGatherType=jobacct_gather/cgroup
"""

_WITHOUT_CGROUP = """\
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
"""

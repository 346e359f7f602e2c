"""Define the cluster's daemons as services, in the order in which they depend on each other."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ...base.command import CommandFailed, run
from ...machine.supervisors.control import Supervisor, SupervisordSupervisor, SystemdSupervisor
from ...machine.supervisors.service import Service
from ...site import Site
from . import layout
from .accounting import environment


def accounting(site: Site) -> list[Service]:
    """Return munge, the database and slurmdbd, which must answer before accounts are created."""
    return [_munge(site), _database(site), _slurmdbd(site)]


def scheduling(site: Site) -> list[Service]:
    """Return slurmctld and one slurmd for each virtual node. They need the accounts."""
    return [_slurmctld(site), *(_slurmd(site, node) for node in layout.NODES)]


def supervisor(site: Site) -> Supervisor:
    """Return the supervisor of the cluster: systemd, or a supervisord separate from the site's."""
    if site.supervisor == "systemd":
        return SystemdSupervisor()
    return SupervisordSupervisor(
        conf=layout.ETC / "supervisord.conf",
        control=layout.RUN / "supervisor.sock",
        log_folder=layout.LOG / "services",
        program=site.current / "bin" / "supervisord",
    )


def _munge(site: Site) -> Service:
    """Return the service munge."""
    return Service(
        name=site.service("munge"),
        description="munge of the demo cluster, with a key and a socket of its own",
        command=(
            "/usr/sbin/munged", "--foreground", f"--socket={layout.MUNGE_SOCKET}", f"--key-file={layout.MUNGE_KEY}",
            f"--pid-file={layout.RUN}/munge/munged.pid", f"--log-file={layout.LOG}/munge/munged.log",
            f"--seed-file={layout.STATE}/munge/seed",
        ),
        user="munge",
        runtime_directories=(layout.RUN / "munge",),
        ready=partial(_listens, layout.MUNGE_SOCKET),
    )  # fmt: skip


def _database(site: Site) -> Service:
    """Return the service of the database."""
    return Service(
        name=site.service("database"),
        description="MariaDB of the demo cluster's accounting; it has no network port",
        command=(
            "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={layout.DATABASE}",
            f"--socket={layout.DATABASE_SOCKET}", "--skip-networking",
            # slurmdbd requires these two. The third is faster, and may lose a second of
            # accounting in a power cut.
            "--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900", "--innodb-flush-log-at-trx-commit=0",
            f"--pid-file={layout.RUN}/slurm/mariadbd.pid",
        ),
        user="slurm",
        runtime_directories=(layout.RUN / "slurm",),
        ready=partial(_listens, layout.DATABASE_SOCKET),
    )  # fmt: skip


def _slurmdbd(site: Site) -> Service:
    """Return the service slurmdbd."""
    return Service(
        name=site.service("slurmdbd"),
        description="slurmdbd of the demo cluster",
        command=("/usr/sbin/slurmdbd", "-D"),
        user="slurm",
        # slurmdbd.conf cannot name the database's socket. The client library reads this variable.
        environment={
            "SLURM_CONF": str(layout.slurm_conf(site)),
            "MYSQL_UNIX_PORT": str(layout.DATABASE_SOCKET),
        },
        runtime_directories=(layout.RUN / "slurm",),
        after=(site.service("munge"), site.service("database")),
        ready=_answers(site, "sacctmgr", "-n", "show", "cluster"),
    )


def _slurmctld(site: Site) -> Service:
    """Return the service slurmctld."""
    return Service(
        name=site.service("slurmctld"),
        description="slurmctld of the demo cluster",
        command=("/usr/sbin/slurmctld", "-D", "-f", str(layout.slurm_conf(site))),
        user="slurm",
        environment={"SLURM_CONF": str(layout.slurm_conf(site))},
        runtime_directories=(layout.RUN / "slurm",),
        after=(site.service("slurmdbd"),),
        ready=_answers(site, "scontrol", "ping"),
    )


def _slurmd(site: Site, node: str) -> Service:
    """Return the service slurmd of a node."""
    return Service(
        name=site.service(f"slurmd-{node}"),
        description=f"slurmd of the virtual node {node}",
        command=("/usr/sbin/slurmd", "-D", "-N", node, "-f", str(layout.slurm_conf(site))),
        environment={
            "SLURM_CONF": str(layout.slurm_conf(site)),
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        },
        runtime_directories=(layout.RUN,),
        after=(site.service("slurmctld"),),
        kill_mode="process",  # running jobs continue during a restart of slurmd
        template="slurmd",
        ready=lambda: node_state(site, node) in ("idle", "mixed", "allocated"),
    )


def node_state(site: Site, node: str) -> str:
    """Return the state of a node as sinfo prints it: `idle`, `idle*` if slurmd is silent; or ""."""
    try:
        return run(
            [
                site.slurm.bin / "sinfo",
                "--noheader",
                "--all",
                "--Node",
                f"--nodes={node}",
                "--format=%T",
            ],
            env=environment(site),
            timeout=20,
        ).stdout.split()[0]
    except (CommandFailed, IndexError):
        return ""


def _listens(path: Path) -> bool:
    """Return whether a program listens on the Unix socket."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(5)
        try:
            caller.connect(str(path))
        except OSError:
            return False
    return True


def _answers(site: Site, program: str, *words: str) -> Callable[[], bool]:
    """Return a function that tells whether a command of Slurm succeeds."""

    def ready() -> bool:
        try:
            return (
                run(
                    [site.slurm.bin / program, *words],
                    env=environment(site),
                    timeout=20,
                    check=False,
                ).returncode
                == 0
            )
        except CommandFailed:
            return False

    return ready

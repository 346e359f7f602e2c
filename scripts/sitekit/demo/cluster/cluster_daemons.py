"""Define the demo cluster's daemons as services."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ...base.run_program import CommandFailed, run
from ...machine.supervisors.control import Supervisor, SupervisordSupervisor, SystemdSupervisor
from ...machine.supervisors.service import Service
from ...site import Site
from . import paths_and_ports
from .slurm_accounts_and_qos import environment


def accounting(site: Site) -> list[Service]:
    """Return the services munge, database and slurmdbd.

    These services must run before Slurm accounts can be created.
    """
    return [_munge(site), _database(site), _slurmdbd(site)]


def scheduling(site: Site) -> list[Service]:
    """Return the services slurmctld and one slurmd for each virtual node.

    These services start only after the Slurm accounts have been created.
    """
    return [_slurmctld(site), *(_slurmd(site, node) for node in paths_and_ports.NODES)]


def supervisor(site: Site) -> Supervisor:
    """Return the supervisor of the cluster's services.

    If the site uses systemd, the supervisor is systemd. Otherwise, it is a supervisord process that
    is separate from the site's supervisord.
    """
    if site.supervisor == "systemd":
        return SystemdSupervisor()
    return SupervisordSupervisor(
        conf=paths_and_ports.ETC / "supervisord.conf",
        control=paths_and_ports.RUN / "supervisor.sock",
        log_folder=paths_and_ports.LOG / "services",
        program=site.current / "bin" / "supervisord",
    )


def _munge(site: Site) -> Service:
    return Service(
        name=site.service("munge"),
        description="munge of the demo cluster, with a key and a socket of its own",
        command=(
            "/usr/sbin/munged", "--foreground", f"--socket={paths_and_ports.MUNGE_SOCKET}",
            f"--key-file={paths_and_ports.MUNGE_KEY}",
            f"--pid-file={paths_and_ports.RUN}/munge/munged.pid",
            f"--log-file={paths_and_ports.LOG}/munge/munged.log",
            f"--seed-file={paths_and_ports.STATE}/munge/seed",
        ),
        user="munge",
        runtime_directories=(paths_and_ports.RUN / "munge",),
        ready=partial(_listens, paths_and_ports.MUNGE_SOCKET),
    )  # fmt: skip


def _database(site: Site) -> Service:
    return Service(
        name=site.service("database"),
        description="MariaDB of the demo cluster's accounting; it has no network port",
        command=(
            "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={paths_and_ports.DATABASE}",
            f"--socket={paths_and_ports.DATABASE_SOCKET}", "--skip-networking",
            # slurmdbd recommends the first two settings. With the third setting, MariaDB is faster,
            # but a power cut can lose the last second of accounting.
            "--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900", "--innodb-flush-log-at-trx-commit=0",
            f"--pid-file={paths_and_ports.RUN}/slurm/mariadbd.pid",
        ),
        user="slurm",
        runtime_directories=(paths_and_ports.RUN / "slurm",),
        ready=partial(_listens, paths_and_ports.DATABASE_SOCKET),
    )  # fmt: skip


def _slurmdbd(site: Site) -> Service:
    return Service(
        name=site.service("slurmdbd"),
        description="slurmdbd of the demo cluster",
        command=("/usr/sbin/slurmdbd", "-D"),
        user="slurm",
        # slurmdbd.conf has no option for the database's socket. Therefore MariaDB's client library
        # reads the path from this environment variable.
        environment={
            "SLURM_CONF": str(paths_and_ports.slurm_conf(site)),
            "MYSQL_UNIX_PORT": str(paths_and_ports.DATABASE_SOCKET),
        },
        runtime_directories=(paths_and_ports.RUN / "slurm",),
        after=(site.service("munge"), site.service("database")),
        ready=_answers(site, "sacctmgr", "-n", "show", "cluster"),
    )


def _slurmctld(site: Site) -> Service:
    return Service(
        name=site.service("slurmctld"),
        description="slurmctld of the demo cluster",
        command=("/usr/sbin/slurmctld", "-D", "-f", str(paths_and_ports.slurm_conf(site))),
        user="slurm",
        environment={"SLURM_CONF": str(paths_and_ports.slurm_conf(site))},
        runtime_directories=(paths_and_ports.RUN / "slurm",),
        after=(site.service("slurmdbd"),),
        ready=_answers(site, "scontrol", "ping"),
    )


def _slurmd(site: Site, node: str) -> Service:
    return Service(
        name=site.service(f"slurmd-{node}"),
        description=f"slurmd of the virtual node {node}",
        command=("/usr/sbin/slurmd", "-D", "-N", node, "-f", str(paths_and_ports.slurm_conf(site))),
        environment={
            "SLURM_CONF": str(paths_and_ports.slurm_conf(site)),
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        },
        runtime_directories=(paths_and_ports.RUN,),
        after=(site.service("slurmctld"),),
        kill_mode="process",  # running jobs continue when slurmd is restarted
        template="slurmd",
        ready=lambda: node_state(site, node) in ("idle", "mixed", "allocated"),
    )


def node_state(site: Site, node: str) -> str:
    """Return the state of a node as sinfo prints it, such as `idle`. If sinfo prints nothing,
    return "".

    sinfo adds `*` (as in `idle*`) if slurmd does not answer.
    """
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
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(5)
        try:
            caller.connect(str(path))
        except OSError:
            return False
    return True


def _answers(site: Site, program: str, *words: str) -> Callable[[], bool]:
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

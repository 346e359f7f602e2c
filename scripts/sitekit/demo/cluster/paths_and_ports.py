"""Define the paths, ports, users, groups and accounts of the demo cluster.

These paths and ports differ from the paths and ports of other Slurm clusters on the machine.
"""

from __future__ import annotations

from pathlib import Path

from ...base.data_files import data
from ...site import Site, load_site

NAME = "demo-cluster"
ETC = Path("/etc/sitekit/demo/cluster")
STATE = Path("/var/lib/sitekit") / NAME
RUN = Path("/run/sitekit") / NAME
LOG = Path("/var/log/sitekit") / NAME

MADE = STATE / "made.json"
PASSWORDS = STATE / "passwords.json"

MUNGE_KEY = ETC / "munge.key"
MUNGE_SOCKET = RUN / "munge" / "munge.socket"
DATABASE = STATE / "mariadb"
DATABASE_SOCKET = RUN / "slurm" / "mariadb.sock"

SLURMCTLD_PORT = 26817
SLURMDBD_PORT = 26819
SLURMD_PORT = 26821
NODES = ("demo1", "demo2", "demo3")

USERS = ("alice", "bob", "carol")
GROUPS = {"jupyter-users": USERS, "jupyter-admins": ("carol",)}
ACCOUNTS = {"research": ("alice", "carol"), "teaching": ("alice", "bob")}


def demo_site(supervisor: str) -> Site:
    """Return the demo's site with the given supervisor, which is `systemd` or `supervisord`."""
    site = load_site(data("config/sites/demo.yml"))
    return site.model_copy(update={"supervisor": supervisor})


def modules(site: Site) -> Path:
    """Return the path of the module tree."""
    return site.kernels.modulepath[0]


def software(site: Site) -> Path:
    """Return the path of the folder with the programs that the demo's modules add to PATH."""
    return site.paths.prefix / "software"


def slurm_conf(site: Site) -> Path:
    """Return the path of the cluster's slurm.conf.

    Slurm reads its other configuration files from the same directory. Raises ValueError if the site
    does not set `slurm.conf`.
    """
    if site.slurm.conf is None:
        raise ValueError("the demo's site must name its slurm.conf")
    return site.slurm.conf


def ports(site: Site) -> dict[int, str]:
    """Return every port on which the demo listens, as a map of ports to names of programs."""
    return {
        site.front.port: "the web server",
        site.proxy.port: "the proxy",
        site.proxy.api_port: "the proxy's own interface",
        site.hub.port: "the hub",
        SLURMCTLD_PORT: "slurmctld",
        SLURMDBD_PORT: "slurmdbd",
        **{SLURMD_PORT + number: f"slurmd of {node}" for number, node in enumerate(NODES)},
    }


def directories(site: Site) -> tuple[Path, ...]:
    """Return every directory that the demo makes and `make demo_reset` removes.

    If a directory is inside another directory of the list, the inner directory comes first.
    """
    return (
        modules(site),
        software(site),
        slurm_conf(site).parent,
        ETC,
        STATE,
        RUN,
        LOG,
        site.etc,
        site.paths.state,
        site.run,
        site.log,
        site.backups,
        site.libexec,
    )

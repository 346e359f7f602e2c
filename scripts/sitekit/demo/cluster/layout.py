"""Define the demo cluster's paths, ports, nodes, users and groups. All are the demo's own."""

from __future__ import annotations

from pathlib import Path

from ...base.data import data
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
    """Return the demo's site for the supervisor of this machine: `systemd` or `supervisord`."""
    site = load_site(data("config/sites/demo.yml"))
    return site.model_copy(update={"supervisor": supervisor})


def modules(site: Site) -> Path:
    """Return the module tree."""
    return site.kernels.modulepath[0]


def software(site: Site) -> Path:
    """Return the folder of the software that the modules load."""
    return site.paths.prefix / "software"


def slurm_conf(site: Site) -> Path:
    """Return the cluster's slurm.conf. Slurm's other files are in the same folder.

    Raises ValueError if the site names none.
    """
    if site.slurm.conf is None:
        raise ValueError("the demo's site must name its slurm.conf")
    return site.slurm.conf


def ports(site: Site) -> dict[int, str]:
    """Return every port of the demo, with the program that listens there."""
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
    """Return every directory that `make demo_reset` removes, the deepest first."""
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

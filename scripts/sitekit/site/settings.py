"""Define the sections of `config/site.yml`, and the paths and names that follow from them.

The class Site in model.py also refuses settings that contradict each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..base.errors import Unfit
from .backend_names import LOCAL
from .sections.daily_tasks import Backup, KernelCheck
from .sections.docker import Docker
from .sections.drill import Drill
from .sections.front import Front
from .sections.hub import Hub
from .sections.login import Login
from .sections.monitoring import Monitoring
from .sections.pages import Pages
from .sections.server import Server
from .sections.slurm import Slurm, Tunnel
from .sections.tier import Tier
from .types.address_types import WebAddress
from .types.value_types import AbsolutePath, Channel, Port, ServiceAccount, Title, Word


class Section(BaseModel):
    """The base class of the sections of site.yml. Unknown keys are refused, and the program cannot
    change the values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Paths(Section):
    """Declare the keys of the section `paths`: the folders of the site.

    All nodes share the folder `prefix`, and users cannot write to this folder. The folder `state`
    is on the hub's own disk. The course files are in the folder `courses`, by default in
    config/courses of the checkout.
    """

    prefix: Annotated[AbsolutePath, Field(examples=["/shared/jupyter"])]
    state: Annotated[AbsolutePath, Field(examples=["/var/lib/sitekit"])]
    courses: AbsolutePath | None = None


class Environment(Section):
    """Declare the keys of the section `environment`: from which servers the packages of
    environment.yml are downloaded.
    """

    channels: Annotated[tuple[Channel, ...], Field(min_length=1)] = ("conda-forge",)
    fallback: Literal["wheels", "none"] = "wheels"
    mirrors: dict[Channel, Annotated[tuple[WebAddress, ...], Field(min_length=1)]] = {}
    credentials: AbsolutePath | None = None
    proxy: WebAddress | None = None

    @model_validator(mode="after")
    def _mirrors_are_of_channels(self) -> Environment:
        """Refuse a mirror whose channel is not in the list `channels`."""
        for name in set(self.mirrors).difference(self.channels):
            what, known = f"'{name}' is not one of the channels", ", ".join(self.channels)
            raise Unfit(what, f"name one of {known}, or add it to channels", "mirrors", name)
        return self


class Proxy(Section):
    """Declare the keys of the section `proxy`: account and ports of the service
    configurable-http-proxy.

    The proxy is a separate service, and keeps running while the hub restarts.
    """

    user: ServiceAccount = "jupyterhub-proxy"
    port: Port = 8000
    api_port: Port = 8001


class Kernels(Section):
    """Declare the keys of the section `kernels`: the Lmod module tree, and the daily check of all
    kernels. The rules in kernels/kernels.yml define which modules become kernels.
    """

    modulepath: Annotated[
        tuple[AbsolutePath, ...], Field(min_length=1, examples=[["/opt/modules"]])
    ]
    lmod: AbsolutePath = Path("/usr/share/lmod/lmod")
    check: KernelCheck = KernelCheck()


class Logs(Section):
    """Declare the key of the section `logs`: whether each line of the hub's log is plain text or a
    JSON object.
    """

    format: Literal["text", "json"] = "text"


class SiteSettings(Section):
    """Store all settings of one site: the sections of site.yml, and the paths and names that follow
    from them."""

    name: Annotated[Word, Field(examples=["main"])]
    title: Annotated[Title, Field(examples=["Jupyter at Example University"])]
    paths: Paths
    environment: Environment = Environment()
    supervisor: Literal["systemd", "supervisord"] = "systemd"
    internal_tls: bool = True
    hub: Hub = Hub()
    proxy: Proxy = Proxy()
    front: Front
    login: Annotated[Login, Field(examples=[{"allowed_groups": ["jupyter-users"]}])]
    slurm: Slurm = Slurm()
    docker: Docker = Docker()
    pages: Pages = Pages()
    server: Server = Server()
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]
    kernels: Kernels
    backup: Backup = Backup()
    logs: Logs = Logs()
    drill: Drill = Drill()
    monitoring: Monitoring = Monitoring()

    @property
    def backends(self) -> tuple[str, ...]:
        """Return the names of the backends on which the tiers run."""
        return tuple(dict.fromkeys(tier.runs_on for tier in self.tiers))

    @property
    def local_backends(self) -> tuple[str, ...]:
        """Return the backends that run servers on the hub's own host."""
        return tuple(name for name in self.backends if name in LOCAL)

    @property
    def tunnel(self) -> Tunnel | None:
        """Return the settings of SSH tunnels; None if hub and compute nodes connect to each other
        directly."""
        return self.slurm.ssh.tunnel if self.slurm.ssh else None

    @property
    def hub_listens_at(self) -> str:
        """Return the IP address at which the hub listens. If the site has SSH tunnels, the hub
        listens at the loopback address only."""
        return "127.0.0.1" if self.tunnel else self.hub.address

    @property
    def service_accounts(self) -> tuple[str, ...]:
        """Return the Unix accounts under which the site's services run."""
        return (self.hub.user, self.proxy.user, *([self.tunnel.user] if self.tunnel else ()))

    # These paths follow from the site's name and the section `paths`. Most files that sitekit
    # writes are below one of these paths. Other files are in folders of the distribution, such as
    # /etc/pam.d.

    @property
    def etc(self) -> Path:
        """Return the folder for configuration and secrets on the hub's host, owned by root."""
        return Path("/etc/sitekit") / self.name

    @property
    def run(self) -> Path:
        """Return the folder (below /run) for sockets and other files that are removed when the
        machine boots."""
        return Path("/run/sitekit") / self.name

    @property
    def log(self) -> Path:
        """Return the folder for logs."""
        return Path("/var/log/sitekit") / self.name

    @property
    def backups(self) -> Path:
        """Return the folder for backups."""
        return self.backup.folder / self.name

    @property
    def libexec(self) -> Path:
        """Return the folder for programs that only root can change, such as the gate, which the hub
        starts with sudo.
        """
        return Path("/usr/local/libexec/sitekit") / self.name

    @property
    def totp(self) -> Path:
        """Return the folder for the secrets of users' authenticator apps, with one file for each
        user.

        Only the hub's account can read this folder.
        """
        return self.paths.state / "totp"

    @property
    def front_state(self) -> Path:
        """Return the folder for the web server's certificates and the maintenance switch."""
        return Path("/var/lib/sitekit-front") / self.name

    @property
    def maintenance(self) -> Path:
        """Return the path of the switch for maintenance: while this file exists, the web server
        shows the maintenance page."""
        return self.front_state / "maintenance"

    @property
    def ports(self) -> dict[tuple[str, ...], int]:
        """Return the ports of the site's own services: key in site.yml -> port."""
        ports: dict[tuple[str, ...], int] = {("hub", "port"): self.hub.port}
        ports["proxy", "port"] = self.proxy.port
        ports["proxy", "api_port"] = self.proxy.api_port
        if self.front.instance == "own":
            ports["front", "url"] = self.front.port
        if self.tunnel:
            ports["slurm", "ssh", "tunnel", "port"] = self.tunnel.port
        return ports

    @property
    def releases(self) -> Path:
        """Return the folder with all releases (installations of the hub's software)."""
        return self.paths.prefix / "releases"

    @property
    def current(self) -> Path:
        """Return the path of the symbolic link to the current release."""
        return self.paths.prefix / "current"

    @property
    def kernels_current(self) -> Path:
        """Return the path of the symbolic link to the published kernels. Servers have this path in
        JUPYTER_PATH."""
        return self.paths.prefix / "kernels" / "current"

    @property
    def docs(self) -> Path:
        """Return the folder with the documentation as a web site, which `make docs` builds."""
        return self.paths.prefix / "docs"

    @property
    def database(self) -> Path:
        """Return the path of the hub's database, if it is SQLite (`hub.database`)."""
        return self.paths.state / "jupyterhub.sqlite"

    @property
    def ledger(self) -> Path:
        """Return the path of the ledger: the database in which the hub records all servers
        (sitekit.hub.ledger.ledger)."""
        return self.paths.state / "ledger.sqlite"

    @property
    def job_name(self) -> str:
        """Return the name of the Slurm jobs in which users' servers run."""
        return f"jupyter-{self.name}"

    @property
    def log_dir(self) -> str:
        """Return the folder for the logs of a user's jobs, relative to the home directory."""
        return f".jupyterhub/{self.name}/log"

    def service(self, part: str) -> str:
        """Return the name of a service of the site, such as `sitekit-demo-hub`.

        The service has the same name under systemd and supervisord.
        """
        return f"sitekit-{self.name}-{part}"

    def tier(self, key: str) -> Tier:
        """Return the tier with this key. Raises KeyError for an unknown key."""
        return {tier.key: tier for tier in self.tiers}[key]

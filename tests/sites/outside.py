"""A site of config/sites whose hub is outside the cluster, brought up on this host.

The hub's machine is a network namespace. The login node is an sshd at this host's end of the cable.
The file of the site is taken as it stands, except for addresses, paths, and what is another
organization's.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitekit.demo.cluster.paths_and_ports import demo_site
from sitekit.machine.supervisors.control import which_supervisor
from sitekit.site import Site, load_site
from sitekit.site.show import dump

from ..chain.provider import CLIENT, SECRET, Provider, providing
from ..conftest import CHECKOUT
from ..ports import free_port
from ..slurm import until
from ..ssh.conftest import LoginNode, unpack
from ..sshd import PORT, write_sshd_files
from .network import CLUSTER, HUB, on_the_hub

FRONT = f"https://{HUB}:9443"


@dataclass(frozen=True)
class Outside:
    """A site that is up: its hub, its login node and the provider of its logins."""

    site: Site
    file: Path
    node: LoginNode
    provider: Provider

    def kit(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of sitekit on the hub's machine, as `make` runs it."""
        program = [CHECKOUT / ".kit/bin/python", "-B", "-m", "sitekit", *words]
        paths = {"PYTHONPATH": str(CHECKOUT / "scripts"), "SITE": str(self.file)}
        return on_the_hub(*program, **paths)


def here(name: str, folder: Path, provider: Provider, host_key: str) -> dict[str, Any]:
    """The site with this host's addresses and paths in place of its own."""
    demo = demo_site(which_supervisor())
    values = load_site(CHECKOUT / f"config/sites/{name}.yml").model_dump(mode="json")
    values["paths"]["prefix"] = str(demo.paths.prefix)
    values["supervisor"] = "supervisord"  # systemd would start the services in its own network
    values["hub"]["address"] = HUB
    values["front"] |= {"url": FRONT, "instance": "own", "certificate": "self-signed"}
    values["front"].pop("acme")
    values["login"]["provider"] |= {
        "client_id": CLIENT,
        "client_secret": str(folder / "secret"),
        "url": provider.url,
    }
    values["slurm"] |= {"bin": str(demo.slurm.bin), "conf": str(demo.slurm.conf)}
    values["slurm"]["ssh"] |= {
        "host": CLUSTER,
        "port": PORT,
        "host_keys": [host_key],
        "prefix": str(demo.paths.prefix),
    }
    values["slurm"]["ssh"]["tunnel"]["ports"] = (21000, 21999)  # the demo has ports of the default
    values["kernels"]["modulepath"] = [str(path) for path in demo.kernels.modulepath]
    return values


@contextmanager
def brought_up(name: str, folder: Path, **changes: Any) -> Iterator[Outside]:
    """The site, up; afterwards nothing of it is left. `changes` are values by their keys, as in
    `login__accounts`.

    `folder` is root's, and the hub's account can read it.
    """
    provider = Provider(free_port(), folder, host=CLUSTER)
    provider.make_certificate()
    (folder / "secret").write_text(SECRET + "\n")
    (folder / "secret").chmod(0o600)
    host_key = write_sshd_files(folder, CLUSTER)
    values = here(name, folder, provider, host_key)
    for key, value in changes.items():
        *sections, last = key.split("__")
        place: Any = values
        for section in sections:
            place = place[int(section) if section.isdigit() else section]
        place[last] = value
    site = Site.model_validate(values)
    (folder / "site.yml").write_text(dump(site))
    outside = Outside(site, folder / "site.yml", LoginNode(site, folder), provider)
    with providing(provider), applied(outside), login_node(outside):
        try:
            outside.kit("start")
            yield outside
        finally:
            outside.kit("stop")


@contextmanager
def applied(outside: Outside) -> Iterator[None]:
    """The site on the hub's machine, not started yet; afterwards uninstalled, with its data."""
    local = outside.site.etc / "local.d" / "zz_provider.py"
    try:
        outside.kit("apply")
        local.parent.mkdir(exist_ok=True)
        trusted = {"ca_certs": str(outside.provider.certificate)}
        local.write_text(f"c.OAuthenticator.http_request_kwargs = {trusted!r}\n")
        yield
    finally:
        local.unlink(missing_ok=True)
        outside.kit("uninstall", "purge")


@contextmanager
def login_node(outside: Outside) -> Iterator[None]:
    """What the page of `make gate_bundle` says, and sshd."""
    account = outside.site.slurm.ssh.account
    words = ["useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", account]
    subprocess.run(words, check=True)
    written: list[Path] = []
    try:
        written += unpack(outside.node, outside.node.folder / "bundle.tar")
        outside.node.start()
        yield
    finally:
        outside.node.stop()
        for path in written:
            path.unlink(missing_ok=True)
        # userdel refuses while a connection of the hub is open
        words = ["userdel", "--remove", account]
        until(lambda: subprocess.run(words, capture_output=True).returncode == 0, 180)

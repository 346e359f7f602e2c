"""config/sites/gateway-workshop.yml under systemd, with the distribution's Apache and sshd's drop-in
file: hub and login node are two roles of the booted machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.site import Site
from sitekit.site.show import dump

from ..chain.oauth import refusal, visiting
from ..chain.provider import SECRET, Known, Provider, providing
from ..chain.test_chain import python_of
from ..conftest import CHECKOUT, Demo
from ..packages import install
from ..sites.outside import here
from ..sites.test_gateway_workshop import TEAM
from ..slurm import until
from ..sshd import write_sshd_files
from .booted import Booted
from .campus import coming_from

ADDRESS = "192.0.2.1"  # of the cable to nowhere
FILE = Path("/srv/workshop.yml")
FOLDER = Path("/srv/sshd")
PEOPLE = {
    "ann": Known({"login": "ann", "email": None}, {TEAM}),
    "eve": Known({"login": "eve", "email": None}, {"example-lab"}),
}


def prepare(machine: Booted, provider: Provider) -> Site:
    """What the machine has before the site comes to it: the file of the site, sshd and accounts."""
    machine.systemctl("start", "apache2")
    folder = machine.root / FOLDER.relative_to("/")
    folder.mkdir(parents=True)
    for name, text in {"secret": SECRET + "\n", "ca": provider.certificate.read_text()}.items():
        (folder / name).write_text(text)
    (folder / "secret").chmod(0o600)
    key = write_sshd_files(folder, ADDRESS, seen=FOLDER)
    values = here("gateway-workshop", FOLDER, provider, key)
    values |= {"supervisor": "systemd"}
    values["hub"]["address"] = values["slurm"]["ssh"]["host"] = ADDRESS
    values["front"] |= {"url": "https://workshop.example.org", "instance": "system"}
    values["server"]["repository"] = None
    for tier in values["tiers"]:
        tier |= {"partitions": ["batch"], "memory": "300M", "cpus": 1, "reservation": None}
    site = Site.model_validate(values)
    (machine.root / FILE.relative_to("/")).write_text(dump(site))
    for account, shell in (("workshop", "/bin/bash"), (site.slurm.ssh.account, "/bin/sh")):
        machine.run("useradd", "--create-home", "--shell", shell, "--password", "*", account)
    slurm = ("env", f"SLURM_CONF={site.slurm.conf}", "sacctmgr", "--immediate")
    machine.run(*slurm, "add", "account", "workshop")
    machine.run(*slurm, "add", "user", "workshop", "account=workshop")
    return site


@pytest.fixture(scope="module")
def workshop(
    machine: Booted, demo: Demo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The site, up, beside the demo."""
    install("openssh-server", "openssh-client")
    provider = Provider(8555, tmp_path_factory.mktemp("provider"), people=dict(PEOPLE))
    provider.make_certificate()
    with providing(provider):
        site = prepare(machine, provider)
        machine.kit("apply", site=FILE)
        trusts = f"c.OAuthenticator.http_request_kwargs = {{'ca_certs': '{FOLDER}/ca'}}\n"
        local = machine.root / site.etc.relative_to("/") / "local.d"
        local.mkdir(exist_ok=True)
        (local / "zz_provider.py").write_text(trusts)
        login_node(machine, site)
        machine.kit("start", site=FILE)
        yield site
        machine.kit("stop", site=FILE)
        (local / "zz_provider.py").unlink()
        machine.kit("uninstall", site=FILE, words=["purge"])
        clear(machine, site)


def clear(machine: Booted, site: Site) -> None:
    """Leave nothing that other tests on this machine would find."""
    machine.run("sh", "-c", f"kill $(cat {FOLDER}/pid)")
    files = machine.run("tar", "-tf", f"/srv/{site.name}.tar").stdout.split()
    places = [Path("/", name) for name in files if not name.endswith(".md")]
    machine.run("rm", "-f", *places, site.libexec / "revoked_keys")
    machine.run("rm", "-r", FOLDER, FILE)
    for account in ("workshop", site.slurm.ssh.account):
        until(lambda name=account: not machine.run("userdel", "-r", name, check=False).returncode)
    for kind in ("user", "account"):
        words = ("sacctmgr", "--immediate", "delete", kind, "workshop")
        asked = ("env", f"SLURM_CONF={site.slurm.conf}", *words)
        # refused until slurmdbd knows that the last job has ended
        until(lambda words=asked: not machine.run(*words, check=False).returncode)
    machine.systemctl("stop", "apache2")


def login_node(machine: Booted, site: Site) -> None:
    """What the page of `make gate_bundle` says, and sshd."""
    tar = f"/srv/{site.name}.tar"
    kit = [
        "env",
        f"SITE={FILE}",
        f"PYTHONPATH={CHECKOUT / 'scripts'}",
        CHECKOUT / ".kit/bin/python",
    ]
    machine.run(*kit, "-B", "-m", "sitekit", "gate_bundle", tar)
    machine.run("mkdir", "-p", site.libexec)
    words = ("--no-overwrite-dir", "--exclude=sitekit-login-node.md")
    machine.run("tar", "-xpf", tar, "-C", "/", *words)
    machine.run("touch", site.libexec / "revoked_keys")
    machine.run("mkdir", "-p", "/run/sshd")
    machine.run("/usr/sbin/sshd", "-f", FOLDER / "config", "-E", FOLDER / "log")


def test_units_run_and_a_participant_runs_a_cell(workshop: Site, machine: Booted) -> None:
    units = [workshop.service(part) for part in ("hub", "proxy", "tunnel")]
    assert machine.systemctl("is-active", *units).split() == ["active"] * 3
    with coming_from(ADDRESS, workshop), visiting(workshop, "ann") as ann:
        assert ann.come().status_code == 200
        told = ann.start("shared")
        assert told[-1].get("ready"), told
        kernel = ann.kernel(python_of(ann))
        assert (
            kernel.run("import os; print(os.path.expanduser('~'))").strip()
            == "/home/workshop/participants/ann"
        )
        kernel.close()
        assert "this user may not log in here" in refusal(workshop, "eve")


def test_after_a_restart_of_all_services_the_server_is_there(
    workshop: Site, machine: Booted
) -> None:
    with coming_from(ADDRESS, workshop), visiting(workshop, "ann") as ann:
        units = [workshop.service(part) for part in ("tunnel", "proxy", "hub")]
        machine.systemctl("restart", *units)
        until(lambda: ann.come().status_code == 200, 300)
        until(lambda: ann.lab().status_code == 200, 300)
        ann.stop_and_wait()

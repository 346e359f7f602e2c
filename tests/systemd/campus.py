"""What Aalto's cluster has before sitekit comes to it, on the booted machine: names, groups,
Slurm's and the modules' places, storage, a certificate, sssd, and an organisation with a Shibboleth
login."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sitekit.site import Site
from sitekit.site.sections.front import Certificate

from ..conftest import Demo
from ..front.saml import IDP, identity_provider, service_provider
from ..slurm import until
from .booted import Booted

PACKAGES = ("apache2", "libapache2-mod-shib", "simplesamlphp", "php-cli", "php-xml", "php-mbstring")
SSSD = ("sssd-common", "sssd-proxy", "libpam-sss", "libnss-sss")
DEBS = Path("/srv/debs")
# the booted machine's addresses: who speaks to one comes from there
INSIDE, OUTSIDE = "10.1.1.1", "192.0.2.1"

# The accounts of this machine, as if they came from a directory: sssd asks a service of PAM's, as
# root.
FILES = {
    "/etc/sssd/sssd.conf": """[sssd]
services = nss, pam
domains = people
[domain/people]
id_provider = proxy
proxy_lib_name = files
auth_provider = proxy
proxy_pam_target = people
""",
    "/etc/pam.d/people": "auth required pam_unix.so nodelay\naccount required pam_unix.so\n",
}


def download(root: Path) -> None:
    """sssd's packages change PAM, and so are for the booted machine alone; once up, that has no way
    to them."""
    debs = root / DEBS.relative_to("/")
    (debs / "partial").mkdir(parents=True)
    only = [
        "-o",
        f"Dir::Cache::archives={debs}",
        "-o",
        "DPkg::Lock::Timeout=600",
        "-o",
        "APT::Sandbox::User=root",
    ]
    apt = [
        "apt-get",
        "-qq",
        "--download-only",
        *only,
        "install",
        "-y",
        "--no-install-recommends",
        *SSSD,
    ]
    subprocess.run(apt, check=True, timeout=600, stdout=subprocess.DEVNULL)


def prepare(machine: Booted, demo: Demo, site: Site) -> None:
    """As the cluster's administrators have it. Slurm, modules and the release are the demo's, at
    Triton's places."""
    machine.run("ip", "address", "add", f"{INSIDE}/24", "dev", "cable")
    machine.run("sh", "-c", f"echo 127.0.0.1 {site.hub.address} >>/etc/hosts")
    for group, members in (("triton-users", "alice,carol"), ("triton-admins", "carol")):
        machine.run("groupadd", group)
        machine.run("gpasswd", "--members", members, group)
    machine.run("mkdir", "-p", site.paths.prefix, "/scratch/work/alice", "/m")
    machine.run("chown", "alice:", "/scratch/work/alice")
    machine.run("ln", "-s", demo.site.slurm.conf, site.slurm.conf)
    machine.run("ln", "-s", demo.site.kernels.modulepath[0], site.kernels.modulepath[0])
    machine.run("ln", "-s", demo.site.releases, site.releases)
    machine.run("cp", "--no-dereference", demo.site.current, site.current)
    larger_nodes(machine, demo)
    own_certificate(machine, site)
    sssd(machine)
    machine.systemctl("start", "apache2")
    organisation(machine, site)


def larger_nodes(machine: Booted, demo: Demo) -> None:
    """Nodes and limits of Triton's size: `make apply` asks Slurm whether the site's tiers fit in
    them."""
    sizes = "s/RealMemory=[0-9]*/RealMemory=128000/; /^PartitionName=jupyter-/s/MaxTime=[0-9:-]*/MaxTime=5-00:00:00/"
    machine.run("sed", "--in-place", sizes, demo.site.slurm.conf)
    machine.systemctl("restart", "sitekit-demo-slurmctld.service", "sitekit-demo-slurmd-*.service")

    def are_there() -> bool:
        states = machine.run("sinfo", "--noheader", "--format=%T", check=False).stdout.split()
        return bool(states) and set(states) <= {"idle", "mixed"}

    until(are_there, 300)


def own_certificate(machine: Booted, site: Site) -> None:
    given = site.front.certificate
    assert isinstance(given, Certificate)
    new = (
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "90",
        "-subj",
        f"/CN={site.front.host}",
    )
    name = ("-addext", f"subjectAltName=DNS:{site.front.host}")
    machine.run(*new, *name, "-keyout", given.key, "-out", given.certificate)


def sssd(machine: Booted) -> None:
    machine.run("sh", "-c", f"DEBIAN_FRONTEND=noninteractive dpkg --install {DEBS}/*.deb")
    for path, text in FILES.items():
        machine.run("sh", "-c", 'printf %s "$1" >"$0" && chmod 600 "$0"', path, text)
    machine.systemctl("restart", "sssd")


def organisation(machine: Booted, site: Site) -> None:
    """Its identity provider, and this site's shibboleth2.xml, which names it."""
    serve = identity_provider(machine, Path("/srv/idp"), site.front.host, machine.root)
    machine.run(
        "systemd-run", "--unit=idp", "--setenv=SIMPLESAMLPHP_CONFIG_DIR=/srv/idp", "--", *serve
    )
    until(lambda: machine.run("curl", "--silent", IDP, check=False).returncode == 0)
    service_provider(machine, site.front.host)
    machine.systemctl("restart", "shibd")


@contextmanager
def coming_from(address: str, site: Site) -> Iterator[None]:
    """What this process connects to at the site's name meanwhile, it connects to from there; curl's
    --resolve."""
    known = {site.front.host: address, "idp.test": "127.0.0.1"}
    asked = socket.getaddrinfo

    def resolve(host: object, *rest: object, **more: object) -> object:
        return asked(known.get(str(host), host), *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        yield

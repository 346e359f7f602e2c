"""Debian 13: what the kit writes there is taken by that release's programs and taken away again;
and the demo runs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from sitekit.machine.host.platform import this_platform
from sitekit.machine.web.config import server
from sitekit.site import Site
from sitekit.site.show import dump

from ..chain.test_chain import python_of
from ..front.conftest import demo
from ..person import Person
from ..slurm import until
from ..systemd.booted import Booted, network_of
from ..unit.machine_sites import documented, shipped
from .conftest import Debian

pytestmark = [pytest.mark.soak, pytest.mark.timeout(5400)]

# What a site has to find: its groups, its certificate.
HERE = {"allowed_groups": ["users"], "admin_groups": []}
SIGNED = {"certificate": "self-signed"}
SITES = {
    "demo-apache": demo(supervisor="systemd", login=HERE | {"second_factor": "totp"}),
    "demo-nginx": demo(supervisor="systemd", login=HERE, front={"server": "nginx"}),
    "triton-apache": shipped("triton", login=HERE, front=SIGNED),
    "triton-nginx": shipped(
        "triton", login=HERE, front=SIGNED | {"server": "nginx", "outside": None}
    ),
}
LISTING = """
find /etc /usr/local /var/backups -xdev -printf '%y %p %m %U %G %l\\n' | sort
find /var/lib /var/log -xdev -name 'sitekit*' | sort
find /etc -xdev -type f -exec sha256sum {} + | sort
"""


@pytest.mark.parametrize("name", SITES)
def test_all_of_it_is_taken_and_taken_away_again(name: str, debian13: Debian) -> None:
    """`make apply` gives each file to its program, and takes any word of systemd's about the units
    for a fault.

    The site of the machine's own web server has to answer there before the apply is over.
    """
    site, machine = SITES[name], debian13.machine
    web = server(site, this_platform(machine.root)).service
    if site.front.instance == "system":
        machine.systemctl("start", web)
    (machine.root / "srv/site.yml").write_text(dump(site))
    before = machine.run("sh", "-c", LISTING).stdout
    # there is no Slurm and no release, which `make diff` reports beside the files
    diff = debian13.make("diff", "SITE=/srv/site.yml", check=False)
    assert f"+++ /etc/sudoers.d/sitekit-{site.name}" in diff
    assert "does not run" not in debian13.make("apply", "SITE=/srv/site.yml")
    assert "ok the machine is what the site says" in debian13.make("diff", "SITE=/srv/site.yml")
    machine.run("visudo", "--check", "--quiet")
    for unit in (machine.root / "etc/systemd/system").glob("sitekit-*.service"):
        highest = documented()[unit.stem.rpartition("-")[2]]
        machine.run(
            "systemd-analyze", "security", "--no-pager", f"--threshold={highest}", unit.name
        )
    if site.front.instance == "own":
        the_front_works(machine, site)
    debian13.make("uninstall", "SITE=/srv/site.yml", "PURGE=1")
    assert machine.run("sh", "-c", LISTING).stdout == before
    machine.systemctl("stop", web)


def the_front_works(machine: Booted, site: Site) -> None:
    """Without a release there is no hub behind it, of which it tells; and its logs can be rotated."""
    machine.systemctl("start", site.service("front"))
    until(
        lambda: "does not answer" in machine.run("curl", "-sk", site.front.url, check=False).stdout
    )
    log = site.log / f"{site.front.server}-access.log"
    machine.run("logrotate", "--force", f"/etc/logrotate.d/sitekit-{site.name}")
    until(
        lambda: (
            machine.run("curl", "-sk", site.front.url)
            and machine.run("cat", log, check=False).stdout
        )
    )
    assert machine.run("test", "-s", f"{log}.1")


# What reads the words of Slurm's programs and of Lmod, and what says them to users.
READERS = (
    "unit/session/test_lmod_output.py", "chain/test_chain.py", "chain/test_choices.py",
    "chain/test_fits_the_cluster.py",
    "chain/test_session.py", "chain/test_kernels_check.py", "faults/test_cards.py",
    "faults/test_pending.py", "faults/test_hidden_partitions.py",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(debian13: Debian) -> Iterator[Debian]:
    """Slurm, Lmod, the release and the kernels of that distribution."""
    debian13.make("demo")
    yield debian13
    debian13.make("demo_reset")


def test_the_demo_is_made_and_runs(made: Debian) -> None:
    """Login by its PAM, with its shadow group."""
    machine, site = made.machine, demo()
    passwords = json.loads(
        (machine.root / "var/lib/sitekit/demo-cluster/passwords.json").read_text()
    )
    with network_of(machine.holder), Person("alice", passwords["alice"], site.front.url) as alice:
        assert alice.login("not the password").status_code == 403
        assert alice.login().url.path != "/hub/login"
        assert alice.start("small")[-1].get("ready")
        assert alice.kernel(python_of(alice)).run("print(6 * 7)") == "42"
        alice.stop_and_wait()
    for part in ("backup", "certificate"):
        machine.systemctl("start", f"sitekit-demo-{part}.service")
    failed = machine.systemctl("list-units", "--no-legend", "--failed")
    assert "sitekit" not in failed


def test_what_its_slurm_and_its_lmod_print_is_read(made: Debian) -> None:
    """The tests of this machine's versions hold for that release's own too."""
    conf = "SLURM_CONF=/etc/sitekit/demo/slurm/slurm.conf"
    version = made.machine.run("env", conf, "sinfo", "--version").stdout.removeprefix("slurm ")
    major = int(version.split(".")[0])
    assert major >= 24, "this is the Slurm of another release"
    done = made.pytest(*(f"tests/{name}" for name in READERS))
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]

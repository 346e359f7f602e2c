"""An upgrade and the way back while people work: a kernel's WebSocket stays open, and its server
keeps its release."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.environment.release import releases
from sitekit.machine.supervisors.control import which_supervisor
from sitekit.site import Site

from ..attacks.certificates import session_process
from ..checkout import Checkout
from ..conftest import CHECKOUT, Demo
from ..person import Person
from ..processes import processes, words_of
from ..slurm import jobs
from ..walk import walked
from .test_chain import python_of


def of_the_demo(folder: Path, demo: Demo) -> Checkout:
    """Packages come from where the demo's came from, all but one. No pip: part, which would be
    looked up on PyPI."""
    in_use = releases.read(demo.site.current.resolve())
    assert in_use
    channels = ", ".join(f"'{channel}'" for channel in in_use.facts["source"]["channels"])
    site = (
        (CHECKOUT / "config/sites/demo.yml").read_text().replace("[conda-forge]", f"[{channels}]")
    )
    site = site.replace("supervisor: supervisord ", f"supervisor: {which_supervisor()} ")
    wanted = (CHECKOUT / "environment.yml").read_text().replace("  - ipympl\n", "")
    return Checkout(folder, site, re.sub(r"  - pip:\n +- (\S+) ==(\S+)", r"  - \1 \2", wanted))


@pytest.fixture
def checkout(demo: Demo, tmp_path: Path) -> Iterator[Checkout]:
    """Afterwards the demo has the release that it had, and no other."""
    before = releases.current(demo.site)
    there = {release.name for release in releases.releases(demo.site)}
    made = of_the_demo(tmp_path / "checkout", demo)
    yield made
    if releases.current(demo.site) != before:
        made.make("rollback", f"RELEASE={before.name}")
    for release in releases.releases(demo.site):
        if release.name not in there:
            shutil.rmtree(release.path)


def server_release(site: Site, person: Person) -> str:
    """The release that the process of a person's server runs from."""
    [job] = jobs(site, person.name)
    program = words_of(session_process(job.split()[0]))[0]
    return Path(program).relative_to(site.releases).parts[0]


def hub(site: Site) -> int:
    return _running(site.current / "bin/jupyterhub", str(site.etc / "jupyterhub_config.py"))


def proxy(site: Site) -> int:
    return _running(site.current / "bin/configurable-http-proxy", str(site.proxy.port))


def _running(program: Path, word: str) -> int:
    wanted = {str(program), word}
    return next(int(folder.name) for folder in processes() if wanted <= set(words_of(folder)))


def test_an_upgrade_and_the_way_back_are_not_noticed(
    demo: Demo,
    alice: Person,
    bob: Person,
    checkout: Checkout,
    record_property: pytest.RecordProperty,
) -> None:
    site, old = demo.site, releases.current(demo.site)
    assert alice.start("small")[-1].get("ready")
    kernel = alice.kernel(python_of(alice))
    assert kernel.run("x = 41; print('held')") == "held"
    first_hub, first_proxy = hub(site), proxy(site)

    told = checkout.make("upgrade")
    new = releases.current(site)
    assert new != old and f"In use now: {new.name}" in told
    assert re.search(r"^    - ipympl 0", told, re.MULTILINE), told
    assert releases.read(new).whole
    assert not (new / "local/lib").exists() or not list((new / "local/lib").rglob("ipympl"))
    assert hub(site) != first_hub and proxy(site) == first_proxy

    assert kernel.run("print(x + 1)") == "42"  # the same socket, the same kernel
    assert server_release(site, alice) == old.name
    assert alice.server_api("GET", "status").status_code == 200
    assert bob.start("small")[-1].get("ready")
    assert server_release(site, bob) == new.name
    listed = checkout.make("releases")
    told = checkout.make("rollback")
    table = {line.split()[0]: line for line in listed.splitlines() if line.startswith("20")}
    assert "current" in table[new.name] and "bob's server" in table[new.name]
    assert "current" not in table[old.name] and "alice's server" in table[old.name]
    assert releases.current(site) == old and f"In use now: {old.name}" in told
    assert kernel.run("print(x + 1)") == "42"
    assert bob.server_api("GET", "status").status_code == 200
    assert server_release(site, bob) == new.name
    kernel.close()

    checkout.make("prune_releases", "KEEP=1")
    assert old.exists() and new.exists()  # the newest and the current one

    begun = time.monotonic()
    releases.switch_current_release(site, releases.read(new))
    releases.switch_current_release(site, releases.read(old))
    record_property(
        "seconds for a switch and a rollback of the link", round(time.monotonic() - begun, 3)
    )


def test_a_user_can_read_the_whole_prefix_and_change_nothing(demo: Demo) -> None:
    """All but the cache, which the releases are hard links into, and the lock, which nobody else
    shall hold."""
    prefix = demo.site.paths.prefix
    assert walked(prefix, "alice", prefix / ".cache", prefix / "kernels/.lock") > 10000

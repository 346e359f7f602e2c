"""The demo site for the tests that need a cluster: brought up once, by the command that a new user
types.

`make test` runs in two processes (pytest-xdist). One takes all tests that change the demo or this
host, in their order. The other takes the tests that boot a machine of their own from a copy of this
one, and then the tests of single parts, which may read the demo's release and change nothing of it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from sitekit.site import Site, load_site

from .person import Person

CHECKOUT = Path(__file__).resolve().parents[1]
NEEDS_HOST = ("attacks", "browser", "chain", "faults", "upstream", "front", "platforms")
"""The rooms whose tests run in one process, in this order: they change the demo, or this host."""
NEEDS_ROOT = (*NEEDS_HOST, "systemd")
RUN = "SITEKIT_TEST_RUN"
"""Names the folder that the processes of one run share."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--soak", action="store_true", help="run the long tests too: many kills, many users"
    )
    parser.addoption("--quick", action="store_true", help="only tests that need nothing but Python")
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write tests/golden again, from what is rendered now",
    )
    parser.addoption("--keep-demo", action="store_true", help="leave the demo up afterwards")


class ByRoom(LoadScopeScheduling):
    """Which tests run in one process: all that need this host to themselves, all of the machine
    that they boot, else those of a file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        room = file.split("/")[1]
        if room in NEEDS_HOST:
            return "this host"
        return room if room in NEEDS_ROOT else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByRoom:
    return ByRoom(config, log)


def pytest_configure(config: pytest.Config) -> None:
    # the tests of this host begin first, because they take longest; see the order below
    config.option.loadscopereorder = config.getoption("--quick")
    if RUN not in os.environ:
        os.environ[RUN] = tempfile.mkdtemp(prefix="sitekit-test-run-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last process takes the demo away again, if this run has made it."""
    if hasattr(config, "workerinput"):
        return
    run = Path(os.environ.pop(RUN))
    if (run / "made").exists() and not config.getoption("--keep-demo"):
        subprocess.run(["make", "demo_reset"], cwd=CHECKOUT, check=True, timeout=300)
    shutil.rmtree(run)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot run, and put the tests in order.

    Tests of the demo come first, because it has to come up before a web server of the tests' own is
    there. Without root, tests that need it are skipped; soaks run with --soak alone.
    """
    order = (*NEEDS_ROOT, "unit", "bench")
    items.sort(key=lambda item: order.index(_room(item)))
    soak, quick = config.getoption("--soak"), config.getoption("--quick")
    deselected = [
        item
        for item in items
        if (item.get_closest_marker("soak") and not soak) or (quick and not _is_quick(item))
    ]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]
    if os.geteuid() != 0:
        for item in items:
            if _room(item) in NEEDS_ROOT:
                item.add_marker(
                    pytest.mark.skip(reason="needs root, to install packages; run sudo make test")
                )


def _is_quick(item: pytest.Item) -> bool:
    """Whether a test needs nothing but Python: no root, no demo, no release of the hub's
    environment."""
    return _room(item) == "unit" and "hub_environment" not in getattr(item, "fixturenames", ())


def _room(item: pytest.Item) -> str:
    return item.path.relative_to(CHECKOUT / "tests").parts[0]


@dataclass(frozen=True)
class Demo:
    """The running demo: its site, its address and its people's passwords."""

    site: Site
    passwords: dict[str, str]

    def person(self, name: str) -> Person:
        return Person(name, self.passwords[name], self.site.front.url)


@pytest.fixture(scope="session")
def demo(request: pytest.FixtureRequest) -> Demo:
    """`make demo`, by the first process that needs it. The run takes it away at its end, if it was
    not up before."""
    site = load_site(CHECKOUT / "config" / "sites" / "demo.yml")
    run = Path(os.environ[RUN])
    with (run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (run / "up").exists():
            if not (site.etc / "site.yml").exists():
                (run / "made").touch()
            with request.config.pluginmanager.getplugin(
                "capturemanager"
            ).global_and_fixture_disabled():
                subprocess.run(["make", "demo"], cwd=CHECKOUT, check=True, timeout=900)
            (run / "up").touch()
    passwords = json.loads(Path("/var/lib/sitekit/demo-cluster/passwords.json").read_text())
    return Demo(site, passwords)


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder like `tmp_path` that other accounts can reach: pytest's own are root's alone."""
    with tempfile.TemporaryDirectory(prefix="sitekit-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def alice(demo: Demo) -> Iterator[Person]:
    with logged_in(demo, "alice") as person:
        yield person


@pytest.fixture
def bob(demo: Demo) -> Iterator[Person]:
    with logged_in(demo, "bob") as person:
        yield person


@contextmanager
def logged_in(demo: Demo, name: str) -> Iterator[Person]:
    """A person with a session and without a server; whatever server the test left is stopped."""
    with demo.person(name) as person:
        assert person.login().url.path != "/hub/login"
        if person.server() is not None:
            person.stop_and_wait()
        yield person
        if person.server() is not None:
            person.stop_and_wait()

"""Fixtures for tests that need the demo, and the order of the tests.

The first test that needs the demo starts it with `make demo`, the command that a new user runs.
`make test` runs the tests in three processes (pytest-xdist). One process runs all tests that change
the demo or this host, in their order. The other process runs the tests of web servers, the tests
that boot a machine of their own from a copy of this host, and then the tests of single parts. These
tests may read the demo's release, but do not change it.
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
from .shared_locks import HOST, RELEASE, RUN, together

CHECKOUT = Path(__file__).resolve().parents[1]
NEEDS_HOST = ("browser", "chain", "faults", "upstream", "platforms")
"""The rooms whose tests run in one process, in this order: they change the demo, or this host."""
ROOMS_INSIDE = (
    *("attacks", "operating", "ssh", "images", "sites", "participants", "workshop", "farm"),
    "database",
)
"""The rooms whose tests tests/inside/test_rooms.py runs on the booted machine."""
INSIDE = "SITEKIT_TEST_INSIDE"
"""The environment variable with which their tests run here."""
NEEDS_ROOT = (*NEEDS_HOST, "inside", "front", "systemd", *ROOMS_INSIDE)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run only the long tests")
    parser.addoption("--quick", action="store_true", help="run only tests that need only Python")
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the files that are rendered now to tests/golden",
    )
    parser.addoption(
        "--update-pictures",
        metavar="FOLDER",
        nargs="?",
        const=CHECKOUT / "docs" / "pictures",
        type=Path,
        help="write pictures of the pages for the documentation (tests/browser)",
    )
    parser.addoption(
        "--keep-demo", action="store_true", help="do not remove the demo after the tests"
    )


class ByRoom(LoadScopeScheduling):
    """Decide which tests run in one process.

    One process runs all tests that change this host, and one process all tests of the machine that
    they boot. Other tests of the same file run in one process too.
    """

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
    """Remove the demo at the end of the last process, if this run has installed the demo."""
    if hasattr(config, "workerinput"):
        return
    run = Path(os.environ.pop(RUN))
    if (run / "made").exists() and not config.getoption("--keep-demo"):
        subprocess.run(["make", "demo_reset"], cwd=CHECKOUT, check=True, timeout=900)
    shutil.rmtree(run)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """While a test of the demo runs, no other process begins to copy this host. While another test
    runs programs of the demo's release, no test of the demo moves the release away."""
    if _room(item) in NEEDS_HOST:
        with together(HOST):
            yield
    elif _uses_release(item):
        with together(RELEASE):
            yield
    else:
        yield


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the tests that test_rooms.py runs, unless they run there, or by hand."""
    if not collection_path.is_relative_to(CHECKOUT / "tests") or INSIDE in os.environ:
        return None
    first = collection_path.relative_to(CHECKOUT / "tests").parts[:1]
    return True if first and first[0] in ROOMS_INSIDE else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remove or skip tests that cannot run, and sort the tests.

    Of the tests of single parts, those run first that use the demo's release, because a test of the
    demo waits for them before it moves the release away. Without root, tests that need root are skipped.
    With --soak, only long tests run, and without it only the others.
    """
    order = (*NEEDS_ROOT, "unit", "bench")
    of_release = {item.path for item in items if _uses_release(item)}
    items.sort(key=lambda item: (order.index(_room(item)), item.path not in of_release))
    soak, quick = config.getoption("--soak"), config.getoption("--quick")
    deselected = [
        item for item in items if _is_long(item) != soak or (quick and not _is_quick(item))
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
    """Return whether a test is short, and needs only Python, without root, the demo or a release."""
    slow = item.get_closest_marker("slow") is not None
    return _room(item) == "unit" and not slow and not _uses_release(item)


def _is_long(item: pytest.Item) -> bool:
    """Return whether a test runs only with --soak."""
    return item.get_closest_marker("soak") is not None


def _uses_release(item: pytest.Item) -> bool:
    """Return whether a test runs programs of the demo's release."""
    return "hub_environment" in getattr(item, "fixturenames", ())


def _room(item: pytest.Item) -> str:
    return item.path.relative_to(CHECKOUT / "tests").parts[0]


@dataclass(frozen=True)
class Demo:
    """The running demo: its site, and the passwords of its users."""

    site: Site
    passwords: dict[str, str]

    def person(self, name: str) -> Person:
        return Person(name, self.passwords[name], self.site.front.url)


@pytest.fixture(scope="session")
def demo(request: pytest.FixtureRequest) -> Demo:
    """Run `make demo` in the first process that needs the demo.

    If the demo did not run before the tests, the last process removes the demo.
    """
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
                subprocess.run(["make", "demo"], cwd=CHECKOUT, check=True, timeout=1800)
            (run / "up").touch()
    passwords = json.loads(Path("/var/lib/sitekit/demo-cluster/passwords.json").read_text())
    return Demo(site, passwords)


@pytest.fixture
def open_path() -> Iterator[Path]:
    """Return a folder like `tmp_path` that all accounts can enter; pytest's are only for root."""
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
    """Yield a logged-in user without a server, and stop the user's server after the test."""
    with demo.person(name) as person:
        assert person.login().url.path != "/hub/login"
        if person.server() is not None:
            person.stop_and_wait()
        yield person
        if person.server() is not None:
            person.stop_and_wait()

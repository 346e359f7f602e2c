"""JupyterHub's own tests, as its package brings them, against the site's hub. differences.yml says
which may fail."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sitekit.base.run_program import identity
from sitekit.machine.web.config import certificate

from ..conftest import Demo
from ..faults.machine import Machine
from .accounts import accounts
from .differences import complaints, listed, outcomes_of

PLUGIN = Path(__file__).with_name("hub_of_the_site.py")
FILES = ("test_spawner", "test_named_servers", "test_user", "test_api")
# Whose servers are started, by name; the others are called testuser-NUMBER, from 1 in each test.
NAMED = (
    "admin", "alabaster", "antimone", "badger", "book", "donaar", "essun", "eugene", "foo", "geddy", "hjarka",
    "martin", "nonsuperfoo", "nope", "noserver", "panda", "patience", "prim", "rosie", "saga", "salmon",
    "simon", "snoopy", "superfoo", "tonkee", "user", "walnut", "wash", "ykka", "zaphod", "zoe",
)  # fmt: skip
NUMBERED = 9
# As JupyterHub's own pyproject.toml has it, which is not in its package.
SETTINGS = (
    "asyncio_mode=auto",
    "asyncio_default_fixture_loop_scope=module",
    "asyncio_default_test_loop_scope=module",
    "junit_family=xunit1",
    "junit_logging=no",
)


@pytest.fixture(scope="module")
def machine(demo: Demo) -> Iterator[Machine]:
    machine = Machine(demo.site)
    with accounts(
        demo.site, [*NAMED, *(f"testuser-{number}" for number in range(1, NUMBERED + 1))]
    ):
        yield machine
    machine.mend("proxy", "hub")


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", FILES)
def test_jupyterhubs_own(demo: Demo, machine: Machine, packages: Path, name: str) -> None:
    with machine.stopped("hub"), state(demo) as folder:
        done = run(demo, machine, packages, name, folder)
        assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-3000:]
        outcomes = outcomes_of(folder / "report.xml")
    said = complaints(outcomes, listed("jupyterhub", name))
    assert not said, "\n".join([*said, done.stdout[-20000:]])
    assert not machine.live_jobs()


@contextmanager
def state(demo: Demo) -> Iterator[Path]:
    """A folder of the hub's account, for the database, the ledger, and what the tests write. In it
    lie the plugin, and the certificate of the front, to which servers send browsers."""
    folder = Path(tempfile.mkdtemp(prefix="sitekit-jupyterhub-"))
    try:
        for file in (PLUGIN, certificate(demo.site)[0]):
            shutil.copy(file, folder)
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, demo.site.hub.user)
        yield folder
    finally:
        shutil.rmtree(folder)


def run(
    demo: Demo, machine: Machine, packages: Path, name: str, folder: Path
) -> subprocess.CompletedProcess[str]:
    """One file of JupyterHub's tests, in the release's Python, as the hub's account with the hub's
    environment."""
    hub = machine.service("hub")
    secrets = dict(line.split("=", 1) for line in hub.environment_files[0].read_text().splitlines())
    places = {"PYTHONPATH": f"{packages}:{folder}", "HOME": str(folder), "TMPDIR": str(folder)}
    places["REQUESTS_CA_BUNDLE"] = str(folder / certificate(demo.site)[0].name)
    told = {
        "SITEKIT_SITE": str(demo.site.etc / "site.yml"),
        "SITEKIT_STATE": str(folder),
        "SITEKIT_LEFT_OUT": json.dumps(list(listed("left out", name))),
    }
    plugins = ["-p", "no:cacheprovider", "-p", PLUGIN.stem]
    said = [
        "--tb=short",
        "--timeout=300",
        "--show-capture=no",
        "--disable-warnings",
        f"--junitxml={folder}/report.xml",
        f"--confcutdir={folder}",  # others can write a conftest.py above it
    ]
    settings = ["-c", "/dev/null", *(word for setting in SETTINGS for word in ("-o", setting))]
    python = demo.site.current / "bin" / "python"
    return subprocess.run(
        [python, "-m", "pytest", *plugins, *said, *settings, "--pyargs", f"jupyterhub.tests.{name}"],
        env={**hub.environment, **secrets, **places, **told, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=folder, capture_output=True, text=True, timeout=3500, **identity(hub.user),
    )  # fmt: skip

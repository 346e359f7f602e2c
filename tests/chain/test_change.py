"""Changing the machine while people work on it: gently, or not at all; and taking its memory
elsewhere."""

from __future__ import annotations

import pwd
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from sitekit.base.errors import Problem
from sitekit.base.run_program import CommandFailed
from sitekit.demo.cluster.paths_and_ports import demo_site
from sitekit.machine.apply.commands import apply, diff
from sitekit.machine.apply.rotate_secrets import rotate_secrets
from sitekit.machine.backup.backup import backup
from sitekit.machine.backup.restore import restore
from sitekit.machine.host.file_to_write import File
from sitekit.machine.render import rendered_files
from sitekit.machine.render.proxy_preloads import preloaded
from sitekit.machine.supervisors.control import which_supervisor
from sitekit.machine.web.config import certificate
from sitekit.site import Site
from sitekit.site.show import dump

from ..conftest import Demo
from ..faults.machine import Machine
from ..person import Kernel, Person
from ..slurm import jobs, until
from ..unit.machine_sites import as_nobody, bare_machine
from .test_chain import python_of

WATCHED = (
    "/etc/sitekit/demo",
    "/usr/local/libexec/sitekit",
    "/etc/sudoers.d",
    "/etc/pam.d",
    "/etc/logrotate.d",
)
ACCOUNTS = [
    Path("/etc", name + end)
    for name in ("passwd", "group", "shadow", "gshadow", "subuid")
    for end in ("", "-")
]


@pytest.fixture
def site(demo: Demo) -> Iterator[Site]:
    """The demo's site as it runs; whatever the test applied is taken back."""
    as_run = demo_site(which_supervisor())
    yield as_run
    apply(as_run)


@pytest.fixture(scope="module")
def alice(demo: Demo) -> Iterator[Person]:
    """With a server, for all of these tests."""
    with demo.person("alice") as earlier:
        # where a server runs, this leaves its cookies, which the next one would refuse
        earlier.login()
        if earlier.server() is not None:
            earlier.stop_and_wait()
    with demo.person("alice") as person:
        person.login()
        assert person.start("small")[-1].get("ready")
        yield person
        person.stop_and_wait()


@pytest.fixture(scope="module")
def memory(alice: Person) -> str:
    """The number of a kernel of hers that remembers something."""
    kernel = alice.kernel(python_of(alice))
    assert kernel.run("kept = 6 * 7") == ""
    kernel.close()
    return kernel.id


@pytest.fixture
def at_work(site: Site, alice: Person, memory: str) -> Iterator[Kernel]:
    """Alice in her notebook; afterwards it is still the same job, and the kernel remembers."""
    before = jobs(site, "alice")
    kernel = Kernel(alice, memory, "/user/alice/")
    yield kernel
    kernel.close()
    assert jobs(site, "alice") == before != []
    again = Kernel(alice, memory, "/user/alice/")
    assert again.run("print(kept)") == "42"
    again.close()


@pytest.fixture
def local_d(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of config/local.d. The folder is this test's: booted machines apply the checkout's."""
    monkeypatch.setattr(rendered_files, "LOCAL_D", str(open_path))
    return open_path / "zz_test.py"


def watched() -> dict[Path, tuple[int, int, int, bytes]]:
    """All files that apply may touch, by path."""
    files = [
        path
        for folder in WATCHED
        for path in Path(folder).rglob("*")
        if path.is_file() and "before" not in path.parts
    ]
    found = {}
    for path in [*files, *filter(Path.exists, ACCOUNTS)]:
        status = path.stat()
        found[path] = (status.st_mode, status.st_uid, status.st_gid, path.read_bytes())
    return found


def test_diff_without_root_agrees_with_root(site: Site):
    """Asked by an account that may nothing, of the site as applied and of another one."""
    other = Path("/var/tmp/sitekit-test.yml")
    other.write_text(dump(site.model_copy(update={"title": "Another"})))
    try:
        same, asked = (
            as_nobody("-m", "sitekit", "diff", SITE=str(path))
            for path in (site.etc / "site.yml", other)
        )
    finally:
        other.unlink()
    assert diff(site) == same.returncode == 0, same.stdout + same.stderr
    assert "the machine is what the site says" in same.stdout
    assert asked.returncode == 1 and "+title: Another" in asked.stdout
    listed = asked.stdout.split("in this order")[1]
    assert "sitekit-demo-hub, if it runs" in listed and "sitekit-demo-proxy" not in listed


def test_a_change_reaches_the_hub_and_nobody_else_notices(
    site: Site, at_work: Kernel, alice: Person
):
    machine = Machine(site)
    before = {name: machine.pid(name) for name in ("hub", "proxy", "front")}
    small, *others = site.tiers
    tiers = (small.model_copy(update={"title": "Another title"}), *others)
    assert apply(site.model_copy(update={"tiers": tiers})) == 0
    assert "Another title" in alice.http.get("/hub/spawn/alice/another").text
    after = {name: machine.pid(name) for name in before}
    assert {name for name in before if before[name] != after[name]} == {"hub"}
    assert at_work.run("print(kept)") == "42", "not even the connection was cut"


def test_a_new_certificate_is_served_and_no_connection_is_cut(site: Site, at_work: Kernel):
    machine = Machine(site)
    before, cert = machine.pid("front"), certificate(site)[0]
    old = cert.read_bytes()
    cert.unlink()
    assert apply(site) == 0
    assert cert.read_bytes() != old and machine.pid("front") == before
    # Apache's processes of before may still accept a connection
    until(lambda: "".join(cert.read_text().split()) in "".join(served(site).split()))
    assert at_work.run("print(kept)") == "42"


def served(site: Site) -> str:
    """Return the certificate that the front sends to a new connection."""
    words = ["openssl", "s_client", "-connect", f"localhost:{site.front.port}"]
    return subprocess.run(words, input="", capture_output=True, text=True, timeout=300).stdout


def test_a_hub_that_does_not_come_up_is_put_back(
    site: Site, at_work: Kernel, local_d: Path, alice: Person
):
    """A configuration that reads well, and ends the hub when it serves."""
    local_d.write_text(
        "import sys\nif sys.argv[0].endswith('jupyterhub'):\n    sys.exit('the disk is full')\n"
    )
    before = watched()
    with pytest.raises(Problem, match=r"(?s)sitekit-demo-hub: .*the disk is full"):
        apply(site)
    assert watched() == before
    assert alice.api("GET", "/user").json()["name"] == "alice", (
        "the hub is back, and knows her still"
    )


def test_a_hub_configuration_that_cannot_be_read_changes_nothing(site: Site, local_d: Path):
    local_d.write_text("c.JupyterHub.bind_url = 3\n")
    before, pid = watched(), Machine(site).pid("hub")
    with pytest.raises(Problem, match="bind_url"):
        apply(site)
    assert watched() == before and Machine(site).pid("hub") == pid


def test_new_secrets_and_the_servers_go_on(site: Site, alice: Person, at_work: Kernel):
    machine = Machine(site)
    old = [
        (site.etc / "proxy.env").read_text().split("=")[1].strip(),
        (site.paths.state / "cookie_secret").read_text().strip(),
    ]
    assert alice.http.get("/hub/api/user").status_code == 200
    assert rotate_secrets(site) == 0
    with alice.http.stream("GET", "/hub/home", follow_redirects=False) as answer:
        assert "/hub/login" in answer.headers["Location"], "logged out"
    assert alice.login().status_code == 200
    until(lambda: (alice.server() or {}).get("ready"))  # the new hub has to find it first
    assert holders(old, [site.etc, site.paths.state, site.libexec, site.log, site.run]) == []
    for name in ("hub", "proxy"):
        environment = Path(f"/proc/{machine.pid(name)}/environ").read_text()
        assert "CONFIGPROXY_AUTH_TOKEN=" in environment and not any(
            secret in environment for secret in old
        )
    assert diff(site) == 0


def holders(secrets: list[str], folders: list[Path]) -> list[Path]:
    """The files in which one of these still stands."""
    found = []
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        with suppress(FileNotFoundError):  # SQLite removes its journals
            content = path.read_bytes()
            found += [path for secret in secrets if secret.encode() in content]
    return found


def test_the_demos_memory_goes_to_another_machine(site: Site, at_work: Kernel, tmp_path: Path):
    """Backed up while the hub works, as the timer does it; put back into another tree, where apply
    takes over."""
    folder = site.backups
    there = set(folder.glob("*"))
    timers = [site.current / "bin/python", "-I", "-m", "sitekit", "backup"]
    subprocess.run(
        timers, env={"SITE": str(site.etc / "site.yml")}, check=True, timeout=300, cwd="/"
    )
    (archive,) = set(folder.glob("*")) - there
    try:
        other = bare_machine(tmp_path)
        restore(str(archive), root=other, checkout=tmp_path / "checkout")
        assert apply(site, root=other) == 0
    finally:
        archive.unlink()
    state = other / site.paths.state.relative_to("/")
    assert rows(state / "jupyterhub.sqlite", "SELECT name FROM users") >= {("alice",)}
    assert rows(
        state / "ledger.sqlite", "SELECT user, tag FROM starts WHERE ended IS NULL"
    ) == rows(site.ledger, "SELECT user, tag FROM starts WHERE ended IS NULL")
    for path in (site.etc / "proxy.env", site.paths.state / "cookie_secret"):
        assert (other / path.relative_to("/")).read_bytes() == path.read_bytes()
    hub = pwd.getpwnam(site.hub.user).pw_uid
    assert {path.stat().st_uid for path in site.paths.state.rglob("*")} == {hub}, (
        "the hub's files are still the hub's"
    )


def rows(path: Path, question: str) -> set[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return set(database.execute(question).fetchall())


def test_restore_refuses_while_the_services_run(site: Site, tmp_path: Path):
    there = set(site.backups.glob("*"))
    backup(site)
    (archive,) = set(site.backups.glob("*")) - there
    before = watched()
    try:
        with pytest.raises(Problem, match=r"sitekit-demo-hub.*running"):
            restore(str(archive), checkout=tmp_path)
    finally:
        archive.unlink()
    assert watched() == before


def test_what_the_proxy_would_not_load_changes_nothing(
    site: Site, at_work: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a release has another configurable-http-proxy than the one that the kit was made for."""
    before = {path: path.read_bytes() for path in (site.libexec / "proxy").iterdir()}

    def other(site: Site) -> dict[Path, File]:
        path = site.libexec / "proxy/owners.mjs"
        return {
            **preloaded(site),
            path: File(preloaded(site)[path].content.replace('"targetForReq"', '"targetOf"')),
        }

    monkeypatch.setattr(rendered_files, "preloaded", other)
    with pytest.raises(CommandFailed, match="has no method targetOf"):
        apply(site)
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in (site.libexec / "proxy").iterdir()} == before
    assert at_work.run("print(kept)") == "42"

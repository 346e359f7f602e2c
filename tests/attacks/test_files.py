"""A walk over all that the site put on the machine: no account reads a secret that is not its own,
and none writes."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.demo.cluster import paths_and_ports
from sitekit.machine.backup.backup import backup
from sitekit.site import Site

from ..conftest import Demo
from ..prowl import (
    PLACES,
    Here,
    below,
    first_of,
    found_in,
    holders,
    in_processes,
    installed,
    may,
    secrets_of,
)
from ..slurm import ask, until
from .conftest import Server
from .hublog import end_of_log, hub_log, logged

HERE = Here()
ITS_OWN = {
    "alice": {"token of alice", "token of alice's server"},
    "bob": {"token of bob"},
    "nobody": set(),
    "www-data": set(),
    "jupyterhub-proxy": {"token of the proxy"},
}
FOR_EVERYBODY = {
    paths_and_ports.MUNGE_SOCKET: "munge vouches for whoever comes, and says who that was",
    paths_and_ports.DATABASE_SOCKET: "MariaDB asks the kernel who comes: see below",
}


@pytest.fixture(scope="module")
def secrets(demo: Demo, server: Server, tokens: dict[str, str | None]) -> dict[str, bytes]:
    """All that this installation has: what `make apply` made up, the hub's and its people's, and
    the demo cluster's."""
    owners = {"user": "alice", "another": "bob", "admin": "carol", "culler": "the culler"}
    values = {f"token of {whose}": tokens[kind].encode() for kind, whose in owners.items()}
    values |= {
        f"password of {name}": password.encode() for name, password in demo.passwords.items()
    }
    values["token of alice's server"] = server.token.encode()
    values["munge's key"] = max(
        re.split(rb"[\0\n]", paths_and_ports.MUNGE_KEY.read_bytes()), key=len
    )
    return secrets_of(demo.site, HERE) | values


@pytest.fixture(scope="module")
def archive(demo: Demo) -> Iterator[Path]:
    before = set(demo.site.backups.iterdir())
    backup(demo.site)
    [made] = set(demo.site.backups.iterdir()) - before
    yield made
    made.unlink()


@pytest.fixture(scope="module")
def held(demo: Demo, secrets: dict[str, bytes], archive: Path) -> dict[Path, set[str]]:
    """Every file of the machine with a secret in it, and which. `make demo` shows its people's
    passwords to whoever runs it: where they are kept from the screen is nothing of ours."""
    found = holders(HERE, secrets, map(Path, PLACES), first_of(demo.site, HERE))
    shown = {name for name in secrets if name.startswith("password of")}
    ours = ("/etc", "/home", "/opt", "/run", "/usr", "/var")
    return {
        path: names if str(path).startswith(ours) else names - shown
        for path, names in found.items()
    }


def test_the_walk_knows_secrets_when_it_sees_them(
    demo: Demo, held: dict[Path, set[str]], archive: Path
) -> None:
    """Where they belong it finds them: what it finds nowhere else is nowhere else."""
    site = demo.site
    assert held[site.etc / "proxy.env"] == {"token of the proxy"}
    assert held[site.etc / "tls/key.pem"] == {"key of the certificate"}
    assert held[site.paths.state / "cookie_secret"] == {"cookie secret"}
    assert "cookie of alice" in held[site.database]
    assert held[archive] >= {
        "token of the proxy",
        "key of the certificate",
        "cookie secret",
        "cookie of alice",
    }
    assert held[paths_and_ports.PASSWORDS] == {f"password of {name}" for name in demo.passwords}
    assert (
        held[paths_and_ports.MUNGE_KEY] == {"munge's key"}
        and "password hash of bob" in held[Path("/etc/shadow")]
    )


@pytest.mark.parametrize("user", ITS_OWN)
def test_no_file_shows_an_account_a_secret(held: dict[Path, set[str]], user: str) -> None:
    seen = {path: held[path] - ITS_OWN[user] for path in may(HERE, user, "R_OK", held)}
    assert {path: names for path, names in seen.items() if names} == {}


@pytest.mark.parametrize("user", ITS_OWN)
def test_no_process_shows_an_account_a_secret(secrets: dict[str, bytes], user: str) -> None:
    uid, seen = pwd.getpwnam(user).pw_uid, list(in_processes(secrets))
    assert any(names == {"token of the proxy"} for _, _, names in seen), (
        "the proxy was not looked at"
    )
    shown = [(what, names) for what, owner, names in seen if what == "cmdline" or owner == uid]
    assert [(what, names - ITS_OWN[user]) for what, names in shown if names - ITS_OWN[user]] == []


def test_neither_logs_nor_the_shared_filesystem_hold_any(
    demo: Demo, held: dict[Path, set[str]]
) -> None:
    """Whoever may read them: logs are sent on, and the prefix is another machine's too."""
    site = demo.site
    assert hub_log(site).stat().st_size and site.current.exists()
    places = (site.log, paths_and_ports.LOG, site.paths.prefix, site.kernels_current)
    found = {path: names for path, names in held.items() if any(map(path.is_relative_to, places))}
    if hub_log(site) in found:  # an older hub may have written there; what this one does is below
        found[hub_log(site)] = {
            name for name in found[hub_log(site)] if not name.startswith("cookie of")
        }
    assert {path: names for path, names in found.items() if names} == {}


def test_a_login_leaves_no_secret_in_the_log(demo: Demo, secrets: dict[str, bytes]) -> None:
    start = end_of_log(demo.site)
    with demo.person("bob") as bob:
        assert bob.login().url.path != "/hub/login"
    text = logged(demo.site, start)
    assert b"User logged in: bob" in text and found_in(text, secrets) == set()


@pytest.fixture(scope="module")
def paths(demo: Demo, server: Server) -> list[Path]:
    """With the whole prefix, and the programs that the services run."""
    # a job that is ending still has a folder of its user's in Slurm's place
    until(lambda: not ask(demo.site, "squeue", "--noheader", "--states=CG"))
    programs = {
        Path(exe) for folder in Path("/proc").glob("[0-9]*") if (exe := _program(folder, demo.site))
    }
    assert any(path.name == "node" for path in programs)
    return [
        *installed(demo.site, HERE),
        *below(HERE, [demo.site.paths.prefix], "!", "-type", "l"),
        *programs,
    ]


def _program(process: Path, site: Site) -> str:
    """What a process of the services runs; nothing for other processes."""
    try:
        mine = process.stat().st_uid in {
            pwd.getpwnam(name).pw_uid for name in (site.hub.user, site.proxy.user)
        }
        return os.readlink(process / "exe") if mine else ""
    except OSError:
        return ""


@pytest.mark.parametrize("user", ITS_OWN)
def test_no_account_can_write_to_any_of_it(
    demo: Demo, server: Server, paths: list[Path], user: str
) -> None:
    """Except for its home, alice for what Slurm keeps of her job, and a service for the length of
    the pause before its own next start."""
    assert len(paths) > 10_000
    # slurmstepd's sockets; it asks munge who comes
    steps = paths_and_ports.STATE.glob(f"slurmd/*/demo?_{server.job}.*")
    its_own = [Path(pwd.getpwnam(user).pw_dir)]
    if user == demo.site.proxy.user:
        its_own.append(demo.site.run / "pauses/proxy")
    if user == "alice":
        its_own += paths_and_ports.STATE.glob(f"slurmd/*/job{int(server.job):05}")
    found = may(HERE, user, "W_OK", paths) - FOR_EVERYBODY.keys() - {*steps}
    assert [path for path in found if not any(map(path.is_relative_to, its_own))] == []


def test_the_clusters_database_lets_nobody_in() -> None:
    for name in ("alice", "slurm", "root"):
        account = ["setpriv", "--reuid=alice", "--regid=alice", "--init-groups", "--"]
        words = [
            "mariadb",
            "--no-defaults",
            f"--user={name}",
            f"--socket={paths_and_ports.DATABASE_SOCKET}",
            "-e",
            "select 1",
        ]
        refused = subprocess.run([*account, *words], capture_output=True, text=True, timeout=120)
        assert refused.returncode and "Access denied" in refused.stderr

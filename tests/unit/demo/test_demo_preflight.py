"""The demo refuses before it changes anything, and says what it found: real sockets, real
processes, real files."""

from __future__ import annotations

import os
import platform
import pwd
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sitekit.base.errors import BadInput, Problem
from sitekit.demo import preflight
from sitekit.demo.cluster import paths_and_ports
from sitekit.demo.cluster.record_changes import Made
from sitekit.demo.software.platform import distribution, table
from sitekit.machine.host.find_listening_processes import Process, listeners, process, processes

SITE = paths_and_ports.demo_site("supervisord")


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def os_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that Python's own reader takes for /etc/os-release."""
    monkeypatch.setattr(platform, "_os_release_candidates", (str(tmp_path / "os-release"),))
    monkeypatch.setattr(platform, "_os_release_cache", None)
    return tmp_path / "os-release"


def test_without_root_it_says_sudo() -> None:
    with pytest.raises(BadInput, match="sudo make demo") as refusal:
        preflight.need_root("demo", uid=1000)
    assert refusal.value.exit_code == 2
    preflight.need_root("demo", uid=0)


def test_a_taken_port_is_told_with_its_holder(taken_port: int) -> None:
    (found,) = preflight.taken_ports(SITE, {taken_port: "the hub"})
    assert (
        f"(process {os.getpid()}) listens on port {taken_port}, which the demo needs for the hub"
        in str(found)
    )


def test_a_free_port_is_no_trouble(taken_port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))  # bound, but nobody listens
        assert list(preflight.taken_ports(SITE, {other.getsockname()[1]: "the hub"})) == []


def test_a_listener_on_ipv6_is_seen() -> None:
    with socket.socket(socket.AF_INET6) as listener:
        try:
            listener.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
        listener.listen()
        port = listener.getsockname()[1]
        assert listeners({port})[port].pid == os.getpid()


def test_of_several_that_share_a_socket_the_oldest_is_told() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        idle = [sys.executable, "-c", "input()"]
        with subprocess.Popen(idle, stdin=subprocess.PIPE, pass_fds=[listener.fileno()]) as child:
            port = listener.getsockname()[1]
            assert listeners({port}) == {port: process(os.getpid())}
            child.communicate()


def test_a_process_shows_its_name_words_and_environment(tmp_path: Path) -> None:
    program = os.fsencode(tmp_path) + b"/l\xff"
    os.symlink("/bin/cat", program)
    given = {"WHERE": "/srv/kit/x"}
    with subprocess.Popen([program, b"-", b"\xfe"], stdin=subprocess.PIPE, env=given) as child:
        # Between fork and exec the child still looks like us.
        while (seen := process(child.pid)).command in ("", process(os.getpid()).command):
            pass
        assert (seen.pid, seen.name, seen.command) == (child.pid, "l?", f"{tmp_path}/l? - ?")
        assert seen.mentions(Path("/srv/kit")) and not seen.mentions(Path("/srv/ki"))
        assert seen in list(processes())
        child.stdin.close()
    assert process(child.pid) is None


def test_our_own_daemons_are_known_by_their_paths() -> None:
    ours = [
        sys.executable,
        "-c",
        "import sys; sys.stdin.read()",
        f"{paths_and_ports.RUN}/munge/munge.socket",
    ]
    other = [*ours[:3], "/run/sitekit/demo-cluster2/munge.socket"]
    for argv, expected in ((ours, True), (other, False)):
        with subprocess.Popen(argv, stdin=subprocess.PIPE) as child:
            try:
                seen = process(child.pid)
                # Between fork and exec the child still looks like us.
                while not seen.command.endswith(argv[-1]):
                    seen = process(child.pid)
                assert preflight.is_ours(SITE, seen) is expected
            finally:
                child.stdin.close()


def test_another_slurm_is_refused(tmp_path: Path) -> None:
    conf = tmp_path / "slurm.conf"
    assert list(preflight.foreign_slurm(SITE, conf, [])) == []
    conf.touch()
    (found,) = preflight.foreign_slurm(SITE, conf, [])
    assert str(conf) in str(found)
    theirs = Process(7, "slurmctld", "/usr/sbin/slurmctld -D", "")
    ours = Process(
        8, "slurmctld", f"/usr/sbin/slurmctld -D -f {paths_and_ports.slurm_conf(SITE)}", ""
    )
    dbd = Process(
        9, "slurmdbd", "/usr/sbin/slurmdbd -D", f"SLURM_CONF={paths_and_ports.slurm_conf(SITE)}"
    )
    (found,) = preflight.foreign_slurm(SITE, tmp_path / "none", [theirs, ours, dbd])
    assert "slurmctld (process 7) runs here" in str(found)


def test_an_account_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    # Whoever runs the tests exists; a site that wants to make this account must not.
    me = pwd.getpwuid(os.getuid()).pw_name
    site = SITE.model_copy(update={"hub": SITE.hub.model_copy(update={"user": me})})
    made = Made(tmp_path / "made.json")
    assert f"the account '{me}' exists" in " ".join(
        map(str, preflight.foreign_accounts(site, made))
    )
    made.claim("users", me)
    assert f"the account '{me}' exists" not in " ".join(
        map(str, preflight.foreign_accounts(site, made))
    )


def test_a_directory_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    paths = SITE.paths.model_copy(
        update={"prefix": tmp_path / "prefix", "state": tmp_path / "state"}
    )
    site = SITE.model_copy(update={"paths": paths})
    made = Made(tmp_path / "made.json")
    (tmp_path / "state").mkdir()
    (tmp_path / "prefix" / "releases").mkdir(parents=True)

    def refused() -> list[str]:
        return [
            found.where
            for found in preflight.foreign_directories(site, made)
            if tmp_path in Path(found.where).parents
        ]

    assert refused() == [str(tmp_path / "state")]
    made.claim("directories", tmp_path / "state")
    assert refused() == []


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ('ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian 12"\n', True),
        ('ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian 11"\n', False),
        (
            'ID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\nPRETTY_NAME="Ubuntu 24.04"\n',
            True,
        ),
        ('ID=ubuntu\nVERSION_ID="20.04"\nPRETTY_NAME="Ubuntu 20.04"\n', False),
        ('ID="rocky"\nID_LIKE="rhel"\nVERSION_ID="9.4"\nPRETTY_NAME="Rocky Linux 9.4"\n', False),
        ('ID=debian\nPRETTY_NAME="Debian forky/sid"\n', False),
    ],
)
def test_the_distribution(os_release: Path, text: str, fine: bool) -> None:
    os_release.write_text(text)
    if fine:
        assert distribution().codename in table()["previous"]
    else:
        with pytest.raises(BadInput, match=r"this machine runs .*\n.*Debian 12"):
            distribution()


def test_no_os_release(os_release: Path) -> None:
    with pytest.raises(BadInput, match="Debian 12"):
        distribution()


def test_the_record_outlives_an_interruption_and_refuses_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "state" / "made.json"
    Made(path).claim("users", "alice", "alice", "bob")
    assert Made(path).names("users") == ["alice", "bob"]
    assert ("users", "carol") not in Made(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{")
    with pytest.raises(Problem, match="record"):
        Made(path)

"""Tunnels on the demo, with the site's own sshd: servers are reached through them, and a job's key
is worth one port and the hub's, as long as the job runs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from sitekit.contracts import tunnel_paths
from sitekit.machine.host.platform import this_platform
from sitekit.machine.render.services_of_site import site_services, site_supervisor
from sitekit.machine.supervisors.control import restart, start
from sitekit.machine.supervisors.service import Service
from sitekit.site import Site

from ..attacks.certificates import session_process
from ..chain.test_chain import python_of
from ..conftest import Demo, logged_in
from ..person import Person
from ..ports import free_port
from ..processes import environment_of
from ..slurm import ask, jobs, until
from .conftest import PORT, TUNNEL, LoginNode


@dataclass(frozen=True)
class Stolen:
    """What somebody has who has read the environment of a server's process."""

    folder: Path
    job: str
    sent: dict[str, Any]

    def words(self, *options: str, account: str = "", port: int = TUNNEL["port"]) -> list[str]:
        """The command line of OpenSSH's client with the key and the certificate."""
        argv = ["ssh", "-F", "/dev/null", "-i", f"{self.folder}/key", "-p", str(port)]
        argv += ["-l", account or self.sent["user"], "-o", "IdentitiesOnly=yes"]
        for option in ("BatchMode=yes", "ExitOnForwardFailure=yes", "ConnectTimeout=60"):
            argv += ["-o", option]
        alias = "hub" if port == TUNNEL["port"] else "login"
        argv += ["-o", f"CertificateFile={self.folder}/certificate", "-o", f"HostKeyAlias={alias}"]
        argv += ["-o", f"UserKnownHostsFile={self.folder}/known_hosts"]
        return [*argv, *options]

    def ssh(self, *options: str, **other: Any) -> subprocess.CompletedProcess[str]:
        """Run the client, which ends by itself if sshd refuses what it asks for."""
        words, command = self.words(*options, **other), ()
        if options[-1] in ("id", "sftp"):
            words, command = words[:-1], options[-1:]
        argv = [*words, "127.0.0.1", *command]
        return subprocess.run(argv, input="", capture_output=True, text=True, timeout=180)


@pytest.fixture(scope="module")
def people(tunnels: Site, demo: Demo) -> Iterator[tuple[Person, Person]]:
    """alice and bob, whose servers run at the same time."""
    with logged_in(demo, "alice") as alice, logged_in(demo, "bob") as bob:
        for person in (alice, bob):
            events = person.start("small")
            assert events[-1].get("ready"), events
        yield alice, bob


def stolen_from(site: Site, user: str, folder: Path) -> Stolen:
    """The key of a user's job, in files of somebody else."""
    [job] = jobs(site, user)
    number = job.split()[0]
    sent = json.loads(environment_of(session_process(number).name)[tunnel_paths.SENT])
    for name in ("key", "certificate"):
        (folder / name).write_text(f"{sent[name].strip()}\n")
        (folder / name).chmod(0o600)
    assert site.slurm.ssh
    login_key = site.slurm.ssh.host_keys[0]
    (folder / "known_hosts").write_text(f"hub {sent['host_key']}\nlogin {login_key}\n")
    return Stolen(folder, number, sent)


@pytest.fixture
def stolen(tunnels: Site, people: object, tmp_path: Path) -> Stolen:
    return stolen_from(tunnels, "alice", tmp_path)


def service(site: Site, part: str) -> Service:
    [found] = [one for one in site_services(site, this_platform()) if one.name.endswith(part)]
    return found


def log_of_sshd(site: Site) -> str:
    return site_supervisor(site).log(service(site, "-tunnel"), lines=10_000)


def denied(site: Site) -> int:
    """How many requests to listen somewhere sshd has denied. Its lines about other requests may
    come late."""
    denials = re.findall(r"to remote forward to .* request was denied", log_of_sshd(site))
    return len(denials)


def entries(site: Site) -> set[str]:
    return {
        path.name for path in tunnel_paths.entries(site).iterdir() if not path.name.startswith(".")
    }


def test_two_servers_run_code_through_their_tunnels(
    tunnels: Site, people: tuple[Person, Person]
) -> None:
    for person in people:
        assert person.lab().status_code == 200
        kernel = person.kernel(python_of(person))
        assert kernel.run("import getpass; print(getpass.getuser())").strip() == person.name
        kernel.close()
    ports = {Path(tunnel_paths.entries(tunnels), name).read_text() for name in entries(tunnels)}
    assert len(ports) == 2 and ports <= {str(port) for port in range(31000, 31020)}


def test_a_server_listens_for_its_own_node_alone(
    tunnels: Site, people: tuple[Person, Person]
) -> None:
    [job] = jobs(tunnels, "alice")
    server = psutil.Process(int(session_process(job.split()[0]).name))
    places = {at.laddr.ip for at in server.net_connections("tcp") if at.status == "LISTEN"}
    assert places == {"127.0.0.1"}


def test_the_key_is_in_no_file_and_on_no_command_line(tunnels: Site, stolen: Stolen) -> None:
    """Slurm itself keeps the environment of each job, in folders of its own."""
    secret = stolen.sent["key"].splitlines()[3]
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            assert secret not in " ".join(process.cmdline())
    homes = [
        "/home",
        "/tmp",
        "/var/log",
        "/dev/shm",
        str(tunnel_paths.entries(tunnels)),
        str(tunnels.paths.state),
    ]
    words = ["grep", "-rlF", "--binary-files=text", f"--exclude-dir={stolen.folder.parts[2]}"]
    found = subprocess.run([*words, secret, *homes], capture_output=True, text=True).stdout
    assert not found
    server = session_process(stolen.job)
    assert "TUNNEL" not in subprocess.run(
        ["scontrol", "write", "batch_script", stolen.job, "-"],
        env={**os.environ, "SLURM_CONF": environment_of(server.name)["SLURM_CONF"]},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_a_kernel_does_not_get_the_key(people: tuple[Person, Person]) -> None:
    kernel = people[0].kernel(python_of(people[0]))
    assert kernel.run("import os; print('TUNNEL' in ' '.join(os.environ))").strip() == "False"
    kernel.close()


@pytest.mark.parametrize(
    "options",
    [("id",), ("-tt", "id"), ("-A", "-X", "id"), ("-s", "sftp")],
    ids=" ".join,
)
def test_a_jobs_key_opens_no_session(stolen: Stolen, options: tuple[str, ...]) -> None:
    done = stolen.ssh(*options)
    assert done.returncode == 255 and done.stdout == "", done
    assert "Permission denied" not in done.stderr  # the key itself is accepted


@pytest.mark.parametrize("to", [f"127.0.0.1:{PORT}", "127.0.0.1:18001", "localhost:18000"])
def test_a_jobs_key_reaches_no_port_but_the_hubs(stolen: Stolen, to: str) -> None:
    done = stolen.ssh("-W", to)
    assert done.returncode == 255 and done.stdout == ""
    assert "administratively prohibited" in done.stderr


@pytest.mark.parametrize("at", ["127.0.0.1:31019", "0.0.0.0:OWN", "0:0", "bob's", "/tmp/s.sock"])
def test_a_jobs_key_listens_nowhere_else(
    tunnels: Site, stolen: Stolen, tmp_path: Path, at: str
) -> None:
    if at == "bob's":
        (tmp_path / "bob").mkdir()
        at = f"127.0.0.1:{stolen_from(tunnels, 'bob', tmp_path / 'bob').sent['listen']}"
    before = denied(tunnels)
    done = stolen.ssh(
        "-N", "-R", f"{at.replace('OWN', str(stolen.sent['listen']))}:127.0.0.1:{PORT}"
    )
    assert done.returncode == 255 and "forwarding failed" in done.stderr, done
    if not at.startswith("/"):
        # sshd writes its log a moment after ssh has ended
        until(lambda: denied(tunnels) == before + 1)


@pytest.mark.parametrize("account", ["root", "alice", "jupyterhub-daemon"])
def test_a_jobs_key_opens_no_other_account(stolen: Stolen, account: str) -> None:
    assert "Permission denied" in stolen.ssh("-N", account=account).stderr


@pytest.mark.parametrize("account", ["alice", "jupyterhub-gate", "jupyterhub-tunnel"])
def test_a_jobs_key_is_worth_nothing_at_the_login_node(stolen: Stolen, account: str) -> None:
    assert "Permission denied" in stolen.ssh("-N", account=account, port=PORT).stderr


def test_after_the_end_of_the_job_its_key_is_worth_nothing(
    tunnels: Site, people: object, demo: Demo, tmp_path: Path
) -> None:
    """Also a connection that is open already is closed."""
    before = entries(tunnels)
    with logged_in(demo, "carol") as carol:
        assert carol.start("small")[-1].get("ready")
        copy = stolen_from(tunnels, "carol", tmp_path)
        port = free_port()
        there = f"127.0.0.1:{port}:127.0.0.1:{tunnels.hub.port}"
        words = [*copy.words("-N", "-L", there), "127.0.0.1"]
        with subprocess.Popen(words) as held:
            try:
                until(lambda: hub_answers(port), 180)
                carol.stop_and_wait()
                assert held.wait(180) == 255
            finally:
                held.kill()
        assert "Permission denied" in copy.ssh("-N").stderr
    until(lambda: entries(tunnels) == before, 180)


def hub_answers(port: int) -> bool:
    """Whether the hub's TLS is behind a port; it wants a certificate, which this client has not."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with closing(socket.create_connection(("127.0.0.1", port), 60)) as plain:
            return bool(context.wrap_socket(plain).getpeercert(binary_form=True))
    except OSError:
        return False


def test_without_sshd_nobody_is_reached_and_nothing_ends(
    tunnels: Site, people: tuple[Person, Person]
) -> None:
    alice, _ = people
    before, supervisor = jobs(tunnels, "alice"), site_supervisor(tunnels)
    supervisor.stop(service(tunnels, "-tunnel"))
    try:
        until(lambda: alice.lab().status_code != 200, 180)  # connections end a moment later
        assert jobs(tunnels, "alice") == before and alice.server()["ready"]
    finally:
        start([service(tunnels, "-tunnel")], supervisor)
    until(lambda: alice.lab().status_code == 200, 180)


def test_a_lost_tunnel_heals_by_itself(tunnels: Site, people: tuple[Person, Person]) -> None:
    """sshd and all its connections are killed; servers, jobs and kernels stay."""
    alice, _ = people
    before = jobs(tunnels, "alice")
    kernel = alice.kernel(python_of(alice))
    kernel.run("x = 42")
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.username() == "jupyterhub-tunnel":
                process.send_signal(signal.SIGKILL)
    until(lambda: alice.api("GET", "/users/alice") and alice.lab().status_code == 200, 180)
    assert jobs(tunnels, "alice") == before and alice.server()["ready"]
    kernel.close()


def test_a_restarted_hub_takes_the_servers_over(
    tunnels: Site, people: tuple[Person, Person]
) -> None:
    """Also when the files of open tunnels were lost meanwhile, and with others that are not open."""
    opened = entries(tunnels)
    for name in opened:
        (tunnel_paths.entries(tunnels) / name).unlink()
    (tunnel_paths.entries(tunnels) / ("f" * 16)).write_text("31003")
    restart([service(tunnels, "-hub")], site_supervisor(tunnels))
    until(lambda: entries(tunnels) == opened, 180)
    for person in people:
        until(lambda person=person: (person.server() or {}).get("ready"), 180)
        until(lambda person=person: person.lab().status_code == 200, 180)
    # squeue lists a job also while it is ending
    listed = ("squeue", "--noheader", f"--name={tunnels.job_name}")
    until(lambda: ask(tunnels, *listed).count("\n") == 1, 180)


def test_only_the_hub_and_sshd_see_the_open_tunnels(tunnels: Site, login_node: LoginNode) -> None:
    folder = tunnel_paths.entries(tunnels)
    for user, expected in (("jupyterhub-tunnel", 0), ("jupyterhub-proxy", 2), ("alice", 2)):
        words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "ls", folder]
        assert subprocess.run(words, capture_output=True).returncode == expected, user

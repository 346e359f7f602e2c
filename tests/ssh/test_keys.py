"""What somebody can do with the hub's keys at the login node: run the gate, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from sitekit.backends.slurm import ssh_files as ssh

from ..slurm import jobs, until
from .conftest import ACCOUNT, PORT, LoginNode

PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
CERTIFICATE = ("-n", "alice", "-V", "-1m:+5m", "-O", "source-address=127.0.0.1")


def connect(
    keys: Path, account: str, *words: str, given: str = "", options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run OpenSSH's client with the stolen key, and with the certificate if there is one."""
    argv = arguments(keys, account, *words, options=options)
    return subprocess.run(argv, input=given, capture_output=True, text=True, timeout=180)


def arguments(
    keys: Path, account: str, *words: str, options: tuple[str, ...] = ()
) -> list[str | Path]:
    argv = ["ssh", "-F", "/dev/null", "-i", keys / "key", "-p", str(PORT), "-l", account]
    argv += ["-o", f"UserKnownHostsFile={keys / 'known_hosts'}", "-o", "BatchMode=yes"]
    argv += ["-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=60", *options, "127.0.0.1", *words]
    return argv


def sign(keys: Path, *words: str) -> None:
    """Sign a certificate for the key, with the hub's own key for that."""
    argv = ["ssh-keygen", "-q", "-s", keys / "user_ca", "-I", "test", *words, keys / "key.pub"]
    subprocess.run(argv, check=True)


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert done.stdout.count("\n") == 1, (done.stdout, done.stderr)
    return json.loads(done.stdout)


def test_the_key_runs_the_gate(login_node: LoginNode, keys: Path) -> None:
    request = {"verb": "query", "program": "sinfo", "words": ["--noheader", "--all", "--format=%P"]}
    told = answer(connect(keys, ACCOUNT, given=json.dumps(request)))
    assert told["ok"] is True and "jupyter-short" in str(told["out"])


@pytest.mark.parametrize(
    "words", [("id",), ("bash", "-i"), ("/usr/bin/squeue",), ("sbatch", "--wrap=id"), ()], ids=str
)
@pytest.mark.parametrize("given", ["", "id\n", '{"verb": "shell"}'], ids=repr)
@pytest.mark.parametrize("account", [ACCOUNT, "alice"])
def test_there_is_no_shell(
    login_node: LoginNode, keys: Path, account: str, words: tuple[str, ...], given: str
) -> None:
    sign(keys, *CERTIFICATE)
    told = answer(connect(keys, account, *words, given=given))
    assert told["ok"] is False and told["kind"] == "refused"


@pytest.mark.parametrize("account", [ACCOUNT, "alice"])
@pytest.mark.parametrize(
    "options",
    [
        ("-tt",),
        ("-o", "ExitOnForwardFailure=yes", "-N", "-R", "20017:127.0.0.1:22"),
        ("-W", "127.0.0.1:8081"),
        ("-s", "-o", "RemoteCommand=none"),
        ("-o", "ExitOnForwardFailure=yes", "-N", "-R", "/tmp/sitekit-test.sock:127.0.0.1:22"),
    ],
    ids=lambda options: options[-1],
)
def test_nothing_is_forwarded(
    login_node: LoginNode, keys: Path, account: str, options: tuple[str, ...]
) -> None:
    sign(keys, *CERTIFICATE)
    words = ("sftp",) if options[0] == "-s" else ()
    done = connect(keys, account, *words, options=options)
    assert done.returncode != 0
    assert not done.stdout or answer(done)["kind"] == "refused"


@pytest.mark.parametrize("account", [ACCOUNT, "alice"])
def test_agent_and_x11_stay_where_they_are(
    login_node: LoginNode, keys: Path, tmp_path: Path, account: str
) -> None:
    """The client asks for both, and the gate, which waits for its request, has neither."""
    sign(keys, *CERTIFICATE)
    agent = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", agent], stdout=subprocess.DEVNULL) as running:
        try:
            until(agent.exists)
            words = arguments(keys, account, options=("-A", "-Y", "-v"))
            environment = {**os.environ, "SSH_AUTH_SOCK": str(agent), "DISPLAY": ":99"}
            with subprocess.Popen(words, env=environment, text=True, **PIPES) as client:
                variables = until(lambda: variables_of_gate(account, client.pid), 120)
                assert not {"SSH_AUTH_SOCK", "DISPLAY"} & set(variables)
                told, said = client.communicate(timeout=180)
        finally:
            running.terminate()
    assert "Requesting authentication agent forwarding" in said
    assert "Requesting X11 forwarding" in said
    assert json.loads(told)["kind"] == "refused"


def variables_of_gate(account: str, client: int) -> dict[str, str] | None:
    """The environment of the gate that sshd has started as the account for this client. The hub's
    own queries start others."""
    ends = {str(one.laddr.port) for one in psutil.Process(client).net_connections("tcp")}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.username() == account and "/usr/bin/python3" in process.cmdline()[:1]:
                variables = process.environ()
                if ends & set(variables.get("SSH_CONNECTION", "").split()[1:2]):
                    return variables
    return None


@pytest.mark.parametrize("account", ["root", "daemon", "jupyterhub-daemon", "jupyterhub-proxy"])
def test_a_certificate_opens_no_account_of_the_system(
    login_node: LoginNode, keys: Path, account: str
) -> None:
    sign(keys, "-n", account, *CERTIFICATE[2:])
    assert "Permission denied" in connect(keys, account).stderr


@pytest.mark.parametrize(
    "words",
    [
        ("-n", "bob", "-V", "-1m:+5m"),
        ("-n", "alice", "-V", "-10m:-5m"),
        ("-n", "alice", "-V", "+5m:+10m"),
        ("-n", "alice", "-V", "-1m:+5m", "-O", "source-address=192.0.2.1"),
        ("-n", "alice", "-V", "-1m:+5m", "-O", "force-command=/bin/sh"),
    ],
    ids=["another account", "expired", "not yet", "another address", "another command"],
)
def test_a_certificate_for_something_else_is_refused(
    login_node: LoginNode, keys: Path, words: tuple[str, ...]
) -> None:
    sign(keys, *words)
    assert "Permission denied" in connect(keys, "alice").stderr


def test_a_key_of_another_authority_is_refused(login_node: LoginNode, keys: Path) -> None:
    (keys / "user_ca").unlink()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / "user_ca"], check=True
    )
    sign(keys, *CERTIFICATE)
    assert "Permission denied" in connect(keys, "alice").stderr


def test_a_revoked_certificate_is_refused(login_node: LoginNode, keys: Path) -> None:
    sign(keys, "-z", "4711", *CERTIFICATE)
    assert answer(connect(keys, "alice"))["kind"] == "refused"
    revoked = login_node.site.libexec / "revoked_keys"
    before = revoked.read_bytes()
    try:
        words = ["-k", "-f", str(revoked), "-s", str(login_node.site.libexec / "user_ca.pub"), "-"]
        subprocess.run(["ssh-keygen", *words], input="serial: 4711", text=True, check=True)
        assert "Permission denied" in connect(keys, "alice").stderr
        sign(keys, "-z", "4712", *CERTIFICATE)
        assert answer(connect(keys, "alice"))["kind"] == "refused"
    finally:
        revoked.write_bytes(before)


def test_a_key_that_the_account_adds_itself_counts_not(
    login_node: LoginNode, keys: Path, tmp_path: Path
) -> None:
    own = Path(f"/home/{ACCOUNT}/.ssh")
    own.mkdir(mode=0o700)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True
    )
    (own / "authorized_keys").write_text((tmp_path / "key.pub").read_text())
    subprocess.run(["chown", "-R", f"{ACCOUNT}:", own], check=True)
    (tmp_path / "known_hosts").write_text((keys / "known_hosts").read_text())
    assert "Permission denied" in connect(tmp_path, ACCOUNT).stderr


def test_an_unknown_host_key_is_refused(login_node: LoginNode, keys: Path, tmp_path: Path) -> None:
    """What the hub itself uses: its ssh_config, with another host key in the place of the login
    node's."""
    other = tmp_path / "known_hosts"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "h"], check=True
    )
    other.write_text(f"[127.0.0.1]:{PORT} {(tmp_path / 'h.pub').read_text()}")
    argv = ["ssh", "-F", ssh.config(login_node.site), "-o", f"UserKnownHostsFile={other}"]
    argv += ["-o", "ControlPath=none", ssh.HOST]
    done = subprocess.run(argv, input="", capture_output=True, text=True, timeout=180)
    assert done.returncode == 255 and "Host key verification failed" in done.stderr


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("scancel", ["--user=alice"]),
        ("sbatch", ["--wrap=id"]),
        ("bash", ["-c", "id"]),
        ("/usr/bin/squeue", ["--noheader"]),
        ("squeue", ["--noheader", "--clusters=other"]),
        ("squeue", ["--format=%i", "--iterate=1"]),
        ("sacct", ["--file=/etc/passwd"]),
        ("scontrol", ["update", "PartitionName=jupyter-short", "State=DOWN"]),
        ("scontrol", ["show", "hostnames", "a"]),
        ("scontrol", ["show", "config", ";", "shutdown"]),
        ("scontrol", ["write", "batch_script", "1"]),
        ("sacctmgr", ["modify", "user", "alice", "set", "AdminLevel=Administrator"]),
        ("sacctmgr", ["show", "user", "alice", "format=AdminLevel", "load", "file=/etc/passwd"]),
        ("sacctmgr", ["-i", "show", "configuration"]),
        ("sinfo", ["--noheader", "--format=%P\n%i"]),
        ("sinfo", "--noheader"),
        ("sinfo", [1]),
        (None, []),
    ],
    ids=str,
)
def test_only_known_queries_run(
    login_node: LoginNode, keys: Path, program: object, words: object
) -> None:
    request = {"verb": "query", "program": program, "words": words}
    told = answer(connect(keys, ACCOUNT, given=json.dumps(request)))
    assert told["ok"] is False and told["kind"] == "refused"


def test_a_user_runs_no_query_and_the_querying_account_no_job(
    login_node: LoginNode, keys: Path
) -> None:
    query = {"verb": "query", "program": "sinfo", "words": ["--noheader"]}
    sign(keys, *CERTIFICATE)
    assert answer(connect(keys, "alice", given=json.dumps(query)))["kind"] == "refused"
    submit = {"verb": "submit", "tag": "0" * 16, "partitions": "jupyter-short", "memory": 100}
    submit |= {"cpus": 1, "minutes": 5, "environment": {}}
    assert answer(connect(keys, ACCOUNT, given=json.dumps(submit)))["kind"] == "refused"
    assert jobs(login_node.site, ACCOUNT) == []

"""A server's token is seen by nobody but its server (test_files.py walks the machine), and lives no
longer than it."""

from __future__ import annotations

import os
import pwd
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from sitekit.site import Site

from ..conftest import Demo
from ..person import Person
from ..processes import environment_of
from ..slurm import ask, jobs, until
from .certificates import session_process
from .conftest import Server, call
from .hublog import hub_log
from .state import ledger_row, proxy_secret, rows


def test_the_job_does_not_tell_it(demo: Demo, server: Server) -> None:
    """Everything that Slurm tells about a job, to root and to everybody."""
    site, job = demo.site, server.job
    told = [
        ask(site, "scontrol", "write", "batch_script", job, "-"),
        ask(site, "scontrol", "show", "job", "-dd", job),
        ask(site, "scontrol", "show", "step", job),
        ask(site, "squeue", f"--job={job}", "--Format=ALL"),
        ask(site, "squeue", f"--job={job}", "--format=%all"),
        ask(site, "sacct", f"--jobs={job}", "--format=ALL", "--parsable2"),
        ask(site, "sacct", f"--jobs={job}", "--env-vars"),
        ask(site, "sacct", f"--jobs={job}", "--batch-script"),
    ]
    assert "sitekit.session.server" in told[0]
    assert not [text for text in told if server.token in text]


def test_the_script_is_roots_own(demo: Demo, server: Server) -> None:
    assert ask(demo.site, "scontrol", "write", "batch_script", server.job, "-").strip("\n\0") == (
        (demo.site.libexec / "job.sh").read_text().strip()
    )


def test_only_its_own_servers_processes_hold_it(demo: Demo, server: Server) -> None:
    """In their environment, which is their owner's alone."""
    uids, uid = set(), pwd.getpwnam(server.person.name).pw_uid
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                if server.token.encode() in (folder / "environ").read_bytes():
                    uids.add((folder.stat().st_uid, (folder / "environ").stat().st_mode & 0o077))
            except OSError:
                continue
    # slurmstepd, root's, carries the job's environment
    assert uids <= {(uid, 0), (0, 0)} and (uid, 0) in uids


def test_no_log_holds_it(demo: Demo, server: Server) -> None:
    logs = [
        path
        for folder in ("/var/log/sitekit",)
        for path in Path(folder).rglob("*")
        if path.is_file()
    ]
    assert hub_log(demo.site) in logs
    own = (
        Path(pwd.getpwnam(server.person.name).pw_dir) / demo.site.log_dir / f"job-{server.job}.log"
    )
    assert own.read_bytes(), "the job has no log"
    assert own.stat().st_mode & 0o077 == 0
    for path in [*logs, own]:
        text = path.read_bytes()
        for secret in (
            server.token.encode(),
            proxy_secret(demo.site).encode(),
            cookie_secret(demo.site),
        ):
            assert secret not in text, path


def test_the_server_is_told_nothing_of_the_hubs_own(demo: Demo, server: Server) -> None:
    text = "\n".join(f"{key}={value}" for key, value in server.environment.items())
    assert proxy_secret(demo.site) not in text and cookie_secret(demo.site).decode() not in text
    ours = {
        key
        for key in server.environment
        if key.startswith(("CONFIGPROXY", "SUDO", "SITEKIT", "SBATCH"))
    }
    assert ours <= {"SITEKIT_JOB_ID"}, (
        "the number of its own job, under a name that srun does not read"
    )


def test_it_expires_with_the_job(demo: Demo, server: Server) -> None:
    tier = demo.site.tier("small")
    listed = server.person.api("GET", f"/users/{server.person.name}/tokens").json()["api_tokens"]
    [own] = [token for token in listed if token["note"].startswith("Server at")]
    left = datetime.fromisoformat(own["expires_at"].replace("Z", "+00:00")) - datetime.now(
        timezone.utc
    )
    assert timedelta(0) < left <= timedelta(seconds=tier.time + tier.start_timeout + 600)
    names = {scope.split("!")[0] for scope in own["scopes"]}
    assert names <= {
        "users:activity",
        "read:users:activity",
        "read:users:name",
        "read:users:groups",
        "access:servers",
    }
    assert {scope.split("!")[1] for scope in own["scopes"]} <= {"user=alice", "server=alice/"}


def test_it_ends_with_the_server(demo: Demo, admin: Person) -> None:
    """A second server of somebody else's, since alice's is needed: 200 while it runs, 403
    afterwards."""
    base = demo.site.front.url
    assert admin.start("small", "short")[-1].get("ready")
    [line] = jobs(demo.site, "carol")
    job = line.split()[0]
    token = environment_of(session_process(job).name)["JUPYTERHUB_API_TOKEN"]
    assert call(base, "GET", "/hub/api/user", token).status_code == 200
    admin.stop_and_wait("short")
    assert call(base, "GET", "/hub/api/user", token).status_code == 403
    until(lambda: ledger_row(demo.site, job)["ended"])
    notes = rows(demo.site.paths.state / "jupyterhub.sqlite", "SELECT note FROM api_tokens JOIN users "
                 "ON users.id = api_tokens.user_id WHERE users.name = 'carol'")  # fmt: skip
    assert not [note for (note,) in notes if note.startswith("Server at")]


@pytest.mark.parametrize(
    "ask_for", [{"scopes": ["admin:users"]}, {"roles": ["admin"]}, {"scopes": ["inherit"]}]
)
def test_it_makes_no_other_tokens(
    demo: Demo, server: Server, ask_for: dict[str, list[str]]
) -> None:
    for user in ("alice", "bob", "carol"):
        answer = call(
            demo.site.front.url, "POST", f"/hub/api/users/{user}/tokens", server.token, json=ask_for
        )
        assert answer.status_code in (403, 404)


def cookie_secret(site: Site) -> bytes:
    return (site.paths.state / "cookie_secret").read_bytes().strip()

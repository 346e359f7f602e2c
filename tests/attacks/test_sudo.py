"""sudo lets the hub's account start one program, without arguments, as a member; all else is
refused before it runs."""

from __future__ import annotations

import json
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import Demo
from ..slurm import ask, jobs, partition_down, until
from .gate import CLEAN, SUDO, as_account, as_hub, gate, good
from .state import nothing_changes

GATE = "GATE"  # stands for the gate's path in the lists below

REFUSED = {
    "an argument": ["-u", "alice", "--", GATE, "submit"],
    "an empty argument": ["-u", "alice", "--", GATE, ""],
    "--help": ["-u", "alice", "--", GATE, "--help"],
    "two arguments": ["-u", "alice", "--", GATE, "-I", "-c"],
    "as root": ["-u", "root", "--", GATE],
    "as nobody named": ["--", GATE],
    "as #0": ["-u", "#0", "--", GATE],
    "as #-1": ["-u", "#-1", "--", GATE],
    "as #4294967295": ["-u", "#4294967295", "--", GATE],
    "as #4294967296": ["-u", "#4294967296", "--", GATE],
    "as the hub": ["-u", "jupyterhub-daemon", "--", GATE],
    "as the proxy": ["-u", "jupyterhub-proxy", "--", GATE],
    "as slurm": ["-u", "slurm", "--", GATE],
    "as munge": ["-u", "munge", "--", GATE],
    "as www-data": ["-u", "www-data", "--", GATE],
    "as nobody": ["-u", "nobody", "--", GATE],
    "as somebody unknown": ["-u", "mallory", "--", GATE],
    "as a group": ["-u", "%jupyter-users", "--", GATE],
    "with the group root": ["-u", "alice", "-g", "root", "--", GATE],
    "with the group shadow": ["-u", "alice", "-g", "shadow", "--", GATE],
    "with another user's group": ["-u", "alice", "-g", "bob", "--", GATE],
    "only a group": ["-g", "jupyter-users", "--", GATE],
    "-E": ["-E", "-u", "alice", "--", GATE],
    "--preserve-env=": ["--preserve-env=PATH", "-u", "alice", "--", GATE],
    "a variable": ["-u", "alice", "FOO=bar", GATE],
    "LD_PRELOAD": ["-u", "alice", "LD_PRELOAD=/tmp/x.so", GATE],
    "PYTHONPATH": ["-u", "alice", "PYTHONPATH=/tmp", GATE],
    "PATH": ["-u", "alice", "PATH=/tmp", GATE],
    "BASH_ENV": ["-u", "alice", "BASH_ENV=/tmp/x", GATE],
    "SLURM_CONF": ["-u", "alice", "SLURM_CONF=/tmp/slurm.conf", GATE],
    "SUDO_ASKPASS": ["-A", "-u", "root", "--", GATE],
    "a password": ["-S", "-u", "root", "--", GATE],
    "in the background": ["-b", "-u", "root", "--", GATE],
    "what root may do": ["-l", "-U", "root"],
    "what alice may do": ["-l", "-U", "alice"],
    "a shell": ["-u", "alice", "-s"],
    "a shell with a command": ["-u", "alice", "-s", "--", GATE],
    "a login shell": ["-u", "alice", "-i"],
    "a login shell with the gate": ["-u", "alice", "-i", "--", GATE],
    "an editor": ["-u", "alice", "-e", "/home/alice/.bashrc"],
    "an editor on the gate": ["-e", GATE],
    "another directory": ["-D", "/tmp", "-u", "alice", "--", GATE],
    "another root": ["-R", "/", "-u", "alice", "--", GATE],
    "open files": ["-C", "7", "-u", "alice", "--", GATE],
    "a time limit": ["-T", "1", "-u", "alice", "--", GATE],
    "another host": ["-h", "elsewhere", "-u", "alice", "--", GATE],
    "bash": ["-u", "alice", "--", "/bin/bash", "-c", "id"],
    "sh": ["-u", "alice", "--", "sh", "-c", "id"],
    "python": ["-u", "alice", "--", "/usr/bin/python3", GATE],
    "env": ["-u", "alice", "--", "/usr/bin/env", GATE],
    "sbatch": ["-u", "alice", "--", "/usr/bin/sbatch", "--wrap=id"],
    "scancel": ["-u", "alice", "--", "/usr/bin/scancel", "1"],
    "squeue": ["-u", "alice", "--", "/usr/bin/squeue"],
    "srun": ["-u", "alice", "--", "/usr/bin/srun", "id"],
    "cat": ["-u", "alice", "--", "/bin/cat", "/etc/shadow"],
    "su": ["-u", "alice", "--", "/bin/su"],
    "sudo": ["-u", "alice", "--", "/usr/bin/sudo", "-l"],
    "the gate's folder": ["-u", "alice", "--", "/usr/local/libexec/sitekit/demo"],
    "the gate's neighbour": ["-u", "alice", "--", "/usr/local/libexec/sitekit/demo/job.sh"],
    "a longer path": ["-u", "alice", "--", "/usr/local/libexec/sitekit/demo/gate.json"],
    "a bare name": ["-u", "alice", "--", "gate"],
    "a blank in the path": ["-u", "alice", "--", f"{GATE} "],
    "a newline in the path": ["-u", "alice", "--", f"{GATE}\nid"],
}
"""Words after `sudo -n` -> refused by sudo itself: nothing runs."""


@pytest.fixture(scope="module")
def unchanged(demo: Demo) -> Iterator[None]:
    """All that is tried here leaves the hub's state, jobs and people as they were."""
    with nothing_changes(demo.site):
        yield


@pytest.mark.parametrize("words", REFUSED.values(), ids=REFUSED.keys())
def test_sudo_refuses(demo: Demo, unchanged: None, words: list[str]) -> None:
    path = str(demo.site.libexec / "gate")
    argv = [*SUDO, *(word.replace(GATE, path) for word in words)]
    environment = {**CLEAN, "EDITOR": "/bin/true", "SUDO_ASKPASS": "/bin/true"}
    done = as_hub(demo.site, argv, json.dumps({"verb": "log", "job": 1}), environment)
    assert done.code != 0
    assert done.out == "", "something ran"
    assert done.err.startswith(("sudo:", "Sorry", "usage: sudo", "sudoedit:")), done.err


def test_the_hubs_own_groups_do_not_get_through(demo: Demo) -> None:
    """No rule can forbid -P: with it, a link in a user's folder of logs would show what the hub's
    groups may read."""
    for word in ("-P", "--preserve-groups"):
        argv = [*SUDO, word, "-u", "alice", "--", str(demo.site.libexec / "gate")]
        done = as_hub(demo.site, argv, json.dumps({"verb": "log", "job": 1}))
        assert done.code == 1 and done.answer["kind"] == "refused"


@pytest.fixture(params=["root", "jupyterhub-daemon", "jupyterhub-proxy"])
def stray(request: pytest.FixtureRequest) -> Iterator[str]:
    """An account of the system that somebody put into the users' group."""
    subprocess.run(
        ["gpasswd", "--add", request.param, "jupyter-users"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    yield request.param
    subprocess.run(
        ["gpasswd", "--delete", request.param, "jupyter-users"],
        check=True,
        capture_output=True,
        timeout=120,
    )


def test_an_account_of_the_system_is_no_member(demo: Demo, stray: str) -> None:
    for name in (stray, f"#{pwd.getpwnam(stray).pw_uid}"):
        argv = [*SUDO, "-u", name, "--", str(demo.site.libexec / "gate")]
        done = as_hub(demo.site, argv, json.dumps({"verb": "log", "job": 1}))
        assert done.code != 0 and done.out == "" and done.err.startswith(("sudo:", "Sorry"))


@pytest.fixture(params=["", "jupyter-admins", "shadow"])
def outsider(request: pytest.FixtureRequest) -> Iterator[str]:
    """A person with an account of the cluster, who is not in the groups that may have servers."""
    groups = ["--groups", request.param] if request.param else []
    subprocess.run(
        ["useradd", "--no-create-home", *groups, "mallory"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    yield "mallory"
    subprocess.run(["userdel", "mallory"], check=True, capture_output=True, timeout=120)


def test_the_servers_of_who_has_left_can_be_ended_and_that_is_all(
    demo: Demo, outsider: str
) -> None:
    argv = [*SUDO, "-u", outsider, "--", str(demo.site.libexec / "end")]
    for request in ({"verb": "log", "job": 1}, {"verb": "submit", "tag": "0" * 16}):
        done = as_hub(demo.site, argv, json.dumps(request))
        assert done.code != 0 and done.answer["kind"] == "refused"
    done = as_hub(demo.site, argv, json.dumps({"verb": "cancel", "job": 2**31}))
    assert done.answer.get("kind") != "refused"
    for name in ("root", "daemon", "jupyterhub-daemon"):
        argv = [*SUDO, "-u", name, "--", str(demo.site.libexec / "end")]
        done = as_hub(demo.site, argv, '{"verb": "cancel", "job": 1}')
        assert done.code != 0 and (
            done.err.startswith(("sudo:", "Sorry")) or done.answer["kind"] == "refused"
        )


def test_who_is_in_none_of_the_groups_has_no_servers(demo: Demo, outsider: str) -> None:
    """Administrators of the hub neither, as long as they are nothing else."""
    for name in (outsider, f"#{pwd.getpwnam(outsider).pw_uid}"):
        done = as_hub(
            demo.site,
            [*SUDO, "-u", name, "--", str(demo.site.libexec / "gate")],
            '{"verb": "log", "job": 1}',
        )
        assert done.code != 0 and done.out == "" and done.err.startswith("sudo:")


@pytest.fixture
def folder(open_path: Path) -> Iterator[Path]:
    """A folder that the hub's account could have made, readable by everybody on the way down to it."""
    config = json.loads(Path("/usr/local/libexec/sitekit/demo/gate.json").read_text())
    evil = {
        **config,
        "log_dir": "evil",
        "job_name": "evil",
        "slurm_bin": str(open_path),
        "groups": ["root", "nogroup"],
    }
    (open_path / "gate.json").write_text(json.dumps(evil))
    (open_path / "job.sh").write_text("#!/bin/sh\nid\n")
    yield open_path


@pytest.mark.parametrize("name", ["gate", "gate2"])
@pytest.mark.parametrize("kind", ["copy", "link", "folder"])
def test_the_gate_by_another_path_is_refused_or_is_roots_own(
    demo: Demo, folder: Path, name: str, kind: str
) -> None:
    """sudo compares files, not names: a link to the gate may run, but then by root's path and with
    root's settings."""
    real, asked = demo.site.libexec / "gate", folder / name
    if kind == "copy":
        shutil.copy(real, asked)
    elif kind == "link":
        asked.symlink_to(real)
    else:
        (folder / "there").symlink_to(real.parent)
        asked = folder / "there" / name
    done = as_hub(
        demo.site,
        [*SUDO, "-u", "alice", "--", str(asked)],
        json.dumps({"verb": "log", "job": 999999}),
    )
    if done.out:
        assert kind != "copy" and name == "gate"
        assert done.answer["path"].endswith("/.jupyterhub/demo/log/job-999999.log")
    else:
        assert done.code != 0 and done.err.startswith("sudo:")


def test_a_path_with_dots_is_the_gate_or_nothing(demo: Demo) -> None:
    path = demo.site.libexec
    for asked in (
        f"{path}/../demo/gate",
        f"{path}//gate",
        f"{path}/./gate",
        f"{path}/../../sitekit/demo/gate",
    ):
        done = as_hub(demo.site, [*SUDO, "-u", "alice", "--", asked], '{"verb": "exec"}')
        assert done.code != 0 and (not done.out or done.answer["kind"] == "refused")


@pytest.mark.parametrize("user", ["alice", "bob", "nobody", "www-data", "jupyterhub-proxy"])
def test_nobody_else_may_sudo(demo: Demo, user: str) -> None:
    """Members neither: the rule is the hub's account's."""
    done = as_account(
        user,
        [*SUDO, "-u", "carol", "--", str(demo.site.libexec / "gate")],
        '{"verb": "log", "job": 1}',
    )
    assert done.code != 0 and done.out == "" and done.err.startswith("sudo:")


def test_the_rule_is_one_line_and_root_owns_it(demo: Demo) -> None:
    """Nothing else in sudo's configuration speaks of the hub's account."""
    listed = as_account("root", ["/usr/bin/sudo", "-n", "-l", "-U", demo.site.hub.user]).out
    rules = [line.strip() for line in listed.splitlines() if line.strip().startswith("(")]
    assert len(rules) == 2
    assert rules[1].startswith("(ALL, !root, !#0, !") and rules[1].endswith(
        f'NOPASSWD: {demo.site.libexec / "end"} ""'
    )
    assert rules[0].endswith(f'NOPASSWD: {demo.site.libexec / "gate"} ""')
    words = set(listed.replace(",", " ").split())
    assert {"env_reset", "!setenv", "!env_keep", "!env_check"} <= words
    assert (
        not {"SETENV:", "setenv", "!env_reset", "!authenticate"} & words
        and "env_keep+" not in listed
    )
    for place in [*demo.site.libexec.iterdir(), demo.site.libexec, *demo.site.libexec.parents]:
        found = place.stat()
        assert (found.st_uid, found.st_mode & 0o022) == (0, 0), (
            f"{place} can be written by others than root"
        )


@pytest.mark.parametrize("lock", ["sudo", "gate"])
def test_the_hubs_environment_does_not_get_through(demo: Demo, folder: Path, lock: str) -> None:
    """What the hub's account has in its environment reaches neither the gate nor the job; nor would
    it without sudo."""
    for name in ("sbatch", "env", "python3", "sitecustomize.py", "json.py", "rc"):
        script = (
            f"import os; os.system('touch {folder}/ran')"
            if name.endswith(".py")
            else f"#!/bin/sh\ntouch {folder}/ran\n"
        )
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    folder.chmod(0o777)
    dirty = {
        "PATH": f"{folder}:/usr/bin:/bin",
        "PYTHONPATH": str(folder),
        "PYTHONSTARTUP": str(folder / "json.py"),
        "PYTHONINSPECT": "1",
        "LD_PRELOAD": str(folder / "evil.so"),
        "LD_LIBRARY_PATH": str(folder),
        "BASH_ENV": str(folder / "rc"),
        "ENV": str(folder / "rc"),
        "HOME": str(folder),
        "SLURM_CONF": str(folder / "slurm.conf"),
        "SBATCH_PARTITION": "jupyter-long",
        "SBATCH_GET_USER_ENV": "1",
        "SBATCH_EXPORT": "ALL",
        "SITEKIT_SESSION": "{}",
        "SITEKIT_ATTACK": "1",
        "USER": "root",
        "LOGNAME": "root",
        "SUDO_ASKPASS": str(folder / "rc"),
    }
    request = good(environment={"JUPYTERHUB_API_URL": "http://127.0.0.1:9/"})
    if lock == "sudo":
        done = gate(demo.site, request, environment=dirty)
    else:  # the loader is sudo's to guard against
        dirty = {name: value for name, value in dirty.items() if not name.startswith("LD_")}
        done = as_account("alice", [str(demo.site.libexec / "gate")], json.dumps(request), dirty)
    assert done.answer["ok"], (done.err, done.out)
    job = str(done.answer["job"])
    try:
        assert done.err == ""
        shown = ask(demo.site, "scontrol", "--oneliner", "show", "job", job)
        assert "Partition=jupyter-short" in shown and "UserId=alice(" in shown
        place = Path("/var/lib/sitekit/demo-cluster/slurmctld")
        kept = [*place.glob(f"hash.*/job.{job}/environment")]
        for saved in kept:
            assert (
                str(folder).encode() not in saved.read_bytes()
                and b"SITEKIT_ATTACK" not in saved.read_bytes()
            )
    finally:
        assert gate(demo.site, {"verb": "cancel", "job": int(job)}).answer["ok"]
    until(lambda: not jobs(demo.site, "alice") or job not in " ".join(jobs(demo.site, "alice")))
    assert kept, "the job's environment was not looked at"
    assert not (folder / "ran").exists()


def test_a_member_is_served(demo: Demo) -> None:
    """What all the refusals above are worth nothing without: submit, log and cancel work."""
    with partition_down(demo.site, "jupyter-long"):  # so that the job does not end by itself
        told = gate(demo.site, good(partitions="jupyter-long")).answer
        assert told["ok"] and told["partition"] == "jupyter-long"
        number = told["job"]
        assert any(job.startswith(f"{number} ") for job in jobs(demo.site, "alice"))
        assert gate(demo.site, {"verb": "log", "job": number}).answer["ok"]
        assert gate(demo.site, {"verb": "cancel", "job": number, "graceful": False}).answer == {
            "ok": True
        }
    until(lambda: not any(job.startswith(f"{number} ") for job in jobs(demo.site, "alice")))

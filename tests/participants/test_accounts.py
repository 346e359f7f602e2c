"""Accounts of participants are created, used, and removed without a trace."""

from __future__ import annotations

import grp
import os
import pwd
import re
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from sitekit.machine.participants.account_record import FOLDER, HIGHEST
from sitekit.machine.participants.read_etc_passwd import FILES

from ..person import Person
from ..processes import processes, words_of
from ..slurm import until
from .conftest import COPIES, GROUP, PREFIX, Kit, contents

NAMES = [f"{PREFIX}{number:02}" for number in range(1, 5)]


def slips(kit: Kit) -> dict[str, str]:
    """The passwords by user, as the printed page shows them."""
    code, printed = kit.run("accounts_slips")
    assert code == 0, printed
    page = FOLDER / kit.site.name / f"{PREFIX}.html"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600 and page.stat().st_uid == 0
    found = re.findall(r'<dd class="secret">([^<]+)</dd>', page.read_text())
    return dict(zip(found[::2], found[1::2], strict=True))


def test_an_account_is_complete_and_goes_without_a_trace(kit: Kit) -> None:
    before = contents()
    printed = kit.make(4)
    for name in NAMES:
        entry, home = pwd.getpwnam(name), Path(f"/home/{name}")
        assert (entry.pw_dir, entry.pw_shell) == (str(home), "/bin/bash")
        assert entry.pw_gid == entry.pw_uid and grp.getgrgid(entry.pw_gid).gr_name == name
        assert name in grp.getgrnam(GROUP).gr_mem
        assert (home.stat().st_uid, stat.S_IMODE(home.stat().st_mode)) == (entry.pw_uid, 0o700)
        assert (home / ".bashrc").stat().st_uid == entry.pw_uid
    assert all(path.read_bytes() == before[path][0] for path in COPIES if path in before)
    passwords = slips(kit)
    assert [*passwords] == NAMES and len(set(passwords.values())) == 4
    assert not any(password in printed for password in passwords.values())
    for path in (FOLDER, FOLDER / "demo", FOLDER / "demo" / f"{PREFIX}.json"):
        assert path.stat().st_uid == 0 and not stat.S_IMODE(path.stat().st_mode) & 0o077
    assert "the same bytes as before" in kit.remove()
    assert contents() == before and [path.name for path in FOLDER.iterdir()] == [HIGHEST]


def test_a_participant_logs_in_with_the_slip_and_nobody_else_does(kit: Kit) -> None:
    kit.make(2)
    passwords = slips(kit)
    with Person(NAMES[0], passwords[NAMES[0]], kit.site.front.url) as person:
        assert person.login().url.path != "/hub/login"
        assert person.api("GET", "/user").json()["name"] == NAMES[0]
    with Person(NAMES[1], passwords[NAMES[0]], kit.site.front.url) as another:
        assert another.login().url.path == "/hub/login"


def test_a_second_run_changes_nothing_and_a_third_adds(kit: Kit) -> None:
    kit.make(2)
    there, passwords = contents(), slips(kit)
    assert "nothing was changed" in kit.make(2) and contents() == there
    kit.make(1, "FIRST=3")
    assert slips(kit).items() > passwords.items()
    assert "the same bytes as before" in kit.remove()


def test_one_password_for_all_is_warned_of(kit: Kit) -> None:
    assert "can log in as any other" in kit.make(3, "PASSWORD=same")
    assert len(set(slips(kit).values())) == 1


def test_other_changes_of_these_files_stay(kit: Kit) -> None:
    kit.make(3)
    subprocess.run(["useradd", "--system", "newcomer"], check=True)
    subprocess.run(["gpasswd", "--add", "newcomer", GROUP], check=True, capture_output=True)
    try:
        there = {path: path.read_text().splitlines() for path in FILES}
        assert "only these accounts were removed" in kit.remove()
        for path, lines in there.items():
            ours = [line for line in lines if not line.startswith(PREFIX)]
            mend = [re.sub(rf"\b{PREFIX}\d+,?", "", line) for line in ours]
            assert path.read_text().splitlines() == mend
        assert grp.getgrnam(GROUP).gr_mem == ["newcomer"]
    finally:
        subprocess.run(["gpasswd", "--delete", "newcomer", GROUP], capture_output=True)
        subprocess.run(["userdel", "newcomer"], check=True)


@pytest.mark.parametrize("obstacle", ["account", "group", "folder", "link", "no group"])
def test_what_exists_is_not_touched(kit: Kit, obstacle: str, tmp_path: Path) -> None:
    name, group, home = NAMES[2], GROUP, Path(f"/home/{NAMES[2]}")
    made = {
        "account": (["useradd", "--no-create-home", name], ["userdel", name]),
        "group": (["groupadd", name], ["groupdel", name]),
        "folder": (["mkdir", home], ["rmdir", home]),
        "link": (["ln", "-s", tmp_path, home], ["rm", home]),
        "no group": (["true"], ["true"]),
    }[obstacle]
    subprocess.run(made[0], check=True)
    try:
        before = contents()
        if obstacle == "no group":
            group = "jupyter-users"
            kit.make(1)
            before = contents()
        words = ["COUNT=4", f"PREFIX={PREFIX}", f"GROUP={group}"]
        code, printed = kit.run("accounts", *words)
        assert code == 2 and (name in printed or obstacle == "no group"), printed
        assert contents() == before
        code, printed = kit.run("accounts_remove", "PREFIX=visitor")
        assert code == 2 and contents() == before
    finally:
        if obstacle == "no group":
            kit.remove()
        subprocess.run(made[1], check=True)


def test_an_account_with_processes_stays_until_they_end(kit: Kit) -> None:
    kit.make(2)
    there = contents()
    argv = [
        "setpriv",
        f"--reuid={NAMES[1]}",
        f"--regid={NAMES[1]}",
        "--init-groups",
        "sleep",
        "999",
    ]
    with subprocess.Popen(argv) as sleeper:
        try:
            until(lambda: Path(f"/proc/{sleeper.pid}/comm").read_text() == "sleep\n", every=0.05)
            code, printed = kit.run("accounts_remove", f"PREFIX={PREFIX}", "DATA=remove")
            assert code == 2 and f"sleep (process {sleeper.pid} of {NAMES[1]})" in printed
            assert contents() == there and sleeper.poll() is None
            kit.remove("DATA=remove", "END=1")
            assert sleeper.wait(180) == -signal.SIGTERM
        finally:
            sleeper.kill()


def test_kept_data_is_for_root_only(kit: Kit) -> None:
    kit.make(1)
    home = Path(f"/home/{NAMES[0]}")
    (home / "notes").write_text("mine")
    os.chown(home / "notes", *home.stat()[4:6])
    try:
        assert f"kept {home}" in kit.remove("DATA=keep")
        status = home.stat()
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (0, 0, 0o700)
        assert (home / "notes").read_text() == "mine" and (home / "notes").stat().st_uid == 0
        code, printed = kit.run("accounts", "COUNT=1", f"PREFIX={PREFIX}", f"GROUP={GROUP}")
        assert code == 2 and f"{home} exists" in printed
    finally:
        subprocess.run(["rm", "-r", home], check=True)


def test_processes_of_another_account_with_the_same_uid_are_not_ended(kit: Kit) -> None:
    """An account was removed by hand, and its uid went to somebody else."""
    kit.make(1)
    uid = pwd.getpwnam(NAMES[0]).pw_uid
    subprocess.run(["userdel", NAMES[0]], check=True)
    subprocess.run(["useradd", "--uid", str(uid), "--no-create-home", "heir"], check=True)
    try:
        with subprocess.Popen(
            ["setpriv", f"--reuid={uid}", "--clear-groups", "sleep", "999"]
        ) as other:
            try:
                until(lambda: Path(f"/proc/{other.pid}/comm").read_text() == "sleep\n", every=0.05)
                words = ("accounts_remove", f"PREFIX={PREFIX}", "DATA=remove", "END=1")
                code, printed = kit.run(*words)
                assert code == 1 and f"left /home/{NAMES[0]}" in printed
                assert other.poll() is None
            finally:
                other.kill()
    finally:
        subprocess.run(["userdel", "heir"], check=True)
        subprocess.run(["rm", "-r", f"/home/{NAMES[0]}"], check=True)


def test_the_next_participant_inherits_nothing(kit: Kit) -> None:
    kit.make(1)
    first = pwd.getpwnam(NAMES[0]).pw_uid
    mail, linger = Path("/var/mail") / NAMES[0], Path("/var/lib/systemd/linger") / NAMES[0]
    linger.parent.mkdir(exist_ok=True)
    for path in (mail, linger):
        path.write_text("")
    os.chown(mail, first, -1)
    kit.remove()
    assert not mail.exists() and not linger.exists()
    kit.make(1)
    assert pwd.getpwnam(NAMES[0]).pw_uid > first


def test_an_account_that_somebody_else_made_anew_is_left(kit: Kit) -> None:
    kit.make(2)
    subprocess.run(["userdel", "--remove", NAMES[0]], check=True, capture_output=True)
    subprocess.run(["useradd", "--uid", "4321", "--create-home", NAMES[0]], check=True)
    try:
        code, printed = kit.run("accounts_remove", f"PREFIX={PREFIX}", "DATA=remove")
        assert code == 1 and f"left the account {NAMES[0]}" in printed
        assert pwd.getpwnam(NAMES[0]).pw_uid == 4321 and Path(f"/home/{NAMES[0]}").is_dir()
    finally:
        subprocess.run(["userdel", "--remove", NAMES[0]], check=True, capture_output=True)


def tools_have_ended() -> bool:
    """Whether no tool runs any more that a command has started for a participant. A tool survives
    the SIGKILL of its command."""
    return not any(word in NAMES for one in processes() for word in words_of(one))


def exists(name: str) -> bool:
    return f"\n{name}:" in Path("/etc/passwd").read_text()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0, 2])
def test_an_interrupted_run_is_completed_by_the_next(kit: Kit, how: int, after: int) -> None:
    before = contents()
    for _ in range(10):
        with kit.start(
            "accounts", "COUNT=4", f"PREFIX={PREFIX}", f"GROUP={GROUP}", start_new_session=True
        ) as process:
            until(lambda: exists(NAMES[after]), 300, 0.002)
            # As a terminal does it: the command and the tools that it runs. With SIGKILL the
            # command alone: only pwck and grpck can mend files that a killed useradd left half
            # changed.
            (os.kill if how == signal.SIGKILL else os.killpg)(process.pid, how)
            printed = process.communicate(timeout=240)[0]
        until(tools_have_ended, 120)
        if not exists(NAMES[3]):
            break
        kit.remove()  # the signal came too late, on a busy machine
    assert process.returncode == (130 if how == signal.SIGINT else -how), printed
    assert not exists(NAMES[3])
    states = [person.state for person in kit.record().participants]
    if how != signal.SIGKILL:  # the account that was being created is complete
        assert "begun" not in states
    kit.make(4)
    passwords = slips(kit)
    assert [*passwords] == NAMES
    for name in NAMES:
        assert name in grp.getgrnam(GROUP).gr_mem and Path(f"/home/{name}/.bashrc").exists()
    kit.remove()
    assert {path: contents()[path] for path in FILES} == {path: before[path] for path in FILES}


def test_an_interrupted_removal_is_completed_by_the_next(kit: Kit) -> None:
    before = contents()
    for _ in range(10):
        kit.make(4)
        with kit.start(
            "accounts_remove", f"PREFIX={PREFIX}", "DATA=remove", start_new_session=True
        ) as it:
            until(lambda: not exists(NAMES[0]), 300, 0.002)
            # userdel itself is not killed: only pwck and grpck can mend files that it left half
            # changed
            os.kill(it.pid, signal.SIGKILL)
            it.communicate(timeout=240)
        until(tools_have_ended, 120)
        if exists(NAMES[3]):
            break
        kit.remove()  # the signal came too late, on a busy machine
    assert exists(NAMES[3])
    kit.remove()
    assert {path: contents()[path] for path in FILES} == {path: before[path] for path in FILES}

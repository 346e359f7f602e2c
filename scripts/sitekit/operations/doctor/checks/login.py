"""Check that users can log in: passwords, the account stage of PAM, the directory and homes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from ....base.finding import Finding, warning
from ....base.run_program import Argv, run
from ....machine.checks.pam_service_before_writing import check_pam
from ....machine.checks.password_verification import check_module, who_stays_out
from ....machine.checks.ssh_lockout import check_nobody_locked_out
from ....machine.host.target import Target
from ....machine.installed.read_and_restore_path import MACHINE
from ....machine.system_sshd.deny_groups import check_included
from ....site import Site
from ..check import Subject
from ..check_access_as_account import PYTHON
from ..context import Context, Unanswered
from .site_file import problems
from .slurm import local

subject = Subject("login", "Logging in")
SLOW, LOW_HOME = 2.0, 16 * 1024**2
NOLOGIN = (Path("/etc/nologin"), Path("/run/nologin"))
_ASK_PAM = Path(__file__).parents[1] / "inside" / "ask_pam.py"


def _pam(site: Site) -> bool:
    return site.login.method == "pam"


def _service(site: Site) -> Path:
    return Path("/etc/pam.d") / f"sitekit-{site.name}"


@subject.check(
    "pam-service",
    "the PAM service of the site: each line, and each module that it names",
    "with a broken PAM service every login is refused",
    "sudo make apply",
    needs=("site.applied",),
    follows=("files.missing", "files.edited"),
    root=True,
    applies=_pam,
)
def pam_service(here: Context) -> Iterator[Finding]:
    path = _service(here.site)
    if not path.exists():
        yield Finding("it is not there", str(path))
        return
    yield from problems(lambda: check_pam(path, path.read_text(errors="replace")))


@subject.check(
    "passwords",
    "whether the PAM module that login.passwords needs is installed",
    "without this module nobody can log in",
    "install the module: libpam-sss on Debian, sssd-client on EL",
    applies=_pam,
)
def passwords(here: Context) -> Iterator[Finding]:
    yield from problems(lambda: check_module(here.site, here.platform, MACHINE))


@subject.check(
    "sssd",
    "whether sssd answers",
    "the hub's PAM module sends each password to sssd",
    "systemctl status sssd",
    needs=("accounts.groups",),
    applies=lambda site: _pam(site) and site.login.passwords == "sssd",
)
def sssd(here: Context) -> Iterator[Finding]:
    for line in who_stays_out(here.site, here.platform, MACHINE):
        if "sssd does not answer" in line:
            yield Finding(line.partition(";")[0], "login.passwords")


@subject.check(
    "shadow",
    "whether the hub's account may read the password hashes",
    "the hub's PAM module needs the password hashes; without them every login is refused",
    "gpasswd --add HUB shadow; chown root:shadow /etc/shadow; chmod 640 /etc/shadow",
    needs=("accounts.exist",),
    follows=("accounts.memberships",),
    root=True,
    applies=lambda site: _pam(site) and site.login.passwords == "shadow",
)
def shadow(here: Context) -> Iterator[Finding]:
    fault = here.look_as(here.site.hub.user, paths={"/etc/shadow": "r"})["paths"]["/etc/shadow"]
    if fault:
        yield Finding(f"{here.site.hub.user}: {fault}", "/etc/shadow")
    elif os.stat("/etc/shadow").st_mode & 0o007:
        yield Finding("everybody may read it", "/etc/shadow", "chmod 640 /etc/shadow")


@subject.check(
    "without-password",
    "members of login.allowed_groups who have no password on this machine",
    "members without a password cannot log in, although the site allows it",
    "passwd USER; or `passwords: sssd`",
    needs=("accounts.groups",),
    root=True,
    applies=_pam,
)
def without_password(here: Context) -> Iterator[Finding]:
    if here.site.login.passwords == "sssd":
        return
    lines = list(who_stays_out(here.site, here.platform, MACHINE))
    for line in lines:
        if "have no password" in line or "are in none of login" in line:
            yield warning(line.strip().rstrip(";"), "login")


@subject.check(
    "account-stage",
    "whether the account stage of PAM accepts a user, when the hub's account calls it",
    "PAM refuses a login with a right password, if the account is expired or closed",
    "chage -l USER; passwd -S USER; pam_access(8)",
    needs=("login.pam-service", "accounts.exist"),
    follows=("login.nologin", "login.shadow", "accounts.memberships", "login.directory"),
    root=True,
    applies=_pam,
)
def account_stage(here: Context) -> Iterator[Finding]:
    service, user = _service(here.site).name, here.somebody
    argv: Argv = [PYTHON, "-I", "-c", _ASK_PAM.read_text(), service, user]
    done = run(
        argv, user=here.site.hub.user, env={}, cwd=Path("/"), timeout=8 * here.patience, check=False
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise Unanswered("PAM could not be asked") from None
    if answer["code"]:
        yield Finding(f"PAM refuses {user}: {answer['text']}", f"/etc/pam.d/{service}")


@subject.check(
    "nologin",
    "the file /etc/nologin, which closes this machine for users (pam_nologin)",
    "while this file exists, nobody can log in to the hub",
    "rm FILE, when the work on the machine is done",
    root=True,
    applies=_pam,
)
def nologin(here: Context) -> Iterator[Finding]:
    path = _service(here.site)
    asks = path.exists() and "pam_nologin" in path.read_text(errors="replace")
    for file in NOLOGIN:
        if asks and file.exists():
            yield Finding("it is there", str(file), f"rm {file}")


@subject.check(
    "directory",
    "how long the hub's account waits for the directory of accounts to return a user's groups",
    "the hub looks up users at each login and start; a slow directory makes everything slow",
    "systemctl status sssd nscd; getent passwd USER",
    needs=("accounts.exist",),
    root=True,
    applies=local,
    follows=("system.shared-places",),
)
def directory(here: Context) -> Iterator[Finding]:
    answer = here.look_as(here.site.hub.user, account=here.somebody)["account"]
    if "home" not in answer:
        yield Finding(f"the hub's account sees no account {here.somebody}", "nsswitch.conf")
    if answer["seconds"] > SLOW:
        yield warning(f"a user's groups took {answer['seconds']:.1f} s", "nsswitch.conf")


@subject.check(
    "home",
    "whether the home of a user exists, and whether the user can write to it",
    "a server first writes its log into the home; without a home, the start is refused",
    "mount the home; chown USER HOME; chmod 700 HOME",
    needs=("login.directory",),
    root=True,
    applies=local,
)
def home(here: Context) -> Iterator[Finding]:
    place = here.look_as(here.site.hub.user, account=here.somebody)["account"].get("home")
    if not place:
        return
    seen = here.look_as(here.somebody, paths={place: "rwx"}, space=[place])
    if fault := seen["paths"][place]:
        yield Finding(f"{here.somebody}: {fault}", place)
        return
    free, total, free_inodes, inodes = seen["space"][place]
    if total and free < LOW_HOME:
        yield warning(f"{free / 1e6:.0f} MB are free for {here.somebody}", place)
    if inodes and not free_inodes:
        yield warning("no inode is free", place)


@subject.check(
    "home-private",
    "whether everybody can write to a user's home",
    "another account could change what runs in the user's notebooks",
    "chmod o-w HOME",
    needs=("login.directory",),
    follows=("login.home",),
    root=True,
    applies=local,
)
def home_private(here: Context) -> Iterator[Finding]:
    place = here.look_as(here.site.hub.user, account=here.somebody)["account"].get("home")
    if place and Path(place).is_dir() and os.stat(place).st_mode & 0o002:
        yield warning("everybody may write to it", place, f"chmod o-w {place}")


@subject.check(
    "shell",
    "whether the shell of a user exists and accepts logins",
    "if the shell refuses logins, the user's terminals end at once",
    "chsh --shell /bin/bash USER",
    needs=("login.directory",),
    root=True,
    applies=local,
)
def shell(here: Context) -> Iterator[Finding]:
    answer = here.look_as(here.site.hub.user, account=here.somebody)["account"]
    found = answer.get("shell") or "/bin/sh"
    if Path(found).name in ("nologin", "false"):
        yield warning(f"the shell of {here.somebody} is {found}", "/etc/passwd")
    elif not Path(found).exists():
        yield warning(f"the shell of {here.somebody}, {found}, is not there", "/etc/passwd")


@subject.check(
    "provider",
    "whether the file with the site's secret for the login provider exists and is not empty",
    "without this secret the provider refuses every login",
    "put the secret into the file of login.provider.client_secret; sudo make apply",
    root=True,
    applies=lambda site: site.login.provider is not None,
)
def provider(here: Context) -> Iterator[Finding]:
    given = here.site.login.provider
    path = given.client_secret if given else None
    if path and (not path.is_file() or not path.read_text(errors="replace").strip()):
        yield Finding("it is empty, or not there", str(path))


@subject.check(
    "second-factor",
    "who can read the folder with the secrets of users' authenticator apps",
    "only the hub may be able to read this folder",
    "sudo make apply",
    needs=("accounts.exist", "state.folder"),
    root=True,
    applies=lambda site: site.login.second_factor == "totp",
)
def second_factor(here: Context) -> Iterator[Finding]:
    place = str(here.site.totp)
    if fault := here.look_as(here.site.hub.user, paths={place: "rx"})["paths"][place]:
        yield Finding(f"{here.site.hub.user}: {fault}", place)
    elif os.stat(place).st_mode & 0o077:
        yield Finding("others may enter it", place, f"chmod 700 {place}")


@subject.check(
    "sshd-reads",
    "whether this machine's sshd reads the site's file for login.deny_ssh",
    "otherwise members of these groups can log in by SSH",
    "add this as the first line of /etc/ssh/sshd_config: Include /etc/ssh/sshd_config.d/*.conf",
    applies=lambda site: bool(site.login.deny_ssh),
)
def sshd_reads(here: Context) -> Iterator[Finding]:
    yield from problems(lambda: check_included(Target(here.site, MACHINE)))


@subject.check(
    "ssh-lockout",
    "whether administrators are members of the groups in login.deny_ssh",
    "they can no longer log in to this machine by SSH",
    "in login.deny_ssh, name a group that has only participants as members",
    applies=lambda site: bool(site.login.deny_ssh),
)
def ssh_lockout(here: Context) -> Iterator[Finding]:
    yield from problems(lambda: check_nobody_locked_out(here.site, MACHINE))

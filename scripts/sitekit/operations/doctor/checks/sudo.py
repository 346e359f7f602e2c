"""Check that sudo accepts the site's sudo rules, and that these rules allow only the site's own
programs."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ....base.errors import Problem
from ....base.finding import Finding, warning
from ....base.permissions_along_path import steps_of_path
from ....base.run_program import Argv, CommandFailed, run
from ....machine.checks.sudo import check_rule, check_sudo
from ....machine.installed import unix_accounts
from ....machine.installed.read_and_restore_path import MACHINE
from ..check import Subject
from ..context import Context, Unanswered
from .slurm import local, on_slurm

subject = Subject("sudo", "sudo and the gate", on_slurm)
_NONE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


@subject.check(
    "installed",
    "whether sudo is installed and reads the folder of the site's rule",
    "the hub starts the gate with sudo; without the rule no server starts",
    "visudo, and add the line: @includedir /etc/sudoers.d",
    applies=local,
)
def installed(here: Context) -> Iterator[Finding]:
    yield from check_sudo(here.site, here.platform)


@subject.check(
    "set-uid",
    "owner and mode of the program sudo",
    "sudo works only as a set-user-ID program of root",
    "chown root:root /usr/bin/sudo; chmod 4755 /usr/bin/sudo",
    applies=local,
    before=("apply",),
)
def set_uid(here: Context) -> Iterator[Finding]:
    path = Path("/usr/bin/sudo")
    if not path.exists():
        yield Finding("it is not there", str(path), f"{here.platform.install} sudo")
        return
    found = path.stat()
    if found.st_uid or not found.st_mode & stat.S_ISUID:
        yield Finding(f"its mode is {stat.S_IMODE(found.st_mode):04o}", str(path))
    if {"nosuid"} & set(_options(path)):
        yield Finding("its file system is mounted with nosuid", str(path))


def _options(path: Path) -> list[str]:
    return ["nosuid"] if os.statvfs(path).f_flag & os.ST_NOSUID else []


@subject.check(
    "syntax",
    "the syntax of all sudo rules (visudo -c)",
    "with a broken file, sudo may refuse all users",
    "visudo -c names the line",
    needs=("sudo.installed",),
    root=True,
    applies=local,
    before=("apply",),
)
def syntax(here: Context) -> Iterator[Finding]:
    done = run(["visudo", "-c"], check=False, timeout=5 * here.patience, env=_NONE)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        faults = [line for line in said if line and "parsed OK" not in line]
        # visudo reports a file whose mode is not 0440, but sudo reads this file
        harmless = faults and all("bad permissions" in line for line in faults)
        report = warning if harmless else Finding
        yield report(faults[0] if faults else "visudo refuses it", "/etc/sudoers")


@subject.check(
    "gate",
    "owner and mode of the gate's program and of every folder above it",
    "sudo runs the gate as users; an account that can change the gate can act as any user",
    "sudo make apply; chown root FILE; chmod go-w FILE",
    needs=("site.applied",),
    follows=("files.missing", "files.modes"),
    applies=local,
)
def gate(here: Context) -> Iterator[Finding]:
    for name in ("gate", "end"):
        path = here.site.libexec / name
        steps = steps_of_path(path)
        if not steps[-1].last:
            yield Finding("it is not there", str(path), "sudo make apply")
            continue
        for step in steps:
            if step.status.st_uid or step.everybody_writes or step.group_writes:
                yield Finding("others than root can write to it", str(step.path))
            if not (step.last or step.link or step.status.st_mode & stat.S_IXOTH):
                yield Finding("users may not enter it", str(step.path), f"chmod o+x {step.path}")
        if not steps[-1].status.st_mode & stat.S_IXOTH:
            yield Finding("users may not run it", str(path), f"chmod 755 {path}")
        interpreter = path.read_bytes()[:100].partition(b"\n")[0].decode(errors="replace")
        program = interpreter.removeprefix("#!").split(" ")[0]
        if not Path(program).exists():
            yield Finding(f"its interpreter {program} is not there", str(path))


@subject.check(
    "allows-gate",
    "whether sudo lets the hub start the gate as a user (sudo -l)",
    "a rule that sudo reads later can override the site's rule; then no server starts",
    "sudo -l -U HUB shows the rules in force",
    needs=("accounts.exist", "sudo.installed"),
    follows=(
        "sudo.syntax",
        "sudo.settings",
        "files.missing",
        "files.edited",
        "files.modes",
        "accounts.groups",
    ),
    root=True,
    applies=local,
)
def allows_gate(here: Context) -> Iterator[Finding]:
    try:
        check_rule(here.site)
    except Problem as problem:
        yield Finding(problem.what.splitlines()[0], "sudo", problem.remedy or "")


SETTINGS = {
    "noexec": "the gate cannot run Slurm's programs",
    "intercept": "the gate cannot run Slurm's programs without a question to sudo",
    "requiretty": "the hub has no terminal, and sudo refuses it",
    "log_input": "sudo writes what the hub sends to the gate to its log, with tokens of servers",
    "log_output": "sudo writes the gate's answers to its log",
}
"""The settings of sudoers(5) with which the hub cannot use the gate, or which write secrets to
logs: setting -> what the setting causes."""


@subject.check(
    "settings",
    "the settings of sudo that apply to the hub (Defaults in sudoers)",
    "some of them let sudo refuse the hub, or keep the gate from running Slurm's programs",
    "add to the site's own lines of sudo: Defaults:HUB !SETTING, with the name of the setting",
    needs=("accounts.exist", "sudo.installed"),
    follows=("sudo.syntax",),
    root=True,
    applies=local,
)
def settings(here: Context) -> Iterator[Finding]:
    hub = here.site.hub.user
    done = run(["sudo", "-n", "-l", "-U", hub], check=False, timeout=5 * here.patience, env=_NONE)
    head = done.stdout.partition("may run the following")[0]
    found = {word.strip() for line in head.splitlines()[1:] for word in line.split(",")}
    if "must have a tty" in done.stderr:
        found.add("requiretty")  # with requiretty, sudo also refuses this command
    for name, why in SETTINGS.items():
        if name in found:
            remedy = f"visudo, and add after the line that sets it: Defaults:{hub} !{name}"
            yield Finding(f"{name} is set for {hub}", "/etc/sudoers", remedy, why=why)


@subject.check(
    "hub-process",
    "whether systemd lets the hub's process use sudo (NoNewPrivileges)",
    "the hub starts the gate with sudo; with NoNewPrivileges no server starts",
    "systemctl cat NAME shows the drop-in; remove NoNewPrivileges= and the settings that imply it",
    needs=("services.hub",),
    root=True,
    applies=local,
)
def hub_process(here: Context) -> Iterator[Finding]:
    state = here.states.get("hub")
    if state is None or state.pid is None:
        raise Unanswered("the hub does not run")
    if "NoNewPrivs:\t1" in Path(f"/proc/{state.pid}/status").read_text().splitlines():
        what = "its process may not get other rights, and sudo refuses it"
        yield Finding(what, here.applied.service("hub"))


@subject.check(
    "gate-answers",
    "whether the gate answers an empty request, when the hub's account starts the gate with sudo as a user",
    "the hub submits each server in this way",
    "run it by hand, and read the message: sudo -n -u USER -- GATE",
    needs=("accounts.exist", "sudo.installed", "sudo.gate"),
    follows=("sudo.set-uid", "sudo.syntax", "sudo.settings", "sudo.allows-gate", "hub.gate-config",
             "system.shared-places", "system.run-space",
             "files.edited", "files.missing", "accounts.groups", "login.directory"),
    root=True,
    applies=local,
)  # fmt: skip
def gate_answers(here: Context) -> Iterator[Finding]:
    path, user = here.site.libexec / "gate", here.somebody
    argv: Argv = ["/usr/bin/sudo", "-n", "-u", user, "--", path]
    done = run(
        argv,
        stdin="{}",
        user=here.site.hub.user,
        env=_NONE,
        cwd=Path("/"),
        timeout=8 * here.patience,
        check=False,
    )
    try:
        answer = json.loads(done.stdout)
        if answer.get("kind") == "refused" and "names no verb" in answer.get("error", ""):
            return
        said = answer.get("error", "")
    except (ValueError, AttributeError):
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
    yield Finding(f"as {user}, the gate answers: {said}", str(path))


@subject.check(
    "narrow",
    "whether sudo prevents the hub's account from running shells, the gate as root, or the gate with arguments",
    "with a wider rule, an attacker with the hub's account could become root",
    "remove the wider rule; sudo -l -U HUB lists all rules in force",
    needs=("accounts.exist", "sudo.installed"),
    follows=("sudo.syntax",),
    root=True,
    applies=local,
)
def narrow(here: Context) -> Iterator[Finding]:
    hub, user, gate_path = here.site.hub.user, here.user or "nobody", here.site.libexec / "gate"
    for whose, argv in (
        ("root", ["/bin/sh"]),
        ("root", [gate_path]),
        (user, ["/bin/sh"]),
        (user, [gate_path, "--other"]),
        (here.site.proxy.user, [gate_path]),
    ):
        if not unix_accounts.has_account(MACHINE, whose):
            continue
        asked = ["sudo", "-n", "-U", hub, "-l", "-u", whose, *argv]
        if run(asked, check=False, timeout=5 * here.patience, env=_NONE).returncode == 0:
            told = " ".join(map(str, argv))
            yield Finding(f"{hub} may run `{told}` as {whose}", "sudo")


@subject.check(
    "proxy-has-none",
    "whether the proxy's account has sudo rules",
    "every browser sends requests to the proxy, so the proxy must not be able to run programs as another account",
    "remove the rule; sudo -l -U PROXY lists it",
    needs=("accounts.exist", "sudo.installed"),
    root=True,
    applies=local,
)
def proxy_has_none(here: Context) -> Iterator[Finding]:
    asked = ["sudo", "-n", "-l", "-U", here.site.proxy.user]
    try:
        said = run(asked, check=False, timeout=5 * here.patience, env=_NONE).stdout
    except CommandFailed:
        return
    if "may run the following" in said:
        yield Finding(f"{here.site.proxy.user} may run programs with sudo", "sudo")

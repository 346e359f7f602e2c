"""Whatever fails during apply, at whichever step, the machine is as it was, byte for byte: files,
accounts, backups."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from machine_sites import bare_machine, can_change, demo, family, tree

from sitekit.base.errors import Problem
from sitekit.machine.apply import commands as apply_module
from sitekit.machine.apply import execute_plan, kinds_of_changes
from sitekit.machine.apply.commands import apply, plan_apply
from sitekit.machine.apply.rotate_secrets import rotate_secrets
from sitekit.machine.checks.syntax_before_writing import faults_of
from sitekit.machine.host.file_to_write import File
from sitekit.machine.host.lock import hold_machine_lock
from sitekit.site import Site

pytestmark = can_change
SITE = demo()
OTHER = demo(front={"url": "https://other.example.org:8444"}, title="Another", supervisor="systemd")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return bare_machine(tmp_path)


class Crash(Exception):
    """What no part of apply expects."""


ALL_STEPS = pytest.mark.parametrize(
    "all_steps", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["some", "all"]
)


def steps(site, machine: Path) -> int:
    return len(plan_apply(site, family(), machine).actions)


def steps_to_break(site, machine: Path, all_steps: bool) -> list[int]:
    """Return the numbers of all steps, or of the first and the last step of each kind of action."""
    kinds = [type(action) for action in plan_apply(site, family(), machine).actions]
    if all_steps:
        return list(range(len(kinds)))
    last = {kind: number for number, kind in enumerate(kinds)}
    return sorted({*last.values(), *(kinds.index(kind) for kind in last)})


def break_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the action number `count` fail once it is done; the next `_keep` and the services come
    after the last."""
    done = iter(range(1000))

    def break_it(do):
        def broken(self, root: Path, undo: ExitStack) -> None:
            do(self, root, undo)
            if next(done) == count:
                raise Crash(f"after {self.what}")

        return broken

    for kind in vars(kinds_of_changes).values():
        if isinstance(kind, type) and hasattr(kind, "do") and kind is not kinds_of_changes.Action:
            monkeypatch.setattr(kind, "do", break_it(kind.do))


@ALL_STEPS
def test_the_first_apply_fails_at_a_step(
    machine: Path, monkeypatch: pytest.MonkeyPatch, all_steps: bool
):
    before = tree(machine)
    # it comes before the first step, and takes time
    monkeypatch.setattr(apply_module, "check", lambda *words: None)
    for count in steps_to_break(SITE, machine, all_steps):
        with monkeypatch.context() as broken, pytest.raises(Crash):
            break_after(broken, count)
            apply(SITE, root=machine)
        assert tree(machine) == before, f"after step {count}"


@ALL_STEPS
def test_a_later_apply_fails_at_a_step(
    machine: Path, monkeypatch: pytest.MonkeyPatch, all_steps: bool
):
    """One that changes, adds, removes and offers files, and mends a folder's owner."""
    apply(SITE, root=machine)
    (machine / "etc/pam.d/sitekit-demo").write_text("mine\n")
    (machine / "var/lib/sitekit/demo/database").write_text("people\n")
    os.chown(machine / "var/lib/sitekit/demo", 33, 33)
    os.chmod(machine / "var/lib/sitekit/demo/database", 0o640)
    monkeypatch.setattr(apply_module, "unmet_preconditions", lambda site, root: [])
    monkeypatch.setattr(apply_module, "check", lambda *words: None)
    before = tree(machine)
    kinds = {kind for kind, _ in plan_apply(OTHER, family(), machine).changes}
    assert kinds >= {"new file", "changed file", "removed file", "owner and mode"}
    for number in steps_to_break(OTHER, machine, all_steps):
        with monkeypatch.context() as broken, pytest.raises(Crash):
            break_after(broken, number)
            apply(OTHER, root=machine)
        assert tree(machine) == before, f"after step {number}"
    with monkeypatch.context() as broken, pytest.raises(Crash):
        broken.setattr(
            apply_module, "restart_services", lambda *words: (_ for _ in ()).throw(Crash())
        )
        apply(OTHER, root=machine)
    assert tree(machine) == before, "when a service does not come up again"


# Real failures.


def test_a_folder_that_was_put_right_is_wrong_again(machine: Path, monkeypatch: pytest.MonkeyPatch):
    apply(SITE, root=machine)
    state = machine / "var/lib/sitekit/demo"
    state.chmod(0o711)
    os.chown(state, 501, 501)
    before = tree(machine)
    break_after(monkeypatch, steps(SITE, machine) - 1)
    with pytest.raises(Crash):
        apply(SITE, root=machine)
    assert tree(machine) == before


def test_new_secrets_or_the_old_ones(machine: Path, monkeypatch: pytest.MonkeyPatch):
    apply(SITE, root=machine)
    cookie, token = (
        machine / "var/lib/sitekit/demo/cookie_secret",
        machine / "etc/sitekit/demo/proxy.env",
    )
    cookie.write_text("ab" * 32)
    before = tree(machine)
    with monkeypatch.context() as broken:
        break_after(broken, 2)
        with pytest.raises(Crash):
            rotate_secrets(SITE, root=machine)
    assert tree(machine) == before
    old = token.read_text()
    assert rotate_secrets(SITE, root=machine) == 0
    assert re.fullmatch("[0-9a-f]{64}\n", cookie.read_text()) and token.read_text() != old
    assert (cookie.stat().st_uid, cookie.stat().st_mode & 0o777) == (
        cookie.parent.stat().st_uid,
        0o600,
    )
    assert not plan_apply(SITE, family(), machine).changes, "the manifest knows the new ones"


def test_no_number_is_left_for_an_account(machine: Path):
    defs = machine / "etc/login.defs"
    defs.write_text(
        defs.read_text().replace("UID_MIN 100", "UID_MIN 33").replace("UID_MAX 999", "UID_MAX 33")
    )
    before = tree(machine)
    with pytest.raises(Problem, match=r"(?s)useradd.*UID"):
        apply(SITE, root=machine)
    assert tree(machine) == before


def test_a_full_disk(machine: Path, tmp_path_factory: pytest.TempPathFactory):
    """/usr/local is a disk of its own, with room for a few files of the gate's folder only."""
    local = machine / "usr/local"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12k,mode=755", "none", local], check=True)
    try:
        before = tree(machine)
        with pytest.raises(Problem, match="No space left"):
            apply(SITE, root=machine)
        assert tree(machine) == before
    finally:
        subprocess.run(["umount", local], check=True)


def test_a_folder_that_may_not_be_written(machine: Path):
    sudoers = machine / "etc/sudoers.d"
    subprocess.run(["mount", "--bind", sudoers, sudoers], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", sudoers], check=True)
        before = tree(machine)
        with pytest.raises(Problem, match="Read-only"):
            apply(SITE, root=machine)
        assert tree(machine) == before
    finally:
        subprocess.run(["umount", sudoers], check=True)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name
)
def test_an_interrupt_and_a_lost_connection(
    number: signal.Signals, machine: Path, monkeypatch: pytest.MonkeyPatch
):
    before, write = tree(machine), kinds_of_changes.Write.do
    handler = signal.getsignal(number)

    def interrupted(self, root: Path, undo: ExitStack) -> None:
        write(self, root, undo)
        if self.path.name == "gate":
            os.kill(os.getpid(), number)

    monkeypatch.setattr(kinds_of_changes.Write, "do", interrupted)
    with pytest.raises(KeyboardInterrupt):
        apply(SITE, root=machine)
    assert tree(machine) == before
    assert signal.getsignal(number) == handler, "the handlers are those of before"


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("apache.conf", demo(front={"url": "https://localhost:8444"})),
        ("supervisord.conf", demo(supervisor="systemd")),
    ],
    ids=["written", "removed"],
)
def test_a_file_that_somebody_edits_at_this_very_moment(
    name: str, site: Site, machine: Path, monkeypatch: pytest.MonkeyPatch
):
    apply(SITE, root=machine)
    conf, check = machine / "etc/sitekit/demo" / name, apply_module.check

    def meanwhile(*words: object) -> None:
        check(*words)
        conf.write_text("mine\n")

    monkeypatch.setattr(apply_module, "check", meanwhile)
    site_yml = (machine / "etc/sitekit/demo/site.yml").read_text()
    with pytest.raises(Problem, match=rf"{name}: the file was changed while this command ran"):
        apply(site, root=machine)
    assert (
        conf.read_text() == "mine\n"
        and (machine / "etc/sitekit/demo/site.yml").read_text() == site_yml
    )


def test_two_at_a_time(machine: Path):
    with (
        hold_machine_lock(machine),
        pytest.raises(Problem, match=rf"another sitekit.*process {os.getpid()}"),
    ):
        apply(SITE, root=machine)


# Validation: the file is refused by the program that it is for, and nothing has changed.

BROKEN = {
    "visudo": ("/etc/sudoers.d/sitekit-demo", "nonsense here"),
    r"pam\.d/sitekit-demo:\d+: this is no rule": (
        "/etc/pam.d/sitekit-demo",
        "auth requried pam_unix.so",
    ),
    "includes nowhere": ("/etc/pam.d/sitekit-demo", "auth include nowhere"),
    "module unknown": ("/etc/pam.d/sitekit-demo", "auth required pam_nowhere.so"),
    "apache2.*Invalid command": ("/etc/sitekit/demo/apache.conf", "Nonsense"),
    "systemd.*Unknown key": ("/etc/systemd/system/sitekit-demo-hub.service", "Nonsense=yes"),
    r"extra\.py:2": ("/etc/sitekit/demo/local.d/extra.py", "this is no Python"),
}


@pytest.mark.parametrize("words", BROKEN)
def test_what_its_program_refuses_never_reaches_the_machine(
    words: str, machine: Path, monkeypatch: pytest.MonkeyPatch
):
    name, line = BROKEN[words]
    path, site, render = Path(name), demo(supervisor="systemd"), apply_module.render

    def broken(*asked: object) -> dict[Path, File]:
        files = render(*asked)
        return files | {
            path: File(f"{files[path].content if path in files else '# new'}\n{line}\n", 0o440)
        }

    monkeypatch.setattr(apply_module, "render", broken)
    before = tree(machine)
    with pytest.raises(Problem, match=f"(?s){words}"):
        apply(site, root=machine)
    assert tree(machine) == before


def test_the_fronts_raw_directives_are_read_too(machine: Path, monkeypatch: pytest.MonkeyPatch):
    """A web server that is told to reload what it does not understand ends, with all that it
    serves."""
    apply(SITE, root=machine)
    before, render = tree(machine), apply_module.render
    extra = {SITE.etc / "local.d/apache.conf": File("ThisIsNo Directive\n")}
    monkeypatch.setattr(apply_module, "render", lambda *asked: render(*asked) | extra)
    with pytest.raises(Problem, match=r"(?s)apache2.*Invalid command 'ThisIsNo'"):
        apply(SITE, root=machine)
    assert tree(machine) == before


def test_what_an_older_systemd_does_not_know_yet_is_no_fault():
    """The words of systemd 239, which EL 8 has."""
    at = "/tmp/sitekit-check-x/etc/systemd/system/sitekit-demo-proxy.service:41"
    newer = f"{at}: Unknown lvalue 'ProtectClock' in section 'Service'"
    fault = f"{at}: Unknown lvalue 'ProtectClocks' in section 'Service'"
    assert faults_of(SITE, f"{newer}\n{fault}\nsshd.service:1: Unknown lvalue 'X'\n") == [fault]


def test_what_was_replaced_is_kept_but_for_secrets_and_not_for_ever(
    machine: Path, monkeypatch: pytest.MonkeyPatch
):
    apply(SITE, root=machine)
    kept = machine / "etc/sitekit/demo/before"
    assert not kept.exists()
    moments = iter("abcdefg")
    monkeypatch.setattr(execute_plan.time, "strftime", lambda form: next(moments))
    site_yml, conf = (machine / "etc/sitekit/demo" / name for name in ("site.yml", "apache.conf"))
    before = site_yml.read_text()
    os.chown(conf, 0, 4)
    conf.chmod(0o640)
    apply(demo(title="1", front={"url": "https://other.example.org:8443"}), root=machine)
    assert (kept / "a/etc/sitekit/demo/site.yml").read_text() == before
    copy = (kept / "a/etc/sitekit/demo/apache.conf").stat()
    assert (copy.st_gid, copy.st_mode & 0o777) == (4, 0o640)
    assert [path.name for path in (kept / "a/etc/sitekit/demo/tls").iterdir()] == ["cert.pem"]
    assert kept.stat().st_mode & 0o777 == 0o700
    for title in "23456":
        apply(demo(title=title), root=machine)
    assert sorted(path.name for path in kept.iterdir()) == list("bcdef")

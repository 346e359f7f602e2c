"""This machine a second time, with a real systemd as PID 1: its file tree below a memory disk,
everything else its own.

Only what other tests change meanwhile is copied, and nothing is built, so it boots in seconds; what
is written stays in memory, and ends with it. The file tree of another machine can be booted in the
same way.
"""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

from ..conftest import CHECKOUT
from ..shared_locks import HOST, alone
from ..slurm import until

# The tree outlives a reboot, and so does the network: both are held by a process outside of the
# booted machine.
GROUND = Path(__file__).with_name("ground.sh")
MORTAL = ["setpriv", "--pdeathsig", "KILL"]  # also when pytest is killed
# What tests of the demo change meanwhile.
CHANGING = "etc home opt/sitekit usr/local/libexec var/lib"
CGROUPS = Path("/sys/fs/cgroup")
CLONE_NEWNET = 0x40000000


class Booted:
    """`root` is the tree as this process reaches it, `pid` systemd's number out here; `cgroups`:
    see boot.sh."""

    def __init__(self, folder: Path, holder: int, said: Path, cgroups: str) -> None:
        self.inner, self.holder, self.said, self.cgroups = folder / "root", holder, said, cgroups
        self.root = Path(f"/proc/{holder}/root{self.inner}")
        self.groups = [path / f"sitekit-test-{holder}" for path in hierarchies()]
        self._shell: subprocess.Popen | None = None
        self.pid = 0

    def boot(self) -> None:
        """Returns when systemd has started all that is enabled, or has given it up."""
        for group in self.groups:
            group.mkdir(exist_ok=True)
            # with v1 a group has none until it is told
            for given in ("cpuset.cpus", "cpuset.mems"):
                if (group / given).exists() and (group.parent / given).exists():
                    (group / given).write_text((group.parent / given).read_text())
        into = [
            *MORTAL,
            "nsenter",
            "-t",
            str(self.holder),
            "-m",
            "-n",
            "--",
            "unshare",
            "-m",
            "-p",
            "-u",
            "-i",
            "-C",
        ]
        boot = ["sh", Path(__file__).with_name("boot.sh"), self.inner, self.cgroups]
        with self.said.open("a") as said:
            self._shell = subprocess.Popen(
                [*into, "--fork", "--kill-child", *boot],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, preexec_fn=self._join,
            )  # fmt: skip
        until(lambda: self._starts() or self._shell.poll() is not None, 120, 0.1)
        assert self._shell.poll() is None, self.said.read_text()[-3000:]
        until(self._is_up, 300)

    def _join(self) -> None:
        for group in self.groups:
            (group / "cgroup.procs").write_text("0")

    def _starts(self) -> bool:
        with suppress(OSError, ValueError):
            shell = self._shell.pid
            self.pid = int(Path(f"/proc/{shell}/task/{shell}/children").read_text())
            return Path(f"/proc/{self.pid}/comm").read_text() == "systemd\n"
        return False

    def _is_up(self) -> bool:
        return self.run("systemctl", "is-system-running", check=False).stdout in (
            "running\n",
            "degraded\n",
        )

    def argv(self, *words: object) -> list[str]:
        return [
            "nsenter",
            "-t",
            str(self.pid),
            "-m",
            "-u",
            "-i",
            "-n",
            "-p",
            "-C",
            "-r",
            "-w",
            "--",
            *map(str, words),
        ]

    def run(
        self, *words: object, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
        argv = self.argv(*words)
        done = subprocess.run(
            argv,
            env=clean,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert not check or done.returncode == 0, (words, done.stdout[-3000:], done.stderr[-3000:])
        return done

    def kit(
        self,
        command: str,
        check: bool = True,
        site: Path | None = None,
        words: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[str]:
        """A command of the kit, as `make` runs it."""
        kit = ["env", f"PYTHONPATH={CHECKOUT / 'scripts'}", *([f"SITE={site}"] if site else [])]
        kit += [CHECKOUT / ".kit/bin/python", "-B", "-m", "sitekit"]
        return self.run(*kit, command, *words, check=check, timeout=900)

    def systemctl(self, *words: object) -> str:
        return self.run("systemctl", *words).stdout.strip()

    def shown(self, unit: str, what: str) -> str:
        return self.systemctl("show", "--value", f"--property={what}", unit)

    def main_pid(self, unit: str) -> int:
        """In there; 0 while it is away."""
        return int(self.shown(unit, "MainPID"))

    def reboot(self) -> None:
        self.run("systemctl", "reboot", check=False)  # it may be ended with everything else
        self._shell.wait(300)
        until(self._groups_are_gone, every=0.05)
        self.boot()

    def end(self) -> None:
        """Nothing of it is left: not a process, and not a group."""
        if self._shell and self._shell.poll() is None:
            self._shell.kill()  # and with it, by --kill-child, PID 1 and all below it
            self._shell.wait(90)
        until(self._groups_are_gone, every=0.05)

    def _groups_are_gone(self) -> bool:
        """A group goes when the last process in it, and the last group below it, is gone."""
        for group in self.groups:
            for path in sorted(
                [group, *(path for path in group.rglob("*") if path.is_dir())], reverse=True
            ):
                with suppress(OSError):
                    path.rmdir()
        return not any(group.exists() for group in self.groups)


def hierarchies() -> list[Path]:
    """Where the control groups are mounted: one place with v2, several with v1."""
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [
        Path(at)
        for at, kind in mounts
        if kind.startswith("cgroup") and Path(at).is_relative_to(CGROUPS)
    ]


@contextmanager
def booted(
    folder: Path, prepare: Callable[[Path], None], below: Path = Path("/"), cgroups: str = ""
) -> Iterator[Booted]:
    """The machine with the file tree `below`, while this lasts. `prepare` may change what it will
    see of that.

    `folder` is empty, and stays so.
    """
    ground, said = folder / "ground", folder / "said"
    ground.mkdir()
    with ExitStack() as stack:
        copied = CHANGING if below == Path("/") else ""
        argv = [*MORTAL, "unshare", "-m", "-n", "sh", GROUND, ground, CHECKOUT, below, copied]
        with alone(HOST) if copied else nullcontext():
            holder = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
            stack.callback(holder.stdout.close)
            stack.callback(holder.wait, 90)
            stack.callback(holder.terminate)
            assert holder.stdout.readline() == "ready\n"
        machine = Booted(ground, holder.pid, said, cgroups)
        stack.callback(machine.end)
        prepare(machine.root)
        machine.boot()
        yield machine


@contextmanager
def online(machine: Booted) -> Iterator[None]:
    """The machine reaches what this one reaches: slirp4netns(1), which changes nothing outside."""
    resolv = machine.root / "etc/resolv.conf"
    offline = resolv.with_name("resolv.conf.offline")
    if resolv.is_symlink() or resolv.exists():
        resolv.rename(offline)
    resolv.write_text("nameserver 10.0.2.3\n")
    words = ["--configure", "--mtu=65520", "--disable-host-loopback", str(machine.holder), "tap0"]
    slirp = subprocess.Popen(
        [*MORTAL, "slirp4netns", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(
            lambda: (
                "inet 10.0.2" in machine.run("ip", "address", "show", "tap0", check=False).stdout
            )
        )
        yield
    finally:
        slirp.terminate()
        slirp.wait(90)
        resolv.unlink()
        if offline.is_symlink() or offline.exists():
            offline.rename(resolv)


@contextmanager
def network_of(pid: int) -> Iterator[None]:
    """What this thread connects to meanwhile is in the network of that process: setns(2)."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(handle: int) -> None:
        if libc.setns(handle, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    with open("/proc/thread-self/ns/net") as here, open(f"/proc/{pid}/ns/net") as there:
        enter(there.fileno())
        try:
            yield
        finally:
            enter(here.fileno())

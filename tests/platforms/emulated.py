"""A machine with a kernel of its own: for what the one kernel here cannot show, cgroup v2 with its
controllers.

qemu emulates a whole computer. That needs no help of the processor's, and is slow: Python takes ten
times as long.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..slurm import until
from ..systemd.booted import MORTAL, Booted

DISK = "8G"
MEMORY, PROCESSORS = 3072, 2
PORTS = (22, 8443)  # reached at the same numbers of `localhost` in qemu's network
UP = 1800  # seconds until systemd has started all that is enabled
# What is cheap to emulate: an older processor, and a kernel that does not guard against the flaws
# of real ones.
PROCESSOR = "Nehalem"
BOOT = (
    f"root=/dev/vda rw console=ttyS0 quiet mitigations=off systemd.default_timeout_start_sec={UP}"
)
BOOT += f" systemd.default_device_timeout_sec={UP}"
# qemu's own; there is nobody else in it
NETWORK = "[Match]\nName=e*\n[Network]\nAddress=10.0.2.15/24\n"
# The demo's web server is on loopback alone. What comes to the other address is passed on:
# systemd-socket-proxyd(8).
LISTEN = "[Socket]\nListenStream=10.0.2.15:8443\nFreeBind=yes\n[Install]\nWantedBy=sockets.target\n"
PASS_ON = "[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd 127.0.0.1:8443\n"
PATIENT = f"[Service]\nTimeoutStartSec={UP}\nWatchdogSec=0\n"
# The tree alone, without what is mounted in it.
IMAGE = 'mount --bind "$1" /mnt && exec mke2fs -q -t ext4 -d /mnt "$2" "$3"'


class Emulated:
    """`pid` is qemu's: in its network namespace, and in no other, the machine is reached."""

    def __init__(self, folder: Path, qemu: subprocess.Popen) -> None:
        self._folder, self.pid, self._qemu = folder, qemu.pid, qemu

    def run(
        self, *words: object, check: bool = True, timeout: float = 600, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """A program in there, as root. sh(1) reads the words: they are ours, and quoted where that
        matters."""
        options = {
            "IdentityFile": self._folder / "key", "UserKnownHostsFile": "/dev/null", "StrictHostKeyChecking": "no",
            "LogLevel": "ERROR", "ConnectTimeout": 120,
        }  # fmt: skip
        ssh = [
            "ssh",
            *(f"-o{key}={value}" for key, value in options.items()),
            "root@localhost",
            "--",
            *words,
        ]
        inside = ["nsenter", "-t", self.pid, "-n", "--", *ssh]
        done = subprocess.run(
            [str(word) for word in inside],
            input=stdin, capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip
        assert not check or done.returncode == 0, (
            words,
            done.stdout[-3000:],
            done.stderr[-3000:],
            self.said(),
        )
        return done

    def wait_until_up(self, since: str = "") -> str:
        """Returns the number of this boot, which is another one than `since`."""
        return str(until(lambda: self._is_up(since), UP, 2))

    def _is_up(self, since: str) -> str:
        assert self._qemu.poll() is None, self.said()
        asked = "cat /proc/sys/kernel/random/boot_id; systemctl is-system-running"
        with suppress(subprocess.TimeoutExpired):  # it may go down while it is asked
            told = self.run(asked, check=False, timeout=120).stdout.split()
            return told[0] if told[1:] in (["running"], ["degraded"]) and told[0] != since else ""
        return ""

    def reboot(self) -> None:
        before = self.run("cat", "/proc/sys/kernel/random/boot_id").stdout.strip()
        self.run("systemctl", "reboot", check=False)
        self.wait_until_up(before)

    def said(self) -> str:
        """The end of what the machine wrote on its console."""
        console = self._folder / "console"
        return console.read_text(errors="replace")[-3000:] if console.exists() else ""


@contextmanager
def emulated(folder: Path, machine: Booted, kernel: Path) -> Iterator[Emulated]:
    """A copy of `machine`, whose services are to be stopped, under the kernel that lies in the
    folder `kernel`."""
    admit(folder, machine.root)
    image = folder / "disk"
    copy = [
        "nsenter",
        "-t",
        str(machine.holder),
        "-m",
        "unshare",
        "-m",
        "--",
        "sh",
        "-c",
        IMAGE,
        "sh",
    ]
    subprocess.run([*copy, machine.inner, image, DISK], check=True, timeout=900)
    with ExitStack() as stack:
        stack.callback(image.unlink)
        qemu = subprocess.Popen(command(folder, kernel), stdin=subprocess.DEVNULL)
        stack.callback(qemu.wait, 60)
        stack.callback(qemu.terminate)
        machine_of_its_own = Emulated(folder, qemu)
        machine_of_its_own.wait_until_up()
        yield machine_of_its_own


def admit(folder: Path, root: Path) -> None:
    """Root's key for ssh(1), and the network. Without PAM each visit is that much shorter."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True
    )
    files = {
        "root/.ssh/authorized_keys": (folder / "key.pub").read_text(),
        "etc/ssh/sshd_config.d/tests.conf": "UsePAM no\nLoginGraceTime 0\n",
        "etc/systemd/network/tests.network": NETWORK,
        "etc/systemd/system/sitekit-demo-.service.d/slow.conf": PATIENT,
        "etc/systemd/system/tests-front.socket": LISTEN,
        "etc/systemd/system/tests-front.service": PASS_ON,
    }
    for path, text in files.items():
        (root / path).parent.mkdir(mode=0o700, exist_ok=True)
        (root / path).write_text(text)
    for unit in ("systemd-networkd.service", "ssh.service", "tests-front.socket"):
        subprocess.run(["systemctl", f"--root={root}", "enable", "--quiet", unit], check=True)


def command(folder: Path, kernel: Path) -> list[str]:
    """qemu in a network namespace of its own, where the machine's ports are free."""
    [linux], [initrd] = kernel.glob("vmlinuz-*"), kernel.glob("initrd.img-*")
    forwarded = ",".join(f"hostfwd=tcp:127.0.0.1:{port}-:{port}" for port in PORTS)
    qemu = [
        "qemu-system-x86_64",
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        PROCESSOR,
        "-m",
        MEMORY,
        "-smp",
        PROCESSORS,
    ]
    qemu += ["-display", "none", "-monitor", "none", "-serial", f"file:{folder}/console"]
    qemu += ["-kernel", linux, "-initrd", initrd, "-append", BOOT]
    qemu += ["-drive", f"file={folder}/disk,if=virtio,format=raw,cache=unsafe"]
    qemu += ["-nic", f"user,model=virtio-net-pci,restrict=on,{forwarded}"]
    alone = [
        *MORTAL,
        "unshare",
        "-n",
        "--",
        "sh",
        "-c",
        'ip link set lo up && exec nice "$@"',
        "sh",
    ]
    return [*alone, *map(str, qemu)]

"""The machine of config/sites/workshop-vm.yml: its accounts, and a real Docker engine.

The engine is a unit of the tests, with its data on a memory disk. As on Debian, a stop ends dockerd
alone, and the containers go on. If the environment variable SITEKIT_TEST_ENGINE is `podman`, the
engine is Podman's service.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..slurm import until

PASSWORDS = {"trainee1": "green-table-four", "trainee2": "blue-chair-nine", "trainee3": "grey-lamp-six",
             "outsider": "red-door-two"}  # fmt: skip
GROUPS = {"training": ("trainee1", "trainee2", "trainee3"), "instructors": ()}
SOCKET = Path("/run/sitekit-test-docker.sock")
ENGINE = "sitekit-test-docker"
UNIT = Path(f"/run/systemd/system/{ENGINE}.service")
SERVICE = """
[Service]
ExecStart=/usr/bin/nsenter --mount={folder}/mounts /usr/sbin/dockerd --data-root {folder}/data \\
    --exec-root {folder}/exec --pidfile {folder}/pid --host unix://{socket} --live-restore --bridge=none
KillMode=process
Delegate=yes
"""
PODMAN = os.environ.get("SITEKIT_TEST_ENGINE") == "podman"
PODMAN_SERVICE = """
[Service]
Environment=CONTAINERS_CONF={folder}/containers.conf
ExecStart=/usr/bin/nsenter --mount={folder}/mounts /usr/bin/podman --cgroup-manager=cgroupfs \\
    --root {folder}/data --runroot {folder}/exec --tmpdir {folder}/tmp system service --time=0 unix://{socket}
KillMode=process
Delegate=yes
"""
# nobody may raise the limits of processes on the machines of the tests
PODMAN_SETTINGS = '[containers]\ndefault_ulimits=["nofile=1024:1024","nproc=4096:4096"]\n'


def run(*argv: object, check: bool = True, given: str = "", patience: float = 300) -> str:
    """Run a program as root, and return its output."""
    words = [str(word) for word in argv]
    done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=patience)
    assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


@contextmanager
def accounts() -> Iterator[None]:
    """Linux accounts of a workshop; afterwards neither accounts nor homes are left."""
    for group in GROUPS:
        run("groupadd", group)
    try:
        for name, password in PASSWORDS.items():
            run("useradd", "--create-home", "--shell", "/bin/bash", "--key", "HOME_MODE=0700", name)
            run("chpasswd", given=f"{name}:{password}\n")
        for group, members in GROUPS.items():
            for name in members:
                run("usermod", "--append", "--groups", group, name)
        yield
    finally:
        for name in PASSWORDS:
            run("loginctl", "terminate-user", name, check=False)
            until(lambda name=name: is_removed(name), 120)
        for group in GROUPS:
            run("groupdel", group, check=False)


def is_removed(name: str) -> bool:
    """Remove an account. False if userdel refuses, because a process of the account is ending."""
    run("userdel", "--remove", name, check=False)
    return not any(entry.pw_name == name for entry in pwd.getpwall())


def docker(*words: object, check: bool = True, patience: float = 300) -> str:
    """Run a command of the engine, as root."""
    return run("/usr/bin/docker", "-H", f"unix://{SOCKET}", *words, check=check, patience=patience)


def start_engine(folder: Path) -> None:
    """Start the engine with its data in `folder`, and wait until it answers."""
    (folder / "containers.conf").write_text(PODMAN_SETTINGS)
    UNIT.write_text((PODMAN_SERVICE if PODMAN else SERVICE).format(folder=folder, socket=SOCKET))
    run("systemctl", "daemon-reload")
    run("systemctl", "start", ENGINE)
    until(lambda: docker("info", "--format", "{{.ID}}", check=False), 120)


def stop_engine() -> None:
    run("systemctl", "stop", ENGINE)


def make_namespace(file: Path) -> None:
    """Keep a mount namespace, in which /proc/sys can be written, in a file.

    Linux refuses to keep a namespace whose number is lower than that of the namespace with the
    file, so that namespaces cannot keep each other. Each processor has its own range of numbers, so
    that a new namespace does not always have a higher one: then another is made.
    """
    command = ["unshare", f"--mount={file}", "sh", "-c", "umount -R /proc/sys || true"]
    until(lambda: subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0)


@contextmanager
def engine(folder: Path) -> Iterator[None]:
    """A Docker engine; afterwards no process and no mount of it is left."""
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=3g", "tmpfs", folder)
    run("mount", "--make-private", folder)
    # dockerd changes settings of this network, which the booted machine of the tests has read-only
    (folder / "mounts").touch()
    try:
        make_namespace(folder / "mounts")
        start_engine(folder)
        yield
    finally:
        for container in docker("ps", "--all", "--quiet", check=False).split():
            docker("rm", "--force", container, check=False)
        run("systemctl", "stop", ENGINE, check=False)
        run("systemctl", "kill", "--signal=KILL", ENGINE, check=False)
        run("umount", folder / "mounts", check=False)
        run("umount", "--lazy", folder)
        shutil.rmtree(folder, ignore_errors=True)
        SOCKET.unlink(missing_ok=True)
        UNIT.unlink(missing_ok=True)
        run("systemctl", "daemon-reload")

"""The hub's own machine, as far as the network goes: a namespace with one cable to this host, which
is the cluster."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

NAMESPACE, CABLE = "sitekit-hub", "sitekit-cable"
CLUSTER, HUB = "10.213.7.1", "10.213.7.2"
"""The addresses of both ends. Slurm's daemons and the servers listen on 127.0.0.1 of this host, which
the hub cannot reach."""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=90)


@contextmanager
def network() -> Iterator[None]:
    ip("netns", "add", NAMESPACE)
    try:
        ip("link", "add", CABLE, "type", "veth", "peer", "name", "hub0", "netns", NAMESPACE)
        ip("address", "add", f"{CLUSTER}/24", "dev", CABLE)
        ip("link", "set", CABLE, "up")
        ip("-n", NAMESPACE, "address", "add", f"{HUB}/24", "dev", "hub0")
        for device in ("lo", "hub0"):
            ip("-n", NAMESPACE, "link", "set", device, "up")
        yield
    finally:
        # the cable goes with the namespace, once the last process in there has ended
        subprocess.run(["ip", "link", "delete", CABLE], capture_output=True, timeout=90)
        ip("netns", "delete", NAMESPACE)


@contextmanager
def cut() -> Iterator[None]:
    """No packet passes the cable while the block runs."""
    ip("link", "set", CABLE, "down")
    try:
        yield
    finally:
        ip("link", "set", CABLE, "up")


def on_the_hub(
    *words: object, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program on the hub's machine. `ip netns exec` would hide /sys/fs/cgroup."""
    enter = ["nsenter", f"--net=/run/netns/{NAMESPACE}", "env"]
    argv = [*enter, *(f"{key}={value}" for key, value in environment.items()), *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600)
    assert not check or done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
    return done

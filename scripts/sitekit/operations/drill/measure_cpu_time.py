"""Measure the CPU time that the hub, and this machine as a whole, use during a drill."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import psutil

from ...site import Site


@dataclass(frozen=True)
class Use:
    """The CPU time that was used during a drill, from its first login to the last stop of a server.

    The field `wall` is the drill's duration in seconds. `floor` is the shortest possible duration
    in seconds: the used CPU time, divided by the number of CPUs. `hub` is the share of one CPU that
    the hub used. `machine` is the share of all CPUs that all processes of this machine used, from 0
    to 1. `load_before` is the load average before the drill.
    """

    wall: float
    floor: float
    hub: float
    machine: float
    cpus: int
    load_before: float


class Meter:
    """Measure the CPU time from the creation of this object until the call of use()."""

    def __init__(self, site: Site) -> None:
        self._account = site.hub.user
        self._load = os.getloadavg()[0]
        self._began, self._hub, self._busy = time.monotonic(), self._of_hub(), _busy()

    def use(self) -> Use:
        """Return the CPU time that was used since the meter was created."""
        wall = time.monotonic() - self._began
        cpus = os.cpu_count() or 1
        busy = _busy() - self._busy
        hub = self._of_hub() - self._hub
        share = round(busy / wall / cpus, 2)
        return Use(
            round(wall, 1), round(busy / cpus, 1), round(hub / wall, 2), share, cpus,
            round(self._load, 1),
        )  # fmt: skip

    def _of_hub(self) -> float:
        """Return the CPU time of the hub's process in seconds. The function takes the process of
        the hub's account that has used the most CPU time."""
        seconds = 0.0
        for process in psutil.process_iter(["username", "cpu_times"]):
            times = process.info["cpu_times"]
            if process.info["username"] == self._account and times:
                seconds = max(seconds, times.user + times.system)
        return seconds


def _busy() -> float:
    """Return the time in seconds that the CPUs of this machine have been busy since boot. The times
    of all CPUs are added."""
    times = psutil.cpu_times()
    return float(sum(times[:3])) + getattr(times, "irq", 0.0) + getattr(times, "softirq", 0.0)

"""Run the command `make sizing`."""

from __future__ import annotations

import os

import psutil

from ...base.errors import BadInput, Unfit
from ...base.progress import say, step
from ...kernels.run_as_owner import another_owner, run_as
from ...site import Site
from ...site.types.memory_and_time import human_memory, parse_memory
from .measure_server_and_kernel_memory import MIB, kernel_memory, server_memory
from .participants_that_fit import Machine, Measured, estimate


def sizing(site: Site, *words: str) -> int:
    """Print how many participants can work on this machine at the same time. Returns 0. Raises
    BadInput.

    To measure the memory, the command runs a server and a kernel of the current release for some
    seconds, as the owner of the prefix.
    """
    data = _data(words)
    if owner := another_owner(site):
        return run_as(owner, site, "sizing", *words)
    memory = psutil.virtual_memory()
    cores = len(os.sched_getaffinity(0))
    machine = Machine(memory.total // MIB, memory.available // MIB, cores)
    with step("Measuring a server") as shown:
        server = server_memory(site)
        shown.done(human_memory(server))
    with step("Measuring a kernel") as shown:
        title, kernel = kernel_memory(site)
        shown.done(human_memory(kernel))
    say("")
    for line in estimate(site, machine, Measured(server, kernel, title), data):
        say(line)
    return 0


def _data(words: tuple[str, ...]) -> int:
    """Return the value of the argument DATA (memory for one participant's data) in MiB. Raises
    BadInput."""
    if not words:
        return 0
    name, _, value = words[0].partition("=")
    if name != "DATA" or len(words) > 1:
        raise BadInput("sizing knows only DATA=", "sizing", "write it like DATA=300M")
    try:
        return parse_memory(value)
    except Unfit as fault:
        raise BadInput(fault.what, "DATA", fault.remedy) from None

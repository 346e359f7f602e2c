"""Start and stop a site's services in order, wait until the services answer, and return the state
of the services."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ...base import progress
from ...base.errors import Problem
from .interface import State, Supervisor
from .service import START_SECONDS, Service
from .supervisord import SupervisordSupervisor
from .systemd import SystemdSupervisor, forget_failed, read_units

__all__ = [
    "State",
    "Supervisor",
    "SupervisordSupervisor",
    "SystemdSupervisor",
    "forget_failed",
    "read_units",
    "restart",
    "start",
    "status",
    "stop",
    "which_supervisor",
]


_MAX_ENDS = 3
"""If a service ends by itself this many times before it answers, `start` no longer waits for the
service."""


def which_supervisor() -> Literal["systemd", "supervisord"]:
    """Return the supervisor of this machine: systemd if systemd is PID 1, else supervisord.

    The test whether systemd is PID 1 is described in sd_booted(3).
    """
    return "systemd" if Path("/run/systemd/system").is_dir() else "supervisord"


def start(
    services: Sequence[Service],
    supervisor: Supervisor,
    *,
    within: float = START_SECONDS,
    afresh: Collection[str] = (),
    again: Collection[str] = (),
    unasked: Collection[str] = (),
) -> None:
    """Start services in this order. Each service is started when the previous service answers.

    Running services in `afresh` are restarted, and running services in `again` are reloaded. All
    other running services are not changed. For services in `unasked`, the function does not wait
    for an answer. `within` is the time limit for each service, in seconds. Raises Problem with the
    last lines of the log of a service that is not ready in time.
    """
    with progress.step("Starting services", total=len(services)) as step:
        supervisor.load(services)
        begun = 0
        for service in services:
            step.note(service.name)
            if service.name in afresh:
                supervisor.stop(service)
            state = supervisor.state(service)
            # The supervisor waits before its next attempt to start the service. Stop the service to
            # end this wait, and then start it at once.
            if state.word == "starting" and state.pid is None:
                supervisor.stop(service)
            if state.word != "running":
                supervisor.start(service)
                begun += 1
            elif service.name in again:
                supervisor.reload(service)
            if service.name not in unasked:
                _wait(service, supervisor, within)
            step.advance()
        step.done(f"{len(services)} ready" + ("" if begun else ", all ran already"))


def restart(
    services: Sequence[Service], supervisor: Supervisor, *, within: float = START_SECONDS
) -> None:
    """Restart each of the services. Raises Problem for the same reasons as `start`."""
    start(services, supervisor, within=within, afresh={service.name for service in services})


def stop(services: Sequence[Service], supervisor: Supervisor) -> None:
    """Stop the services in the reverse order of their start, and wait until they have ended. Raises
    Problem."""
    with progress.step("Stopping services", total=len(services)) as step:
        for service in reversed(services):
            step.note(service.name)
            supervisor.stop(service)
            step.advance()
        supervisor.unload(services)
        step.done(f"{len(services)} stopped")


def status(services: Sequence[Service], supervisor: Supervisor) -> dict[str, State]:
    """Return the state of each service by name.

    The state of a service that runs but does not answer is `starting`.
    """
    return {service.name: _seen(service, supervisor) for service in services}


def _seen(service: Service, supervisor: Supervisor) -> State:
    """Return the state of a service. The state is `running` only if the service also answers.

    The supervisor's state is not enough, because supervisord reports each program as running some
    seconds after its start, even if the program fails.
    """
    state = supervisor.state(service)
    if service.ready is None or state.pid is None or state.word not in ("starting", "running"):
        return state
    if service.ready():
        return replace(state, word="running")
    return replace(state, word="starting", detail=f"{state.detail}; does not answer yet")


def _wait(service: Service, supervisor: Supervisor, within: float) -> None:
    """Wait until a service answers. Raises Problem after `within` seconds."""
    end = time.monotonic() + within
    attempts = set()
    while (state := _seen(service, supervisor)).word != "running":
        attempts.add(state.attempt)
        if state.word == "failed" or len(attempts) > _MAX_ENDS:
            raise _not_up(service, supervisor, f"ends by itself, again and again ({state.detail})")
        if time.monotonic() > end:
            raise _not_up(
                service, supervisor, f"did not become ready within {within:g} s ({state.detail})"
            )
        time.sleep(0.1)


def _not_up(service: Service, supervisor: Supervisor, why: str) -> Problem:
    """Return the error for a service that did not start, with the end of its log."""
    tail = "".join(f"\n    | {line}" for line in supervisor.log(service).splitlines())
    return Problem(
        why + tail,
        service.name,
        f"the end of its log is above; all of it: {supervisor.read_log(service)}",
    )

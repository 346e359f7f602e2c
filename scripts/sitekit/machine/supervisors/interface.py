"""Define the interface to a supervisor (the program that runs services), for systemd and
supervisord."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from .service import Service

Word = Literal["stopped", "starting", "running", "failed", "unknown"]
"""The state of a service. `unknown` means that this account cannot read the state."""


@dataclass(frozen=True)
class State:
    """The state of a service.

    `detail` is the supervisor's own text about the state. `pid` is the id of the main process, if
    the service runs. `attempt` is a value that changes each time the supervisor restarts a service
    that ended by itself.
    """

    word: Word
    detail: str = ""
    pid: int | None = None
    attempt: str = ""


class Supervisor(Protocol):
    """The interface to the supervisor that starts and stops the site's services. Each method
    changes only the services that it is called with.
    """

    def files(self, services: Sequence[Service]) -> dict[Path, str]:
        """Return the configuration files that must exist before `load` is called: path -> text.
        This method writes no files."""

    def load(self, services: Sequence[Service]) -> None:
        """Make the supervisor read its configuration files; if the supervisor does not run, start
        it. Raises Problem."""

    def start(self, service: Service) -> None:
        """Start a service, without waiting until the service answers. A running service is not
        restarted."""

    def reload(self, service: Service) -> None:
        """Send a service's `reload_signal` to the running service. A reloaded service reads its
        configuration again, and continues to run."""

    def stop(self, service: Service) -> None:
        """Stop a service, and wait until the service has ended.

        A service that is stopped or unknown is ignored.
        """

    def unload(self, services: Sequence[Service]) -> None:
        """Disable stopped services. After this, these services do not start by themselves, for
        example at a boot."""

    def state(self, service: Service) -> State:
        """Return the state of a service. The state is `stopped` if the supervisor does not run or
        has no such service."""

    def log(self, service: Service, lines: int = 12) -> str:
        """Return the last lines of the service's log."""

    def read_log(self, service: Service) -> str:
        """Return the shell command that prints the whole log of the service."""

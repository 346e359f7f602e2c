"""Define the interface of a supervisor, which is implemented for systemd and supervisord."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from .service import Service

Word = Literal["stopped", "starting", "running", "failed"]


@dataclass(frozen=True)
class State:
    """Hold the state of a service.

    `detail` is the supervisor's own text about the state. `pid` is the main process, if there is
    one. `attempt` changes with each restart after the service ended by itself.
    """

    word: Word
    detail: str = ""
    pid: int | None = None
    attempt: str = ""


class Supervisor(Protocol):
    """Start, stop and watch the site's services, which are identified by name. No other service is
    changed."""

    def files(self, services: Sequence[Service]) -> dict[Path, str]:
        """Return the files that must exist before `load`, without writing them."""

    def load(self, services: Sequence[Service]) -> None:
        """Make the supervisor read these files; start it if it does not run. Raises Problem."""

    def start(self, service: Service) -> None:
        """Start a service without waiting; a running service is not restarted."""

    def reload(self, service: Service) -> None:
        """Reload a running service that has a `reload_signal`, without an interruption."""

    def stop(self, service: Service) -> None:
        """Stop a service, and wait until it has ended.

        Does nothing for a stopped or unknown service.
        """

    def unload(self, services: Sequence[Service]) -> None:
        """Make sure, after `stop`, that no service starts again by itself."""

    def state(self, service: Service) -> State:
        """Return the state; `stopped` if the supervisor is down or does not have the service."""

    def log(self, service: Service, lines: int = 12) -> str:
        """Return the last lines of the service's log."""

    def read_log(self, service: Service) -> str:
        """Return the command that prints the whole log."""

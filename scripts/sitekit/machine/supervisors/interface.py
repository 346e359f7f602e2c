"""What sitekit asks of a supervisor, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from .service import Service

Word = Literal["stopped", "starting", "running", "failed"]


@dataclass(frozen=True)
class State:
    """What the supervisor says of a service; `detail` in its own words, `pid` its main process if
    it has one.

    `attempt` changes with each start that follows on an end.
    """

    word: Word
    detail: str = ""
    pid: int | None = None
    attempt: str = ""


class Supervisor(Protocol):
    """Starts and watches services. It knows ours by their names and touches no others."""

    def files(self, services: Sequence[Service]) -> dict[Path, str]:
        """What has to stand on disk before `load`. Pure."""

    def load(self, services: Sequence[Service]) -> None:
        """Read those files; be up. Raises Problem."""

    def start(self, service: Service) -> None:
        """Ask for a start and return at once. A running service is left alone."""

    def reload(self, service: Service) -> None:
        """Have a running service, one with a `reload_signal`, read its configuration again, without
        an interruption."""

    def stop(self, service: Service) -> None:
        """End a service and wait for its end. A stopped or unknown one is left alone."""

    def unload(self, services: Sequence[Service]) -> None:
        """After `stop`: nothing of `services` starts again by itself."""

    def state(self, service: Service) -> State:
        """How it does; `stopped` when the supervisor is down or does not know it."""

    def log(self, service: Service, lines: int = 12) -> str:
        """The last lines that it printed."""

    def read_log(self, service: Service) -> str:
        """The command that shows all of them."""

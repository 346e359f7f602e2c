"""Run services under supervisord, for machines without systemd.

Each site has one supervisord, with a socket that only root can use.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import time
import xmlrpc.client
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ...base.errors import Problem
from ...base.run_program import run
from .interface import State, Word
from .service import Service, supervisord_conf

_WORDS: dict[str, Word] = {
    "RUNNING": "running",
    "STARTING": "starting",
    "BACKOFF": "starting",
    "FATAL": "failed",
}
# supervisor/xmlrpc.py, class Faults. The last two faults mean that the program ended immediately
# after its start. supervisord may start the program again, and the method `state` shows the result.
_NOT_THERE, _NOT_RUNNING, _ALREADY_STARTED, _ENDED, _SPAWN_ERROR = 10, 70, 60, 40, 50
_ANSWER_TIMEOUT = 60  # the longest time for an answer of supervisord, in seconds
# supervisord gets no environment variables of the user who starts it.
_CLEAN = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/",
}


@dataclass(frozen=True)
class SupervisordSupervisor:
    """Control a supervisord that has the configuration file `conf` and listens on the Unix socket
    `control`.

    `log_folder` is the folder for the output of the services. `program` is the path of the program
    supervisord.
    """

    conf: Path
    control: Path
    log_folder: Path
    program: Path

    def files(self, services: Sequence[Service]) -> dict[Path, str]:
        return {self.conf: supervisord_conf(services, socket=self.control, log=self.log_folder)}

    def load(self, services: Sequence[Service]) -> None:
        if not self.conf.is_file():
            raise Problem(
                "the configuration of supervisord does not exist", str(self.conf), "sudo make apply"
            )
        if self._up():
            self._reread()
        else:
            self._launch()

    def start(self, service: Service) -> None:
        for folder in service.runtime_directories:
            _runtime_directory(folder, service.user)
        self._await_end(service)
        try:
            self._rpc.startProcess(service.name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in (_ALREADY_STARTED, _ENDED, _SPAWN_ERROR):
                remedy = f"read its log: {self.read_log(service)}"
                raise Problem(
                    f"supervisord cannot start it: {fault.faultString}", service.name, remedy
                ) from None

    def reload(self, service: Service) -> None:
        self._rpc.signalProcess(service.name, service.reload_signal)

    def stop(self, service: Service) -> None:
        if not self._up():
            return
        try:
            self._rpc.stopProcess(service.name, True)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in (_NOT_RUNNING, _NOT_THERE):
                raise Problem(
                    f"supervisord cannot stop it: {fault.faultString}", service.name
                ) from None
        self._await_end(service)

    def _await_end(self, service: Service) -> None:
        """If supervisord is already stopping the service, wait until the service has ended.

        An interrupted command may have left a service that is being stopped. Until the service has
        ended, supervisord does not start the service and does not accept another stop.
        """
        if not _within(
            service.stop_seconds + 60, lambda: not self.state(service).detail.startswith("STOPPING")
        ):
            raise Problem(
                "it was stopped, but does not end",
                service.name,
                f"read {self.read_log(service)}",
            )

    def unload(self, services: Sequence[Service]) -> None:
        """Stop the process supervisord if none of its programs runs."""
        if not self._up() or any(info["pid"] for info in self._rpc.getAllProcessInfo()):
            return
        daemon = self._rpc.getPID()
        self._rpc.shutdown()
        if not _within(60, lambda: not self._up() and not psutil.pid_exists(daemon)):
            raise Problem(
                "supervisord does not end", str(self.control), f"look at process {daemon}"
            )

    def state(self, service: Service) -> State:
        try:
            if not self._up():
                return State("stopped", "supervisord is not running")
        except PermissionError:
            return State("unknown", "only root can ask supervisord")
        try:
            info = self._rpc.getProcessInfo(service.name)
        except xmlrpc.client.Fault:
            return State("stopped", "not known to supervisord")
        word = _WORDS.get(info["statename"], "stopped")
        # EXITED: the program ended by itself, and supervisord may start it again. STOPPED: somebody
        # has stopped the program.
        detail = info["description"] or info["spawnerr"]
        detail = info["statename"] + (f", {detail}" if detail else "")
        return State(word, detail, info["pid"] or None, str(info["start"]))

    def log(self, service: Service, lines: int = 12) -> str:
        try:
            with self._log(service).open(encoding="utf-8", errors="replace") as text:
                return "".join(deque(text, lines))
        except OSError as error:
            return f"(no log: {error.strerror})\n"

    def read_log(self, service: Service) -> str:
        return f"less {self._log(service)}"

    def _log(self, service: Service) -> Path:
        return self.log_folder / f"{service.name}.log"

    @property
    def _rpc(self) -> Any:  # the methods of supervisord
        transport = _UnixTransport(self.control)
        return xmlrpc.client.ServerProxy(
            "http://supervisord", transport, allow_none=True
        ).supervisor

    def _up(self) -> bool:
        """Return whether supervisord answers. Raises PermissionError for users other than root."""
        try:
            return self._rpc.getState()["statename"] in ("RUNNING", "RESTARTING")
        except PermissionError:
            raise
        except (OSError, http.client.HTTPException):
            return False

    def _launch(self) -> None:
        self.control.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.log_folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        run([self.program, "-c", self.conf], env=_CLEAN, cwd=Path("/"))
        if not _within(_ANSWER_TIMEOUT, self._up):
            remedy = f"read {self.log_folder / 'supervisord.log'}"
            raise Problem("supervisord does not answer on its socket", str(self.control), remedy)

    def _reread(self) -> None:
        """Make supervisord load its changed configuration. supervisord stops the programs whose
        section has changed.

        The method `start` later starts the stopped programs again.
        """
        ((added, changed, removed),) = self._rpc.reloadConfig()
        for name in [*changed, *removed]:
            self._rpc.stopProcessGroup(name)
            self._rpc.removeProcessGroup(name)
        for name in [*added, *changed]:
            self._rpc.addProcessGroup(name)


class _UnixTransport(xmlrpc.client.Transport):
    """Send XML-RPC requests over a Unix socket, with a timeout.

    The class _UnixTransport replaces supervisor's own SupervisorTransport, which has no timeout.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(_ANSWER_TIMEOUT)
        connection.sock.connect(str(self._path))
        return connection


def _runtime_directory(folder: Path, user: str) -> None:
    """Create a folder below /run, as RuntimeDirectory= of systemd does.

    The folder must be created again after each boot, because /run is then empty.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(folder, user)


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Wait until the function `holds` returns True, and return True; return False after
    `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True

"""Define the class Service (a long-running program), and convert a Service to a systemd unit or a
section of supervisord.conf."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from jinja2 import Environment

from ...base.templates import templates

START_SECONDS = 300
"""The time limit of a service's start, in seconds. Reading many files from a network filesystem can
be slow."""


@dataclass(frozen=True)
class Service:
    """Describe a long-running program, as a systemd unit or a section of supervisord.conf.

    `environment_files` are files with lines KEY=value. These files set environment variables, such
    as secrets, that must not appear in the process list.
    `mounts` are folders whose filesystems are mounted before the start, if possible.
    `after` are the services that systemd starts before this service.
    `wants` are other systemd units that start together with this service.
    `kill_mode` has the meaning of KillMode= in systemd. With `process`, a stop ends only the main
    process. `runtime_directories` are folders below /run, created for `user` before each start.
    `pauses` is a file below /run in which the unit records the pause before its next start.
    `template` is the name of the unit's template in the folder systemd/. The template `service` has
    no sandbox.
    `reload_signal` is the signal that makes the program read its configuration again.
    `ready` is a function that returns whether the service answers; None if a service that runs
    needs no further test.
    `heartbeat_seconds` is the longest time between two notifications that the program sends to
    systemd. supervisord ignores this setting.
    """

    name: str
    description: str
    command: tuple[str, ...]
    user: str = "root"
    group: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_files: tuple[Path, ...] = ()
    directory: Path | None = None
    mounts: tuple[Path, ...] = ()
    runtime_directories: tuple[Path, ...] = ()
    pauses: Path | None = None
    after: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()
    kill_mode: Literal["control-group", "mixed", "process"] = "control-group"
    stop_signal: str = "TERM"
    reload_signal: str | None = None
    stop_seconds: int = 30
    heartbeat_seconds: int = 0
    umask: str = "0022"
    template: str = "service"
    ready: Callable[[], bool] | None = field(default=None, compare=False)


def systemd_unit(service: Service) -> str:
    """Return the text of `<name>.service`."""
    return (
        _templates()
        .get_template(_unit_template(service))
        .render(service=service, start_seconds=START_SECONDS)
    )


def supervisord_conf(services: Sequence[Service], *, socket: Path, log: Path) -> str:
    """Return a supervisord.conf that runs the services.

    supervisord listens only on the Unix socket `socket`, and writes logs to the folder `log`.
    Raises ValueError for a value that the file format cannot express.
    """
    return (
        _templates()
        .get_template("supervisord.conf.j2")
        .render(services=services, socket=socket, log=log)
    )


def _unit_template(service: Service) -> str:
    return "service.j2" if service.template == "service" else f"{service.template}.service.j2"


@cache
def _templates() -> Environment:
    return templates(
        "systemd",
        systemd_words=_systemd_words,
        systemd_word=_systemd_word,
        systemd_line=_systemd_line,
        below_run=_below_run,
        units=_units,
        supervisord_command=_supervisord_command,
        supervisord_environment=_supervisord_environment,
    )


def _systemd_words(words: Sequence[object]) -> str:
    """Return a command line for ExecStart=, with each word quoted for systemd (systemd.service(5),
    COMMAND LINES)."""
    return " ".join(_systemd_word(word).replace("$", "$$") for word in words)


def _systemd_word(word: object) -> str:
    """Quote one word of a command line for systemd."""
    text = str(word).replace("%", "%%")
    if text and not set(text) & set(" \t\n\"'\\;"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _systemd_line(value: object) -> str:
    """Escape a value for a systemd setting whose value is the whole rest of the line, such as
    WorkingDirectory=."""
    return str(value).replace("%", "%%")


def _below_run(paths: Sequence[Path]) -> str:
    """Return the names of folders relative to /run, which RuntimeDirectory= needs.

    Raises ValueError for a folder that is not below /run.
    """
    return " ".join(str(path.relative_to("/run")) for path in paths)


def _units(names: Sequence[str]) -> str:
    """Return the names of services with the suffix `.service`, separated by spaces."""
    return " ".join(f"{name}.service" for name in names)


def _supervisord_command(service: Service) -> str:
    """Return the command line of a service for supervisord."""
    words = list(service.command)
    if service.group is not None:
        # supervisord's user= cannot set another primary group than the account's own. setpriv
        # (util-linux) sets the user, this primary group and all other groups.
        words = [
            "/usr/bin/setpriv",
            f"--reuid={service.user}",
            f"--regid={service.group}",
            "--init-groups",
            *words,
        ]
    if service.environment_files:
        words = [*_with_files(service.environment_files), *words]
    return _supervisord_value(shlex.join(words))


def _with_files(files: Sequence[Path]) -> tuple[str, ...]:
    """Return the command line of a shell that sets the variables from environment files and then
    executes the program.

    The shell is needed because supervisord has no setting like EnvironmentFile=. The program keeps
    the process id of the shell.
    """
    reads = "".join('. "$1"; shift; ' for _ in files)
    return ("/bin/sh", "-c", f'set -a; {reads}exec "$@"', "sh", *map(str, files))


def _supervisord_environment(service: Service) -> str:
    """Return the environment variables of a service for supervisord, including USER and LOGNAME.

    USER and LOGNAME are set here because supervisord, unlike systemd, keeps the values of root.
    """
    values = {"USER": service.user, "LOGNAME": service.user, **service.environment}
    for key, value in values.items():
        if '"' in value or "'" in value:
            raise ValueError(
                f"{service.name}: supervisord.conf cannot carry the quote in {key}={value}"
            )
    return _supervisord_value(",".join(f'{key}="{value}"' for key, value in values.items()))


def _supervisord_value(text: str) -> str:
    """Escape a value for supervisord.conf, for supervisor's parser (supervisor/options.py,
    UnhosedConfigParser).

    In supervisord.conf, `%` begins a variable, and ` ;` or ` #` begins a comment.
    """
    if "\n" in text or " ;" in text or " #" in text:
        raise ValueError(
            f"supervisord.conf cannot carry the line end or the comment sign in: {text}"
        )
    return text.replace("%", "%%")

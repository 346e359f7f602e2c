"""What a long-running service is, and how systemd and supervisord are told about it. Rendering is
pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from jinja2 import Environment

from ...base.templates import templates

# supervisord has no EnvironmentFile=, so a shell reads the file and becomes the program: the
# process id stays the same.
_WITH_FILE = ("/bin/sh", "-c", 'set -a; . "$1"; shift; exec "$@"', "sh")


START_SECONDS = 300
"""So long a start may take: for an environment that comes over the network, file by file."""


@dataclass(frozen=True)
class Service:
    """One program that stays up. The same object renders to a systemd unit and to a section of
    supervisord.conf.

    `environment_file` holds KEY=value lines that must not be seen in a process list; it has to
    exist. `mounts` are folders whose filesystems are mounted first, if they can be. `after` names
    services that start before this one; `wants` are other units of systemd's that come up with it.
    `kill_mode` is systemd's word: with `process` a stop ends the main process alone and its
    children live on. `runtime_directories` lie below /run and are made before each start, for
    `user`; so does `pauses`, in which systemd notes how long it waits before the next attempt.
    `template` is the unit in the top-level systemd/ folder: `service` is the plain one, the others
    add a sandbox to it. `reload_signal` has it read its configuration again. `ready` says whether
    the service answers; None: running is enough. With `heartbeat_seconds` the program tells systemd
    when it is ready, and then that it lives, at least so often; supervisord does not listen to
    that.
    """

    name: str
    description: str
    command: tuple[str, ...]
    user: str = "root"
    group: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_file: Path | None = None
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
    """The text of `<name>.service`."""
    return (
        _templates()
        .get_template(_unit_template(service))
        .render(service=service, start_seconds=START_SECONDS)
    )


def supervisord_conf(services: Sequence[Service], *, socket: Path, log: Path) -> str:
    """The text of a supervisord.conf that runs `services`; it listens on `socket` only and logs
    into the folder `log`.

    Raises ValueError for a value that supervisord's file format cannot carry.
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
    """ExecStart= in systemd's own quoting: `$` and `%` would be expanded. Source:
    systemd.service(5), COMMAND LINES."""
    return " ".join(_systemd_word(word).replace("$", "$$") for word in words)


def _systemd_word(word: object) -> str:
    text = str(word).replace("%", "%%")
    if text and not set(text) & set(" \t\n\"'\\;"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _systemd_line(value: object) -> str:
    """A setting that takes the rest of its line as it is, such as WorkingDirectory=."""
    return str(value).replace("%", "%%")


def _below_run(paths: Sequence[Path]) -> str:
    """RuntimeDirectory= takes names relative to /run. Raises ValueError for any other folder."""
    return " ".join(str(path.relative_to("/run")) for path in paths)


def _units(names: Sequence[str]) -> str:
    return " ".join(f"{name}.service" for name in names)


def _supervisord_command(service: Service) -> str:
    words = list(service.command)
    if service.group is not None:
        # supervisord's user= knows the account's own group only; setpriv (util-linux) is told both.
        words = [
            "/usr/bin/setpriv",
            f"--reuid={service.user}",
            f"--regid={service.group}",
            "--init-groups",
            *words,
        ]
    if service.environment_file is not None:
        words = [*_WITH_FILE, str(service.environment_file), *words]
    return _supervisord_value(shlex.join(words))


def _supervisord_environment(service: Service) -> str:
    """systemd sets USER and LOGNAME itself; supervisord would leave root's."""
    values = {"USER": service.user, "LOGNAME": service.user, **service.environment}
    for key, value in values.items():
        if '"' in value or "'" in value:
            raise ValueError(
                f"{service.name}: supervisord.conf cannot carry the quote in {key}={value}"
            )
    return _supervisord_value(",".join(f'{key}="{value}"' for key, value in values.items()))


def _supervisord_value(text: str) -> str:
    """`%` expands; a blank before `;` or `#` starts a comment. Source: supervisor/options.py,
    UnhosedConfigParser."""
    if "\n" in text or " ;" in text or " #" in text:
        raise ValueError(
            f"supervisord.conf cannot carry the line end or the comment sign in: {text}"
        )
    return text.replace("%", "%%")

"""Define the web applications beside JupyterLab, such as VS Code, that a user's server can start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from ...base.errors import Unfit, shown
from ..types.value_types import AbsolutePath, ImageKey, Title, spelled
from .tier import Row, Time

SOCKET = "{socket}"
MOST = 600  # the longest time of a start, in seconds

Module = Annotated[
    str,
    spelled(
        r"[A-Za-z0-9][A-Za-z0-9._+/-]{0,99}",
        "is not the name of a module",
        "write the name as `module load` takes it",
    ),
]


def _timeout(seconds: int) -> int:
    if not 1 <= seconds <= MOST:
        raise Unfit("a start takes from 1 s to 10 min", "write a time in these bounds, like 1m")
    return seconds


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command (a list of words) if it contains `{socket}`. Refuse a command that would
    listen on a port."""
    if not any(SOCKET in word for word in words):
        raise Unfit(
            f"no word of the command has {SOCKET}, and the application would listen elsewhere",
            "all users of a node can reach a TCP port: use the application's option for a Unix "
            f"socket, such as --socket={SOCKET}",
        )
    for word in words:
        if not word.isprintable():
            raise Unfit(f"{shown(word)} has characters that cannot be printed", "remove them")
    return words


class Application(Row):
    """Declare the keys of one application. `command` is a command that must listen on the Unix
    socket `{socket}`.

    If `keep_path` is true, the URLs in requests to the application still begin with `{base_url}`.
    `timeout` is the longest time, in seconds, from the start of the application to its first
    answer.
    """

    key: Annotated[ImageKey, Field(examples=["code"])]
    title: Annotated[Title, Field(examples=["VS Code"])]
    command: Annotated[
        tuple[str, ...],
        AfterValidator(_command),
        Field(examples=[["code-server", "--auth=none", "--socket={socket}"]]),
    ]
    modules: tuple[Module, ...] = ()
    icon: AbsolutePath | None = None
    timeout: Annotated[Time, AfterValidator(_timeout)] = 60
    keep_path: bool = False


def application_faults(applications: tuple[Application, ...]) -> Iterator[Unfit]:
    """Yield an error for each application whose key another application already has."""
    keys = [one.key for one in applications]
    for place, key in enumerate(keys):
        if (first := keys.index(key)) != place:
            what = f"applications[{first}] already has the key '{key}'"
            remedy = "give each application a key of its own"
            yield Unfit(what, remedy, "applications", place, "key")

"""Fill the values of one start into the command line of a kernel.

`make kernels` puts a copy of this file beside the launcher (launch.py).
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

HERE = os.path.dirname(os.path.realpath(__file__))


def by_socket(words: list[str], connection_file: str) -> list[str]:
    """Replace `-m ipykernel_launcher` by by_socket.py, if the kernel uses Unix sockets.

    Returns the command line.
    """
    if _connection(connection_file).get("transport") != "ipc":
        return words
    for place in range(len(words)):
        if words[place : place + 2] == ["-m", "ipykernel_launcher"]:
            with open(os.path.join(HERE, "by_socket.py"), encoding="utf-8") as file:
                return [*words[:place], "-c", file.read(), *words[place + 1 :]]
    return words


def filled(words: list[str], connection_file: str) -> list[str]:
    """Return the command line, with the values of this start filled in."""
    known = {
        "{home}": os.path.expanduser("~"),
        "{uid}": str(os.getuid()),
        "{gid}": str(os.getgid()),
        "{connection_file}": connection_file,
    }
    if any(
        "{sockets}" in word for word in words
    ):  # a container, which sees only folders that are bound
        known["{sockets}"] = os.path.dirname(_connection(connection_file)["ip"])
    return [
        re.sub("|".join(map(re.escape, known)), lambda match: known[match[0]], word)
        for word in words
    ]


def _connection(file: str) -> dict[str, Any]:
    """Return the content of the connection file, which Jupyter has written."""
    with open(file, encoding="utf-8") as content:
        return json.load(content)

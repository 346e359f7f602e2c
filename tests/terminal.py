"""Use a terminal of a user's server over its WebSocket, as the user's browser does."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import websocket


def typed(address: str, line: str, **admission: Any) -> str:
    """Type `line` into the terminal at this address; return what the terminal shows.

    `admission` contains arguments of websocket.create_connection, such as cookies.
    """
    shown = ""
    with closing(websocket.create_connection(address, timeout=120, **admission)) as socket:
        socket.send(json.dumps(["set_size", 50, 400]))
        socket.send(json.dumps(["stdin", f"{line}; echo TYP''ED\r"]))
        while "TYPED" not in shown:
            kind, *rest = json.loads(socket.recv())
            shown += rest[0] if kind == "stdout" else ""
    return shown

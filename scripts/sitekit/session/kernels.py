"""Connect to a session's kernels through Unix sockets in directories that only the user can enter.

Jupyter's default is TCP without encryption on 127.0.0.1. Every user of the same node could then
read the messages, because a subscriber needs no key. environment/release/configure.py configures
Jupyter Server to use these classes.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_server.services.kernels.connection.base import (
    deserialize_binary_message,
    deserialize_msg_from_ws_v1,
)
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager
from traitlets import default

from .kernelspecs import KernelSpecs

V1 = "v1.kernel.websocket.jupyter.org"


class Kernel(ServerKernelManager):
    """Run one kernel, whose sockets are in its own directory below the runtime directory."""

    @default("transport")
    def _default_transport(self) -> str:
        return "ipc"

    @default("ip")
    def _default_ip(self) -> str:
        # Jupyter's default path contains the kernel's ID. With a long TMPDIR it would be too long
        # for a Unix socket.
        return os.path.join(
            tempfile.mkdtemp(prefix="k-", dir=os.environ["JUPYTER_RUNTIME_DIR"]), "s"
        )

    def cleanup_connection_file(self) -> None:
        """Remove the directory of the sockets when the kernel ends.

        The directory is kept when the kernel restarts, because its sockets are used again.
        """
        super().cleanup_connection_file()
        if self.trait_has_value("ip"):
            shutil.rmtree(os.path.dirname(self.ip), ignore_errors=True)


class Specs(KernelSpecs):
    """Read kernel specs without the entry for the debugger. See the class Channels."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        spec = super().get_kernel_spec(kernel_name)
        spec.metadata.pop("debugger", None)
        return spec


class Channels(ZMQChannelsWebsocketConnection):
    """Connect a page and a kernel, and drop debugger requests.

    At the first debugger request ipykernel calls debugpy.listen(), which opens a TCP port on
    127.0.0.1. debugpy requires no password and runs any code that a client sends
    (microsoft/debugpy, "Security").
    """

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        if message_type(incoming_msg, self.subprotocol) != "debug_request":
            super().handle_incoming_message(incoming_msg)


def message_type(message: Any, subprotocol: str | None) -> str:
    """Return the type of a message from a page, in either of Jupyter's two message formats."""
    if subprotocol == V1:
        _, parts = deserialize_msg_from_ws_v1(message)
        return json.loads(bytes(parts[0]))["msg_type"]
    content = (
        deserialize_binary_message(message) if isinstance(message, bytes) else json.loads(message)
    )
    return content["header"]["msg_type"]

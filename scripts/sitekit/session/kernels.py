"""The kernels of a session: reached through Unix sockets in folders that the user alone may enter.

Over TCP, which is Jupyter's default, messages pass 127.0.0.1 in the clear, and whoever works on the
same node may read them: a subscriber needs no key. Jupyter Server is told to use these classes by
environment/release/configure.py.
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
    """One kernel, whose sockets lie in a folder of its own below the runtime directory."""

    @default("transport")
    def _default_transport(self) -> str:
        return "ipc"

    @default("ip")
    def _default_ip(self) -> str:
        # Jupyter's own default holds the kernel's id, and is too long for a socket where TMPDIR is
        # long
        return os.path.join(
            tempfile.mkdtemp(prefix="k-", dir=os.environ["JUPYTER_RUNTIME_DIR"]), "s"
        )

    def cleanup_connection_file(self) -> None:
        """At the kernel's end, and not when it restarts: it is reached through the same folder
        then."""
        super().cleanup_connection_file()
        if self.trait_has_value("ip"):
            shutil.rmtree(os.path.dirname(self.ip), ignore_errors=True)


class Specs(KernelSpecs):
    """Kernel specs that offer no debugger: see Channels."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        spec = super().get_kernel_spec(kernel_name)
        spec.metadata.pop("debugger", None)
        return spec


class Channels(ZMQChannelsWebsocketConnection):
    """What a page and a kernel say to each other, without the requests of the debugger.

    ipykernel answers the first one with debugpy.listen(), which opens a TCP port on 127.0.0.1.
    debugpy asks nobody who connects there for a password, and runs whatever it is told
    (microsoft/debugpy, "Security").
    """

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        if message_type(incoming_msg, self.subprotocol) != "debug_request":
            super().handle_incoming_message(incoming_msg)


def message_type(message: Any, subprotocol: str | None) -> str:
    """The type of a message of the page's, in either of Jupyter's two forms."""
    if subprotocol == V1:
        _, parts = deserialize_msg_from_ws_v1(message)
        return json.loads(bytes(parts[0]))["msg_type"]
    told = (
        deserialize_binary_message(message) if isinstance(message, bytes) else json.loads(message)
    )
    return told["header"]["msg_type"]

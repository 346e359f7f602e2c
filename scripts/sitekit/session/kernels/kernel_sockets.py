"""Connect to kernels through Unix sockets, in folders that only the user can enter.

Jupyter's default is TCP on 127.0.0.1, without encryption. Every user of the node could read the
messages, because a subscriber needs no key. environment/release/configure_release.py makes Jupyter
Server use the classes of this module.
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

from ..figures.killed_kernels import note_restart
from ..outputs import notebook_outputs
from .kernelspecs import KernelSpecs

V1 = "v1.kernel.websocket.jupyter.org"


class Kernel(ServerKernelManager):
    """Start one kernel, with its sockets in a folder of its own below the runtime directory."""

    @default("transport")
    def _default_transport(self) -> str:
        return "ipc"

    @default("ip")
    def _default_ip(self) -> str:
        # Jupyter's default path contains the kernel's id. If TMPDIR is long, this path is too long
        # for a socket.
        return os.path.join(
            tempfile.mkdtemp(prefix="k-", dir=os.environ["JUPYTER_RUNTIME_DIR"]), "s"
        )

    async def restart_kernel(self, *words: Any, **named: Any) -> Any:
        note_restart(self)  # before the kernel's process is replaced
        await notebook_outputs.end(self, restart=True)
        return await super().restart_kernel(*words, **named)

    async def shutdown_kernel(self, *words: Any, **named: Any) -> Any:
        await notebook_outputs.end(self, restart=False)
        return await super().shutdown_kernel(*words, **named)

    def cleanup_connection_file(self) -> None:
        """Remove the folder of the kernel's sockets when the kernel ends.

        The folder is kept when the kernel restarts, because the same sockets are used again.
        """
        super().cleanup_connection_file()
        if self.trait_has_value("ip"):
            shutil.rmtree(os.path.dirname(self.ip), ignore_errors=True)


class Specs(KernelSpecs):
    """Remove the debugger from all kernel specs; the docstring of Channels explains the reason."""

    def _get_kernel_spec_by_name(self, kernel_name: str, resource_dir: str) -> KernelSpec:
        # get_kernel_spec and get_all_specs call this method
        spec = super()._get_kernel_spec_by_name(kernel_name, resource_dir)
        spec.metadata.pop("debugger", None)
        return spec


class Channels(ZMQChannelsWebsocketConnection):
    """Pass messages between a page and a kernel, except the debugger's requests.

    ipykernel answers the debugger's first request with debugpy.listen(), which opens a TCP port on
    127.0.0.1. debugpy requires no password on this port, and runs any code that a client sends
    (microsoft/debugpy, "Security").
    """

    def connect(self) -> Any:
        if writer := notebook_outputs.writer(self.kernel_manager):
            writer.page_comes(self)
        return super().connect()

    def disconnect(self) -> Any:
        super().disconnect()
        if writer := notebook_outputs.writer(self.kernel_manager, make=False):
            writer.page_goes(self, self.websocket_handler.close_code)

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        kind = message_type(incoming_msg, self.subprotocol)
        if kind == "execute_request":
            self._note_cell(incoming_msg)
        if kind != "debug_request":
            super().handle_incoming_message(incoming_msg)

    def _note_cell(self, message: Any) -> None:
        """Record which cell the page requests the kernel to run. The server needs this record to
        write the cell's outputs into the notebook later."""
        writer = notebook_outputs.writer(self.kernel_manager, make=False)
        header, metadata, content = request_parts(message, self.subprotocol)
        cell, code = metadata.get("cellId"), content.get("code")
        if writer and isinstance(cell, str) and isinstance(code, str):
            writer.outputs.ask(header["msg_id"], cell, code, self.session_key)


def message_type(message: Any, subprotocol: str | None) -> str:
    """Return the type of a message from the page. The message can have either of Jupyter's two
    formats."""
    if subprotocol == V1:
        _, parts = deserialize_msg_from_ws_v1(message)
        return json.loads(bytes(parts[0]))["msg_type"]
    return _whole(message)["header"]["msg_type"]


def request_parts(message: Any, subprotocol: str | None) -> tuple[Any, Any, Any]:
    """Return the header, the metadata and the content of a message from the page."""
    if subprotocol == V1:
        _, parts = deserialize_msg_from_ws_v1(message)
        header, _, metadata, content = (json.loads(bytes(part)) for part in parts[:4])
        return header, metadata, content
    whole = _whole(message)
    return whole["header"], whole.get("metadata") or {}, whole["content"]


def _whole(message: Any) -> Any:
    """Return a message of Jupyter's older format, which is one JSON object."""
    if isinstance(message, bytes):
        return deserialize_binary_message(message)
    return json.loads(message)

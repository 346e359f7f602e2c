"""Answer every cell with the reason why the user's kernel could not start.

The launcher starts this kernel, the tombstone, in place of a kernel that cannot start.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import Any

# A temporary folder is used, so that neither the user's IPython profile nor a full home directory
# can break the tombstone.
os.environ["IPYTHONDIR"] = tempfile.mkdtemp(prefix="tombstone-")
atexit.register(shutil.rmtree, os.environ["IPYTHONDIR"], True)

from ipykernel.iostream import IOPubThread  # noqa: E402
from ipykernel.kernelapp import IPKernelApp  # noqa: E402
from ipykernel.kernelbase import Kernel  # noqa: E402

# ipykernel would open a TCP port for the output of forked child processes, and anybody on the node
# could connect to the port. The tombstone has no child processes and needs no port.
IOPubThread._setup_pipe_in = lambda self: setattr(self, "_pipe_flag", False)

FAULT = os.environ.pop("SITEKIT_KERNEL_FAULT", "This kernel could not start.")


class Tombstone(Kernel):
    """Run no code, and answer each request with the reason."""

    implementation = "sitekit-tombstone"
    implementation_version = "1"
    banner = FAULT
    language_info = {"name": "text", "mimetype": "text/plain", "file_extension": ".txt"}  # noqa: RUF012

    async def do_execute(self, code: str, silent: bool, *_: Any, **__: Any) -> dict[str, Any]:
        """Answer a cell with an error that contains the reason."""
        error = {
            "ename": "KernelCannotStart",
            "evalue": FAULT.splitlines()[0],
            "traceback": FAULT.splitlines(),
        }
        if not silent:
            self.send_response(self.iopub_socket, "error", error)
        return {"status": "error", "execution_count": self.execution_count, **error}

    async def do_debug_request(self, msg: dict[str, Any]) -> dict[str, Any]:
        """Answer a request of the debugger with a failure that contains the reason."""
        return {
            "type": "response",
            "request_seq": msg.get("seq", 0),
            "success": False,
            "command": msg.get("command"),
            "message": FAULT,
        }


class TombstoneApp(IPKernelApp):
    """Change the order in which the threads of ipykernel's application end."""

    def start(self) -> None:
        """Run until a shutdown request arrives, then end the control thread.

        The control thread still publishes the status "idle" after the request. At exit, ipykernel
        7.4 ends the IOPub thread first. In about one of ten shutdowns, the control thread then
        waits for the IOPub thread for ever. See
        https://github.com/posit-dev/positron/issues/7142
        """
        super().start()
        self.control_thread.stop()
        self.control_thread.join()


if __name__ == "__main__":
    TombstoneApp.launch_instance(kernel_class=Tombstone)

"""Run a kernel that answers every cell with the reason why another kernel could not start."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import Any

# This kernel must work even with a broken IPython profile, or with a full home.
os.environ["IPYTHONDIR"] = tempfile.mkdtemp(prefix="tombstone-")
atexit.register(shutil.rmtree, os.environ["IPYTHONDIR"], True)

from ipykernel.iostream import IOPubThread  # noqa: E402
from ipykernel.kernelapp import IPKernelApp  # noqa: E402
from ipykernel.kernelbase import Kernel  # noqa: E402

# Open no TCP port for the output of forked children, to which every user of the node could connect.
# This kernel forks no children.
IOPubThread._setup_pipe_in = lambda self: setattr(self, "_pipe_flag", False)

FAULT = os.environ.pop("SITEKIT_KERNEL_FAULT", "This kernel could not start.")


class Tombstone(Kernel):
    """A kernel that runs no code: every answer is the reason."""

    implementation = "sitekit-tombstone"
    implementation_version = "1"
    banner = FAULT
    language_info = {"name": "text", "mimetype": "text/plain", "file_extension": ".txt"}  # noqa: RUF012

    async def do_execute(self, code: str, silent: bool, *_: Any, **__: Any) -> dict[str, Any]:
        error = {
            "ename": "KernelCannotStart",
            "evalue": FAULT.splitlines()[0],
            "traceback": FAULT.splitlines(),
        }
        if not silent:
            self.send_response(self.iopub_socket, "error", error)
        return {"status": "error", "execution_count": self.execution_count, **error}

    async def do_debug_request(self, msg: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "response",
            "request_seq": msg.get("seq", 0),
            "success": False,
            "command": msg.get("command"),
            "message": FAULT,
        }


class TombstoneApp(IPKernelApp):
    """ipykernel's application, with another order in which its threads end."""

    def start(self) -> None:
        """Run until a shutdown request, then end the control thread before the IOPub thread.

        The control thread still publishes "idle" after the request. ipykernel 7.4 ends the IOPub
        thread first, at exit, and the control thread waits for it for ever: in about one shutdown
        of ten. https://github.com/posit-dev/positron/issues/7142
        """
        super().start()
        self.control_thread.stop()
        self.control_thread.join()


if __name__ == "__main__":
    TombstoneApp.launch_instance(kernel_class=Tombstone)

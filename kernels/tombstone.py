"""The kernel that is started in place of one that cannot start: it answers every cell with the
reason, and stays."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import Any

# The user's IPython profile must not be able to break this one, nor a home that is full.
os.environ["IPYTHONDIR"] = tempfile.mkdtemp(prefix="tombstone-")
atexit.register(shutil.rmtree, os.environ["IPYTHONDIR"], True)

from ipykernel.iostream import IOPubThread  # noqa: E402
from ipykernel.kernelapp import IPKernelApp  # noqa: E402
from ipykernel.kernelbase import Kernel  # noqa: E402

# A TCP port for what forked children print, which anybody on the node may connect to; there are no
# such children here.
IOPubThread._setup_pipe_in = lambda self: setattr(self, "_pipe_flag", False)

FAULT = os.environ.pop("SITEKIT_KERNEL_FAULT", "This kernel could not start.")


class Tombstone(Kernel):
    """Nothing runs here; every answer is the reason."""

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
    """ipykernel's application, except for the order in which its threads end."""

    def start(self) -> None:
        """Run until a shutdown request, then end the control thread, which still publishes "idle"
        after the request.

        ipykernel 7.4 ends the IOPub thread first, at exit. The control thread then waits for it for
        ever: about one shutdown in ten. https://github.com/posit-dev/positron/issues/7142
        """
        super().start()
        self.control_thread.stop()
        self.control_thread.join()


if __name__ == "__main__":
    TombstoneApp.launch_instance(kernel_class=Tombstone)

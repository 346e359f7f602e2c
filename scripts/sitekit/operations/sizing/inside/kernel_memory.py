"""Start a kernel, run one cell in the kernel, and print the memory of the kernel's processes in
bytes.

The release's Python runs this program. The only argument of the program is the kernel's name. The
variable JUPYTER_PATH has the path of the folder with the published kernels.
"""

from __future__ import annotations

import os
import sys
import tempfile

import psutil
from jupyter_client.manager import KernelManager

TIMEOUT = 60
"""The time limit in seconds: for the start of the kernel, and for the cell."""


def main() -> None:
    """Start the kernel, measure its memory, and shut it down."""
    with tempfile.TemporaryDirectory(prefix="sizing-") as folder:
        # the sockets are in a folder that only this account can enter, as in a session
        manager = KernelManager(
            kernel_name=sys.argv[1], transport="ipc", ip=os.path.join(folder, "s")
        )
        manager.start_kernel()
        client = manager.client()
        try:
            client.start_channels()
            client.wait_for_ready(timeout=TIMEOUT)
            client.execute_interactive("1", timeout=TIMEOUT, output_hook=lambda _: None)
            processes = psutil.Process().children(recursive=True)
            print(sum(process.memory_full_info().uss for process in processes))
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()

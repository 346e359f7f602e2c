"""Start kernels as a server does, run a line in each, and tell the processor's seconds of each."""

import json
import resource
import sys

from jupyter_client.manager import KernelManager


def seconds() -> float:
    """What the children that have ended have used of the processor."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


used = []
for name in sys.argv[1:]:
    manager = KernelManager(kernel_name=name)
    before = seconds()
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    client.execute_interactive("1 + 1", timeout=60)
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    used.append(seconds() - before)
print("\n" + json.dumps(used))

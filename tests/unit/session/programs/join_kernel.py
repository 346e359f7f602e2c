"""Join a running kernel by its connection file, and have it run a line."""

import sys

from jupyter_client import BlockingKernelClient

client = BlockingKernelClient(connection_file=sys.argv[1])
client.load_connection_file()
# without the heartbeat: one that is late by a second counts as a dead kernel
client.start_channels(hb=False)
client.wait_for_ready(timeout=240)
client.execute_interactive(sys.argv[2], timeout=240)
client.stop_channels()

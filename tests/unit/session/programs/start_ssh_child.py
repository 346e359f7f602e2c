"""Start a child as the tunnel starts ssh, and send SIGTERM to the child; print its PID and state."""

import os
import subprocess
import sys
import time
from pathlib import Path

from sitekit.session.hub_connection.tunnel import RUN

words = [sys.executable, "-I", "-S", "-c", RUN, str(os.getpid())]
child = subprocess.Popen([*words, "/bin/sleep", "600"])
while not Path(f"/proc/{child.pid}/cmdline").read_bytes().startswith(b"/bin/sleep"):
    time.sleep(0.05)
child.terminate()
time.sleep(0.5)
print(child.pid, child.poll(), flush=True)
time.sleep(600)

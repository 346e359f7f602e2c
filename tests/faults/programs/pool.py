"""Many processes, each smaller than the server, and all together more than the job may have."""

import os
import time
import warnings

warnings.simplefilter("ignore")  # Python 3.12 warns of fork(2) in a process with threads
children = []
for _ in range(60):
    child = os.fork()
    if child == 0:
        held = b"x" * 45 * 1024**2
        time.sleep(10)
        os._exit(0)
    children.append(child)
killed = sum(os.waitpid(child, 0)[1] != 0 for child in children)

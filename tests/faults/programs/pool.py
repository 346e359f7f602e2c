"""Many processes, each smaller than the server, and all together more than the job may have."""

import os
import warnings

warnings.simplefilter("ignore")  # Python 3.12 warns of fork(2) in a process with threads
ends, end = os.pipe()
for _ in range(60):
    if os.fork() == 0:
        os.close(end)
        held = b"x" * 45 * 1024**2
        os.read(ends, 1)  # until the parent has closed its end
        os._exit(0)
codes = [os.waitpid(-1, 0)[1]]  # the first that ends is one that was killed
os.close(end)
codes += [os.waitpid(-1, 0)[1] for _ in range(59)]
killed = sum(code != 0 for code in codes)

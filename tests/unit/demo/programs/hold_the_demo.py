"""Hold the demo's lock file, which is named, until standard input ends."""

import sys
from pathlib import Path

from sitekit.demo.lock import hold_demo_lock

with hold_demo_lock(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()

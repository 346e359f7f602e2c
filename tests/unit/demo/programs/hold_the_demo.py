"""Hold the demo's lock file, which is named, until standard input ends."""

import sys
from pathlib import Path

from sitekit.demo.lock import alone

with alone(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()

"""Print a modulefile from which a published kernel was made: a_module.py GENERATION."""

import json
import sys
from pathlib import Path

record = json.loads(Path(sys.argv[1], "generation.json").read_text())
watched = {path for kernel in record["kernels"].values() for path in kernel["watch"]}
print(min(path for path in watched if "/modules/" in path and Path(path).is_file()))

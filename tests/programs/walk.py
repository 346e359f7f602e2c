"""Read each file below a folder, but what else is named; fail at the first that is writable."""

import os
import sys


def refused(error: OSError) -> None:
    sys.exit(f"cannot enter {error.filename}")


count = 0
top, *but = sys.argv[1:]
for folder, folders, files in os.walk(top, onerror=refused):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in but]
    if os.access(folder, os.W_OK):
        sys.exit(f"can write to {folder}")
    for path in {os.path.join(folder, name) for name in files}.difference(but):
        if os.path.exists(path):
            with open(path, "rb") as file:
                file.read(1)
            count += 1
        if os.access(path, os.W_OK) and not os.path.islink(path):
            sys.exit(f"can write to {path}")
print(count)
